"""Programs that look at a server from outside: debuggers and samplers by pid, monitoring, what reads its log.

Each has one small site, with titles of processes as people set them, and asks for what the program has found out.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

from apps import App
from libraries import everybody, until
from tools import free_port, tool

LOG = '%(addr) - %(user) [%(ltime)] "%(method) %(uri) %(proto)" %(status) %(rsize) "%(referer)" "%(uagent)"'
# As docs/OPERATING.md has it for fail2ban.
BANNED = r'^<HOST> \S+ \S+ \S* ?"[A-Z]+ [^"]*" 40[134] '


class Observer(App):
    """The site that is looked at: /deep sleeps in a function that a sampler has to name."""

    venv = "observers"
    requirements = ("py-spy==0.4.3", "austin-dist==3.7.0", "memray==1.20.0", "uwsgi_exporter==0.1.4", "prometheus_client==0.26.0", "Flask==3.1.3")
    path = "/pid"
    config = """[uwsgi]
http-socket = 127.0.0.1:{port}
master = true
processes = 2
threads = 2
auto-procname = true
procname-prefix-spaced = mysite
virtualenv = {venv}
wsgi-file = {dir}/app.py
stats = 127.0.0.1:{spare}
stats-http = true
"""
    more = ""

    def prepare(self, site):
        site.write("app.py", """import os, time
def far_down(seconds):
    time.sleep(seconds)
def deeper(seconds):
    far_down(seconds)
def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))
def application(environ, start_response):
    path = environ["PATH_INFO"]
    start_response("404 Not Found" if path == "/none" else "200 OK", [("Content-Type", "text/plain")])
    if path == "/deep":
        deeper(float(environ["QUERY_STRING"]))
    if path == "/spin":
        spin(float(environ["QUERY_STRING"]))
    time.sleep(0.05)
    return [str(os.getpid()).encode()]
""")
        if self.more:
            site.write("more.ini", "[uwsgi]\n" + self.more)

    def busy(self, client, path):
        """A request that runs while something looks; the pid of its worker."""
        fresh = type(client)
        thread = threading.Thread(target=lambda: fresh(client.port).get(path))
        thread.start()
        return thread

    def worker(self, site):
        """The workers' pids, of the server's own word."""
        return [w["pid"] for w in json.loads(site.ctl("--json", "status"))["workers"]]

    def look(self, *words, timeout=60, good=True, site=None, env=None):
        done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, timeout=timeout,
                              cwd=site.dir if site else None, env={**os.environ, **(env or {})})
        assert not good or not done.returncode, (words, done.returncode, done.stdout[-1500:])
        return done.stdout


class PySpy(Observer):
    """py-spy: dump, with native frames, and record"""

    name = "py-spy"
    shows = "py-spy 0.4.3"

    def walk(self, client, site):
        program = site.venv / "bin/py-spy"
        request = self.busy(client, "/deep?4")
        until("a stack with the request", lambda: any("far_down" in self.look(program, "dump", "--pid", pid) for pid in self.worker(site)))
        request.join()
        request = self.busy(client, "/spin?3")
        out = site.dir / f"spy{client.port}"
        for pid in self.worker(site):
            self.look(program, "record", "--pid", pid, "--duration", 1, "--rate", 50, "--format", "raw", "--idle", "--output", f"{out}-{pid}")
        request.join()
        found = "".join(path.read_text() for path in site.dir.glob(f"spy{client.port}-*"))
        assert "application" in found and "spin" in found, found[-500:]
        everybody(client, "/pid")


class Austin(Observer):
    """austin: samples of a worker by its pid (the wheel of 4.0.0 asks for glibc 2.38)"""

    name = "austin"
    shows = "austin 3.7.0"

    def walk(self, client, site):
        request = self.busy(client, "/spin?6")
        found = ""
        for pid in self.worker(site):
            out = site.dir / f"austin{client.port}-{pid}"
            self.look(site.venv / "bin/austin", "-i", "10ms", "-x", 1, "-p", pid, "-o", out, good=False)
            found += out.read_bytes().decode("latin-1")
        request.join()
        assert "spin" in found and "application" in found, found[-500:]
        everybody(client, "/pid")


class Gdb(Observer):
    """Debian's gdb: attached to a worker and the master, backtraces, and gone again; nobody dies of it"""

    name = "gdb"
    shows = "gdb"
    programs = {"gdb": "gdb"}

    def walk(self, client, site):
        before = everybody(client, "/pid")
        for pid in [*before, site.server.pid]:
            text = self.look("gdb", "-p", pid, "-batch", "-ex", "set pagination off", "-ex", "thread apply all bt 5", "-ex", "detach", good=False)
            assert re.search(r"#0 +0x", text), text[-800:]
            assert "detached" in text, text[-300:]
        assert everybody(client, "/pid") == before
        # An attached debugger stops a process: the others answer meanwhile.
        held = sorted(before)[0]
        debugger = subprocess.Popen(["gdb", "-p", str(held), "-batch", "-ex", "python import time; print('held', flush=True); time.sleep(3)"],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            while "held" not in (line := debugger.stdout.readline()):
                assert line, "gdb has ended"
            answers = {int(type(client)(client.port).get("/pid").text) for _ in range(10)}
            assert answers == before - {held}, answers
        finally:
            debugger.stdout.read()
            debugger.wait(30)
        assert everybody(client, "/pid") == before


class Memray(Observer):
    """memray attach: it puts itself into a worker by gdb, and traces its memory"""

    name = "memray"
    shows = "memray 1.20.0"
    programs = {"gdb": "gdb"}

    def walk(self, client, site):
        pid = self.worker(site)[0]
        out = site.dir / f"memray{client.port}.bin"
        self.look(site.venv / "bin/memray", "attach", "--method", "gdb", "--duration", 2, "-o", out, "--native", pid)
        until("something traced", lambda: out.exists() and out.stat().st_size > 0)
        ends = time.monotonic() + 3
        while time.monotonic() < ends:
            everybody(client, "/pid")
        def allocations():
            self.look(site.venv / "bin/memray", "stats", "--json", "--force", "-o", f"{out}.json", out, good=False)
            path = pathlib.Path(f"{out}.json")
            return path.exists() and json.loads(path.read_text())["total_num_allocations"]

        until("its allocations", allocations)
        everybody(client, "/pid")


class Prometheus(Observer):
    """Debian's Prometheus scrapes /metrics, and is asked for what it has stored"""

    name = "prometheus-server"
    shows = "Prometheus"
    programs = {"prometheus": "prometheus"}

    def walk(self, client, site):
        everybody(client, "/pid")
        port, data = free_port(), site.dir / f"data{client.port}"
        site.write(f"prometheus{client.port}.yml", "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: site, static_configs: [{targets: ['127.0.0.1:{spare}']}]}]\n")
        program = site.spawn(["prometheus", f"--config.file={site.dir}/prometheus{client.port}.yml", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{port}"],
                             f"prometheus{client.port}.log")

        def value(query):
            found = type(client)(port).get("/api/v1/query?query=" + query).json()["data"]["result"]
            return float(found[0]["value"][1]) if found else None

        try:
            def stored():
                try:
                    return value("uswgi_requests_total")
                except Exception:
                    return None

            until("a scrape", stored)
            assert value("up") == 1
            assert value("uswgi_workers_target") == 2, value("uswgi_workers_target")
            assert value('sum(uswgi_workers{state="ready"})') == 2
            assert value("count(uswgi_request_seconds_bucket)") >= 10
            seen = json.loads(site.ctl("--json", "status"))["totals"]["requests"]
            until("its last number", lambda: value("uswgi_requests_total") == seen)
        finally:
            program.send_signal(signal.SIGTERM)
            program.wait(30)
        assert not re.search("error|invalid", (site.dir / f"prometheus{client.port}.log").read_text().lower().replace("loglevel", "")), "Prometheus complains"


class Exporter(Observer):
    """uwsgi_exporter from PyPI makes uWSGI's statistics into numbers, over TCP and by a socket's path"""

    name = "uwsgi-exporter"
    shows = "uwsgi_exporter 0.1.4"
    requirements = ("uwsgi_exporter==0.1.4", "prometheus_client==0.26.0", "requests==2.32.5", "requests-unixsocket==0.4.1", "Flask==3.1.3")
    venv = None

    def walk(self, client, site):
        everybody(client, "/pid")
        port = free_port()
        program = site.spawn([site.venv / "bin/python", site.venv / "bin/uwsgi_exporter.py", "-p", str(port), "--stats_addr", f"127.0.0.1:{site.spare}"], "exporter.log")
        try:
            def text():
                try:
                    return type(client)(port).get("/metrics").text
                except Exception:
                    return None

            found = until("the exporter", text)
            workers = re.findall(r'^uwsgi_workers_requests\{worker="(\d)"\} (\S+)', found, re.M)
            assert sorted(w for w, _ in workers) == ["1", "2"] and all(float(n) for _, n in workers), found[-800:]
            assert re.search(r'^uwsgi_workers_cores_requests\{core="0",worker="1"\}', found, re.M), found[-800:]
        finally:
            program.kill()
            program.wait()


class Logs(Observer):
    """goaccess, fail2ban and logrotate with the lines of docs/OPERATING.md"""

    name = "logs"
    shows = "goaccess, fail2ban, logrotate"
    programs = {"goaccess": "goaccess", "fail2ban-regex": "fail2ban", "logrotate": "logrotate"}
    config = Observer.config + "log-format = " + LOG + "\nreq-logger = file:{dir}/access.log\nlogto2 = {dir}/uwsgi.log\n"

    def walk(self, client, site):
        for _ in range(5):
            client.get("/pid?a=1", headers={"User-Agent": "one two", "Referer": "http://example.org/"})
        for _ in range(3):
            client.get("/none", expect=404)
        access = site.dir / "access.log"
        until("the lines", lambda: access.read_text().count("/none") >= 3)
        report = site.dir / "report.json"
        self.look("goaccess", access, "--no-global-config", "--log-format=COMBINED", "-o", report)
        general = json.loads(report.read_text())["general"]
        assert general["failed_requests"] == 0 and general["valid_requests"] == len(access.read_text().splitlines()), general
        site.write("filter.conf", "[Definition]\nfailregex = " + BANNED + "\n")
        text = self.look("fail2ban-regex", access, site.dir / "filter.conf")
        found = re.search(r"(\d+) matched", text)
        assert found and int(found[1]) == access.read_text().count('" 404 '), text[-1500:]

    def after(self, site):
        # As a package's logrotate does it: renamed, then told; nothing is lost.
        access, other = site.dir / "access.log", site.dir / "uwsgi.log"
        site.write("rotate.conf", "{dir}/access.log {dir}/uwsgi.log {\n  size 1\n  rotate 3\n  nocompress\n  missingok\n  sharedscripts\n  postrotate\n    "
                   f"{site.options.bin}/uswgi-ctl --pidfile {site.dir}/pid logs reopen\n  endscript\n}}\n")
        (site.dir / "rotate.conf").chmod(0o644)
        before = access.read_text().count("\n")
        client = site.client()
        client.get("/pid?before")
        until("its line", lambda: access.read_text().count("\n") == before + 1)
        self.look("logrotate", "-f", "-s", site.dir / "rotate.state", site.dir / "rotate.conf")
        client.get("/pid?after")
        until("the new file", lambda: access.exists() and "/pid?after" in access.read_text())
        assert (site.dir / "access.log.1").read_text().count("\n") == before + 1
        assert access.read_text().count("\n") == 1 and other.exists()


class Daemons(Observer):
    """monit watches the pidfile and asks; collectd's curl_json reads the statistics; rsyslogd gets the lines"""

    name = "daemons"
    shows = "monit, collectd, rsyslog"
    programs = {"monit": "monit", "collectd": "collectd-core libyajl2", "rsyslogd": "rsyslog"}
    config = Observer.config + "logger = rsyslog:127.0.0.1:{spare},mysite\n"

    def prepare(self, site):
        super().prepare(site)
        site.write("rsyslog.conf", 'global(workDirectory="{dir}")\nmodule(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="{spare}")\n'
                   'if $programname == "mysite" then action(type="omfile" file="{dir}/syslog")\n')
        site.spawn([tool("rsyslogd"), "-n", "-f", site.dir / "rsyslog.conf", "-i", site.dir / "rsyslog.pid"], "rsyslog.log")

    def walk(self, client, site):
        everybody(client, "/pid")
        client.get(f"/pid?seen{client.port}")
        until("its line", lambda: (site.dir / "syslog").exists() and f"GET /pid?seen{client.port}" in (site.dir / "syslog").read_text())

    def after(self, site):
        # monit: the process by its pidfile, and a request.
        site.write("monitrc", f"set daemon 1\nset pidfile {site.dir}/monit.pid\nset idfile {site.dir}/monit.id\nset statefile {site.dir}/monit.state\n"
                   f"set httpd unixsocket {site.dir}/monit.sock allow monit:monit1\ncheck process mysite with pidfile {site.dir}/pid\n"
                   f"  if failed host 127.0.0.1 port {site.port} protocol http request \"/pid\" then alert\n")
        (site.dir / "monitrc").chmod(0o600)
        self.look("monit", "-c", site.dir / "monitrc", "-t")
        site.spawn(["monit", "-I", "-c", site.dir / "monitrc"], "monit.log")
        said = until("monit's first look", lambda: (t := self.look("monit", "-c", site.dir / "monitrc", "status", good=False)) and "response time" in t and t)
        assert re.search(r"status +OK", said) and re.search(rf"\bpid +{site.server.pid}\b", said), said
        assert re.search(r"children +[3-9]", said), said
        # collectd: uWSGI's statistics by curl_json.
        (site.dir / "csv").mkdir()
        site.write("collectd.conf", f'Interval 1\nBaseDir "{site.dir}"\nPIDFile "{site.dir}/collectd.pid"\nTypesDB "/usr/share/collectd/types.db"\nHostname "h"\nFQDNLookup false\n'
                   f'LoadPlugin csv\nLoadPlugin curl_json\n<Plugin csv>\n DataDir "{site.dir}/csv"\n</Plugin>\n<Plugin curl_json>\n <URL "http://127.0.0.1:{site.spare}/">\n'
                   '  Instance "mysite"\n  <Key "workers/*/requests">\n   Type "derive"\n  </Key>\n </URL>\n</Plugin>\n')
        site.spawn([tool("collectd"), "-f", "-C", site.dir / "collectd.conf"], "collectd.log")
        files = until("collectd's numbers", lambda: [p for p in (site.dir / "csv").rglob("*derive*") if p.read_text().count("\n") >= 2])
        assert len(files) == 2 and all(float(line.split(",")[1]) >= 0 for p in files for line in p.read_text().splitlines()[1:]), files


class Units(Observer):
    """systemd-analyze: our units verified, and how open they are"""

    name = "units"
    shows = "systemd-analyze"
    programs = {"systemd-analyze": "systemd"}

    def walk(self, client, site):
        everybody(client, "/pid")

    def after(self, site):
        root = pathlib.Path(__file__).resolve().parents[2]
        unit = site.write("uswgi@.service", (root / "systemd/uswgi@.service.in").read_text().replace("@BINDIR@", str(site.options.bin)))
        text = self.look("systemd-analyze", "security", "--offline=true", unit.with_name("uswgi@.service"), good=False)
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
        assert found, text[-500:]
        assert float(found[1]) <= 8.0, text


ALL = [PySpy(), Austin(), Gdb(), Memray(), Prometheus(), Exporter(), Logs(), Daemons(), Units()]
