"""Says what a configuration has made of a request and of its process, as text that two servers can have in common."""

import os
import resource
import sys

import uwsgi

# Names of the request and of uwsgi.opt that every case has, or one of the servers alone.
LEFT_OUT = {"REMOTE_PORT", "SERVER_PORT", "SERVER_NAME", "uwsgi.node", "uwsgi.core", "uwsgi.version", "wsgi.input_terminated", "HTTP_CONNECTION",
            "http-socket", "wsgi-file", "master", "forwarded-allow-ips", "need-app", "UWSGI_ROUTER", "UWSGI_APPID", "enable-threads", "py-call-osafterfork", "py-call-uwsgi-fork-hooks"}
DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
requests = 0


def seen(environ):
    """Variables of the request and flags of the server, one a line."""
    text = ""
    for name in sorted(environ):
        value = environ[name]
        # An empty SCRIPT_NAME may as well be none (PEP 3333).
        if name in LEFT_OUT or (name, value) == ("SCRIPT_NAME", "") or not isinstance(value, (str, bytes, bool, int, float)):
            continue
        text += "%s=%s\n" % (name, value)
    return text


def process():
    """What options make of a process."""
    # One of the servers writes a slash behind a folder.
    path = [p.rstrip("/") for p in sys.path if p.startswith(DIR)]
    mask = os.umask(0o022)
    os.umask(mask)
    facts = {
        "cwd": os.getcwd(),
        "umask": "%03o" % mask,
        "user": "%d:%d %s" % (os.getuid(), os.getgid(), sorted(os.getgroups())),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0] if "limits" in os.environ else "-",
        "memory": resource.getrlimit(resource.RLIMIT_AS)[0] if "limits" in os.environ else "-",
        "argv": sys.argv if "argv" in os.environ else "-",
        "executable": sys.executable if "executable" in os.environ else "-",
        "flags": [sys.flags.optimize],
        "path": path,
        "env": sorted("%s=%s" % item for item in os.environ.items() if item[0].startswith("TAIL_")),
        "modules": sorted(m for m in sys.modules if m.startswith("side")),
        "workers": [uwsgi.numproc, uwsgi.worker_id()],
        "mode": getattr(uwsgi, "mode", None),
        "buffer": uwsgi.buffer_size if "limits" in os.environ else "-",
        "cpus": len(os.sched_getaffinity(0)) if "cpus" in os.environ else "-",
    }
    return "".join("%s=%s\n" % item for item in facts.items())


def options():
    """uwsgi.opt, but for what every case has."""
    text = ""
    for name in sorted(uwsgi.opt):
        if name in LEFT_OUT:
            continue
        value = uwsgi.opt[name]
        text += "%s=%s\n" % (name, value)
    return text


def trace():
    """What hooks have written."""
    try:
        with open(os.path.join(DIR, "trace")) as file:
            return file.read()
    except FileNotFoundError:
        return "-"


def application(environ, start_response):
    global requests
    requests += 1
    path = environ.get("PATH_INFO", "")
    status, body = "200 OK", None
    headers = [("Content-Type", "text/plain"), ("X-App", "one")]
    if path.startswith("/status/"):
        status = path[8:] + " Of the App"
        body = "status"
    elif path.startswith("/raise"):
        raise ValueError("raised in the app") if path == "/raise" else KeyError(path[7:])
    elif path == "/process":
        body = process()
    elif path == "/options":
        body = options()
    elif path == "/trace":
        body = trace()
    elif path == "/body":
        data = environ["wsgi.input"].read()
        body = "%d %s\n" % (len(data), data[:40].decode("latin-1"))
    elif path == "/cache":
        names = environ.get("QUERY_STRING", "").split("&")
        body = "".join("%s=%s\n" % (n, uwsgi.cache_get(n)) for n in names)
    elif path == "/count":
        body = "%d\n" % requests
    elif path == "/pieces":
        start_response(status, headers)
        return iter([b"one ", b"two ", b"", b"three\n"])
    elif path == "/file":
        start_response(status, headers)
        return environ["wsgi.file_wrapper"](open(os.path.join(DIR, "files/f.txt"), "rb"))
    elif path == "/none":
        headers = []
        body = ""
    else:
        body = seen(environ)
    start_response(status, headers)
    return [body.encode("latin-1")]


def second(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-App", "second")])
    return [("second %s %s\n" % (environ.get("SCRIPT_NAME", ""), environ["PATH_INFO"])).encode("latin-1")]


def factory():
    return second


def filtered(loader=None, global_conf=None, **local):
    """An application as a paste file names it."""
    return second
