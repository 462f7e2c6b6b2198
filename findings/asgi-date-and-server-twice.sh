#!/usr/bin/env bash
# uvicorn 0.54.0 and Hypercorn 0.18.0: an application's own Date and Server headers go out beside the server's, so each is there twice.
#
# Date and Server are single fields (RFC 9110): a cache that takes the first and one that takes the last see two ages. An
# application that passes on an answer of another server (a proxy, a replayed cache) sends both by itself. daphne
# 4.2.3, granian 2.8.9 and gunicorn 27.0.1 (ASGI worker) send the application's alone.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uvicorn==0.54.0 Hypercorn==0.18.0 daphne==4.2.3 granian==2.8.9 gunicorn==27.0.1
cat >app.py <<'PY'
async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = [(b"content-length", b"1"), (b"server", b"origin"), (b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x"})
PY
seen() {
    ask 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' >answer
    echo "$(grep -aci '^date:' answer) $(grep -aci '^server:' answer)"
}
free_port
serve uvicorn --lifespan off --host 127.0.0.1 --port "$port" app:application
same "uvicorn 0.54.0, Date and Server lines" "$(seen)" "2 2"
stop_server
free_port
serve hypercorn -b "127.0.0.1:$port" app:application
same "Hypercorn 0.18.0" "$(seen)" "2 2"
stop_server
free_port
serve daphne -b 127.0.0.1 -p "$port" app:application
same "daphne 4.2.3" "$(seen)" "1 1"
stop_server
free_port
serve granian --interface asginl --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.9" "$(seen)" "1 1"
stop_server
free_port
serve gunicorn -k asgi -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(seen)" "1 1"
