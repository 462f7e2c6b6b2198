#!/usr/bin/env python3
"""The Debian package on a machine of its own with systemd as process 1: installed, serving in all three ways that its units give,
upgraded under load without a lost request, restarted on the new version, purged without a trace. Then beside Debian's own packages of
uWSGI, whose units and script of init run it when the administrator chooses so.

usage: deb.py PACKAGE NEWER_PACKAGE     (tests/deb.sh copies it there; the machine is thrown away)
"""
import glob
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

PATIENCE = 120
APP = """import os
def application(environ, start_response):
    body = ("%s %d %d" % (environ.get("SCRIPT_NAME", ""), os.getpid(), os.getppid())).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def run(*words, fine=True):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    if fine and done.returncode:
        raise SystemExit(f"deb: {' '.join(words)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout.strip()


def until(what, ask):
    """The first value that is true; asked again until the deadline."""
    deadline, last = time.monotonic() + PATIENCE, None
    while time.monotonic() < deadline:
        try:
            value = ask()
            if value:
                return value
        except OSError as error:
            last = error
        time.sleep(0.05)
    raise SystemExit(f"deb: {what}: not within {PATIENCE} s ({last})")


def write(path, text, owner=None):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if owner:
        shutil.chown(path, owner, owner)


def connect(address):
    client = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    client.settimeout(60)
    client.connect(address)
    return client


def whole(client, request):
    with client:
        client.sendall(request)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0] + b" ":
        raise OSError(f"answer {answer[:200]!r}")
    return body.decode().split()


def http(address):
    return whole(connect(address), b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


def uwsgi(address):
    pairs = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/", "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_NAME": "x",
             "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1"}
    block = b"".join(len(t).to_bytes(2, "little") + t.encode() for pair in pairs.items() for t in pair)
    return whole(connect(address), b"\0" + len(block).to_bytes(2, "little") + b"\0" + block)


class Load:
    """Requests without a pause, until it is told to end; each one counts."""

    def __init__(self, doors):
        self.over, self.failures, self.answers = threading.Event(), [], {name: 0 for name in doors}
        self.threads = [threading.Thread(target=self.ask, args=door) for door in doors.items() for _ in range(2)]
        for thread in self.threads:
            thread.start()

    def ask(self, name, door):
        while not self.over.is_set():
            try:
                door()
                self.answers[name] += 1
            except OSError as error:
                self.failures.append(f"{name}: {error}")

    def more(self, count=20):
        """Until every door has answered so often again."""
        wanted = {name: n + count for name, n in self.answers.items()}
        until("answers under load", lambda: all(self.answers[name] >= n for name, n in wanted.items()))

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, (len(self.failures), self.failures[:5])
        return self.answers


def show(unit, *names):
    text = run("systemctl", "show", unit, *(f"--property={name}" for name in names))
    found = dict(line.split("=", 1) for line in text.splitlines())
    return [found[name] for name in names]


def main_pid(unit):
    return int(show(unit, "MainPID")[0])


def program(pid):
    return os.readlink(f"/proc/{pid}/exe")


def ours():
    """What of this family lies around, but for what this script has brought."""
    found = set()
    for top in ("/etc", "/usr", "/var", "/run"):
        for folder, folders, files in os.walk(top):
            if folder.startswith(("/var/lib/apt", "/var/cache", "/var/log", "/run/systemd", "/var/lib/dpkg/info", "/run/log")):
                folders.clear()
                continue
            found |= {f"{folder}/{name}" for name in folders + files if "uswgi" in name or name.startswith("uwsgi")}
    return found


def free_address():
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        return port.getsockname()


def alone(package, newer):
    before = ours()
    address = free_address()
    doors = {
        "emperor": lambda: http(address),
        "app": lambda: uwsgi("/run/uswgi-app-site.sock"),
        "instance": lambda: http("/run/uswgi/shop.sock"),
    }

    # Installed: with what it depends on, and nothing of it runs.
    run("apt-get", "install", "-y", "--no-install-recommends", f"./{package}")
    assert os.path.realpath("/usr/bin/uwsgi") == "/usr/bin/uswgi-master", os.path.realpath("/usr/bin/uwsgi")
    for name in ("uwsgi", "uwsgi_python3", "uwsgi-core", "uswgi-master", "uswgi-emperor", "uswgi-ctl", "uswgi-conf", "uswgi-worker"):
        assert re.search(r"\d+\.\d+", run(name, "--version")), name
    assert run("systemctl", "is-enabled", "uswgi-emperor", fine=False) == "disabled"
    assert run("systemctl", "is-active", "uswgi-emperor", fine=False) == "inactive"
    shipped = run("dpkg-query", "--show", "--showformat=${Conffiles}", "uswgi")
    assert "/etc/uwsgi/emperor.ini" in shipped, shipped
    print("deb: installed", flush=True)

    # The emperor's unit: ready when it has looked, and its status says who serves.
    write("/srv/app/app.py", APP)
    write("/etc/uwsgi/vassals/shop.ini", f"[uwsgi]\nhttp-socket = {address[0]}:{address[1]}\nchdir = /srv/app\nmodule = app\n")
    run("systemctl", "enable", "--now", "uswgi-emperor")
    until("a vassal", doors["emperor"])
    status = lambda: show("uswgi-emperor", "StatusText")[0]  # noqa: E731
    until("STATUS=", lambda: "1" in status() and "serve" in status())
    print("deb: the emperor's status:", status())
    write("/etc/uwsgi/vassals/broken.ini", "[uwsgi]\nno-such-option = 1\n")
    until("STATUS= that names the broken one", lambda: "broken.ini" in status())
    print("deb: with a broken file:", status())
    os.remove("/etc/uwsgi/vassals/broken.ini")
    until("STATUS= without it", lambda: "broken.ini" not in status())
    assert show("uswgi-emperor", "ActiveState", "Type") == ["active", "notify"]
    vassal = int(doors["emperor"]()[1])
    assert pwd.getpwuid(os.stat(f"/proc/{vassal}").st_uid).pw_name == "www-data", "emperor.ini says so"

    # An app whose socket systemd holds, without any socket in its file: the first request starts it.
    write("/etc/uwsgi/apps-available/site.ini", "[uwsgi]\nchdir = /srv/app\nmodule = app\nworkers = 2\n")
    run("systemctl", "enable", "--now", "uswgi-app@site.socket")
    assert show("uswgi-app@site", "ActiveState") == ["inactive"]
    assert len(doors["app"]()) == 2
    assert show("uswgi-app@site", "ActiveState") == ["active"]

    # An instance with a user of its own, each worker by its own start, on a socket of systemd's.
    run("useradd", "--system", "--user-group", "shop")
    write("/etc/uswgi/shop.ini", "[uwsgi]\nhttp-socket = fd://3\nchdir = /srv/app\nmodule = app\nworkers = 2\nlazy-apps = true\n")
    run("systemctl", "enable", "--now", "uswgi@shop.socket")
    assert len(doors["instance"]()) == 2
    run("systemctl", "reload", "uswgi@shop")
    print("deb: serves by all units", flush=True)

    # The upgrade: nothing is lost, nothing is restarted, and who runs the old program is named.
    units = ("uswgi-emperor", "uswgi-app@site", "uswgi@shop")
    pids = [main_pid(unit) for unit in units] + [int(doors["emperor"]()[1])]
    write("/etc/uwsgi/emperor.ini", pathlib.Path("/etc/uwsgi/emperor.ini").read_text() + "# mine\n")
    load = Load(doors)
    load.more()
    said = run("dpkg", "--install", newer)
    load.more()
    named = re.search(r"serve on with version \S+ until they are restarted:(.*)", said)
    assert named and {int(p) for p in named[1].split()} >= set(pids), (pids, said)
    assert [main_pid(unit) for unit in units] + [int(doors["emperor"]()[1])] == pids
    assert all(program(pid).endswith("(deleted)") for pid in pids)
    assert pathlib.Path("/etc/uwsgi/emperor.ini").read_text().endswith("# mine\n")
    # Reloads with the new files below the old masters.
    run("systemctl", "reload", "uswgi@shop")
    os.utime("/etc/uwsgi/vassals/shop.ini")
    until("a reload of the vassal", lambda: int(doors["emperor"]()[0]) != vassal)
    load.more()
    # On the new version: the sockets of systemd make connections wait, and an emperor leaves its vassals serving.
    run("systemctl", "restart", "uswgi@shop", "uswgi-app@site")
    load.more()
    os.kill(pids[0], signal.SIGKILL)
    until("the next emperor", lambda: main_pid("uswgi-emperor") not in (0, pids[0]) and "serve" in status())
    load.more()
    answers = load.end()
    for unit in units:
        assert not program(main_pid(unit)).endswith("(deleted)"), unit
    assert int(doors["emperor"]()[1]) == pids[3], "the vassal was taken over as it ran"
    print("deb: upgraded under load, no request lost:", answers, flush=True)

    # Gone: what runs by its units, its files, and what was enabled; not what others have written.
    os.remove("/etc/uwsgi/vassals/shop.ini")
    run("apt-get", "purge", "-y", "uswgi")
    until("the end of all processes", lambda: not [p for p in glob.glob("/proc/[0-9]*/exe") if "uswgi" in read_link(p)])
    os.remove("/etc/uwsgi/apps-available/site.ini")
    os.remove("/etc/uswgi/shop.ini")
    # What a site has written (StateDirectory=) is its own.
    own = ("/etc/uwsgi", "/etc/uswgi", "/var/lib/private/uswgi-app-site", "/var/lib/uswgi-app-site")
    left = sorted(name for name in ours() - before if not name.startswith(own))
    assert not left, left
    assert sorted(glob.glob("/etc/u*wsgi/*")) == ["/etc/uwsgi/apps-available"], glob.glob("/etc/u*wsgi/*")
    assert not run("update-alternatives", "--list", "uwsgi", fine=False).startswith("/")
    assert run("dpkg-query", "--show", "uswgi", fine=False).startswith("dpkg-query: no packages")
    print("deb: purged", flush=True)


def beside(package):
    apt = ("apt-get", "install", "-y", "--no-install-recommends")
    run(*apt, f"./{package}")
    run("apt-get", "update")
    run(*apt, "uwsgi", "uwsgi-emperor", "uwsgi-core", "uwsgi-plugin-python3")
    # Names that were ours as long as nobody else had them.
    assert not os.path.islink("/usr/bin/uwsgi-core") and "uswgi" not in os.path.realpath("/usr/bin/uwsgi_python3")
    assert os.path.realpath("/usr/bin/uwsgi") == "/usr/bin/uwsgi-core", "the priority of uWSGI's package is higher"
    run("systemctl", "stop", "uwsgi", "uwsgi-emperor")
    run("update-alternatives", "--set", "uwsgi", "/usr/bin/uswgi-master")
    write("/srv/app/app.py", APP)
    site = "[uwsgi]\nplugins = python3\nchdir = /srv/app\nmodule = app\n"
    mine, of_emperor = free_address(), free_address()
    write("/etc/uwsgi/apps-available/site.ini", f"{site}http-socket = {mine[0]}:{mine[1]}\n")
    os.symlink("../apps-available/site.ini", "/etc/uwsgi/apps-enabled/site.ini")
    write("/etc/uwsgi-emperor/vassals/site.ini", f"{site}http-socket = {of_emperor[0]}:{of_emperor[1]}\n")

    # The script of init, as systemd runs it. force-reload is TERM.
    run("systemctl", "start", "uwsgi")
    worker, master = until("an instance of the script", lambda: http(mine))
    for words in (("systemctl", "reload", "uwsgi"), ("/etc/init.d/uwsgi", "force-reload")):
        run(*words)
        until("a new worker", lambda: http(mine)[0] != worker)
        worker, same = http(mine)
        assert same == master, (words, master, same)
    run("systemctl", "restart", "uwsgi")
    assert until("another instance", lambda: http(mine))[1] != master
    run("systemctl", "stop", "uwsgi")

    # The emperor's unit, which notifies.
    run("systemctl", "start", "uwsgi-emperor")
    until("a vassal", lambda: http(of_emperor))
    until("STATUS=", lambda: show("uwsgi-emperor", "StatusText", "Type") == ["1 of 1 vassals serve", "notify"])
    run("systemctl", "restart", "uwsgi-emperor")
    until("a vassal", lambda: http(of_emperor))
    run("systemctl", "stop", "uwsgi-emperor")

    # The app's unit, started by its socket.
    write("/etc/uwsgi/apps-available/app.ini", site)
    run("systemctl", "enable", "--now", "uwsgi-app@app.socket")
    assert len(uwsgi("/run/uwsgi/app.socket")) == 2
    assert show("uwsgi-app@app", "ActiveState") == ["active"]
    run("systemctl", "stop", "uwsgi-app@app.socket", "uwsgi-app@app")
    for unit in ("uwsgi", "uwsgi-emperor", "uwsgi-app@app"):
        assert show(unit, "ActiveState", "Result") == ["inactive", "success"], unit

    run("apt-get", "purge", "-y", "uswgi")
    assert os.path.realpath("/usr/bin/uwsgi") == "/usr/bin/uwsgi-core"
    assert os.access("/usr/bin/uwsgi-core", os.X_OK) and os.access("/usr/bin/uwsgi_python3", os.X_OK)
    print("deb: ran by the units and the script of Debian's packages, and left them theirs", flush=True)


def read_link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    alone(*sys.argv[1:])
    beside(sys.argv[1])
