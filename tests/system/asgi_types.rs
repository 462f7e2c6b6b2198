//! Every scope and event that an application gets, held against the types of asgiref (the reference of ASGI).

use uswgi_tests::websocket::WebSocket;
use uswgi_tests::{Request, Site, paths};

/// Writes down what is not of its type, and answers with all of it.
const APP: &str = r#"
import collections.abc, json, types, typing
import asgiref.typing as reference

WRONG, SEEN = [], []
OF = {}
for name in ("HTTPScope", "WebSocketScope", "LifespanScope", "HTTPRequestEvent", "HTTPDisconnectEvent", "WebSocketConnectEvent",
             "WebSocketReceiveEvent", "WebSocketDisconnectEvent", "LifespanStartupEvent", "LifespanShutdownEvent"):
    hints = typing.get_type_hints(getattr(reference, name))
    OF[typing.get_args(hints["type"])[0]] = hints
# The specification lets one of them be away.
MAY_MISS = {"websocket.receive": {"text", "bytes"}}

def fits(value, kind):
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is typing.Any or kind is object:
        return True
    if origin is typing.Literal:
        return value in inner
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is tuple:
        return type(value) is tuple and len(value) == len(inner) and all(map(fits, value, inner))
    if origin is dict:
        return type(value) is dict and all(fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items())
    if origin is collections.abc.Iterable:
        return all(fits(one, inner[0]) for one in value)
    if typing.is_typeddict(kind):
        return all(fits(value[key], of) for key, of in typing.get_type_hints(kind).items())
    return type(value) is kind

def check(what):
    hints = OF[what["type"]]
    SEEN.append(what["type"])
    missing = set(hints) - set(what) - MAY_MISS.get(what["type"], set())
    WRONG.extend("%s without %s" % (what["type"], key) for key in missing)
    WRONG.extend("%s has %s" % (what["type"], key) for key in set(what) - set(hints))
    WRONG.extend("%s %s is %r" % (what["type"], key, what[key]) for key in set(what) & set(hints) if not fits(what[key], hints[key]))

async def application(scope, receive, send):
    check(scope)
    async def hear():
        message = await receive()
        check(message)
        return message
    if scope["type"] == "lifespan":
        await hear()
        await send({"type": "lifespan.startup.complete"})
        await hear()
        return await send({"type": "lifespan.shutdown.complete"})
    if scope["type"] == "websocket":
        await hear()
        await send({"type": "websocket.accept"})
        while (await hear())["type"] != "websocket.disconnect":
            pass
        return
    while (await hear()).get("more_body"):
        pass
    body = json.dumps([sorted(set(SEEN)), WRONG]).encode()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": body})
    await hear()
"#;

#[test]
fn scopes_and_events_are_of_the_types_of_asgiref() {
    let site = Site::probe().home(&paths::engines()).without("module").source("types_of.py", APP);
    let server = site.option("module", "types_of").option("asgi", true).start();
    for door in server.doors() {
        let mut socket = WebSocket::open(&door, "/x?y=z");
        socket.text("text");
        socket.binary(b"bytes");
        socket.close(1000);
        assert_eq!(socket.closed(), Some(1000));
        door.ask(&Request::post_pattern("/a%20b?c=d", 100_000)).expect(200);
        door.get("/").expect(200);
    }
    let told = server.get("/").expect(200).json();
    assert_eq!(told[1], serde_json::json!([]), "what is not as asgiref has it");
    let seen = [
        "http",
        "http.disconnect",
        "http.request",
        "lifespan",
        "lifespan.startup",
        "websocket",
        "websocket.connect",
        "websocket.disconnect",
        "websocket.receive",
    ];
    assert_eq!(told[0], serde_json::json!(seen));
}
