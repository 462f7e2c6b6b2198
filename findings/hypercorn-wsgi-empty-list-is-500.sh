#!/usr/bin/env bash
# Hypercorn 0.18.0 (WSGI): an application that returns an empty list, as for 204 or a redirect, is answered with 500.
#
# PEP 3333 allows an iterable without items: the headers are sent, the body is empty. werkzeug's and Django's answers
# without a body are such. gunicorn 27.0.1 sends the 204. Under Hypercorn start_response was called and the answer is
# 500 all the same; [b""] instead of [] works. The same server gives SERVER_PORT as an int where PEP 3333 wants a str.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages Hypercorn==0.18.0 gunicorn==27.0.1
cat >app.py <<'PY'
def application(environ, start_response):
    if environ["PATH_INFO"] == "/port":
        body = type(environ["SERVER_PORT"]).__name__.encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    start_response("204 No Content", [])
    return [] if environ["PATH_INFO"] == "/empty" else [b""]
PY
ask_path() { ask "GET $1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"; }
status() { ask_path "$1" | head -1 | cut -d' ' -f2; }
free_port
serve hypercorn -b "127.0.0.1:$port" wsgi:app:application
same "Hypercorn 0.18.0, []" "$(status /empty)" 500
same "Hypercorn 0.18.0, [b\"\"]" "$(status /one)" 204
same "Hypercorn 0.18.0, type of SERVER_PORT" "$(ask_path /port | tail -1)" int
stop_server
free_port
serve gunicorn -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1, []" "$(status /empty)" 204
same "gunicorn 27.0.1, type of SERVER_PORT" "$(ask_path /port | tail -1)" str
