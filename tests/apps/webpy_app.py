"""A web.py application for the tests."""

import web

urls = ("/", "Index", "/form", "Form", "/stream", "Stream", "/boom", "Boom")


class Index:
    """A page."""

    def GET(self):
        web.header("Content-Type", "text/plain")
        return "web.py " + web.ctx.env.get("QUERY_STRING", "")


class Form:
    """A form."""

    def POST(self):
        data = web.input(name="nobody")
        return "name=" + data.name


class Stream:
    """An answer in pieces."""

    def GET(self):
        for n in range(100):
            yield "line %d\n" % n


class Boom:
    """A page that fails."""

    def GET(self):
        raise RuntimeError("on purpose")


application = web.application(urls, globals()).wsgifunc()
