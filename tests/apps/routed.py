"""Says what a request is after the rules of its site: one line, then the variables that rules may have set. Rules may call
the function `joined`."""

import uwsgi

SHOWN = ("REQUEST_METHOD", "REQUEST_URI", "PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "REMOTE_USER", "REMOTE_ADDR",
         "DOCUMENT_ROOT", "wsgi.url_scheme", "HTTP_HOST")


def joined(*arguments):
    return b"+".join(arguments)


uwsgi.register_rpc("joined", joined)


def application(environ, start_response):
    headers = [("Content-Type", "text/plain"), ("X-App", "one"), ("X-App", "two")]
    if "HTTP_X_FILE" in environ:
        headers.append(("X-Sendfile", environ["HTTP_X_FILE"]))
    start_response(environ.get("HTTP_X_STATUS", "200 OK"), headers)
    line = [environ.get(name, "-") for name in SHOWN]
    line += ["%s=%s" % (name, environ[name]) for name in sorted(environ) if name.startswith("V_")]
    if environ.get("HTTP_X_READ"):
        line.append(environ["wsgi.input"].read().decode("latin-1"))
    text = ("|".join(line) + "\n").encode("latin-1")
    return [text[:5], b"", text[5:]] if environ.get("HTTP_X_PIECES") else [text]
