#!/usr/bin/env python3
"""Compare two Emperors, ours and uWSGI's: how long many vassals take to start, and what a vassal costs the Emperor itself.

    bench/vassals.py                       # 100 Django vassals side by side, then 500 of a trivial app for ours
    bench/vassals.py --django 20 --many 0  # a smaller one

Both run the same files, one after the other in turns. Start: from exec to the moment at which the last vassal has answered, as wall
time, and as CPU time of the whole tree, which means something on a machine that does other things too. bench/README.md says more.
"""

import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import measure
import run

HERE = os.path.dirname(os.path.abspath(__file__))
TRIVIAL = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [str(__import__('os').getpid()).encode()]\n"


def ask(path):
    """Body of an answer over a unix socket; None: there is none."""
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(path)
            s.sendall(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            answer = b""
            while piece := s.recv(65536):
                answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        return body if b" 200 " in head.split(b"\r\n")[0] else None
    except OSError:
        return None


def memory(pid):
    """Bytes that are this process's alone."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) * 1024 for line in f if line.startswith("Private_"))


class Realm:
    """A folder of vassals, and an Emperor over it."""

    def __init__(self, program, folder, count, lines):
        self.folder = tempfile.mkdtemp(dir=folder)
        self.sockets = []
        vassals = os.path.join(self.folder, "v")
        os.mkdir(vassals)
        for n in range(count):
            path = os.path.join(self.folder, f"{n}.sock")
            self.sockets.append(path)
            with open(os.path.join(vassals, f"{n}.ini"), "w") as f:
                f.write(f"[uwsgi]\nhttp-socket = {path}\nmaster = true\nworkers = 1\ndisable-logging = true\n{lines}")
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.begin = time.monotonic()
        self.process = subprocess.Popen([program, "--emperor", vassals], stdout=self.log, stderr=self.log, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def all_answer(self, limit):
        """Wall seconds until every vassal has answered, and CPU seconds of the tree."""
        waiting = list(self.sockets)
        while waiting:
            if self.process.poll() is not None or time.monotonic() - self.begin > limit:
                sys.exit(f"{len(waiting)} vassals do not answer: {open(self.log.name, errors='replace').read()[-2000:]}")
            waiting = [path for path in waiting if not os.path.exists(path) or ask(path) is None]
            time.sleep(0.02 if waiting else 0)
        return time.monotonic() - self.begin, measure.cpu_seconds(self.process.pid)

    def touch(self, n, limit=60):
        """Seconds from the touch of one until another process answers."""
        before = ask(self.sockets[n])
        begin = time.monotonic()
        os.utime(os.path.join(self.folder, "v", f"{n}.ini"))
        while time.monotonic() - begin < limit:
            if ask(self.sockets[n]) not in (None, before):
                return time.monotonic() - begin
            time.sleep(0.005)
        sys.exit("a touched vassal does not reload")


def django(args, folder):
    lines = f"chdir = {HERE}\nmodule = django_app:django_application\nneed-app = true\nhome = {args.home}\nenv = BENCH_SPENT={folder}/spent\n"
    with open(os.path.join(folder, "spent"), "wb") as spent:
        spent.write(bytes(8))
    if args.packages:
        lines += f"pythonpath = {args.packages}\n"
    found = {"uswgi": [], "uWSGI": []}
    for _ in range(args.rounds):
        for name, program in (("uswgi", args.uswgi), ("uWSGI", args.uwsgi)):
            with Realm(program, folder, args.django, lines) as realm:
                found[name].append(realm.all_answer(1200))
    print(f"| Emperor | {args.django} Django vassals: wall, s | CPU, s |\n|---|---|---|")
    middle = {name: [statistics.median(column) for column in zip(*rounds)] for name, rounds in found.items()}
    for name, (wall, cpu) in middle.items():
        print(f"| {name} | {wall:.1f} | {cpu:.1f} |")
    wall, cpu = (ours / theirs for ours, theirs in zip(middle["uswgi"], middle["uWSGI"]))
    print(f"| ratio (target: 0.8) | {wall:.2f} | {cpu:.2f} |\n")


def many(args, folder):
    with open(os.path.join(folder, "trivial.py"), "w") as f:
        f.write(TRIVIAL)
    lines = f"chdir = {folder}\nmodule = trivial\nneed-app = true\nlazy-apps = true\nhome = {args.home}\n"
    found = {}
    for count in (1, args.many):
        with Realm(args.uswgi, folder, count, lines) as realm:
            wall, _ = realm.all_answer(1200)
            pid = realm.process.pid
            own = lambda: measure.cpu_by_process(pid)[pid]
            touched = statistics.median(realm.touch(n % count) for n in range(5))
            # What the start has left to do is over.
            time.sleep(2)
            before = own()
            time.sleep(args.idle)
            found[count] = (memory(pid), own() - before, touched, wall)
    (one, *_), (all_of_them, idle, touched, wall) = found[1], found[args.many]
    each = (all_of_them - one) / (args.many - 1) / 1024
    print(f"| uswgi-emperor | {args.many} vassals |\n|---|---|")
    print(f"| start, wall | {wall:.1f} s |")
    print(f"| memory of the Emperor for each (target: 64) | {each:.1f} KiB |")
    print(f"| CPU of the Emperor in {args.idle} s without an event | {idle * 1000:.0f} ms |")
    print(f"| a touched one answers anew after | {touched * 1000:.0f} ms, alone {found[1][2] * 1000:.0f} ms |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--django", type=int, default=100, help="vassals in the comparison; 0: none")
    parser.add_argument("--many", type=int, default=500, help="vassals of ours alone; 0: none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=int, default=30, help="seconds without an event")
    parser.add_argument("--uswgi", default=os.path.join(run.ROOT, "target/release/uswgi-emperor"))
    parser.add_argument("--uwsgi", default=os.path.join(run.ROOT, "build/bench-venv/bin/uwsgi"))
    parser.add_argument("--home", default=os.path.join(run.ROOT, "build/bench-venv"))
    parser.add_argument("--packages", help="folder of Django, where --home has none")
    args = parser.parse_args()
    for name in ("uswgi", "uwsgi", "home"):
        setattr(args, name, os.path.abspath(getattr(args, name)))
    with tempfile.TemporaryDirectory() as folder:
        if args.django:
            django(args, folder)
        if args.many > 1:
            many(args, folder)


if __name__ == "__main__":
    main()
