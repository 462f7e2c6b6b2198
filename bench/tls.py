#!/usr/bin/env python3
"""HTTPS beside its peers: server CPU of a request on a kept connection, and of a full handshake with one request.

    bench/tls.py [--rounds N] [--seconds S] [--servers uswgi,granian,gunicorn]

Needs the peers of bench/run.py (build/bench-venv) and a release build of ours. Clients are processes of Python with OpenSSL: they
cost more than what they measure, so the numbers are the CPU of the servers' process trees (from /proc, before and after a turn)
by answer, and no throughput. All servers run at the same time and have turns, as in run.py.
"""

import argparse
import multiprocessing
import os
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

import measure

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HERE = os.path.join(ROOT, "bench")
VENV = os.path.join(ROOT, "build/bench-venv")
CLIENTS = 16
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def command(name, port, folder, workers):
    certificate, key = os.path.join(folder, "crt.pem"), os.path.join(folder, "key.pem")
    if name == "uswgi":
        program = os.path.join(os.environ.get("USWGI_BUILD", os.path.join(ROOT, "target/release")), "uswgi-master")
        return [program, "--https", f"127.0.0.1:{port},{certificate},{key}", "--chdir", HERE, "--wsgi-file", "app.py",
                "--home", VENV, "--processes", str(workers), "--disable-logging"]
    if name == "granian":
        return [os.path.join(VENV, "bin/granian"), "--interface", "wsgi", "--blocking-threads", "1", "--no-ws", "--host", "127.0.0.1",
                "--port", str(port), "--workers", str(workers), "--no-log", "--working-dir", HERE, "--ssl-certificate", certificate,
                "--ssl-keyfile", key, "--http", "1", "app:application"]
    return [os.path.join(VENV, "bin/gunicorn"), "--chdir", HERE, "-b", f"127.0.0.1:{port}", "-w", str(workers), "--log-level", "error",
            "-k", "gthread", "--threads", "4", "--keep-alive", "75", "--certfile", certificate, "--keyfile", key, "app:application"]


def context():
    # Not the default one: that reads all authorities of the system, which takes longer than a handshake.
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def one(stream):
    stream.sendall(REQUEST)
    seen = b""
    while b"\r\n\r\n" not in seen:
        seen += stream.recv(65536)
    head, body = seen.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += stream.recv(65536)
    assert b" 200 " in head.split(b"\r\n")[0], head


def client(port, kept, until, answers):
    made, count, stream = context(), 0, None
    while time.monotonic() < until:
        if stream is None or not kept:
            if stream is not None:
                stream.close()
            # It comes back with a session only where it is given one.
            stream = made.wrap_socket(socket.create_connection(("127.0.0.1", port)))
        one(stream)
        count += 1
    answers.put(count)


def turn(pid, port, kept, seconds):
    answers, until = multiprocessing.Queue(), time.monotonic() + seconds
    before = measure.cpu_seconds(pid)
    clients = [multiprocessing.Process(target=client, args=(port, kept, until, answers)) for _ in range(CLIENTS)]
    for c in clients:
        c.start()
    count = sum(answers.get(timeout=seconds + 60) for _ in clients)
    for c in clients:
        c.join()
    return (measure.cpu_seconds(pid) - before) * 1e6 / count, count / seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--servers", default="uswgi,granian,gunicorn")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "9",
                        "-subj", "/CN=localhost", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/crt.pem"],
                       check=True, capture_output=True)
        running, samples = {}, {}
        try:
            for name in args.servers.split(","):
                port = free_port()
                running[name] = (subprocess.Popen(command(name, port, folder, args.workers), stdout=subprocess.DEVNULL), port)
            for name, (_, port) in running.items():
                deadline = time.monotonic() + 60
                while True:
                    try:
                        with context().wrap_socket(socket.create_connection(("127.0.0.1", port))) as stream:
                            one(stream)
                        break
                    except OSError:
                        assert time.monotonic() < deadline, f"{name} does not answer"
                        time.sleep(0.1)
            for _ in range(args.rounds):
                for kept in (True, False):
                    for name, (process, port) in running.items():
                        samples.setdefault((kept, name), []).append(turn(process.pid, port, kept, args.seconds))
        finally:
            for process, _ in running.values():
                process.terminate()
            for process, _ in running.values():
                process.wait(60)
    for kept in (True, False):
        print("kept connection" if kept else "handshake and request")
        for name in running:
            cpu = [c for c, _ in samples[kept, name]]
            noise = (max(cpu) - min(cpu)) / statistics.median(cpu)
            rate = statistics.median(r for _, r in samples[kept, name])
            print(f"  {name:9} {statistics.median(cpu):8.1f} us of CPU each (noise {noise:.0%}), {rate:.0f} a second")


if __name__ == "__main__":
    main()
