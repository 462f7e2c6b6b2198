#!/usr/bin/env bash
# gevent.pywsgi 26.9.0: a 304 with a Content-Length, which RFC 9110 allows, is answered with 500.
#
# RFC 9110, section 8.6: a server may send Content-Length in a 304 with the size that a 200 would have had. Middleware that
# sets it for every answer does so. gunicorn 27.0.1 passes it on, waitress 3.0.2 and granian 2.8.9 drop it. gevent raises an
# AssertionError, because the body is shorter than the header says, and the browser's cache never gets its 304.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages gevent==26.9.0 gunicorn==27.0.1 waitress==3.0.2 granian==2.8.9
cat >app.py <<'PY'
def application(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"a"'), ("Content-Length", "5")])
    return [b""]
PY
cat >pywsgi.py <<'PY'
import sys

from app import application
from gevent.pywsgi import WSGIServer

WSGIServer(("127.0.0.1", int(sys.argv[1])), application, log=None).serve_forever()
PY
seen() { ask 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' | head -1 | cut -d' ' -f2; }
free_port
serve python pywsgi.py "$port"
same "gevent.pywsgi 26.9.0" "$(seen)" 500
stop_server
free_port
serve gunicorn -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(seen)" 304
stop_server
free_port
serve waitress-serve "--listen=127.0.0.1:$port" app:application
same "waitress 3.0.2" "$(seen)" 304
stop_server
free_port
serve granian --interface wsgi --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.9" "$(seen)" 304
