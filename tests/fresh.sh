#!/usr/bin/env bash
# `make run` and `make test` as on a new machine: for each Debian a root directory made by debootstrap that has make, Python 3
# and this machine's Rust, and a clone of the committed state in root's home, which is closed to others (tests/machines.sh).
# usage: tests/fresh.sh [STEPS] [SUITE...]     STEPS: "run test" (default) or one of them; SUITE: bookworm trixie
# shellcheck disable=SC2016
set -euo pipefail
cd "$(dirname "$0")/.."
steps=${1:-run test}
shift || true
[ $# -gt 0 ] || set -- bookworm trixie
. tests/machines.sh
rust=$(rustc --print sysroot)
port=$((20000 + $$ % 10000))

# A machine with Rust and the checkout.
machine() {
    bare_machine "$1"
    local root="$base/$1" home="$base/$1/root"
    mkdir -p "$home/.cargo" "$root/opt/rust"
    for file in "${CARGO_HOME:-$HOME/.cargo}"/config.toml "${CARGO_HOME:-$HOME/.cargo}"/config; do
        [ ! -e "$file" ] || cp "$file" "$home/.cargo/"
    done
    git clone -q --no-hardlinks . "$root/root/uswgi"
}

inside() { inside_of "$1" /root/uswgi "$2"; }

# Serves, and stops at Ctrl-C.
served='
make run PORT='$port' >/root/run.log 2>&1 & pid=$!
began=$SECONDS
until python3 -c "import urllib.request as u; assert u.urlopen(\"http://127.0.0.1:'$port'/\", timeout=10).status == 200" 2>/dev/null; do
    kill -0 $pid 2>/dev/null && [ $((SECONDS - began)) -lt 1800 ] || { tail -40 /root/run.log; echo "fresh: make run does not serve"; exit 1; }
    read -t 1 <> <(:) || :
done
echo "fresh: make run answers 200 after $((SECONDS - began)) s"
kill -INT $(cat examples/django/uwsgi.pid); wait $pid || :
tail -1 /root/run.log'
# One message that names everything, and only to a user: nothing was tried before it.
named='
useradd -m somebody 2>/dev/null || :
cp -r /root/uswgi /home/somebody/uswgi; chown -R somebody /home/somebody/uswgi
! su somebody -c "cd ~/uswgi && PATH=$PATH make test" >/root/named.log 2>&1 || { echo "fresh: nothing is missing for a user?"; exit 1; }
grep -A9 "^setup:" /root/named.log'
for suite; do
    echo "== $suite"
    template "$suite"
    machine "$suite"
    inside "$suite" "$named"
    for step in $steps; do
        case "$step" in
            run) inside "$suite" "$served" ;;
            test) inside "$suite" "make test" ;;
            *) echo "fresh: no step $step" >&2; exit 2 ;;
        esac
    done
done
echo "fresh: $steps on $*"
