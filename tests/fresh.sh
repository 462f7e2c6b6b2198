#!/usr/bin/env bash
# `make run` and `make test` as on a new machine: for each Debian a root directory made by debootstrap that has make, Python 3
# and this machine's Rust, and a clone of the committed state in root's home, which is closed to others. Needs root and
# debootstrap, and takes what leads to the registries (mirror, certificates, pip's and cargo's configuration) from here.
# usage: tests/fresh.sh [STEPS] [SUITE...]     STEPS: "run test" (default) or one of them; SUITE: bookworm trixie
# USWGI_FRESH_DIR keeps the new machines (build/fresh); each run begins with a copy of what debootstrap made.
# shellcheck disable=SC2016
set -euo pipefail
cd "$(dirname "$0")/.."
steps=${1:-run test}
shift || true
[ $# -gt 0 ] || set -- bookworm trixie
[ "$(id -u)" = 0 ] || { echo "fresh: needs root, to make root directories" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "fresh: please install debootstrap" >&2; exit 2; }
base=${USWGI_FRESH_DIR:-$PWD/build/fresh}
mkdir -p "$base"
mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -1 | tr -d ' ' || true)
rust=$(rustc --print sysroot)
port=$((20000 + $$ % 10000))

# Variables that lead to the registries; their values stay here.
passed=()
while IFS= read -r line; do passed+=("$line"); done < <(env |
    grep -E '^(https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY|SSL_CERT_(FILE|DIR)|PIP_(INDEX_URL|EXTRA_INDEX_URL|CERT|DEFAULT_TIMEOUT)|CARGO_(HTTP|NET|REGISTR)[A-Z_]*)=' || true)

# The machine as debootstrap leaves it, made once.
template() {
    local made="$base/$1.base"
    [ ! -e "$made/.ready" ] || return 0
    rm -rf "$made"
    debootstrap --variant=minbase --include=ca-certificates,make,python3 "$1" "$made" "${mirror:-http://deb.debian.org/debian}" >"$base/$1.debootstrap.log" ||
        { tail -20 "$base/$1.debootstrap.log" >&2; exit 1; }
    touch "$made/.ready"
}

# A copy of it with what leads to the registries, Rust and the checkout.
machine() {
    local root="$base/$1"
    rm -rf "$root"
    cp -a "$base/$1.base" "$root"
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    [ ! -d /usr/local/share/ca-certificates ] || cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    for file in /etc/pip.conf ~/.pip/pip.conf ~/.config/pip/pip.conf; do
        [ ! -e "$file" ] || cp "$file" "$root/etc/pip.conf"
    done
    chmod 700 "$root/root"
    local home="$root/root"
    mkdir -p "$home/.cargo" "$root/opt/rust"
    for file in "${CARGO_HOME:-$HOME/.cargo}"/config.toml "${CARGO_HOME:-$HOME/.cargo}"/config; do
        [ ! -e "$file" ] || cp "$file" "$home/.cargo/"
    done
    git clone -q --no-hardlinks . "$root/root/uswgi"
}

# What runs there, as its root. Namespaces of its own, so that nothing of it stays, and as the root directory of its mount
# namespace, because a chroot allows no user namespaces.
inside() {
    local root="$base/$1"; shift
    env -i "${passed[@]}" HOME=/root LANG=C.UTF-8 TERM=dumb PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        unshare --mount --pid --fork --kill-child --propagation private bash -euc '
        root=$1 rust=$2 what=$3
        mount --bind "$root" "$root"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
        mount -t proc proc "$root/proc"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        mount --bind -o ro "$rust" "$root/opt/rust"
        cd "$root"; mkdir -p .old; pivot_root . .old; umount -l /.old
        cd /root/uswgi; exec bash -euc "$what"' bash "$root" "$rust" "$1"
}

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
