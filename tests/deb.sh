#!/usr/bin/env bash
# `make deb-test`: the Debian package on new machines with systemd as process 1, from its installation to its purge (tests/deb.py).
# Needs root and debootstrap (tests/machines.sh). Built on the oldest Debian it is for, or it asks for a newer C library.
# usage: tests/deb.sh [SUITE...]     SUITE: bookworm trixie
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- bookworm trixie
. tests/machines.sh
dist=$base/deb
rm -rf "$dist"
# Two versions of one build: what an upgrade puts into place are other files all the same.
for revision in 1 2; do make --no-print-directory -s deb DIST="$dist" DEB_REVISION="$revision" DEB_FLAGS=--fast; done
trap halt EXIT
for suite; do
    echo "== $suite"
    template "$suite" systemd,systemd-sysv,dbus
    bare_machine "$suite-systemd"
    cp "$dist"/*.deb tests/deb.py "$base/$suite-systemd/root/"
    boot "$suite-systemd"
    on bash -c 'cd /root && python3 deb.py uswgi_*-1_*.deb uswgi_*-2_*.deb' || { on journalctl --no-pager -n 80 >&2; exit 1; }
    halt
done
echo "deb: installed, served, upgraded, purged, and beside Debian's uWSGI on $*"
