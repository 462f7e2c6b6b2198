"""A Django project in one file: django-uwsgi-cache as its cache, and the status page of django-uwsgi-ng."""

import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import include, path

settings.configure(
    DEBUG=True,
    SECRET_KEY="test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "client_django.everybody_is_admin",
    ],
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "django.contrib.messages", "django_uwsgi"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
        "context_processors": ["django.template.context_processors.request",
                               "django.contrib.auth.context_processors.auth",
                               "django.contrib.messages.context_processors.messages"]}}],
    CACHES={"default": {"BACKEND": "uwsgicache.UWSGICache", "LOCATION": "django"},
            "ng": {"BACKEND": "django_uwsgi.cache.UwsgiCache", "LOCATION": "django"}},
    USE_TZ=True,
)


def everybody_is_admin(get_response):
    def middleware(request):
        from django.contrib.auth.models import User

        request.user = User(id=1, username="admin", is_superuser=True, is_staff=True, is_active=True)
        return get_response(request)

    return middleware


def use(request):
    from django.core.cache import caches

    result = {}
    for name in ("default", "ng"):
        cache = caches[name]
        cache.clear()
        cache.set("a", {"b": [1, "\xe9"]}, 60)
        result[name] = [
            cache.get("a"), cache.add("a", 1), cache.add("n", 5), cache.get("missing", "none"),
            cache.get_many(["a", "n"]), cache.delete("n"), cache.get("n"),
        ]
    cache = caches["default"]
    cache.set("gone", 1, 0)
    result["gone"] = cache.get("gone")
    cache.set("kept", os.getpid(), None)
    result["pid"] = os.getpid()
    return JsonResponse(result)


def kept(request):
    from django.core.cache import cache

    return JsonResponse({"kept": cache.get("kept"), "pid": os.getpid()})


from django.contrib import admin  # noqa: E402

django.setup()

urlpatterns = [path("use", use), path("kept", kept), path("uwsgi/", include("django_uwsgi.urls")),
               path("admin/", admin.site.urls)]
application = get_wsgi_application()
