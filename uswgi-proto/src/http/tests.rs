use super::*;

fn parsed(text: &[u8]) -> Result<Head, HttpError> {
    let mut head = Head::default();
    match parse(text, &Limits::default(), &mut head)? {
        Progress::Complete => Ok(head),
        Progress::Partial => panic!("partial: {:?}", String::from_utf8_lossy(text)),
    }
}

/// The status that a head of this request line and these header lines is refused with; 0: accepted.
fn status(line: &str, headers: &str) -> u16 {
    parsed(format!("{line}\r\n{headers}\r\n").as_bytes()).map_or_else(|e| e.status(), |_| 0)
}

const GET: &str = "GET / HTTP/1.1";
const HOST: &str = "Host: a\r\n";

#[test]
fn a_head_is_taken_apart() {
    let buf =
        b"\r\nPOST /a%20b?x=1?2 HTTP/1.1\r\nHost: h:80\r\nX-A:\t v w \t\r\nEmpty:\r\ncontent-LENGTH: 12\r\n\
        Expect: 100-Continue\r\n\r\nbody";
    let head = parsed(buf).unwrap();
    let text = |s: Span| std::str::from_utf8(s.of(buf)).unwrap();
    assert_eq!((text(head.method), text(head.target)), ("POST", "/a%20b?x=1?2"));
    assert_eq!((text(head.path), text(head.query)), ("/a%20b", "x=1?2"));
    let headers: Vec<_> = head.headers.iter().map(|(n, v)| (text(*n), text(*v))).collect();
    let expected = [
        ("Host", "h:80"),
        ("X-A", "v w"),
        ("Empty", ""),
        ("content-LENGTH", "12"),
        ("Expect", "100-Continue"),
    ];
    assert_eq!(headers, expected);
    assert_eq!((head.minor, head.content_length, head.chunked), (1, Some(12), false));
    assert!(head.keep_alive && head.expect_continue);
    assert_eq!(head.host.map(text), Some("h:80"));
    assert_eq!(head.length, buf.len() - 4);
}

#[test]
fn targets_in_every_form() {
    for (line, path, query, authority) in [
        ("GET / HTTP/1.1", "/", "", None),
        ("GET /? HTTP/1.1", "/", "", None),
        ("GET //x//y HTTP/1.1", "//x//y", "", None),
        ("GET http://h:8/p?q HTTP/1.1", "/p", "q", Some("h:8")),
        ("GET HTTPS://h HTTP/1.1", "", "", Some("h")),
        ("GET http://h?q HTTP/1.1", "", "q", Some("h")),
        ("GET http://[::1]:80/ HTTP/1.1", "/", "", Some("[::1]:80")),
        ("OPTIONS * HTTP/1.1", "*", "", None),
        ("GET /\u{e9} HTTP/1.0", "/\u{e9}", "", None),
    ] {
        let buf = format!("{line}\r\n{HOST}\r\n");
        let head = parsed(buf.as_bytes()).unwrap();
        let text = |s: Span| std::str::from_utf8(s.of(buf.as_bytes())).unwrap();
        assert_eq!((text(head.path), text(head.query), head.authority.map(text)), (path, query, authority));
    }
}

#[test]
fn bad_request_lines_are_refused() {
    for (line, expected) in [
        ("GET /", 400),
        ("GET / ", 400),
        ("GET  / HTTP/1.1", 400),
        ("GET / HTTP/1.1 ", 400),
        ("GET /  HTTP/1.1", 400),
        ("GET /a b HTTP/1.1", 400),
        (" GET / HTTP/1.1", 400),
        ("G@T / HTTP/1.1", 400),
        ("GET\t/ HTTP/1.1", 400),
        ("GET /\t HTTP/1.1", 400),
        ("GET /\0 HTTP/1.1", 400),
        ("GET /\r HTTP/1.1", 400),
        ("GET /#x HTTP/1.1", 400),
        ("GET x HTTP/1.1", 400),
        ("GET * HTTP/1.1", 400),
        ("GET ftp://h/ HTTP/1.1", 400),
        ("GET http:// HTTP/1.1", 400),
        ("GET http:///x HTTP/1.1", 400),
        ("GET http://u@h/ HTTP/1.1", 400),
        ("GET / http/1.1", 400),
        ("GET / HTTP/1", 400),
        ("GET / HTTP/11", 400),
        ("GET / HTTP/1.10", 400),
        ("GET / HTTPS/1.1", 400),
        ("GET / HTTP/2.0", 505),
        ("GET / HTTP/0.9", 505),
        ("PRI * HTTP/2.0", 505),
        ("CONNECT h:80 HTTP/1.1", 501),
        ("GET / HTTP/1.9", 0),
        ("M-SEARCH / HTTP/1.1", 0),
    ] {
        assert_eq!(status(line, HOST), expected, "{line:?}");
    }
}

#[test]
fn bad_headers_are_refused() {
    for (headers, expected) in [
        ("", 400),
        ("Host: a\r\nHost: a\r\n", 400),
        ("Host: a\r\nhost:\r\n", 400),
        ("Host: a b\r\n", 400),
        ("Host: u@a\r\n", 400),
        ("Host: a/b\r\n", 400),
        ("Host: a:b\r\n", 400),
        ("Host: [::1\r\n", 400),
        ("Host: [::1]x\r\n", 400),
        ("Host:\r\n", 0),
        ("Host: [::1]:8080\r\n", 0),
        ("Host: a_b.example.:80\r\n", 0),
        ("Host: a\r\nX: 1\r\n folded\r\n", 400),
        ("Host: a\r\n\tfolded\r\n", 400),
        ("Host : a\r\n", 400),
        ("Host\t: a\r\n", 400),
        ("Host: a\r\nX\r\n", 400),
        ("Host: a\r\n: v\r\n", 400),
        ("Host: a\r\nX(: v\r\n", 400),
        ("Host: a\r\nX\u{e9}: v\r\n", 400),
        ("Host: a\r\nX\0: v\r\n", 400),
        ("Host: a\r\nX: a\0b\r\n", 400),
        ("Host: a\r\nX: a\rb\r\n", 400),
        ("Host: a\r\nX: a\r\r\n", 400),
        ("Host: a\r\nX: a\x7f\r\n", 400),
        ("Host: a\r\nX: a\tb\u{e9}\r\n", 0),
        ("Host: a\nX: b\r\n", 400),
        ("Host: a\r\nExpect: 200-ok\r\n", 417),
    ] {
        assert_eq!(status(GET, headers), expected, "{headers:?}");
    }
}

#[test]
fn host_may_be_the_path_of_a_unix_socket() {
    let result = |host: &str, path_as_host| {
        let text = format!("{GET}\r\nHost: {host}\r\n\r\n");
        let limits = Limits { path_as_host, ..Limits::default() };
        parse(text.as_bytes(), &limits, &mut Head::default()).map_err(|e| e.status())
    };
    for host in ["/", "/run/site.sock", "/var/run/a%20b/x_y.sock"] {
        assert_eq!(result(host, true), Ok(Progress::Complete), "{host}");
        assert_eq!(result(host, false), Err(400), "{host}");
    }
    for host in ["run/site.sock", "a/", "/run/<b>", "/run/a b", "/run/u@h", "/x:80"] {
        assert_eq!(result(host, true), Err(400), "{host}");
    }
    assert_eq!(result("a.example:80", true), Ok(Progress::Complete));
}

#[test]
fn framing_is_unambiguous_or_refused() {
    for (headers, expected) in [
        ("Content-Length: 0\r\n", 0),
        ("Content-Length: 18446744073709551615\r\n", 413),
        ("Content-Length: 9223372036854775807\r\n", 0),
        ("Content-Length: 9223372036854775808\r\n", 413),
        ("Content-Length: 99999999999999999999999x\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", 400),
        ("Content-Length: 5, 5\r\n", 400),
        ("Content-Length: +5\r\n", 400),
        ("Content-Length: -1\r\n", 400),
        ("Content-Length: 0x5\r\n", 400),
        ("Content-Length: 5 5\r\n", 400),
        ("Content-Length:\r\n", 400),
        ("Transfer-Encoding: chunked\r\n", 0),
        ("Transfer-Encoding: Chunked\r\n", 0),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ("Transfer-Encoding: chunked, chunked\r\n", 501),
        ("Transfer-Encoding: identity\r\n", 501),
        ("Transfer-Encoding: xchunked\r\n", 501),
        ("Transfer-Encoding:\r\n", 501),
        ("Transfer-Encoding: \x0bchunked\r\n", 400),
    ] {
        assert_eq!(status(GET, &format!("{HOST}{headers}")), expected, "{headers:?}");
    }
    assert_eq!(status("GET / HTTP/1.0", "Transfer-Encoding: chunked\r\n"), 400);
    assert_eq!(status("GET / HTTP/1.0", ""), 0);
}

#[test]
fn persistence_follows_version_and_connection() {
    for (line, headers, expected) in [
        (GET, "", true),
        (GET, "Connection: close\r\n", false),
        (GET, "Connection: keep-alive, CLOSE\r\n", false),
        (GET, "Connection: upgrade\r\nConnection: close\r\n", false),
        (GET, "Connection: closed\r\n", true),
        ("GET / HTTP/1.0", "", false),
        ("GET / HTTP/1.0", "Connection: Keep-Alive\r\n", true),
        ("GET / HTTP/1.0", "Connection: keep-alive\r\nConnection: close\r\n", false),
    ] {
        let head = parsed(format!("{line}\r\n{HOST}{headers}\r\n").as_bytes()).unwrap();
        assert_eq!(head.keep_alive, expected, "{line} {headers:?}");
    }
    // Nothing to wait for: no body, or a client that knows no interim answers.
    assert!(!parsed(b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").unwrap().expect_continue);
    let old = b"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
    assert!(!parsed(old).unwrap().expect_continue);
}

#[test]
fn empty_lines_before_a_request_are_forgiven_once() {
    assert_eq!(status(&format!("\r\n{GET}"), HOST), 0);
    assert_eq!(status(&format!("\r\n\r\n{GET}"), HOST), 400);
    assert_eq!(status(&format!("\n{GET}"), HOST), 400);
}

#[test]
fn limits_are_exact() {
    let text = format!("{GET}\r\n{HOST}A: 1\r\nB: 2\r\n\r\n");
    let fits = Limits { max_head: text.len(), max_headers: 3, max_line: GET.len(), path_as_host: false };
    let result = |text: &str, limits: Limits| {
        parse(text.as_bytes(), &limits, &mut Head::default()).map_err(|e| e.status())
    };
    assert_eq!(result(&text, fits), Ok(Progress::Complete));
    assert_eq!(result(&text, Limits { max_head: text.len() - 1, ..fits }), Err(431));
    assert_eq!(result(&text, Limits { max_headers: 2, ..fits }), Err(431));
    assert_eq!(result(&text, Limits { max_line: GET.len() - 1, ..fits }), Err(414));
    // Endless lines are refused before they end.
    let endless = format!("GET /{}", "a".repeat(100));
    assert_eq!(result(&endless, Limits { max_line: 50, ..fits }), Err(414));
    assert_eq!(result(&endless, Limits { max_line: 500, max_head: 50, ..fits }), Err(414));
    let endless = format!("{GET}\r\nX: {}", "a".repeat(100));
    assert_eq!(result(&endless, Limits { max_head: 100, ..fits }), Err(431));
}

#[test]
fn a_head_is_reused() {
    let mut head = Head::default();
    let limits = Limits::default();
    let first =
        b"POST http://h/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    assert_eq!(parse(first, &limits, &mut head), Ok(Progress::Complete));
    assert_eq!(parse(b"GET / HTTP/1.0\r\n\r\n", &limits, &mut head), Ok(Progress::Complete));
    assert_eq!(head, parsed(b"GET / HTTP/1.0\r\n\r\n").unwrap());
    assert!(parse(b"BAD\r\n", &limits, &mut head).is_err());
    assert_eq!(parse(first, &limits, &mut head), Ok(Progress::Complete));
    assert_eq!(head, parsed(first).unwrap());
    assert_eq!(parse(&first[..20], &limits, &mut head), Ok(Progress::Partial));
    head.clear();
    assert_eq!(parse(first, &limits, &mut head), Ok(Progress::Complete));
}

#[test]
fn head_is_known_before_the_head_is_whole() {
    assert!(is_head(b"HEAD / HT") && is_head(b"\r\nHEAD / HTTP/1.1\r\n\r\n"));
    assert!(
        !is_head(b"HEA") && !is_head(b"HEADS / HTTP/1.1") && !is_head(b"GET /HEAD HTTP/1.1") && !is_head(b"")
    );
}
