//! The application of a rage, for threads and for tasks; and what breaks it.

/// Writes down who ran which request, in one write, before anything else.
pub(super) const THREADS: &str = r#"
import os, time
RAN = os.open(os.path.join(os.environ["HOLD_DIR"], "ran"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

def application(environ, start_response):
    os.write(RAN, b"%s %d\n" % (environ["QUERY_STRING"].encode(), os.getpid()))
    read = environ["wsgi.input"].read()
    path = environ["PATH_INFO"].replace("/second", "")
    if path == "/slow":
        time.sleep(0.3)
    pieces = [b"%d" % os.getpid(), b" " * (1 << 20) if path == "/large" else b"", b" " * (len(read) % 7)]
    if path == "/pieces":
        start_response("200 OK", [])
        return iter(pieces)
    start_response("200 OK", [("Content-Length", str(sum(map(len, pieces))))])
    return pieces
"#;

/// The same in tasks, and an echo on WebSockets.
pub(super) const TASKS: &str = r#"
import asyncio, os
from ws_echo import tasks as echo
RAN = os.open(os.path.join(os.environ["HOLD_DIR"], "ran"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("not here")
    if scope["type"] == "websocket":
        return await echo(scope, receive, send)
    os.write(RAN, b"%s %d\n" % (scope["query_string"], os.getpid()))
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message["body"]), message["more_body"]
    path = scope["path"].replace("/second", "")
    if path == "/slow":
        await asyncio.sleep(0.3)
    pieces = [b"%d" % os.getpid(), b" " * (1 << 20) if path == "/large" else b"", b" " * (size % 7)]
    headers = [] if path == "/pieces" else [(b"content-length", str(sum(map(len, pieces))).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})
"#;

/// A version that does not load.
pub(super) const BROKEN: &str = "raise RuntimeError('broken on purpose')\n";
