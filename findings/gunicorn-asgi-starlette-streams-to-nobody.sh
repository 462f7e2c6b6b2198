#!/usr/bin/env bash
# gunicorn 27.0.1 (ASGI worker) with Starlette 1.10.0: a stream goes on to its end after its client has left.
#
# ASGI 2.4 says that send() raises OSError once the client is gone, and Starlette rests on it: where the scope says
# spec_version 2.4 or later it no longer waits for http.disconnect. gunicorn's worker says 2.4 and its send() never
# raises, so an event stream without an end runs for ever for each visitor who closed the page. With uvicorn 0.54.0, which
# says 2.3, Starlette takes the older way and the same stream ends at once.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages gunicorn==27.0.1 uvicorn==0.54.0 starlette==1.10.0
cat >app.py <<'PY'
import asyncio

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

sent = []


async def pieces():
    for number in range(60):
        sent.append(number)
        yield b"tick\n"
        await asyncio.sleep(0.05)


async def stream(request):
    sent.clear()
    return StreamingResponse(pieces())


async def count(request):
    return PlainTextResponse(str(len(sent)))


application = Starlette(routes=[Route("/stream", stream), Route("/count", count)])
PY
# The client leaves after its first pieces; the stream would take 3 s. Asks until the number stands still, 10 s at most.
seen() {
    python3 - "$port" <<'PY'
import socket, sys, time
where = ("127.0.0.1", int(sys.argv[1]))
gone = socket.create_connection(where)
gone.sendall(b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
gone.recv(10)
gone.close()
def count():
    s = socket.create_connection(where, timeout=5)
    s.sendall(b"GET /count HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    out = b""
    while piece := s.recv(65536):
        out += piece
    return int(out.split(b"\r\n\r\n")[1])
end, last = time.monotonic() + 10, -1
while time.monotonic() < end and (now := count()) != last:
    last = now
    time.sleep(1)
print("to its end" if last == 60 else "ended early" if last < 30 else last)
PY
}
free_port
serve gunicorn -k asgi -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1 and Starlette 1.10.0" "$(seen)" "to its end"
stop_server
free_port
serve uvicorn --host 127.0.0.1 --port "$port" app:application
same "uvicorn 0.54.0 and Starlette 1.10.0" "$(seen)" "ended early"
