#!/usr/bin/env bash
# h2corn 2.0.0: an HTTP/1.0 request is answered with 400.
#
# It speaks HTTP/1.1, but not to ab (ApacheBench), to nginx whose proxy_http_version is 1.0 (the default for most of its
# life), or to health checks of load balancers that send 1.0; RFC 9112 wants a server to answer them. uvicorn 0.54.0 does.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages h2corn==2.0.0 uvicorn==0.54.0
cat >app.py <<'PY'
async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})
PY
seen() { ask 'GET / HTTP/1.0\r\nHost: h\r\n\r\n' | head -1 | cut -d' ' -f2; }
free_port
serve h2corn --port "$port" app:application
same "h2corn 2.0.0, HTTP/1.0" "$(seen)" 400
stop_server
free_port
serve uvicorn --lifespan off --host 127.0.0.1 --port "$port" app:application
same "uvicorn 0.54.0, HTTP/1.0" "$(seen)" 200
