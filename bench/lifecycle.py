#!/usr/bin/env python3
"""Compare what a start, a reload and the memory of eight workers cost, on one Django application.

    bench/lifecycle.py [--rounds N] [--servers uswgi,uWSGI,gunicorn,granian] [--reloads]

Servers take turns, and the table shows medians over rounds. bench/README.md says what the columns are.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import measure
import run
import servers

HERE = os.path.dirname(os.path.abspath(__file__))
WORKERS = 8
REQUESTS = 200
# Enough for full collections of Python's garbage collector in every worker.
LATER = 4000


def pss(root):
    """Bytes of the tree, shared pages divided among those who share them."""
    total = 0
    for pid in measure.tree(root):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += sum(int(line.split()[1]) * 1024 for line in f if line.startswith("Pss:"))
        except OSError:
            pass
    return total


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def until(check, seconds, pause=0.001):
    """Seconds until the check holds."""
    begin = time.monotonic()
    while not check():
        if time.monotonic() - begin > seconds:
            return None
        time.sleep(pause)
    return time.monotonic() - begin


def below(root):
    """Workers, and what else the server runs."""
    return set(measure.tree(root)) - {root}


def worked(root, before):
    """How many processes have used the processor since: those that served."""
    after = measure.cpu_by_process(root)
    return sum(1 for pid, seconds in after.items() if pid != root and seconds > before.get(pid, 0))


def reload(server, pause):
    """Seconds from HUP until no process of before is left while all are there again; None: not within a minute."""
    old = {pid for pid in below(server.pid) if not is_helper(pid)}
    os.kill(server.pid, signal.SIGHUP)
    count = min(len(old), WORKERS)
    return until(lambda: not (below(server.pid) & old) and len(below(server.pid)) >= count, 60, pause)


def is_helper(pid):
    """multiprocessing's resource tracker, which granian keeps over a reload."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return b"resource_tracker" in f.read()
    except OSError:
        return True


class Turn:
    """A server with eight workers, started for one measurement."""

    def __init__(self, name, args, folder, preload):
        address = f"127.0.0.1:{run.free_port()}"
        setup = run.Setup("http-close", address, HERE, "django_app.py", args.venv, args.uswgi, f"{folder}/file",
                          f"{folder}/spent", WORKERS, 1, preload=preload)
        with open(setup.spent, "wb") as spent:
            spent.write(bytes(8))
        self.address, self.url = address, f"http://{address}/"
        self.server = servers.Server(name, setup, f"{folder}/{name}.log")
        self.start = until(lambda: get(self.url), 30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()

    def begin_load(self, loadgen, seconds):
        command = [loadgen, f"to={self.address}", "protocol=http-close", f"seconds={seconds}"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def answers(load):
    """Answers and errors of a load, which is waited for."""
    seen = json.loads(load.communicate()[0].splitlines()[-1])
    return seen["requests"], sum(seen["errors"].values())


def start_and_memory(name, args, folder):
    with Turn(name, args, folder, True) as turn:
        # The first answer comes before the last worker.
        time.sleep(1)
        before = measure.cpu_by_process(turn.server.pid)
        for _ in range(REQUESTS):
            get(turn.url)
        found = {"start": turn.start, "memory": pss(turn.server.pid), "served": worked(turn.server.pid, before)}
        for _ in range(LATER - REQUESTS):
            get(turn.url)
        return {**found, "later": pss(turn.server.pid)}


def reloads(name, args, folder, loadgen):
    """A reload with nothing to do, and one under full load beside the same time without one."""
    with Turn(name, args, folder, False) as turn:
        time.sleep(1)
        found = {"reload": reload(turn.server, 0.001)}
        answers(turn.begin_load(loadgen, 1))
        quiet, _ = answers(turn.begin_load(loadgen, args.window))
        load = turn.begin_load(loadgen, args.window)
        time.sleep(0.2)
        # Looking is work too: it must not take the processors from those it looks at.
        found["loaded"] = reload(turn.server, 0.05)
        # A reload that takes longer than the window has no share.
        inside = load.poll() is None and found["loaded"] is not None
        with_reload, found["errors"] = answers(load)
        found["share"] = with_reload / quiet if inside and quiet else None
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--servers", default="uswgi,uWSGI,gunicorn,granian")
    parser.add_argument("--venv", default=os.path.join(run.ROOT, "build/bench-venv"))
    parser.add_argument("--uswgi", default=os.path.join(run.ROOT, "target/release"))
    parser.add_argument("--window", type=float, default=8.0, help="seconds under load, with a reload in them")
    parser.add_argument("--reloads", action="store_true", help="only the reloads: a minute for two servers and two rounds")
    args = parser.parse_args()
    args.uswgi, args.venv = os.path.abspath(args.uswgi), os.path.abspath(args.venv)
    loadgen = run.prepare(args.venv)
    names = args.servers.split(",")
    found = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.rounds):
            for name in names:
                one = {} if args.reloads else start_and_memory(name, args, folder)
                found[name].append({**one, **reloads(name, args, folder, loadgen)})
    print(f"| server | start to first answer, ms | memory (PSS) after {REQUESTS} requests, MiB | processes that served "
          f"| memory after {LATER} | HUP to the last worker "
          f"replaced, ms | the same under load, ms | throughput of {args.window:g} s with that, % | errors |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, rounds in found.items():
        def median(key, scale=1.0):
            values = [r[key] for r in rounds if r.get(key) is not None]
            return f"{statistics.median(values) * scale:.0f}" if values else ""
        columns = [median("start", 1000), median("memory", 1 / 2**20), median("served"),
                   median("later", 1 / 2**20), median("reload", 1000),
                   median("loaded", 1000), median("share", 100), str(sum(r["errors"] for r in rounds))]
        print(f"| {name} | {' | '.join(columns)} |")


if __name__ == "__main__":
    sys.exit(main())
