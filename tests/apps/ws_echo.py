"""A WebSocket that echoes, for every engine: `tasks` of ASGI, `application` of WSGI with uWSGI's functions."""

import time

import uwsgi


async def tasks(scope, receive, send):
    """Text is answered with text, bytes with bytes."""
    if scope["type"] != "websocket":
        raise RuntimeError("not here")
    if scope["path"] == "/never":
        import asyncio

        await asyncio.sleep(300)
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        message["type"] = "websocket.send"
        await send(message)


def application(environ, start_response):
    """The functions do not tell text from bytes: the path does."""
    path = environ["PATH_INFO"]
    if path == "/never":
        sleep = time.sleep
        if "gevent" in uwsgi.opt:
            from gevent import sleep
        for _ in range(3000):
            sleep(0.1)
    uwsgi.websocket_handshake()
    send = uwsgi.websocket_send_binary if path == "/binary" else uwsgi.websocket_send
    while True:
        try:
            message = uwsgi.websocket_recv()
        except OSError:
            return []
        send(message)
