//! WebSockets of frameworks, and clients as pip installs them.

use std::io::Write;
use std::process::Command;
use std::time::Duration;
use uswgi_tests::{Request, Server, Site, paths, process};

/// Frameworks and clients from PyPI.
fn python(server: &Server, script: &str) -> String {
    let path = server.dir.join("client.py");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(script.as_bytes()).unwrap();
    let mut command: Command = process::command(paths::engines().join("bin/python"));
    command.arg(&path).arg(server.http_port().to_string());
    process::good(command, Duration::from_secs(60))
}

#[test]
fn starlette_fastapi_and_the_client_websockets_run_unmodified() {
    let app = r#"
from fastapi import FastAPI, WebSocket, WebSocketDisconnect, HTTPException
application = FastAPI()
rooms = []

@application.websocket("/chat/{name}")
async def chat(socket: WebSocket, name: str):
    await socket.accept(subprotocol="chat" if "chat" in socket.scope["subprotocols"] else None)
    rooms.append(socket)
    try:
        async for text in socket.iter_text():
            for one in rooms:
                await one.send_json({"from": name, "text": text})
    finally:
        rooms.remove(socket)

@application.websocket("/denied")
async def denied(socket: WebSocket):
    raise HTTPException(status_code=403)
"#;
    let site = Site::probe().home(&paths::engines()).source("chat.py", app).without("module");
    let server = site.option("module", "chat").option("asgi", true).start();
    let said = python(
        &server,
        r#"
import asyncio, json, sys
import websockets
from websockets.asyncio.client import connect

async def main():
    url = "ws://127.0.0.1:" + sys.argv[1]
    async with connect(url + "/chat/ann", subprotocols=["chat"]) as ann, connect(url + "/chat/bob") as bob:
        assert ann.subprotocol == "chat" and bob.subprotocol is None
        await ann.send("hello")
        assert json.loads(await bob.recv()) == {"from": "ann", "text": "hello"}
        assert json.loads(await ann.recv())["text"] == "hello"
        await bob.send("x" * 500000)
        assert len(json.loads(await ann.recv())["text"]) == 500000
        await (await ann.ping())
    assert ann.close_code == 1000 and bob.close_code == 1000
    try:
        async with connect(url + "/denied"):
            print("accepted")
    except websockets.exceptions.InvalidStatus as e:
        print(e.response.status_code)
asyncio.run(main())
"#,
    );
    assert_eq!(said.trim(), "403");
    assert!(!server.log().contains("Traceback"), "{}", server.log());
}

#[test]
fn django_channels_runs_unmodified() {
    let app = r#"
import django
from django.conf import settings
settings.configure(SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}})
django.setup()
from channels.generic.websocket import AsyncJsonWebsocketConsumer, WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

class Room(AsyncJsonWebsocketConsumer):
    async def connect(self):
        await self.channel_layer.group_add("room", self.channel_name)
        await self.accept()
    async def receive_json(self, content):
        await self.channel_layer.group_send("room", {"type": "said", "content": content})
    async def said(self, event):
        await self.send_json(event["content"])
    async def disconnect(self, code):
        await self.channel_layer.group_discard("room", self.channel_name)

class Sync(WebsocketConsumer):
    def receive(self, text_data=None, bytes_data=None):
        self.send(text_data=text_data.upper())

urlpatterns = [path("", lambda request: HttpResponse("django"))]
application = ProtocolTypeRouter({
    "http": get_asgi_application(),
    "websocket": URLRouter([path("room", Room.as_asgi()), path("sync", Sync.as_asgi())]),
})
"#;
    let site = Site::probe().home(&paths::engines()).source("channel.py", app).without("module");
    let server = site.option("module", "channel").option("asgi", true).start();
    assert_eq!(server.get("/").expect(200).text(), "django");
    let said = python(
        &server,
        r#"
import json, sys
from websockets.sync.client import connect
url = "ws://127.0.0.1:" + sys.argv[1]
with connect(url + "/room") as a, connect(url + "/room") as b, connect(url + "/sync") as c:
    a.send(json.dumps({"n": 1}))
    print(json.loads(a.recv()), json.loads(b.recv()))
    c.send("loud")
    print(c.recv())
"#,
    );
    assert_eq!(said.trim(), "{'n': 1} {'n': 1}\nLOUD");
    assert_eq!(server.ask(&Request::get("/")).status, 200);
}
