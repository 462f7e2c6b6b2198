"""Headless Chromium (Debian's package chromium) by the DevTools protocol over a pipe: pages are opened, fields filled, buttons clicked with
the mouse, and what a page says on its console and what it does not get is kept as a failure."""
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time

PATIENCE = 30
# What says to whom something belongs, so that its middle can be clicked: a selector, or a button or link with this text.
FIND = """(what => { const own = e => (e.value && e.type === 'submit' ? e.value : e.innerText || '').trim();
  const all = what.startsWith('text=') ? [...document.querySelectorAll('a, button, input[type=submit], label')].filter(e => own(e) === what.slice(5))
    : [...document.querySelectorAll(what)];
  return all.find(e => e.getClientRects().length) || all[0]; })"""


class Trouble(Exception):
    """The browser cannot do what it is told, or a page is not as it should be."""


class Browser:
    """One window of one browser with a profile of its own."""

    def __init__(self, missing):
        self.missing = missing
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if not program:
            raise Trouble("Chromium is missing: apt-get install --no-install-recommends chromium")
        self.profile = tempfile.mkdtemp(prefix="realworld-browser-")
        asked, self.send = os.pipe()
        self.receive, answered = os.pipe()

        def places():
            # The protocol's pipe: 3 is read, 4 is written. Both may be in each other's place.
            from_us, to_us = os.dup(asked), os.dup(answered)
            os.dup2(from_us, 3)
            os.dup2(to_us, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--remote-debugging-pipe", f"--user-data-dir={self.profile}",
             "--window-size=1280,900", "about:blank"],
            preexec_fn=places, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(asked)
        os.close(answered)
        self.number, self.answers, self.bad, self.urls, self.loads = 0, {}, [], {}, 0
        self.came = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "DOM"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)

    session = None

    def read(self):
        rest = b""
        while piece := os.read(self.receive, 1 << 20):
            *whole, rest = (rest + piece).split(b"\0")
            for text in whole:
                message = json.loads(text)
                with self.came:
                    if "id" in message:
                        self.answers[message["id"]] = message
                    else:
                        self.happens(message["method"], message.get("params", {}))
                    self.came.notify_all()

    def happens(self, what, said):
        if what == "Network.requestWillBeSent":
            self.urls[said["requestId"]] = said["request"]["url"]
        elif what == "Network.responseReceived" and said["response"]["status"] >= 400:
            url = said["response"]["url"]
            if not re.search(self.missing, url):
                self.bad.append(f"{said['response']['status']} for {url}")
        elif what == "Network.loadingFailed" and not said.get("canceled"):
            self.bad.append(f"{said['errorText']} for {self.urls.get(said['requestId'])}")
        elif what == "Runtime.exceptionThrown":
            details = said["exceptionDetails"]
            self.bad.append(f"exception: {details.get('exception', {}).get('description', details['text'])}")
        elif what == "Runtime.consoleAPICalled" and said["type"] in ("error", "assert"):
            self.bad.append("console: " + " ".join(str(a.get("value", a.get("description"))) for a in said["args"]))
        elif what == "Log.entryAdded" and said["entry"]["level"] == "error" and not re.search(self.missing, said["entry"].get("url", "")):
            self.bad.append(f"log: {said['entry']['text']} {said['entry'].get('url', '')}")
        elif what == "Page.loadEventFired":
            self.loads += 1

    def call(self, method, **params):
        self.number += 1
        number, message = self.number, {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.send, json.dumps(message).encode() + b"\0")
        with self.came:
            if not self.came.wait_for(lambda: number in self.answers, PATIENCE):
                raise Trouble(f"{method}: no answer")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise Trouble(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def run(self, script):
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise Trouble(f"{script}: {result['exceptionDetails'].get('exception', {}).get('description')}")
        return result["result"].get("value")

    def until(self, script):
        """Wait for something of the page; a page that is replaced meanwhile is asked again."""
        end, last = time.monotonic() + PATIENCE, None
        while time.monotonic() < end:
            try:
                if value := self.run(script):
                    return value
            except Trouble as trouble:
                last = trouble
            time.sleep(0.05)
        raise Trouble(f"not within {PATIENCE} s: {script} ({last}); the page: {self.run('document.body.innerText')[:600]!r}")

    def wait(self, what):
        return self.until(f"!!{FIND}({json.dumps(what)})")

    def says(self, text):
        self.until(f"document.readyState === 'complete' && document.body.innerText.includes({json.dumps(text)})")

    def open(self, url):
        before = self.loads
        self.call("Page.navigate", url=url)
        self.loaded(before)

    def loaded(self, before):
        with self.came:
            if not self.came.wait_for(lambda: self.loads > before, PATIENCE):
                raise Trouble("the page does not load")

    def click(self, what, loads=False):
        """The mouse on the middle of it; `loads`: another page comes."""
        self.wait(what)
        place = self.run(f"(e => {{ e.scrollIntoView({{block: 'center', behavior: 'instant'}}); const r = e.getBoundingClientRect();"
                         f" return [r.x + r.width / 2, r.y + r.height / 2]; }})({FIND}({json.dumps(what)}))")
        before = self.loads
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)
        if loads:
            self.loaded(before)

    def fill(self, what, text):
        self.click(what)
        self.run(f"{FIND}({json.dumps(what)}).select()")
        self.call("Input.insertText", text=text)

    def upload(self, what, path):
        self.wait(what)
        node = self.call("DOM.querySelector", nodeId=self.call("DOM.getDocument")["root"]["nodeId"], selector=what)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def end(self):
        self.process.kill()
        self.process.wait()
        os.close(self.send)
        self.reader.join(PATIENCE)
        os.close(self.receive)
        shutil.rmtree(self.profile, ignore_errors=True)


def browse(app, site, port, pictures):
    """What a user does in a window; the names of the pictures of it."""
    for old in pathlib.Path(pictures).glob(f"{app.name}-*.png"):
        old.unlink()
    browser, made = Browser(app.missing), []

    def picture(name):
        made.append(pathlib.Path(pictures) / f"{app.name}-{name}.png")
        browser.picture(made[-1])

    try:
        app.browse(browser, f"http://127.0.0.1:{port}", site, picture)
        if browser.bad:
            raise Trouble(f"the browser says: {browser.bad}")
        return made
    except Trouble:
        picture("trouble")
        raise
    finally:
        browser.end()
