"""The smallest useful web.py application."""

import web

urls = ("/", "Index", "/form", "Form")


class Index:
    """A page."""

    def GET(self):
        return "Hello from web.py\n"


class Form:
    """Takes a form."""

    def POST(self):
        return "name is " + web.input(name="nobody").name + "\n"


application = web.application(urls, globals()).wsgifunc()
