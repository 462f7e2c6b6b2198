#!/usr/bin/env bash
# granian 2.8.7 (WSGI): a request header with a byte above 127 arrives in the environ as an empty string.
#
# RFC 9110 allows such bytes in a field value (obs-text), and PEP 3333 says how they reach the application: as Latin-1.
# gunicorn 27.0.1 and waitress 3.0.2 do that. Under granian HTTP_X_NAME is there and "", so an application cannot tell
# a header that it was not able to read from one that was sent empty. Nothing is logged.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages granian==2.8.7 gunicorn==27.0.1 waitress==3.0.2
cat >app.py <<'PY'
def application(environ, start_response):
    body = ascii(environ.get("HTTP_X_NAME", "not there")).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
PY
request='GET / HTTP/1.1\r\nHost: h\r\nX-Name: caf\351\r\nConnection: close\r\n\r\n'
free_port
serve granian --interface wsgi --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.7" "$(ask "$request" | tail -1)" "''"
stop_server
free_port
serve gunicorn -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(ask "$request" | tail -1)" "'caf\\xe9'"
stop_server
free_port
serve waitress-serve "--listen=127.0.0.1:$port" app:application
same "waitress 3.0.2" "$(ask "$request" | tail -1)" "'caf\\xe9'"
