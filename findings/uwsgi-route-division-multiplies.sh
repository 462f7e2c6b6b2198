#!/usr/bin/env bash
# uWSGI 2.0.31: the routing action "/:" multiplies.
#
# route = REGEX /:VARIABLE,NUMBER is listed by `uwsgi --router-list` beside "+:", "-:" and "*:". With 8 in the variable and 2 as
# number the variable is 16 afterwards, as with "*:"; 4 is what the name says. "-:" subtracts: 6.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uwsgi==2.0.31
cat >app.py <<'PY'
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
PY
cat >rules.ini <<'INI'
[uwsgi]
wsgi-file = app.py
need-app = true
route = .* addvar:N=8
route = ^/div /:N,2
route = ^/mul *:N,2
route = ^/sub -:N,2
route = .* addheader:X-N: ${N}
INI
seen() {
    ask "GET $1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" | tr -d '\r' | sed -n 's/^X-N: //p'
}
free_port
serve uwsgi --http-socket "127.0.0.1:$port" --ini rules.ini
same "uWSGI 2.0.31, 8 / 2" "$(seen /div)" 16
same "uWSGI 2.0.31, 8 * 2" "$(seen /mul)" 16
same "uWSGI 2.0.31, 8 - 2" "$(seen /sub)" 6
