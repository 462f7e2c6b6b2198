"""The applications of run.py: what is installed, the configuration of their own documents, and what a user does there.

In a configuration `{dir}`, `{venv}` and `{port}` stand for what a site puts there; the rest is as the documents have it.
"""
import base64
import http.client
import io
import re
import zipfile


class App:
    """One application. `config` is a uwsgi.ini; its socket speaks HTTP where `direct` says so, uwsgi otherwise."""

    name = ""
    # What stands beside its name in a report: what it is a test of; the first of the requirements where it is empty.
    shows = ""
    # The virtualenv's name, where several share one.
    venv = None
    requirements = ()
    config = ""
    direct = True
    path = "/"
    first = 200
    # Words in front of the server's command line, from the virtualenv.
    wrap = ()
    # Programs that are needed, with the Debian packages that have them.
    programs = {}
    # Whether it sends to a collector, on the port {collect}.
    collects = False
    # What tracebacks of the log may end with.
    traces = None
    # What a reload is refused with, of an application that cannot be loaded while its predecessor runs.
    refuses = None

    def env(self, site):
        return {}

    def prepare(self, site):
        """What the documents do before the first start."""

    def walk(self, client, site):
        """What a user does; the client raises what is wrong."""

    def after(self, site):
        """What can be seen beside the requests, before the end."""

    def ended(self, site):
        """What can be seen after the end."""

    # browse(page, url, site, picture): what a user does in a window (browser.py), where somebody has written it down.
    browse = None
    # Whether the original can serve it.
    original = True
    # What a page of its own asks for and nobody has; a browser asks every site for its favicon.ico.
    missing = r"/favicon\.ico$"


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def ranges(client, path, content, headers=None):
    """A part of a file, and the whole of it."""
    whole = client.get(path, headers=headers).body
    assert whole == content, f"{path}: {len(whole)} bytes of {len(content)}"
    part = client.get(path, headers={**(headers or {}), "Range": "bytes=1000-1999"}, expect=(200, 206))
    assert part.body == (content if part.status == 200 else content[1000:2000]), f"{path}: a wrong range"


def sign_in_to_django(client, path, fields, expect=302):
    """The form of Django's own sign-in and of those like it, with the token that stands in it."""
    token = client.get(path).field("csrfmiddlewaretoken")
    client.form(path, {**fields, "csrfmiddlewaretoken": token}, expect=expect)


BIG = bytes(range(256)) * 40_000


class Radicale(App):
    """https://radicale.org/v3.html#manual-configuration (uWSGI)"""

    name = "radicale"
    requirements = ("Radicale==3.9.0", "passlib==1.7.4", "bcrypt==5.0.0")
    path, first = "/.web/", 200
    config = """[uwsgi]
http-socket = 127.0.0.1:{port}
processes = 8
plugin = python3
module = radicale
env = RADICALE_CONFIG={dir}/config
virtualenv = {venv}
"""

    def prepare(self, site):
        site.write("users", "tim:secret\n")
        site.write("config", "[auth]\ntype = htpasswd\nhtpasswd_filename = {dir}/users\nhtpasswd_encryption = plain\ndelay = 0\n"
                   "[storage]\nfilesystem_folder = {dir}/collections\n")

    def walk(self, client, site):
        user = basic("tim", "secret")
        client.get("/.web/").has("Radicale")
        client.ask("PROPFIND", "/tim/", headers=basic("tim", "wrong"), expect=401)
        client.ask("MKCALENDAR", "/tim/work/", headers=user, expect=201)
        event = ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t//EN\r\nBEGIN:VEVENT\r\nUID:one\r\nDTSTAMP:20261130T100000Z\r\n"
                 "DTSTART:20261201T100000Z\r\nSUMMARY:Kaffee\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
        client.ask("PUT", "/tim/work/one.ics", event.encode(), {**user, "Content-Type": "text/calendar"}, expect=201)
        client.get("/tim/work/one.ics", headers=user).has("SUMMARY:Kaffee")
        report = (b'<?xml version="1.0"?><c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:getetag/>'
                  b'<c:calendar-data/></d:prop><c:filter><c:comp-filter name="VCALENDAR"/></c:filter></c:calendar-query>')
        client.ask("REPORT", "/tim/work/", report, {**user, "Content-Type": "text/xml", "Depth": "1"}, expect=207).has("Kaffee")
        client.ask("PROPFIND", "/tim/", headers={**user, "Depth": "1"}, expect=207).has("/tim/work/")
        client.ask("DELETE", "/tim/work/one.ics", headers=user)
        client.ask("DELETE", "/tim/work/", headers=user)


class Isso(App):
    """https://isso-comments.de/docs/reference/deployment/ (uWSGI): a cache and a spooler that the application uses"""

    name = "isso"
    # Nobody answers on the port of its mail server: the spooler has an exception to tell, and nothing else may have one.
    traces = r"ConnectionRefusedError"
    requirements = ("isso==0.14.0", "setuptools==84.2.1")
    path = "/?uri=%2Fpage"
    config = """[uwsgi]
http = :{port}
master = true
; set to `nproc`
processes = 4
cache2 = name=hash,items=10240,blocksize=32
; will create a new file if it does not exist
spooler = {dir}/mail
module = isso.run
; uncomment if you use a virtual environment
virtualenv = {venv}
env = ISSO_SETTINGS={dir}/isso.cfg
"""

    def prepare(self, site):
        (site.dir / "mail").mkdir()
        site.write("isso.cfg", "[general]\ndbpath = {dir}/comments.db\nhost = http://127.0.0.1:{port}/\nnotify = smtp\n"
                   "[guard]\nenabled = false\n[smtp]\nhost = 127.0.0.1\nport = 9\nsecurity = none\nto = a@example.org\nfrom = b@example.org\n")

    def walk(self, client, site):
        before = client.get(self.path).json()["total_replies"]
        comment = {"text": "Hello **world**", "author": "A", "email": None, "website": None, "title": "t", "parent": None}
        new = client.json("POST", "/new?uri=%2Fpage", comment, expect=201).has("<strong>world</strong>").json()
        assert client.get(self.path).json()["total_replies"] == before + 1
        client.json("PUT", f"/id/{new['id']}", {**comment, "text": "other text"}).has("other text")
        client.json("POST", "/count", ["/page"]).has(str(before + 1))
        client.ask("DELETE", f"/id/{new['id']}", headers={"Content-Type": "application/json"})
        client.get("/js/embed.min.js").has("isso")

    def after(self, site):
        # Mails are tasks of the spooler, and stay there: nobody answers on the port of the mail server.
        assert list((site.dir / "mail").rglob("uwsgi_spoolfile*")), "no mail was spooled"


class Pypiserver(App):
    """https://pypi.org/project/pypiserver/ (a WSGI application: app())"""

    name = "pypiserver"
    requirements = ("pypiserver==2.4.2", "passlib==1.7.4")
    path = "/simple/"
    config = """[uwsgi]
http = 127.0.0.1:{port}
master = true
processes = 2
threads = 2
virtualenv = {venv}
chdir = {dir}
wsgi-file = {dir}/wsgi.py
"""

    def prepare(self, site):
        (site.dir / "packages").mkdir()
        site.write("wsgi.py", "import pypiserver\napplication = pypiserver.app(roots=['{dir}/packages'], password_file='.',"
                   " authenticate=[], overwrite=True)\n")

    def walk(self, client, site):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as wheel:
            wheel.writestr("tiny.py", "X = 1\n" + "#" * 300_000)
            wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
            wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr("tiny-1.0.dist-info/RECORD", "")
        name = "tiny-1.0-py3-none-any.whl"
        client.form("/", {":action": "file_upload", "name": "tiny", "version": "1.0"}, {"content": (name, file.getvalue())})
        client.get("/simple/").has("tiny")
        client.get("/simple/tiny/").has(name)
        ranges(client, f"/packages/{name}", file.getvalue())
        target = site.dir / f"installed-{client.port}"
        site.run("python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-cache-dir", "--target", str(target),
                 "--index-url", f"http://127.0.0.1:{client.port}/simple/", "tiny==1.0")
        assert (target / "tiny.py").exists()


class WsgiDav(App):
    """https://wsgidav.readthedocs.io (a WSGI application)"""

    name = "wsgidav"
    requirements = ("WsgiDAV==4.4.0",)
    config = """[uwsgi]
http-socket = 127.0.0.1:{port}
master = true
processes = 1
threads = 4
virtualenv = {venv}
wsgi-file = {dir}/server.py
"""

    def prepare(self, site):
        (site.dir / "share").mkdir()
        site.write("server.py", "from wsgidav.wsgidav_app import WsgiDAVApp\napplication = WsgiDAVApp({'provider_mapping': {'/': '{dir}/share'},"
                   " 'simple_dc': {'user_mapping': {'*': True}}, 'verbose': 1})\n")

    def walk(self, client, site):
        client.ask("OPTIONS", "/").has()
        client.ask("MKCOL", "/d/", expect=201)
        client.ask("PUT", "/d/big.bin", BIG, expect=(201, 204))
        ranges(client, "/d/big.bin", BIG)
        client.ask("PROPFIND", "/d/", headers={"Depth": "1"}, expect=207).has("big.bin", str(len(BIG)))
        lock = client.ask("LOCK", "/d/big.bin", b'<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>'
                          b'<D:locktype><D:write/></D:locktype></D:lockinfo>', {"Timeout": "Second-60"})
        token = lock.headers["lock-token"]
        client.ask("PUT", "/d/big.bin", b"other", expect=423)
        client.ask("UNLOCK", "/d/big.bin", headers={"Lock-Token": token}, expect=204)
        # A body in chunks, as macOS sends it.
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=60)
        connection.request("PUT", "/d/chunks", iter([b"one ", b"two ", b"three"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        assert connection.getresponse().status == 201
        connection.close()
        assert client.get("/d/chunks").body == b"one two three"
        client.ask("MOVE", "/d/chunks", headers={"Destination": f"http://127.0.0.1:{client.port}/d/moved"}, expect=201)
        client.ask("COPY", "/d/moved", headers={"Destination": f"http://127.0.0.1:{client.port}/d/copy"}, expect=201)
        client.get("/d/chunks", expect=404)
        client.ask("DELETE", "/d/", expect=204)


class Small(App):
    """Bottle, Falcon and web.py under one configuration, each at its place (mount, manage-script-name: uWSGI's own documents)"""

    name = "small"
    requirements = ("bottle==0.13.4", "falcon==4.4.0", "web.py==0.76")
    path = "/bottle/hello/you"
    direct = False
    config = """[uwsgi]
socket = 127.0.0.1:{port}
master = true
processes = 2
virtualenv = {venv}
chdir = {dir}
manage-script-name = true
mount = /bottle=b.py
mount = /falcon=f.py
mount = /web=w.py
"""

    def prepare(self, site):
        site.write("b.py", """import bottle
app = application = bottle.Bottle()
@app.route('/hello/<name>')
def hello(name):
    return bottle.template('Hello {{name}}, {{url}}', name=name, url=bottle.request.script_name)
@app.post('/upload')
def upload():
    return str(len(bottle.request.files.get('f').file.read()))
@app.route('/stream')
def stream():
    for n in range(1000):
        yield '%d\\n' % n
@app.route('/file')
def file():
    return bottle.static_file('big.bin', root='{dir}')
""")
        site.write("f.py", """import falcon
class Thing:
    def on_get(self, req, resp, n):
        resp.media = {'n': n, 'prefix': req.root_path, 'uri': req.relative_uri}
    def on_post(self, req, resp, n):
        resp.media = {'got': req.get_media()}
        resp.status = falcon.HTTP_201
    def on_put(self, req, resp, n):
        size = 0
        while chunk := req.bounded_stream.read(65536):
            size += len(chunk)
        resp.text = str(size)
application = falcon.App()
application.add_route('/thing/{n:int}', Thing())
""")
        site.write("w.py", """import web
class index:
    def GET(self, name):
        web.setcookie('seen', name)
        return 'Hello ' + name + ' from ' + web.ctx.home
class form:
    def POST(self):
        return repr(sorted(web.input().items()))
class away:
    def GET(self):
        raise web.seeother('/hello/there')
application = web.application(('/hello/(.*)', 'index', '/form', 'form', '/away', 'away'), globals()).wsgifunc()
""")
        (site.dir / "big.bin").write_bytes(BIG)

    def walk(self, client, site):
        client.get("/bottle/hello/you").has("Hello you, /bottle/")
        client.form("/bottle/upload", {"a": "b"}, {"f": ("x.bin", BIG)}).has(str(len(BIG)))
        assert client.get("/bottle/stream").text == "".join(f"{n}\n" for n in range(1000))
        ranges(client, "/bottle/file", BIG)
        client.get("/bottle/none", expect=404)
        assert client.get("/falcon/thing/7?a=1").json() == {"n": 7, "prefix": "/falcon", "uri": "/falcon/thing/7?a=1"}
        client.json("POST", "/falcon/thing/1", {"k": ["\u00fc"]}, expect=201).has('{"got": {"k": ["')
        client.ask("PUT", "/falcon/thing/1", BIG).has(str(len(BIG)))
        client.ask("PATCH", "/falcon/thing/1", expect=405)
        client.get("/web/hello/you").has("Hello you from", "/web")
        client.form("/web/form", {"x": "1", "y": "\u00e4"}).has("('x', '1')", "\u00e4")
        where = client.get("/web/away", expect=303).headers["location"]
        assert where.endswith("/web/hello/there"), where
        client.get("/elsewhere", expect=404)


class Datasette(App):
    """https://docs.datasette.io/en/stable/deploying.html: an ASGI application, served as one"""

    name = "datasette"
    original = False
    requirements = ("datasette==0.65.5",)
    path = "/-/versions.json"
    config = """[uwsgi]
http = 127.0.0.1:{port}
master = true
processes = 2
asgi = true
virtualenv = {venv}
chdir = {dir}
module = site_app:app
"""

    def prepare(self, site):
        site.write("make.py", "import sqlite3\nc = sqlite3.connect('{dir}/data.db')\nc.execute('create table t (id integer primary key, name text)')\n"
                   "c.executemany('insert into t (name) values (?)', [('row %d' % n,) for n in range(5000)])\nc.commit()\n")
        site.run("python", "{dir}/make.py")
        site.write("site_app.py", "from datasette.app import Datasette\napp = Datasette(['{dir}/data.db']).app()\n")

    def walk(self, client, site):
        client.get("/").has("data")
        assert client.get("/data/t.json?_shape=array&_size=3").json()[2]["name"] == "row 2"
        # Streamed in pieces.
        lines = client.get("/data/t.csv?_stream=on").text.splitlines()
        assert len(lines) == 5001, len(lines)
        client.get("/data/t/7").has("row 6")
        client.get("/data?sql=select+count(*)+as+n+from+t").has("5000")
        client.get("/-/static/app.css").has("body")
        client.get("/none", expect=404)


class Kinto(App):
    """https://docs.kinto-storage.org/en/stable/configuration/production.html (uWSGI); one process, as its storage is memory here"""

    name = "kinto"
    requirements = ("kinto==26.5.0", "setuptools==81.0.0")
    path = "/v1/"
    direct = False
    config = """[uwsgi]
wsgi-file = {dir}/app.wsgi
enable-threads = true
socket = 127.0.0.1:{port}
chmod-socket = 666
processes =  1
master = true
harakiri = 120
virtualenv = {venv}
lazy = true
lazy-apps = true
single-interpreter = true
buffer-size = 65535
post-buffering = 65535
plugin = python
"""

    def prepare(self, site):
        site.run("kinto", "init", "--ini", "{dir}/kinto.ini", "--backend", "memory", "--cache-backend", "memory", "--host", "127.0.0.1")
        site.write("app.wsgi", "import configparser\nfrom kinto import main\nc = configparser.ConfigParser(interpolation=None)\n"
                   "c.read('{dir}/kinto.ini')\nsettings = dict(c.items('app:main'))\napplication = main({}, **settings)\n")

    def walk(self, client, site):
        user = f"u{client.port}"
        client.json("PUT", f"/v1/accounts/{user}", {"data": {"password": "s3cret"}}, expect=201)
        head = basic(user, "s3cret")
        client.json("PUT", "/v1/buckets/default/collections/tasks", {}, head, expect=(200, 201))
        made = client.json("POST", "/v1/buckets/default/collections/tasks/records", {"data": {"text": "\u00fc" * 20_000}}, head, expect=201).json()
        record = f"/v1/buckets/default/collections/tasks/records/{made['data']['id']}"
        etag = client.get(record, headers=head).headers["etag"]
        client.get(record, headers={**head, "If-None-Match": etag}, expect=304)
        client.json("PATCH", record, {"data": {"done": True}}, head).has("done")
        client.json("PUT", record, {"data": {}}, {**head, "If-Match": '"1"'}, expect=412)
        client.ask("DELETE", record, headers=head)
        client.get("/v1/buckets", expect=401)
        client.get("/v1/__heartbeat__")


class Trac(App):
    """https://trac.edgewall.org/wiki/TracInstall: a tracker as a WSGI application"""

    name = "trac"
    missing = r"/favicon\.ico$|/your_project_logo\.png$"
    requirements = ("Trac==1.6", "setuptools==80.9.0")
    path = "/wiki"
    config = """[uwsgi]
http = 127.0.0.1:{port}
master = true
processes = 2
threads = 2
virtualenv = {venv}
env = TRAC_ENV={dir}/project
env = PYTHON_EGG_CACHE={dir}/eggs
module = trac.web.main:dispatch_request
"""

    def prepare(self, site):
        site.run("trac-admin", "{dir}/project", "initenv", "Real", "sqlite:db/trac.db")
        site.run("trac-admin", "{dir}/project", "permission", "add", "anonymous", "TICKET_ADMIN")

    def walk(self, client, site):
        client.get("/wiki").has("WikiStart")
        client.get("/chrome/common/css/trac.css").has("body")
        token = client.get("/newticket").field("__FORM_TOKEN")
        where = client.form("/newticket", {"__FORM_TOKEN": token, "field_summary": "It \u00fcberl\u00e4uft", "field_description": "= Text =",
                            "field_type": "defect", "field_priority": "major", "field_component": "component1", "field_reporter": "me",
                            "submit": "Create ticket"}, expect=303).headers["location"]
        ticket = re.search(r"/ticket/(\d+)", where)[1]
        client.get(f"/ticket/{ticket}").has("\u00fcberl\u00e4uft")
        form = client.get(f"/attachment/ticket/{ticket}/?action=new")
        client.form(f"/attachment/ticket/{ticket}/?action=new", {"__FORM_TOKEN": form.field("__FORM_TOKEN"), "action": "new", "realm": "ticket",
                    "id": ticket, "author": "me", "description": ""}, {"attachment": ("a.bin", BIG[:200_000])}, expect=303)
        assert client.get(f"/raw-attachment/ticket/{ticket}/a.bin").body == BIG[:200_000]
        client.get(f"/ticket/{ticket}?format=csv").has("summary")
        client.get("/timeline").has("Timeline")

    def browse(self, page, url, site, picture):
        site.write("notes.txt", "a file for the ticket\n")
        page.open(f"{url}/newticket")
        page.fill("#field-summary", "Made in a browser: \u00fcber")
        page.fill("#field-description", "== A heading ==\n * one\n * two")
        # Made by a script that asks the server while one types.
        page.says("A heading")
        page.click("text=Create ticket", loads=True)
        page.says("Made in a browser: \u00fcber")
        page.click("#attachments .foldable a")
        page.until("document.querySelector('#attachfilebutton').getBoundingClientRect().height > 0")
        page.click("#attachfilebutton", loads=True)
        page.upload("input[type=file]", site.dir / "notes.txt")
        page.click("text=Add attachment", loads=True)
        page.says("notes.txt")
        picture("ticket")
        page.open(f"{url}/timeline")
        page.says("Made in a browser")
        picture("timeline")


class Zope(App):
    """https://zope.readthedocs.io/en/latest/operation.html: the instance of mkwsgiinstance, by its own PasteDeploy file"""

    name = "zope"
    requirements = ("Zope==6.3", "Paste==3.10.1")
    # Its storage belongs to one process at a time: the successor cannot open it, and the old one goes on.
    traces = r"zc\.lockfile\.LockError|BlockingIOError"
    refuses = "Couldn't lock"
    path = "/"
    config = """[uwsgi]
http-socket = 127.0.0.1:{port}
master = true
processes = 1
threads = 4
virtualenv = {venv}
paste = config:{dir}/instance/etc/zope.ini
"""

    def prepare(self, site):
        site.run("mkwsgiinstance", "-d", "{dir}/instance", "-u", "admin:secret")

    def walk(self, client, site):
        admin, name = basic("admin", "secret"), f"f{client.port}"
        client.get("/").has("Zope")
        client.get("/manage_main", expect=401)
        client.get("/manage_main", headers=admin).has("acl_users")
        client.form("/manage_addFolder", {"id": name, "title": "A \u00fc"}, headers=admin, expect=(200, 302))
        client.form(f"/{name}/manage_addFile", {"id": "big"}, {"file": ("big.bin", BIG[:2_000_000])}, headers=admin, expect=(200, 302))
        ranges(client, f"/{name}/big", BIG[:2_000_000])
        client.form("/manage_delObjects", {"ids:list": name}, headers=admin)
        client.get(f"/{name}", expect=404)


class Roundup(App):
    """https://www.roundup-tracker.org/docs/installation.html (WSGI): a tracker below a path of its own"""

    name = "roundup"
    requirements = ("roundup==2.6.0",)
    path = "/demo/"
    config = """[uwsgi]
http = 127.0.0.1:{port}
master = true
processes = 2
virtualenv = {venv}
chdir = {dir}
manage-script-name = true
mount = /demo=wsgi.py
callable = app
"""

    def prepare(self, site):
        site.run("roundup-admin", "-i", "{dir}/demo", "install", "classic", "anydbm", "admin_email=a@example.org,dispatcher_email=b@example.org,"
                 "mail_domain=example.org,mail_host=localhost,tracker_web=http://127.0.0.1:{port}/demo/,rdbms_backend=sqlite")
        config = site.dir / "demo/config.ini"
        text = re.sub(r"(?m)^web = .*$", site.fill("web = http://127.0.0.1:{port}/demo/"), config.read_text())
        text = re.sub(r"(?m)^use_browser_language = .*$", "use_browser_language = no", text)
        config.write_text(text)
        site.run("roundup-admin", "-i", "{dir}/demo", "initialise", "secret")
        site.write("wsgi.py", "from roundup.cgi.wsgi_handler import RequestDispatcher\napp = RequestDispatcher('{dir}/demo')\n")

    def walk(self, client, site):
        page = client.get("/demo/").has("Login")
        client.get("/demo/@@file/style.css").has("body")
        fields = {"@action": "login", "__login_name": "admin", "__login_password": "secret", "@csrf": page.field("@csrf"),
                  "__came_from": f"http://127.0.0.1:{site.port}/demo/"}
        own = {"Referer": f"http://127.0.0.1:{site.port}/demo/", "Origin": f"http://127.0.0.1:{site.port}",
               "Host": f"127.0.0.1:{site.port}"}
        client.form("/demo/", fields, headers=own, expect=(200, 302))
        page = client.get("/demo/issue?@template=item", headers=own).has("admin")
        client.form("/demo/issue", {"@action": "new", "title": "It breaks", "@csrf": page.field("@csrf"), "priority": "1"},
                    {"@file": ("a.txt", b"the text of a file")}, headers=own, expect=302)
        client.get("/demo/issue?@columns=id,title&@sort=id", headers=own).has("It breaks")


class AppBuilder(App):
    """https://flask-appbuilder.readthedocs.io: its own start, with users, forms and a REST API"""

    name = "fab"
    requirements = ("Flask-AppBuilder==5.3.0", "Flask-SQLAlchemy==3.1.1", "setuptools==80.9.0")
    path = "/login/"
    direct = False
    config = """[uwsgi]
socket = 127.0.0.1:{port}
master = true
processes = 2
threads = 2
virtualenv = {venv}
chdir = {dir}
wsgi-file = site_app.py
callable = app
"""

    def prepare(self, site):
        site.write("site_app.py", """from flask import Flask
from flask_appbuilder import AppBuilder, ModelView, Model
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_appbuilder.utils.legacy import get_sqla_class
from sqlalchemy import Column, Integer, String
app = Flask(__name__)
app.config.update(SECRET_KEY='k' * 40, SQLALCHEMY_DATABASE_URI='sqlite:///{dir}/app.db', WTF_CSRF_ENABLED=True, FAB_API_SWAGGER_UI=True,
                  RATELIMIT_ENABLED=False)
db = get_sqla_class()()
class Pet(Model):
    __tablename__ = "pet"
    id = Column(Integer, primary_key=True)
    name = Column(String(50))
class PetView(ModelView):
    datamodel = SQLAInterface(Pet)
    list_columns = ['name']
with app.app_context():
    db.init_app(app)
    appbuilder = AppBuilder(app, db.session)
    appbuilder.add_view(PetView, 'Pets')
""")
        site.run("python", "-c", "import site_app as s\nwith s.app.app_context():\n s.appbuilder.sm.add_user('admin', 'A', 'B', 'a@example.org',"
                 " s.appbuilder.sm.find_role('Admin'), 'secret')")

    def walk(self, client, site):
        page = client.get("/login/")
        client.form("/login/", {"username": "admin", "password": "wrong", "csrf_token": page.field("csrf_token")}, expect=302)
        page = client.get("/login/")
        client.form("/login/", {"username": "admin", "password": "secret", "csrf_token": page.field("csrf_token")}, expect=302)
        page = client.get("/petview/add")
        client.form("/petview/add", {"name": f"Rex {client.port}", "csrf_token": page.field("csrf_token")}, expect=302)
        client.get("/petview/list/").has(f"Rex {client.port}")
        token = client.json("POST", "/api/v1/security/login", {"username": "admin", "password": "secret", "provider": "db"}).json()["access_token"]
        client.get("/api/v1/_openapi", headers={"Authorization": f"Bearer {token}"}).has("openapi")
        client.get("/static/appbuilder/css/ab.css")


class Mailman(App):
    """https://docs.mailman3.org/en/latest/install/virtualenv.html (uwsgi.ini): Postorius and HyperKitty with their daemon and jobs"""

    name = "mailman"
    requirements = ("mailman-web==0.0.9", "Whoosh==2.7.4", "Django==4.2.30", "setuptools==80.9.0")
    path = "/accounts/login/"
    config = """[uwsgi]
# Port on which uwsgi will be listening.
http-socket = 0.0.0.0:{port}

#Enable threading for python
enable-threads = true

# Setting uid and gid is left to the site.
# Move to the directory where the django files are.
chdir = {dir}

# Use the wsgi file provided with the django project.
module = mailman_web.wsgi:application
env = PYTHONPATH={dir}
env = DJANGO_SETTINGS_MODULE=settings
virtualenv = {venv}

# Setup default number of processes and threads per process.
master = true
processes = 2
threads = 2

# Setup the django_q related worker processes.
attach-daemon = {venv}/bin/mailman-web qcluster

# Setup hyperkitty's cron jobs.
unique-cron = -15 -1 -1 -1 -1 {venv}/bin/mailman-web runjobs minutely
unique-cron = -15 -1 -1 -1 -1 {venv}/bin/mailman-web runjobs quarter_hourly
unique-cron = 0 -1 -1 -1 -1 {venv}/bin/mailman-web runjobs hourly
unique-cron = 0 0 -1 -1 -1 {venv}/bin/mailman-web runjobs daily

# Setup the request log.
req-logger = file:{dir}/logs/web.log

# Log cron seperately.
logger = cron file:{dir}/logs/web-cron.log
log-route = cron uwsgi-cron

# Log qcluster commands seperately.
logger = qcluster file:{dir}/logs/web-qcluster.log
log-route = qcluster uwsgi-daemons

# Last log and it logs the rest of the stuff.
logger = file:{dir}/logs/web-error.log
"""

    def env(self, site):
        return {"PYTHONPATH": str(site.dir), "DJANGO_SETTINGS_MODULE": "settings", "MAILMAN_WEB_CONFIG": str(site.dir / "settings.py")}

    def prepare(self, site):
        (site.dir / "logs").mkdir()
        site.write("settings.py", """from mailman_web.settings.base import *
from mailman_web.settings.mailman import *
SECRET_KEY = 'k' * 50
DEBUG = False
ALLOWED_HOSTS = ['*']
BASE_DIR = '{dir}'
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': '{dir}/web.db', 'OPTIONS': {'timeout': 60}}}
STATIC_ROOT = '{dir}/static'
LOGGING['handlers'] = {'file': {'level': 'INFO', 'class': 'logging.FileHandler', 'filename': '{dir}/logs/django.log'}}
for logger in LOGGING['loggers'].values():
    logger['handlers'] = ['file']
LOGGING.pop('root', None)
HAYSTACK_CONNECTIONS = {'default': {'PATH': '{dir}/index', 'ENGINE': 'haystack.backends.whoosh_backend.WhooshEngine'}}
ACCOUNT_EMAIL_VERIFICATION = 'none'
COMPRESS_ENABLED = COMPRESS_OFFLINE = False
COMPRESS_PRECOMPILERS = ()
EMAIL_BACKEND = 'django.core.mail.backends.filebased.EmailBackend'
EMAIL_FILE_PATH = '{dir}/mails'
""")
        env = self.env(site)
        site.run("mailman-web", "migrate", "-v", "0", env=env)
        site.run("mailman-web", "collectstatic", "-v", "0", "--noinput", env=env)
        site.run("mailman-web", "createsuperuser", "--noinput", "--username", "admin", "--email", "a@example.org",
                 env={**env, "DJANGO_SUPERUSER_PASSWORD": "secret"})

    def walk(self, client, site):
        client.get("/accounts/login/").has("Sign In")
        sign_in_to_django(client, "/accounts/login/", {"login": "admin", "password": "wrong"}, expect=200)
        sign_in_to_django(client, "/accounts/login/", {"login": "admin", "password": "secret"})
        client.get("/hyperkitty/").has("Available lists")
        client.get("/admin/django_q/schedule/").has("schedule")
        client.get("/accounts/email/")
        client.get("/hyperkitty/list/none@example.org/", expect=404)

    def after(self, site):
        logs = {name: (site.dir / "logs" / name).read_text() for name in ("web.log", "web-qcluster.log")}
        assert "GET /hyperkitty/" in logs["web.log"], logs["web.log"][-500:]


class Wagtail(App):
    """https://docs.wagtail.org/en/stable/getting_started/tutorial.html: the project of `wagtail start`"""

    name = "wagtail"
    requirements = ("wagtail==8.0.1", "Django==5.2.19")
    path = "/admin/login/"
    direct = False
    config = """[uwsgi]
socket = 127.0.0.1:{port}
chdir = {dir}/site
module = mysite.wsgi:application
env = DJANGO_SETTINGS_MODULE=mysite.settings.dev
virtualenv = {venv}
master = true
processes = 2
threads = 2
harakiri = 60
static-map = /media={dir}/site/media
"""

    def prepare(self, site):
        (site.dir / "site").mkdir()
        site.run("wagtail", "start", "mysite", "{dir}/site")
        # What browsers of users would ask of other sites.
        with (site.dir / "site/mysite/settings/dev.py").open("a") as settings:
            settings.write("WAGTAIL_ENABLE_UPDATE_CHECK = False\nWAGTAIL_GRAVATAR_PROVIDER_URL = None\n")
        env = {"DJANGO_SUPERUSER_PASSWORD": "secret"}
        site.run("python", "manage.py", "migrate", "-v", "0", cwd=site.dir / "site")
        site.run("python", "manage.py", "createsuperuser", "--noinput", "--username", "admin", "--email", "a@example.org", cwd=site.dir / "site", env=env)

    def walk(self, client, site):
        client.get("/").has("Welcome")
        sign_in_to_django(client, "/admin/login/", {"username": "admin", "password": "secret"})
        client.get("/admin/").has("Dashboard")
        page = client.get("/admin/documents/add/")
        client.form("/admin/documents/add/", {"title": "Data", "collection": "1", "tags": "", "csrfmiddlewaretoken": page.field("csrfmiddlewaretoken")},
                    {"file": (f"big{client.port}.txt", BIG[:3_000_000])}, expect=302)
        link = re.search(r"/documents/\d+/big%d[^\"']*" % client.port, client.get("/admin/documents/").text)[0]
        assert client.get(link).body == BIG[:3_000_000]
        # The rest of a large upload goes to a file; a picture is made smaller by Pillow.
        tiny = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")
        page = client.get("/admin/images/add/")
        client.form("/admin/images/add/", {"title": "Dot", "collection": "1", "tags": "", "csrfmiddlewaretoken": page.field("csrfmiddlewaretoken")},
                    {"file": ("dot.png", tiny)}, expect=302)
        client.get("/admin/images/").has("Dot")
        client.get("/none/", expect=404)

    def browse(self, page, url, site, picture):
        site.write("upload.txt", "a document\n" * 1000)
        page.open(f"{url}/admin/login/?next=/admin/")
        page.fill("#id_username", "admin")
        page.fill("#id_password", "secret")
        picture("login")
        page.click("button[type=submit]", loads=True)
        page.says("Site summary")
        # The page that takes several files at once: each is sent by a script, its form comes back as JSON.
        page.open(f"{url}/admin/documents/multiple/add/")
        page.upload("#fileupload", site.dir / "upload.txt")
        page.wait("#upload-list input[name$=title]")
        page.fill("#upload-list input[name$=title]", "From a browser")
        picture("upload")
        page.click("#upload-list button[type=submit]")
        page.says("updated")
        page.open(f"{url}/admin/documents/")
        page.says("From a browser")
        picture("documents")
        page.open(url)
        page.says("Welcome")
        picture("site")


ALL = [Radicale(), Isso(), Pypiserver(), WsgiDav(), Small(), Datasette(), Kinto(), Trac(), Zope(), Roundup(), AppBuilder(), Mailman(), Wagtail()]
