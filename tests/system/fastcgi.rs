//! FastCGI: from nginx, from Apache and from lighttpd, and byte by byte beside the original.

use std::io::{Read, Write};
use uswgi_tests::proxy::{Behind, Lighttpd, Proxy};
use uswgi_tests::request::Address;
use uswgi_tests::{Request, Server, Site, paths, until};

/// A site that listens for FastCGI too, and where.
fn fastcgi(option: &str) -> (Site, u16) {
    let port = paths::free_port();
    (Site::probe().option(option, format!("127.0.0.1:{port}")), port)
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let [length_1, length_0] = (content.len() as u16).to_be_bytes();
    [&[1, kind, 0, 1, length_1, length_0, 0, 0], content].concat()
}

/// A request as one connection after another sends it.
fn request(vars: &[(&str, &str)], body: &[u8], keep: bool) -> Vec<u8> {
    let pairs: Vec<u8> = vars
        .iter()
        .flat_map(|(n, v)| [&[n.len() as u8, v.len() as u8], n.as_bytes(), v.as_bytes()].concat())
        .collect();
    let begin = record(1, &[0, 1, u8::from(keep), 0, 0, 0, 0, 0]);
    [
        begin,
        record(4, &pairs),
        record(4, b""),
        record(5, body),
        if body.is_empty() { Vec::new() } else { record(5, b"") },
    ]
    .concat()
}

/// The records of one answer: what its output is, and how its request ended.
fn answer(stream: &mut impl Read) -> (String, Vec<u8>) {
    let (mut text, mut header) = (Vec::new(), [0; 8]);
    loop {
        stream.read_exact(&mut header).unwrap();
        let mut content =
            vec![0; usize::from(u16::from_be_bytes([header[4], header[5]])) + usize::from(header[6])];
        stream.read_exact(&mut content).unwrap();
        content.truncate(content.len() - usize::from(header[6]));
        match header[1] {
            6 => text.extend(content),
            3 => return (String::from_utf8_lossy(&text).into_owned(), content),
            7 => {}
            other => panic!("a record of type {other}"),
        }
    }
}

const VARS: [(&str, &str); 5] = [
    ("CONTENT_LENGTH", "3"),
    ("REQUEST_METHOD", "POST"),
    ("REQUEST_URI", "/digest"),
    ("PATH_INFO", "/digest"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
];

#[test]
fn requests_are_answered_as_the_original_does() {
    for (option, line) in
        [("fastcgi-socket", "Status: 200 OK\r\n"), ("fastcgi-nph-socket", "HTTP/1.1 200 OK\r\n")]
    {
        let said = |port: u16| {
            let mut stream = until("the port", || Address::Port(port).connect().ok());
            stream.write_all(&request(&VARS, b"abc", false)).unwrap();
            answer(&mut stream)
        };
        let (site, port) = fastcgi(option);
        let original = paths::uwsgi().exists().then(|| {
            let server = site.original();
            let all = said(port);
            drop(server);
            all
        });
        let (site, port) = fastcgi(option);
        let server = site.start();
        let ours = said(port);
        assert!(ours.0.starts_with(line) && ours.0.contains("\"size\": 3"), "{option}: {}", ours.0);
        if let Some((text, end)) = original {
            assert!(text.starts_with(line), "the original's {option}: {text}");
            assert_eq!(ours.1[4..], end[4..], "how the request ended");
        }
        kept_and_broken(port);
        let ctl = server.ctl(&["config"]);
        let config = String::from_utf8_lossy(&ctl.stdout).into_owned();
        assert!(config.contains(&format!("{option} = 127.0.0.1:{port}")), "{config}");
    }
}

/// A connection that stays for several requests, and bytes that are none.
fn kept_and_broken(port: u16) {
    let mut stream = Address::Port(port).connect().unwrap();
    for _ in 0..3 {
        stream.write_all(&request(&VARS, b"abc", true)).unwrap();
        assert!(answer(&mut stream).0.contains("\"size\": 3"));
    }
    for bad in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[1, 9, 0], &record(5, b"x"), &request(&[("", "x")], b"", false)]
    {
        let mut stream = Address::Port(port).connect().unwrap();
        stream.write_all(bad).unwrap();
        stream.finish_sending().unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        assert!(text.is_empty(), "{bad:?} {text:?}");
    }
}

/// Each sleep ends with a client of the front, not with the first one only.
#[test]
fn every_sleep_ends_with_a_client() {
    let (site, port) = fastcgi("fastcgi-socket");
    let server = site.option("cheap", "true").option("idle", 1).start();
    for _ in 0..3 {
        until("the end of the last worker", || server.workers().is_empty().then_some(()));
        let mut stream = Address::Port(port).connect().unwrap();
        stream.write_all(&request(&VARS, b"abc", false)).unwrap();
        assert!(answer(&mut stream).0.contains("\"size\": 3"));
    }
}

#[test]
fn a_lighttpd_that_splits_paths_is_told_of() {
    let (site, port) = fastcgi("fastcgi-socket");
    let server: Server = site.option("mount", "/known=probe.py").start();
    let lighttpd = Proxy::lighttpd(&Lighttpd { port, behind: Behind::FastCgi, fix_root: false });
    for path in ["/one/environ", "/known/environ"] {
        lighttpd.get(path).expect(200);
    }
    assert!(!server.log().contains("fix-root-scriptname"), "{}", server.log());
    lighttpd.get("/two/environ").expect(200);
    server.wait_log("lighttpd sends the first segment of paths as SCRIPT_NAME (/two");
}

#[test]
fn servers_in_front_speak_it() {
    let (site, port) = fastcgi("fastcgi-socket");
    let server: Server = site.option("workers", 2).start();
    let nginx = Proxy::nginx_site(&format!(
        "upstream site {{ server 127.0.0.1:{port}; keepalive 4; }}\n\
         server {{ listen 80; access_log off; client_max_body_size 0;\n\
         location / {{ include /etc/nginx/fastcgi_params; fastcgi_param PATH_INFO $document_uri; fastcgi_param SCRIPT_NAME \"\"; fastcgi_keep_conn on; fastcgi_pass site; }} }}\n"
    ));
    let apache = Proxy::apache_site(&format!(
        "ProxyPass / fcgi://127.0.0.1:{port}/\nProxyFCGISetEnvIf true PATH_INFO \"%{{reqenv:SCRIPT_NAME}}\"\nProxyFCGISetEnvIf true SCRIPT_NAME \"\"\n"
    ));
    let lighttpd = Proxy::lighttpd(&Lighttpd { port, behind: Behind::FastCgi, fix_root: true });
    let body = "x".repeat(300_000);
    for proxy in [&nginx, &apache, &lighttpd] {
        let seen = proxy.get("/environ?a=b%20c").expect(200).json()["strings"].clone();
        let of = |name: &str| seen[name].as_str().unwrap_or_default().to_string();
        assert_eq!(
            (of("PATH_INFO"), of("QUERY_STRING"), of("SCRIPT_NAME")),
            ("/environ".into(), "a=b%20c".into(), "".into())
        );
        assert_eq!(of("REMOTE_ADDR"), "127.0.0.1");
        assert_eq!(proxy.ask(&Request::post("/digest", body.clone())).expect(200).json()["size"], 300_000);
        assert_eq!(proxy.get("/big?mb=3").expect(200).body.len(), 3 << 20);
        assert!(proxy.ask(&Request::new("HEAD", "/hello")).expect(200).body.is_empty());
        proxy.get("/no/such/path").expect(404);
    }
    drop(server);
}
