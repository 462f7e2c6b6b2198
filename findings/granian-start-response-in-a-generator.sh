#!/usr/bin/env bash
# granian 2.8.9 (WSGI): status and headers that a generator gives before its first piece are lost; 200 without headers is sent.
#
# PEP 3333 allows start_response to be called as late as before the first non-empty piece, so a generator function is a
# whole application. gunicorn 27.0.1 and waitress 3.0.2 send what it gave. granian takes status and headers when the
# application returns its iterable, before the generator has run: a 404 arrives as 200, and a redirect loses its Location.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages granian==2.8.9 gunicorn==27.0.1 waitress==3.0.2
cat >app.py <<'PY'
def application(environ, start_response):
    start_response("302 Found", [("Location", "/there"), ("Content-Length", "2")])
    yield b"go"
PY
seen() {
    ask 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' | tr -d '\r' >answer
    echo "$(head -1 answer | cut -d' ' -f2) $(grep -ci '^location:' answer || true)"
}
free_port
serve granian --interface wsgi --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.9, status and number of Location lines" "$(seen)" "200 0"
stop_server
free_port
serve gunicorn -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(seen)" "302 1"
stop_server
free_port
serve waitress-serve "--listen=127.0.0.1:$port" app:application
same "waitress 3.0.2" "$(seen)" "302 1"
