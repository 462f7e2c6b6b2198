"""The ASGI application that every server runs: a hello, and a WebSocket that answers with what it hears."""

START = {"type": "http.response.start", "status": 200,
         "headers": [(b"content-type", b"text/plain"), (b"content-length", b"14")]}
HELLO = {"type": "http.response.body", "body": b"Hello, world!\n"}


async def application(scope, receive, send):
    if scope["type"] == "http":
        await send(START)
        await send(HELLO)
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            await send({"type": "websocket.send", "text": message["text"]})
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
