#!/usr/bin/env python3
"""Load for a while, with a reload every few seconds: fails on a lost request, on growing memory, on descriptors or
processes that pile up. Standard library only.

    tests/soak.py --minutes 30 --bin target/release
"""

import argparse
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGETS = ["/hello", "/pid", "/generator?n=5", "/environ", "/late", "/write", "/stream?mb=1", "/digest", "/ignore"]


class Client(threading.Thread):
    """Asks on one kept connection, or on a new one each time."""

    def __init__(self, port, kept, stop):
        super().__init__(daemon=True)
        self.port, self.kept, self.stop = port, kept, stop
        self.good, self.failures = 0, []

    def run(self):
        connection, number = None, 0
        while not self.stop.is_set():
            target = TARGETS[number % len(TARGETS)]
            number += 1
            body = b"x" * 50000 if target in ("/digest", "/ignore") else None
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                connection.request("POST" if body else "GET", target, body)
                reply = connection.getresponse()
                reply.read()
                if reply.status != 200 and reply.status != 201:
                    raise RuntimeError("%s: %d" % (target, reply.status))
                self.good += 1
                if not self.kept or reply.will_close:
                    connection.close()
                    connection = None
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a lost request
                self.failures.append("%s: %s: %s" % (target, type(error).__name__, error))
                connection = None


def children(pid):
    """All descendants of a process."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += [int(entry.name), *children(int(entry.name))]
    return found


def usage(pid):
    """Resident KiB and open descriptors of the master; processes below it."""
    status = pathlib.Path("/proc/%d/status" % pid).read_text()
    rss = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    return rss, len(os.listdir("/proc/%d/fd" % pid)), len(children(pid))


def main():
    """Run it; the exit status says whether anything was lost or grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--bin", default=os.environ.get("USWGI_TEST_BIN", str(ROOT / "target/release")))
    parser.add_argument("--every", type=float, default=5, help="seconds between reloads")
    arguments = parser.parse_args()
    home = next((ROOT / "build/test").glob("python-*"), None)
    if home is None:
        sys.exit("soak: run tests/setup.sh first")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="uswgi-soak"))
    shutil.copy(ROOT / "tests/apps/probe.py", folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "uwsgi.ini").write_text(
        "[uwsgi]\nhttp-socket = 127.0.0.1:%d\nchdir = %s\nmodule = probe\nenv = HOLD_DIR=%s\nhome = %s\nworkers = 4\nthreads = 2\n"
        "max-requests = 2000\nmin-worker-lifetime = 0\ndisable-logging = true\nreload-mercy = 30\nvacuum = true\npidfile = %s/pid\n"
        % (port, folder, folder, home, folder)
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "UWSGI_", "USWGI_", "VIRTUAL_ENV"))}
    log = open(folder / "log", "wb")
    server = subprocess.Popen([arguments.bin + "/uswgi-master", "--ini", folder / "uwsgi.ini"], env=environment, stdout=log, stderr=log)
    ctl = [arguments.bin + "/uswgi-ctl", "--pidfile", str(folder / "pid")]
    trouble = []
    try:
        deadline = time.monotonic() + 60
        while subprocess.run([*ctl, "ping"], capture_output=True).returncode != 0:
            if time.monotonic() > deadline or server.poll() is not None:
                sys.exit("soak: it does not start:\n" + (folder / "log").read_text())
            time.sleep(0.1)
        stop = threading.Event()
        clients = [Client(port, n % 4 != 0, stop) for n in range(8)]
        for client in clients:
            client.start()
        end = time.monotonic() + arguments.minutes * 60
        first, reloads, next_line = None, 0, 0.0
        while time.monotonic() < end and not trouble:
            stop.wait(arguments.every)
            out = subprocess.run([*ctl, "reload", "--wait", "--timeout", "120"], capture_output=True, text=True)
            reloads += 1
            if out.returncode != 0:
                trouble.append("reload %d: exit %d: %s%s" % (reloads, out.returncode, out.stdout, out.stderr))
            now = usage(server.pid)
            if first is None and reloads == 5:
                first = now
            lost = [failure for client in clients for failure in client.failures]
            trouble += lost[:5]
            if time.monotonic() > next_line:
                next_line = time.monotonic() + 60
                print("soak: %d requests, %d reloads, %d lost; master %d KiB, %d descriptors, %d processes"
                      % (sum(c.good for c in clients), reloads, len(lost), *now), flush=True)
        stop.set()
        for client in clients:
            client.join(60)
        trouble += [f for c in clients for f in c.failures][:5]
        # Let the last predecessors go before they are counted.
        subprocess.run([*ctl, "reload", "--wait", "--drain"], capture_output=True)
        last = usage(server.pid)
        if first:
            if last[0] > first[0] * 1.2 + 2048:
                trouble.append("the master grew from %d to %d KiB" % (first[0], last[0]))
            if last[1] > first[1] + 20:
                trouble.append("its descriptors grew from %d to %d" % (first[1], last[1]))
        if last[2] > 6:
            trouble.append("%d processes are left below the master" % last[2])
        print("soak: %d requests, %d reloads" % (sum(c.good for c in clients), reloads))
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            trouble.append("it does not stop")
            server.kill()
    for line in dict.fromkeys(trouble):
        print("soak: FAILED: " + line)
    if not trouble:
        shutil.rmtree(folder)
    sys.exit(1 if trouble else 0)


if __name__ == "__main__":
    main()
