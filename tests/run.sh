#!/usr/bin/env bash
# Runs every test, then says which Pythons they ran on and what this machine could not do. Needs tests/setup.sh and a build.
# USWGI_TEST_ALL=1 makes a failure of everything that would be left out, and leaves cargo the last word.
set -euo pipefail
cd "$(dirname "$0")/.."
left=build/test/left-out
rm -f "$left"
# Most tests of whole systems wait for something most of the time: two for each processor.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$(($(nproc) * 2))}
cargo test --workspace
[ -z "${USWGI_TEST_ALL:-}" ] || exit 0
echo
echo "tested with CPython $(sed 's/-.*//' build/test/pythons | sort -V | tr '\n' ' ')(more: install them, or USWGI_TEST_PYTHONS=/path/to/python3.N make test)"
[ ! -s "$left" ] || {
    echo "LEFT OUT: $(wc -l <"$left") tests, for what this machine cannot do (USWGI_TEST_ALL=1 makes failures of them):"
    sort "$left" | sed 's/^/  /'
}
