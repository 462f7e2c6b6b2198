#!/usr/bin/env python3
"""Compare the ways from nginx to a server: CPU of the server and of nginx for a request, and the rate.

    bench/front.py [--rounds N] [--seconds S] [--path /] [--app app.py] [WAY ...]

A way is a server and how nginx speaks to it (`--list`). All run at the same time and have turns, as in run.py; nginx is one process
for each way. Needs nginx, the peers of run.py and a release build of ours.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile

import measure
import run
import servers

# Name: server, protocol of its socket, over a unix socket, what nginx is told.
UWSGI = "include /etc/nginx/uwsgi_params; uwsgi_pass unix:{address};"
PROXY = ("proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme; "
         "proxy_set_header X-Forwarded-For $remote_addr; proxy_http_version 1.1; ")
KEPT = PROXY + 'proxy_set_header Connection ""; proxy_pass http://kept;'
EACH = PROXY + "proxy_pass http://{where};"
WAYS = {
    "uWSGI/uwsgi_pass": ("uWSGI", "uwsgi", True, UWSGI),
    "uswgi/uwsgi_pass": ("uswgi", "uwsgi", True, UWSGI),
    "uswgi/proxy_pass-kept": ("uswgi", "http", True, KEPT),
    "uswgi/proxy_pass-kept-tcp": ("uswgi", "http", False, KEPT),
    "uswgi/proxy_pass-each": ("uswgi", "http", True, EACH),
    "gunicorn/proxy_pass-kept": ("gunicorn", "http", True, KEPT),
    "granian/proxy_pass-kept-tcp": ("granian", "http", False, KEPT),
}
FIRST = "uWSGI/uwsgi_pass"


def begin(way, args, folder):
    """A server, its nginx, and where clients ask."""
    name, protocol, unix, told = WAYS[way]
    place = os.path.join(folder, way.replace("/", "-"))
    os.mkdir(place)
    address = f"{place}/s" if unix else f"127.0.0.1:{run.free_port()}"
    setup = run.Setup(protocol, address, run.HERE, args.app, args.venv, args.uswgi, f"{folder}/file", f"{place}/spent", args.workers, 1)
    with open(setup.spent, "wb") as spent:
        spent.write(bytes(8))
    server = servers.Server(name, setup, f"{place}/log")
    port, where = run.free_port(), f"unix:{address}" if unix else address
    user = "user root;" if os.geteuid() == 0 else ""
    with open(f"{place}/nginx.conf", "w") as conf:
        conf.write(f"""daemon off; {user} worker_processes 1; pid {place}/pid; error_log {place}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_temp_path {place}/a; proxy_temp_path {place}/b; fastcgi_temp_path {place}/c;
uwsgi_temp_path {place}/d; scgi_temp_path {place}/e; keepalive_requests 1000000;
upstream kept {{ server {where}; keepalive {args.clients}; keepalive_requests 1000000; }}
server {{ listen 127.0.0.1:{port}; location / {{ {told.format(address=address, where=where)} }}
location /protected/ {{ internal; alias {folder}/; }} }} }}
""")
    nginx = subprocess.Popen(["nginx", "-c", f"{place}/nginx.conf", "-p", place], stderr=subprocess.DEVNULL, start_new_session=True)
    return server, nginx, f"127.0.0.1:{port}"


def load(loadgen, args, to, seconds, clients):
    command = [loadgen, f"to={to}", "protocol=http", f"path={args.path}", f"clients={clients}", f"seconds={seconds}"]
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return json.loads(out.stdout.splitlines()[-1]) if out.returncode == 0 else {"requests": 0, "errors": {out.stderr: 1}}


def turn(loadgen, args, server, nginx, to):
    before = measure.precise_cpu_seconds(server.pid), measure.precise_cpu_seconds(nginx.pid)
    seen = load(loadgen, args, to, args.seconds, args.clients)
    after = measure.precise_cpu_seconds(server.pid), measure.precise_cpu_seconds(nginx.pid)
    each = [(b - a) * 1e6 / seen["requests"] for a, b in zip(before, after)]
    return {"server": each[0], "nginx": each[1], "both": sum(each), "rps": seen["rps"], "p99": seen["p99_us"] / 1000, "errors": sum(seen["errors"].values())}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ways", nargs="*", metavar="WAY")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--app", default="app.py")
    parser.add_argument("--path", default="/")
    parser.add_argument("--venv", default=os.path.join(run.ROOT, "build/bench-venv"))
    parser.add_argument("--uswgi", default=os.path.join(run.ROOT, "target/release"))
    args = parser.parse_args()
    if args.list or set(args.ways) - set(WAYS):
        return print("\n".join(WAYS))
    args.uswgi, args.venv = os.path.abspath(args.uswgi), os.path.abspath(args.venv)
    loadgen = run.prepare(args.venv)
    running, samples = {}, {}
    with tempfile.TemporaryDirectory(prefix="uswgi-bench-") as folder:
        with open(f"{folder}/file", "wb") as f:
            f.write(os.urandom(1 << 20) * 10)
        try:
            for way in args.ways or WAYS:
                running[way] = begin(way, args, folder)
                servers.wait_until(lambda: load(loadgen, args, running[way][2], 0.2, 1)["requests"], 30, f"{way} answers")
            for number in range(args.rounds):
                order = list(running)
                for way in order[number % len(order):] + order[:number % len(order)]:
                    samples.setdefault(way, []).append(turn(loadgen, args, *running[way]))
        finally:
            for server, nginx, _ in running.values():
                nginx.terminate()
                server.stop()
                nginx.wait()
    first = samples.get(FIRST)
    print(f"{'way':<30} {'server us':>10} {'nginx us':>10} {'both us':>10} {'noise':>6} {'of the first':>13} {'req/s':>8} {'p99 ms':>8} {'errors':>7}")
    for way, turns in samples.items():
        def middle(key):
            return statistics.median(t[key] for t in turns)
        both = [t["both"] for t in turns]
        # Ratios within a round, as what else the machine does falls on all of it.
        ratio = statistics.median(t["both"] / f["both"] for t, f in zip(turns, first)) if first else 0
        print(f"{way:<30} {middle('server'):>10.1f} {middle('nginx'):>10.1f} {middle('both'):>10.1f} {(max(both) - min(both)) / middle('both'):>6.0%} "
              f"{ratio:>13.2f} {middle('rps'):>8.0f} {middle('p99'):>8.2f} {sum(t['errors'] for t in turns):>7}")


if __name__ == "__main__":
    main()
