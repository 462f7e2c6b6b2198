"""What is measured, and what we want to reach (issue 6)."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    protocol: str = "http"  # uwsgi, http (persistent), http-close
    unix: bool = False
    nginx: bool = False  # nginx between the clients and the server
    app: str = "app.py"
    path: str = "/"
    workers: int = 1
    threads: int = 1
    engine: str = ""  # "gevent", "asgi": what runs the requests instead of threads
    lanes: int = 0  # greenlets or tasks in each worker
    clients: int = 32
    static: bool = False  # the server's own static files, below /static
    options: dict = field(default_factory=dict)  # of loadgen
    # "cpu" or "rps": {peer: ratio}; cpu is at most ratio x the peer's, rps at least. "*": the best peer.
    # "most" or "least": {number of ours: limit}.
    targets: dict = field(default_factory=dict)
    floor: bool = False  # measured beside what no server can go below, too
    special: str = ""  # "idle", "slow": two runs, without and with a crowd
    crowd: dict = field(default_factory=dict)  # options of the crowd, where they are not those of the clients


ALL = [
    Workload("hello-uwsgi", "hello, uwsgi over a unix socket, a connection each", protocol="uwsgi", unix=True, floor=True,
             targets={"cpu": {"uWSGI": 0.70}, "rps": {"uWSGI": 1.3}}),
    Workload("hello-http", "hello, HTTP keep-alive", floor=True,
             targets={"cpu": {"bjoern": 0.95}, "rps": {"bjoern": 1.0, "granian": 1.6, "uWSGI": 5.0}}),
    Workload("hello-uwsgi-tcp", "hello, uwsgi over TCP, a connection each", protocol="uwsgi", floor=True,
             targets={"cpu": {"uWSGI": 0.75}, "rps": {"uWSGI": 1.1}}),
    Workload("nginx", "hello through nginx, uwsgi over a unix socket, 2 workers", protocol="uwsgi", unix=True,
             nginx=True, workers=2, floor=True, targets={"cpu": {"uWSGI": 0.75}, "rps": {"uWSGI": 1.1}}),
    Workload("post", "16 KiB POST read by the app, HTTP", path="/post", options={"body": 16384},
             targets={"cpu": {"*": 1.0}}),
    Workload("big", "1 MiB body, HTTP", path="/big", clients=8, targets={"cpu": {"*": 1.0}}),
    Workload("pieces", "generator of 64 x 256 bytes, HTTP", path="/pieces", targets={"cpu": {"*": 1.0}}),
    Workload("file", "file_wrapper of 10 MiB, HTTP", path="/file", clients=4, targets={"cpu": {"*": 0.9}}),
    Workload("headers", "4 KiB of request headers, HTTP", options={"header-bytes": 4096},
             targets={"cpu": {"*": 1.0}}),
    Workload("django", "Django page, uwsgi over a unix socket", protocol="uwsgi", unix=True, app="django_app.py",
             floor=True, targets={"own": {"uWSGI": 0.7}}),
    Workload("sleep", "threads = 8, app sleeps 20 ms, 64 clients, HTTP", path="/sleep", threads=8, clients=64,
             targets={"rps": {"*": 1.0}, "p99": {"*": 1.0}}),
    Workload("mixed", "the same with 1 % CPU-bound requests", path="/mixed", threads=8, clients=64,
             targets={"rps": {"*": 1.0}, "p99": {"*": 1.0}}),
    Workload("work", "threads = 8, app waits 5 ms and computes 1 ms, 32 clients, HTTP", path="/work", threads=8,
             targets={"rps": {"*": 1.0}, "p99": {"*": 0.8}}),
    Workload("static", "static file of 10 MiB, HTTP", path="/static/file", clients=4, static=True, targets={"cpu": {"*": 0.9}}),
    Workload("idle", "hello, HTTP keep-alive, beside 10,000 idle connections", special="idle",
             options={"idle": 10000}),
    Workload("slow", "hello, HTTP keep-alive, beside 500 slow senders and 500 slow readers", special="slow",
             options={"slow-in": 500, "slow-out": 500}),
    Workload("gevent", "hello in greenlets (gevent = 100), HTTP keep-alive", app="gevent_app.py", engine="gevent", lanes=100,
             targets={"cpu": {"uWSGI": 0.50, "gunicorn": 0.50}}),
    Workload("gevent-wait", "gevent = 1000, 1,000 clients that each wait 100 ms, HTTP keep-alive", app="gevent_app.py",
             engine="gevent", lanes=1000, path="/wait", clients=1000, targets={"rps": {"*": 1.2}, "most": {"p99_us": 130_000}}),
    Workload("asgi", "ASGI hello, HTTP keep-alive, uvloop", app="asgi_app.py", engine="asgi", lanes=256,
             targets={"cpu": {"*": 0.80}, "rps": {"*": 1.25}}),
    Workload("websocket", "ASGI, WebSocket echo of 64 bytes, 100 connections", app="asgi_app.py", engine="asgi", lanes=256,
             protocol="websocket", clients=100, options={"body": 64}, targets={"rps": {"*": 1.2}}),
    Workload("websocket-idle", "ASGI hello beside 10,000 idle WebSockets", app="asgi_app.py", engine="asgi", lanes=10_100,
             special="idle", options={"idle": 10000}, crowd={"protocol": "websocket"}, targets={"least": {"share": 0.95}}),
]
