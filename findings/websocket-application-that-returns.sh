#!/usr/bin/env bash
# What a client sees when an ASGI application returns from an open WebSocket without closing it: five servers, four answers.
#
# The ASGI specification does not say, and frameworks reach it by a plain "return" in a handler. uvicorn 0.54.0 drops the connection
# without a close frame, so clients that reconnect on 1006 come back at once and for ever. Hypercorn 0.18.0 and gunicorn
# 27.0.1 close with 1011 (an error). granian 2.8.9 closes with an empty frame (1005). daphne 4.2.3 leaves it open.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uvicorn==0.54.0 Hypercorn==0.18.0 gunicorn==27.0.1 granian==2.8.9 daphne==4.2.3 websockets==17.4
cat >app.py <<'PY'
async def application(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "that is all"})
PY
cat >client.py <<'PY'
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

with connect("ws://127.0.0.1:" + sys.argv[1], close_timeout=1) as socket:
    socket.recv(timeout=5)
    try:
        socket.recv(timeout=3)
    except ConnectionClosed as closed:
        print(closed.rcvd.code if closed.rcvd else "no close frame")
    except TimeoutError:
        print("open")
PY
free_port
serve uvicorn --lifespan off --host 127.0.0.1 --port "$port" app:application
same "uvicorn 0.54.0" "$(python client.py "$port")" "no close frame"
stop_server
free_port
serve hypercorn -b "127.0.0.1:$port" app:application
same "Hypercorn 0.18.0" "$(python client.py "$port")" 1011
stop_server
free_port
serve gunicorn -k asgi -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(python client.py "$port")" 1011
stop_server
free_port
serve granian --interface asginl --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.9" "$(python client.py "$port")" 1005
stop_server
free_port
serve daphne -b 127.0.0.1 -p "$port" app:application
same "daphne 4.2.3" "$(python client.py "$port")" open
