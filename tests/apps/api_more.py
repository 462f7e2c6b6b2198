"""What the module uwsgi does to an instance: locks, caches, hooks, harakiri, the log. Every address does one thing."""

import os
import socket
import sys
import time

import uwsgi
from uwsgidecorators import harakiri, lock, postfork, thread

DIR = os.environ["HOLD_DIR"]
forks = []


def touch(name, text=""):
    path = os.path.join(DIR, name)
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def wait_for(name):
    while not os.path.exists(os.path.join(DIR, name)):
        time.sleep(0.005)


@postfork
def first():
    forks.append("first %d" % uwsgi.worker_id())


@postfork(2)
def only_second():
    forks.append("second")


def on_exit():
    touch("exit-%d" % os.getpid(), "bye")


uwsgi.atexit = on_exit


@lock
def locked(what):
    return what, uwsgi.is_locked()


@thread
def beside(name):
    touch(name)


@harakiri(1)
def slow(seconds):
    time.sleep(seconds)


@harakiri(600)
def quick():
    return "quick"


def other(environ, start_response):
    start_response("200 OK", [])
    return [b"other"]


uwsgi.applications = {"/other": other}


def fall(query):
    uwsgi.lock(1)
    os.kill(os.getpid(), 9)


def hold(query):
    uwsgi.lock(1)
    touch(query + ".started", str(os.getpid()))
    wait_for(query + ".go")
    uwsgi.unlock(1)
    return "held"


def take(query):
    before = time.monotonic()
    uwsgi.lock(1)
    uwsgi.unlock(1)
    return "taken"


def impatient(query):
    uwsgi.set_user_harakiri(1)
    return take(query)


def twice(query):
    uwsgi.lock()
    try:
        uwsgi.lock()
    except RuntimeError as error:
        return str(error)
    finally:
        uwsgi.unlock()


def count(query):
    uwsgi.cache_inc("count")
    return uwsgi.cache_num("count")


def hammer(query):
    """Values that show by themselves whether they are whole."""
    for i in range(400):
        key = "k%d" % (i % 30)
        size = 50 + (i * 37) % 3000
        uwsgi.cache_update(key, b"%06d" % size + b"%c" % (65 + i % 26) * (size - 6), 0, "hammer")
        value = uwsgi.cache_get("k%d" % ((i * 7) % 30), "hammer")
        if value is not None and (len(value) != int(value[:6]) or len(set(value[6:])) != 1):
            return "half a value: %r" % value
    return "whole"


def decorated(query):
    t = beside("beside")
    t.join()
    return [forks, locked("x"), quick(), uwsgi.is_locked(), os.path.exists(DIR + "/beside")]


def absent(query):
    import uwsgidecorators

    names = ["erlang"]
    functions = ["spool", "queue_push", "sharedarea_read", "sendfile", "async_connect"]
    return [n for n in names if hasattr(uwsgidecorators, n)] + [n for n in functions if hasattr(uwsgi, n)]


def names(query):
    import types

    import uwsgidecorators

    uwsgi.spooler = uwsgi.mule_msg_hook = print
    own = [n for n in dir(uwsgi) if n.islower() and not n.startswith("_")]
    decorators = [n for n in uwsgidecorators.__all__]
    assert not [n for n in decorators if isinstance(getattr(uwsgidecorators, n), types.ModuleType)]
    return own, decorators


def marked(query):
    uwsgi.set_logvar("who", "Ada \"x\"\n")
    return "marked"


def waiting(query):
    """What waits at the unix socket `query` of a worker that does nothing but this."""
    clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    before = uwsgi.listen_queue(0), uwsgi.listen_queue(1)
    for client in clients:
        client.connect(query)
    return before, (uwsgi.listen_queue(0), uwsgi.listen_queue(1))


def noted(query):
    uwsgi.log_this_request()
    return "noted"


def application(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    if path == "/late":
        def late():
            yield b"12"
            uwsgi.disconnect()
            wait_for("late.go")
            yield b"345"
            touch("late.done")
        start_response("200 OK", [("Content-Length", "5")])
        return late()
    actions = {"/reload": lambda q: uwsgi.reload(), "/stop": lambda q: uwsgi.stop(), "/slow": lambda q: slow(600),
               "/pid": lambda q: os.getpid()}
    action = actions.get(path) or globals()[path[1:]]
    body = repr(action(query)).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
