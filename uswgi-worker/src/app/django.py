"""What Django imports with its first request, imported when the application is loaded: a mistake in a URLconf, in the
views that it names or in the template engines is found by then, and the pages are shared by the workers."""


def preload(callables):
    """Raise what the first request would raise. Does nothing where no Django application was made."""
    import gc
    import sys

    kind = getattr(sys.modules.get("django.core.handlers.wsgi"), "WSGIHandler", None)
    if kind is None:
        return
    # It may be wrapped in anything. Of an object that pretends to be another, only type() says what it is.
    if not any(issubclass(type(o), kind) for o in callables):
        if not any(issubclass(type(o), kind) for o in gc.get_objects()):
            return
    try:
        urlconf()
        templates()
    finally:
        disconnect()


def urlconf():
    from django.conf import settings
    from django.urls import get_resolver

    if not getattr(settings, "ROOT_URLCONF", None):
        return
    resolver = get_resolver()
    # The module and all that it includes, patterns compiled.
    resolver.reverse_dict
    for status in 400, 403, 404, 500:
        resolver.resolve_error_handler(status)


def templates():
    from django.template import engines

    for backend in engines.all():
        engine = getattr(backend, "engine", None)
        for lazy in "template_loaders", "template_context_processors":
            getattr(engine, lazy, None)


def disconnect():
    """Modules may have asked a database or a cache. A connection must not be shared by the workers; the next use makes
    another one."""
    import sys

    if "django.db" in sys.modules:
        from django.db import connections

        connections.close_all()
        for connection in connections.all():
            # A pool has threads.
            if getattr(connection, "_connection_pools", None):
                connection.close_pool()
    if "django.core.cache" in sys.modules:
        sys.modules["django.core.cache"].close_caches()
