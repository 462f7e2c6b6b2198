use super::*;
use crate::sys;
use crate::testing::{Parts, connection, packets, settings};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use uswgi_proto::settings::Protocol;

fn worker(pair: &(OwnedFd, OwnedFd), protocol: Protocol, folder: &tempfile::TempDir) -> Arc<Engine> {
    let name = format!("{:?}-{}", protocol, pair.0.as_raw_fd());
    let path = folder.path().join(name);
    let _ = std::fs::remove_file(&path);
    let mut parts = Parts::new(settings());
    parts.listener = Some((UnixListener::bind(path).unwrap(), protocol));
    let own = |fd: &OwnedFd| sys::dup(fd.as_raw_fd()).unwrap();
    parts.handover = Some((own(&pair.0), own(&pair.1)));
    parts.engine()
}

fn rest_of(mut client: UnixStream) -> String {
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_connection_arrives_with_what_it_has_sent() {
    let (pair, folder) = (packets(), tempfile::tempdir().unwrap());
    let (busy, idle) = (worker(&pair, Protocol::Http, &folder), worker(&pair, Protocol::Http, &folder));
    let (mut conn, client) = connection(Protocol::Http);
    conn.buffer.extend_from_slice(b"GET / HT");
    conn.served = 3;
    assert!(give(&busy, conn).is_none());
    let conn = take(&idle).unwrap();
    assert_eq!((conn.buffer.as_slice(), conn.served, conn.protocol), (&b"GET / HT"[..], 3, Protocol::Http));
    sys::send2(conn.raw(), b"answer", b"").unwrap();
    drop(conn);
    assert_eq!(rest_of(client), "answer");
    assert!(take(&idle).is_none(), "one message, one connection");
}

#[test]
fn the_protocol_counts_and_the_listener_is_found_by_it() {
    let (pair, folder) = (packets(), tempfile::tempdir().unwrap());
    let engine = worker(&pair, Protocol::Uwsgi, &folder);
    let (ours, _client) = UnixStream::pair().unwrap();
    let conn = Conn::new(ours.into(), 9, Protocol::Uwsgi, Peer::Ip("[::1]:80".parse().unwrap()));
    assert!(give(&engine, conn).is_none());
    let conn = take(&engine).unwrap();
    assert_eq!((conn.listener, conn.protocol), (0, Protocol::Uwsgi));
    assert_eq!(conn.peer, Peer::Ip("[::1]:80".parse().unwrap()));
}

#[test]
fn what_no_message_can_hold_stays() {
    let (pair, folder) = (packets(), tempfile::tempdir().unwrap());
    let engine = worker(&pair, Protocol::Http, &folder);
    let (mut conn, _client) = connection(Protocol::Http);
    conn.buffer = vec![b'x'; MOST_BUFFER + 1];
    assert!(!fits(&conn));
    let mut conn = give(&engine, conn).unwrap();
    conn.buffer.truncate(MOST_BUFFER);
    assert!(give(&engine, conn).is_none());
    assert_eq!(take(&engine).unwrap().buffer.len(), MOST_BUFFER);
}

#[test]
fn a_full_queue_leaves_the_connection_here_and_alive() {
    let (pair, folder) = (packets(), tempfile::tempdir().unwrap());
    let engine = worker(&pair, Protocol::Http, &folder);
    let mut clients = Vec::new();
    let (conn, mut client) = loop {
        let (mut conn, client) = connection(Protocol::Http);
        conn.buffer = vec![b'x'; MOST_BUFFER];
        match give(&engine, conn) {
            Some(conn) => break (conn, client),
            None => clients.push(client),
        }
        assert!(clients.len() < 1000, "the queue has an end");
    };
    client.write_all(b"still here").unwrap();
    assert!(sys::readable(conn.raw()));
    assert!((0..clients.len()).all(|_| take(&engine).is_some_and(|c| c.buffer.len() == MOST_BUFFER)));
}

#[test]
fn between_two_requests_a_connection_goes_to_others_or_ends_with_the_instance() {
    let (pair, folder) = (packets(), tempfile::tempdir().unwrap());
    let engine = worker(&pair, Protocol::Http, &folder);
    let idle = || {
        let (mut conn, client) = connection(Protocol::Http);
        conn.served = 1;
        (conn, client)
    };
    engine.leave(Leaving::HandOver);
    let (conn, _client) = idle();
    release(&engine, conn);
    assert!(take(&engine).is_some() && !engine.any_jobs());
    engine.leave(Leaving::Stop);
    let (conn, client) = idle();
    release(&engine, conn);
    assert_eq!(rest_of(client), "", "nothing is lost with it");
    let (conn, mut client) = idle();
    client.write_all(b"GET").unwrap();
    release(&engine, conn);
    assert!(engine.any_jobs(), "who has asked is answered");
}

#[test]
fn strange_messages_are_dropped() {
    let (pair, folder) = (packets(), tempfile::tempdir().unwrap());
    let engine = worker(&pair, Protocol::Http, &folder);
    for message in [&b"\x01"[..], b"\x09\0\0\0\0\0\0\0\0\0\0\0", b"\x01\x01\0\0\0\0\0\0\xff\xff"] {
        let (ours, client) = UnixStream::pair().unwrap();
        let fds = [ours.as_raw_fd()];
        sendmsg::<()>(
            pair.0.as_raw_fd(),
            &[IoSlice::new(message)],
            &[ControlMessage::ScmRights(&fds)],
            MsgFlags::empty(),
            None,
        )
        .unwrap();
        drop(ours);
        assert!(take(&engine).is_none());
        assert_eq!(rest_of(client), "", "its descriptor is closed");
    }
}
