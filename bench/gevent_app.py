"""The WSGI application of the greenlets: a hello, and one that waits 100 ms in gevent's loop."""

import gevent

HELLO = b"Hello, world!\n"


def application(environ, start_response):
    if environ["PATH_INFO"] == "/wait":
        gevent.sleep(0.1)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "14")])
    return [HELLO]
