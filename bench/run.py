#!/usr/bin/env python3
"""Compare uswgi with uWSGI, gunicorn, granian and bjoern: throughput and server CPU per request.

For each workload all servers run at once, and take turns under load: rounds are interleaved, so that
whatever else the machine does falls on all of them. bench/README.md has the method.
"""

import argparse
import getpass
import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import measure
import report
import servers
import workloads

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PACKAGES = ["gevent==26.9.0", "packaging", "uwsgi==2.0.31", "gunicorn==27.0.1", "granian==2.8.7", "bjoern==3.2.2", "django==5.2.19",
            "uvloop==0.23.0", "uvicorn[standard]==0.54.0", "hypercorn==0.18.0"]


@dataclass
class Setup:
    """What a server is started with."""

    protocol: str
    address: str
    folder: str
    app: str
    venv: str
    uswgi: str
    file: str
    spent: str  # where the app counts its own CPU time
    workers: int
    threads: int
    engine: str = ""  # "gevent", "asgi"
    lanes: int = 0
    floor: str = ""  # the program that stands for the least any server can spend; "": it cannot do this workload
    static: str = ""  # a folder that the server itself sends files of, below /static
    preload: bool = False  # gunicorn: import the app before forking, as uswgi and uWSGI always do here

    @property
    def module(self):
        return self.app.removesuffix(".py")


def prepare(venv, peers=True):
    """The load generator, and a virtualenv with Django and the peers."""
    if not os.path.exists(os.path.join(venv, "bin/hypercorn" if peers else "bin/django-admin")):
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [os.path.join(venv, "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        for package in PACKAGES if peers else [p for p in PACKAGES if p.startswith("django")]:
            if subprocess.run([*pip, package]).returncode != 0:
                print(f"{package} cannot be installed; it is left out (bjoern needs libev's headers)", file=sys.stderr)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "build/loadgen"))
    env = dict(os.environ, CARGO_TARGET_DIR=target)
    subprocess.run(["cargo", "build", "-q", "--release"], cwd=os.path.join(HERE, "loadgen"), env=env, check=True)
    return os.path.join(target, "release/loadgen")


def free_port():
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Bench:
    """One workload with its servers."""

    def __init__(self, args, workload, loadgen, folder):
        self.args, self.w, self.loadgen, self.folder = args, workload, loadgen, folder
        self.running, self.front, self.skipped = [], {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.running:
            server.stop()
        for process, _ in self.front.values():
            process.terminate()
            process.wait()

    def start(self):
        for name in self.args.servers:
            if name == "floor" and not self.w.floor:
                continue
            address = f"{self.folder}/{name}.sock" if self.w.unix else f"127.0.0.1:{free_port()}"
            uswgi = self.args.before if name == servers.BEFORE else self.args.uswgi
            setup = Setup(self.w.protocol, address, HERE, self.w.app, self.args.venv, uswgi,
                          f"{self.folder}/file", f"{self.folder}/{name}.spent", self.w.workers, self.w.threads,
                          self.w.engine, self.w.lanes, os.path.join(os.path.dirname(self.loadgen), "floor"),
                          self.folder if self.w.static else "")
            with open(setup.spent, "wb") as spent:
                spent.write(bytes(8))
            try:
                server = servers.Server(name, setup, f"{self.folder}/{name}.log")
            except (servers.Unable, OSError) as e:
                self.skipped[name] = str(e)
                continue
            self.running.append(server)
            try:
                if self.w.nginx:
                    self.start_nginx(server)
                servers.wait_until(lambda: not server.alive() or self.answers(server), 20, f"{name} answers")
                if not server.alive():
                    raise RuntimeError("it ended")
            except RuntimeError as e:
                with open(server.log, errors="replace") as log:
                    last = " | ".join(log.read().strip().splitlines()[-3:])
                self.skipped[name] = f"{e}: {last}"
                print(f"  {name}: left out: {self.skipped[name]}", file=sys.stderr)
                self.running.remove(server)
                server.stop()

    def start_nginx(self, server):
        port, folder = free_port(), f"{self.folder}/nginx-{server.name}"
        os.mkdir(folder)
        with open(f"{folder}/nginx.conf", "w") as conf:
            # Started by root, nginx would take another user, who may not enter the folder.
            user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
            conf.write(f"""daemon off; {user} worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e; keepalive_requests 1000000;
server {{ listen 127.0.0.1:{port}; location / {{ include /etc/nginx/uwsgi_params; uwsgi_pass unix:{server.setup.address}; }} }} }}
""")
        process = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-p", folder],
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        self.front[server.name] = (process, f"127.0.0.1:{port}")

    def command(self, server, **options):
        to = self.front[server.name][1] if self.w.nginx else server.setup.address
        protocol = "http" if self.w.nginx else self.w.protocol
        if server.name == "uWSGI" and self.w.engine == "gevent":
            protocol = "http-close"  # see servers.uwsgi
        options = {"to": to, "protocol": protocol, "path": self.w.path,
                   "clients": self.w.clients, **self.w.options, **options}
        return [self.loadgen, *(f"{k}={v}" for k, v in options.items())]

    def load(self, server, seconds, **options):
        out = subprocess.run(self.command(server, seconds=seconds, **options), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        if out.returncode != 0:
            raise RuntimeError(out.stderr.strip())
        return json.loads(out.stdout.splitlines()[-1])

    def answers(self, server):
        try:
            none = {"idle": 0, "slow-in": 0, "slow-out": 0}
            return self.load(server, 0.2, clients=1, **none)["requests"] > 0
        except RuntimeError:
            return False

    def sample(self, server, **options):
        """One turn: what the load saw, and what it cost the server."""
        before_app = self.spent(server)
        before, by_process = measure.cpu_seconds(server.pid), measure.cpu_by_process(server.pid)
        seen = self.load(server, self.args.seconds, **options)
        seen["cpu_s"] = measure.cpu_seconds(server.pid) - before
        app = self.spent(server) - before_app
        after = measure.cpu_by_process(server.pid)
        busy = sorted((after[p] - by_process.get(p, 0) for p in after), reverse=True)[: self.w.workers]
        seen["spread"] = max(busy) / (sum(busy) / len(busy)) if sum(busy) else 1.0
        seen["cpu_us"] = seen["cpu_s"] / seen["requests"] * 1e6 if seen["requests"] else None
        if app and seen["requests"]:
            seen["own_us"] = (seen["cpu_s"] - app) / seen["requests"] * 1e6
        return seen

    def spent(self, server):
        with open(server.setup.spent, "rb") as f:
            return int.from_bytes(f.read(8), "little") / 1e9

    def crowd(self, server):
        """A turn with and one without a crowd of other connections; memory for each of them."""
        none = {"idle": 0, "slow-in": 0, "slow-out": 0}
        alone = self.sample(server, **none)
        held = measure.rss(server.pid)
        crowd = subprocess.Popen(self.command(server, **{**self.w.crowd, "clients": 0, "hold": 1, "seconds": 0}), stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = crowd.stdout.readline()
        try:
            if not line:
                raise RuntimeError(crowd.stderr.read().strip())
            count = json.loads(line)["held"]
            time.sleep(1)
            memory = (measure.rss(server.pid) - held) / count
            # The crowd's first requests must not be counted as its burden.
            time.sleep(1)
            seen = self.sample(server, **none)
        finally:
            if crowd.poll() is None:
                crowd.communicate("\n", timeout=60)
        seen["alone_rps"] = alone["rps"]
        seen["share"] = seen["rps"] / alone["rps"] if alone["rps"] else 0
        seen["bytes_each"] = memory
        return seen

    def run(self):
        samples = {server.name: [] for server in self.running}
        for server in self.running:
            self.load(server, min(1.0, self.args.seconds), **{"idle": 0, "slow-in": 0, "slow-out": 0})
        for turn in range(self.args.rounds):
            order = self.running[turn % len(self.running):] + self.running[: turn % len(self.running)]
            for server in order:
                try:
                    sample = self.crowd(server) if self.w.special else self.sample(server)
                except RuntimeError as e:
                    sample = {"requests": 0, "rps": 0, "cpu_us": None, "p99_us": 0, "errors": {str(e): 1}}
                samples[server.name].append(sample)
        return samples


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [w.name for w in workloads.ALL]
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of: {' '.join(names)} (default: all)")
    parser.add_argument("--servers", default=",".join(servers.ALL), help="comma-separated (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns for each server (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn (default: %(default)s)")
    parser.add_argument("--uswgi", default=os.path.join(ROOT, "target/release"), help="folder of our commands")
    parser.add_argument("--before", help="folder of an earlier build of ours, to compare with the one of --uswgi alone")
    parser.add_argument("--venv", default=os.path.join(ROOT, "build/bench-venv"), help="virtualenv of the peers")
    parser.add_argument("--json", default=os.path.join(ROOT, "build/bench.json"), help="file for all samples")
    args = parser.parse_args()
    args.servers = args.servers.split(",")
    if args.before:
        args.before, args.servers = os.path.abspath(args.before), ["uswgi", servers.BEFORE]
    args.uswgi, args.venv = os.path.abspath(args.uswgi), os.path.abspath(args.venv)
    unknown = [n for n in args.workloads if n not in names]
    unknown += [n for n in args.servers if n not in [*servers.ALL, servers.BEFORE]]
    if unknown:
        parser.error(f"unknown: {' '.join(unknown)}")
    # Ended from outside, it must still stop what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loadgen = prepare(args.venv, peers=not args.before)
    result = {"date": time.strftime("%Y-%m-%d"), "machine": platform.machine(), "kernel": platform.release(),
              "cpus": os.cpu_count(), "rounds": args.rounds, "seconds": args.seconds, "workloads": {}}
    for w in workloads.ALL:
        if args.workloads and w.name not in args.workloads:
            continue
        folder = tempfile.mkdtemp(prefix="uswgi-bench-")
        try:
            with open(f"{folder}/file", "wb") as f:
                f.write(os.urandom(1 << 20) * 10)
            with Bench(args, w, loadgen, folder) as bench:
                bench.start()
                if not bench.running:
                    continue
                found = {"title": w.title, "skipped": bench.skipped, "samples": bench.run()}
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        result["workloads"][w.name] = found
        print(report.table(w, found), flush=True)
    os.makedirs(os.path.dirname(os.path.abspath(args.json)), exist_ok=True)
    with open(args.json, "w") as f:
        json.dump(result, f, indent=1)
    print(f"all samples: {args.json}")


if __name__ == "__main__":
    main()
