"""uWSGI's functions for WebSockets, each result written down."""

import json
import os
import threading
import time

import uwsgi

DIR = os.environ["HOLD_DIR"]


def note(name, value):
    with open(os.path.join(DIR, name + ".tmp"), "w") as f:
        json.dump(value, f)
    os.rename(os.path.join(DIR, name + ".tmp"), os.path.join(DIR, name))


def result(function, *arguments):
    try:
        return repr(function(*arguments))
    except OSError as e:
        return "OSError: %s" % e
    except (TypeError, OverflowError) as e:
        return type(e).__name__


def application(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    if path == "/pid":
        start_response("200 OK", [])
        return [str(os.getpid()).encode()]
    said = []
    if path == "/plain":
        said = [result(uwsgi.websocket_handshake)]
        start_response("200 OK", [])
        return [json.dumps(said).encode()]
    if path == "/switching":
        # What is for uWSGI's own switching: nothing happens, and nobody waits.
        for name in ["wait_fd_read", "wait_fd_write", "async_sleep", "suspend", "green_schedule", "ready_fd"]:
            function = getattr(uwsgi, name)
            said += [result(function, *arguments) for arguments in [(), (-1,), (-1, 30), ("x",), (1 << 40, 1), (1.5,)]]
        start_response("200 OK", [])
        return [json.dumps(said).encode()]
    if path == "/without":
        # Before any handshake the original writes frames into the answer.
        said = [result(uwsgi.websocket_recv_nb), result(uwsgi.websocket_recv), result(uwsgi.websocket_send, "x")]
        start_response("200 OK", [])
        return [json.dumps(said).encode()]
    if path == "/unhandled":
        uwsgi.websocket_handshake()
        return []
    if path == "/given":
        said.append(result(uwsgi.websocket_handshake, environ["HTTP_SEC_WEBSOCKET_KEY"], "http://o", "chat"))
        uwsgi.websocket_send("given")
        return []
    said.append(result(uwsgi.websocket_handshake))
    said.append(result(uwsgi.websocket_handshake))
    said.append(uwsgi.connection_fd() > 2)
    if path == "/raises":
        raise ValueError("after the handshake")
    if path == "/answers":
        try:
            start_response("200 OK", [])
        except Exception:
            said.append("refused")
        note(query, said)
        return [b"never seen"]
    if path == "/disconnect":
        uwsgi.websocket_send("one")
        said += [result(uwsgi.disconnect), result(uwsgi.websocket_send, "two"), result(uwsgi.websocket_recv)]
        note(query, said)
        return ""
    if path == "/nb":
        got = []
        end = time.monotonic() + 30
        while len(got) < 3 and time.monotonic() < end:
            message = uwsgi.websocket_recv_nb()
            if message:
                got.append(repr(message))
            else:
                time.sleep(0.01)
        note(query, got)
        return []
    if path == "/elsewhere":
        # Another thread (a greenlet where it is patched) sends what this one never would.
        context = uwsgi.request_context()

        def work():
            for n in range(100):
                uwsgi.websocket_send(str(n), request_context=context)

        threads = [threading.Thread(target=work) for _ in range(3)]
        [t.start() for t in threads]
        uwsgi.websocket_recv()
        [t.join() for t in threads]
        return []
    if path == "/types":
        for value in ["text", "\xe4", b"bytes", b"", 7, None, bytearray(b"x")]:
            said.append(result(uwsgi.websocket_send, value))
            said.append(result(uwsgi.websocket_send_binary, value))
    # An echo.
    while True:
        try:
            message = uwsgi.websocket_recv()
        except OSError as e:
            said.append("OSError: %s" % e)
            break
        said.append(repr(message) if len(message) < 100 else len(message))
        if message == b"pid":
            message = str(os.getpid()).encode()
        said.append(result(uwsgi.websocket_send_binary, message))
    said += [result(uwsgi.websocket_recv), result(uwsgi.websocket_recv_nb), result(uwsgi.websocket_send, "z")]
    if query:
        note(query, said)
    return []
