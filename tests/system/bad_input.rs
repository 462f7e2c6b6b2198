//! Bad input: one message that says what, where and what to do, an exit code of the table, nothing left on disk;
//! and on a socket an answer or a closed connection, a line in the log, and a worker that serves on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use uswgi_proto::exit::Exit;
use uswgi_tests::server::{Door, Failure};
use uswgi_tests::{Need, Request, Site, lacks, packet, paths};

/// The refusal has this code, holds these parts, and is no crash of ours.
#[track_caller]
fn refused(site: Site, code: Exit, parts: &[&str]) -> Failure {
    let failure = site.option("vacuum", "true").refused();
    check(&failure, code, parts);
    failure
}

#[track_caller]
fn check(failure: &Failure, code: Exit, parts: &[&str]) {
    assert_eq!(failure.code, Some(code.code()), "{failure:?}");
    for part in parts {
        assert!(
            failure.text.to_lowercase().contains(&part.to_lowercase()),
            "{part:?} is missing: {}",
            failure.text
        );
    }
    for never in ["panicked at", "RUST_BACKTRACE", "Os {", "Error("] {
        assert!(!failure.text.contains(never), "{}", failure.text);
    }
    assert!(failure.left.is_empty(), "left on disk: {:?}", failure.left);
}

#[test]
fn no_such_module() {
    let failure = refused(
        Site::probe().without("module").option("module", "nowhere.wsgi"),
        Exit::AppFailed,
        &["nowhere"],
    );
    assert!(failure.text.contains("No module named"), "{}", failure.text);
}

#[test]
fn no_such_callable() {
    refused(
        Site::probe().without("module").option("module", "probe:nothing"),
        Exit::AppFailed,
        &["nothing", "probe"],
    );
    refused(Site::probe().option("callable", "nothing"), Exit::AppFailed, &["nothing", "probe"]);
    refused(
        Site::probe().without("module").option("module", "probe:DIR"),
        Exit::AppFailed,
        &["DIR", "called"],
    );
}

#[test]
fn no_such_file() {
    refused(
        Site::probe().without("module").option("wsgi-file", "nowhere.py"),
        Exit::AppFailed,
        &["nowhere.py"],
    );
}

#[test]
fn an_app_that_raises_at_import() {
    let site = Site::probe().file("broken_import").without("module").option("module", "broken_import");
    let failure = refused(site, Exit::AppFailed, &["a_module_that_does_not_exist", "broken_import.py"]);
    assert_eq!(failure.text.matches("Traceback").count(), 1, "told once: {}", failure.text);
    let site = Site::probe().source("syntax.py", "def f(:\n").without("module").option("module", "syntax");
    refused(site, Exit::AppFailed, &["SyntaxError", "syntax.py"]);
    let site = Site::probe()
        .source("leaving.py", "raise SystemExit(0)\n")
        .without("module")
        .option("module", "leaving");
    refused(site, Exit::AppFailed, &["SystemExit"]);
    let site = Site::probe().option("lazy-apps", "true").option("workers", 3).file("broken_import");
    refused(
        site.without("module").option("module", "broken_import"),
        Exit::AppFailed,
        &["a_module_that_does_not_exist"],
    );
}

#[test]
fn need_app_false_serves_500() {
    let site = Site::probe().file("broken_import").without("module").option("module", "broken_import");
    let server = site.option("need-app", "false").start();
    for door in server.doors() {
        door.get("/").expect(500);
    }
}

#[test]
fn a_venv_without_the_packages_of_the_app() {
    let site = Site::new().app("flask_app").home(&paths::pythons()[0].1).both();
    refused(site, Exit::AppFailed, &["No module named", "flask"]);
}

#[test]
fn a_home_that_is_none() {
    let missing = Site::probe().without("home").option("home", "/nowhere/venv");
    refused(missing, Exit::NoInterpreter, &["/nowhere/venv"]);
    let site = Site::probe();
    let empty = site.dir.join("app").display().to_string();
    refused(site.without("home").option("home", &empty), Exit::NoInterpreter, &[&empty]);
}

#[test]
fn a_socket_in_use() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let site = Site::probe().option("socket", format!("127.0.0.1:{port}"));
    refused(site, Exit::Failed, &[&format!("127.0.0.1:{port}"), "in use"]);
    // A unix socket on which somebody listens is not taken over; a dead one is replaced.
    let first = Site::probe().start();
    let path = first.dir.join("uwsgi.sock").display().to_string();
    let site = Site::probe().without("socket").option("socket", &path);
    refused(site, Exit::Failed, &[&path, "listens"]);
    first.doors()[1].get("/hello").expect(200);
}

#[test]
fn a_socket_that_cannot_be_made() {
    let site = Site::probe().without("socket").option("socket", "/nowhere/at/all/x.sock");
    refused(site, Exit::Failed, &["/nowhere/at/all/x.sock"]);
    let site = Site::probe();
    let file = site.dir.join("plain");
    fs::write(&file, "precious").unwrap();
    let failure = refused(site.without("socket").option("socket", file.display()), Exit::Failed, &["plain"]);
    assert_eq!(fs::read_to_string(failure.dir.join("plain")).unwrap_or("precious".into()), "precious");
    let long = "x".repeat(200);
    refused(Site::probe().option("socket", format!("/tmp/{long}")), Exit::Failed, &["long"]);
    refused(Site::probe().option("socket", "127.0.0.1:99999"), Exit::Failed, &["99999"]);
    refused(Site::probe().option("socket", "203.0.113.77:9000"), Exit::Failed, &["203.0.113.77:9000"]);
    refused(Site::probe().option("socket", "unix:/tmp/x.sock"), Exit::Failed, &["unix:"]);
}

#[test]
fn no_socket_at_all() {
    refused(Site::new().app("probe").home(&paths::pythons()[0].1), Exit::Failed, &["socket"]);
}

#[test]
fn no_app_at_all() {
    refused(Site::new().home(&paths::pythons()[0].1).both(), Exit::Failed, &["module"]);
}

#[test]
fn a_pidfile_that_cannot_be_written() {
    let site = Site::probe().without("pidfile").option("pidfile", "/nowhere/at/all/x.pid");
    refused(site, Exit::Failed, &["/nowhere/at/all/x.pid"]);
}

#[test]
fn what_another_user_may_not_do() {
    if lacks(Need::Root) {
        return;
    }
    let venv = paths::public_venv();
    let run = |site: Site, code: Exit, parts: &[&str]| {
        let site = super::privileges::as_nobody(site);
        let failure = site.option("vacuum", "true").refused();
        check(&failure, code, parts);
    };
    // A port below 1024.
    let floor = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    if floor.trim().parse().unwrap_or(1024) > 81 {
        run(
            Site::probe().home(&venv).option("socket", "127.0.0.1:81"),
            Exit::Failed,
            &["127.0.0.1:81", "bind port 81", "1024"],
        );
    }
    // A folder that it cannot write.
    let locked = uswgi_tests::temp::TempDir::new();
    let path = locked.join("x.sock").display().to_string();
    run(Site::probe().home(&venv).without("socket").option("socket", &path), Exit::Failed, &[&path, "permi"]);
    let path = locked.join("x.pid").display().to_string();
    run(
        Site::probe().home(&venv).without("pidfile").option("pidfile", &path),
        Exit::Failed,
        &[&path, "permi"],
    );
    // A virtualenv that it cannot read.
    let secret = locked.join("venv");
    fs::create_dir(&secret).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o700)).unwrap();
    run(Site::probe().home(&secret), Exit::NoInterpreter, &[secret.to_str().unwrap()]);
}

#[test]
fn nonsense_values_are_named_with_their_line() {
    for (key, value) in
        [("workers", "0"), ("workers", "abc"), ("processes", "-2"), ("chmod-socket", "999"), ("listen", "-5")]
    {
        let site = Site::probe().option(key, value);
        let line = site.text().lines().position(|l| l == format!("{key} = {value}")).unwrap() + 1;
        refused(site, Exit::Failed, &[key, value, &format!("uwsgi.ini:{line}")]);
    }
    for key in ["uid", "gid"] {
        refused(
            Site::probe().option(key, "nobody-of-that-name"),
            Exit::Failed,
            &[key, "nobody-of-that-name"],
        );
    }
    // What uWSGI takes for 0 starts here too, but not in silence.
    let soft = [("threads", "x"), ("harakiri", "soon"), ("max-requests", "many"), ("limit-as", "lots")];
    let site = soft.iter().fold(Site::probe(), |site, (key, value)| site.option(key, value));
    let server = site.start();
    for (key, value) in soft {
        let said = format!("{key} = {value}");
        assert!(
            server.log().lines().any(|l| l.contains(&said) && l.contains("uwsgi.ini:")),
            "{said}: {}",
            server.log()
        );
    }
}

#[test]
fn an_option_that_does_not_exist() {
    // As on uWSGI it is only a name; but it is said, with its line and the nearest real one.
    let site = Site::probe().option("max-request", "5");
    let line = site.text().lines().position(|l| l.starts_with("max-request =")).unwrap() + 1;
    let server = site.start();
    let log = server.log();
    for part in ["max-request", "max-requests", &format!("uwsgi.ini:{line}")] {
        assert!(log.contains(part), "{part:?}: {log}");
    }
    let site = Site::probe().option("strict", "true").option("max-request", "5");
    refused(site, Exit::Failed, &["max-request", "max-requests"]);
    let site = Site::probe();
    let ini = site.ini().display().to_string();
    let failure = site.arg("--ini").arg(ini).arg("--no-such-option").refused();
    assert!(failure.code != Some(0) && failure.text.contains("no-such-option"), "{failure:?}");
}

#[test]
fn a_configuration_file_that_is_none() {
    let site = Site::probe().arg("--ini").arg("/nowhere/uwsgi.ini");
    check(&site.refused(), Exit::Usage, &["/nowhere/uwsgi.ini"]);
    for (text, parts) in [
        (&b""[..], &["[uwsgi]"][..]),
        (b"[other]\nsocket = :8000\n", &["[uwsgi]"]),
        (b"socket = :8000\n", &["[uwsgi]"]),
        (b"[uwsgi]\nsocket = \xff\xfe\n", &["UTF-8"]),
        (b"\0\0\0\0\0\0", &["[uwsgi]"]),
    ] {
        let site = Site::new();
        let ini = site.dir.join("odd.ini");
        fs::write(&ini, text).unwrap();
        let failure = site.arg("--ini").arg(ini.display()).refused();
        let shown = String::from_utf8_lossy(text).into_owned();
        assert!(failure.code.is_some_and(|c| c == 1 || c == 2), "{shown:?}: {failure:?}");
        let code = if failure.code == Some(1) { Exit::Failed } else { Exit::Usage };
        check(&failure, code, &[parts, &["odd.ini"]].concat());
    }
    let site = Site::new();
    let folder = site.dir.join("app").display().to_string();
    let failure = site.arg("--ini").arg(&folder).refused();
    check(&failure, Exit::Usage, &[&folder]);
}

// ---- on a socket

/// Send these bytes to the uwsgi door: an answer or a closed connection, never a hang; then it serves on.
fn throw(door: &Door, bytes: &[u8]) -> Vec<u8> {
    let address = match door {
        Door::Http(a) | Door::Uwsgi(a) => a,
    };
    let reply = packet::raw(address, bytes).unwrap_or_else(|e| {
        assert_ne!(
            e.kind(),
            std::io::ErrorKind::WouldBlock,
            "it hangs on {:?}",
            String::from_utf8_lossy(bytes)
        );
        Vec::new()
    });
    door.get("/hello").expect(200);
    reply
}

#[test]
fn bad_packets_cost_nothing() {
    let server = Site::probe().option("socket-timeout", 1).start();
    let door = server.doors()[1].clone();
    let pid = door.get("/pid").text();
    let good = packet::packet(&packet::vars(&Request::get("/hello")));
    for cut in [1, 3, 4, 5, 20, good.len() - 1] {
        throw(&door, &good[..cut]);
    }
    let mut odd: Vec<Vec<u8>> = vec![
        packet::with_header(0, b""),
        packet::with_header(0, b"\x00\x00"),
        packet::with_header(0, b"\x00\x00\x01\x00x"),
        packet::with_header(0, b"\x05\x00ab"),
        packet::with_header(0, b"\x01\x00a\xff\xff"),
        packet::with_header(0, b"\x01\x00a\x00\x00z"),
        packet::with_header(5, b"\x01\x00a\x00\x00"),
        packet::with_header(255, &good[4..]),
        vec![0xff; 70_000],
        vec![0; 70_000],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
    ];
    let many: Vec<(Vec<u8>, Vec<u8>)> =
        (0..5000).map(|n| (format!("K{n}").into_bytes(), b"v".to_vec())).collect();
    odd.push(packet::packet(&many));
    for bytes in &odd {
        throw(&door, bytes);
    }
    assert_eq!(door.get("/pid").text(), pid, "the same worker serves on");
}

#[test]
fn random_bytes_cost_nothing() {
    let server = Site::probe().option("socket-timeout", 1).start();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let pid = server.get("/pid").text();
    for door in server.doors() {
        for _ in 0..60 {
            let length = random() as usize % 300;
            let mut bytes: Vec<u8> = (0..length).map(|_| random() as u8).collect();
            if random().is_multiple_of(2) && bytes.len() > 4 {
                // A header that fits, so that the block itself is looked at.
                let size = (bytes.len() - 4) as u16;
                bytes[0] = 0;
                bytes[1..3].copy_from_slice(&size.to_le_bytes());
            }
            throw(&door, &bytes);
        }
    }
    assert_eq!(server.get("/pid").text(), pid);
}

#[test]
fn http_on_the_uwsgi_socket_and_the_reverse_are_told() {
    let server = Site::probe().start();
    let [http, uwsgi] = &server.doors()[..] else { panic!("two doors") };
    throw(uwsgi, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let log = server.wait_log("HTTP");
    assert!(log.contains("uwsgi"), "{log}");
    throw(http, &packet::packet(&packet::vars(&Request::get("/hello"))));
    let log = server.log();
    assert!(log.matches("uwsgi").count() > 1, "{log}");
}

#[test]
fn bad_http_heads_get_an_answer() {
    let server = Site::probe().start();
    let door = server.door();
    for (bytes, statuses) in [
        (&b"GET /hello HTTP/1.1\r\n\r\n"[..], &["400"][..]),
        (b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", &["400"]),
        (b"GET /hello HTTP/2.0\r\nHost: a\r\n\r\n", &["505", "400"]),
        (b"GET  /hello HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
        (b"GET /hello HTTP/1.1\r\nHost : a\r\n\r\n", &["400"]),
        (b"GET /hello HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", &["400"]),
        (b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", &["400"]),
        (b"GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", &["400"]),
        (b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", &["400"]),
        (b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &["400"]),
        (b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", &["400"]),
        (b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\na", &["400"]),
        (b"POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", &["501", "400"]),
        (b"nonsense\r\n\r\n", &["400"]),
    ] {
        let reply = String::from_utf8_lossy(&throw(&door, bytes)).into_owned();
        let shown = String::from_utf8_lossy(bytes).into_owned();
        assert!(statuses.iter().any(|s| reply.starts_with(&format!("HTTP/1.1 {s} "))), "{shown:?}: {reply:?}");
        assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "one answer, and no second request is seen: {reply:?}");
    }
}

#[test]
fn a_body_that_stops_short_costs_nothing() {
    let server = Site::probe().option("socket-timeout", 1).start();
    for door in server.doors() {
        let request = Request::post_pattern("/digest", 0)
            .header("Content-Length", "1000")
            .header("Connection", "close");
        let mut bytes = match &door {
            Door::Http(_) => uswgi_tests::http::head(&request),
            Door::Uwsgi(_) => {
                let mut vars = packet::vars(&request);
                for (key, value) in &mut vars {
                    if key == b"CONTENT_LENGTH" {
                        *value = b"1000".to_vec();
                    }
                }
                packet::packet(&vars)
            }
        };
        bytes.extend(b"only this");
        throw(&door, &bytes);
    }
}

#[test]
fn slow_clients_hold_no_worker() {
    // One worker, one thread: heads that are never finished and bodies that trickle must not occupy it.
    let server = Site::probe().start();
    let mut held = Vec::new();
    for door in server.doors() {
        let (address, head) = match &door {
            Door::Http(a) => (a, &b"GET /hello HTTP/1.1\r\nHost: a\r\n"[..]),
            Door::Uwsgi(a) => (a, &b"\x00\xff\x00\x00\x01\x00a"[..]),
        };
        for n in 0..50 {
            let mut stream = address.connect().unwrap();
            if n % 2 == 0 {
                std::io::Write::write_all(&mut stream, head).unwrap();
            }
            held.push(stream);
        }
        door.get("/hello").expect(200);
    }
}
