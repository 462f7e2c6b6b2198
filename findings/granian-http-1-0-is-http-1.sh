#!/usr/bin/env bash
# granian 2.8.9: an HTTP/1.0 request has SERVER_PROTOCOL "HTTP/1" (WSGI) and http_version "1" (ASGI).
#
# PEP 3333 and the ASGI specification say "HTTP/1.0" and "1.0". Code that compares the version (to choose a response
# without chunks, say) sees an unknown one. The ports of client and server are str in its ASGI scope, where the
# specification has int. uvicorn 0.54.0 and gunicorn 27.0.1 give "1.0" and int.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages granian==2.8.9 gunicorn==27.0.1 uvicorn==0.54.0
cat >app.py <<'PY'
def wsgi(environ, start_response):
    body = environ["SERVER_PROTOCOL"].encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    body = f"{scope['http_version']} {type(scope['client'][1]).__name__}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
PY
seen() { ask 'GET / HTTP/1.0\r\nHost: h\r\n\r\n' | tail -1; }
free_port
serve granian --interface wsgi --host 127.0.0.1 --port "$port" app:wsgi
same "granian 2.8.9, WSGI" "$(seen)" "HTTP/1"
stop_server
free_port
serve granian --interface asginl --host 127.0.0.1 --port "$port" app:asgi
same "granian 2.8.9, ASGI" "$(seen)" "1 str"
stop_server
free_port
serve gunicorn -b "127.0.0.1:$port" app:wsgi
same "gunicorn 27.0.1, WSGI" "$(seen)" "HTTP/1.0"
stop_server
free_port
serve uvicorn --lifespan off --host 127.0.0.1 --port "$port" app:asgi
same "uvicorn 0.54.0, ASGI" "$(seen)" "1.0 int"
