#!/usr/bin/env bash
# Hypercorn 0.18.0: the code with which a client closes a WebSocket never reaches the application; it is always 1006.
#
# The ASGI specification passes the code of the client's close frame in websocket.disconnect. 1006 is what RFC 6455 keeps for a
# connection that was lost. Under Hypercorn a page that was closed (1001), a client that said good-bye (1000) and codes of
# one's own (4000 to 4999) all look like a broken network. uvicorn 0.54.0, granian 2.8.9 and gunicorn 27.0.1 pass the code.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages Hypercorn==0.18.0 uvicorn==0.54.0 granian==2.8.9 gunicorn==27.0.1 websockets==17.4
cat >app.py <<'PY'
code = b"none yet"


async def application(scope, receive, send):
    global code
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(code))]})
        await send({"type": "http.response.body", "body": code})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        code = str((await receive()).get("code")).encode()
PY
cat >client.py <<'PY'
import sys
import time
import urllib.request

from websockets.sync.client import connect

where = "127.0.0.1:" + sys.argv[1]
with connect("ws://" + where) as socket:
    socket.close(4005, "my reason")
end = time.monotonic() + 10
while (code := urllib.request.urlopen("http://" + where).read().decode()) == "none yet" and time.monotonic() < end:
    time.sleep(0.05)
print(code)
PY
free_port
serve hypercorn -b "127.0.0.1:$port" app:application
same "Hypercorn 0.18.0, the client closed with 4005" "$(python client.py "$port")" 1006
stop_server
free_port
serve uvicorn --lifespan off --host 127.0.0.1 --port "$port" app:application
same "uvicorn 0.54.0" "$(python client.py "$port")" 4005
stop_server
free_port
serve granian --interface asginl --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.9" "$(python client.py "$port")" 4005
stop_server
free_port
serve gunicorn -k asgi -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(python client.py "$port")" 4005
