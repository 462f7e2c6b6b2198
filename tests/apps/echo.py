"""Says how a server understood a request: method, path, bytes of body. For the comparison of servers."""


def application(environ, start_response):
    """One line."""
    try:
        body = environ["wsgi.input"].read()
    except Exception:  # noqa: BLE001 - a body that a server breaks off
        body = b"?"
    text = "%s %s %d" % (environ["REQUEST_METHOD"], environ["PATH_INFO"], len(body))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text.encode("latin-1"))))])
    return [text.encode("latin-1")]
