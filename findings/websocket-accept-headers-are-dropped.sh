#!/usr/bin/env bash
# granian 2.8.9 and daphne 4.2.3: headers of websocket.accept, such as Set-Cookie, are dropped without a word.
#
# The ASGI specification has them since version 2.1, and a session cookie set by the handshake is their usual use. uvicorn 0.54.0,
# Hypercorn 0.18.0 and gunicorn 27.0.1 send them with the 101.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages granian==2.8.9 daphne==4.2.3 uvicorn==0.54.0 Hypercorn==0.18.0 gunicorn==27.0.1 websockets==17.4
cat >app.py <<'PY'
async def application(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept", "headers": [(b"set-cookie", b"session=1"), (b"x-node", b"a")]})
    await send({"type": "websocket.close"})
PY
cat >client.py <<'PY'
import sys

from websockets.sync.client import connect

with connect("ws://127.0.0.1:" + sys.argv[1]) as socket:
    print(socket.response.headers.get("Set-Cookie"), socket.response.headers.get("X-Node"))
PY
free_port
serve granian --interface asginl --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.9" "$(python client.py "$port")" "None None"
stop_server
free_port
serve daphne -b 127.0.0.1 -p "$port" app:application
same "daphne 4.2.3" "$(python client.py "$port")" "None None"
stop_server
free_port
serve uvicorn --lifespan off --host 127.0.0.1 --port "$port" app:application
same "uvicorn 0.54.0" "$(python client.py "$port")" "session=1 a"
stop_server
free_port
serve hypercorn -b "127.0.0.1:$port" app:application
same "Hypercorn 0.18.0" "$(python client.py "$port")" "session=1 a"
stop_server
free_port
serve gunicorn -k asgi -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(python client.py "$port")" "session=1 a"
