#!/bin/sh
# Run every fuzz target on the stable compiler, for a time or for a number of inputs.
# usage: fuzz/run.sh [SECONDS] [TARGET...]        for SECONDS (10), a new seed each time
#        fuzz/run.sh --runs N [TARGET...]         N inputs from a fixed seed: the same every time (make test)
# What is found is left in fuzz/artifacts/TARGET; new inputs go to build/fuzz, never into the seeds.
set -eu
cd "$(dirname "$0")"
limit="-max_total_time=10"
keep=1
case "${1:-}" in
    --runs) limit="-seed=1 -runs=$2"; keep=; shift 2 ;;
    [0-9]*) limit="-max_total_time=$1"; shift ;;
esac
[ $# -gt 0 ] || set -- packet http chunked websocket proxy scgi fastcgi routing scoreboard conf_read conf_expand
# Where tests/setup.sh puts it.
PATH="$PATH:$(cd .. && pwd)/build/test/cargo/bin:$(cd .. && pwd)/build/test/tools/bin"
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "cargo-fuzz is missing: cargo install --locked cargo-fuzz" >&2
    exit 2
fi
for target; do
    found=../build/fuzz/$target
    [ -n "$keep" ] || found=../build/fuzz/fixed/$target
    [ -n "$keep" ] || rm -rf "$found"
    mkdir -p "$found"
    # shellcheck disable=SC2086
    cargo fuzz run -s none "$target" "$found" "seeds/$target" -- \
        $limit -max_len=16384 -timeout=10 -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1
done
