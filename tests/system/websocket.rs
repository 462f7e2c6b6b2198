//! WebSockets of ASGI applications: messages, closes, what clients and applications do wrong, reloads, web servers in front.

use std::time::Duration;
use uswgi_tests::process::alive;
use uswgi_tests::proxy::Proxy;
use uswgi_tests::server::{Door, wait_file};
use uswgi_tests::websocket::{WebSocket, frame, handshake};
use uswgi_tests::{Load, Server, Site, paths, until};

fn site() -> Site {
    let site = Site::probe().home(&paths::engines()).without("module").file("sockets");
    site.option("module", "sockets").option("asgi", true)
}

fn noted(server: &Server, name: &str) -> serde_json::Value {
    serde_json::from_str(&wait_file(&server.dir.join("hold").join(name))).unwrap()
}

#[test]
fn messages_go_both_ways_over_both_protocols() {
    let server = site().start();
    for (i, door) in server.doors().iter().enumerate() {
        let request = handshake("/scope?x=1").header("Sec-WebSocket-Protocol", "chat, superchat");
        let mut socket = WebSocket::ask(door, &request, b"");
        assert_eq!(socket.reply.status, 101);
        assert_eq!(socket.reply.header("Sec-WebSocket-Protocol"), Some("superchat"));
        assert_eq!(socket.reply.header("x-from"), Some("the application"));
        assert_eq!(socket.reply.all("Upgrade"), ["websocket"]);
        let scope: serde_json::Value = serde_json::from_str(&socket.next_text()).unwrap();
        for (key, value) in [
            ("type", "'websocket'"),
            ("scheme", "'ws'"),
            ("path", "'/scope'"),
            ("query_string", "b'x=1'"),
            ("subprotocols", "['chat', 'superchat']"),
            ("asgi", "{'version': '3.0', 'spec_version': '2.4'}"),
            ("extensions", "{'websocket.http.response': {}}"),
        ] {
            assert_eq!(scope[key], value, "{key} of {scope}");
        }
        assert!(scope["method"].is_null(), "{scope}");

        let name = format!("end{i}");
        // What comes right behind the handshake is no other request.
        let mut socket = WebSocket::ask(door, &handshake(&format!("/echo?{name}")), &frame(0x81, b"behind"));
        assert_eq!(socket.next_text(), "behind");
        for n in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
            let bytes: Vec<u8> = (0..n).map(|i| (i * 7) as u8).collect();
            socket.binary(&bytes);
            assert_eq!(socket.frame(), Some((0x82, bytes)), "{n}");
        }
        // Fragments with a ping between, cut anywhere.
        let cut = [frame(0x01, b"gr\xc3"), frame(0x89, b"?"), frame(0x80, b"\xbc\xc3\x9f")].concat();
        for byte in cut {
            socket.raw(&[byte]);
        }
        assert_eq!(socket.frame(), Some((0x8a, b"?".to_vec())));
        assert_eq!(socket.next_text(), "grüß");
        socket.raw(&frame(0x88, b"\x0f\xa0bye"));
        assert_eq!(socket.closed(), Some(4000));
        let told = noted(&server, &name);
        assert_eq!((told["code"].as_u64(), told["reason"].as_str()), (Some(4000), Some("bye")));
    }
    let log = server.wait_log("GET /echo?end1");
    assert!(log.contains("(HTTP/1.1 101)"), "{log}");
    assert!(!log.contains("Traceback"), "{log}");
}

#[test]
fn a_handshake_that_cannot_be_taken_is_answered() {
    let server = site().start();
    for door in server.doors() {
        let without = |name: &str| {
            let mut request = handshake("/echo");
            request.headers.retain(|(n, _)| n != name);
            request
        };
        let key = WebSocket::ask(&door, &without("Sec-WebSocket-Key"), b"");
        assert_eq!(
            (key.reply.status, key.reply.header("Connection").is_some()),
            (400, matches!(door, Door::Http(_)))
        );
        let version = without("Sec-WebSocket-Version").header("Sec-WebSocket-Version", "8");
        let version = WebSocket::ask(&door, &version, b"");
        assert_eq!((version.reply.status, version.reply.header("Sec-WebSocket-Version")), (426, Some("13")));
        // Without these it is a request like others.
        for name in ["Upgrade", "Connection"] {
            assert!(door.ask(&without(name)).expect(200).text().starts_with("http "), "{name}");
        }
        assert_eq!(WebSocket::ask(&door, &handshake("/deny"), b"").reply.status, 403);
        let denied = WebSocket::ask(&door, &handshake("/deny-by-http"), b"");
        assert_eq!((denied.reply.status, denied.reply.header("x-why")), (401, Some("no")));
        assert_eq!(WebSocket::ask(&door, &handshake("/early"), b"").reply.status, 500);
        assert_eq!(WebSocket::ask(&door, &handshake("/fails-early"), b"").reply.status, 500);
    }
    let log = server.log();
    for part in [
        "/echo: refused with 400: a WebSocket handshake without a key",
        "/echo: refused with 426: a WebSocket handshake of another version than 13",
        "/early: the application returned without accepting or closing its WebSocket",
        "ValueError: before it accepts",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
}

/// The issue's list: each has its close code and a line, and no effect on others.
#[test]
fn every_violation_has_its_close_code_a_line_and_no_effect_on_others() {
    let server = site().option("websockets-max-size", 64).start();
    let mut other = WebSocket::open(&server.door(), "/echo");
    let mut fragments = frame(0x01, b"");
    fragments.extend(frame(0x00, b"").repeat(70_000));
    let mut large = frame(0x02, &[0; 40_000]);
    large.extend(frame(0x80, &[0; 40_000]));
    let cases: [(&str, Vec<u8>, u16); 11] = [
        ("bare", vec![0x81, 0x01, b'x'], 1002),
        ("reserved", frame(0xc1, b"x"), 1002),
        ("opcode", frame(0x83, b"x"), 1002),
        ("text", frame(0x81, b"\xff"), 1007),
        ("ping", frame(0x89, &[0; 126]), 1002),
        ("continuation", frame(0x80, b"x"), 1002),
        ("announced", vec![0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4], 1009),
        ("large", large, 1009),
        ("fragments", fragments, 1008),
        ("code", frame(0x88, &1006u16.to_be_bytes()), 1002),
        ("reason", frame(0x88, b"\x03\xe8\xff"), 1007),
    ];
    for (name, bytes, code) in cases {
        let mut socket = WebSocket::open(&server.door(), &format!("/echo?{name}"));
        socket.raw(&bytes);
        assert_eq!(socket.closed(), Some(code), "{name}");
        assert_eq!(noted(&server, name)["code"], code, "{name}");
        let line = format!("/echo?{name}: a WebSocket is closed with {code}: ");
        assert!(server.log().contains(&line), "{line}: {}", server.log());
        other.text(name);
        assert_eq!(other.next_text(), name);
    }
    // Who goes without a word.
    drop(WebSocket::open(&server.door(), "/echo?gone"));
    assert_eq!(noted(&server, "gone")["code"], 1006);
    let mut empty = WebSocket::open(&server.door(), "/echo?empty");
    empty.raw(&frame(0x88, b""));
    assert_eq!((empty.closed(), noted(&server, "empty")["code"].as_u64()), (Some(0), Some(1005)));
    let stream = server.door().sent(&handshake("/leaves?left"));
    wait_file(&server.dir.join("hold").join("left.begun"));
    drop(stream);
    assert_eq!(noted(&server, "left")["type"], "websocket.disconnect");
    // Violations in a flood are a limited number of lines.
    for _ in 0..150 {
        WebSocket::open(&server.door(), "/echo").raw(&frame(0x83, b"x"));
    }
    other.text("and on");
    assert_eq!(other.next_text(), "and on");
    let lines = server.log().matches("/echo: a WebSocket is closed with 1002").count();
    assert!(lines < 120, "{lines} lines");
}

#[test]
fn a_flood_of_pings_and_a_client_that_reads_nothing_hold_nobody_up() {
    let server = site().start();
    for door in server.doors() {
        let mut pings = WebSocket::open(&door, "/echo");
        let flood = frame(0x89, b"ping").repeat(50_000);
        pings.raw(&flood);
        pings.text("still there");
        loop {
            match pings.frame() {
                Some((0x8a, _)) => {}
                said => {
                    assert_eq!(said, Some((0x81, b"still there".to_vec())));
                    break;
                }
            }
        }
        // 64 MiB for somebody who does not read: the application waits, and gets on when he does.
        let mut reader = WebSocket::open(&door, "/flood?1024");
        let stuck = || wait_file(&server.dir.join("hold").join("flood")).parse::<u64>().unwrap();
        let mut before = u64::MAX;
        until("the application waits", || {
            for _ in 0..20 {
                door.get("/").expect(200);
            }
            let now = stuck();
            (std::mem::replace(&mut before, now) == now).then_some(())
        });
        assert!(before < 900, "{before} pieces were taken");
        for i in 0..1024 {
            let (first, payload) = reader.frame().unwrap();
            assert_eq!((first, payload.len(), payload[0]), (0x82, 65_536, (i % 256) as u8));
        }
        std::fs::remove_file(server.dir.join("hold").join("flood")).unwrap();
        // The other way round: an application that does not receive holds its client up, and loses nothing.
        let mut writer = WebSocket::open(&door, "/slow");
        wait_file(&server.dir.join("hold").join("slow.begun"));
        let go = server.dir.join("hold").join("slow.go");
        let rss = || process_rss(server.worker_pids()[0]);
        let base = rss();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..20 {
                    door.get("/").expect(200);
                }
                assert!(rss() < base + (24 << 20), "the worker keeps what nobody reads");
                std::fs::write(&go, "").unwrap();
            });
            for _ in 0..512 {
                writer.binary(&[7; 65_536]);
            }
        });
        writer.text("that was all");
        assert_eq!(writer.next_text(), (512 * 65_536).to_string());
        for name in ["slow.begun", "slow.go"] {
            std::fs::remove_file(server.dir.join("hold").join(name)).unwrap();
        }
    }
}

fn process_rss(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    text.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 4096
}

#[test]
fn a_silent_client_is_pinged_and_one_that_is_gone_is_given_up() {
    let server = site().option("websockets-ping-freq", 1).option("websockets-pong-tolerance", 1).start();
    let mut answers = WebSocket::open(&server.door(), "/echo?answers");
    let mut silent = WebSocket::open(&server.door(), "/echo?silent");
    for _ in 0..3 {
        assert_eq!(answers.frame(), Some((0x89, vec![])));
        answers.raw(&frame(0x8a, b""));
    }
    assert_eq!(silent.closed(), Some(1011));
    let told = noted(&server, "silent");
    assert_eq!((told["code"].as_u64(), told["reason"].as_str()), (Some(1006), Some("no pong in time")));
    answers.text("here");
    assert_eq!(answers.next_text(), "here");
}

#[test]
fn whatever_an_application_does_its_client_hears_the_end() {
    let server = site().option("harakiri", 2).start();
    for door in server.doors() {
        assert_eq!(WebSocket::open(&door, "/return").closed(), Some(1000));
        assert_eq!(WebSocket::open(&door, "/fails").closed(), Some(1011));
        let mut closed = WebSocket::open(&door, "/close");
        assert_eq!(closed.closed(), Some(4001));
        assert_eq!(noted(&server, "close")["code"], 4001);
        let mut wrong = WebSocket::open(&door, "/wrong");
        assert_eq!(wrong.frame(), Some((0x82, b"fine".to_vec())));
        assert_eq!(wrong.closed(), Some(4000));
        let said = noted(&server, "wrong").to_string();
        let wanted = r#"["RuntimeError","ValueError","ValueError","ValueError","taken","RuntimeError","RuntimeError","TypeError","TypeError","TypeError","taken","ValueError","taken","RuntimeError","RuntimeError"]"#;
        assert_eq!(said, wanted);
        // The deadline of requests is none of a conversation.
        let mut long = WebSocket::open(&door, "/echo");
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_secs(4) {
            long.text("on");
            assert_eq!(long.next_text(), "on");
        }
        for name in ["close", "wrong"] {
            std::fs::remove_file(server.dir.join("hold").join(name)).unwrap();
        }
    }
    assert!(server.log().contains("ValueError: after it has accepted"));
}

#[test]
fn a_reload_closes_with_1001_and_loses_nothing_else() {
    let server = site().option("workers", 2).start();
    let load = Load::start(&server.doors(), 4, "/");
    for round in 0..3 {
        let mut sockets: Vec<WebSocket> = (0..20)
            .map(|n| WebSocket::open(&server.doors()[n % 2], &format!("/echo?r{round}n{n}")))
            .collect();
        let mut pids = Vec::new();
        for socket in &mut sockets {
            socket.text("pid");
            pids.push(socket.next_text().parse::<i32>().unwrap());
        }
        std::thread::scope(|scope| {
            scope.spawn(|| server.reload());
            for socket in &mut sockets {
                scope.spawn(|| assert_eq!(socket.closed(), Some(1001)));
            }
        });
        for n in 0..sockets.len() {
            assert_eq!(noted(&server, &format!("r{round}n{n}"))["code"], 1001);
        }
        load.wait_more(20);
        until("the end of the old workers", || pids.iter().all(|pid| !alive(*pid)).then_some(()));
    }
    let seen = load.stop();
    assert!(seen.failures.is_empty() && seen.cut == 0, "{seen:?}");
}

/// What the loop calls holds the request, and the request held it.
#[test]
fn nothing_is_kept_of_what_is_over() {
    let server = site().start();
    for door in server.doors() {
        let blocks = || door.get("/blocks").expect(200).text().parse::<i64>().unwrap();
        let round = || {
            for _ in 0..400 {
                door.get("/waits").expect(200);
                let mut socket = WebSocket::open(&door, "/echo");
                socket.close(1000);
                assert_eq!(socket.closed(), Some(1000));
            }
            blocks()
        };
        round();
        let (before, after) = (round(), round());
        assert!(after < before + 400, "{before} blocks of memory, then {after}");
    }
}

#[test]
fn with_drain_they_go_on_until_they_end() {
    let server = site().option("websocket-reload", "drain").start();
    let mut socket = WebSocket::open(&server.door(), "/echo");
    socket.text("pid");
    let old: i32 = socket.next_text().parse().unwrap();
    server.reload();
    socket.text("pid");
    assert_eq!(socket.next_text(), old.to_string());
    assert!(server.get("/").text() != format!("http {old}") && alive(old));
    socket.close(1000);
    assert_eq!(socket.closed(), Some(1000));
    until("the end of the old worker", || (!alive(old)).then_some(()));
}

#[test]
fn web_servers_in_front_pass_them_on() {
    let server = site().option("chmod-socket", 666).start();
    let port = server.http_port();
    let upgrade = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;";
    let nginx = Proxy::nginx_site(&format!(
        "server {{ listen 80; location / {{ proxy_pass http://127.0.0.1:{port}; {upgrade} }} }}\n"
    ));
    let over_uwsgi = Proxy::nginx(&server, "");
    let module = "LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so";
    let apache =
        Proxy::apache_site(&format!("{module}\nProxyPass / http://127.0.0.1:{port}/ upgrade=websocket\n"));
    for (name, proxy) in [("nginx", &nginx), ("uwsgi_pass", &over_uwsgi), ("Apache", &apache)] {
        let door = Door::Http(proxy.address.clone());
        let mut socket = WebSocket::open(&door, "/echo");
        for n in [5, 70_000] {
            let bytes = vec![n as u8; n];
            socket.binary(&bytes);
            assert_eq!(socket.frame(), Some((0x82, bytes)), "{name}");
        }
        socket.close(1000);
        assert_eq!(socket.closed(), Some(1000), "{name}");
        assert_eq!(WebSocket::ask(&door, &handshake("/deny"), b"").reply.status, 403, "{name}");
        assert_eq!(proxy.get("/").status, 200);
    }
    // mod_proxy_uwsgi carries no upgrade, and says so by 101 and chunks where it is given one.
    let apache = Proxy::apache(&server);
    assert_eq!(
        WebSocket::ask(&Door::Http(apache.address.clone()), &handshake("/echo"), b"").reply.status,
        501
    );
    assert!(server.log().contains("/echo: refused with 501: Apache's mod_proxy_uwsgi carries no WebSocket"));
}
