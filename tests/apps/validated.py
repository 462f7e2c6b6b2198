"""wsgiref.validate around an application that does a bit of everything; a breach of PEP 3333 raises AssertionError."""

import hashlib
from wsgiref.validate import validator


def plain(environ, start_response):
    """By method and path: read the body in every way the validator knows, answer in every way."""
    stream, digest, size = environ["wsgi.input"], hashlib.sha256(), 0
    first = stream.readline()
    lines = stream.readlines(1)
    some = stream.read(3)
    for piece in [first, *lines, some, *stream]:
        digest.update(piece)
        size += len(piece)
    environ["wsgi.errors"].write("validated\n")
    environ["wsgi.errors"].flush()
    path = environ.get("PATH_INFO", "")
    if path == "/204":
        start_response("204 No Content", [])
        return []
    if path == "/304":
        start_response("304 Not Modified", [("ETag", '"a"')])
        return []
    body = ("%d %s" % (size, digest.hexdigest())).encode()
    if path == "/write":
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(body)
        return [b""]
    if path == "/generator":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (bytes([b]) for b in body)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


application = validator(plain)
