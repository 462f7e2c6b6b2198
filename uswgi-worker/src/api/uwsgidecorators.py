"""Decorators over the module uwsgi, by the names that applications know.

Only what works is here: erlang is absent, so that importing it fails at once and says so. Tasks and messages have the keys of uWSGI's decorators: those that it has left behind are run.
"""

import functools
import pickle
import threading

import uwsgi

__all__ = [
    "cron",
    "farm",
    "filemon",
    "get_free_signal",
    "harakiri",
    "lock",
    "manage_spool_request",
    "mule",
    "mule_functions",
    "mule_msg_dispatcher",
    "mulefunc",
    "muleloop",
    "mulemsg",
    "postfork",
    "postfork_chain",
    "postfork_chain_hook",
    "rbtimer",
    "rpc",
    "signal",
    "spool",
    "spooler_functions",
    "spoolforever",
    "spoolraw",
    "thread",
    "timer",
]

#: Functions that every new worker calls, in the order in which they were decorated.
postfork_chain = []

_earlier_hook = getattr(uwsgi, "post_fork_hook", None)


def postfork_chain_hook():
    """Call everything that was decorated with postfork. The worker calls it right after its fork."""
    if callable(_earlier_hook):
        _earlier_hook()
    for function in postfork_chain:
        function()


uwsgi.post_fork_hook = postfork_chain_hook


def postfork(target):
    """Call the function in every worker after its fork; with @postfork(N), in worker N only."""
    if callable(target):
        postfork_chain.append(target)
        return target
    number = int(target)

    def decorate(function):
        @functools.wraps(function)
        def in_one_worker():
            if number in (0, uwsgi.worker_id()):
                return function()
            return None

        postfork_chain.append(in_one_worker)
        return function

    return decorate


def lock(function):
    """Let one thread of all workers at a time be inside the function (lock 0); a spooler does not call it, as on uWSGI."""

    @functools.wraps(function)
    def alone(*args, **kwargs):
        if uwsgi.i_am_the_spooler():
            return None
        uwsgi.lock()
        try:
            return function(*args, **kwargs)
        finally:
            uwsgi.unlock()

    return alone


def thread(function):
    """Run each call of the function in a daemon thread of its own; the call returns that thread."""

    @functools.wraps(function)
    def start(*args, **kwargs):
        new = threading.Thread(target=function, args=args, kwargs=kwargs, daemon=True)
        new.start()
        return new

    return start


def harakiri(seconds):
    """Give the request so many seconds for the function; after it, the request's own limit counts again."""

    def decorate(function):
        @functools.wraps(function)
        def limited(*args, **kwargs):
            uwsgi.set_user_harakiri(seconds)
            try:
                return function(*args, **kwargs)
            finally:
                uwsgi.set_user_harakiri(0)

        return limited

    return decorate


#: Functions of tasks, by their names.
spooler_functions = {}
#: Functions of mules, by their names.
mule_functions = {}

def rpc(name):
    """Others may call the function by this name, with bytes, for bytes."""
    def register(function):
        uwsgi.register_rpc(name, function)
        return function
    return register


# What belongs to a task itself where its arguments are pickled.
_OF_TASKS = ("message_dict", "spooler", "priority", "at", "body")


def _as_bytes(value):
    return value.encode() if isinstance(value, str) else value


def _as_text(value):
    return value.decode() if isinstance(value, bytes) else value


def manage_spool_request(task):
    """Run the function that a task names."""
    task = {_as_text(key): value for key, value in task.items()}
    pickled = "args" in task
    args, kwargs = (pickle.loads(task.pop("args")), pickle.loads(task.pop("kwargs"))) if pickled else ((), {})
    task = {key: _as_text(value) for key, value in task.items()}
    function = spooler_functions[task["ud_spool_func"]]
    result = function(*args, **kwargs) if pickled else function(task)
    return int(task.get("ud_spool_ret", result))


uwsgi.spooler = manage_spool_request


class _Spooled:
    """A function whose calls are tasks."""

    def __init__(self, function, pass_arguments, result):
        if not hasattr(uwsgi, "spool"):
            raise Exception("there is no spooler: add the option spooler")
        functools.update_wrapper(self, function)
        spooler_functions[function.__name__] = function
        function.spool = self
        self.spool = self
        self.f = function
        self._pass_arguments = pass_arguments
        self._base = {"ud_spool_func": function.__name__}
        if result is not None:
            self._base["ud_spool_ret"] = str(result)

    def __call__(self, *args, **kwargs):
        task = dict(self._base)
        if self._pass_arguments:
            task.update({key: kwargs.pop(key) for key in _OF_TASKS if key in kwargs})
            task.update(args=pickle.dumps(args), kwargs=pickle.dumps(kwargs))
        else:
            task.update(args[0] if args else {})
            task.update(kwargs)
        return uwsgi.spool({_as_bytes(key): _as_bytes(value) for key, value in task.items()})


def _spooled(function, pass_arguments, result):
    if function is None:
        return lambda f: _Spooled(f, pass_arguments, result)
    return _Spooled(function, pass_arguments, result)


def spoolraw(f=None, pass_arguments=False):
    """Make each call a task; the function says what becomes of it (uwsgi.SPOOL_OK, SPOOL_RETRY)."""
    return _spooled(f, pass_arguments, None)


def spool(f=None, pass_arguments=False):
    """Make each call a task, which is done when the function returns."""
    return _spooled(f, pass_arguments, -2)


def spoolforever(f=None, pass_arguments=False):
    """Make each call a task that runs again and again."""
    return _spooled(f, pass_arguments, -1)


def mule_msg_dispatcher(message):
    """Run the function that a message names."""
    message = pickle.loads(message)
    if message["service"] == "uwsgi_mulefunc":
        return mule_functions[message["func"]](*message["args"], **message["kwargs"])
    return None


uwsgi.mule_msg_hook = mule_msg_dispatcher


def mulefunc(target):
    """Let a mule run each call; with @mulefunc(NUMBER or FARM), that mule, or one of that farm."""

    def decorate(function, who):
        mule_functions[function.__name__] = function

        @functools.wraps(function)
        def send(*args, **kwargs):
            message = {"service": "uwsgi_mulefunc", "func": function.__name__, "args": args, "kwargs": kwargs}
            uwsgi.mule_msg(pickle.dumps(message), _as_bytes(who))

        return send

    return decorate(target, 0) if callable(target) else lambda function: decorate(function, target)


def _in_mule(number, work):
    def decorate(function):
        def run():
            if uwsgi.mule_id() == number:
                work(function)

        postfork_chain.append(run)

    return decorate


def _forever(function):
    while True:
        function()


def _messages(receive):
    def work(function):
        while True:
            message = receive()
            if message:
                function(message)

    return work


def mule(num):
    """Run the function in a mule once."""
    return _in_mule(num, lambda function: function())


def muleloop(num):
    """Run the function in a mule again and again."""
    return _in_mule(num, _forever)


def mulemsg(num):
    """Run the function in a mule with each message."""
    return _in_mule(num, _messages(uwsgi.mule_get_msg))


def farm(name=None, **kwargs):
    """Run the function with each message for a farm, in its mules."""

    def decorate(function):
        def run():
            if uwsgi.mule_id() and uwsgi.in_farm(name):
                _messages(uwsgi.farm_get_msg)(function)

        postfork_chain.append(run)

    return decorate


def get_free_signal():
    """The lowest number from 0 to 255 that this process has registered for nothing yet."""
    for number in range(256):
        if not uwsgi.signal_registered(number):
            return number
    raise RuntimeError("all 256 signals are registered")


def _registered(number, target, source):
    def decorate(function):
        own = get_free_signal() if number is None else number
        uwsgi.register_signal(own, target, function)
        if source is not None:
            source(own)
        return function

    return decorate


def signal(num, target="", **kwargs):
    """Run the function when the signal is raised; target: who runs it, as uwsgi.register_signal names them."""
    return _registered(num, target, None)


def timer(secs, signum=None, target="", **kwargs):
    """Run the function every so many seconds."""
    return _registered(signum, target, lambda number: uwsgi.add_timer(number, secs))


def rbtimer(secs, signum=None, target="", **kwargs):
    """Run the function every so many seconds."""
    return _registered(signum, target, lambda number: uwsgi.add_rb_timer(number, secs))


def cron(minute, hour, day, month, dayweek, signum=None, target="", **kwargs):
    """Run the function by the clock, with numbers as the option cron has them."""
    return _registered(signum, target, lambda number: uwsgi.add_cron(number, minute, hour, day, month, dayweek))


def filemon(fsobj, signum=None, target="", **kwargs):
    """Run the function when the file, or what is in the folder, changes."""
    return _registered(signum, target, lambda number: uwsgi.add_file_monitor(number, fsobj))
