#!/usr/bin/env bash
# gunicorn 27.0.1 and cheroot 11.1.2: headers of the answer that failed stay in the error page that replaces it.
#
# PEP 3333: start_response called again with exc_info, before anything was sent, "should ... replace the currently-stored
# HTTP response headers". Error middleware rests on it. gunicorn and cheroot take the new status and keep the old headers
# beside the new ones, so the error page has the cookies, cache rules or ETag of the page that failed. waitress 3.0.2,
# gevent.pywsgi 26.9.0 and uWSGI 2.0.31 replace them.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages gunicorn==27.0.1 cheroot==11.1.2 waitress==3.0.2 gevent==26.9.0 uwsgi==2.0.31
cat >app.py <<'PY'
import sys


def application(environ, start_response):
    start_response("200 OK", [("Cache-Control", "public, max-age=3600"), ("X-Page", "1")])
    try:
        raise ValueError("the page fails")
    except ValueError:
        start_response("500 Failed", [("X-Error", "1"), ("Content-Length", "5")], sys.exc_info())
    return [b"sorry"]
PY
cat >other.py <<'PY'
import sys

from app import application

if sys.argv[1] == "cheroot":
    from cheroot.wsgi import Server
    Server(("127.0.0.1", int(sys.argv[2])), application).start()
else:
    from gevent.pywsgi import WSGIServer
    WSGIServer(("127.0.0.1", int(sys.argv[2])), application, log=None).serve_forever()
PY
seen() {
    ask 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' | tr -d '\r' | grep -Eio '^(HTTP/1.. 500|cache-control|x-page|x-error)' | cut -d/ -f1 | tr '\n' ' '
}
free_port
serve gunicorn -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(seen)" "HTTP Cache-Control X-Page X-Error "
stop_server
free_port
serve python other.py cheroot "$port"
same "cheroot 11.1.2" "$(seen)" "HTTP Cache-Control X-Page X-Error "
stop_server
free_port
serve waitress-serve "--listen=127.0.0.1:$port" app:application
same "waitress 3.0.2" "$(seen)" "HTTP X-Error "
stop_server
free_port
serve python other.py gevent "$port"
same "gevent.pywsgi 26.9.0" "$(seen)" "HTTP X-Error "
stop_server
free_port
serve uwsgi --http-socket "127.0.0.1:$port" --wsgi-file app.py --need-app
same "uWSGI 2.0.31" "$(seen)" "HTTP X-Error "
