//! What clients and applications do wrong with WebSockets in every engine: each has its answer or close code, one line, and no
//! effect on others. (The messages of ASGI applications are in `websocket`.)

use uswgi_tests::until;
use uswgi_tests::websocket::{WebSocket, echoes, frame, handshake};

#[test]
fn an_upgrade_that_nobody_answers_meets_the_deadline_of_requests() {
    for (engine, site) in echoes() {
        let server = site.option("harakiri", 1).start();
        let mut other = WebSocket::open(&server.door(), "/echo");
        for door in server.doors() {
            let asked = WebSocket::ask(&door, &handshake("/never"), &frame(0x81, b"too early"));
            assert_eq!(asked.reply.status, 504, "{engine}");
        }
        other.text("still there");
        assert_eq!(other.next_text(), "still there", "{engine}");
        until("both in the log", || {
            (server.log().matches("HARAKIRI: GET /never").count() == 2).then_some(())
        });
    }
}

#[test]
fn a_violation_is_closed_alike_whoever_speaks_for_the_application() {
    for (engine, site) in echoes() {
        let server = site.option("websockets-max-size", 64).start();
        let mut other = WebSocket::open(&server.door(), "/echo");
        let mut fragments = frame(0x01, b"");
        fragments.extend(frame(0x00, b"").repeat(70_000));
        let cases = [
            ("bare", vec![0x81, 0x01, b'x'], 1002),
            ("text", frame(0x81, b"\xff"), 1007),
            ("ping", frame(0x89, &[0; 126]), 1002),
            ("announced", vec![0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4], 1009),
            ("fragments", fragments, 1008),
        ];
        for (name, bytes, code) in cases {
            let mut socket = WebSocket::open(&server.door(), &format!("/echo?{name}"));
            socket.raw(&bytes);
            assert_eq!(socket.closed(), Some(code), "{engine}: {name}");
            let line = format!("/echo?{name}: a WebSocket is closed with {code}: ");
            server.wait_log(&line);
            other.text(name);
            assert_eq!(other.next_text(), name, "{engine}");
        }
        for header in ["Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
            let mut request = handshake("/echo");
            request.headers.retain(|(name, _)| name != header);
            let status = WebSocket::ask(&server.door(), &request, b"").reply.status;
            assert_eq!(status, if header.ends_with("Key") { 400 } else { 426 }, "{engine}");
        }
        // Pings without end are answered while their client listens; whoever does not holds nobody up.
        let mut flood = WebSocket::open(&server.door(), "/echo");
        flood.raw(&frame(0x89, b"ping").repeat(20_000));
        flood.text("on");
        until("the text behind the pings", || match flood.frame() {
            Some((0x8a, _)) => None,
            said => {
                assert_eq!(said, Some((0x81, b"on".to_vec())), "{engine}");
                Some(())
            }
        });
        assert!(!server.log().contains("Traceback"), "{engine}: {}", server.log());
    }
}
