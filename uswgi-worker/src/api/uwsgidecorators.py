"""Decorators over the module uwsgi, by the names that applications know.

Only what works is here: spool, timer, cron, signal, filemon, mule, farm and rpc are absent, so that importing them
fails at once and says so.
"""

import functools
import threading

import uwsgi

__all__ = ["harakiri", "lock", "postfork", "postfork_chain", "postfork_chain_hook", "thread"]

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
    """Let one thread of all workers at a time be inside the function (lock 0)."""

    @functools.wraps(function)
    def alone(*args, **kwargs):
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
