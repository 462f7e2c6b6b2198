"""Applications that hurt the server that runs them: each address does one thing that real ones do by mistake. Runs on CPython 3.9."""

import atexit
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

MODE = os.environ.get("MODE", "")
if "manager" in MODE:
    SHARED = multiprocessing.get_context("fork").Manager().dict()
if "comes back" in MODE:
    os.fork()


def square(n):
    return n * n


def pool(start):
    with multiprocessing.get_context(start).Pool(2) as workers:
        return str(sum(workers.map(square, range(10))))


def ends_as(child):
    pid = os.fork()
    if pid == 0:
        child()
        os._exit(99)
    return str(os.waitpid(pid, 0)[1])


def own_handler():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append("handled"))
    os.kill(os.getpid(), signal.SIGTERM)
    signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
    return ",".join(seen)


def told_to_end():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.05)
    return "alive"


def counted():
    SHARED["n"] = SHARED.get("n", 0) + 1
    return str(SHARED["n"])


def in_a_thread(what):
    threading.Thread(target=what).start()
    time.sleep(60)


def deep():
    """Every call of Python lies on calls of C."""
    sys.setrecursionlimit(10**9)

    def again(_):
        return list(map(again, [0]))

    again(0)


def long_lines():
    for _ in range(8):
        sys.stdout.write("x" * (1 << 18))
    sys.stdout.flush()
    os.write(2, b"y" * (1 << 20))
    return "written"


def close_outputs():
    sys.stdout.close()
    sys.stderr.close()
    os.close(1)
    os.close(2)
    return "closed"


def elsewhere():
    os.chdir("/")
    os.umask(0o777)
    return "moved"


def for_ever():
    while True:
        time.sleep(60)


def returned(value, *_):
    return value


PATHS = {
    "/pool": lambda: pool("fork"),
    "/pool-spawned": lambda: pool("spawn"),
    "/fork": lambda: ends_as(lambda: os._exit(7)),
    "/fork-told": lambda: ends_as(lambda: os.kill(os.getpid(), signal.SIGTERM)),
    "/fork-interrupted": lambda: ends_as(lambda: os.kill(os.getpid(), signal.SIGINT)),
    "/preexec": lambda: subprocess.run(["echo", "ran"], preexec_fn=os.setsid, stdout=subprocess.PIPE).stdout.decode().strip(),
    "/exit": lambda: sys.exit(5),
    "/interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
    "/exit-at-once": lambda: os._exit(5),
    "/abort": os.abort,
    "/alarm": lambda: (signal.setitimer(signal.ITIMER_REAL, 0.01), time.sleep(60)),
    "/crash": lambda: ctypes.string_at(0),
    "/crash-in-a-thread": lambda: in_a_thread(lambda: ctypes.string_at(0)),
    "/deep": deep,
    "/long-lines": long_lines,
    "/close-outputs": close_outputs,
    "/elsewhere": elsewhere,
    "/own-handler": own_handler,
    "/told-to-end": told_to_end,
    "/block-signals": lambda: returned("blocked", signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())),
    "/thread-stays": lambda: returned("started", threading.Thread(target=for_ever).start()),
    "/late-atexit": lambda: returned("registered", atexit.register(time.sleep, 60)),
    "/hold-the-gil": lambda: str(ctypes.PyDLL(None).sleep(60)),
    "/counted": counted,
    "/": lambda: str(os.getpid()),
}


def application(environ, start_response):
    body = PATHS[environ["PATH_INFO"]]().encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
