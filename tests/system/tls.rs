//! HTTPS: what applications see beside the original, names, certificates of clients, renewal, strangers, refusals.

use std::fs;
use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;
use uswgi_tests::authority::Authority;
use uswgi_tests::http::Connection;
use uswgi_tests::request::Address;
use uswgi_tests::server::Door;
use uswgi_tests::websocket::WebSocket;
use uswgi_tests::{Request, Server, Site, http, paths, process, until};

const PATIENCE: Duration = Duration::from_secs(60);

/// The variables that TLS is the reason of.
fn seen(address: &Address) -> serde_json::Value {
    let reply = http::ask(address, &Request::get("/environ?a=b")).unwrap().expect(200).json();
    let mut strings = reply["strings"].as_object().unwrap().clone();
    strings.retain(|name, _| {
        name.starts_with("HTTPS")
            || ["REMOTE_ADDR", "wsgi.url_scheme", "SERVER_PORT"].contains(&name.as_str())
    });
    strings.into()
}

fn curl(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(paths::tool("curl"));
    command.args(["-s", "--max-time", "50"]).args(args);
    let output = process::run(command, PATIENCE);
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// One instance with every kind of socket, for everything that a client may do.
#[test]
fn clients_get_what_they_would_without_it() {
    let ca = Authority::new();
    let [plain, named, client] = ["localhost", "other.example", "client"].map(|name| ca.sign(name));
    let ports: [u16; 4] = std::array::from_fn(|_| paths::free_port());
    let clients = ca.path("ca.pem");
    let at = |n: usize, rest: &str| format!("127.0.0.1:{},{plain},{rest}", ports[n]);
    let site = |site: Site| {
        let any = format!("HIGH,{}", clients.display());
        let each = format!("HIGH,!{}", clients.display());
        site.option("https", at(0, &any))
            .option("https", at(1, &each))
            .option("https-export-cert", "true")
            .option("http-to-https", format!("127.0.0.1:{}", ports[3]))
            .option("sni", format!("other.example {named}"))
    };
    drop(client);
    let without = Address::Tls(ca.client(ports[0], "localhost", None));
    let with = Address::Tls(ca.client(ports[0], "localhost", Some("client")));
    let elsewhere = Address::Port(ports[3]);
    let moved = Request::post("/x/y?z=1", "a=b").header("Host", "site.example:8080");
    let original =
        paths::original().or_else(|| Some(paths::uwsgi())).filter(|path| path.exists()).map(|_| {
            let server = site(Site::probe()).original();
            let all = (seen(&without), seen(&with), http::ask(&elsewhere, &moved).unwrap());
            drop(server);
            all
        });
    let server = site(Site::probe())
        .option("https-socket", format!("127.0.0.1:{},{plain}", ports[2]))
        .option("workers", 2)
        .start();
    let ours = (seen(&without), seen(&with));
    assert_eq!(ours.1["HTTPS_DN"], "/C=DE/CN=client");
    if let Some((without, with, reply)) = original {
        assert_eq!((&ours.0, &ours.1), (&without, &with));
        let own = http::ask(&elsewhere, &moved).unwrap();
        assert_eq!((own.status, own.header("location")), (reply.status, reply.header("location")));
    }
    a_client_without_a_certificate_is_refused_where_each_has_one(&ca, ports[1]);
    real_clients(&server, &ca, &ports);
    bodies(&Address::Tls(ca.client(ports[2], "localhost", None)));
    strangers(&server, ports[2]);
    // All of it is answered by the front or a worker of before.
    let reply = http::ask(&Address::Tls(ca.client(ports[2], "other.example", None)), &Request::get("/hello"));
    reply.unwrap().expect(200);
    let ctl = server.ctl(&["config"]);
    let config = String::from_utf8_lossy(&ctl.stdout).into_owned();
    assert!(config.contains(&format!("https = 127.0.0.1:{},{plain}", ports[2])), "{config}");
}

fn a_client_without_a_certificate_is_refused_where_each_has_one(ca: &Authority, port: u16) {
    let without = Address::Tls(ca.client(port, "localhost", None));
    assert!(http::ask(&without, &Request::get("/hello")).is_err());
    let with = Address::Tls(ca.client(port, "localhost", Some("client")));
    assert_eq!(seen(&with)["HTTPS_DN"], "/C=DE/CN=client");
}

/// curl and Python's ssl, both with OpenSSL.
fn real_clients(server: &Server, ca: &Authority, ports: &[u16; 4]) {
    let (root, address) = (ca.path("ca.pem"), format!("https://localhost:{}", ports[2]));
    let root = root.to_str().unwrap();
    let hello = format!("{address}/hello");
    for version in [&["--tlsv1.3"][..], &["--tlsv1.2", "--tls-max", "1.2"]] {
        let words = [
            version,
            &["--cacert", root, "--http2", "-w", "%{http_version} %{num_connects} ", &hello, &hello],
        ]
        .concat();
        let (code, text) = curl(&words);
        assert!(
            code == Some(0) && text.matches("1.1 1 ").count() == 1 && text.contains("1.1 0 "),
            "{code:?} {text}"
        );
    }
    // It believes no other authority, and nobody speaks anything older.
    assert_eq!(curl(&[&hello]).0, Some(60));
    assert_eq!(curl(&["--cacert", root, "--tls-max", "1.1", &hello]).0, Some(35));
    let script = format!(
        "import socket, ssl\n\
         context = ssl.create_default_context(cafile={root:?})\n\
         context.set_alpn_protocols(['h2'])\n\
         try:\n    context.wrap_socket(socket.create_connection(('127.0.0.1', {port})), server_hostname='localhost')\n\
         except ssl.SSLError: print('refused')\n\
         context = ssl.create_default_context(cafile={root:?})\n\
         with context.wrap_socket(socket.create_connection(('127.0.0.1', {port})), server_hostname='other.example') as s:\n    \
             s.sendall(b'GET /hello HTTP/1.0\\r\\n\\r\\n')\n    \
             while s.recv(4096): pass\n    \
             print(s.getpeercert()['subjectAltName'], s.unwrap() is not None)\n",
        port = ports[2]
    );
    let mut command = Command::new("python3");
    command.args(["-c", &script]);
    let text = process::good(command, PATIENCE);
    assert_eq!(text.trim(), "refused\n(('DNS', 'other.example'),) True");
    // HTTP/2 and nothing else.
    server.wait_log("peer doesn't support any known protocol");
}

/// Large ones both ways, in pieces and in one, and several requests on a connection.
fn bodies(address: &Address) {
    let mut connection = Connection::open(address).unwrap();
    let sent = Request::post_pattern("/digest", 3_000_000);
    let reply = connection.ask(&sent).unwrap().expect(200).json();
    assert_eq!(reply["size"], 3_000_000);
    assert_eq!(connection.ask(&Request::get("/stream?mb=4")).unwrap().expect(200).body.len(), 4 << 20);
    assert_eq!(connection.ask(&Request::get("/big?mb=8")).unwrap().expect(200).body.len(), 8 << 20);
    connection.ask(&Request::get("/hello")).unwrap().expect(200);
    // A client that leaves in the middle of an answer costs nobody else anything.
    let mut gone = Connection::open(address).unwrap();
    gone.send_request(&Request::get("/stream?mb=64")).unwrap();
    drop(gone);
    connection.ask(&Request::get("/hello")).unwrap().expect(200);
}

/// What is no TLS, and who says nothing.
fn strangers(server: &Server, port: u16) {
    let told = |bytes: &[u8]| {
        let mut stream = Address::Port(port).connect().unwrap();
        stream.write_all(bytes).unwrap();
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    };
    let text = told(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 400 ") && text.contains("https://"), "{text}");
    server.wait_log("plain HTTP on the port of HTTPS");
    // An alert, and the end.
    for bad in [&b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"[..], &[0; 64], b"\x16\x03\x01\xff\xff"] {
        let mut stream = Address::Port(port).connect().unwrap();
        stream.write_all(bad).unwrap();
        stream.finish_sending().unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.len() <= 7, "{bad:?} {answer:?}");
    }
}

/// A renewed certificate is served after a reload, to new connections; one that is broken changes nothing; connections of
/// before go on, whatever was renewed.
#[test]
fn a_renewed_certificate_is_served_after_a_reload() {
    let ca = Authority::new();
    let files = ca.sign("localhost");
    let port = paths::free_port();
    let server = Site::probe().option("https", format!("127.0.0.1:{port},{files}")).start();
    let client = ca.client(port, "localhost", None);
    let served = || {
        let mut stream = client.connect().unwrap();
        stream.write_all(b"GET /hello HTTP/1.0\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        stream.certificate().unwrap()
    };
    let first = served();
    let mut kept = Connection::open(&Address::Tls(client.clone())).unwrap();
    kept.ask(&Request::get("/hello")).unwrap().expect(200);
    server.reload();
    assert_eq!(server.log().matches("front (pid ").count(), 1, "nothing was renewed: {}", server.log());
    ca.sign("localhost");
    server.reload();
    let second = until("the renewed certificate", || Some(served()).filter(|now| *now != first));
    kept.ask(&Request::get("/hello")).unwrap().expect(200);
    fs::write(ca.path("localhost.key"), "broken").unwrap();
    server.reload();
    server.wait_log("localhost.key holds no private key");
    assert_eq!(served(), second);
    kept.ask(&Request::get("/hello")).unwrap().expect(200);
}

/// Workers see the end of the instance as without TLS: what runs is answered.
#[test]
fn what_runs_is_answered_at_the_end_and_a_front_that_dies_is_followed() {
    let ca = Authority::new();
    let port = paths::free_port();
    let mut server =
        Site::probe().option("https", format!("127.0.0.1:{port},{}", ca.sign("localhost"))).start();
    let address = Address::Tls(ca.client(port, "localhost", None));
    let pid = |log: &str| {
        let mut lines = log
            .lines()
            .filter_map(|line| line.split_once("front (pid "))
            .map(|(_, rest)| rest.split_once(") serves"));
        lines.rfind(Option::is_some).flatten().and_then(|(pid, _)| pid.parse::<i32>().ok())
    };
    let first = pid(&server.wait_log("front (pid ")).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first), nix::sys::signal::Signal::SIGKILL).unwrap();
    until("another front", || pid(&server.log()).filter(|pid| *pid != first));
    let door = Door::Http(address.clone());
    let running = door.ask_later(Request::get("/hold?name=last"));
    server.held("last");
    server.signal(nix::sys::signal::Signal::SIGTERM);
    server.let_go("last");
    running.join().unwrap().unwrap().expect(200);
    assert_eq!(server.wait().code(), Some(0));
    assert!(
        address
            .connect()
            .and_then(|mut s| s
                .write_all(b"GET / HTTP/1.0\r\n\r\n")
                .and_then(|()| s.read_to_end(&mut Vec::new())))
            .is_err()
    );
}

#[test]
fn websockets_and_tasks_go_through_it() {
    let ca = Authority::new();
    let port = paths::free_port();
    let site = Site::new().app("sockets").home(&paths::pythons()[0].1).both();
    let _server = site
        .option("asgi", "true")
        .option("https", format!("127.0.0.1:{port},{}", ca.sign("localhost")))
        .start();
    let door = Door::Http(Address::Tls(ca.client(port, "localhost", None)));
    let mut socket = WebSocket::open(&door, "/echo");
    for text in ["one", "two"] {
        socket.text(text);
        assert_eq!(socket.next_text(), text);
    }
    socket.binary(&vec![7; 300_000]);
    assert_eq!(socket.frame().map(|(_, bytes)| bytes.len()), Some(300_000));
    socket.close(1000);
    assert_eq!(socket.closed(), Some(1000));
}

/// What is wrong with a certificate stops the start with one sentence, and `lint` says the same.
#[test]
fn a_certificate_that_cannot_serve_stops_the_start() {
    let ca = Authority::new();
    let (good, other) = (ca.sign("localhost"), ca.sign("other"));
    let (certificate, key) = (good.split(',').next().unwrap(), other.split(',').nth(1).unwrap());
    let port = paths::free_port();
    let site = |value: String| Site::probe().option("https", format!("127.0.0.1:{port}{value}"));
    let refused = site(format!(",{certificate},{key}")).refused();
    assert!(refused.text.contains("does not belong to the certificate"), "{}", refused.text);
    assert_eq!(refused.code, Some(1));
    for (value, said) in [
        (String::new(), "names no certificate and key"),
        (format!(",{certificate},{key}"), "does not belong to the certificate"),
        (format!(",/nowhere/x.crt,{key}"), "cannot read the certificate /nowhere/x.crt"),
        (format!(",{good},RC4-SHA"), "allow none of those that are served"),
    ] {
        let site = site(value);
        let mut command = Command::new(paths::command("uswgi-conf"));
        fs::write(site.ini(), site.text()).unwrap();
        command.arg("lint").arg(site.ini());
        let output = process::run(command, PATIENCE);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(text.contains(said), "{text}");
    }
}
