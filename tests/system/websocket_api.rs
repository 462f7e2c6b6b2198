//! uWSGI's functions for WebSockets, under threads and under gevent, beside the original; Flask-SocketIO over them.

use std::time::Duration;
use uswgi_tests::process::{self, alive};
use uswgi_tests::server::wait_file;
use uswgi_tests::websocket::{WebSocket, frame, handshake};
use uswgi_tests::{Load, Server, Site, paths, until};

fn site(engine: (&str, u32)) -> Site {
    let site = Site::new().app("ws_api").both().home(&paths::engines()).option(engine.0, engine.1);
    if engine.0 == "gevent" { site.option("gevent-early-monkey-patch", true) } else { site }
}

const ENGINES: [(&str, u32); 2] = [("threads", 8), ("gevent", 50)];

fn noted(server: &Server, name: &str) -> serde_json::Value {
    let path = server.dir.join("hold").join(name);
    let text = wait_file(&path);
    std::fs::remove_file(path).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What both programs do alike: a conversation, and what each function gave.
fn conversation(server: &Server) -> Vec<serde_json::Value> {
    let door = server.door();
    let mut all = ["/plain", "/switching"].map(|target| door.get(target).expect(200).json()).to_vec();
    let mut socket = WebSocket::open(&door, "/echo?echo");
    for n in [1, 125, 126, 65_535, 65_536, 500_000] {
        let bytes = vec![n as u8; n];
        socket.binary(&bytes);
        assert_eq!(socket.frame(), Some((0x82, bytes)), "{n}");
    }
    socket.text("grüß");
    assert_eq!(socket.frame(), Some((0x82, "grüß".as_bytes().to_vec())));
    socket.close(1000);
    assert!(socket.closed().is_some());
    all.push(noted(server, "echo"));
    let mut types = WebSocket::open(&door, "/types?types");
    for (first, payload) in [
        (0x81, "text"),
        (0x82, "text"),
        (0x81, "ä"),
        (0x82, "ä"),
        (0x81, "bytes"),
        (0x82, "bytes"),
        (0x81, ""),
        (0x82, ""),
    ] {
        assert_eq!(types.frame(), Some((first, payload.as_bytes().to_vec())));
    }
    drop(types);
    all.push(noted(server, "types"));
    let mut given = WebSocket::open(&door, "/given");
    assert_eq!(given.reply.header("Sec-WebSocket-Protocol"), Some("chat"));
    assert_eq!(given.next_text(), "given");
    let mut answers = WebSocket::open(&door, "/answers?answers");
    all.push(noted(server, "answers"));
    answers.closed();
    let mut disconnects = WebSocket::open(&door, "/disconnect?disconnect");
    assert_eq!(disconnects.next_text(), "one");
    disconnects.closed();
    all.push(noted(server, "disconnect"));
    let mut early = WebSocket::ask(&door, &handshake("/nb?nb"), &frame(0x81, b"early"));
    early.text("second");
    early.text("third");
    all.push(noted(server, "nb"));
    all
}

#[test]
fn every_function_gives_what_the_original_gives() {
    let theirs = conversation(&site(("threads", 8)).without("home").option("master", true).original());
    for engine in ENGINES {
        assert_eq!(conversation(&site(engine).start()), theirs, "{engine:?}");
    }
}

#[test]
fn what_the_original_gets_wrong_is_an_error_here() {
    for engine in ENGINES {
        let server = site(engine).start();
        for door in server.doors() {
            let said = door.get("/without").expect(200).text();
            let wanted = r#"["OSError: unable to receive websocket message", "OSError: unable to receive websocket message", "OSError: unable to send websocket message"]"#;
            assert_eq!(said, wanted);
            // A handshake that cannot be: the original answers nothing, or takes any version.
            let mut request = handshake("/unhandled");
            request.headers.retain(|(name, _)| name != "Sec-WebSocket-Key");
            assert_eq!(WebSocket::ask(&door, &request, b"").reply.status, 400);
            let mut request = handshake("/unhandled");
            request.headers.retain(|(name, _)| name != "Sec-WebSocket-Version");
            assert_eq!(WebSocket::ask(&door, &request, b"").reply.status, 426);
            // Of several subprotocols it would name all, which is none.
            let request = handshake("/echo").header("Sec-WebSocket-Protocol", "chat, superchat");
            let mut socket = WebSocket::ask(&door, &request, b"");
            assert_eq!(socket.reply.header("Sec-WebSocket-Protocol"), Some("chat"));
            socket.raw(&[frame(0x01, b"a"), frame(0x89, b"ping"), frame(0x80, b"b")].concat());
            assert_eq!(socket.frame(), Some((0x8a, b"ping".to_vec())));
            assert_eq!(socket.frame(), Some((0x82, b"ab".to_vec())));
            for (bytes, code) in [
                (vec![0x81, 1, b'x'], 1002),
                (frame(0x81, b"\xff"), 1007),
                (frame(0x83, b"x"), 1002),
                (frame(0x88, b"x"), 1002),
            ] {
                let mut socket = WebSocket::open(&door, "/echo");
                socket.raw(&bytes);
                assert_eq!(socket.closed(), Some(code));
            }
            assert_eq!(WebSocket::open(&door, "/raises").closed(), Some(1011));
            socket.text("on");
            assert_eq!(socket.frame(), Some((0x82, b"on".to_vec())));
        }
        let log = server.log();
        assert!(log.contains("ValueError: after the handshake"), "{log}");
        assert!(!log.contains("Error: unable to"), "that a client leaves is no error: {log}");
    }
}

#[test]
fn other_threads_and_greenlets_use_a_websocket_by_its_context() {
    for engine in ENGINES {
        let server = site(engine).start();
        let mut socket = WebSocket::open(&server.door(), "/elsewhere");
        let mut counts = [0; 100];
        for _ in 0..300 {
            counts[socket.next_text().parse::<usize>().unwrap()] += 1;
        }
        assert_eq!(counts, [3; 100], "{engine:?}");
        socket.text("thank you");
        assert_eq!(socket.closed(), Some(1000));
    }
}

#[test]
fn silent_clients_are_pinged_and_given_up() {
    for engine in ENGINES {
        let site = site(engine).option("websockets-ping-freq", 1).option("websockets-pong-tolerance", 1);
        let server = site.start();
        let mut silent = WebSocket::open(&server.door(), "/echo?silent");
        assert_eq!(silent.closed(), Some(1011), "{engine:?}");
        assert_eq!(noted(&server, "silent")[3], "OSError: unable to receive websocket message");
    }
}

#[test]
fn a_reload_closes_with_1001_and_loses_nothing_else() {
    for engine in ENGINES {
        let server = site(engine).option("workers", 2).start();
        let load = Load::start(&server.doors(), 3, "/pid");
        for _ in 0..2 {
            let mut sockets: Vec<WebSocket> =
                (0..6).map(|n| WebSocket::open(&server.doors()[n % 2], "/echo")).collect();
            let mut pids = Vec::new();
            for socket in &mut sockets {
                socket.text("pid");
                let (_, pid) = socket.frame().unwrap();
                pids.push(String::from_utf8(pid).unwrap().parse::<i32>().unwrap());
            }
            std::thread::scope(|scope| {
                scope.spawn(|| server.reload());
                for socket in &mut sockets {
                    scope.spawn(|| assert_eq!(socket.closed(), Some(1001), "{engine:?}"));
                }
            });
            load.wait_more(20);
            until("the end of the old workers", || pids.iter().all(|pid| !alive(*pid)).then_some(()));
        }
        let seen = load.stop();
        assert!(seen.failures.is_empty() && seen.cut == 0, "{engine:?}: {seen:?}");
    }
}

/// python-engineio's own mode for uWSGI, with the client of python-socketio.
#[test]
fn flask_socketio_runs_unmodified() {
    let app = r#"
from flask import Flask
from flask_socketio import SocketIO, emit, join_room
application = Flask(__name__)
socketio = SocketIO(application, async_mode="gevent_uwsgi")

@application.route("/")
def index():
    return socketio.async_mode

@socketio.on("join")
def join(name):
    join_room("room")
    emit("joined", name, to="room")

@socketio.on("say")
def say(data):
    emit("said", data, to="room")
    return "heard"
"#;
    let site = Site::new().both().home(&paths::engines()).source("chat.py", app);
    let chdir = site.dir.join("app").display().to_string();
    let server = site
        .option("chdir", chdir)
        .option("module", "chat")
        .option("gevent", 100)
        .option("gevent-early-monkey-patch", true)
        .option("http-websockets", true)
        .start();
    assert_eq!(server.get("/").expect(200).text(), "gevent_uwsgi");
    let client = server.dir.join("client.py");
    std::fs::write(
        &client,
        r#"
import queue, sys
import socketio
heard = queue.Queue()
def connect(transports):
    client = socketio.Client()
    client.on("said", lambda data: heard.put(data))
    client.connect("http://127.0.0.1:" + sys.argv[1], transports=transports)
    joined = queue.Queue()
    client.on("joined", joined.put)
    client.emit("join", "x")
    joined.get(timeout=30)
    return client
# At once, and by an upgrade from long polling.
a, b = connect(["websocket"]), connect(["polling", "websocket"])
assert a.transport() == "websocket"
assert a.call("say", {"text": "hello", "bytes": b"\x00\xff" * 50000}, timeout=30) == "heard"
first, second = heard.get(timeout=30), heard.get(timeout=30)
assert first == second and first["bytes"] == b"\x00\xff" * 50000, first
b.emit("say", "from b")
print(heard.get(timeout=30), heard.get(timeout=30))
a.disconnect()
b.disconnect()
"#,
    )
    .unwrap();
    let mut command = process::command(paths::engines().join("bin/python"));
    command.arg(&client).arg(server.http_port().to_string());
    assert_eq!(process::good(command, Duration::from_secs(60)).trim(), "from b from b");
    assert!(!server.log().contains("Traceback"), "{}", server.log());
}

/// It waits for the descriptor of its client and for that of Redis with gevent's select, and asks uWSGI's functions then.
#[test]
fn django_websocket_redis_runs_unmodified() {
    let redis = "import sys\nfrom fakeredis import TcpFakeServer\n\
        TcpFakeServer(('127.0.0.1', int(sys.argv[1]))).serve_forever()\n";
    let port = paths::free_port();
    let settings = format!(
        "SECRET_KEY = 'x'\nALLOWED_HOSTS = ['*']\nROOT_URLCONF = 'urls'\nWEBSOCKET_URL = '/ws/'\n\
         INSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth', 'ws4redis']\n\
         WS4REDIS_CONNECTION = {{'host': '127.0.0.1', 'port': {port}}}\nWS4REDIS_HEARTBEAT = 'beat'\n"
    );
    let app = "import os, socket, time\nos.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\n\
         from ws4redis.uwsgi_runserver import uWSGIWebsocketServer\n\
         server = uWSGIWebsocketServer()\n\
         def application(environ, start_response):\n\
         \x20   if environ['PATH_INFO'] != '/redis':\n\
         \x20       return server(environ, start_response)\n\
         \x20   server._redis_connection.ping()\n\
         \x20   start_response('200 OK', [])\n    return [b'there']\n";
    let site = Site::new().both().home(&paths::engines()).source("redis_site.py", app);
    let site = site
        .source("settings.py", &settings)
        .source("urls.py", "urlpatterns = []\n")
        .source("fake.py", redis);
    let folder = site.dir.join("app");
    let python = paths::engines().join("bin/python");
    let server = site
        .option("chdir", folder.display())
        .option("module", "redis_site")
        .option("gevent", 20)
        .option("gevent-early-monkey-patch", true)
        .option("http-websockets", true)
        .option("attach-daemon", format!("{} {}/fake.py {port}", python.display(), folder.display()))
        .start();
    let door = server.door();
    until("Redis", || (door.get("/redis").status == 200).then_some(()));
    let next = |socket: &mut WebSocket| {
        until("a message that is no heartbeat", || {
            let text = socket.next_text();
            (text != "beat").then_some(text)
        })
    };
    // A heartbeat follows what it reads: from the first one on it has subscribed. (What comes together with the answer to
    // that it would see with the next bytes only.)
    let open = |query: &str| {
        let mut socket = WebSocket::open(&door, &format!("/ws/room?subscribe-broadcast{query}"));
        let mut before = Vec::new();
        until("the first heartbeat", || {
            let text = socket.next_text();
            let beats = text == "beat";
            before.push(text);
            beats.then_some(())
        });
        (socket, before)
    };
    let (mut one, _) = open("&publish-broadcast&echo");
    let (mut other, _) = open("&publish-broadcast");
    one.text("hello");
    assert_eq!((next(&mut one), next(&mut other)), ("hello".into(), "hello".into()));
    other.text("world");
    assert_eq!(next(&mut one), "world");
    // What was said last is kept for who comes later.
    let (mut late, before) = open("");
    assert_eq!(before, ["world", "beat"]);
    one.close(1000);
    other.text("again");
    assert_eq!(next(&mut late), "again");
}
