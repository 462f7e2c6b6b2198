"""Work beside requests through the decorators: ours, or, with ORIGINAL, the file of uWSGI's own package."""
import importlib.util
import os
import sys

import uwsgi
from background import ran, who

if "ORIGINAL" in os.environ:
    spec = importlib.util.spec_from_file_location("uwsgidecorators", os.environ["ORIGINAL"])
    module = importlib.util.module_from_spec(spec)
    sys.modules["uwsgidecorators"] = module
    spec.loader.exec_module(module)

from background import application  # noqa: E402, F401
from uwsgidecorators import (  # noqa: E402
    farm, lock, mule, mulefunc, mulemsg, postfork, spool, spoolforever, spoolraw, thread)


@spool
def plain(task):
    ran("plain", task["name"], task.get("body"))


@spool(pass_arguments=True)
def pickled(*args, **kwargs):
    ran("pickled", args, kwargs)


@spoolraw
def raw(task):
    ran("raw", task["name"])
    return uwsgi.SPOOL_RETRY


@spoolforever
def forever(task):
    ran("forever", task["name"])


@mulefunc
def any_mule(*args, **kwargs):
    ran("mulefunc", who(), args, kwargs)


@mulefunc(1)
def first_mule(n):
    ran("first", who(), n)


# These mules take what is for any mule, too.
if "BRAINS" in os.environ:
    @mule(2)
    def brain():
        ran("brain", who())
        while True:
            ran("brain got", uwsgi.mule_get_msg())

    @mulemsg(3)
    def told(message):
        ran("told", who(), message)


@farm("f")
def farmed(message):
    ran("farmed", who(), message)


@postfork
def forked():
    ran("forked", who())


@lock
def locked():
    return "locked"


@thread
def threaded():
    ran("threaded")


def ask(name):
    """Call everything once."""
    plain({"name": "a", "body": "B"})
    plain.spool(name="b")
    pickled(1, "two", three=[3])
    raw(name="r")
    forever(name="f")
    if "BRAINS" not in os.environ:
        any_mule(1, x=2)
    first_mule(7)
    uwsgi.mule_msg("for two", 2)
    uwsgi.mule_msg("for three", 3)
    uwsgi.farm_msg("f", "for f")
    threaded()
    return locked()


import background  # noqa: E402

background.everything = ask
