#!/usr/bin/env python3
"""How the cost of a request grows: 1 to 64 workers, and 1 to 10,000 connections that all ask.

    bench/growth.py [--rounds N] [--seconds S] [--servers uswgi,...]

The application and the method are those of bench/run.py: all sizes of one kind run at once and take turns,
so that what else the machine does falls on all of them. The target (issue 6): CPU per request flat within 15 %,
the busiest worker at most 1.5 x the mean.
"""

import argparse
import os
import resource
import sys
import tempfile
from dataclasses import replace
from statistics import median

import report
import run
import workloads

WORKERS = [1, 4, 16, 64]
CONNECTIONS = [1, 32, 1000, 10000]
PERSISTENT = workloads.Workload("", "hello, HTTP keep-alive", floor=True)
ONE_EACH = workloads.Workload("", "hello, uwsgi over a unix socket, a connection each", protocol="uwsgi", unix=True, floor=True)


def sizes():
    """(kind, workloads): each kind is one table."""
    for base in (PERSISTENT, ONE_EACH):
        many = [replace(base, name=f"{n}", workers=n, clients=128) for n in WORKERS]
        yield f"{base.title}: workers, 128 connections", many
    yield f"{PERSISTENT.title}: connections, 1 worker", [
        replace(PERSISTENT, name=f"{n}", clients=n) for n in CONNECTIONS
    ]


def measure(args, loadgen, server, all_sizes):
    """Medians for each size; the sizes take turns."""
    benches, samples = [], {w.name: [] for w in all_sizes}
    with tempfile.TemporaryDirectory(prefix="uswgi-growth-") as folder:
        try:
            for w in all_sizes:
                own = f"{folder}/{w.name}"
                os.mkdir(own)
                bench = run.Bench(argparse.Namespace(**{**vars(args), "servers": [server]}), w, loadgen, own)
                benches.append(bench)
                bench.start()
                if not bench.running:
                    return None
                bench.load(bench.running[0], 0.5)
            for turn in range(args.rounds):
                for i in range(len(benches)):
                    bench = benches[(i + turn) % len(benches)]
                    samples[bench.w.name].append(bench.sample(bench.running[0]))
        finally:
            for bench in benches:
                bench.__exit__()
    return report.summary({"samples": samples})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--servers", default="uswgi")
    parser.add_argument("--venv", default=os.path.join(run.ROOT, "build/bench-venv"))
    parser.add_argument("--uswgi", default=os.path.join(run.ROOT, "target/release"))
    args = parser.parse_args()
    args.uswgi, args.venv = os.path.abspath(args.uswgi), os.path.abspath(args.venv)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loadgen = run.prepare(args.venv)
    for server in args.servers.split(","):
        for title, all_sizes in sizes():
            rows = measure(args, loadgen, server, all_sizes)
            print(f"\n{server}, {title}")
            if rows is None:
                print("  it does not start with all of these")
                continue
            print(f"{'size':>7} {'req/s':>9} {'CPU us/req':>11} {'p99 ms':>8} {'noise':>6} {'busiest':>8} {'errors':>7}")
            for name, r in rows.items():
                print(f"{name:>7} {r['rps']:>9.0f} {r['cpu_us']:>11.1f} {r['p99_us'] / 1000:>8.2f} {r['noise']:>6.0%} "
                      f"{r['spread']:>8.2f} {r['errors']:>7}", flush=True)
            cost = [r["cpu_us"] for r in rows.values()]
            print(f"  dearest / cheapest: {max(cost) / min(cost):.2f}; "
                  f"dearest / median: {max(cost) / median(cost):.2f}")


if __name__ == "__main__":
    sys.exit(main())
