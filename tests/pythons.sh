#!/usr/bin/env bash
# `make pythons`: CPython 3.13, 3.14 and 3.15 of Debian unstable, in a root directory made by debootstrap (tests/machines.sh), and on
# each of them what a build serves: PEP 3333, reloads, deadlines, the module uwsgi. Build and tests are those of this machine, at
# their own places. Needs root and debootstrap.
# usage: tests/pythons.sh [VERSION...]     VERSION: 3.13 3.14 3.15
# shellcheck disable=SC2016
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 3.13 3.14 3.15
. tests/machines.sh
template sid python3.13-venv,python3.14-venv,python3.15-venv
name=sid-python3.13-venv
bare_machine "$name"
tests=$(cargo test -p uswgi-tests --test system --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"name":"system".*"executable":"\([^"]*\)".*/\1/p' | tail -1)
[ -x "$tests" ] || { echo "pythons: the tests are not built: cargo build --workspace" >&2; exit 1; }
shown=("$PWD" "$(dirname "$(dirname "$tests")")")
for version; do
    echo "== CPython $version"
    # What tests/setup.sh has prepared is this machine's; there it is one virtualenv.
    inside_of "$name" "$PWD" "tests=$tests version=$version"'
        build=/var/tmp/build
        rm -rf "$build"; mkdir -p "$build/test"
        mkdir -p "$(readlink -m build)"; mount --bind "$build" "$(readlink -m build)"
        python=/usr/bin/python$version
        tag=$("$python" -Ec "import sys; print(\"%d.%d.%d-debian\" % sys.version_info[:3])")
        "$python" -m venv --without-pip "build/test/python-$tag"
        echo "$tag" >build/test/pythons
        "$python" -VV
        # Without those that want more than an interpreter: Django, uWSGI.
        "$tests" pythons::every_cpython pythons::which_python profile::what_lanes_do pep3333:: reload:: harakiri:: mules:: --test-threads 2 \
            --skip preload:: --skip the_original 2>&1 | tail -n 60
        exit "${PIPESTATUS[0]}"'
done
echo "pythons: served by $*"
