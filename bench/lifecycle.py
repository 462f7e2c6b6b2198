#!/usr/bin/env python3
"""Compare what a start, a reload and the memory of eight workers cost, on one Django application.

    bench/lifecycle.py [--rounds N] [--servers uswgi,uWSGI,gunicorn,granian]

Servers take turns, and the table shows medians over rounds. `start` is from exec to the first good answer, `memory`
the sum of PSS of the whole process tree after 200 requests, `reload` from HUP until no worker of before is left while
all are there again. gunicorn runs with --preload, except for the reload, where that would keep the old code.
"""

import argparse
import os
import signal
import statistics
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


def until(check, seconds):
    """Seconds until the check holds, looked at each millisecond."""
    begin = time.monotonic()
    while not check():
        if time.monotonic() - begin > seconds:
            return None
        time.sleep(0.001)
    return time.monotonic() - begin


def below(root):
    """Workers, and what else the server runs."""
    return set(measure.tree(root)) - {root}


def once(name, args, folder, preload):
    port = run.free_port()
    address = f"127.0.0.1:{port}"
    setup = run.Setup("http-close", address, HERE, "django_app.py", args.venv, args.uswgi, f"{folder}/file",
                      f"{folder}/spent", WORKERS, 1)
    with open(setup.spent, "wb") as spent:
        spent.write(bytes(8))
    make = servers.ALL[name]
    if name == "gunicorn" and preload:
        servers.ALL[name] = lambda s: [*make(s)[:-1], "--preload", make(s)[-1]]
    url = f"http://{address}/"
    try:
        server = servers.Server(name, setup, f"{folder}/{name}.log")
        start = until(lambda: get(url), 30)
    finally:
        servers.ALL[name] = make
    result = {"start": start}
    try:
        for _ in range(200):
            get(url)
        result["memory"] = pss(server.pid)
        if name != "granian" and not (name == "gunicorn" and preload):
            time.sleep(1)
            old = below(server.pid)
            count = len(old)
            os.kill(server.pid, signal.SIGHUP)
            result["reload"] = until(
                lambda: not (below(server.pid) & old) and len(below(server.pid)) >= min(count, WORKERS), 60
            )
    finally:
        server.stop()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--servers", default="uswgi,uWSGI,gunicorn,granian")
    parser.add_argument("--venv", default=os.path.join(run.ROOT, "build/bench-venv"))
    parser.add_argument("--uswgi", default=os.path.join(run.ROOT, "target/release"))
    args = parser.parse_args()
    run.prepare(args.venv)
    names = args.servers.split(",")
    found = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.rounds):
            for name in names:
                found[name].append(once(name, args, folder, True))
                if name == "gunicorn":
                    found[name][-1]["reload"] = once(name, args, folder, False).get("reload")
    print("| server | start to first answer, ms | memory (PSS), MiB | HUP to the last worker replaced, ms |")
    print("|---|---|---|---|")
    for name, rounds in found.items():
        def median(key, scale):
            values = [r[key] for r in rounds if r.get(key) is not None]
            return f"{statistics.median(values) * scale:.0f}" if values else ""
        print(f"| {name} | {median('start', 1000)} | {median('memory', 1 / 2**20)} | {median('reload', 1000)} |")


if __name__ == "__main__":
    sys.exit(main())
