#!/usr/bin/env python3
"""A worker that needs no application: it speaks the control protocol and answers every connection
with one line about itself. What it does wrong is named by `module` in the configuration."""

import array
import json
import mmap
import os
import select
import signal
import socket
import struct
import sys

SETTINGS = json.load(os.fdopen(int(os.environ["USWGI_SETTINGS_FD"]), "rb"))
BEHAVIOUR = SETTINGS["app"]["apps"][0]["source"].get("module", "ok")
LISTENERS = [socket.socket(fileno=3 + i) for i in range(int(os.environ["LISTEN_FDS"]))]
BOARD = int(os.environ["USWGI_SCOREBOARD_FD"])

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP):
    signal.signal(number, lambda *_: None)


def say(control, **message):
    control.send(json.dumps(message).encode())


def hear(control):
    """The next message and a descriptor; None at the end."""
    room = socket.CMSG_SPACE(array.array("i").itemsize)
    packet, extra, _, _ = control.recvmsg(65536, room)
    fd = None
    for _, kind, data in extra:
        if kind == socket.SCM_RIGHTS:
            fd = array.array("i", data[:4])[0]
    return (json.loads(packet) if packet else None), fd


def hello(control, role):
    say(control, type="hello", version=int(os.environ["FAKE_CONTROL_VERSION"]), role=role, pid=os.getpid())


def load(control):
    if BEHAVIOUR == "fails":
        say(control, type="load-failed", message="Traceback:\nImportError: the fake fails")
        sys.exit(22)
    if BEHAVIOUR == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    if BEHAVIOUR == "never":
        while hear(control)[0] is not None:
            pass
        sys.exit(24)


def overdue(slot):
    """As if a request were far beyond its harakiri and nobody did anything about it."""
    memory = mmap.mmap(BOARD, 0)
    threads = struct.unpack_from("<I", memory, 16)[0]
    first, worker, thread = map(int, os.environ["FAKE_BOARD"].split())
    at = first + slot * (worker + threads * thread) + worker
    struct.pack_into("<Q", memory, at + 16, 1)
    struct.pack_into("<I", memory, at, 2)


def work(control, slot, worker_id, paused):
    hello(control, "worker")
    if BEHAVIOUR == "dies":
        os._exit(3)
    say(control, type="ready")
    accepting = not paused
    while True:
        ready = select.select([control] + (LISTENERS if accepting else []), [], [])[0]
        if control in ready:
            message, _ = hear(control)
            if message is None:
                os._exit(24)
            if message["type"] == "retire":
                accepting = False
                if BEHAVIOUR != "stays":
                    os._exit(0)
            if message["type"] == "ping":
                say(control, type="alive")
            if message["type"] == "accept":
                accepting = message["on"]
            continue
        try:
            connection, _ = ready[0].accept()
        except BlockingIOError:
            continue
        asked = connection.recv(64).decode().strip()
        if asked == "stuck":
            overdue(slot)
        if asked == "replace":
            say(control, type="replace", reason="asked")
        if asked == "fds":
            fds = [n for n in sorted(map(int, os.listdir("/proc/self/fd"))) if os.path.exists("/proc/self/fd/%d" % n)]
            connection.send(json.dumps(fds).encode())
        line = "worker %d pid %d parent %d generation %d" % (worker_id, os.getpid(), os.getppid(), SETTINGS["generation"])
        connection.send(line.encode())
        connection.close()


def template(control):
    hello(control, "template")
    load(control)
    say(control, type="ready")
    while True:
        message, fd = hear(control)
        if message is None:
            sys.exit(0)
        if message["type"] != "fork":
            continue
        middle = os.fork()
        if middle == 0:
            mother = os.getpid()
            if os.fork():
                os._exit(0)
            while os.getppid() == mother:
                select.select([], [], [], 0.001)
            control.close()
            work(socket.socket(fileno=fd), message["slot"], message["worker_id"], message["paused"])
        os.waitpid(middle, 0)
        os.close(fd)


CONTROL = socket.socket(fileno=int(os.environ["USWGI_CONTROL_FD"]))
if BEHAVIOUR == "no-python":
    sys.stderr.write("fake: no usable interpreter\n")
    sys.exit(23)
if SETTINGS["role"] == "template":
    template(CONTROL)
else:
    load(CONTROL)
    work(CONTROL, SETTINGS["slot"], SETTINGS["worker_id"], SETTINGS["paused"])
