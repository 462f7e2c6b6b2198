//! `X-Forwarded-*`: believed from those who may say it, from nobody else.

use std::io::Write;
use uswgi_tests::server::Door;
use uswgi_tests::{Reply, Request, Site, http, packet};

fn scheme(door: &Door, name: &str, value: &str) -> String {
    let reply = door.ask(&Request::get("/environ").header(name, value)).expect(200);
    reply.json()["strings"]["wsgi.url_scheme"].as_str().unwrap().to_string()
}

#[test]
fn a_server_in_front_says_the_scheme() {
    // Unix socket and loopback: both are believed by default, as on uWSGI.
    let server = Site::probe().start();
    for door in server.doors() {
        for (name, value) in [
            ("X-Forwarded-Proto", "https"),
            ("x-forwarded-proto", "HTTPS"),
            ("X-Forwarded-SSL", "on"),
            ("X-Forwarded-Ssl", "1"),
        ] {
            assert_eq!(scheme(&door, name, value), "https", "{name}: {value}");
        }
        for (name, value) in [
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Proto", "ftp"),
            ("X-Forwarded-Proto", "javascript"),
            ("X-Forwarded-SSL", "off"),
            ("X-Forwarded-For", "on"),
            ("Https", "on"),
            ("Uwsgi-Scheme", "https"),
        ] {
            assert_eq!(scheme(&door, name, value), "http", "{name}: {value}");
        }
        let seen = door.ask(&Request::get("/environ").header("X-Forwarded-For", "192.0.2.7")).expect(200);
        let seen = &seen.json()["strings"];
        assert_eq!(seen["REMOTE_ADDR"].as_str(), Some("127.0.0.1"), "the address is the peer's");
        assert_eq!(seen["HTTP_X_FORWARDED_FOR"].as_str(), Some("192.0.2.7"));
    }
}

#[test]
fn of_two_schemes_the_nearest_servers_counts() {
    // A server in front that adds its field to the one of the client.
    for door in Site::probe().start().doors() {
        for name in ["X-Forwarded-Proto", "X-Forwarded-SSL"] {
            let (yes, no) = if name.ends_with("SSL") { ("on", "off") } else { ("https", "http") };
            for (values, expected) in [([yes, no], "http"), ([no, yes], "https")] {
                let request = Request::get("/environ").header(name, values[0]).header(name, values[1]);
                let seen = door.ask(&request).expect(200).json();
                assert_eq!(seen["strings"]["wsgi.url_scheme"], expected, "{name} {values:?} at {door:?}");
            }
        }
    }
}

#[test]
fn who_is_not_on_the_list_says_nothing() {
    let site = Site::probe()
        .option("log-x-forwarded-for", "true")
        .option("forwarded-allow-ips", "unix, 192.0.2.0/24");
    let server = site.start();
    let [http, uwsgi] = &server.doors()[..] else { panic!("two doors") };
    assert_eq!(scheme(uwsgi, "X-Forwarded-Proto", "https"), "https");
    for (name, value) in [("X-Forwarded-Proto", "https"), ("X-Forwarded-SSL", "on")] {
        assert_eq!(scheme(http, name, value), "http", "{name}");
    }
    http.ask(&Request::get("/hello?a").header("X-Forwarded-For", "198.51.100.1")).expect(200);
    uwsgi.ask(&Request::get("/hello?b").header("X-Forwarded-For", "198.51.100.2")).expect(200);
    let log = server.wait_log("/hello?b");
    assert!(log.contains("] 198.51.100.2 (") && !log.contains("] 198.51.100.1 ("), "{log}");
    // The variables that only a server in front can send count as before.
    let vars = |extra: (&str, &str)| {
        let mut vars = uswgi_tests::packet::vars(&Request::get("/environ"));
        vars.push((extra.0.into(), extra.1.into()));
        uswgi_tests::packet::packet(&vars)
    };
    let Door::Uwsgi(address) = uwsgi else { panic!("uwsgi") };
    for extra in [("UWSGI_SCHEME", "https"), ("HTTPS", "on"), ("HTTPS", "1")] {
        let reply = uswgi_tests::packet::raw(address, &vars(extra)).unwrap();
        assert!(String::from_utf8_lossy(&reply).contains("\"wsgi.url_scheme\": \"https\""), "{extra:?}");
    }
}

#[test]
fn everybody_and_nobody_can_be_named() {
    for (list, expected) in [("*", "https"), ("none", "http"), ("::1,127.0.0.0/8", "https")] {
        let server = Site::probe().option("forwarded-allow-ips", list).start();
        assert_eq!(scheme(&server.door(), "X-Forwarded-Proto", "https"), expected, "{list}");
    }
    let failure = Site::probe().option("forwarded-allow-ips", "10.0.0.0/8, proxy.example").refused();
    assert!(failure.code == Some(1) && failure.text.contains("proxy.example"), "{failure:?}");
}

/// What a server answers on a new connection to these bytes, and a request behind them.
fn behind(door: &Door, header: &[u8]) -> Reply {
    let (address, request) = match door {
        Door::Http(a) => (a, http::head(&Request::get("/environ").header("Connection", "close"))),
        Door::Uwsgi(a) => (a, packet::packet(&packet::vars(&Request::get("/environ")))),
    };
    let mut stream = address.connect().unwrap();
    stream.write_all(&[header, &request].concat()).unwrap();
    packet::read_reply(&mut *stream).unwrap()
}

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n";
/// The same client, in version 2.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x01\xbb";

#[test]
fn a_load_balancer_names_its_client_by_the_proxy_protocol() {
    let seen = |reply: Reply| {
        let strings = reply.expect(200).json()["strings"].clone();
        format!("{}:{}", strings["REMOTE_ADDR"].as_str().unwrap(), strings["REMOTE_PORT"].as_str().unwrap())
    };
    let server = Site::probe().option("enable-proxy-protocol", "true").start();
    let [at_http, at_uwsgi] = &server.doors()[..] else { panic!("two doors") };
    for header in [LINE, BINARY] {
        assert_eq!(seen(behind(at_http, header)), "192.0.2.7:56324");
        // What the packet says of the client counts, as ever; the header is the peer's.
        behind(at_uwsgi, header).expect(200);
    }
    assert!(seen(behind(at_http, b"")).starts_with("127.0.0.1:"));
    behind(at_http, b"PROXY TCP4 nobody 10.0.0.1 56324 443\r\n").expect(400);
    server.wait_log("the line of the PROXY protocol");

    // Who is not listed names nobody; nor does anybody where the option is not set for the socket.
    let site = Site::probe().option("http-enable-proxy-protocol", "true");
    let server = site.option("forwarded-allow-ips", "192.0.2.0/24").start();
    let [at_http, at_uwsgi] = &server.doors()[..] else { panic!("two doors") };
    for header in [LINE, BINARY] {
        behind(at_http, header).expect(400);
        let status = behind(at_uwsgi, header).status;
        assert!(matches!(status, 431 | 501), "a packet of a strange kind: {status}");
    }
    server.wait_log("forwarded-allow-ips does not list");
    assert!(seen(behind(at_http, b"")).starts_with("127.0.0.1:"));
}
