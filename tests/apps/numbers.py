"""Writes down each process that has a worker number, and each time that another one still had it."""
import fcntl, os, time
import uwsgi

HOLD = os.environ["HOLD_DIR"]
VERSION = "one"


def note(line):
    fd = os.open(os.path.join(HOLD, "forks"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, line.encode() + b"\n")
    os.close(fd)


def lock(name):
    """Nobody else has it as long as this process lives; the kernel takes it from the dead."""
    fd = os.open(os.path.join(HOLD, name), os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(fd, False)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return "twice"
    globals()[name] = fd
    return "alone"


def mine():
    slot = getattr(uwsgi, "worker_slot", lambda: None)()
    said = "alone" if slot is None else lock("slot-%d" % slot)
    note("worker %d %s slot %s %s pid %d %s" % (
        uwsgi.worker_id(), lock("number-%d" % uwsgi.worker_id()), slot, said, os.getpid(), VERSION))


if uwsgi.worker_id():
    mine()
else:
    uwsgi.post_fork_hook = mine


def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.2)
    start_response("200 OK", [("Content-Length", str(len(VERSION)))])
    return [VERSION.encode()]
