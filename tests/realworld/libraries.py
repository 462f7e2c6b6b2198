"""Libraries that look into the server they run in: what is installed, the configuration of their own documents, and what they are for.

Each step asks for the effect: what a worker sent, counted, wrote or ran, and in which processes. `{collect}` is the port of a listener
that keeps what it is sent, `{spare}` a port that nobody has.
"""
import base64
import http.client
import json
import pathlib
import re
import socket
import threading
import time

from apps import App, sign_in_to_django

# Two workers, and a path that says which one has answered.
FLASK = """import os, time
import flask
app = flask.Flask(__name__)
@app.route("/")
def who():
    return str(os.getpid())
@app.route("/work")
def work():
    time.sleep(0.05)
    label("pid-%d" % os.getpid())
    return str(os.getpid())
@app.route("/fail")
def fail():
    raise ValueError("broken in %d" % os.getpid())
"""
INI = """[uwsgi]
http-socket = 127.0.0.1:{port}
master = true
processes = 2
enable-threads = true
virtualenv = {venv}
chdir = {dir}
wsgi-file = app.py
callable = app
"""


def until(what, ask, patience=60):
    deadline = time.monotonic() + patience
    while not (value := ask()):
        assert time.monotonic() < deadline, f"{what}: not within {patience} s"
        time.sleep(0.05)
    return value


def everybody(client, path="/work", workers=2):
    """The pids of so many workers, each of which has answered."""
    seen, fresh = set(), type(client)

    def ask():
        seen.add(int(fresh(client.port).get(path).text))

    def round_of_them():
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(seen) >= workers

    until("an answer of each worker", round_of_them)
    return seen


class Library(App):
    """A Flask application with two workers; `code` stands around it, and `label(text)` marks a request by its worker."""

    name = ""
    before, after_it = "", "def label(text):\n    pass\n"
    config = INI

    def prepare(self, site):
        site.write("app.py", self.before + FLASK + self.after_it)
        self.pids = set()

    def walk(self, client, site):
        self.pids |= everybody(client)


class Sends(Library):
    """One that sends: what a worker has marked has to arrive, from every worker, those of before a reload too."""

    collects = True
    where = "/"

    def came(self, site):
        return {int(pid) for body in site.collector.bodies(self.where) for pid in re.findall(rb"pid-(\d+)", body)}

    def after(self, site):
        until("what both workers sent", lambda: self.pids <= self.came(site))
        # What is marked now is sent at the end, not at some later time.
        client = site.client()
        self.pids |= everybody(client)

    def ended(self, site):
        assert self.pids <= self.came(site), f"{self.pids - self.came(site)} sent nothing"


class Sentry(Sends):
    """https://docs.sentry.io/platforms/python/integrations/wsgi/: errors and transactions, in a template that forks"""

    name = "sentry"
    requirements = ("sentry-sdk==2.75.0", "Flask==3.1.3")
    where = "/api/1/envelope/"
    traces = r"ValueError: broken in"
    before = "import sentry_sdk\nsentry_sdk.init(dsn='http://key@127.0.0.1:{collect}/1', traces_sample_rate=1.0)\n"
    after_it = "def label(text):\n    sentry_sdk.set_tag('worker', text)\n"
    failed = 0

    def walk(self, client, site):
        super().walk(client, site)
        client.get("/fail", expect=500)
        self.failed += 1

    def after(self, site):
        super().after(site)
        for _ in range(5):
            site.client().get("/fail", expect=500)
            self.failed += 1

    def ended(self, site):
        super().ended(site)
        events = [body for body in site.collector.bodies(self.where) if b'"type":"event"' in body]
        assert len(events) == self.failed, f"{len(events)} errors came, {self.failed} were made"
        assert all(b"broken in" in body for body in events), events


class Telemetry(Sends):
    """https://opentelemetry.io/docs/zero-code/python/: opentelemetry-instrument in front of the command line"""

    name = "otel"
    requirements = ("opentelemetry-distro==0.66b1", "opentelemetry-exporter-otlp-proto-http==1.45.1", "opentelemetry-instrumentation-flask==0.66b1",
                    "Flask==3.1.3")
    where = "/v1/traces"
    wrap = ("opentelemetry-instrument",)
    after_it = ("from opentelemetry import metrics, trace\nmade = metrics.get_meter('site').create_counter('made')\n"
                "def label(text):\n    trace.get_current_span().set_attribute('worker', text)\n    made.add(1, {'worker': text})\n")

    def env(self, site):
        return {"OTEL_SERVICE_NAME": "site", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:{collect}",
                "OTEL_LOGS_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "otlp", "OTEL_BSP_SCHEDULE_DELAY": "500"}

    def ended(self, site):
        super().ended(site)
        assert any(b"GET /work" in body for body in site.collector.bodies(self.where)), "no span has the name of the route"
        counted = {int(pid) for body in site.collector.bodies("/v1/metrics") for pid in re.findall(rb"pid-(\d+)", body)}
        assert self.pids <= counted, f"{self.pids - counted} told no metrics"


class Elastic(Sends):
    """https://www.elastic.co/docs/reference/apm/agents/python/flask-support"""

    name = "elastic"
    requirements = ("elastic-apm[flask]==6.26.2", "Flask==3.1.3")
    where = "/intake/v2/events"
    traces = r"ValueError: broken in"
    after_it = ("import elasticapm\nfrom elasticapm.contrib.flask import ElasticAPM\napm = ElasticAPM(app, server_url='http://127.0.0.1:{collect}', service_name='site',"
                " metrics_interval='0s', api_request_time='1s', central_config=False, cloud_provider='none')\ndef label(text):\n    elasticapm.label(worker=text)\n")

    def walk(self, client, site):
        super().walk(client, site)
        client.get("/fail", expect=500)

    def ended(self, site):
        super().ended(site)
        lines = [json.loads(line) for body in site.collector.bodies(self.where) for line in body.splitlines()]
        assert sum("error" in line for line in lines) == 2, lines


class Datadog(Sends):
    """https://ddtrace.readthedocs.io/en/stable/advanced_usage.html#uwsgi: as its documents have it, with lazy-apps"""

    name = "ddtrace"
    requirements = ("ddtrace==4.16.0", "Flask==3.1.3")
    where = "/v0."
    config = INI + "lazy-apps = true\nimport = ddtrace.auto\n"
    after_it = "from ddtrace.trace import tracer\ndef label(text):\n    tracer.current_root_span().set_tag('worker', text)\n"

    def env(self, site):
        return {"DD_TRACE_AGENT_URL": "http://127.0.0.1:{collect}", "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false", "DD_REMOTE_CONFIGURATION_ENABLED": "false",
                "DD_SERVICE": "site", "DD_TRACE_API_VERSION": "v0.4"}


class DatadogRun(Datadog):
    """ddtrace-run in front of the command line, and a template that forks"""

    name = "ddtrace-run"
    wrap = ("ddtrace-run",)
    config = INI


class NewRelic(Library):
    """https://docs.newrelic.com/docs/apm/agents/python-agent/web-frameworks-servers/uwsgi: newrelic-admin in front of the command line"""

    name = "newrelic"
    requirements = ("newrelic==14.1.0", "Flask==3.1.3")
    wrap = ("newrelic-admin", "run-program")
    after_it = "import newrelic.agent\ndef label(text):\n    newrelic.agent.add_custom_attribute('worker', text)\n"

    def env(self, site):
        # In its developer mode it talks to nobody, and writes down what it would have said.
        return {"NEW_RELIC_CONFIG_FILE": "{dir}/newrelic.ini", "NEW_RELIC_STARTUP_TIMEOUT": "20"}

    def prepare(self, site):
        super().prepare(site)
        site.write("newrelic.ini", "[newrelic]\nlicense_key = 0123456789012345678901234567890123456789\napp_name = site\ndeveloper_mode = true\nmonitor_mode = true\n"
                   "audit_log_file = {dir}/audit\nlog_file = {dir}/agent\nlog_level = info\n")

    def ended(self, site):
        said = (site.dir / "audit").read_text(errors="replace")
        sent = {int(pid) for pid in re.findall(r"pid-(\d+)", said)}
        assert self.pids <= sent, f"{self.pids - sent} sent nothing"
        assert re.search(r"WebTransaction/Function/\w+:work'", said), re.findall(r"WebTransaction/\S+", said)[:5]


class PrometheusClient(Library):
    """https://prometheus.github.io/client_python/multiprocess/: files by pid, gauges of the living alone"""

    name = "prometheus"
    requirements = ("prometheus_client==0.26.0", "Flask==3.1.3")
    config = INI + "env = PROMETHEUS_MULTIPROC_DIR={dir}/metrics\n"
    after_it = """import atexit
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, multiprocess
made = Counter("made", "Requests for /work.")
alive = Gauge("alive", "Workers that have made something.", multiprocess_mode="livesum")
atexit.register(lambda: multiprocess.mark_process_dead(os.getpid()))
def label(text):
    made.inc()
    alive.set(1)
@app.route("/metrics")
def metrics():
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
"""

    def prepare(self, site):
        super().prepare(site)
        (site.dir / "metrics").mkdir()
        self.made = 0

    def numbers(self, client):
        text = client.get("/metrics").text
        return [float(re.search(rf"^{name} (.*)$", text, re.M)[1]) for name in ("made_total", "alive")]

    def walk(self, client, site):
        super().walk(client, site)
        for _ in range(10):
            client.get("/work")
        self.before = self.numbers(client)
        assert self.before[1] == 2, f"{self.before[1]} workers"

    def after(self, site):
        client = site.client()
        # The workers of before are gone, and their requests are counted yet.
        until("the end of the old workers", lambda: self.numbers(client)[1] == 0)
        assert self.numbers(client)[0] == self.before[0], (self.numbers(client), self.before)
        client.get("/work")
        assert self.numbers(client) == [self.before[0] + 1, 1]


class DjangoPrometheus(App):
    """https://github.com/django-commons/django-prometheus: middlewares, and /metrics of all workers by files"""

    name = "django-prometheus"
    requirements = ("django-prometheus==2.5.0", "prometheus_client==0.26.0", "Django==5.2.19")
    path = "/who"
    config = """[uwsgi]
http-socket = 127.0.0.1:{port}
master = true
processes = 2
virtualenv = {venv}
chdir = {dir}
module = site_app
env = PROMETHEUS_MULTIPROC_DIR={dir}/numbers
"""
    code = """import os, time
from django.conf import settings
settings.configure(SECRET_KEY="k", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, INSTALLED_APPS=["django_prometheus"],
    MIDDLEWARE=["django_prometheus.middleware.PrometheusBeforeMiddleware", "django_prometheus.middleware.PrometheusAfterMiddleware"], **{more})
from django.http import HttpResponse
from django.urls import include, path
def who(request):
    time.sleep(0.05)
    return HttpResponse(str(os.getpid()))
urlpatterns = [path("who", who, name="who"), path("", include("django_prometheus.urls"))]
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
    more = "{}"

    def prepare(self, site):
        (site.dir / "numbers").mkdir()
        site.write("site_app.py", self.code.replace("{more}", self.more))

    @staticmethod
    def count(text):
        found = re.findall(r'^django_http_responses_total_by_status_view_method_total\{[^}]*view="who"[^}]*\} (.*)$', text, re.M)
        return sum(float(number) for number in found)

    def walk(self, client, site):
        everybody(client, "/who")
        before = self.count(client.get("/metrics").text)
        assert before >= 2
        everybody(client, "/who")
        for _ in range(10):
            client.get("/who")
        # Whichever worker answers, it tells of both.
        counts = {self.count(type(client)(client.port).get("/metrics").text) for _ in range(8)}
        assert len(counts) == 1 and counts.pop() >= before + 12


class DjangoPrometheusPorts(DjangoPrometheus):
    """The same by a port for each worker: PROMETHEUS_METRICS_EXPORT_PORT_RANGE, with lazy-apps"""

    name = "django-prometheus-ports"
    config = DjangoPrometheus.config.replace("env = PROMETHEUS_MULTIPROC_DIR={dir}/numbers\n", "lazy-apps = true\n")
    more = "{'PROMETHEUS_METRICS_EXPORT_PORT_RANGE': range({spare}, {spare} + 6), 'PROMETHEUS_METRICS_EXPORT_ADDRESS': '127.0.0.1'}"

    def ports(self, client, site):
        """What each port that answers has counted."""
        found = {}
        for port in range(site.spare, site.spare + 6):
            try:
                found[port] = self.count(type(client)(port).get("/metrics").text)
            except Exception:
                continue
        return found

    def walk(self, client, site):
        everybody(client, "/who")
        assert len(self.ports(client, site)) == 2, self.ports(client, site)
        assert all(self.ports(client, site).values()), self.ports(client, site)

    def after(self, site):
        # A successor cannot have the port of who is yet there: the range has to have room for both.
        client = site.client()
        everybody(client, "/who")
        until("the ports of the new workers alone", lambda: len(self.ports(client, site)) == 2)


class Scheduler(Library):
    """https://apscheduler.readthedocs.io/en/3.x/faq.html: a scheduler of the import, one of worker 1, one of a mule"""

    name = "apscheduler"
    requirements = ("APScheduler==3.11.3", "Flask==3.1.3")
    config = INI + "worker-id-exclusive = true\nmule = mule.py\n"
    code = """import os, time
from apscheduler.schedulers.background import BackgroundScheduler
def note(who):
    with open("{dir}/ran", "a") as f:
        f.write("%s %d %d\\n" % (who, os.getpid(), os.getppid()))
def begin(who):
    scheduler = BackgroundScheduler()
    scheduler.add_job(note, "interval", seconds=0.2, args=[who])
    scheduler.start()
    return scheduler
"""
    after_it = """import jobs, uwsgi, uwsgidecorators
if uwsgi.mule_id() == 0:
    of_import = jobs.begin("import")
@uwsgidecorators.postfork
def in_worker():
    global of_worker
    if uwsgi.worker_id() == 1:
        of_worker = jobs.begin("worker")
def label(text):
    pass
@app.route("/me")
def me():
    return "%d %d" % (uwsgi.worker_id(), os.getpid())
"""

    def prepare(self, site):
        site.write("jobs.py", self.code)
        site.write("mule.py", "import sys\nsys.path.insert(0, '{dir}')\nimport jobs, uwsgi\nscheduler = jobs.begin('mule')\nwhile True:\n    uwsgi.mule_get_msg()\n")
        super().prepare(site)

    def runs(self, site, since=0):
        lines = [line.split() for line in (site.dir / "ran").read_text().splitlines()[since:] if line.count(" ") == 2]
        return len(lines) + since, {who: {int(pid) for name, pid, _ in lines if name == who} for who in ("import", "worker", "mule")}

    def one_each(self, client, site):
        since, _ = self.runs(site)
        until("five rounds", lambda: self.runs(site, since)[0] >= since + 15)
        _, now = self.runs(site, since)
        first = {}
        until("worker 1", lambda: first.update([map(int, type(client)(client.port).get("/me").text.split())]) or 1 in first)
        assert all(len(pids) == 1 for pids in now.values()), now
        assert now["worker"] == {first[1]}, (now, first)
        # The template has what the import started; no worker has.
        assert not now["import"] & everybody(client), now
        return now

    def walk(self, client, site):
        until("the first runs", lambda: (site.dir / "ran").exists() and all(self.runs(site)[1].values()))
        self.before = self.one_each(client, site)

    def after(self, site):
        client = site.client()
        until("the end of the old ones", lambda: not self.newest(site) & (self.before["import"] | self.before["worker"]))
        now = self.one_each(client, site)
        assert not now["import"] & self.before["import"] and not now["worker"] & self.before["worker"], (self.before, now)

    def newest(self, site):
        since, _ = self.runs(site)
        until("the next runs", lambda: self.runs(site, since)[0] >= since + 12)
        return set().union(*self.runs(site, since)[1].values())

    def ended(self, site):
        ran = (site.dir / "ran").read_text()
        time.sleep(0.6)
        assert (site.dir / "ran").read_text() == ran, "a scheduler runs on after the end"


class Celery(Library):
    """https://docs.celeryq.dev: its worker by attach-daemon, tasks in files, around a reload and to its end

    The signal goes to the whole group, as on uWSGI: a pool of processes is ended with its tasks, one of threads finishes them.
    """

    name = "celery"
    requirements = ("celery==5.7.0", "Flask==3.1.3")
    config = INI + "attach-daemon = {venv}/bin/celery -A tasks worker --pool threads --concurrency 2 --loglevel INFO --logfile {dir}/celery.log\nreload-mercy = 60\n"
    before = "import tasks\n"
    after_it = """def label(text):
    pass
@app.route("/begin/<int:n>")
def begin(n):
    return tasks.double.delay(n).id
@app.route("/ask/<name>")
def ask(name):
    result = tasks.app.AsyncResult(name)
    return str(result.get()) if result.ready() else "-"
"""

    def prepare(self, site):
        for name in ("queue", "results", "control"):
            (site.dir / name).mkdir()
        site.write("tasks.py", """import time
from celery import Celery
app = Celery("tasks", broker="filesystem://", backend="file://{dir}/results")
app.conf.broker_transport_options = {"data_folder_in": "{dir}/queue", "data_folder_out": "{dir}/queue", "control_folder": "{dir}/control"}
@app.task
def double(n):
    time.sleep(0.1)
    return 2 * n
""")
        super().prepare(site)
        self.waits = {}

    def begin(self, client, n):
        self.waits[client.get(f"/begin/{n}").text] = str(2 * n)

    def walk(self, client, site):
        super().walk(client, site)
        for n in range(10):
            self.begin(client, n)
        self.done(client)
        for n in range(10):
            self.begin(client, n)

    def done(self, client):
        def gone():
            for name, want in list(self.waits.items()):
                if (got := client.get(f"/ask/{name}").text) != "-":
                    assert got == want, (got, want)
                    del self.waits[name]
            return not self.waits

        until("the tasks", gone)

    def after(self, site):
        client = site.client()
        self.done(client)
        self.begin(client, 7)
        self.done(client)

    def ended(self, site):
        log = (site.dir / "log").read_text()
        assert "Warm shutdown" in log and "did not end: killed" not in log, "celery was not told gently, or not heard"


class DjangoRq(App):
    """https://github.com/rq/django-rq: Debian's redis and a worker of it by attach-daemon, its pages"""

    name = "django-rq"
    requirements = ("django-rq==4.2.0", "rq==3.0.0", "redis==8.1.0", "Django==5.2.19")
    programs = {"redis-server": "redis-server"}
    path = "/who"
    config = """[uwsgi]
http-socket = 127.0.0.1:{port}
master = true
processes = 2
virtualenv = {venv}
chdir = {dir}
module = site_app
env = DJANGO_SETTINGS_MODULE=site_settings
attach-daemon = redis-server --port {spare} --bind 127.0.0.1 --save "" --dir {dir}
attach-daemon = {venv}/bin/python manage.py rqworker default
"""

    def prepare(self, site):
        site.write("site_settings.py", """SECRET_KEY, ALLOWED_HOSTS, ROOT_URLCONF, DEBUG = "k" * 50, ["*"], "site_app", False
INSTALLED_APPS = ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages", "django_rq"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "{dir}/db"}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {"context_processors": [
    "django.template.context_processors.request", "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages"]}}]
RQ_QUEUES = {"default": {"HOST": "127.0.0.1", "PORT": {spare}, "DB": 0, "DEFAULT_TIMEOUT": 60}}
USE_TZ, DEFAULT_AUTO_FIELD = True, "django.db.models.AutoField"
""")
        site.write("manage.py", "import os, sys\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n"
                   "from django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n")
        site.write("jobs.py", "import time\ndef double(n):\n    time.sleep(0.1)\n    return 2 * n\n")
        site.write("site_app.py", """import os
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path
import django_rq, jobs
def begin(request, n):
    return HttpResponse(django_rq.enqueue(jobs.double, n).id)
def ask(request, name):
    job = django_rq.get_queue().fetch_job(name)
    return HttpResponse(str(job.return_value()) if job and job.is_finished else "-")
urlpatterns = [path("who", lambda request: HttpResponse(str(os.getpid()))), path("begin/<int:n>", begin), path("ask/<name>", ask),
    path("admin/", admin.site.urls), path("django-rq/", include("django_rq.urls"))]
""")
        site.run("python", "manage.py", "migrate", "-v", "0")
        site.run("python", "manage.py", "createsuperuser", "--noinput", "--username", "admin", "--email", "a@example.org", env={"DJANGO_SUPERUSER_PASSWORD": "secret"})

    def walk(self, client, site):
        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", site.spare)) == 0

        until("redis", answers)
        jobs = {client.get(f"/begin/{n}").text: str(2 * n) for n in range(5)}
        for name, want in jobs.items():
            until("a job", lambda name=name, want=want: client.get(f"/ask/{name}").text == want)
        sign_in_to_django(client, "/admin/login/?next=/django-rq/", {"username": "admin", "password": "secret"})
        client.get("/django-rq/").has("default")


class WhiteNoise(App):
    """https://whitenoise.readthedocs.io/en/stable/django.html: compressed files under names with a hash"""

    name = "whitenoise"
    requirements = ("whitenoise[brotli]==6.12.0", "Brotli==1.2.0", "Django==5.2.19")
    path = "/who"
    config = """[uwsgi]
http-socket = 127.0.0.1:{port}
master = true
processes = 2
virtualenv = {venv}
chdir = {dir}
module = site_app
"""

    def prepare(self, site):
        (site.dir / "files").mkdir()
        (site.dir / "files/big.css").write_text("body { color: red }\n" * 20_000)
        site.write("site_app.py", """import os
from django.conf import settings
settings.configure(SECRET_KEY="k", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_URL="/static/",
    STATIC_ROOT="{dir}/static", STATICFILES_DIRS=["{dir}/files"], MIDDLEWARE=["whitenoise.middleware.WhiteNoiseMiddleware"],
    STORAGES={"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}})
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import path
urlpatterns = [path("who", lambda request: HttpResponse(str(os.getpid()))), path("name", lambda request: HttpResponse(static("big.css")))]
""")
        site.run("python", "-c", "import site_app; from django.core.management import call_command as c; c('collectstatic', '-v', '0', '--noinput')")

    def walk(self, client, site):
        content = (site.dir / "files/big.css").read_bytes()
        name = client.get("/name").text
        assert re.fullmatch(r"/static/big\.[0-9a-f]+\.css", name), name
        whole = client.get(name, headers={"Accept-Encoding": "identity"})
        assert whole.body == content and "immutable" in whole.headers["cache-control"], whole.headers
        for coding in ("gzip", "br"):
            small = client.get(name, headers={"Accept-Encoding": coding})
            assert small.headers["content-encoding"] == coding and len(small.body) < 5_000, small.headers
        client.get(name, headers={"If-None-Match": whole.headers["etag"]}, expect=304)
        part = client.get(name, headers={"Range": "bytes=1000-1999"}, expect=206)
        assert part.body == content[1000:2000] and part.headers["content-range"] == f"bytes 1000-1999/{len(content)}", part.headers
        head = client.ask("HEAD", name)
        assert not head.body and head.headers["content-length"] == str(len(content)), head.headers
        client.get("/static/none.css", expect=404)


class Toolbar(App):
    """https://django-debug-toolbar.readthedocs.io: its panels are asked for later, of whichever worker answers"""

    name = "toolbar"
    requirements = ("django-debug-toolbar==8.0.0", "Django==5.2.19")
    path = "/"
    store = "DatabaseStore"
    config = WhiteNoise.config

    def prepare(self, site):
        site.write("site_app.py", """import os
from django.conf import settings
settings.configure(SECRET_KEY="k", DEBUG=True, ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, INTERNAL_IPS=["127.0.0.1"], STATIC_URL="/static/", USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.staticfiles", "debug_toolbar"], MIDDLEWARE=["debug_toolbar.middleware.DebugToolbarMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "{dir}/db", "OPTIONS": {"timeout": 60}}}, DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DEBUG_TOOLBAR_CONFIG={"TOOLBAR_STORE_CLASS": "debug_toolbar.store.%s"},
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}])
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
from django.http import HttpResponse
from django.urls import include, path
def page(request):
    from django.contrib.contenttypes.models import ContentType
    return HttpResponse("<html><body>%%d in worker %%d</body></html>" %% (ContentType.objects.count(), os.getpid()))
urlpatterns = [path("", page), path("__debug__/", include("debug_toolbar.urls"))]
""" % self.store)
        site.run("python", "-c", "import site_app; from django.core.management import call_command as c; c('migrate', '-v', '0')")

    def walk(self, client, site):
        fresh = type(client)
        page = client.get("/").has("djDebug")
        name = re.search(r'data-request-id="([^"]+)"', page.text)[1]
        for _ in range(8):
            panel = fresh(client.port).get(f"/__debug__/render_panel/?request_id={name}&panel_id=SQLPanel").json()
            assert "django_content_type" in panel["content"], panel


class Coverage(Library):
    """https://coverage.readthedocs.io/en/latest/subprocess.html: lines that ran in workers, written at their end"""

    name = "coverage"
    requirements = ("coverage==7.17.5", "Flask==3.1.3")
    after_it = """@app.route("/only/<what>")
def only(what):
    if what == "one":
        return "1"
    if what == "two":
        return "2"
    return "0"
def label(text):
    pass
"""

    def env(self, site):
        return {"COVERAGE_PROCESS_START": "{dir}/coveragerc"}

    def prepare(self, site):
        super().prepare(site)
        site.write("coveragerc", "[run]\nparallel = true\nsource = {dir}\ndata_file = {dir}/data/c\n")
        (site.dir / "data").mkdir()
        lib = next((site.venv / "lib").glob("python*")) / "site-packages"
        (lib / "coverage-of-children.pth").write_text("import coverage; coverage.process_startup()\n")

    def walk(self, client, site):
        super().walk(client, site)
        client.get("/only/one")

    def after(self, site):
        site.client().get("/only/two")

    def ended(self, site):
        site.run("coverage", "combine", "--rcfile", "{dir}/coveragerc", "{dir}/data")
        site.run("coverage", "json", "--rcfile", "{dir}/coveragerc", "-o", "{dir}/report.json")
        report = json.loads((site.dir / "report.json").read_text())
        lines = (site.dir / "app.py").read_text().splitlines()
        ran = [lines[n - 1].strip() for path, file in report["files"].items() if path.endswith("app.py") for n in file["executed_lines"]]
        missed = [text for text in ('return "1"', 'return "2"', "return str(os.getpid())", "import flask") if text not in ran]
        assert not missed and 'return "0"' not in ran, (missed, ran)


class Debugpy(Library):
    """https://github.com/microsoft/debugpy: a breakpoint in a request of a worker, by the debugger's protocol"""

    name = "debugpy"
    requirements = ("debugpy==1.8.22", "Flask==3.1.3")
    config = INI.replace("processes = 2", "processes = 1\nthreads = 2\nworker-id-exclusive = true")
    after_it = """import debugpy, uwsgidecorators
@uwsgidecorators.postfork
def listen():
    debugpy.listen(("127.0.0.1", {spare}))
@app.route("/sum")
def add():
    total = 0
    for n in range(3):
        total += n
    return "sum %d" % total
def label(text):
    pass
"""

    def walk(self, client, site):
        everybody(client, workers=1)
        path = str(site.dir / "app.py")
        line = (site.dir / "app.py").read_text().splitlines().index('    return "sum %d" % total') + 1
        with Debugger(site.spare) as debugger:
            debugger.attach(path, line)
            answer = []
            asked = threading.Thread(target=lambda: answer.append(type(client)(client.port).get("/sum").text))
            asked.start()
            thread = debugger.event("stopped")["threadId"]
            frame = debugger.ask("stackTrace", threadId=thread)["stackFrames"][0]
            assert (frame["name"], frame["line"]) == ("add", line), frame
            value = debugger.ask("evaluate", expression="total = 40 + total - 1", frameId=frame["id"], context="repl")
            debugger.ask("continue", threadId=thread)
            asked.join(60)
            assert answer == ["sum 42"], (answer, value)
            debugger.ask("disconnect", restart=False, terminateDebuggee=False)
        client.get("/sum").has("sum 3")


class Debugger:
    """The client's side of the Debug Adapter Protocol, as much as a breakpoint needs."""

    def __init__(self, port):
        def connect():
            try:
                return socket.create_connection(("127.0.0.1", port), 60)
            except ConnectionRefusedError:
                return None

        self.socket = until("the debugger's port", connect)
        self.file, self.number, self.events = self.socket.makefile("rwb"), 0, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, command, **arguments):
        self.number += 1
        text = json.dumps({"seq": self.number, "type": "request", "command": command, "arguments": arguments}).encode()
        self.file.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        self.file.flush()
        return self.number

    def read(self):
        length = 0
        while (line := self.file.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert length, "the debugger has closed the connection"
        return json.loads(self.file.read(length))

    def answer(self, number):
        while True:
            message = self.read()
            if message["type"] == "event":
                self.events.append(message)
            elif message.get("request_seq") == number:
                assert message["success"], message
                return message.get("body", {})

    def ask(self, command, **arguments):
        return self.answer(self.send(command, **arguments))

    def event(self, name):
        while True:
            for message in self.events:
                if message["event"] == name:
                    self.events.remove(message)
                    return message.get("body", {})
            self.events.append(self.read())

    def attach(self, path, line):
        self.ask("initialize", clientID="realworld", adapterID="debugpy")
        attached = self.send("attach", connect={}, justMyCode=False)
        self.event("initialized")
        self.ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": line}])
        self.ask("configurationDone")
        self.answer(attached)


class LongPolling(Library):
    """Requests of a Flask application that wait for an event of another one, in threads, through a reload"""

    name = "longpolling"
    requirements = ("Flask==3.1.3",)
    config = INI.replace("processes = 2", "processes = 2\nthreads = 8\nmax-surplus = 2\ncache2 = name=events,items=100")
    after_it = """import uwsgi
def label(text):
    pass
@app.route("/wait/<name>")
def wait(name):
    open("{dir}/waits-" + name + flask.request.args["n"], "w").close()
    for _ in range(1200):
        if value := uwsgi.cache_get(name, "events"):
            return value
        time.sleep(0.05)
    return "nothing", 504
@app.route("/tell/<name>")
def tell(name):
    uwsgi.cache_set(name, "told", 60, "events")
    return "told"
"""

    def poll(self, client, site, name, meanwhile=None):
        """Six that wait, in workers of eight threads; one that goes away, others that are answered, then the event."""
        answers, fresh = [], type(client)

        def wait(n):
            try:
                answers.append(fresh(client.port).get(f"/wait/{name}?n={n}").text)
            except Exception as wrong:
                answers.append(repr(wrong))

        threads = [threading.Thread(target=wait, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        until("those that wait", lambda: len(list(site.dir.glob(f"waits-{name}*"))) == 6)
        leaver = http.client.HTTPConnection("127.0.0.1", client.port)
        leaver.request("GET", f"/wait/{name}?n=leaver")
        until("the one that leaves", lambda: (site.dir / f"waits-{name}leaver").exists())
        leaver.close()
        everybody(client)
        if meanwhile:
            meanwhile()
        assert not answers, answers
        client.get(f"/tell/{name}")
        for thread in threads:
            thread.join(60)
        assert answers == ["told"] * 6, answers

    def walk(self, client, site):
        self.poll(client, site, f"w{client.port}")

    def after(self, site):
        # A reload waits for them within its mercy; the event comes from a new worker, and reaches the old ones.
        pids = everybody(site.client())
        self.poll(site.client(), site, "again", lambda: (site.ctl("reload", "--wait"), until("new workers", lambda: not everybody(site.client()) & pids)))


NATIVE = """import os, time, numpy, grpc, lxml.etree, psycopg
from concurrent import futures
matrix = numpy.random.default_rng(1).random((300, 300))
want = float((matrix @ matrix).sum())  # the threads of OpenBLAS are there from here on
tree = lxml.etree.fromstring("<a><b>1</b></a>")
pair = []
class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request + b"!")
def call():
    if not pair:
        server = grpc.server(futures.ThreadPoolExecutor(2), handlers=(Handler(),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        pair.extend([server, grpc.insecure_channel("127.0.0.1:%d" % port)])
    return pair[1].unary_unary("/a/b")(b"x", timeout=20) == b"x!"
ASKED = {"/blas": lambda: abs(float((matrix @ matrix).sum()) - want) < 1e-3, "/grpc": call,
         "/xml": lambda: tree.findtext("b") == "1", "/pg": lambda: psycopg.pq.version() > 0}
def app(environ, start_response):
    good = ASKED.get(environ["PATH_INFO"], lambda: True)()
    time.sleep(0.05)
    start_response("200 OK" if good else "500 Wrong", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


class NativeThreads(Library):
    """Extension modules with threads of their own, loaded before the fork: OpenBLAS has its pool at the import, gRPC in each worker"""

    name = "native-threads"
    requirements = ("numpy==2.4.6", "grpcio==1.85.3", "lxml==6.1.3", "psycopg[binary]==3.3.9")

    def prepare(self, site):
        site.write("app.py", NATIVE)

    def walk(self, client, site):
        for path in ("/blas", "/grpc", "/xml", "/pg"):
            everybody(client, path)

    def after(self, site):
        for _ in range(2):
            self.walk(site.client(), site)
            site.ctl("reload", "--wait")
        self.walk(site.client(), site)

    def ended(self, site):
        # Neither a worker nor a template has crashed on its way out.
        died = re.findall(r".*(?:signal|died|killed).*", (site.dir / "log").read_text())
        assert not died, died


ALL = [Sentry(), Telemetry(), Elastic(), Datadog(), DatadogRun(), NewRelic(), PrometheusClient(), DjangoPrometheus(), DjangoPrometheusPorts(), Scheduler(),
       Celery(), DjangoRq(), WhiteNoise(), Toolbar(), Coverage(), Debugpy(), LongPolling(), NativeThreads()]
