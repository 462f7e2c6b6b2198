//! The wire: what of the uwsgi protocol and of HTTP/1.1 the other modules do not hold. Limits, framing, variables.

use std::io::Write;
use uswgi_tests::http::Connection;
use uswgi_tests::request::Address;
use uswgi_tests::server::Door;
use uswgi_tests::{Request, Server, Site, packet};

fn uwsgi(server: &Server) -> &Address {
    server.uwsgi.as_ref().expect("a uwsgi socket")
}

fn http(server: &Server) -> &Address {
    server.http.as_ref().expect("an HTTP socket")
}

/// An application that shows its environ, mounted several times.
const SHOW: &str = "import json\n\
    def named(name):\n\
    \x20   def app(e, s):\n\
    \x20       n = len(e['wsgi.input'].read())\n\
    \x20       text = json.dumps(dict({k: v for k, v in e.items() if isinstance(v, str)}, APP=name, READ=n)).encode()\n\
    \x20       s('200 OK', [('Content-Type', 'application/json'), ('Content-Length', str(len(text)))])\n\
    \x20       return [text]\n\
    \x20   return app\n\
    application, first, second = named('default'), named('first'), named('second')\n";

fn show() -> Site {
    Site::probe().without("module").source("show.py", SHOW)
}

fn json(reply: &[u8]) -> serde_json::Value {
    let at = reply
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(reply)));
    serde_json::from_slice(&reply[at + 4..])
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(reply)))
}

/// A packet of these variables and modifier1.
fn packed(modifier1: u8, vars: &[(&str, &str)]) -> Vec<u8> {
    let vars: Vec<_> = vars.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
    let mut bytes = packet::packet(&vars);
    bytes[0] = modifier1;
    bytes
}

const GET: [(&str, &str); 3] =
    [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/x"), ("SERVER_PROTOCOL", "HTTP/1.1")];

fn seen(server: &Server, modifier1: u8, more: &[(&str, &str)]) -> serde_json::Value {
    let vars: Vec<_> = GET.iter().chain(more).copied().collect();
    json(&packet::raw(uwsgi(server), &packed(modifier1, &vars)).unwrap())
}

#[test]
fn modifiers_are_served_or_refused() {
    let server = show().option("module", "show").start();
    assert_eq!(seen(&server, 0, &[("PATH_INFO", "/a")])["PATH_INFO"], "/a");
    // 30: SCRIPT_NAME was left in PATH_INFO.
    let got = seen(&server, 30, &[("SCRIPT_NAME", "/app"), ("PATH_INFO", "/app/a")]);
    assert_eq!((&got["SCRIPT_NAME"], &got["PATH_INFO"]), (&"/app".into(), &"/a".into()));
    // Whole segments of it, or none.
    for (script, path) in [("", "/app/a"), ("/app", "/application/a"), ("/", "/a"), ("/app", "/b")] {
        let got = seen(&server, 30, &[("SCRIPT_NAME", script), ("PATH_INFO", path)]);
        assert_eq!(got["PATH_INFO"], path, "behind {script:?}");
    }
    assert_eq!(packet::raw(uwsgi(&server), b"\x64\0\0\0").unwrap(), b"\x64\0\0\x01", "a ping is answered");
    for modifier1 in [5, 7, 9, 10, 14, 17, 18, 22, 26, 31, 101, 111, 255] {
        let reply = packet::raw(uwsgi(&server), &packed(modifier1, &GET)).unwrap();
        assert!(reply.starts_with(b"HTTP/1.1 501 "), "{modifier1}: {}", String::from_utf8_lossy(&reply));
    }
    server.wait_log("modifier1 255 is not served here");
    // modifier2 is nobody's business for WSGI.
    let mut bytes = packed(0, &GET);
    bytes[3] = 77;
    assert_eq!(json(&packet::raw(uwsgi(&server), &bytes).unwrap())["APP"], "default");
}

#[test]
fn no_packet_loads_code() {
    let site = show().option("module", "show");
    let evil = site.dir.join("evil.py");
    let mark = site.dir.join("hold/evil");
    std::fs::write(
        &evil,
        format!(
            "open({:?}, 'w').write('x')\ndef application(e, s):\n    s('200 OK', [])\n    return [b'{{}}']\n",
            mark.display().to_string()
        ),
    )
    .unwrap();
    std::fs::copy(&evil, site.dir.join("app/evil.py")).unwrap();
    let server = site.start();
    let (path, dir) = (evil.display().to_string(), server.dir.join("app").display().to_string());
    for (name, value) in [
        ("UWSGI_FILE", path.as_str()),
        ("UWSGI_SCRIPT", "evil"),
        ("UWSGI_MODULE", "evil"),
        ("UWSGI_CALLABLE", "evil"),
        ("UWSGI_PYHOME", &dir),
        ("UWSGI_HOME", &dir),
        ("UWSGI_CHDIR", "/"),
        ("UWSGI_APPID", "/evil"),
        ("UWSGI_SETENV", "EVIL=1"),
        ("UWSGI_POSTFILE", &path),
        ("UWSGI_TOUCH_RELOAD", &path),
        ("UWSGI_CACHE_GET", "x"),
    ] {
        let got = seen(
            &server,
            0,
            &[
                ("PATH_INFO", "/a"),
                (name, value),
                ("UWSGI_MODULE", "evil"),
                ("UWSGI_CALLABLE", "application"),
            ],
        );
        assert_eq!((&got["APP"], got.get(name)), (&"default".into(), None), "{name}");
    }
    // Nor may a packet take the server's own names.
    let got =
        seen(&server, 0, &[("wsgi.url_scheme", "javascript"), ("wsgi.input", "x"), ("uwsgi.version", "y")]);
    assert_eq!(got["wsgi.url_scheme"], "http");
    assert!(!mark.exists(), "code was loaded");
}

#[test]
fn what_nginx_apache_and_uwsgi_curl_send() {
    let server = show().option("module", "show").start();
    // nginx sends empty ones for GET, repeats repeated headers, and PATH_INFO decoded.
    let got = seen(
        &server,
        0,
        &[
            ("CONTENT_TYPE", ""),
            ("CONTENT_LENGTH", ""),
            ("PATH_INFO", "/caf\u{e9} x"),
            ("HTTP_COOKIE", "a=1"),
            ("HTTP_COOKIE", "b=2"),
            ("HTTP_X_LIST", "one"),
            ("HTTP_X_LIST", "two"),
            ("REMOTE_ADDR", "192.0.2.1"),
            ("REMOTE_ADDR", "192.0.2.2"),
        ],
    );
    assert_eq!(got["HTTP_COOKIE"], "a=1; b=2");
    assert_eq!(got["HTTP_X_LIST"], "one, two");
    assert_eq!(got["REMOTE_ADDR"], "192.0.2.2", "what is no header: the last one");
    assert_eq!((&got["PATH_INFO"], &got["READ"]), (&"/caf\u{c3}\u{a9} x".into(), &0.into()));
    // A chunked upload through nginx: a length, and the header that it had.
    let mut bytes = packed(
        0,
        &[
            ("REQUEST_METHOD", "POST"),
            ("CONTENT_LENGTH", "5"),
            ("PATH_INFO", "/"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("HTTP_TRANSFER_ENCODING", "chunked"),
        ],
    );
    bytes.extend(b"hello");
    assert_eq!(json(&packet::raw(uwsgi(&server), &bytes).unwrap())["READ"], 5);
    // mod_proxy_uwsgi: the whole CGI set.
    let got = seen(
        &server,
        0,
        &[
            ("SCRIPT_NAME", "/app"),
            ("PATH_INFO", "/x"),
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SCRIPT_FILENAME", "proxy:uwsgi://127.0.0.1/x"),
            ("CONTEXT_PREFIX", ""),
            ("SERVER_SOFTWARE", "Apache"),
            ("HTTP_AUTHORIZATION", "Basic x"),
        ],
    );
    assert_eq!((&got["SCRIPT_NAME"], &got["PATH_INFO"]), (&"/app".into(), &"/x".into()));
    assert_eq!(got["HTTP_AUTHORIZATION"], "Basic x");
    // uwsgi_curl and its like send little: no protocol, no length, no address.
    let reply =
        packet::raw(uwsgi(&server), &packed(0, &[("REQUEST_METHOD", "GET"), ("PATH_INFO", "/a")])).unwrap();
    assert!(reply.starts_with(b"HTTP/1.0 200 "), "{}", String::from_utf8_lossy(&reply));
    assert_eq!(json(&reply)["PATH_INFO"], "/a");
    // No protocol breaks the status line.
    let odd = packed(0, &[("REQUEST_METHOD", "GET"), ("PATH_INFO", "/a"), ("SERVER_PROTOCOL", "HTTP/\r\nX")]);
    assert!(packet::raw(uwsgi(&server), &odd).unwrap().starts_with(b"HTTP/1.0 200 "));
    // Lengths as uWSGI reads them: leading digits.
    for (length, read) in [("3x", 3), ("-3", 0), ("x", 0), ("0005", 5)] {
        let mut bytes =
            packed(0, &[("REQUEST_METHOD", "POST"), ("PATH_INFO", "/"), ("CONTENT_LENGTH", length)]);
        bytes.extend(b"hello");
        assert_eq!(json(&packet::raw(uwsgi(&server), &bytes).unwrap())["READ"], read, "{length}");
    }
}

#[test]
fn mounts_are_chosen_by_path_or_by_script_name() {
    let mounts = |site: Site| {
        site.option("module", "show").option("mount", "/a=show:first").option("mount", "/a/b=show:second")
    };
    let server = mounts(show()).option("manage-script-name", "true").start();
    for (path, app, script, rest) in [
        ("/", "default", "", "/"),
        ("/a", "first", "/a", ""),
        ("/a/", "first", "/a", "/"),
        ("/a/x", "first", "/a", "/x"),
        ("/ab", "default", "", "/ab"),
        ("/a/b/c", "second", "/a/b", "/c"),
        ("/a/bc", "first", "/a", "/bc"),
    ] {
        for door in server.doors() {
            let got = door.get(path).expect(200).json();
            let got = ["APP", "SCRIPT_NAME", "PATH_INFO"].map(|k| got[k].as_str().unwrap().to_string());
            assert_eq!(got, [app, script, rest], "{path} at {door:?}");
        }
    }
    // A server in front that has taken the mount point off the path.
    let got = seen(&server, 0, &[("SCRIPT_NAME", "/a"), ("PATH_INFO", "/x")]);
    assert_eq!(
        (&got["APP"], &got["SCRIPT_NAME"], &got["PATH_INFO"]),
        (&"first".into(), &"/a".into(), &"/x".into())
    );
    // Without it, SCRIPT_NAME says which.
    let server = mounts(show()).start();
    for (script, app) in [("/a", "first"), ("/a/b", "second"), ("", "default"), ("/none", "default")] {
        let got = seen(&server, 0, &[("SCRIPT_NAME", script), ("PATH_INFO", "/x")]);
        assert_eq!((&got["APP"], &got["PATH_INFO"]), (&app.into(), &"/x".into()), "{script}");
    }
    assert_eq!(server.get("/a/x").expect(200).json()["APP"], "default");
}

#[test]
fn what_no_application_owns_goes_to_the_default_one_unless_there_is_none() {
    let site = || {
        let site = show().option("mount", "/a=show:first").option("mount", "/a/b=show:second");
        site.option("manage-script-name", "true")
    };
    let server = site().start();
    for door in server.doors() {
        let got = door.get("/other").expect(200).json();
        let got = ["APP", "SCRIPT_NAME", "PATH_INFO"].map(|k| got[k].as_str().unwrap().to_string());
        assert_eq!(got, ["first", "", "/other"], "at {door:?}");
    }
    let server = site().option("no-default-app", "true").start();
    for door in server.doors() {
        door.get("/other").expect(500);
        assert_eq!(door.get("/a/b").expect(200).json()["APP"], "second");
    }
}

#[test]
fn limits_of_packets_are_exact() {
    let server = show().option("module", "show").option("buffer-size", 4096).option("max-vars", 20).start();
    let block = |size: usize| {
        // One variable fills what the others leave.
        let base = packed(0, &GET).len() - 4;
        let fill = "x".repeat(size - base - 5);
        packed(0, &[&GET[..], &[("K", &fill)]].concat())
    };
    assert_eq!(block(4096).len(), 4100);
    assert_eq!(json(&packet::raw(uwsgi(&server), &block(4096)).unwrap())["APP"], "default");
    assert!(packet::raw(uwsgi(&server), &block(4097)).unwrap().starts_with(b"HTTP/1.1 431 "));
    let many = |n: usize| {
        let names: Vec<String> = (0..n).map(|i| format!("K{i}")).collect();
        let vars: Vec<(&str, &str)> =
            GET.iter().copied().chain(names.iter().map(|n| (n.as_str(), "v"))).collect();
        packet::raw(uwsgi(&server), &packed(0, &vars)).unwrap()
    };
    // max-vars counts keys and values on uWSGI, so that 20 are said to be 40 here.
    assert_eq!(json(&many(37))["APP"], "default");
    assert!(many(38).starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&many(38)));
}

#[test]
fn http_statuses_stand_where_they_belong() {
    let server = Site::probe().option("buffer-size", 4096).option("limit-post", 100_000).start();
    let long = "x".repeat(5000);
    let chunk = format!("186a1\r\n{}\r\n0\r\n\r\n", "x".repeat(100_001));
    for (text, status) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), "414"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(600)), "431"),
        ("POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n".into(), "413"),
        (format!("POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"), "413"),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n".into(), "417"),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n".into(), "505"),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n".into(), "501"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: br, chunked\r\n\r\n".into(), "501"),
    ] {
        let mut c = Connection::open(http(&server)).unwrap();
        let _ = c.send(text.as_bytes());
        let reply = c.reply("GET").unwrap();
        assert_eq!(
            (reply.status.to_string().as_str(), reply.header("Connection")),
            (status, Some("close")),
            "{:?}",
            &text[..60.min(text.len())]
        );
        // RFC 9110 section 6.6.1.
        assert!(reply.header("Date").is_some_and(|d| d.ends_with(" GMT")), "{reply:?}");
    }
}

#[test]
fn a_streamed_body_that_goes_wrong_has_its_status() {
    // Longer than the buffer: the application runs already and gets an exception; when it leaves it at that, the
    // answer says what was wrong.
    let server = Site::probe().option("limit-post", 10_000_000).option("socket-timeout", 1).start();
    let start = format!(
        "POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n{}\r\n",
        "x".repeat(0x20000)
    );
    for (rest, status) in [("xyz\r\n", 400), ("ffffffff\r\n", 413), ("", 408)] {
        let mut c = Connection::open(http(&server)).unwrap();
        c.send(format!("{start}{rest}").as_bytes()).unwrap();
        assert_eq!(c.reply("POST").unwrap().status, status, "{rest:?}");
    }
    let mut c = Connection::open(http(&server)).unwrap();
    c.send(
        format!("POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n{}", "x".repeat(100_000))
            .as_bytes(),
    )
    .unwrap();
    assert_eq!(c.reply("POST").unwrap().status, 408);
    server.get("/hello").expect(200);
}

#[test]
fn trailers_end_a_chunked_body_and_are_no_headers() {
    let server = show().option("module", "show").start();
    let mut c = Connection::open(http(&server)).unwrap();
    for _ in 0..2 {
        c.send(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n3;ext=\"v\"\r\nabc\r\n0\r\nX-End: forged\r\nHost: evil\r\n\r\n").unwrap();
        let got = c.reply("POST").unwrap().expect(200).json();
        assert_eq!((&got["READ"], got.get("HTTP_X_END"), &got["HTTP_HOST"]), (&3.into(), None, &"a".into()));
    }
}

#[test]
fn http_over_a_unix_socket_has_the_variables_that_applications_need() {
    let site = show().option("module", "show");
    let path = site.dir.join("http.sock");
    let server = site.option("http-socket", path.display()).start();
    let mut c = Connection::open(&Address::Unix(path)).unwrap();
    // The second one takes the way of a known shape. PEP 3333: SERVER_PORT is never empty.
    for _ in 0..2 {
        let got = c.ask(&Request::get("/a")).unwrap().expect(200).json();
        assert_eq!((&got["SERVER_PORT"], &got["REMOTE_ADDR"]), (&"80".into(), &"0.0.0.0".into()));
        assert!(got["SERVER_NAME"].as_str().is_some_and(|n| !n.is_empty()));
    }
    let got = server.get("/a").expect(200).json();
    assert_eq!(got["REMOTE_ADDR"], "127.0.0.1");
    assert_ne!(got["REMOTE_PORT"], serde_json::Value::Null);
}

#[test]
fn a_whole_chunked_body_has_a_length() {
    // RFC 9112 section 7.1.3. Django, for one, reads what CONTENT_LENGTH says, and nothing without it.
    let one = |size: usize| {
        let data = "x".repeat(size);
        format!(
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n{size:x}\r\n{data}\r\n0\r\n\r\n"
        )
    };
    let about = |got: &serde_json::Value| {
        ["READ", "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"].map(|k| got[k].to_string())
    };
    let whole = |size: &str| [size.to_string(), format!("\"{size}\""), "null".into()];
    let server = show().option("module", "show").start();
    let mut c = Connection::open(http(&server)).unwrap();
    // The second one of the same shape must not see the length of the first.
    for (size, seen) in [(2, whole("3")), (40_000, whole("40001")), (2, whole("3"))] {
        c.send(one(size).as_bytes()).unwrap();
        assert_eq!(about(&c.reply("POST").unwrap().expect(200).json()), seen);
    }
    server.wait_log("POST /a");
    c.send(one(200_000).as_bytes()).unwrap();
    let got = c.reply("POST").unwrap().expect(200).json();
    assert_eq!(about(&got), ["200001", "null", "\"chunked\""], "longer than the buffer: nobody knows");
    c.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(about(&c.reply("GET").unwrap().expect(200).json()), ["0", "null", "null"]);
    let server = show().option("module", "show").option("post-buffering", 4096).start();
    let mut c = Connection::open(http(&server)).unwrap();
    c.send(one(200_000).as_bytes()).unwrap();
    assert_eq!(about(&c.reply("POST").unwrap().expect(200).json()), whole("200001"));
}

#[test]
fn an_answer_before_the_end_of_the_body_says_that_the_connection_ends() {
    let site = Site::probe();
    let files = site.dir.join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("a.txt"), "a").unwrap();
    let server = site.option("static-map", format!("/s={}", files.display())).start();
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let body = "x".repeat(100_000);
    for (what, head, rest, ends) in [
        // The client that waits for 100 learns that its body is not wanted (RFC 9110 section 10.1.1).
        (
            "an expectation",
            "POST /ignore",
            "Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n".into(),
            true,
        ),
        ("a length", "POST /ignore", "Content-Length: 100000\r\n\r\n".into(), true),
        ("chunks", "POST /ignore", format!("{chunked}186a1\r\n{body}"), true),
        ("a file", "GET /s/a.txt", "Content-Length: 100000\r\n\r\n".into(), true),
        ("a length that is read", "POST /digest", format!("Content-Length: 100000\r\n\r\n{body}"), false),
        ("chunks that are read", "POST /digest", format!("{chunked}186a0\r\n{body}\r\n0\r\n\r\n"), false),
        ("a file and chunks", "GET /s/a.txt", format!("{chunked}1\r\nx\r\n0\r\n\r\n"), false),
    ] {
        let mut c = Connection::open(http(&server)).unwrap();
        c.send(format!("{head} HTTP/1.1\r\nHost: a\r\n{rest}").as_bytes()).unwrap();
        let reply = c.reply(&head[..4]).unwrap().expect(200);
        assert_eq!(reply.header("Connection"), ends.then_some("close"), "{what}: {reply:?}");
        match ends {
            true => c.closed().unwrap(),
            false => drop(c.ask(&Request::get("/hello")).unwrap().expect(200)),
        }
    }
}

#[test]
fn an_answer_is_one_and_says_its_length_once_where_it_has_one() {
    let app = "def application(e, s):\n\
        \x20   code, *lengths = e['QUERY_STRING'].split(',')\n\
        \x20   s(code + ' X', [('Content-Length', n) for n in lengths])\n\
        \x20   return [b'hello'] if code == '200' else []\n";
    let server =
        Site::probe().without("module").source("lengths.py", app).option("module", "lengths").start();
    for (query, status, lengths) in [
        ("200,5", 200, &["5"][..]),
        ("200,5,5", 200, &["5"]),
        ("204,0", 204, &[]),
        ("204", 204, &[]),
        ("304,5", 304, &["5"]),
        // Two readers would see two answers, or none.
        ("200,5,3", 500, &["26"]),
        ("100", 500, &["26"]),
        ("101", 500, &["26"]),
    ] {
        for door in server.doors() {
            let reply = door.get(&format!("/?{query}")).expect(status);
            assert_eq!(reply.all("Content-Length"), lengths, "{query} at {door:?}");
        }
    }
}

#[test]
fn absolute_form_and_asterisk_reach_the_application() {
    let server = show().option("module", "show").start();
    let mut c = Connection::open(http(&server)).unwrap();
    c.send(b"GET http://other.example:81/a/b?c=d HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let got = c.reply("GET").unwrap().expect(200).json();
    assert_eq!(
        ["PATH_INFO", "QUERY_STRING", "HTTP_HOST"].map(|k| got[k].as_str().unwrap()),
        ["/a/b", "c=d", "other.example:81"]
    );
    c.send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let got = c.reply("OPTIONS").unwrap().expect(200).json();
    assert_eq!((&got["REQUEST_METHOD"], &got["PATH_INFO"]), (&"OPTIONS".into(), &"*".into()));
    c.send(b"GET /a HTTP/1.1\r\nHost: a\r\nX_Forged: 1\r\nX-Real: 2\r\n\r\n").unwrap();
    let got = c.reply("GET").unwrap().expect(200).json();
    assert_eq!((got.get("HTTP_X_FORGED"), &got["HTTP_X_REAL"]), (None, &"2".into()));
}

#[test]
fn spooled_uploads_leave_nothing_behind() {
    let site = Site::probe().option("post-buffering", 8192).option("socket-timeout", 1);
    let spool = site.dir.join("spool");
    std::fs::create_dir(&spool).unwrap();
    let server = site.option("env", format!("TMPDIR={}", spool.display())).start();
    let pid: i32 = server.get("/pid").expect(200).text().parse().unwrap();
    let files = || {
        std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .filter(|f| {
                std::fs::read_link(f.as_ref().unwrap().path()).unwrap_or_default().starts_with(&spool)
            })
            .count()
    };
    for door in server.doors() {
        let request = Request::post_pattern("/digest", 3 << 20);
        assert_eq!(door.ask(&request).expect(200).json()["sha256"], request.body.unwrap().sha256());
    }
    let chunked = Request::post_pattern("/digest", 3 << 20)
        .header("Transfer-Encoding", "chunked")
        .header("Connection", "close");
    assert_eq!(uswgi_tests::http::ask(http(&server), &chunked).unwrap().expect(200).json()["size"], 3 << 20);
    // A client that stops in the middle.
    let mut stream = http(&server).connect().unwrap();
    stream.write_all(b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n").unwrap();
    stream.write_all(&vec![b'x'; 500_000]).unwrap();
    uswgi_tests::until("the file of the half upload", || (files() == 1).then_some(()));
    drop(stream);
    uswgi_tests::until("no file of uploads to be open", || (files() == 0).then_some(()));
    assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 0, "no name at any time");
}

#[test]
fn without_memory_a_request_fails_and_the_worker_does_not() {
    // Bodies and answers that do not fit below limit-as: an error for them, the same worker for the next.
    let server = Site::probe().option("limit-as", 400).start();
    let pid = server.get("/pid").expect(200).text();
    for door in server.doors() {
        let reply = door.get("/memory?mb=600");
        assert_eq!(reply.status, 500, "{reply:?}");
        let reply = door.get("/big?mb=600");
        assert_eq!(reply.status, 500, "{reply:?}");
        let held: Vec<_> = (0..40)
            .map(|_| {
                let address = match &door {
                    Door::Http(a) | Door::Uwsgi(a) => a,
                };
                let mut stream = address.connect().unwrap();
                let _ =
                    stream.write_all(b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
                let _ = stream.write_all(&[b'x'; 50_000]);
                stream
            })
            .collect();
        assert_eq!(door.get("/pid").expect(200).text(), pid);
        drop(held);
    }
}

#[test]
fn errors_of_our_own_to_head_have_no_body() {
    let server = Site::probe().option("limit-post", 1000).option("harakiri", 1).start();
    let large = [("REQUEST_METHOD", "HEAD"), ("REQUEST_URI", "/x"), ("CONTENT_LENGTH", "2000")];
    let slow = [("REQUEST_METHOD", "HEAD"), ("PATH_INFO", "/sleep"), ("QUERY_STRING", "s=300")];
    for (address, request, status) in [
        (http(&server), b"HEAD /x HTTP/1.1\r\nHost : a\r\n\r\n".to_vec(), "400 Bad Request"),
        (
            http(&server),
            b"HEAD /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n".to_vec(),
            "413 Content Too Large",
        ),
        (uwsgi(&server), packed(0, &large), "413 Content Too Large"),
        (http(&server), b"HEAD /sleep?s=300 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), "504 Gateway Timeout"),
        (uwsgi(&server), packed(0, &slow), "504 Gateway Timeout"),
    ] {
        let reply = packet::raw(address, &request).unwrap();
        let text = String::from_utf8_lossy(&reply);
        assert!(text.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{text}");
        assert!(text.contains(&format!("Content-Length: {}\r\n", status.len() + 1)), "{text}");
        assert!(text.ends_with("\r\n\r\n"), "there is a body: {text}");
    }
}
