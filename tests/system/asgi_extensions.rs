//! What ASGI calls extensions: hints before an answer, fields behind its body, a file by its path; each is named in the scope
//! only where it is really there.

use std::io::{Read, Write};
use std::net::TcpStream;
use uswgi_tests::server::Door;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Server, Site, paths};

const APP: &str = r#"
import json

async def application(scope, receive, send):
    path, query = scope["path"], scope["query_string"].decode()
    start = {"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"1")]}
    end = {"type": "http.response.body", "body": b"body"}
    said = []

    async def wrong(message):
        try:
            await send(message)
            said.append("taken")
        except Exception as e:
            said.append(type(e).__name__)

    if path == "/extensions":
        end["body"] = json.dumps(sorted(scope["extensions"])).encode()
    elif path == "/hint":
        await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]})
        await send({"type": "http.response.early_hint", "links": iter([b"</c.png>; rel=preload"])})
    elif path == "/wrong-hint":
        await wrong({"type": "http.response.early_hint", "links": ["</a>"]})
        await wrong({"type": "http.response.early_hint", "links": [b"</a>\r\nSet-Cookie: x"]})
        await wrong({"type": "http.response.trailers", "headers": []})
        await send(start)
        await wrong({"type": "http.response.early_hint", "links": [b"</a>"]})
        await wrong({"type": "http.response.trailers", "headers": []})
        end["body"] = json.dumps(said).encode()
        return await send(end)
    elif path == "/trailers":
        await send({**start, "trailers": True})
        if query == "pieces":
            await send({"type": "http.response.body", "body": b"some ", "more_body": True})
        if query == "wrong":
            await wrong({"type": "http.response.trailers", "headers": []})
        await send(end)
        if query == "none":
            return
        if query == "wrong":
            await wrong(end)
            await wrong({"type": "http.response.trailers", "headers": [(b"content-length", b"4")]})
            await wrong({"type": "http.response.trailers", "headers": [(b"x", b"a\r\nb")]})
        await send({"type": "http.response.trailers", "headers": [(b"x-said", ",".join(said).encode())], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"42")]})
        await wrong({"type": "http.response.trailers", "headers": []})
        if said[-1] != "RuntimeError":
            raise AssertionError(said)
        return
    elif path == "/file":
        await send({**start, "trailers": True})
        await send({"type": "http.response.pathsend", "path": __file__})
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"42")]})
        return
    await send(start)
    await send(end)
"#;

fn start() -> Server {
    let site = Site::probe().home(&paths::engines()).without("module").source("extends.py", APP);
    site.option("module", "extends").option("asgi", true).start()
}

/// Everything that comes for a request that is the last one of its connection.
fn bytes(server: &Server, head: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.http_port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("{head}\r\nHost: h\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn extensions_are_named_where_they_are_there() {
    let server = start();
    let asked = |head: &str| bytes(&server, head).rsplit_once("\r\n\r\n").unwrap().1.to_string();
    let file = r#""http.response.pathsend""#;
    assert_eq!(asked("GET /extensions HTTP/1.1"), format!(r#"["http.response.early_hint", {file}]"#));
    assert_eq!(
        asked("GET /extensions HTTP/1.1\r\nTE: gzip, Trailers"),
        format!(r#"["http.response.early_hint", {file}, "http.response.trailers"]"#)
    );
    assert_eq!(asked("GET /extensions HTTP/1.0\r\nTE: trailers"), format!("[{file}]"));
    // Its other end takes one head.
    let over_uwsgi = server.doors().into_iter().find(|door| !matches!(door, Door::Http(_))).unwrap();
    assert_eq!(over_uwsgi.get("/extensions").text(), format!("[{file}]"));
    assert_eq!(over_uwsgi.get("/hint").expect(200).text(), "body");
    assert_eq!(over_uwsgi.get("/trailers").expect(200).text(), "body");
}

#[test]
fn hints_come_before_the_answer() {
    let server = start();
    let text = bytes(&server, "GET /hint HTTP/1.1");
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nlink: </b.js>; rel=preload\r\n\r\n\
        HTTP/1.1 103 Early Hints\r\nlink: </c.png>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n";
    assert!(text.starts_with(hints) && text.ends_with("\r\n\r\nbody"), "{text}");
    assert!(bytes(&server, "GET /hint HTTP/1.0").starts_with("HTTP/1.1 200 OK\r\n"));
    let wrong = bytes(&server, "GET /wrong-hint HTTP/1.1");
    let said = r#"["TypeError", "ValueError", "RuntimeError", "RuntimeError", "RuntimeError"]"#;
    assert!(wrong.starts_with("HTTP/1.1 200") && wrong.ends_with(said), "{wrong}");
}

#[test]
fn trailers_come_behind_chunks_to_who_takes_them() {
    let server = start();
    let taken = |target: &str| bytes(&server, &format!("GET {target} HTTP/1.1\r\nTE: trailers"));
    let text = taken("/trailers");
    assert!(text.contains("\r\nTransfer-Encoding: chunked\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n4\r\nbody\r\n0\r\nx-said: \r\nx-sum: 42\r\n\r\n"), "{text}");
    assert!(taken("/trailers?pieces").ends_with("4\r\nbody\r\n0\r\nx-said: \r\nx-sum: 42\r\n\r\n"));
    let wrong = taken("/trailers?wrong");
    let said = "x-said: RuntimeError,RuntimeError,ValueError,ValueError\r\nx-sum: 42\r\n\r\n";
    assert!(wrong.ends_with(said), "{wrong}");
    assert!(
        taken("/file").ends_with("    await send(end)\n\r\n0\r\nx-sum: 42\r\n\r\n"),
        "{}",
        taken("/file")
    );
    // Nobody has asked, or there are no chunks: the body alone.
    for head in ["GET /trailers HTTP/1.1", "GET /trailers HTTP/1.0\r\nTE: trailers"] {
        let text = bytes(&server, head);
        assert!(text.contains("body") && !text.contains("x-sum"), "{head}: {text}");
    }
    assert!(!bytes(&server, "HEAD /trailers HTTP/1.1\r\nTE: trailers").contains("x-sum"));
    // One that does not come ends the connection in the middle: the client can tell.
    let none = taken("/trailers?none");
    assert!(none.ends_with("4\r\nbody\r\n"), "{none}");
    server.wait_log("/trailers?none: the application returned without its trailers");
    assert!(!server.log().contains("Traceback"), "{}", server.log());
}
