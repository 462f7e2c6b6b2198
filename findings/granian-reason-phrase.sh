#!/usr/bin/env bash
# granian 2.8.7 (WSGI): the reason phrase that an application gives is dropped; a status without a standard one gets "<none>".
#
# PEP 3333 passes a status as "299 Odd But Fine". gunicorn 27.0.1 sends it as it is. granian sends the number and the
# standard phrase of its own table; where the table has none the status line ends in the literal text "<none>".
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages granian==2.8.7 gunicorn==27.0.1
cat >app.py <<'PY'
def application(environ, start_response):
    status = "299 Odd But Fine" if environ["PATH_INFO"] == "/odd" else "404 No Such Article"
    start_response(status, [("Content-Length", "0")])
    return [b""]
PY
odd='GET /odd HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'
missing='GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'
free_port
serve granian --interface wsgi --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.7, 299" "$(ask "$odd" | head -1 | tr -d '\r')" "HTTP/1.1 299 <none>"
same "granian 2.8.7, 404 with words of its own" "$(ask "$missing" | head -1 | tr -d '\r')" "HTTP/1.1 404 Not Found"
stop_server
free_port
serve gunicorn -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1, 299" "$(ask "$odd" | head -1 | tr -d '\r')" "HTTP/1.1 299 Odd But Fine"
