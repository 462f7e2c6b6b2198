//! wsgiref.validate finds no breach of PEP 3333, whatever kind the request is of.

use uswgi_tests::{Request, Site, paths};

#[test]
fn the_validator_finds_nothing() {
    // The original passes no SCRIPT_NAME where nginx sends none.
    if paths::original().is_some() {
        return;
    }
    let site = Site::new().app("validated").home(&paths::pythons()[0].1).both();
    let server = site.option("workers", 2).option("threads", 2).start();
    for door in server.doors() {
        let mut requests = Vec::new();
        for path in ["/", "/generator", "/write", "/204", "/304", "/a%20b%2Fc/%C3%A9?q=1&q=2"] {
            requests.push(Request::get(path));
            requests.push(Request::new("HEAD", path));
            requests.push(Request::post(path, "one\ntwo\nthree and a half"));
            requests.push(Request::post(path, ""));
            requests.push(Request::post_pattern(path, 200_000));
            requests.push(Request::new("DELETE", path));
            requests.push(Request::post(path, "x").header("Content-Type", "text/plain; charset=utf-8"));
        }
        for request in &requests {
            let reply = door.ask(request);
            let expected = match request.target.as_str() {
                "/204" => 204,
                "/304" => 304,
                _ => 200,
            };
            assert_eq!(
                reply.status, expected,
                "{} {} at {door:?}: {reply:?}",
                request.method, request.target
            );
            if expected == 200 && request.method == "POST" {
                let body = request.body.as_ref().unwrap();
                assert_eq!(reply.text(), format!("{} {}", body.len(), body.sha256()));
            }
        }
    }
    let log = server.log();
    assert!(!log.contains("AssertionError") && !log.contains("WSGIWarning"), "{log}");
}
