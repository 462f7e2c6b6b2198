"""The smallest application."""


def application(environ, start_response):
    """A page."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "18")])
    return [b"Hello from Docker\n"]
