#!/usr/bin/env bash
# uWSGI 2.0.31: %N and its like, the names of the first file, are empty when the file is given as a word.
#
# `uwsgi site.ini` and `uwsgi --ini site.ini` read the same file; only the second one fills %N, %S, %D, %P and %O. So
# `socket = /run/%N.sock` is /run/site.sock with the option and /run/.sock as a word, where the next instance meets it.
# Files below `include` count as given by a word; what `exec://` prints leaves the letters to the next file.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uwsgi==2.0.31
cat >site.ini <<EOF
[uwsgi]
set-ph = small=/run/%n.sock
set-ph = capital=/run/%N.sock
EOF
value() { uwsgi --show-config --no-server "${@:2}" 2>&1 </dev/null | sed -n "s/^$1 = //p"; }
same "uWSGI --ini site.ini, %n" "$(value small --ini site.ini)" /run/site.sock
same "uWSGI --ini site.ini, %N" "$(value capital --ini site.ini)" /run/site.sock
same "uWSGI site.ini, %n" "$(value small site.ini)" /run/site.sock
same "uWSGI site.ini, %N" "$(value capital site.ini)" /run/.sock
same "uWSGI --include site.ini, %N" "$(value capital --include site.ini)" /run/.sock
