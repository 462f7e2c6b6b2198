#!/usr/bin/env bash
# uWSGI 2.0.31: a vassal that failed and is throttled does not serve although its file was mended, and a touch is not heard.
#
# With `emperor-throttle = 20000` (milliseconds) a vassal whose application is missing is tried twice, then waited for. Its file is
# mended meanwhile: that is a touch, and nothing happens until the throttle is over; a file that comes new serves at the next scan.
# The way out is to remove the file, wait for a scan, and write it again under another name.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uwsgi==2.0.31
mkdir vassals
printf 'def application(environ, start_response):\n    start_response("200 OK", [])\n    return []\n' >app.py
write() { printf '[uwsgi]\nmaster = true\nneed-app = true\nsocket = %s/%s.sock\nwsgi-file = %s/%s\n' "$work" "$1" "$work" "$2" >"vassals/$1.ini"; }
write bad nothing.py
setsid uwsgi --emperor vassals --emperor-throttle 20000 >server.log 2>&1 &
server=$!
# Two attempts, at most two scans (3 s) apart.
sleep 8
same "attempts" "$(grep -c 'curse the uwsgi instance bad.ini' server.log)" 2
write bad app.py
write good app.py
sleep 8
same "the new one" "$(grep -c 'good.ini is ready to accept requests' server.log)" 1
same "the mended one" "$(grep -c 'bad.ini is ready to accept requests' server.log || true)" 0
sleep 25
same "the mended one, after its throttle" "$(grep -c 'bad.ini is ready to accept requests' server.log)" 1
{ kill -INT "$server" && sleep 3; } 2>/dev/null || true
stop_server
