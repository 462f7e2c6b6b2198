#!/usr/bin/env bash
# The parsers and the scoreboard under valgrind: their unit tests and properties, with few cases each. Not
# the model of the seqlock: loom runs it on stacks of its own, which valgrind takes for errors.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "valgrind.sh: please run tests/setup.sh" >&2; exit 1; }
export PROPTEST_CASES="${PROPTEST_CASES:-16}" PROPTEST_RNG_SEED="${PROPTEST_RNG_SEED:-20261123}"
binaries=$(cargo test -q -p uswgi-proto --lib --test parsers --no-run --message-format=json |
    python3 -c 'import json, sys
for line in sys.stdin:
    m = json.loads(line)
    if m.get("executable") and m.get("profile", {}).get("test"):
        print(m["executable"])')
[ -n "$binaries" ] || { echo "valgrind.sh: no test binary of uswgi-proto" >&2; exit 1; }
cd uswgi-proto
for binary in $binaries; do
    # No leak check: the test harness of Rust itself leaves a block behind.
    valgrind -q --error-exitcode=99 --leak-check=no "$binary" -q --test-threads=1
done
