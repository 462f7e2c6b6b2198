#!/usr/bin/env python3
"""Applications that other people wrote, unmodified, with the uwsgi configuration that their own documents give: installed pinned,
served directly over HTTP and through nginx by uwsgi_pass, walked through as a user would, reloaded under load, stopped. The same for
libraries that look into the server, and for programs that look at it from outside.

usage: run.py [--bin DIR] [--venvs DIR] [--install] [--program FILE] [--browser DIR] [--beside FILE] [NAME...]
  --bin DIR       where uswgi-master and uswgi-ctl are (target/release)
  --venvs DIR     where the virtualenvs are made and kept (build/realworld)
  --install       make the virtualenvs and do no more
  --program FILE  serve by this program, for example the original uwsgi: nothing of ours is asked then, and nothing is reloaded
  --browser DIR   those that are written down for a browser are clicked through in headless Chromium too, behind nginx; pictures go to DIR
  --beside FILE   the same steps on this program too, and a line for each that it answers otherwise
  NAME            only these, or a whole group: applications, libraries, observers; without one, all. `make realworld` runs all.
Ends with 0 when every step of every application was as it should be, with 1 otherwise; a line for each on standard output.
"""
import argparse
import contextlib
import copy
import html
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

import apps
import beside
import browser
import collector
import libraries
import observers
from tools import free_port, tool

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 120


class Wrong(Exception):
    """A step went otherwise than it should."""


def until(what, ask):
    """The first value that is true; asked again until the deadline."""
    deadline, last = time.monotonic() + PATIENCE, None
    while time.monotonic() < deadline:
        try:
            if value := ask():
                return value
        except (OSError, Wrong) as error:
            last = error
        time.sleep(0.05)
    raise Wrong(f"{what}: not within {PATIENCE} s ({last})")


class Answer:
    """Status, headers (names in small letters; the last of a name) and body of an answer."""

    def __init__(self, what, raw, body):
        self.what, self.status, self.body = what, raw.status, body
        self.headers = {name.lower(): value for name, value in raw.getheaders()}
        self.cookies = [value for name, value in raw.getheaders() if name.lower() == "set-cookie"]

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)

    def has(self, *wanted):
        for want in wanted:
            if (want if isinstance(want, bytes) else want.encode()) not in self.body:
                raise Wrong(f"{self.what}: no {want!r} in {self.body[:600]!r}")
        return self

    def field(self, name):
        """The value of a hidden field of a form."""
        for tag in re.findall(r"<input[^>]*>", self.text):
            if re.search(rf"name=[\"']{re.escape(name)}[\"']", tag) and (found := re.search(r"value=[\"']([^\"']*)[\"']", tag)):
                return html.unescape(found[1])
        raise Wrong(f"{self.what}: no field {name}")


class Client:
    """A browser without a window: cookies, one kept connection, no redirects unless asked."""

    def __init__(self, port):
        self.port, self.cookies, self.connection, self.answers = port, {}, None, []

    def ask(self, method, path, body=None, headers=None, expect=200):
        if path.startswith("http"):
            path = urllib.parse.urlsplit(path)._replace(scheme="", netloc="").geturl()
        what = f"{method} {path}"
        wanted = expect if isinstance(expect, tuple) else (expect,)
        head = {"Host": f"127.0.0.1:{self.port}", "User-Agent": "realworld", **(headers or {})}
        if self.cookies:
            head["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        for attempt in (1, 2):
            fresh = self.connection is None
            try:
                if fresh:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
                self.connection.request(method, path, body, head)
                raw = self.connection.getresponse()
                answer = Answer(what, raw, raw.read())
                break
            except (http.client.HTTPException, OSError) as error:
                self.close()
                # A kept connection may have been closed meanwhile (RFC 9112, 9.3.1); a new one may not.
                if fresh or attempt == 2:
                    raise Wrong(f"{what}: {error!r}") from error
        self.answers.append(answer)
        if raw.will_close:
            self.close()
        for cookie in answer.cookies:
            name, _, rest = cookie.partition("=")
            value, _, attributes = rest.partition(";")
            if "max-age=0" in attributes.lower() or value.strip('"') in ("", "deleted"):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        if answer.status not in wanted:
            found = re.findall(r'class="[^"]*(?:error|invalid)[^"]*"[^>]*>([^<]+)', answer.text)
            raise Wrong(f"{what}: {answer.status} instead of {expect}: {found or answer.body[:1500]!r}")
        return answer

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def json(self, method, path, value, headers=None, **more):
        head = {"Content-Type": "application/json", **(headers or {})}
        return self.ask(method, path, json.dumps(value).encode(), head, **more)

    def form(self, path, fields, files=None, headers=None, **more):
        """A form as browsers send it; `files` is name: (file name, content)."""
        head = {"Referer": f"http://127.0.0.1:{self.port}{path}", **(headers or {})}
        if not files:
            head["Content-Type"] = "application/x-www-form-urlencoded"
            return self.ask("POST", path, urllib.parse.urlencode(fields).encode(), head, **more)
        border = uuid.uuid4().hex
        head["Content-Type"] = f"multipart/form-data; boundary={border}"
        parts = [(f'form-data; name="{name}"', "", value.encode()) for name, value in fields.items()]
        parts += [(f'form-data; name="{name}"; filename="{file}"', "Content-Type: application/octet-stream\r\n", content)
                  for name, (file, content) in files.items()]
        body = b"".join(f"--{border}\r\nContent-Disposition: {what}\r\n{kind}\r\n".encode() + content + b"\r\n"
                        for what, kind, content in parts) + f"--{border}--\r\n".encode()
        return self.ask("POST", path, body, head, **more)


class Site:
    """The folder, the virtualenv and the processes of one application."""

    def __init__(self, app, options):
        self.app, self.options = app, options
        self.venv = options.venvs / (app.venv or app.name)
        self.dir = None
        self.port, self.other, self.front, self.spare = free_port(), free_port(), free_port(), free_port()
        self.processes = []
        self.collector = collector.Collector() if app.collects else None

    def fill(self, text):
        collect = self.collector.port if self.collector else ""
        for name, value in {"dir": self.dir, "venv": self.venv, "port": self.port, "spare": self.spare, "collect": collect}.items():
            text = text.replace("{" + name + "}", str(value))
        return text

    def write(self, name, text):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.fill(text))
        return path

    def run(self, *words, env=None, cwd=None, stdin=""):
        """A command of the virtualenv, or python with these words."""
        program = self.venv / "bin" / words[0]
        done = subprocess.run([program if program.exists() else words[0], *map(self.fill, words[1:])], input=stdin, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, cwd=cwd or self.dir or self.venv,
                              env={**os.environ, **{k: self.fill(v) for k, v in (env or {}).items()}})
        if done.returncode:
            raise Wrong(f"{' '.join(words)} ended with {done.returncode}: {done.stdout[-2000:]}")
        return done.stdout

    def install(self):
        lacks = sorted({name for program, packages in self.app.programs.items() if not tool(program) for name in packages.split()})
        if lacks and os.geteuid() == 0 and shutil.which("apt-get"):
            done = subprocess.run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *lacks], stdin=subprocess.DEVNULL, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
            lacks = done.stdout[-500:] if done.returncode else []
        if lacks:
            raise Wrong(f"Debian's packages are missing: {lacks}")
        ready, want = self.venv / ".ready", "\n".join(self.app.requirements)
        if not ready.exists() or ready.read_text() != want:
            shutil.rmtree(self.venv, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", self.venv], check=True)
            self.run("python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *self.app.requirements)
            ready.write_text(want)

    def spawn(self, words, log, env=None):
        process = subprocess.Popen(words, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=open(self.dir / log, "wb"),
                                   stderr=subprocess.STDOUT, start_new_session=True, env={**os.environ, **(env or {})})
        self.processes.append(process)
        return process

    def start(self):
        """The application as its configuration says, with a second socket for the other way to it, and nginx."""
        config = self.write("uwsgi.ini", self.app.config)
        direct = self.app.direct
        more = ["--socket", f"{self.dir}/second.sock"] if direct else ["--http-socket", f"127.0.0.1:{self.other}"]
        # The original wants the module's path from a command line's virtualenv too; both take it.
        program = [self.options.program or self.options.bin / "uswgi-master"]
        if self.app.wrap:
            # A program of the virtualenv that sets variables and becomes the server, as its documents have it.
            program = [self.venv / "bin" / self.app.wrap[0], *self.app.wrap[1:], *program]
        self.server = self.spawn([*program, "--ini", config, *more, "--pidfile2", self.dir / "pid", "--chmod-socket=666"], "log",
                                 {name: self.fill(value) for name, value in self.app.env(self).items()})
        behind = f"unix:{self.dir}/second.sock" if direct else f"127.0.0.1:{self.port}"
        self.write("nginx.conf", f"daemon off; master_process off; pid {self.dir}/nginx.pid; error_log stderr; events {{ }}\n"
                   f"http {{ access_log off; client_max_body_size 0; client_body_temp_path {self.dir}/n1; proxy_temp_path {self.dir}/n2;"
                   f" uwsgi_temp_path {self.dir}/n3; fastcgi_temp_path {self.dir}/n4; scgi_temp_path {self.dir}/n5;\n"
                   f" server {{ listen 127.0.0.1:{self.front}; location / {{ include /etc/nginx/uwsgi_params; uwsgi_param HTTP_HOST $http_host; uwsgi_pass {behind}; }} }} }}\n")
        self.spawn([tool("nginx"), "-c", self.dir / "nginx.conf", "-e", "stderr"], "nginx.log")
        doors = {"directly": self.port if direct else self.other, "nginx": self.front}
        for name, port in doors.items():
            until(f"an answer {name}", lambda port=port: self.server.poll() is not None or Client(port).get(self.app.path, expect=self.app.first))
            if self.server.poll() is not None:
                raise Wrong(f"the server ended with {self.server.returncode}")
        return doors

    def reload(self, port):
        """A reload while somebody goes on asking: nothing is lost."""
        stop, seen = threading.Event(), []

        def ask():
            client = Client(port)
            while not stop.is_set():
                try:
                    client.get(self.app.path, expect=self.app.first)
                    seen.append(None)
                except Wrong as wrong:
                    seen.append(wrong)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            until("a request before the reload", lambda: seen)
            done = subprocess.run([self.options.bin / "uswgi-ctl", "reload", "--wait", "--timeout", str(PATIENCE), "-p", self.dir / "pid"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=2 * PATIENCE)
            before = len(seen)
            until("a request after the reload", lambda: len(seen) > before)
        finally:
            stop.set()
            thread.join()
        refused = self.app.refuses and self.app.refuses in (self.dir / "log").read_text(errors="replace")
        if bool(done.returncode) != bool(self.app.refuses) or bool(self.app.refuses) != bool(refused):
            raise Wrong(f"the reload ended with {done.returncode}: {done.stdout}")
        if lost := [wrong for wrong in seen if wrong]:
            raise Wrong(f"the reload lost {len(lost)} of {len(seen)}: {lost[0]}")
        return len(seen)

    def ctl(self, *words):
        """What uswgi-ctl says, of a verb that does what it is asked for."""
        done = subprocess.run([self.options.bin / "uswgi-ctl", "-p", self.dir / "pid", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=PATIENCE)
        if done.returncode:
            raise Wrong(f"uswgi-ctl {' '.join(words)} ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def client(self):
        return Client(self.port if self.app.direct else self.other)

    def stop(self):
        """The end by TERM, as systemd asks; nothing is left in its session."""
        self.server.send_signal(signal.SIGTERM if not self.options.program else signal.SIGQUIT)
        code = self.server.wait(PATIENCE)
        if code and not self.options.program:
            raise Wrong(f"the server ended with {code}")
        left = subprocess.run(["pgrep", "-s", str(self.server.pid)], stdout=subprocess.PIPE, text=True).stdout.split()
        if left and not self.options.program:
            raise Wrong(f"left behind: {left}")

    def end(self):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self.collector:
            self.collector.close()


def serve(app, options):
    """One application from its installation to its end: what was done, and what each step was answered by each way; or Wrong."""
    site = Site(app, options)
    try:
        site.install()
        site.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"realworld-{app.name}-"))
        app.prepare(site)
        begin, steps = time.monotonic(), {}
        doors = site.start()
        for name, port in doors.items():
            client = Client(port)
            try:
                app.walk(client, site)
            except Wrong as wrong:
                raise Wrong(f"{name}: {wrong}") from wrong
            steps[name] = [beside.step(answer, site) for answer in client.answers]
        seen = browser.browse(app, site, doors["nginx"], options.browser) if options.browser and app.browse else []
        asked = 0 if options.program else site.reload(doors["nginx"])
        app.after(site)
        log = (site.dir / "log").read_text(errors="replace")
        # A traceback ends with the first line that is not set in.
        ends = re.findall(r"^Traceback .*\n(?:[ \t].*\n)+(.*)", log, re.M)
        wrong = [end for end in ends if not (app.traces and re.match(app.traces, end))]
        wrong += re.findall(r"^uswgi-\w+(?:\[\d+\])?: (?:error|panick).*", log, re.M)
        if wrong:
            raise Wrong(f"the log has {wrong[0]!r} ({site.dir}/log)")
        site.stop()
        app.ended(site)
        took = time.monotonic() - begin
        site.end()
        shutil.rmtree(site.dir, ignore_errors=True)
        clicked = f", looked at in a browser ({' '.join(p.name for p in seen)})" if seen else ""
        return f"{sum(map(len, steps.values()))} requests, {asked} around a reload{clicked}, {took:.1f} s", steps
    except BaseException:
        print(f"--- {app.name}: {site.dir}; the end of its log:", file=sys.stderr)
        with contextlib.suppress(OSError):
            print((site.dir / "log").read_text(errors="replace")[-3000:], file=sys.stderr)
        raise
    finally:
        site.end()


def main():
    parser = argparse.ArgumentParser(usage=argparse.SUPPRESS, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "target/release")
    parser.add_argument("--venvs", type=pathlib.Path, default=ROOT / "build/realworld")
    parser.add_argument("--program")
    parser.add_argument("--browser", type=pathlib.Path)
    parser.add_argument("--beside")
    parser.add_argument("--install", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    options.bin, options.venvs = options.bin.resolve(), options.venvs.resolve()
    options.program, options.beside = (os.path.abspath(shutil.which(p) or p) if p else p for p in (options.program, options.beside))
    if options.browser:
        options.browser.mkdir(parents=True, exist_ok=True)
    groups = {"applications": apps.ALL, "libraries": libraries.ALL, "observers": observers.ALL}
    known = {app.name: app for group in groups.values() for app in group}
    if unknown := [name for name in options.names if name not in known and name not in groups]:
        parser.exit(2, f"realworld: {unknown[0]} is none of: {' '.join([*groups, *known])}\n")
    bad = 0
    for name in [n for name in options.names or groups for n in ([app.name for app in groups[name]] if name in groups else [name])]:
        app = known[name]
        if options.install:
            Site(app, options).install()
            continue
        try:
            done, steps = serve(app, options)
            print(f"{name:12} {app.shows or app.requirements[0]:28} good: {done}", flush=True)
            if options.beside and app.original:
                there = copy.copy(options)
                there.program, there.browser = options.beside, None
                for line in beside.differences(steps, serve(app, there)[1]):
                    print(f"    {line}", flush=True)
        # A check of an application is an assertion; one that fails keeps the others from nothing.
        except Exception as wrong:
            bad += 1
            print(f"{name:12} {app.shows or app.requirements[0]:28} BAD: {wrong!r}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
