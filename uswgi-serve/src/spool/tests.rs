use super::*;
use crate::request::examine;
use crate::testing::{connection, packet, settings};
use std::io::Read;
use uswgi_proto::settings::{Protocol, RequestLimits, WorkerSettings};

const LENGTH: usize = 200_000;

fn on_disk() -> WorkerSettings {
    WorkerSettings { limits: RequestLimits { post_buffering: 1, ..RequestLimits::default() }, ..settings() }
}

fn body() -> Vec<u8> {
    (0..LENGTH).map(|i| (i % 251) as u8).collect()
}

/// Feed `bytes` in pieces; the connection and its request once it is whole.
fn feed(protocol: Protocol, settings: &WorkerSettings, bytes: &[u8]) -> (Conn, Request) {
    let (mut conn, _client) = connection(protocol);
    let mut request = Request::default();
    let mut pieces = bytes.chunks(7_001).peekable();
    while let Some(piece) = pieces.next() {
        conn.buffer.extend_from_slice(piece);
        match examine(&mut conn, &mut request, settings) {
            Need::More => assert!(conn.buffer.len() < 80_000, "memory stays bounded"),
            Need::Run => {
                assert!(pieces.peek().is_none(), "only when it is whole");
                return (conn, request);
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("it is whole");
}

fn kept(conn: &mut Conn) -> Vec<u8> {
    let mut text = Vec::new();
    conn.spool.as_mut().unwrap().file.read_to_end(&mut text).unwrap();
    text
}

#[test]
fn a_counted_body_is_on_disk_from_its_first_byte() {
    let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {LENGTH}\r\n\r\n");
    let bytes = [head.as_bytes(), &body(), b"GET / "].concat();
    let (mut conn, request) = feed(Protocol::Http, &on_disk(), &bytes);
    assert_eq!((request.body, request.content_length), (Some(Body::Spooled), LENGTH as u64));
    assert_eq!(kept(&mut conn), body());
    assert_eq!(&conn.buffer[request.head_length..], b"GET / ", "the next request stays");
}

#[test]
fn so_is_that_of_a_packet() {
    let head = packet(0, &[("CONTENT_LENGTH", &LENGTH.to_string())]);
    let (mut conn, request) = feed(Protocol::Uwsgi, &on_disk(), &[&head[..], &body()].concat());
    assert_eq!(request.body, Some(Body::Spooled));
    assert_eq!(kept(&mut conn), body());
}

#[test]
fn chunks_go_to_disk_when_memory_is_full() {
    let mut bytes = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body().chunks(9_999) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\nnext");
    let (mut conn, request) = feed(Protocol::Http, &on_disk(), &bytes);
    assert_eq!((request.body, request.content_length), (Some(Body::Spooled), LENGTH as u64));
    assert_eq!(kept(&mut conn), body());
    assert_eq!(&conn.buffer[request.head_length..], b"next");
}

#[test]
fn a_bad_chunk_is_refused_midway() {
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1adb0\r\n";
    let (mut conn, _client) = connection(Protocol::Http);
    let mut request = Request::default();
    conn.buffer.extend_from_slice(&[&head[..], &[b'x'; 0x1adb0]].concat());
    assert!(matches!(examine(&mut conn, &mut request, &on_disk()), Need::More));
    assert!(conn.spool.is_some());
    conn.buffer.extend_from_slice(b"oops");
    assert!(matches!(examine(&mut conn, &mut request, &on_disk()), Need::Refuse(r) if r.status == 400));
}
