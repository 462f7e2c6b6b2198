"""Unmodified libraries that work beside requests: uwsgi-tasks, the page of django-uwsgi-ng, prometheus_client by worker number."""
import fcntl
import os
import time

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path

HOLD = os.environ["HOLD_DIR"]
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", HOLD)

import prometheus_client  # noqa: E402
import uwsgi  # noqa: E402
from prometheus_client import multiprocess, values  # noqa: E402
from uwsgi_tasks import RetryTaskException, TaskExecutor, task  # noqa: E402

values.ValueClass = values.MultiProcessValue(process_identifier=uwsgi.worker_id)
ANSWERED = prometheus_client.Counter("answered", "Requests that were answered.")


def ran(*words):
    with open(os.path.join(HOLD, "ran"), "a") as f:
        f.write(" ".join(str(w) for w in words) + "\n")


def claim():
    # Held until this process ends: another one of the number cannot have it meanwhile.
    global CLAIM
    if uwsgi.worker_id():
        CLAIM = open(os.path.join(HOLD, "number_%d" % uwsgi.worker_id()), "w")
        try:
            fcntl.flock(CLAIM, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ran("alone", uwsgi.worker_id())
        except OSError:
            ran("shared", uwsgi.worker_id())


uwsgi.post_fork_hook = claim


@task(executor=TaskExecutor.SPOOLER)
def spooled(name, times=1):
    ran("spooled", name, times, uwsgi.i_am_the_spooler(), os.getcwd())


@task(executor=TaskExecutor.SPOOLER, retry_count=3, retry_timeout=1)
def retried(name):
    ran("retried", name)
    raise RetryTaskException()


@task(executor=TaskExecutor.MULE)
def muled(name):
    ran("muled", name, uwsgi.mule_id())


def begin(request):
    spooled("a", times=2)
    spooled("large", times="x" * 100000)
    retried("r")
    muled("m")
    return HttpResponse("begun")


def later(request):
    name = uwsgi.spool({b"name": b"later", b"at": str(int(time.time()) + 3600).encode()})
    return HttpResponse(os.path.basename(name))


def count(request):
    if request.GET:
        time.sleep(0.3)
    ANSWERED.inc()
    return HttpResponse("counted")


def counts(request):
    registry = prometheus_client.CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return HttpResponse(str(registry.get_sample_value("answered_total")))


def everybody_is_admin(get_response):
    def middleware(request):
        from django.contrib.auth.models import User

        request.user = User(id=1, username="admin", is_superuser=True, is_staff=True, is_active=True)
        return get_response(request)

    return middleware


settings.configure(
    SECRET_KEY="test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware", __name__ + ".everybody_is_admin"],
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "django.contrib.messages", "django_uwsgi"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
        "context_processors": ["django.template.context_processors.request",
                               "django.contrib.auth.context_processors.auth",
                               "django.contrib.messages.context_processors.messages"]}}],
    USE_TZ=True,
)
django.setup()
from django.contrib import admin  # noqa: E402

urlpatterns = [path("admin/", admin.site.urls), path("begin", begin), path("later", later), path("count", count), path("counts", counts),
               path("uwsgi/", include("django_uwsgi.urls"))]
application = get_wsgi_application()
