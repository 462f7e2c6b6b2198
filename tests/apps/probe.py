"""A WSGI application that shows what a server does: every address tries one clause of PEP 3333.

HOLD_DIR in the environment is the folder through which a test and the application meet (files appear and are
waited for), so that no test has to guess how long something takes. Standard library only; runs on CPython 3.9.
"""

import ctypes
import hashlib
import json
import os
import signal
import sys
import threading
import time
from urllib.parse import parse_qs

DIR = os.environ.get("HOLD_DIR", ".")
PIECE = 64 * 1024
ROUTES = {}


def route(function):
    """Make a function answer at the address of its name."""
    ROUTES["/" + function.__name__] = function
    return function


def answer(start_response, body, status="200 OK", kind="text/plain"):
    """A whole answer with a Content-Length."""
    if isinstance(body, str):
        body = body.encode("utf-8")
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def as_json(start_response, value):
    """A JSON answer."""
    return answer(start_response, json.dumps(value), kind="application/json")


def touch(name, text=""):
    """Tell the test that something happened, all at once."""
    path = os.path.join(DIR, name)
    # Several workers may do it at once.
    new = f"{path}.new{os.getpid()}"
    with open(new, "w") as file:
        file.write(text)
    os.rename(new, path)


def note(name, line):
    """Add a line to a file that the test reads."""
    with open(os.path.join(DIR, name), "a") as file:
        file.write(line + "\n")


def wait_for(name):
    """Wait until the test makes the file."""
    while not os.path.exists(os.path.join(DIR, name)):
        time.sleep(0.005)


class Closing:
    """An iterable that notes when it is closed."""

    def __init__(self, pieces, name):
        self.pieces, self.name = iter(pieces), name

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.pieces)

    def close(self):
        note(self.name, "closed")


@route
def hello(environ, start_response, q):
    return answer(start_response, "hello")


@route
def environ(environ, start_response, q):
    shown = {k: v for k, v in environ.items() if isinstance(v, str)}
    kinds = {k: type(v).__name__ for k, v in environ.items()}
    values = {k: environ.get(k) for k in ("wsgi.version", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once", "wsgi.input_terminated")}
    return as_json(start_response, {"strings": shown, "types": kinds, "exact_dict": type(environ) is dict, "values": values})


@route
def scribble(environ, start_response, q):
    """Change the environ in every way and show what an earlier request left."""
    before = environ.get("scribbled")
    shown = {"before": before, "path": environ["PATH_INFO"], "input": type(environ["wsgi.input"]).__name__}
    environ["scribbled"] = "yes"
    environ["PATH_INFO"] = "/changed"
    environ["wsgi.input"] = None
    environ.pop("HTTP_HOST", None)
    return as_json(start_response, shown)


CONSTANT = [("X-First", "1"), ("X-Constant", "same"), ("Content-Type", "text/plain")]


@route
def constant(environ, start_response, q):
    """Answer with the same list of the same strings; value= replaces one item for this request."""
    CONSTANT[1] = ("X-Constant", q["value"]) if q["value"] != "same" else ("X-Constant", "same")
    start_response("200 OK", CONSTANT)
    return [q["value"].encode()]


@route
def named(environ, start_response, q):
    """start_response with arguments by name, and called wrongly."""
    headers = [("Content-Type", "application/json"), ("X-Named", "yes")]
    wrong = {
        "none": lambda: start_response(),
        "one": lambda: start_response("200 OK"),
        "four": lambda: start_response("200 OK", headers, None, None),
        "unknown": lambda: start_response("200 OK", headers, reason=1),
        "twice": lambda: start_response("200 OK", headers, status="200 OK"),
    }
    errors = {}
    for name, call in wrong.items():
        try:
            call()
            errors[name] = "nothing"
        except Exception as e:
            errors[name] = repr(e)
    start_response(headers=headers, status="200 OK", exc_info=None)
    return [json.dumps(errors).encode()]


@route
def digest(environ, start_response, q):
    """Size and SHA-256 of the body, read in pieces; piece= sets their size."""
    body, size = hashlib.sha256(), 0
    want = int(q.get("piece", PIECE))
    while True:
        piece = environ["wsgi.input"].read(want)
        if not piece:
            break
        assert len(piece) <= want
        body.update(piece)
        size += len(piece)
    return as_json(start_response, {"size": size, "sha256": body.hexdigest()})


@route
def input(environ, start_response, q):
    """Run a list of calls on wsgi.input, e.g. ops=read:10,readline,iter and show what each gave."""
    stream, results = environ["wsgi.input"], []
    for op in q.get("ops", "read").split(","):
        name, *arguments = op.split(":")
        arguments = [None if a == "None" else int(a) for a in arguments]
        if name.startswith("try-"):
            try:
                value = getattr(stream, name[4:])(*arguments)
            except Exception as e:
                value = type(e).__name__
        elif name == "digest":
            value = hashlib.sha256(stream.read()).hexdigest()
        elif name == "pread":
            value = os.pread(stream.fileno(), arguments[0], 0)
        elif name == "move":
            value = os.lseek(stream.fileno(), arguments[0], os.SEEK_SET)
        elif name == "iter":
            value = list(stream)
        elif name == "next":
            value = next(iter(stream), None)
        else:
            value = getattr(stream, name)(*arguments)
        if isinstance(value, list):
            value = [v.decode("latin-1") for v in value]
        elif isinstance(value, bytes):
            value = value.decode("latin-1")
        results.append(value)
    return as_json(start_response, results)


@route
def ignore(environ, start_response, q):
    """Answer without a look at the body."""
    return answer(start_response, "ignored")


@route
def write(environ, start_response, q):
    w = start_response("200 OK", [("Content-Type", "text/plain")])
    w(b"one ")
    w(b"two ")
    return [b"three"]


@route
def generator(environ, start_response, q):
    def pieces():
        try:
            for n in range(int(q.get("n", 3))):
                yield b"piece %d\n" % n
        finally:
            note("generator", "finished")

    start_response("200 OK", [("Content-Type", "text/plain")])
    return pieces()


@route
def late(environ, start_response, q):
    """start_response is called only when the first piece is asked for, after an empty one is possible."""

    def pieces():
        start_response("201 Created", [("Content-Type", "text/plain"), ("X-Late", "yes")])
        yield b""
        yield b"late"

    return pieces()


@route
def empty(environ, start_response, q):
    start_response("200 OK", [("X-Empty", "yes")])
    return {"list": [], "tuple": (), "piece": [b""], "generator": iter(())}[q.get("how", "list")]


@route
def close(environ, start_response, q):
    """An iterable with close(); how= says what happens before."""
    how = q.get("how", "plain")

    def pieces():
        yield b"first"
        if how == "raise":
            raise RuntimeError("in the middle, on purpose")
        if how == "endless":
            while True:
                yield b"x" * PIECE
        yield b"last"

    if how == "raise-first":

        def pieces():
            raise RuntimeError("before the first piece, on purpose")
            yield b""

    start_response("200 OK", [("Content-Type", "text/plain")])
    return Closing(pieces(), q.get("note", "closed"))


@route
def raise_before(environ, start_response, q):
    raise RuntimeError("before start_response, on purpose")


@route
def raise_after(environ, start_response, q):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    raise RuntimeError("after start_response, on purpose")


@route
def raise_exit(environ, start_response, q):
    raise SystemExit(3)


@route
def exc_info_before(environ, start_response, q):
    """The head is not sent yet: exc_info replaces it."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-First", "yes")])
    try:
        raise ValueError("changed my mind, on purpose")
    except ValueError:
        start_response("503 Busy", [("Content-Type", "text/plain"), ("X-Second", "yes")], sys.exc_info())
    return [b"error page"]


@route
def exc_info_after(environ, start_response, q):
    """The head is sent: exc_info has to be raised again."""
    w = start_response("200 OK", [("Content-Type", "text/plain")])
    w(b"sent already ")
    try:
        raise ValueError("too late, on purpose")
    except ValueError:
        try:
            start_response("500 Error", [("Content-Type", "text/plain")], sys.exc_info())
        except ValueError:
            note("exc_info", "raised again")
            raise
    return [b"never seen"]


@route
def start_twice(environ, start_response, q):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        start_response("200 OK", [("Content-Type", "text/plain")])
    except Exception as error:  # noqa: BLE001 - any exception is right
        note("twice", type(error).__name__)
    return [b"done"]


@route
def none(environ, start_response, q):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return None


@route
def string(environ, start_response, q):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return "a str, not bytes"


@route
def number(environ, start_response, q):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"before ", 5]


@route
def no_start(environ, start_response, q):
    return [b"no start_response"]


@route
def bad(environ, start_response, q):
    """A head that no server may send; what= says which."""
    plain = [("Content-Type", "text/plain")]
    status, headers = {
        "crlf": ("200 OK", plain + [("X-A", "a\r\nX-Evil: yes")]),
        "lf": ("200 OK", plain + [("X-A", "a\nX-Evil: yes")]),
        "cr": ("200 OK", plain + [("X-A", "a\rX-Evil: yes")]),
        "escape": ("200 OK", plain + [("X-A", "a\x1b[31mb")]),
        "delete": ("200 OK", plain + [("X-A", "a\x7fb")]),
        "status-bell": ("200 O\x07K", plain),
        "nul": ("200 OK", plain + [("X-A", "a\0b")]),
        "name": ("200 OK", plain + [("X A", "a")]),
        "name-crlf": ("200 OK", plain + [("X-A: a\r\nX-Evil", "yes")]),
        "empty-name": ("200 OK", plain + [("", "a")]),
        "status": ("OK", plain),
        "status-crlf": ("200 OK\r\nX-Evil: yes", plain),
        "status-number": (200, plain),
        "value-number": ("200 OK", plain + [("X-A", 5)]),
        "value-bytes": ("200 OK", plain + [("X-A", b"a")]),
        "latin": ("200 OK", plain + [("X-A", "\u20ac")]),
        "headers": ("200 OK", "no list"),
        "pair": ("200 OK", plain + [("X-A",)]),
    }[q["what"]]
    start_response(status, headers)
    return [b"body"]


@route
def good_headers(environ, start_response, q):
    """Heads that must pass as they are."""
    start_response(
        "299 Some \xe9 reason",
        [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Latin", "caf\xe9"), ("X-Empty", ""), ("X-Tab", "a\tb")],
    )
    return [b"ok"]


@route
def status(environ, start_response, q):
    """The status line and headers that were asked for; a body of n bytes."""
    headers = [("Content-Type", "text/plain")] if q.get("type", "1") == "1" else []
    if "length" in q:
        headers.append(("Content-Length", q["length"]))
    start_response(q["line"], headers)
    return [b"x" * int(q.get("n", 0))]


@route
def stream(environ, start_response, q):
    """mb= MiB in pieces, without a Content-Length."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return (bytes([n % 256]) * PIECE for n in range(int(q["mb"]) * 16))


@route
def big(environ, start_response, q):
    """mb= MiB in one piece, with a Content-Length."""
    return answer(start_response, b"b" * (int(q["mb"]) << 20))


@route
def file(environ, start_response, q):
    """A file through wsgi.file_wrapper; from= skips its beginning."""
    handle = open(os.path.join(DIR, q["name"]), "rb")
    handle.seek(int(q.get("from", 0)))
    headers = [("Content-Type", "application/octet-stream")]
    if "length" in q:
        headers.append(("Content-Length", q["length"]))
    start_response("200 OK", headers)
    return environ["wsgi.file_wrapper"](handle, 8192)


@route
def errors(environ, start_response, q):
    stream = environ["wsgi.errors"]
    stream.write("written to wsgi.errors: caf\xe9\n")
    stream.writelines(["one\n", "two\n"])
    stream.flush()
    return answer(start_response, "ok")


@route
def pid(environ, start_response, q):
    return answer(start_response, str(os.getpid()))


@route
def ids(environ, start_response, q):
    return as_json(
        start_response,
        {"pid": os.getpid(), "ppid": os.getppid(), "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(), "umask": umask(), "cwd": os.getcwd(),
         "thread": threading.current_thread().name, "main": threading.current_thread() is threading.main_thread()},
    )


def umask():
    """The umask, put back at once."""
    value = os.umask(0o77)
    os.umask(value)
    return value


@route
def python(environ, start_response, q):
    return as_json(
        start_response,
        {"version": list(sys.version_info[:3]), "prefix": sys.prefix, "executable": sys.executable, "path": sys.path, "argv": sys.argv,
         "encoding": sys.getfilesystemencoding(), "env": dict(os.environ), "fork_hooks": FORK_HOOKS},
    )


@route
def hold(environ, start_response, q):
    """Say that the request has begun, then wait until the test lets it go."""
    touch(q["name"] + ".started", str(os.getpid()))
    wait_for(q["name"] + ".go")
    return answer(start_response, "held by %d" % os.getpid())


@route
def half(environ, start_response, q):
    """Send one piece, then wait until the test lets the rest go."""
    start_response("200 OK", [("Content-Type", "text/plain")])

    def pieces():
        yield b"first "
        touch(q["name"] + ".started", str(os.getpid()))
        wait_for(q["name"] + ".go")
        yield b"second"

    return pieces()


@route
def burst(environ, start_response, q):
    """n= numbered pieces right behind each other (each times= so long); then= says what follows, by=write how they are given."""
    then, name = q.get("then"), q.get("name", "burst")

    def pieces():
        for number in range(int(q["n"])):
            yield b"%07d\n" % number * int(q.get("times", 1))
        if then == "raise":
            raise RuntimeError("behind the pieces, on purpose")
        if then == "sleep":
            time.sleep(300)
        if then in ("hold", "endless"):
            touch(name + ".started", str(os.getpid()))
            wait_for(name + ".go")
            yield b"behind\n"
        while then == "endless":
            yield b"more\n"

    headers = [("Content-Type", "text/plain")]
    if "length" in q:
        headers.append(("Content-Length", q["length"]))
    write = start_response("200 OK", headers)
    if q.get("by") == "write":
        for piece in pieces():
            write(piece)
        return []
    return Closing(pieces(), q["note"]) if "note" in q else pieces()


@route
def paced(environ, start_response, q):
    """n= pairs of pieces; behind each pair it waits for the test."""
    start_response("200 OK", [("Content-Type", "text/plain")])

    def pieces():
        for number in range(int(q["n"])):
            yield b"first %d\n" % number
            yield b"second %d\n" % number
            wait_for(q["name"] + "%d.go" % number)

    return pieces()


@route
def sleep(environ, start_response, q):
    time.sleep(float(q["s"]))
    return answer(start_response, "slept")


@route
def spin(environ, start_response, q):
    """Burn CPU in Python until interrupted."""
    touch("spin.started", str(os.getpid()))
    end = time.monotonic() + float(q["s"])
    while time.monotonic() < end:
        pass
    return answer(start_response, "spun")


@route
def stuck(environ, start_response, q):
    """Keep the GIL in C, for hours: nothing in Python can interrupt it, not even a signal handler."""
    touch("stuck.started", str(os.getpid()))
    return answer(start_response, str(sum(range(10**14))))


@route
def swallow(environ, start_response, q):
    """Catch everything that is thrown in, for s seconds."""
    touch("swallow.started", str(os.getpid()))
    end = time.monotonic() + float(q["s"])
    while time.monotonic() < end:
        try:
            time.sleep(0.05)
        except BaseException:  # noqa: BLE001 - that is the point
            pass
    return answer(start_response, "swallowed")


@route
def memory(environ, start_response, q):
    """Take mb= MiB for a moment."""
    taken = bytearray(int(q["mb"]) << 20)
    return answer(start_response, str(len(taken)))


@route
def die(environ, start_response, q):
    """End this process; how= says in which way."""
    how = q.get("how", "kill")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "segv":
        ctypes.string_at(0)
    elif how == "abort":
        os.abort()
    elif how == "exit":
        os._exit(7)
    wait_for("never")


FORK_HOOKS = {"before": 0, "parent": 0, "child": 0}


def count(name):
    """A hook that counts how often it ran."""

    def hook():
        FORK_HOOKS[name] += 1

    return hook


os.register_at_fork(before=count("before"), after_in_parent=count("parent"), after_in_child=count("child"))


def application(environ, start_response):
    """Find the address."""
    q = {k: v[-1] for k, v in parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True).items()}
    function = ROUTES.get(environ.get("PATH_INFO", ""))
    if function is None:
        return answer(start_response, "no such address", "404 Not Found")
    return function(environ, start_response, q)


def factory():
    """For module = probe:factory()."""
    return application
