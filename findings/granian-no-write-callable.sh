#!/usr/bin/env bash
# granian 2.8.7 (WSGI): start_response returns None, so an application that uses the write() callable of PEP 3333 fails.
#
# PEP 3333 says that start_response must return a write(body_data) callable. gunicorn 27.0.1 gives it. Under granian the
# same application ends with "TypeError: 'NoneType' object is not callable" and the client gets 500 with no body.
# Who moves a site with old CGI-like code or middleware that calls write() between the two meets this.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages granian==2.8.7 gunicorn==27.0.1
cat >app.py <<'PY'
def application(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    write(b"one")
    return [b"two"]
PY
request='GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'
free_port
serve granian --interface wsgi --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.7, status of an answer by write()" "$(ask "$request" | head -1 | tr -d '\r')" "HTTP/1.1 500 Internal Server Error"
same "granian 2.8.7, the error in its log" "$(grep -c "'NoneType' object is not callable" server.log)" 1
stop_server
free_port
serve gunicorn -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1, body of the same answer" "$(ask "$request" | tail -1)" onetwo
