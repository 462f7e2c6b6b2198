#!/usr/bin/env bash
# Two Cookie lines in one HTTP/1.1 request: five WSGI servers join them with a comma, and cookies are lost or damaged.
#
# HTTP/2 lets a client send one Cookie field for each crumb (RFC 9113, section 8.2.3); a front end that passes them on
# unjoined, or a client that sends two lines, is not rare. Repeated fields are joined with ", " in general, but cookies
# only by "; ": http.cookies reads "a=1,b=2" as one cookie a with the value "1,b=2".
# Joined with a comma: gunicorn 27.0.1, waitress 3.0.2, Hypercorn 0.18.0, uvicorn 0.54.0 (its WSGI interface), uWSGI 2.0.31
# (http-socket). Joined with a semicolon: gevent.pywsgi 26.9.0 and granian 2.8.7.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages gunicorn==27.0.1 waitress==3.0.2 Hypercorn==0.18.0 uvicorn==0.54.0 gevent==26.9.0 granian==2.8.7 uwsgi==2.0.31
cat >app.py <<'PY'
from http.cookies import SimpleCookie


def application(environ, start_response):
    cookies = SimpleCookie(environ["HTTP_COOKIE"])
    body = " ".join(f"{name}={morsel.value}" for name, morsel in sorted(cookies.items())).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
PY
cat >pywsgi.py <<'PY'
import sys

from app import application
from gevent.pywsgi import WSGIServer

WSGIServer(("127.0.0.1", int(sys.argv[1])), application, log=None).serve_forever()
PY
seen() {
    ask 'GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1\r\nCookie: b=2\r\nConnection: close\r\n\r\n' | tail -1
}
free_port
serve gunicorn -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(seen)" "a=1,b=2"
stop_server
free_port
serve waitress-serve "--listen=127.0.0.1:$port" app:application
same "waitress 3.0.2" "$(seen)" "a=1, b=2"
stop_server
free_port
serve hypercorn -b "127.0.0.1:$port" wsgi:app:application
same "Hypercorn 0.18.0" "$(seen)" "a=1,b=2"
stop_server
free_port
serve uvicorn --interface wsgi --port "$port" app:application
same "uvicorn 0.54.0" "$(seen)" "a=1,b=2"
stop_server
free_port
serve uwsgi --http-socket "127.0.0.1:$port" --wsgi-file app.py
same "uWSGI 2.0.31" "$(seen)" "a=1, b=2"
stop_server
free_port
serve python pywsgi.py "$port"
same "gevent.pywsgi 26.9.0" "$(seen)" "a=1 b=2"
stop_server
free_port
serve granian --interface wsgi --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.7" "$(seen)" "a=1 b=2"
