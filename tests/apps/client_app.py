"""Unmodified libraries that look for the module uwsgi: one address for each, with what it made of it."""

import logging
import os
import sys
import threading

DIR = os.environ["HOLD_DIR"]
warned = []


class Keep(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.WARNING:
            warned.append(record.name + ": " + record.getMessage())


logging.getLogger().addHandler(Keep())


class Transport:
    """What Sentry would have sent."""

    seen = []


def sentry():
    import warnings

    import sentry_sdk
    from sentry_sdk._compat import check_uwsgi_thread_support
    from sentry_sdk.transport import Transport as Base

    class Local(Base):
        def capture_envelope(self, envelope):
            Transport.seen.append(envelope)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        supported = check_uwsgi_thread_support()
        sentry_sdk.init(dsn="http://a@127.0.0.1:9/1", transport=Local, default_integrations=False)
    sentry_sdk.capture_message("hello")
    sentry_sdk.flush(2)
    return {"threads": supported, "warned": [str(w.message) for w in caught if "uWSGI" in str(w.message)],
            "sent": len(Transport.seen)}


def ddtrace_():
    from ddtrace.internal import uwsgi as detection
    from ddtrace.trace import tracer

    try:
        detection.check_uwsgi()
        state = "fine"
    except detection.uWSGIMasterProcess:
        state = "master"
    with tracer.trace("work", service="test") as span:
        trace = span.trace_id
    return {"state": state, "traced": trace > 0, "atexit": detection.should_register_atexit()}


def elastic():
    import elasticapm
    from elasticapm.utils import compat, is_master_process
    import uwsgi

    client = elasticapm.Client({"SERVICE_NAME": "test", "SERVER_URL": "http://127.0.0.1:9", "RECORDING": False,
                                "CENTRAL_CONFIG": False, "METRICS_INTERVAL": "0", "CLOUD_PROVIDER": "none"})
    compat.atexit_register(lambda: None)
    client.close()
    return {"master": is_master_process(), "postfork": compat.postfork.__module__, "hook": callable(uwsgi.atexit)}


def newrelic_():
    import newrelic.core.agent
    from newrelic.core.environment import environment_settings

    newrelic.core.agent.check_environment()
    found = dict(environment_settings())
    return {"dispatcher": found.get("Dispatcher"), "version": str(found.get("Dispatcher Version")),
            "warned": [w for w in warned if w.startswith("newrelic") and "uWSGI" in w]}


AT_IMPORT = {}
if os.environ.get("DDTRACE"):
    AT_IMPORT = ddtrace_()
from elasticapm.utils import is_master_process

AT_IMPORT["elastic-master"] = is_master_process()


def application(environ, start_response):
    import json

    action = {"/sentry": sentry, "/ddtrace": ddtrace_, "/elastic": elastic, "/newrelic": newrelic_,
              "/import": lambda: AT_IMPORT}[environ["PATH_INFO"]]
    body = json.dumps(action()).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
