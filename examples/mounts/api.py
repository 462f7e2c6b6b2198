"""What programs see."""

import json


def application(environ, start_response):
    """Says where it is mounted, and what is asked for below that."""
    seen = {"mounted_at": environ["SCRIPT_NAME"], "path": environ["PATH_INFO"]}
    body = json.dumps(seen).encode() + b"\n"
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
