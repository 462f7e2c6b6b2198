//! The same raw requests to uswgi, gunicorn, granian and nginx: what each makes of them stands here, and a difference
//! is a decision with a reason. When a line changes, somebody has changed his mind about what a request is.

use std::io::{Read, Write};
use std::time::Duration;
use uswgi_tests::process::{self, Process};
use uswgi_tests::proxy::Proxy;
use uswgi_tests::request::Address;
use uswgi_tests::temp::TempDir;
use uswgi_tests::{Site, paths, until};

struct Case {
    name: &'static str,
    request: &'static [u8],
    /// Ours, whole: for 2xx what the application saw, else the status.
    ours: &'static str,
    /// Classes of gunicorn, granian and nginx: 2, 4, 5, - for closed without an answer, w for waiting for more; one for
    /// each answer.
    others: [&'static str; 3],
}

macro_rules! cases {
    ($($name:literal, $request:literal => $ours:literal, $g:literal $r:literal $n:literal;)*) => {
        &[$(Case { name: $name, request: $request, ours: $ours, others: [$g, $r, $n] }),*]
    };
}

/// Where we are stricter than others, it is because two readings of one request are how requests are smuggled past a
/// server in front (RFC 9112 sections 3, 5 and 6 allow or demand each refusal).
#[rustfmt::skip]
const CASES: &[Case] = cases! {
    "plain", b"GET /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "GET /p 0", "2" "2" "2";
    "absolute form", b"GET http://b/p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "GET /p 0", "2" "2" "2";
    // The application may answer it; nginx's `return` has no such location.
    "OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "OPTIONS * 0", "2" "2" "4";
    "HTTP/1.0 without Host", b"GET /p HTTP/1.0\r\n\r\n"
        => "GET /p 0", "2" "2" "2";
    // RFC 9112 section 3.2 demands 400.
    "HTTP/1.1 without Host", b"GET /p HTTP/1.1\r\nConnection: close\r\n\r\n"
        => "400", "2" "2" "4";
    // As above: which one would be the site?
    "two Hosts", b"GET /p HTTP/1.1\r\nHost: b\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "4" "2" "4";
    // RFC 9110 section 7.2: no user there. Applications build links from it.
    "a Host with a user", b"GET /p HTTP/1.1\r\nHost: u@b\r\nConnection: close\r\n\r\n"
        => "400", "2" "2" "2";
    "HTTP/2.0", b"GET /p HTTP/2.0\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "505", "4" "4" "5";
    // RFC 9110 section 2.5: a higher minor version is read as ours.
    "HTTP/1.9", b"GET /p HTTP/1.9\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "GET /p 0", "2" "4" "2";
    // HTTP/0.9 has no status to say no with; we say it anyway.
    "no version", b"GET /p\r\n\r\n"
        => "400", "4" "4" "-";
    "lower-case version", b"GET /p http/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "4" "4" "4";
    // nginx forgives; a server behind that splits in another way sees another request.
    "two spaces", b"GET  /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "4" "4" "2";
    "a tab in the line", b"GET\t/p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "4" "4" "4";
    // For proxies; an application must not see it by chance.
    "CONNECT", b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "501", "2" "-" "4";
    "a method of one's own", b"BREW /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "BREW /p 0", "2" "2" "2";
    "a bad method", b"G@T /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "4" "4" "4";
    // Clients never send it; others pass it on or cut it off.
    "a fragment", b"GET /p#x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "2" "2" "2";
    // As nginx: no file and no route has it, and C code behind ends there.
    "a NUL in the path", b"GET /p%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "2" "2" "4";
    // As nginx: two readers would decode it in two ways.
    "a bad escape", b"GET /p%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "2" "2" "4";
    "dots", b"GET /a/../p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "GET /p 0", "2" "2" "2";
    "encoded dots", b"GET /a/%2e%2e/p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "GET /p 0", "2" "2" "2";
    // They stay at the root, as on uWSGI; nginx refuses.
    "dots above the root", b"GET /../p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "GET /p 0", "2" "2" "4";
    // Read as one path here and as another in front (nginx decodes, merges slashes, then resolves): refused.
    "a dot segment behind an encoded slash", b"GET /a%2F../p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "2" "2" "2";
    "dots above an encoded slash", b"GET /a%2Fb/../p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "2" "2" "2";
    "dots above two slashes", b"GET /a//../p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "2" "2" "2";
    "two slashes", b"GET //p//q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "GET //p//q 0", "2" "2" "2";
    "an empty line before", b"\r\nGET /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "GET /p 0", "2" "2" "2";
    // RFC 9112 section 2.2 asks to forgive one.
    "two empty lines before", b"\r\n\r\nGET /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "4" "2" "2";
    // RFC 9112 section 2.2 allows it, and is how heads are hidden in values. gunicorn refuses too.
    "bare LF", b"GET /p HTTP/1.1\nHost: a\nConnection: close\n\n"
        => "400", "4" "2" "2";
    "a folded header", b"GET /p HTTP/1.1\r\nX: a\r\n b\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "4" "4" "4";
    "a space before the colon", b"GET /p HTTP/1.1\r\nX : a\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "4" "4" "4";
    // nginx drops the line; then it means nothing here and something elsewhere.
    "no colon", b"GET /p HTTP/1.1\r\nX\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "4" "4" "2";
    "no name", b"GET /p HTTP/1.1\r\n: a\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "4" "4" "4";
    "a NUL in a value", b"GET /p HTTP/1.1\r\nX: a\x00b\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "4" "4" "4";
    "a CR in a value", b"GET /p HTTP/1.1\r\nX: a\rb\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "400", "4" "4" "4";
    "bytes above ASCII in a value", b"GET /p HTTP/1.1\r\nX: \xe9\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "GET /p 0", "2" "2" "2";
    "an underscore in a name", b"GET /p HTTP/1.1\r\nX_Y: a\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "GET /p 0", "2" "2" "2";
    "Content-Length", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
        => "POST /p 3", "2" "2" "2";
    // RFC 9110 section 8.6 allows to refuse; a client that says it twice is no client.
    "Content-Length twice, equal", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"
        => "400", "4" "2" "4";
    "Content-Length twice, different", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"
        => "400", "4" "4" "4";
    "Content-Length as a list", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3, 3\r\n\r\nabc"
        => "400", "4" "4" "4";
    "Content-Length with a sign", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: +3\r\n\r\nabc"
        => "400", "4" "4" "4";
    "negative Content-Length", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: -3\r\n\r\nabc"
        => "400", "4" "4" "4";
    "hexadecimal Content-Length", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0x3\r\n\r\nabc"
        => "400", "4" "4" "4";
    // gunicorn waits for them.
    "Content-Length beyond 64 bits", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 99999999999999999999\r\n\r\nabc"
        => "413", "w" "4" "4";
    "chunked", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        => "POST /p 3", "2" "2" "2";
    "chunked with extension and trailer", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n"
        => "POST /p 3", "2" "2" "2";
    // RFC 9112 section 6.1 allows to refuse: the classic of smuggling.
    "chunked and Content-Length", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        => "400", "4" "2" "4";
    // Not the framing that RFC 9112 section 6.1 knows.
    "chunked twice", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        => "400", "4" "2" "4";
    // Nobody would undo the gzip: 501 says so.
    "gzip, chunked", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        => "501", "2" "2" "5";
    "identity", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: identity\r\n\r\n"
        => "501", "4" "4" "5";
    "xchunked", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        => "501", "5" "4" "5";
    "chunked on HTTP/1.0", b"POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        => "400", "4" "4" "4";
    // gunicorn and granian let the application find out.
    "a bad chunk size", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n"
        => "400", "2" "2" "4";
    "a negative chunk size", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n"
        => "400", "2" "2" "4";
    "a chunk size with 0x", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"
        => "400", "2" "2" "4";
    "a chunk size beyond 64 bits", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n"
        => "400", "w" "2" "4";
    // As for heads.
    "bare LF in chunks", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n"
        => "400", "w" "2" "2";
    "a chunk that is longer than it says", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n"
        => "400", "2" "2" "4";
    // RFC 9110 section 10.1.1.
    "an unknown expectation", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 200-ok\r\nContent-Length: 3\r\n\r\nabc"
        => "417", "4" "2" "2";
    "100-continue", b"POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"
        => "POST /p 3", "2" "2" "2";
    "a request behind one that closes", b"GET /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "GET /p 0", "2" "2" "2";
    // gunicorn's plain worker keeps no connection.
    "two requests", b"GET /p HTTP/1.1\r\nHost: a\r\n\r\nGET /q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "GET /p 0 | GET /q 0", "2" "22" "22";
    "a body and a request", b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        => "POST /p 3 | GET /q 0", "2" "22" "22";
    "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"
        => "400", "4" "4" "4";
    "nonsense", b"nonsense\r\n\r\n"
        => "400", "4" "4" "4";
};

/// Everything that comes until the server closes. The client has said all, but it keeps its side open: half-closed
/// clients are another matter. None: it waits for more; where that is expected, a moment shows it.
fn throw(address: &Address, bytes: &[u8], waits: bool) -> Option<Vec<u8>> {
    let mut stream = address.connect().unwrap();
    let _ = stream.write_all(bytes);
    if waits {
        stream.patience(Duration::from_secs(1)).unwrap();
    }
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => None,
        _ => Some(all),
    }
}

/// Each answer: for 2xx its body, else its status.
fn answers(bytes: &[u8]) -> Vec<String> {
    let text: String = bytes.iter().map(|&b| b as char).collect();
    let mut seen = Vec::new();
    for part in text.split("HTTP/1.").skip(1) {
        let status = part.get(2..5).unwrap_or_default().to_string();
        if status.starts_with('1') {
            continue;
        }
        let body = part.split_once("\r\n\r\n").map_or("", |(_, b)| b);
        seen.push(if status.starts_with('2') { body.trim().to_string() } else { status });
    }
    seen
}

fn class(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "w".into() };
    let text: String = bytes.iter().map(|&b| b as char).collect();
    let classes: String = text
        .split("HTTP/1.")
        .skip(1)
        .filter_map(|p| p.chars().nth(2))
        .filter(|c| c.is_ascii_digit() && *c != '1')
        .collect();
    if classes.is_empty() { "-".into() } else { classes }
}

struct Peer {
    _process: Process,
    _dir: TempDir,
    address: Address,
}

fn peer(program: &str, args: &[&str]) -> Peer {
    let dir = TempDir::new();
    let port = paths::free_port();
    let mut command = process::command(paths::peers().join("bin").join(program));
    command.current_dir(paths::root().join("tests/apps")).env("PYTHONDONTWRITEBYTECODE", "1");
    for arg in args {
        command.arg(arg.replace("PORT", &port.to_string()));
    }
    let process = Process::start(command, &dir.join("log"));
    let address = Address::Port(port);
    until(&format!("{program} to serve"), || {
        let reply = throw(
            &address.connect().ok().map(|_| address.clone())?,
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            false,
        )?;
        (class(Some(&reply)) == "2").then_some(())
    });
    Peer { _process: process, _dir: dir, address }
}

#[test]
fn requests_are_read_as_others_read_them_or_for_a_reason() {
    let ours =
        Site::new().app("echo").home(&paths::pythons()[0].1).http().option("socket-timeout", 3).start();
    let gunicorn = peer("gunicorn", &["-b", "127.0.0.1:PORT", "--keep-alive", "1", "echo:application"]);
    let granian = peer(
        "granian",
        &["--interface", "wsgi", "--host", "127.0.0.1", "--port", "PORT", "--no-ws", "echo:application"],
    );
    let nginx = Proxy::nginx_site("server { listen 80; location / { return 200 \"ok\"; } }\n");
    let mut wrong = String::new();
    for case in CASES {
        let seen = throw(ours.http.as_ref().unwrap(), case.request, false);
        let seen = seen.map_or("waits".to_string(), |bytes| answers(&bytes).join(" | "));
        let ask = |(address, expected): (&Address, &str)| {
            class(throw(address, case.request, expected == "w").as_deref())
        };
        let [g, r, n] = case.others;
        let others = [(&gunicorn.address, g), (&granian.address, r), (&nginx.address, n)].map(ask);
        if seen != case.ours || others.each_ref().map(String::as_str) != case.others {
            let request = case.request.escape_ascii();
            wrong += &format!(
                "    {:?}, b\"{request}\"\n        => {seen:?}, {:?} {:?} {:?};\n",
                case.name, others[0], others[1], others[2]
            );
        }
    }
    assert!(wrong.is_empty(), "these are answered in another way now:\n{wrong}");
}
