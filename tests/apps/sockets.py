"""WebSockets of an ASGI application: echoes, and whatever goes wrong."""

import asyncio, gc, json, os, sys

DIR = os.environ["HOLD_DIR"]

def note(name, text):
    with open(os.path.join(DIR, name + ".tmp"), "w") as f:
        f.write(text)
    os.rename(os.path.join(DIR, name + ".tmp"), os.path.join(DIR, name))

async def application(scope, receive, send):
    path, query = scope.get("path"), scope.get("query_string", b"").decode()
    if path == "/waits":
        await receive()
        departure = asyncio.ensure_future(receive())
        await asyncio.wait([departure], timeout=0.001)
    if scope["type"] == "http":
        if path == "/blocks":
            gc.collect()
            path = str(sys.getallocatedblocks())
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": (path if path.isdigit() else "http " + str(os.getpid())).encode()})
        return
    if scope["type"] != "websocket":
        raise AssertionError(scope["type"])
    if path == "/early":
        return
    if path == "/deny":
        await send({"type": "websocket.close"})
        return
    if path == "/deny-by-http":
        await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-why", b"no")]})
        await send({"type": "websocket.http.response.body", "body": b"who are you"})
        return
    if path == "/fails-early":
        raise ValueError("before it accepts")
    assert await receive() == {"type": "websocket.connect"}
    if path == "/leaves":
        note(query + ".begun", "yes")
        note(query, json.dumps(await receive()))
        return
    if path == "/wrong":
        said = []
        async def wrong(message):
            try:
                await send(message)
                said.append("taken")
            except Exception as e:
                said.append(type(e).__name__)
        await wrong({"type": "websocket.send", "text": "early"})
        await wrong({"type": "websocket.accept", "headers": [(b"a", b"b\r\nc: d")]})
        await wrong({"type": "websocket.accept", "headers": [(b"sec-websocket-protocol", b"x")]})
        await wrong({"type": "websocket.accept", "subprotocol": "a b"})
        await wrong({"type": "websocket.accept"})
        await wrong({"type": "websocket.accept"})
        await wrong({"type": "http.response.start", "status": 200})
        await wrong({"type": "websocket.send"})
        await wrong({"type": "websocket.send", "text": b"bytes"})
        await wrong({"type": "websocket.send", "bytes": 7})
        await wrong({"type": "websocket.send", "bytes": bytearray(b"fine")})
        await wrong({"type": "websocket.close", "code": 1006})
        await wrong({"type": "websocket.close", "code": 4000, "reason": "done"})
        await wrong({"type": "websocket.send", "text": "late"})
        await wrong({"type": "websocket.close"})
        note("wrong", json.dumps(said))
        return
    await send({"type": "websocket.accept", "subprotocol": (scope["subprotocols"] or [None])[-1],
                "headers": [(b"x-from", b"the application"), (b"upgrade", b"no")]})
    if path == "/scope":
        await send({"type": "websocket.send", "text": json.dumps({k: repr(v) for k, v in scope.items()})})
    elif path == "/return":
        return
    elif path == "/fails":
        raise ValueError("after it has accepted")
    elif path == "/close":
        await send({"type": "websocket.close", "code": 4001, "reason": "w" * 200})
        note("close", json.dumps(await receive()))
        return
    elif path == "/flood":
        for i in range(int(query)):
            await send({"type": "websocket.send", "bytes": bytes([i % 256]) * 65536})
            note("flood", str(i))
    elif path == "/slow":
        note("slow.begun", "yes")
        while not os.path.exists(os.path.join(DIR, "slow.go")):
            await asyncio.sleep(0.01)
        total = 0
        while "text" not in (message := await receive()):
            total += len(message["bytes"])
        await send({"type": "websocket.send", "text": str(total)})
    n = 0
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            if query:
                note(query, json.dumps(message))
            try:
                await send({"type": "websocket.send", "text": "to nobody"})
            except OSError:
                return
            raise AssertionError("sent to nobody")
        n += 1
        if "text" in message:
            reply = {"text": str(os.getpid()) if message["text"] == "pid" else str(n) if message["text"] == "n" else message["text"]}
        else:
            reply = {"bytes": message["bytes"]}
        await send({"type": "websocket.send", **reply})
