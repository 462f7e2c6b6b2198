#!/usr/bin/env python3
"""What a request line costs: CPU per request with request lines minus without, uswgi beside uWSGI.

    bench/logging_cost.py                    # about 3 minutes
    bench/logging_cost.py --rounds 40

Each server runs twice at the same time, once as it is (its lines go to a file of its own) and once with
disable-logging. Turns are short and interleaved; a round is one turn of each, in an order that rotates. The
difference is taken within each round, and the table shows its median and its quartiles.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

import measure
import run
import servers


def start(args, name, protocol, lines, folder):
    label = f"{name}-{'on' if lines else 'off'}"
    address = f"{folder}/{label}.sock" if protocol == "uwsgi" else f"127.0.0.1:{run.free_port()}"
    setup = run.Setup(protocol, address, run.HERE, "app.py", args.venv, args.uswgi, "", "", 1, 1)
    command = servers.ALL[name](setup)
    if lines:
        command.remove("--disable-logging")
    return servers.Server(name, setup, f"{folder}/{label}.log", command)


def load(loadgen, server, seconds):
    seen = subprocess.run([loadgen, f"to={server.setup.address}", f"protocol={server.setup.protocol}", "clients=4",
                           f"seconds={seconds}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if seen.returncode != 0:
        raise RuntimeError(seen.stderr.strip())
    return run.json.loads(seen.stdout.splitlines()[-1])


def answers(loadgen, server):
    if not server.alive():
        with open(server.log, errors="replace") as log:
            sys.exit(f"{server.name} ended: {log.read()}")
    try:
        return load(loadgen, server, 0.2)["requests"] > 0
    except RuntimeError:
        return False


def turn(loadgen, server, seconds):
    """CPU in microseconds per request."""
    before = measure.precise_cpu_seconds(server.pid)
    seen = load(loadgen, server, seconds)
    if seen["errors"]:
        raise RuntimeError(f"{server.name}: {seen['errors']}")
    return (measure.precise_cpu_seconds(server.pid) - before) / seen["requests"] * 1e6


def lines_in(server):
    with open(server.log, "rb") as log:
        return log.read().count(b" => generated ")


def compare(args, loadgen, protocol):
    names = ("uswgi", "uWSGI")
    running = {}
    with tempfile.TemporaryDirectory(prefix="uswgi-bench-") as folder:
        try:
            for name in names:
                for lines in (True, False):
                    running[name, lines] = start(args, name, protocol, lines, folder)
            for server in running.values():
                servers.wait_until(lambda: answers(loadgen, server), 20, f"{server.name} answers")
                load(loadgen, server, 0.5)
            found = {key: [] for key in running}
            order = list(running)
            for n in range(args.rounds):
                for key in order[n % 4:] + order[: n % 4]:
                    found[key].append(turn(loadgen, running[key], args.seconds))
            for (name, lines), server in running.items():
                if (lines_in(server) > 0) != lines:
                    sys.exit(f"{name}: request lines are {'missing' if lines else 'there'}")
        finally:
            for server in running.values():
                server.stop()
    for name in names:
        costs = [on - off for on, off in zip(found[name, True], found[name, False])]
        low, median, high = statistics.quantiles(costs, n=4)
        off, on = (statistics.median(found[name, lines]) for lines in (False, True))
        print(f"{protocol:10} {name:8} {off:9.2f} {on:9.2f} {median:9.2f} {low:8.2f} .. {high:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocols", default="uwsgi,http-close", help="of uwsgi, http, http-close (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=20, help="turns for each (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn (default: %(default)s)")
    parser.add_argument("--uswgi", default=os.path.join(run.ROOT, "target/release"), help="folder of our commands")
    parser.add_argument("--venv", default=os.path.join(run.ROOT, "build/bench-venv"), help="virtualenv of the peers")
    args = parser.parse_args()
    args.uswgi, args.venv = os.path.abspath(args.uswgi), os.path.abspath(args.venv)
    loadgen = run.prepare(args.venv)
    print(f"CPU us per request\n{'protocol':10} {'server':8} {'no lines':>9} {'lines':>9} {'a line':>9}   quartiles")
    for protocol in args.protocols.split(","):
        compare(args, loadgen, protocol)


if __name__ == "__main__":
    main()
