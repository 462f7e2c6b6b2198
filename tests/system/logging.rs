//! The request line as uWSGI prints it, and what a log must never hold.

use uswgi_tests::{Request, Site, until};

#[test]
fn the_request_line_has_its_known_fields() {
    let server = Site::probe().start();
    for door in server.doors() {
        door.ask(&Request::post("/hello?mark=1", "x").header("X-Forwarded-For", "192.0.2.7")).expect(200);
        let line = until("the line", || {
            server.log().lines().rev().find(|l| l.contains("POST /hello?mark=1")).map(String::from)
        });
        // [pid: P|app: A|req: R/T] ADDR (USER) {V vars in B bytes} [ctime] METHOD URI => generated N bytes in M msecs (PROTO STATUS) ...
        for part in [
            "[pid: ",
            "|app: 0|req: ",
            "] 127.0.0.1 () {",
            " vars in ",
            "} [",
            "] POST /hello?mark=1 => generated 5 bytes in ",
            " msecs (HTTP/1.1 200) 2 headers in ",
            " bytes (",
            " switches on core 0)",
        ] {
            assert!(line.contains(part), "{part:?}: {line}");
        }
        door.get("/nowhere").expect(404);
        until("the status", || server.log().contains("/nowhere => generated 15 bytes").then_some(()));
    }
}

#[test]
fn disable_logging_keeps_errors() {
    let server = Site::probe().option("disable-logging", "true").start();
    for door in server.doors() {
        door.get("/hello").expect(200);
        let _ = door.try_ask(&Request::get("/raise_before"));
    }
    let log = server.wait_log("before start_response, on purpose");
    assert!(!log.contains("/hello"), "{log}");
}

#[test]
fn some_requests_are_logged_although_disable_logging_is_set() {
    let server = Site::probe()
        .option("disable-logging", "true")
        .option("log-4xx", "true")
        .option("log-5xx", "true")
        .start();
    for door in server.doors() {
        door.get("/hello").expect(200);
        door.get("/nowhere").expect(404);
        let _ = door.try_ask(&Request::get("/raise_before"));
    }
    server.wait_log("GET /nowhere => generated");
    let log = server.wait_log("GET /raise_before => generated");
    assert!(!log.contains("GET /hello"), "{log}");
}

#[test]
fn log_x_forwarded_for_and_log_format() {
    let server = Site::probe().option("log-x-forwarded-for", "true").start();
    server.ask(&Request::get("/hello").header("X-Forwarded-For", "192.0.2.7")).expect(200);
    server.wait_log("] 192.0.2.7 (");
    let server =
        Site::probe().option("log-format", "%(addr) %(method) %(uri) %(status) %(var.HTTP_X_A) end").start();
    server.ask(&Request::get("/hello").header("X-A", "val")).expect(200);
    server.wait_log("127.0.0.1 GET /hello 200 val end");
}

#[test]
fn a_client_cannot_forge_a_line() {
    let server = Site::probe().start();
    for door in server.doors() {
        let _ = door.try_ask(&Request::get("/hello?a=%0A[pid:%20forged"));
        let vars = vec![
            (b"REQUEST_METHOD".to_vec(), b"GET".to_vec()),
            (b"REQUEST_URI".to_vec(), b"/x\n[pid: 1|forged".to_vec()),
            (b"PATH_INFO".to_vec(), b"/hello".to_vec()),
            (b"SERVER_PROTOCOL".to_vec(), b"HTTP/1.1".to_vec()),
        ];
        if let uswgi_tests::server::Door::Uwsgi(address) = &door {
            let _ = uswgi_tests::packet::raw(address, &uswgi_tests::packet::packet(&vars));
            server.wait_log("forged");
        }
    }
    assert!(
        !server.log().lines().any(|l| l.starts_with("[pid: 1|forged") || l.starts_with("[pid: forged")),
        "{}",
        server.log()
    );
}
