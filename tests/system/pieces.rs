//! Small pieces behind each other may be sent together; none of them waits for the next, is lost, or changes its place.

use std::io::Read;
use std::time::{Duration, Instant};
use uswgi_tests::request::Stream;
use uswgi_tests::server::{Door, wait_file};
use uswgi_tests::{Request, Server, Site, http, packet};

/// Read until a part has come; what came.
fn read_until(stream: &mut dyn Stream, part: &str) -> Vec<u8> {
    let mut seen = Vec::new();
    while !seen.windows(part.len()).any(|w| w == part.as_bytes()) {
        let mut some = [0; 64 * 1024];
        let n = uswgi_tests::http::read_some(stream, &mut some).unwrap();
        assert!(n > 0, "closed before {part:?}: {}", String::from_utf8_lossy(&seen));
        seen.extend(&some[..n]);
    }
    seen
}

fn kind(door: &Door) -> &'static str {
    match door {
        Door::Http(_) => "http",
        Door::Uwsgi(_) => "uwsgi",
    }
}

fn numbered(n: usize) -> String {
    (0..n).map(|i| format!("{i:07}\n")).collect()
}

fn serves_on(server: &Server) {
    for door in server.doors() {
        door.get("/hello").expect(200);
    }
}

#[test]
fn quick_pieces_arrive_whole_and_in_order() {
    for threads in [1, 3] {
        let server = Site::probe().option("threads", threads).start();
        for door in server.doors() {
            for (n, by) in
                [(0, ""), (1, ""), (2, ""), (64, ""), (20_000, ""), (64, "write"), (20_000, "write")]
            {
                let target = format!("/burst?n={n}&by={by}");
                // Several at once: what one thread puts together is nobody else's.
                let asked: Vec<_> = (0..4).map(|_| door.ask_later(Request::get(&target))).collect();
                for reply in asked {
                    let reply = reply.join().unwrap().unwrap().expect(200);
                    assert_eq!(reply.text(), numbered(n), "{target} {}", kind(&door));
                }
            }
        }
    }
}

#[test]
fn framing_is_right_in_every_version_of_http() {
    let server = Site::probe().start();
    let Some(Door::Http(address)) = server.doors().into_iter().find(|d| matches!(d, Door::Http(_))) else {
        panic!("no HTTP door")
    };
    // HTTP/1.0: no chunks, the end of the connection is the end of the body.
    let reply = packet::raw(&address, b"GET /burst?n=300 HTTP/1.0\r\nHost: a\r\n\r\n").unwrap();
    let reply = String::from_utf8(reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("chunked"), "{head}");
    assert_eq!(body, numbered(300));
    // A length that was announced, given exactly, and exceeded. All on one connection.
    let mut connection = http::Connection::open(&address).unwrap();
    for (length, expected) in [(800, 800), (804, 804), (8, 8)] {
        let reply =
            connection.ask(&Request::get(&format!("/burst?n=101&length={length}"))).unwrap().expect(200);
        assert_eq!(reply.text(), numbered(101)[..expected]);
    }
    assert_eq!(connection.ask(&Request::new("HEAD", "/burst?n=64")).unwrap().body.len(), 0);
    assert_eq!(connection.ask(&Request::get("/burst?n=64")).unwrap().text(), numbered(64));
}

#[test]
fn the_last_quick_piece_does_not_wait_for_the_next() {
    for threads in [1, 2] {
        let server = Site::probe().option("threads", threads).start();
        for door in server.doors() {
            for by in ["", "write"] {
                let name = format!("last-{}-{by}", kind(&door));
                let request = Request::get(&format!("/burst?n=50&then=hold&name={name}&by={by}"));
                let mut stream = door.sent(&request.header("Connection", "close"));
                server.held(&name);
                let since = Instant::now();
                let seen = read_until(&mut *stream, "0000049\n");
                // A few milliseconds; the rest is for a machine with other things to do.
                assert!(since.elapsed() < Duration::from_secs(1), "{name}: {:?}", since.elapsed());
                assert!(!String::from_utf8_lossy(&seen).contains("behind"));
                server.let_go(&name);
                let mut rest = String::new();
                stream.read_to_string(&mut rest).unwrap();
                assert!(rest.contains("behind"), "{name}: {rest:?}");
            }
        }
        serves_on(&server);
    }
}

#[test]
fn each_slow_piece_arrives_before_the_next_is_made() {
    let server = Site::probe().start();
    for door in server.doors() {
        let name = format!("paced-{}", kind(&door));
        let request = Request::get(&format!("/paced?n=6&name={name}")).header("Connection", "close");
        let mut stream = door.sent(&request);
        for n in 0..6 {
            // Each is a pair: one piece, and one right behind it.
            read_until(&mut *stream, &format!("second {n}\n"));
            server.let_go(&format!("{name}{n}"));
        }
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
}

#[test]
fn what_a_full_socket_did_not_take_goes_on_while_the_app_is_busy() {
    let server = Site::probe().start();
    for door in server.doors() {
        let name = format!("full-{}", kind(&door));
        // More than a unix socket holds, less than may wait in the server.
        let request = Request::get(&format!("/burst?n=10&times=8192&then=hold&name={name}"));
        let mut stream = door.sent(&request.header("Connection", "close"));
        server.held(&name);
        let seen = read_until(&mut *stream, &"0000009\n".repeat(8192));
        assert!(seen.len() > 10 * 64 * 1024);
        server.let_go(&name);
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("behind"), "{rest:?}");
    }
}

#[test]
fn close_is_called_when_the_client_leaves_between_quick_pieces() {
    let server = Site::probe().start();
    for door in server.doors() {
        let note = format!("gone-{}", kind(&door));
        let mut stream = door.sent(&Request::get(&format!("/burst?n=1000000000&note={note}")));
        read_until(&mut *stream, "0000100\n");
        drop(stream);
        assert_eq!(wait_file(&server.dir.join("hold").join(&note)), "closed\n");
        // It left while the application was busy: seen with the next piece.
        let name = format!("busy-{}", kind(&door));
        let request = Request::get(&format!("/burst?n=50&then=endless&name={name}&note={name}"));
        let mut stream = door.sent(&request);
        read_until(&mut *stream, "0000049\n");
        server.held(&name);
        drop(stream);
        server.let_go(&name);
        assert_eq!(wait_file(&server.dir.join("hold").join(&name)), "closed\n");
    }
    serves_on(&server);
}

#[test]
fn pieces_before_an_error_go_out_and_then_the_connection_is_cut() {
    let server = Site::probe().start();
    for door in server.doors() {
        let mut stream = door.sent(&Request::get("/burst?n=50&then=raise"));
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let all = String::from_utf8(all).unwrap();
        assert!(all.contains("0000049\n"), "{all}");
        assert!(!all.ends_with("0\r\n\r\n"), "it must not look complete: {all}");
    }
    server.wait_log("behind the pieces, on purpose");
    serves_on(&server);
}

#[test]
fn harakiri_behind_quick_pieces_cuts_the_connection() {
    for threads in [1, 2] {
        let server = Site::probe().option("harakiri", 1).option("threads", threads).start();
        for door in server.doors() {
            let mut stream = door.sent(&Request::get("/burst?n=50&then=sleep"));
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            let all = String::from_utf8(all).unwrap();
            assert!(all.contains("0000049\n"), "{all}");
            assert!(!all.ends_with("0\r\n\r\n") && !all.contains("504"), "{all}");
        }
        server.wait_log("its answer had begun and is cut");
        serves_on(&server);
    }
}
