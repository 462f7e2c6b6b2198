#!/usr/bin/env bash
# granian 2.8.9 (WSGI): a response header with a character above 127 is sent as UTF-8, twice as long as PEP 3333 says.
#
# PEP 3333 makes header values str objects that stand for bytes (Latin-1): an application that wants UTF-8 on the wire
# encodes and decodes first, as Django and werkzeug do. gunicorn 27.0.1 and waitress 3.0.2 send one byte for a
# character. granian encodes the str as UTF-8, so bytes that the application had prepared arrive encoded twice.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages granian==2.8.9 gunicorn==27.0.1 waitress==3.0.2
cat >app.py <<'PY'
def application(environ, start_response):
    start_response("200 OK", [("X-Name", "caf\xe9"), ("Content-Length", "0")])
    return [b""]
PY
seen() {
    ask 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' | python3 -c '
import sys
print([l.split(b": ", 1)[1] for l in sys.stdin.buffer.read().split(b"\r\n") if l.lower().startswith(b"x-name")][0])'
}
free_port
serve granian --interface wsgi --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.9" "$(seen)" "b'caf\\xc3\\xa9'"
stop_server
free_port
serve gunicorn -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(seen)" "b'caf\\xe9'"
stop_server
free_port
serve waitress-serve "--listen=127.0.0.1:$port" app:application
same "waitress 3.0.2" "$(seen)" "b'caf\\xe9'"
