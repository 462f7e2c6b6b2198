#!/usr/bin/env python3
"""Measures the shared cache and locks: uswgi beside uWSGI, the same application.

    bench/shared.py --uswgi target/release/uswgi-master --uwsgi build/test/uwsgi/bin/uwsgi --home build/test/uwsgi

Both servers run one after the other, several rounds. With one worker nobody else wants the cache or the lock; with two
workers both do the same at the same time. The numbers are nanoseconds of CPU time of the process for one call
(time.process_time, the loop itself taken off), the median of the rounds: CPU time means something on a machine that
does other things too. `wall` is real time, for two workers that wait for each other.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

APP = '''
import json, time, uwsgi

VALUE = b"v" * 1024
N = 100000


def loop(function):
    cpu, wall = time.process_time_ns(), time.monotonic_ns()
    for _ in range(N):
        function()
    return (time.process_time_ns() - cpu) / N, (time.monotonic_ns() - wall) / N


def pair():
    uwsgi.lock()
    uwsgi.unlock()


def application(environ, start_response):
    uwsgi.cache_update("key", VALUE)
    nothing = loop(lambda: None)
    result = {}
    for name, function in (
        ("cache_get", lambda: uwsgi.cache_get("key")),
        ("cache_update", lambda: uwsgi.cache_update("key", VALUE)),
        ("lock, unlock", pair),
    ):
        cpu, wall = loop(function)
        result[name] = {"cpu": cpu - nothing[0], "wall": wall - nothing[1]}
    assert uwsgi.cache_get("key") == VALUE
    body = json.dumps(result).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
'''


def serve(program, home, workers, port, folder):
    words = [program, "--http-socket", "127.0.0.1:%d" % port, "--master", "--processes", str(workers),
             "--cache2", "name=c,items=1000", "--wsgi-file", folder + "/app.py", "--disable-logging", "--die-on-term"]
    if home:
        words += ["--home", home]
    log = open(folder + "/log", "w")
    server = subprocess.Popen(words, stdout=log, stderr=log, cwd=folder)
    deadline = time.monotonic() + 30
    import socket
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return server
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(open(folder + "/log").read())
            time.sleep(0.05)


def ask(port, results):
    with urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=300) as reply:
        results.append(json.load(reply))


def measure(program, home, workers, port, folder):
    server = serve(program, home, workers, port, folder)
    try:
        ask(port, [])
        results = []
        threads = [threading.Thread(target=ask, args=(port, results)) for _ in range(workers)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return results
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uswgi", required=True)
    parser.add_argument("--uwsgi", required=True)
    parser.add_argument("--home", help="virtualenv of the Python that uWSGI was built with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--port", type=int, default=18471)
    args = parser.parse_args()
    servers = {"uWSGI": (os.path.abspath(args.uwsgi), None), "uswgi": (os.path.abspath(args.uswgi),
               args.home and os.path.abspath(args.home))}
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "app.py").write_text(APP)
        for round_ in range(args.rounds):
            for workers in (1, 2):
                for name, (program, home) in servers.items():
                    for result in measure(program, home, workers, args.port, folder):
                        for operation, numbers in result.items():
                            for kind, ns in numbers.items():
                                found.setdefault((workers, operation, kind), {}).setdefault(name, []).append(ns)
    print("%-8s %-14s %-5s %10s %10s %7s" % ("workers", "operation", "", "uWSGI ns", "uswgi ns", "ratio"))
    for (workers, operation, kind), by in found.items():
        theirs, ours = statistics.median(by["uWSGI"]), statistics.median(by["uswgi"])
        print("%-8d %-14s %-5s %10.0f %10.0f %7.2f" % (workers, operation, kind, theirs, ours, ours / theirs))


if __name__ == "__main__":
    main()
