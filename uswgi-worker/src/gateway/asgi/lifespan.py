"""The lifespan protocol of ASGI: one conversation with an application, from before its first request to after its last."""

import asyncio
import traceback


class Lifespan:
    def __init__(self, app, state):
        self.app, self.state = app, state
        self.messages = asyncio.Queue()
        self.started = asyncio.Event()
        self.task = None
        # None: all is well. Otherwise why the application does not start, or did not end well.
        self.failure = None
        self.complete = False

    async def run(self):
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self.app(scope, self.messages.get, self.send)
        except BaseException as error:
            # An application without it raises something before it says anything: that is its right.
            if self.started.is_set() or isinstance(error, (KeyboardInterrupt, SystemExit)):
                self.failure = self.failure or traceback.format_exc()
        finally:
            self.started.set()

    async def send(self, message):
        kind = message["type"]
        if kind == "lifespan.startup.complete":
            self.complete = True
            self.started.set()
        elif kind == "lifespan.startup.failed":
            self.failure = message.get("message") or "lifespan.startup.failed"
            self.started.set()
        elif kind == "lifespan.shutdown.failed":
            self.failure = message.get("message") or "lifespan.shutdown.failed"
        elif kind != "lifespan.shutdown.complete":
            raise RuntimeError("no message of a lifespan: %r" % (kind,))

    async def startup(self):
        self.messages.put_nowait({"type": "lifespan.startup"})
        self.task = asyncio.ensure_future(self.run())
        await self.started.wait()
        return self.failure

    async def shutdown(self):
        if self.complete and not self.task.done():
            self.messages.put_nowait({"type": "lifespan.shutdown"})
            await asyncio.wait([self.task])
        return self.failure


async def startup(apps, state):
    """Start all; why one does not, or None."""
    all = [Lifespan(app, state) for app in apps]
    for one in all:
        failure = await one.startup()
        if failure is not None:
            return all, failure
    return all, None


async def shutdown(all):
    failures = [await one.shutdown() for one in reversed(all)]
    return next((f for f in failures if f is not None), None)
