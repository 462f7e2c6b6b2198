//! How long a client may take: silence has an end, so has a trickle, and who gets on is waited for.

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, setsockopt, socket, sockopt};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};
use uswgi_tests::http::Connection;
use uswgi_tests::request::Address;
use uswgi_tests::{Server, Site};

fn uwsgi(server: &Server) -> &Address {
    server.uwsgi.as_ref().expect("a uwsgi socket")
}

fn http(server: &Server) -> &Address {
    server.http.as_ref().expect("an HTTP socket")
}

/// When the server closes, and what it said before.
fn closed_after(address: &Address, bytes: &[u8]) -> (Duration, Vec<u8>) {
    let mut stream = address.connect().unwrap();
    stream.write_all(bytes).unwrap();
    let begin = Instant::now();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    (begin.elapsed(), all)
}

#[test]
fn every_kind_of_silence_has_an_end() {
    let server = Site::probe().option("socket-timeout", 1).option("http-keepalive", 2).start();
    let second = Duration::from_millis(900);
    for (what, text, said) in [
        ("nothing", &b""[..], ""),
        ("half a head", b"GET /hello HTTP/1.1\r\nHo", "HTTP/1.1 408 "),
        (
            "half a body",
            b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
            "HTTP/1.1 408 ",
        ),
        (
            "half a chunk",
            b"POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na",
            "HTTP/1.1 408 ",
        ),
        ("a kept connection", b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 "),
    ] {
        let (after, reply) = closed_after(http(&server), text);
        assert!(after > second && after < Duration::from_secs(20), "{what}: {after:?}");
        assert!(
            String::from_utf8_lossy(&reply).starts_with(said),
            "{what}: {}",
            String::from_utf8_lossy(&reply)
        );
    }
    for text in [&b""[..], b"\0", b"\0\x10\0\0abc"] {
        let (after, reply) = closed_after(uwsgi(&server), text);
        assert!(after > second && after < Duration::from_secs(20) && reply.is_empty(), "{text:?}: {after:?}");
    }
    // A client that takes nothing of its answer.
    let mut stream = http(&server).connect().unwrap();
    stream.write_all(b"GET /big?mb=30 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let pid: i32 = server.get("/pid").expect(200).text().parse().unwrap();
    let sockets = || {
        std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .filter(|f| {
                let link = std::fs::read_link(f.as_ref().unwrap().path()).unwrap_or_default();
                link.to_string_lossy().starts_with("socket:")
            })
            .count()
    };
    let with = sockets();
    uswgi_tests::until("the end of the answer that nobody takes", || (sockets() < with).then_some(()));
    drop(stream);
}

#[test]
fn each_protocol_has_its_own_time() {
    let server = Site::probe().option("socket-timeout", 60).option("http-timeout", 1).start();
    let mut packet = uwsgi(&server).connect().unwrap();
    // Three bytes of a ping.
    packet.write_all(&[100, 0, 0]).unwrap();
    let (after, _) = closed_after(http(&server), b"GET /hello HTTP/1.1\r\nHo");
    assert!(after < Duration::from_secs(20), "{after:?}");
    packet.write_all(&[0]).unwrap();
    let mut pong = [0; 4];
    packet.read_exact(&mut pong).unwrap();
    assert_eq!(pong, [100, 0, 0, 1]);
}

#[test]
fn who_says_nothing_does_not_wait_in_the_kernel() {
    // There a silent connection takes a place in the queue of the socket, and nobody looks at the clock for 7 s.
    let site = Site::new()
        .app("probe")
        .home(&uswgi_tests::paths::pythons()[0].1)
        .http()
        .tcp()
        .option("socket-timeout", 1);
    let server = site.option("no-defer-accept", true).start();
    for address in [http(&server), uwsgi(&server)] {
        let (after, _) = closed_after(address, b"");
        assert!(after < Duration::from_secs(6), "{address:?}: {after:?}");
    }
}

#[test]
fn without_keepalive_no_connection_is_kept() {
    let server = Site::probe().option("http-keepalive", 0).start();
    let (_, reply) = closed_after(http(&server), b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = String::from_utf8_lossy(&reply);
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.contains("\r\nConnection: close\r\n"), "{reply}");
}

#[test]
fn slow_but_steady_clients_are_served() {
    // Slower altogether than socket-timeout, never silent for so long.
    let server = Site::probe().option("socket-timeout", 2).start();
    let text = b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let mut c = Connection::open(http(&server)).unwrap();
    let begin = Instant::now();
    for piece in text.chunks(text.len() / 10) {
        c.send(piece).unwrap();
        // The pace of the client is the matter here: nothing else could be waited for.
        uswgi_tests::wait::stays(Duration::from_millis(300), || true);
    }
    assert!(begin.elapsed() > Duration::from_secs(2));
    assert_eq!(c.reply("POST").unwrap().expect(200).json()["size"], 3);
    // Spooled to disk as well, in pieces that come late.
    let server = Site::probe().option("socket-timeout", 2).option("post-buffering", 8192).start();
    let mut c = Connection::open(http(&server)).unwrap();
    c.send(b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n").unwrap();
    for _ in 0..10 {
        c.send(&[b'x'; 30_000]).unwrap();
        uswgi_tests::wait::stays(Duration::from_millis(300), || true);
        // The only thread is free all the time.
        server.get("/hello").expect(200);
    }
    assert_eq!(c.reply("POST").unwrap().expect(200).json()["size"], 300_000);
}

#[test]
fn a_slow_reader_of_a_second_answer_is_as_patiently_served_as_of_the_first() {
    let server = Site::probe().option("socket-timeout", 1).start();
    let mut stream = http(&server).connect().unwrap();
    let mut piece = vec![0; 32 * 1024];
    for slowly in [Duration::from_millis(3500), Duration::from_millis(2500)] {
        stream.write_all(b"GET /big?mb=12 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let (mut left, begin) = (12 << 20, Instant::now());
        let mut head = Some(());
        while left > 0 {
            let n = uswgi_tests::http::read_some(&mut *stream, &mut piece).unwrap();
            assert!(n > 0, "closed with {left} bytes to come");
            let before = head.take().and_then(|()| piece.windows(4).position(|w| w == b"\r\n\r\n"));
            left -= n - before.map_or(0, |at| at + 4);
            // Far below what makes the kernel ask for more, but never silent for so long.
            if begin.elapsed() < slowly {
                uswgi_tests::wait::stays(Duration::from_millis(100), || true);
            }
        }
    }
}

/// A connection that takes only a little without being read.
fn connect_narrow(address: &Address) -> std::net::TcpStream {
    let Address::Port(port) = address else { panic!("no port") };
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    setsockopt(&fd, sockopt::RcvBuf, &2048).unwrap();
    connect(fd.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, *port)).unwrap();
    fd.into()
}

#[test]
fn clients_below_the_minimum_rate_are_cut_and_a_minute_ago_does_not_count() {
    let server = Site::probe()
        .option("socket-timeout", 10)
        .option("http-keepalive", 100)
        .option("post-buffering", 4096)
        .start();
    let write_errors = || {
        let out = server.ctl(&["status", "--json"]).stdout;
        serde_json::from_slice::<serde_json::Value>(&out).unwrap()["totals"]["write_errors"].as_u64().unwrap()
    };
    // A kept connection whose first answer had to wait for it.
    let mut kept = Connection::open(http(&server)).unwrap();
    kept.send(b"GET /big?mb=12 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    uswgi_tests::wait::stays(Duration::from_millis(500), || true);
    kept.reply("GET").unwrap().expect(200);
    // 2 bytes of body a second, and 200 bytes of answer: never silent for long.
    let mut upload = http(&server).connect().unwrap();
    upload.write_all(b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").unwrap();
    let mut reader = connect_narrow(http(&server));
    reader.write_all(b"GET /big?mb=30 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let begin = Instant::now();
    let mut errors_in_time = 0;
    while begin.elapsed() < Duration::from_secs(62) {
        let _ = upload.write_all(b"x");
        let _ = reader.read(&mut [0; 100]);
        if begin.elapsed() < Duration::from_secs(25) {
            errors_in_time = write_errors();
        }
        uswgi_tests::wait::stays(Duration::from_millis(500), || true);
    }
    assert_eq!((errors_in_time, write_errors()), (0, 1));
    let mut reply = [0; 13];
    upload.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"HTTP/1.1 408 ");
    // The next request comes in two parts.
    kept.send(b"GET /hello HTTP/1.1\r\nHo").unwrap();
    uswgi_tests::wait::stays(Duration::from_millis(2500), || true);
    kept.send(b"st: a\r\n\r\n").unwrap();
    kept.reply("GET").unwrap().expect(200);
}
