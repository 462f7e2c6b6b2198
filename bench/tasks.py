#!/usr/bin/env python3
"""Measures work beside requests: spooler, mules and timers of uswgi beside uWSGI's, the same application.

    bench/tasks.py --uswgi target/release/uswgi-master --uwsgi build/test/uwsgi/bin/uwsgi --home build/test/uwsgi

The servers run one after the other, in turns, several rounds; the numbers are medians.

* enqueue: one request calls uwsgi.spool() with an empty task again and again, nobody runs them.
* run: a server starts over that folder, with one spooler process; from the first task's begin to the last one's.
* mule: one request sends short messages, a mule takes them by uwsgi.mule_get_msg(); from the first to the last.
* timer: so many timers of a second each; how much later than its own earliest one a tick comes (99th percentile).
* idle: CPU time of a spooler and two mules that have nothing to do.

uWSGI never brings a task to disk; of uswgi both are measured, without fsync and with it (`spooler-fsync`, its default).
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from measure import tree

APP = '''
import json, os, time, uwsgi

OUT = os.environ["BENCH_OUT"]
WANTED = int(os.environ["BENCH_TASKS"])
TIMERS = int(os.environ["BENCH_TIMERS"])
state = {"n": 0, "began": 0}


def note(name, value):
    with open(os.path.join(OUT, name + ".new"), "w") as f:
        json.dump(value, f)
    os.rename(os.path.join(OUT, name + ".new"), os.path.join(OUT, name))


def task(env):
    state["n"] += 1
    if state["n"] == 1:
        state["began"] = time.monotonic()
    elif state["n"] == WANTED:
        note("run", time.monotonic() - state["began"])
    return uwsgi.SPOOL_OK


uwsgi.spooler = task
ticks = {}


def tick(number):
    ticks.setdefault(number, []).append(time.monotonic())
    note("ticks", list(ticks.values()))


for number in range(1, TIMERS + 1):
    uwsgi.register_signal(number, "", tick)
    uwsgi.add_timer(number, 1)


def application(environ, start_response):
    what = environ["PATH_INFO"]
    began = time.monotonic()
    if what == "/enqueue":
        for _ in range(WANTED):
            uwsgi.spool({b"k": b"v"})
    elif what == "/mule":
        note("began", began)
        for _ in range(WANTED):
            while uwsgi.mule_msg(b"message", 1) is not True:
                time.sleep(0)
    body = json.dumps(time.monotonic() - began).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
'''

MULE = '''
import os, sys, time, uwsgi
sys.path.insert(0, os.environ["BENCH_OUT"])
import app
for n in range(app.WANTED):
    uwsgi.mule_get_msg()
app.note("mule", time.monotonic())
while True:
    uwsgi.mule_get_msg()
'''


class Server:
    """One of them, over a folder of its own for what it notes down."""

    def __init__(self, program, home, folder, port, tasks, timers, more):
        self.port = port
        self.out = Path(tempfile.mkdtemp(dir=folder))
        (self.out / "app.py").write_text(APP)
        (self.out / "mule.py").write_text(MULE)
        words = [program, "--http-socket", f"127.0.0.1:{port}", "--master", "--processes", "1", "--chdir", str(self.out),
                 "--wsgi-file", "app.py", "--disable-logging", "--die-on-term", "--spooler-quiet"]
        words += ["--home", home] if home else []
        env = dict(os.environ, BENCH_OUT=str(self.out), BENCH_TASKS=str(tasks), BENCH_TIMERS=str(timers))
        self.log = open(self.out / "log", "w")
        self.process = subprocess.Popen(words + more, stdout=self.log, stderr=self.log, cwd=self.out, env=env)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit((self.out / "log").read_text())
                time.sleep(0.02)

    def ask(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=600) as reply:
            return json.load(reply)

    def noted(self, name):
        deadline = time.monotonic() + 600
        while not (self.out / name).exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit((self.out / "log").read_text())
            time.sleep(0.005)
        return json.loads((self.out / name).read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        shutil.rmtree(self.out)


def cpu_ns(pid):
    """CPU time of all threads of a process."""
    total = 0
    for tid in os.listdir(f"/proc/{pid}/task"):
        total += int(Path(f"/proc/{pid}/task/{tid}/schedstat").read_text().split()[0])
    return total


def spooling(start, options, tasks, folder):
    where = Path(tempfile.mkdtemp(dir=folder))
    try:
        with start(tasks, 0, ["--spooler-external", str(where)] + options) as server:
            enqueue = tasks / server.ask("/enqueue")
        with start(tasks, 0, ["--spooler", str(where), "--spooler-frequency", "1"] + options) as server:
            run = (tasks - 1) / server.noted("run")
    finally:
        shutil.rmtree(where)
    return {"enqueue": enqueue, "run": run}


def mule(start, options, messages):
    with start(messages, 0, ["--mule=mule.py"] + options) as server:
        server.ask("/mule")
        return {"mule": messages / (server.noted("mule") - server.noted("began"))}


def timer(start, options, timers, seconds):
    with start(1, timers, options) as server:
        time.sleep(seconds + 1)
        late = []
        for times in server.noted("ticks"):
            earliest = min(t - n for n, t in enumerate(times))
            late += [(t - n - earliest) * 1000 for n, t in enumerate(times)]
    late.sort()
    return {"late p99, ms": late[len(late) * 99 // 100]}


def idle(start, options, seconds, folder):
    where = Path(tempfile.mkdtemp(dir=folder))
    try:
        with start(1, 0, ["--spooler", str(where), "--mules", "2"] + options) as server:
            deadline = time.monotonic() + 60
            while len(pids := aides(server)) != 3:
                assert time.monotonic() < deadline, pids
                time.sleep(0.1)
            # Their start is over.
            time.sleep(3)
            before = sum(map(cpu_ns, pids))
            time.sleep(seconds)
            used = sum(map(cpu_ns, pids)) - before
        return {"idle, us of CPU in a second": used / 1000 / seconds}
    finally:
        shutil.rmtree(where)


def aides(server):
    """The three processes that have nothing to do."""
    found = tree(server.process.pid)
    titles = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ") for pid in found}
    named = [pid for pid in found if b"spooler" in titles[pid].split(b"--")[0] or b"mule" in titles[pid].split(b"--")[0]]
    if named:
        return named
    # uWSGI: children of the master are spooler, mules, worker, in the order of their pids.
    children = sorted(pid for pid in found if pid != server.process.pid)
    log = (server.out / "log").read_text()
    return [pid for pid in children if f"worker 1 (pid: {pid}" not in log]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uswgi", required=True)
    parser.add_argument("--uwsgi", required=True)
    parser.add_argument("--home", help="virtualenv of the Python that uWSGI was built with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--messages", type=int, default=100000)
    parser.add_argument("--timers", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--port", type=int, default=18475)
    parser.add_argument("--folder", help="where the spool folders are: the disk that is measured")
    parser.add_argument("--only", default="spool,mule,timer,idle")
    args = parser.parse_args()
    home = args.home and os.path.abspath(args.home)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        def starter(program, home):
            return lambda tasks, timers, more: Server(os.path.abspath(program), home, folder, args.port, tasks, timers, more)
        theirs, ours = starter(args.uwsgi, None), starter(args.uswgi, home)
        servers = {"uWSGI": (theirs, []), "uswgi": (ours, ["--spooler-fsync=false"]), "with fsync": (ours, [])}
        found, only = {}, args.only.split(",")
        for _ in range(args.rounds):
            for name, (start, options) in servers.items():
                results = spooling(start, options, args.tasks, folder) if "spool" in only else {}
                if name != "with fsync":
                    if "mule" in only:
                        results |= mule(start, options, args.messages)
                    if "timer" in only:
                        results |= timer(start, options, args.timers, args.seconds)
                    if "idle" in only:
                        results |= idle(start, options, args.seconds, folder)
                for what, number in results.items():
                    found.setdefault(what, {}).setdefault(name, []).append(number)
    print("%-28s %12s %12s %8s %12s %8s" % ("", "uWSGI", "uswgi", "ratio", "with fsync", "ratio"))
    for what, by in found.items():
        m = {name: statistics.median(numbers) for name, numbers in by.items()}
        line = "%-28s %12.1f %12.1f %8.2f" % (what, m["uWSGI"], m["uswgi"], m["uswgi"] / max(m["uWSGI"], 1e-9))
        if "with fsync" in m:
            line += " %12.1f %8.2f" % (m["with fsync"], m["with fsync"] / m["uWSGI"])
        print(line)


if __name__ == "__main__":
    main()
