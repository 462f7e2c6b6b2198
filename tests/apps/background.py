"""Evaluates its query, one expression a line, and writes down what runs beside requests."""
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


def task(env):
    name = env.get(b"name", b"-").decode()
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
