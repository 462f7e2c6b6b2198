"""How each server is started for a workload: the same app, workers, threads, backlog, no access log."""

import os
import subprocess
import sys
import time

BACKLOG = 1024


class Unable(Exception):
    """The server cannot do this workload."""


def _uwsgi_arguments(setup, http):
    option = {"uwsgi": "--socket"}.get(setup.protocol, http)
    # A file of ours may be named as a package of the venv: gevent_app.py is none of gevent's, and imports it.
    loads = ["--module", setup.module] if setup.engine else ["--wsgi-file", setup.app]
    arguments = [
        option, setup.address, "--chdir", setup.folder, *loads, "--home", setup.venv,
        "--master", "--processes", str(setup.workers), "--listen", str(BACKLOG), "--buffer-size", "16384",
        "--disable-logging",
    ]
    if setup.threads > 1:
        arguments += ["--threads", str(setup.threads)]
    if setup.engine == "gevent":
        arguments += ["--gevent", str(setup.lanes)]
    if setup.static:
        arguments += ["--static-map", f"/static={setup.static}"]
    return arguments


def uswgi(setup):
    tasks = ["--asgi", "--asgi-tasks", str(setup.lanes)] if setup.engine == "asgi" else []
    return [os.path.join(setup.uswgi, "uswgi-master"), *_uwsgi_arguments(setup, "--http-socket"), *tasks]


def uwsgi(setup):
    if setup.engine == "asgi":
        raise Unable("no ASGI")
    # http-socket closes behind every answer; http11-socket keeps the connection, but answers nobody in greenlets.
    keeps = setup.protocol == "http" and setup.engine != "gevent"
    http = "--http11-socket" if keeps else "--http-socket"
    extra = [] if setup.app == "app.py" else ["--need-app"]
    return [os.path.join(setup.venv, "bin/uwsgi"), *_uwsgi_arguments(setup, http), "--die-on-term", *extra]


def gunicorn(setup):
    if setup.engine == "asgi":
        raise Unable("its ASGI worker is uvicorn's")
    if setup.static:
        raise Unable("no static files")
    bind = f"unix:{setup.address}" if setup.address.startswith("/") else setup.address
    arguments = [
        os.path.join(setup.venv, "bin/gunicorn"), "--chdir", setup.folder, "-b", bind, "-w", str(setup.workers),
        "--backlog", str(BACKLOG), "--log-level", "error", "-k", "gthread", "--threads", str(setup.threads),
        "--keep-alive", "75", "--worker-connections", "20000",
    ]
    if setup.protocol == "uwsgi":
        # The sync worker is the faster one where every connection has one request.
        kind = arguments.index("gthread")
        arguments[kind] = "gthread" if setup.threads > 1 else "sync"
        arguments += ["--protocol", "uwsgi", "--uwsgi-allow-from", "*"]
    if setup.engine == "gevent":
        arguments[arguments.index("gthread")] = "gevent"
        arguments[arguments.index("--worker-connections") + 1] = str(setup.lanes)
    if setup.preload:
        arguments.append("--preload")
    return [*arguments, f"{setup.module}:application"]


def granian(setup):
    if setup.protocol == "uwsgi":
        raise Unable("no uwsgi protocol")
    if setup.engine == "gevent":
        raise Unable("no greenlets")
    host, port = setup.address.rsplit(":", 1)
    kind = ["--interface", "wsgi", "--blocking-threads", str(setup.threads), "--no-ws"]
    if setup.engine == "asgi":
        kind = ["--interface", "asgi", "--loop", "uvloop", "--ws"]
    if setup.static:
        kind += ["--static-path-route", "/static", "--static-path-mount", setup.static]
    return [
        os.path.join(setup.venv, "bin/granian"), *kind, "--host", host, "--port", port, "--workers", str(setup.workers),
        "--backlog", str(BACKLOG), "--no-log", "--working-dir", setup.folder, f"{setup.module}:application",
    ]


def _needs_asgi(setup):
    if setup.engine != "asgi":
        raise Unable("ASGI only")


def uvicorn(setup):
    _needs_asgi(setup)
    host, port = setup.address.rsplit(":", 1)
    return [
        os.path.join(setup.venv, "bin/uvicorn"), "--host", host, "--port", port, "--loop", "uvloop", "--http", "httptools",
        "--backlog", str(BACKLOG), "--no-access-log", "--log-level", "error", "--app-dir", setup.folder,
        "--timeout-keep-alive", "75", f"{setup.module}:application",
    ]


def hypercorn(setup):
    _needs_asgi(setup)
    return [
        os.path.join(setup.venv, "bin/hypercorn"), "--bind", setup.address, "--worker-class", "uvloop", "--workers",
        str(setup.workers), "--backlog", str(BACKLOG), "--log-level", "error", "--keep-alive", "75",
        f"{setup.module}:application",
    ]


def bjoern(setup):
    if setup.protocol == "uwsgi":
        raise Unable("no uwsgi protocol")
    if setup.threads > 1 or setup.workers > 1:
        raise Unable("one process, one thread")
    if setup.engine:
        raise Unable("plain WSGI only")
    if setup.static:
        raise Unable("no static files")
    host, port = setup.address.rsplit(":", 1)
    code = (
        f"import sys; sys.path.insert(0, {setup.folder!r}); import bjoern, {setup.module}; "
        f"bjoern.run({setup.module}.application, {host!r}, {port})"
    )
    return [os.path.join(setup.venv, "bin/python"), "-c", code]


# CPU that the floor spends in place of the Django page: about as much as the page.
PAGE_US = 300


def floor(setup):
    page = [f"page-us={PAGE_US}", f"spent={setup.spent}"] if setup.app == "django_app.py" else []
    return [setup.floor, f"to={setup.address}", f"protocol={setup.protocol}", f"workers={setup.workers}", *page]


ALL = {"uswgi": uswgi, "uWSGI": uwsgi, "gunicorn": gunicorn, "granian": granian, "bjoern": bjoern, "uvicorn": uvicorn,
       "hypercorn": hypercorn, "floor": floor}
# An earlier build of ours, in a folder of its own.
BEFORE = "before"


class Server:
    """A running server."""

    def __init__(self, name, setup, log, command=None):
        self.name, self.setup = name, setup
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "UWSGI", "VIRTUAL_ENV"))}
        env["BENCH_FILE"], env["BENCH_SPENT"] = setup.file, setup.spent
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                command or (uswgi if name == BEFORE else ALL[name])(setup), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=setup.folder, env=env,
                start_new_session=True,
            )
        self.log = log

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(8)
            except subprocess.TimeoutExpired:
                print(f"{self.name} does not stop; killed", file=sys.stderr)
                # Its session is its own: nobody else is hit.
                os.killpg(self.process.pid, 9)
                self.process.wait()


def wait_until(check, seconds, what):
    """Ask until the answer is true."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} within {seconds} s: no")
        time.sleep(0.05)
