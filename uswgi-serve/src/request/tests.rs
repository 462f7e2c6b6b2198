use super::*;
use crate::testing::{ask, connection, packet, settings};
use proptest::prelude::*;
use uswgi_proto::settings::RequestLimits;

/// Settings with these bounds of a request.
fn limited(limits: RequestLimits) -> WorkerSettings {
    WorkerSettings { limits, ..settings() }
}

/// Feed a connection piece by piece; the step that ended it, and how many pieces were wanted.
fn feed(protocol: Protocol, settings: &WorkerSettings, pieces: &[&[u8]]) -> (Conn, Request, Need, usize) {
    let (mut conn, _client) = connection(protocol);
    let mut request = Request::default();
    for (i, piece) in pieces.iter().enumerate() {
        conn.buffer.extend_from_slice(piece);
        match examine(&mut conn, &mut request, settings) {
            Need::More => {}
            step => return (conn, request, step, i + 1),
        }
    }
    (conn, request, Need::More, pieces.len())
}

fn whole(protocol: Protocol, settings: &WorkerSettings, bytes: &[u8]) -> (Conn, Request, Need) {
    let (conn, request, step, _) = feed(protocol, settings, &[bytes]);
    (conn, request, step)
}

fn refused(step: &Need) -> (u16, &str) {
    match step {
        Need::Refuse(Refusal { status, why }) => (*status, why),
        other => panic!("{other:?}"),
    }
}

const GET: &[u8] = b"GET /a%20b?c=d HTTP/1.1\r\nHost: h\r\nX-Twice: 1\r\nX-Twice: 2\r\nX_Odd: no\r\n\r\n";

#[test]
fn a_head_is_taken_byte_by_byte() {
    let bytes: Vec<&[u8]> = GET.chunks(1).collect();
    let (mut conn, mut request, step, used) = feed(Protocol::Http, &settings(), &bytes);
    assert!(matches!(step, Need::Run), "{step:?}");
    assert_eq!((used, request.head_length, request.body), (GET.len(), GET.len(), Some(Body::None)));
    ask(&mut conn, &mut request, |x| {
        assert_eq!((x.method(), x.path(), x.uri()), (&b"GET"[..], &b"/a b"[..], &b"/a%20b?c=d"[..]));
        assert_eq!(x.variable(b"QUERY_STRING"), Some(&b"c=d"[..]));
        assert_eq!(x.variable(b"HTTP_X_TWICE"), Some(&b"1"[..]), "the first");
        assert_eq!(x.header("x-twice"), b"1, 2");
        assert_eq!(x.variable(b"HTTP_X_ODD"), None, "an underscore would be taken for a dash");
        assert_eq!((x.variable(b"HTTP_NONE"), x.header("none")), (None, Vec::new()));
        assert_eq!(x.protocol(), b"HTTP/1.1");
        assert!(!x.is_https());
    });
}

#[test]
fn scgi_says_the_same_too() {
    let block = "CONTENT_LENGTH\x003\0REQUEST_METHOD\0POST\0PATH_INFO\0/p\0HTTP_X_A\x001\0UWSGI_FILE\0evil\0";
    let bytes = format!("{}:{block},abcNEXT", block.len()).into_bytes();
    let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
    let (mut conn, mut request, step, used) = feed(Protocol::Scgi, &settings(), &pieces);
    assert!(matches!(step, Need::Run), "{step:?}");
    assert_eq!((used, request.body, request.loading_vars), (bytes.len() - 4, Some(Body::Buffered(3)), 1));
    ask(&mut conn, &mut request, |x| {
        assert_eq!((x.method(), x.path(), x.header("x-a")), (&b"POST"[..], &b"/p"[..], b"1".to_vec()));
    });
    let small = limited(RequestLimits { buffer_size: 8, ..RequestLimits::default() });
    assert_eq!(refused(&whole(Protocol::Scgi, &small, &bytes).2).0, 431);
    for bad in [&b"GET / HTTP/1.1"[..], b"0:,", b"3:A\0\0X", b"2:AB,"] {
        assert_eq!(refused(&whole(Protocol::ScgiNph, &settings(), bad).2).0, 400, "{bad:?}");
    }
}

#[test]
fn a_packet_says_the_same_by_variables() {
    let vars = [
        ("REQUEST_METHOD", "HEAD"),
        ("PATH_INFO", "/p"),
        ("SCRIPT_NAME", "/s"),
        ("HTTP_X_TWICE", "1"),
        ("HTTP_X_TWICE", "2"),
        ("UWSGI_SCHEME", "https"),
        ("UWSGI_SCRIPT", "evil"),
    ];
    let bytes = packet(0, &vars);
    let (first, rest) = bytes.split_at(9);
    let (mut conn, mut request, step, used) = feed(Protocol::Uwsgi, &settings(), &[first, rest]);
    assert!(matches!(step, Need::Run) && used == 2, "{step:?}");
    assert_eq!((request.loading_vars, request.keep_alive), (1, false));
    ask(&mut conn, &mut request, |x| {
        assert_eq!((x.method(), x.path(), x.script()), (&b"HEAD"[..], &b"/p"[..], &b"/s"[..]));
        assert_eq!(x.variable(b"HTTP_X_TWICE"), Some(&b"2"[..]), "the last");
        assert_eq!(x.header("x-twice"), b"1, 2");
        assert!(x.is_https());
    });
}

#[test]
fn what_is_not_served_is_refused_with_its_status() {
    let strict = limited(RequestLimits { limit_post: 10, buffer_size: 100, ..RequestLimits::default() });
    let http = |bytes: &[u8]| whole(Protocol::Http, &strict, bytes).2;
    let uwsgi = |bytes: &[u8]| whole(Protocol::Uwsgi, &strict, bytes).2;
    assert_eq!(refused(&http(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n")).0, 413);
    assert_eq!(refused(&http(&[b"GET /", &[b'a'; 200][..]].concat())).0, 414);
    assert_eq!(refused(&http(b"GET / HTTP/1.1\r\n\r\n")).0, 400);
    let mistaken = packet(0, &[("REQUEST_METHOD", "GET"), ("PATH_INFO", "/\n")]);
    assert!(refused(&http(&mistaken)).1.contains("uwsgi request on an HTTP socket"));
    assert!(refused(&uwsgi(GET)).1.contains("HTTP request on a uwsgi socket"));
    assert_eq!(refused(&uwsgi(&packet(5, &[("A", "b")]))).0, 501);
    assert_eq!(refused(&uwsgi(&packet(0, &[("A", &"b".repeat(100))]))).0, 431);
    assert_eq!(refused(&uwsgi(&packet(0, &[]))).0, 400);
    assert!(matches!(uwsgi(&packet(100, &[])), Need::Ping));
    assert!(matches!(uwsgi(&[110, 0, 0, 17]), Need::Signal(17)));
}

#[test]
fn a_body_is_whole_or_streams_by_its_length() {
    let post = |n: u64| format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {n}\r\n\r\n").into_bytes();
    let head = post(3);
    let (conn, request, step, used) = feed(Protocol::Http, &settings(), &[&head, b"a", b"b", b"cGET"]);
    assert!(matches!(step, Need::Run), "{step:?}");
    assert_eq!((used, request.body), (4, Some(Body::Buffered(3))));
    assert_eq!(&conn.buffer[request.head_length..], b"abcGET", "what follows stays");
    let (_, request, step) = whole(Protocol::Http, &settings(), &post(BODY_BUFFER + 1));
    assert!(matches!(step, Need::Run), "{step:?}");
    assert_eq!(request.body, Some(Body::Stream(BODY_BUFFER + 1)));
}

#[test]
fn chunks_are_decoded_and_what_is_too_much_streams() {
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (conn, request, step, _) =
        feed(Protocol::Http, &settings(), &[head, b"3\r\nab", b"c\r\n2\r\nde\r\n", b"0\r\n\r\nGET"]);
    assert!(matches!(step, Need::Run), "{step:?}");
    assert_eq!((request.body, request.content_length), (Some(Body::Decoded), 5));
    assert_eq!(conn.chunks.as_ref().unwrap().decoded, b"abcde");
    assert_eq!(&conn.buffer[request.head_length..], b"GET");
    let large = [&head[..], b"11170\r\n", &[b'x'; 70_000]].concat();
    let (_, request, step) = whole(Protocol::Http, &settings(), &large);
    assert!(matches!(step, Need::Run), "{step:?}");
    assert_eq!(request.body, Some(Body::StreamChunks));
}

#[test]
fn the_head_stays_with_its_connection_and_is_not_looked_at_again() {
    let settings = settings();
    let mut scratch = Request::default();
    let (mut slow, _a) = connection(Protocol::Http);
    slow.buffer.extend_from_slice(b"POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nX-A: 1\r\n");
    assert!(matches!(examine(&mut slow, &mut scratch, &settings), Need::More));
    // Another connection's request comes in between, chunked and whole.
    let (mut quick, _b) = connection(Protocol::Http);
    let chunked = b"PUT /quick HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    quick.buffer.extend_from_slice(chunked);
    assert!(matches!(examine(&mut quick, &mut scratch, &settings), Need::Run));
    // A packet has a length whatever the last request was.
    let (mut third, _c) = connection(Protocol::Uwsgi);
    third.buffer.extend_from_slice(&packet(0, &[("CONTENT_LENGTH", "2"), ("PATH_INFO", "/third")]));
    assert!(matches!(examine(&mut third, &mut scratch, &settings), Need::More));
    third.buffer.extend_from_slice(b"xy");
    assert!(matches!(examine(&mut third, &mut scratch, &settings), Need::Run));
    assert_eq!((scratch.body, scratch.vars.len()), (Some(Body::Buffered(2)), 2));
    // Bytes that were parsed may change now: nobody reads them as a head again.
    slow.buffer[0] = b'\n';
    slow.buffer.extend_from_slice(b"\r\nab");
    assert!(matches!(examine(&mut slow, &mut scratch, &settings), Need::More));
    slow.buffer[1] = b'\n';
    slow.buffer.extend_from_slice(b"cd");
    assert!(matches!(examine(&mut slow, &mut scratch, &settings), Need::Run));
    assert_eq!((scratch.path.as_slice(), scratch.body), (&b"/slow"[..], Some(Body::Buffered(4))));
    assert!(slow.head.is_none());
}

#[test]
fn a_client_that_holds_its_body_back_is_noticed_once() {
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let (mut conn, mut client) = connection(Protocol::Http);
    let mut request = Request::default();
    conn.buffer.extend_from_slice(head);
    assert!(matches!(examine(&mut conn, &mut request, &settings()), Need::More) && conn.expects);
    conn.invite();
    conn.buffer.push(b'x');
    assert!(matches!(examine(&mut conn, &mut request, &settings()), Need::More));
    conn.invite();
    conn.buffer.push(b'y');
    assert!(matches!(examine(&mut conn, &mut request, &settings()), Need::Run));
    drop(conn);
    assert_eq!(crate::testing::all_of(&mut client), crate::answer::CONTINUE);
}

proptest! {
    /// However a request is cut, it is the same request.
    #[test]
    fn cuts_change_nothing(
        kind in 0..4usize,
        body in proptest::collection::vec(any::<u8>(), 0..300),
        cuts in proptest::collection::vec(1..40usize, 1..60),
        spool in any::<bool>(),
    ) {
        let settings = limited(RequestLimits { post_buffering: u64::from(spool), ..RequestLimits::default() });
        let (protocol, bytes) = match kind {
            0 => (Protocol::Http, GET.to_vec()),
            1 => {
                let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
                (Protocol::Http, [head.as_bytes(), &body].concat())
            }
            2 => {
                let head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
                let mut bytes = head.to_vec();
                for chunk in body.chunks(7) {
                    bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
                (Protocol::Http, bytes)
            }
            _ => {
                let head = packet(0, &[("CONTENT_LENGTH", &body.len().to_string()), ("PATH_INFO", "/")]);
                (Protocol::Uwsgi, [&head[..], &body].concat())
            }
        };
        let mut pieces = Vec::new();
        let (mut rest, mut cuts) = (&bytes[..], cuts.into_iter().cycle());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        let (conn, request, step, used) = feed(protocol, &settings, &pieces);
        prop_assert!(matches!(step, Need::Run), "{:?}", step);
        prop_assert_eq!(used, pieces.len());
        let (one, other, step) = whole(protocol, &settings, &bytes);
        prop_assert!(matches!(step, Need::Run));
        prop_assert_eq!(&conn.buffer, &one.buffer);
        prop_assert_eq!((request.body, request.content_length), (other.body, other.content_length));
        prop_assert_eq!((request.head_length, &request.path), (other.head_length, &other.path));
        prop_assert_eq!(
            conn.chunks.as_ref().map(|c| &c.decoded),
            one.chunks.as_ref().map(|c| &c.decoded)
        );
    }
}

#[test]
fn of_two_hosts_of_a_packet_the_last_one_is_the_host() {
    let vars = [
        ("HTTP_HOST", "a"),
        ("PATH_INFO", "/"),
        ("HTTP_HOST", "a:81"),
        ("HTTP_HOST", "a:82"),
        ("HTTP_X", "1"),
        ("HTTP_X", "2"),
    ];
    let (mut conn, _client) = connection(Protocol::Uwsgi);
    conn.buffer.extend_from_slice(&packet(0, &vars));
    let mut request = Request::default();
    assert!(matches!(examine(&mut conn, &mut request, &settings()), Need::Run));
    let text = |span: &Span| String::from_utf8_lossy(span.of(&conn.buffer)).into_owned();
    let seen: Vec<_> = request.vars.iter().map(|(name, value)| (text(name), text(value))).collect();
    let left = [("PATH_INFO", "/"), ("HTTP_HOST", "a:82"), ("HTTP_X", "1"), ("HTTP_X", "2")];
    assert_eq!(seen, left.map(|(name, value)| (name.to_string(), value.to_string())));
    assert_eq!(text(&request.known.host), "a:82");
}
