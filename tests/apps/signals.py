"""Signals of the application: who ran which, beside the original. Asked as background.py is."""
import os

import uwsgi
from background import application, ran, who  # noqa: F401
import background

TARGETS = ["", "worker", "workers", "worker1", "worker2", "active-workers", "mule", "mules", "mule1", "mule2",
           "farm_f", "spooler", "worker0", "nonsense", "mule9"]


def handler(number):
    ran("signal", number, type(number).__name__, who())


for i, target in enumerate(TARGETS):
    ran("registered", uwsgi.register_signal(10 + i, target, handler))


def bad(number):
    raise RuntimeError("as it was asked for")


def count(number):
    ran("tick", number, who())


uwsgi.register_signal(50, "", bad)
uwsgi.register_signal(51, "", count)
if "TIMER" in os.environ:
    uwsgi.add_timer(51, int(os.environ["TIMER"]))
if "AT_IMPORT" in os.environ:
    uwsgi.signal(12)

background.register = lambda number, target: uwsgi.register_signal(number, target, handler)
