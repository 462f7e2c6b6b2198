#!/usr/bin/env bash
# cheroot 11.1.2: SERVER_NAME is "Cheroot/11.1.2", so URLs made by PEP 3333's own recipe name no host.
#
# PEP 3333 wants the host name there, and its recipe for the URL of a request falls back to it without HTTP_HOST, as
# a plain HTTP/1.0 health check comes. wsgiref.util.request_uri then gives http://Cheroot/11.1.2:PORT/. Besides, a %2F
# in the path stays as it is in PATH_INFO while every other escape is decoded. waitress 3.0.2 has the host and decodes.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages cheroot==11.1.2 waitress==3.0.2
cat >app.py <<'PY'
from wsgiref.util import request_uri


def application(environ, start_response):
    body = (environ["SERVER_NAME"] + " " + environ["PATH_INFO"] + " " + request_uri(environ).rsplit(":", 1)[0]).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
PY
cat >cheroot_app.py <<'PY'
import sys

from app import application
from cheroot.wsgi import Server

Server(("127.0.0.1", int(sys.argv[1])), application).start()
PY
seen() { ask 'GET /a%%2Fb%%21 HTTP/1.0\r\n\r\n' | tail -1; }
free_port
serve python cheroot_app.py "$port"
same "cheroot 11.1.2" "$(seen)" "Cheroot/11.1.2 /a%2Fb! http://Cheroot/11.1.2"
stop_server
free_port
serve waitress-serve "--listen=127.0.0.1:$port" app:application
same "waitress 3.0.2" "$(seen)" "waitress.invalid /a/b! http://waitress.invalid"
