#!/usr/bin/env bash
# gunicorn 27.0.1 (its ASGI worker): response headers given as an iterator are dropped, and nothing is said.
#
# The ASGI specification has "an iterable of [name, value]" for the headers of http.response.start. uvicorn 0.54.0,
# Hypercorn 0.18.0 and granian 2.8.9 take a generator or map(). gunicorn goes through the headers more than once,
# and what a generator gave to the first look is gone in the second: the answer has none of the application's headers,
# not even its Content-Length, cookies or Location.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages gunicorn==27.0.1 uvicorn==0.54.0 Hypercorn==0.18.0 granian==2.8.9
cat >app.py <<'PY'
async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = {"content-length": "1", "location": "/there"}
    pairs = ((name.encode(), value.encode()) for name, value in headers.items())
    await send({"type": "http.response.start", "status": 302, "headers": pairs})
    await send({"type": "http.response.body", "body": b"x"})
PY
seen() { ask 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' | tr -d '\r' | grep -Eci '^(location|content-length):' || true; }
free_port
serve gunicorn -k asgi -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1, headers of the application" "$(seen)" 0
stop_server
free_port
serve uvicorn --lifespan off --host 127.0.0.1 --port "$port" app:application
same "uvicorn 0.54.0" "$(seen)" 2
stop_server
free_port
serve hypercorn -b "127.0.0.1:$port" app:application
same "Hypercorn 0.18.0" "$(seen)" 2
stop_server
free_port
serve granian --interface asginl --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.9" "$(seen)" 2
