"""What visitors see."""


def application(environ, start_response):
    """A page with a link to the other application."""
    body = b'<h1>Front</h1><a href="/api/status">status</a>\n'
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
    return [body]
