#!/usr/bin/env bash
# daphne 4.2.3: a WebSocket message without content that the application sends is dropped, and so is the reason of a close.
#
# An empty text or binary message is a message (RFC 6455); protocols use it as a heartbeat or an end mark. daphne looks whether
# the value is true instead of whether it is there, so neither "" nor b"" is sent. The reason of websocket.close (ASGI
# 2.3) does not reach the client either. uvicorn 0.54.0 and gunicorn 27.0.1 send all three.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages daphne==4.2.3 uvicorn==0.54.0 gunicorn==27.0.1 websockets==17.4
cat >app.py <<'PY'
async def application(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": ""})
    await send({"type": "websocket.send", "bytes": b""})
    await send({"type": "websocket.close", "code": 4000, "reason": "why"})
PY
cat >client.py <<'PY'
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

with connect("ws://127.0.0.1:" + sys.argv[1]) as socket:
    seen = []
    try:
        while True:
            seen.append(socket.recv(timeout=5))
    except ConnectionClosed as closed:
        print(seen, closed.rcvd.code, repr(closed.rcvd.reason))
PY
free_port
serve daphne -b 127.0.0.1 -p "$port" app:application
same "daphne 4.2.3" "$(python client.py "$port")" "[] 4000 ''"
stop_server
free_port
serve uvicorn --lifespan off --host 127.0.0.1 --port "$port" app:application
same "uvicorn 0.54.0" "$(python client.py "$port")" "['', b''] 4000 'why'"
stop_server
free_port
serve gunicorn -k asgi -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(python client.py "$port")" "['', b''] 4000 'why'"
