"""A Django page: middleware, a URL, a template with a loop. No database: its cost would hide ours."""

import mmap
import os
import struct
import time

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.template import engines
from django.urls import path

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)
django.setup()

PAGE = """<!doctype html><title>{{ title }}</title><h1>{{ title }}</h1>
<ul>{% for item in items %}<li class="{% cycle 'odd' 'even' %}">{{ item.name }}: {{ item.price }}</li>{% endfor %}</ul>"""
ITEMS = [{"name": f"item <{i}>", "price": i * 3} for i in range(20)]


def page(request):
    html = engines["django"].from_string(PAGE).render({"title": "Items", "items": ITEMS}, request)
    return HttpResponse(html)


urlpatterns = [path("", page)]
django_application = get_wsgi_application()

# CPU nanoseconds spent in the page, for bench/run.py: what is left of the process's time is the server's.
with open(os.environ["BENCH_SPENT"], "r+b") as _f:
    spent = mmap.mmap(_f.fileno(), 8)
total = 0


def application(environ, start_response):
    global total
    begun = time.thread_time_ns()
    answer = django_application(environ, start_response)
    body = b"".join(answer)
    # Closed and freed here, so that this too counts as the page's.
    answer.close()
    del answer
    total += time.thread_time_ns() - begun
    struct.pack_into("<Q", spent, 0, total)
    return [body]
