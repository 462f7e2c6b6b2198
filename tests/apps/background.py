"""Evaluates its query, one expression a line, and writes down what runs beside requests."""
import fcntl
import os
import time
import urllib.parse
import uwsgi

RAN = os.open(os.path.join(os.environ["HOLD_DIR"], "ran"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def ran(*words):
    os.write(RAN, (" ".join(str(w) for w in words) + "\n").encode())


def who():
    if uwsgi.i_am_the_spooler():
        return "spooler"
    return "mule%d" % uwsgi.mule_id() if uwsgi.mule_id() else "worker%d" % uwsgi.worker_id()


def alone(name):
    """Says so where another process that is not about to end is in the task of this name."""
    held = os.open(os.path.join(os.environ["HOLD_DIR"], "in-" + name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = os.pread(held, 20, 0).decode().strip()
        try:
            with open("/proc/%s/stat" % other) as f:
                words = f.read().rsplit(")", 1)[1].split()
                state, flags = words[0], words[6]
        except OSError:
            state, flags = "X", 0
        # PF_EXITING: its files are closed one after the other, the lock of the task before this one perhaps.
        if state not in "ZX" and not int(flags) & 4:
            ran("twice", name, other, os.getpid())
        fcntl.flock(held, fcntl.LOCK_EX)
    os.pwrite(held, b"%-20d" % os.getpid(), 0)
    return held


def task(env):
    name = env.get(b"name", b"-").decode()
    held = alone(name) if b"alone" in env else None
    try:
        return work(name, env)
    finally:
        if held is not None:
            os.close(held)


def work(name, env):
    ran("task", name, os.getpid())
    if b"show" in env:
        ran("env", sorted(env.items(), key=repr), os.getcwd())
    if b"sleep" in env:
        time.sleep(float(env[b"sleep"]))
        ran("slept", name)
    if b"kill" in env:
        os.kill(os.getpid(), int(env[b"kill"]))
    if b"exit" in env:
        os._exit(int(env[b"exit"]))
    if b"raise" in env:
        raise RuntimeError("as it was asked for")
    if b"get" in env:
        ran("own", uwsgi.spooler_get_task(os.path.join(os.getcwd(), env["spooler_task_name"].decode())))
    return {b"ok": uwsgi.SPOOL_OK, b"retry": uwsgi.SPOOL_RETRY, b"ignore": uwsgi.SPOOL_IGNORE,
            b"none": None, b"true": True, b"text": "text"}[env.get(b"ret", b"ok")]


def message(m):
    words = m.decode().split()
    ran("message", who(), m.decode())
    if words[:1] == ["sleep"]:
        time.sleep(float(words[1]))
        ran("slept", m.decode())
    if words[:1] == ["raise"]:
        raise RuntimeError("as it was asked for")


uwsgi.spooler = task
uwsgi.mule_msg_hook = message


def ask(question):
    try:
        return repr(eval(question, globals()))
    except Exception as e:
        return "%s: %s" % (type(e).__name__, e)


def application(environ, start_response):
    query = urllib.parse.unquote(environ["QUERY_STRING"])
    body = "".join(ask(line) + "\n" for line in query.split("\n")).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
