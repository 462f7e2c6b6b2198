//! SCGI: byte by byte, from nginx and from lighttpd; and lighttpd with the uwsgi protocol.

use std::io::{Read, Write};
use uswgi_tests::proxy::{Behind, Lighttpd, Proxy};
use uswgi_tests::request::Address;
use uswgi_tests::{Request, Server, Site, paths};

/// A site that listens for SCGI too, and where.
fn scgi(option: &str) -> (Server, u16) {
    let port = paths::free_port();
    (Site::probe().option(option, format!("127.0.0.1:{port}")).start(), port)
}

fn head(vars: &[(&str, &str)]) -> Vec<u8> {
    let block: String = vars.iter().map(|(n, v)| format!("{n}\0{v}\0")).collect();
    format!("{}:{block},", block.len()).into_bytes()
}

/// Everything that comes back.
fn answer(port: u16, bytes: &[u8]) -> String {
    let mut stream = Address::Port(port).connect().unwrap();
    stream.write_all(bytes).unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn requests_are_answered_as_the_original_does() {
    let vars = [
        ("CONTENT_LENGTH", "3"),
        ("SCGI", "1"),
        ("REQUEST_METHOD", "POST"),
        ("REQUEST_URI", "/digest"),
        ("PATH_INFO", "/digest"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
    ];
    for (option, line) in [("scgi-socket", "Status: 200 OK\r\n"), ("scgi-nph-socket", "HTTP/1.1 200 OK\r\n")]
    {
        let (server, port) = scgi(option);
        let said = answer(port, &[&head(&vars)[..], b"abc"].concat());
        assert!(said.starts_with(line) && said.contains("\"size\": 3"), "{option}: {said}");
        let refused = line.replace("200 OK", "400 Bad Request");
        for bad in [&b"GET / HTTP/1.1\r\n"[..], b"10:abc\0defg\0\0X", b"0:,", b"4:A\0\0\0X"] {
            let said = answer(port, bad);
            assert!(said.starts_with(&refused), "{option} {bad:?}: {said}");
        }
        server.wait_log("SCGI");
        let ctl = server.ctl(&["config"]);
        let config = String::from_utf8_lossy(&ctl.stdout).into_owned();
        assert!(config.contains(&format!("{option} = 127.0.0.1:{port}")), "{config}");
    }
}

#[test]
fn servers_in_front_speak_it() {
    let (server, port) = scgi("scgi-socket");
    let nginx = Proxy::nginx_site(&format!(
        "server {{ listen 80; access_log off; client_max_body_size 0;\n\
         location / {{ include /etc/nginx/scgi_params; scgi_param PATH_INFO $document_uri; scgi_pass 127.0.0.1:{port}; }} }}\n"
    ));
    let lighttpd = Proxy::lighttpd(&Lighttpd { port, behind: Behind::Scgi, fix_root: true });
    let body = "x".repeat(300_000);
    for proxy in [&nginx, &lighttpd] {
        let seen = proxy.get("/environ?a=b%20c").expect(200).json()["strings"].clone();
        let of = |name: &str| seen[name].as_str().unwrap_or_default().to_string();
        assert_eq!(
            (of("PATH_INFO"), of("QUERY_STRING"), of("SCRIPT_NAME")),
            ("/environ".into(), "a=b%20c".into(), "".into())
        );
        assert_eq!((of("REMOTE_ADDR"), of("SCGI")), ("127.0.0.1".into(), "1".into()));
        assert_eq!(proxy.ask(&Request::post("/digest", body.clone())).expect(200).json()["size"], 300_000);
        assert!(proxy.ask(&Request::new("HEAD", "/hello")).expect(200).body.is_empty());
        proxy.get("/no/such/path").expect(404);
    }
    drop(server);
}

/// Without `fix-root-scriptname` the first segment of a path becomes SCRIPT_NAME, so that every other route is wrong.
#[test]
fn lighttpd_speaks_uwsgi_by_its_scgi() {
    let port = paths::free_port();
    let server = Site::probe().option("socket", format!("127.0.0.1:{port}")).option("workers", 2).start();
    let seen = |proxy: &Proxy, target: &str| {
        let strings = proxy.get(target).expect(200).json()["strings"].clone();
        let of = |name: &str| strings[name].as_str().unwrap_or_default().to_string();
        (of("SCRIPT_NAME"), of("PATH_INFO"))
    };
    let good = Proxy::lighttpd(&Lighttpd { port, behind: Behind::Uwsgi, fix_root: true });
    assert_eq!(seen(&good, "/environ"), ("".into(), "/environ".into()));
    good.get("/other/environ").expect(404);
    let wrong = Proxy::lighttpd(&Lighttpd { port, behind: Behind::Uwsgi, fix_root: false });
    // A mapping of one prefix looks the same.
    let said = || server.log().matches("fix-root-scriptname").count();
    for _ in 0..2 {
        assert_eq!(seen(&wrong, "/other/environ"), ("/other".into(), "/environ".into()));
    }
    assert_eq!(said(), 0);
    for n in 0..8 {
        wrong.get(&format!("/another{n}/environ")).expect(200);
        assert_eq!(said(), 1);
    }
}
