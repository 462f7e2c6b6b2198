#!/usr/bin/env python3
"""Counts the instructions in user code that one hello request costs a server, under valgrind's callgrind.

    bench/instructions.py                              # uswgi, without and with request lines
    bench/instructions.py --servers uswgi,uWSGI --protocols http-close
    bench/instructions.py --uswgi FOLDER               # of another build, to compare

A run with few and a run with many requests, one client, one after the other; the difference of the counts, divided
by the difference of the requests. Counted is the thread that runs the requests (of all threads the one with the most).
What others do (a look at it now and then) goes by time, of which a busy machine and callgrind take much: it stands in
a column of its own. The kernel's work is not in it.
"""

import argparse
import glob
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import servers
from run import ROOT, Setup, HERE, free_port

FEW, MANY = 1000, 5000
HTTP = b"GET / HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\nAccept: */*\r\n%s\r\n"
END = b"Hello, world!\n"


def packet():
    names = {"QUERY_STRING": "", "REQUEST_METHOD": "GET", "CONTENT_TYPE": "", "CONTENT_LENGTH": "",
             "REQUEST_URI": "/", "PATH_INFO": "/", "DOCUMENT_ROOT": "/var/www/html", "SERVER_PROTOCOL": "HTTP/1.1",
             "REQUEST_SCHEME": "http", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "40000", "SERVER_PORT": "80",
             "SERVER_NAME": "bench.example", "HTTP_HOST": "bench.example", "HTTP_USER_AGENT": "bench"}
    block = b"".join(len(s).to_bytes(2, "little") + s.encode() for pair in names.items() for s in pair)
    return b"\0" + len(block).to_bytes(2, "little") + b"\0" + block


def connect(address):
    if address.startswith("/"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(address)
        return s
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), 60)


def ask(protocol, address, count):
    """So many requests; each answer has to be whole and good."""
    keep = protocol == "http"
    request = packet() if protocol == "uwsgi" else HTTP % (b"" if keep else b"Connection: close\r\n")
    s = None
    for _ in range(count):
        if s is None:
            s = connect(address)
            s.settimeout(60)
        s.sendall(request)
        answer = b""
        while not answer.endswith(END):
            piece = s.recv(65536)
            if not piece:
                raise RuntimeError(f"the answer ends early: {answer!r}")
            answer += piece
        if b" 200 " not in answer.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"not good: {answer!r}")
        if not keep:
            s.close()
            s = None


def run(args, name, protocol, lines, count):
    """Instructions of a server from its start to its end: of the thread that runs the requests, of all others."""
    with tempfile.TemporaryDirectory(prefix="uswgi-bench-") as folder:
        address = f"{folder}/socket" if protocol == "uwsgi" else f"127.0.0.1:{free_port()}"
        setup = Setup(protocol, address, HERE, "app.py", args.venv, args.uswgi, "", "", 1, 1)
        command = servers.ALL[name](setup)
        if lines:
            command.remove("--disable-logging")
        valgrind = ["valgrind", "-q", "--tool=callgrind", "--trace-children=yes", "--separate-threads=yes",
                    f"--callgrind-out-file={folder}/count.%p"]
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "UWSGI", "VIRTUAL_ENV"))}
        with open(f"{folder}/log", "wb") as log:
            # lazy-apps: no template, whose imports would be counted beside.
            process = subprocess.Popen([*valgrind, *command, "--lazy-apps"], stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, cwd=folder, env=env, start_new_session=True)
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    ask(protocol, address, 1)
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        with open(f"{folder}/log", errors="replace") as log:
                            sys.exit(f"{name} does not answer: {log.read()}")
                    time.sleep(0.2)
            ask(protocol, address, count)
            process.send_signal(signal.SIGTERM)
            process.wait(120)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        with open(f"{folder}/log", "rb") as log:
            written = log.read().count(b" => generated ")
        # One more was asked first; uWSGI may be ended before it wrote the last one.
        if not count <= written <= count + 1 if lines else written:
            sys.exit(f"{name} wrote {written} request lines for {count} requests")
        counts = []
        for path in glob.glob(f"{folder}/count.*-*"):
            with open(path, errors="replace") as f:
                counts += [int(n) for n in re.findall(r"^(?:totals|summary): (\d+)", f.read(), re.M)[:1]]
        return max(counts), sum(counts) - max(counts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", default="uswgi", help="of uswgi, uWSGI (default: %(default)s)")
    parser.add_argument("--protocols", default="http,uwsgi", help="of http, http-close, uwsgi (default: %(default)s)")
    parser.add_argument("--uswgi", default=os.path.join(ROOT, "target/release"), help="folder of our commands")
    parser.add_argument("--venv", default=os.path.join(ROOT, "build/bench-venv"), help="virtualenv of the peers")
    args = parser.parse_args()
    args.uswgi, args.venv = os.path.abspath(args.uswgi), os.path.abspath(args.venv)
    for name in args.servers.split(","):
        # Python compiles and keeps what was not compiled before: once, and not counted.
        run(args, name, args.protocols.split(",")[0], False, 1)
    print(f"{'server':10} {'protocol':10} {'no lines':>10} {'lines':>10} {'a line':>10} {'by time':>10}")
    for protocol in args.protocols.split(","):
        for name in args.servers.split(","):
            costs, by_time = [], []
            for lines in (False, True):
                few, many = (run(args, name, protocol, lines, n) for n in (FEW, MANY))
                costs.append((many[0] - few[0]) / (MANY - FEW))
                by_time.append((many[1] - few[1]) / (MANY - FEW))
            print(f"{name:10} {protocol:10} {costs[0]:10.0f} {costs[1]:10.0f} {costs[1] - costs[0]:10.0f} {by_time[0]:10.0f}",
                  flush=True)


if __name__ == "__main__":
    main()
