"""Answers what is no file."""


def application(environ, start_response):
    """A page with a style sheet."""
    body = b'<link rel="stylesheet" href="/static/style.css"><h1>From Python</h1>\n'
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
    return [body]
