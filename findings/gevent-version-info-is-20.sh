#!/usr/bin/env bash
# gevent 26.9.0: gevent.version_info is (20, 0, 0, 'dev', 0), as in every release since 2020.
#
# Who compares version_info refuses a release of 2026 as too old, or takes an old one for new. gevent.__version__ is right.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages gevent==26.9.0
seen=$(venv/bin/python -c 'import gevent; print(tuple(gevent.version_info)[:3], gevent.__version__)')
same "version_info and __version__ of gevent" "$seen" "(20, 0, 0) 26.9.0"
