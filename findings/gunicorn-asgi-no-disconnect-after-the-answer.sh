#!/usr/bin/env bash
# gunicorn 27.0.1 (ASGI worker): receive() after a whole answer gives no http.disconnect, and nothing tells of a second start.
#
# The ASGI specification: http.disconnect is what receive() gives "if receive is called after a response has been sent". Code
# that waits for the end of a request in a task beside it (to release something, or to know that the client has it) gets
# an empty http.request from gunicorn and then nothing for as long as the connection is open. uvicorn 0.54.0, Hypercorn
# 0.18.0 and granian 2.8.9 give the disconnect. A second http.response.start is an error there and ignored here.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages gunicorn==27.0.1 uvicorn==0.54.0 Hypercorn==0.18.0 granian==2.8.9
cat >app.py <<'PY'
import asyncio

seen = []


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    body = " ".join(seen).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    if scope["path"] == "/told":
        await send({"type": "http.response.body", "body": body})
        return
    seen.clear()
    try:
        await send({"type": "http.response.start", "status": 201, "headers": []})
        seen.append("no error,")
    except Exception:
        seen.append("error,")
    await send({"type": "http.response.body", "body": body})
    for _ in range(2):
        try:
            message = await asyncio.wait_for(receive(), 1)
        except asyncio.TimeoutError:
            seen.append("nothing")
            return
        if message["type"] == "http.disconnect":
            seen.append("disconnect")
            return
PY
# The connection of the first request stays open until the second has been answered.
seen() {
    python3 - "$port" <<'PY'
import socket, sys, time
where = ("127.0.0.1", int(sys.argv[1]))
first = socket.create_connection(where)
first.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
end = time.monotonic() + 10
while time.monotonic() < end:
    time.sleep(0.2)
    s = socket.create_connection(where, timeout=5)
    s.sendall(b"GET /told HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    out = b""
    while piece := s.recv(65536):
        out += piece
    told = out.split(b"\r\n\r\n", 1)[1].decode()
    if told.endswith(("nothing", "disconnect")):
        break
print(told)
PY
}
free_port
serve gunicorn -k asgi -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(seen)" "no error, nothing"
stop_server
free_port
serve uvicorn --lifespan off --host 127.0.0.1 --port "$port" app:application
same "uvicorn 0.54.0" "$(seen)" "error, disconnect"
stop_server
free_port
serve hypercorn -b "127.0.0.1:$port" app:application
same "Hypercorn 0.18.0" "$(seen)" "error, disconnect"
stop_server
free_port
serve granian --interface asginl --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.9" "$(seen)" "error, disconnect"
