"""The application that every server runs. A path is a workload."""

import os
import time

HELLO = b"Hello, world!\n"
BIG = b"x" * (1 << 20)
PIECE = b"y" * 256
FILE = os.environ.get("BENCH_FILE", "")


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "14")])
    return [HELLO]


def post(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    answer = b"%8d\n" % len(body)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "9")])
    return [answer]


def big(environ, start_response):
    headers = [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(BIG)))]
    start_response("200 OK", headers)
    return [BIG]


def pieces(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(64 * len(PIECE)))])
    return (PIECE for _ in range(64))


def file(environ, start_response):
    f = open(FILE, "rb")
    size = os.fstat(f.fileno()).st_size
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(size))])
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is not None:
        return wrapper(f, 65536)
    return iter(lambda: f.read(65536), b"")


def sleep(environ, start_response):
    time.sleep(0.020)
    return hello(environ, start_response)


turn = 0


def mixed(environ, start_response):
    """As sleep, but each hundredth request computes for about 50 ms instead."""
    global turn
    turn += 1
    if turn % 100:
        time.sleep(0.020)
    else:
        end = time.thread_time() + 0.050
        while time.thread_time() < end:
            sum(range(1000))
    return hello(environ, start_response)


def work(environ, start_response):
    """5 ms of waiting, as for a database, and 1 ms of Python."""
    time.sleep(0.005)
    end = time.thread_time() + 0.001
    while time.thread_time() < end:
        sum(range(100))
    return hello(environ, start_response)


def accel(environ, start_response):
    """The server in front sends the file."""
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("X-Accel-Redirect", "/protected/file")])
    return []


PATHS = {
    "/": hello, "/post": post, "/big": big, "/pieces": pieces, "/file": file, "/sleep": sleep, "/mixed": mixed, "/work": work,
    "/accel": accel,
}


def application(environ, start_response):
    return PATHS[environ.get("PATH_INFO") or "/"](environ, start_response)
