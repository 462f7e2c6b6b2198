use super::*;
use crate::engine::Engine;
use crate::testing::{Parts, Pinned, all_of, packets, settings};
use std::io::{Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// An answer of lane 0, its engine, and both ends of its connection.
struct Rig {
    response: Response<Pinned>,
    engine: Arc<Engine>,
    ours: Option<UnixStream>,
    theirs: UnixStream,
}

impl Rig {
    fn new(protocol: Protocol, minor: u8) -> Rig {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_read_timeout(Some(crate::testing::PATIENCE)).unwrap();
        let engine = Parts::new(settings()).engine();
        let mut response = Response::new(b"X-Added: 1\r\n".to_vec(), &Outbox::new(&engine), 0);
        response.reset();
        response.fd = ours.as_raw_fd();
        response.protocol = protocol;
        response.version = b"HTTP/1.0".to_vec();
        response.minor = minor;
        response.keep_alive = protocol == Protocol::Http;
        response.timeout_ms = 200;
        Rig { response, engine, ours: Some(ours), theirs }
    }

    fn says(mut self, status: u16, content_length: Option<u64>) -> Rig {
        self.response.head = Some(Arc::new(AppHead {
            status,
            status_text: format!("{status} Text").into_bytes(),
            lines: content_length.map(|n| format!("Content-Length: {n}\r\n")).unwrap_or_default().into(),
            has_date: true,
            content_length,
            ..AppHead::default()
        }));
        self
    }

    /// What the client has got when the connection is closed here.
    fn text(&mut self) -> String {
        drop(self.ours.take());
        String::from_utf8(all_of(&mut self.theirs)).unwrap()
    }
}

fn http() -> Rig {
    Rig::new(Protocol::Http, 1)
}

#[test]
fn a_whole_body_gets_its_length() {
    let mut rig = http().says(200, None);
    rig.response.body(b"hello", true, None);
    rig.response.end();
    assert!(rig.response.keep_alive && rig.response.failed.is_none());
    assert_eq!((rig.response.status(), rig.response.body_bytes), (200, 5));
    let text = rig.text();
    assert_eq!(text, "HTTP/1.1 200 Text\r\nX-Added: 1\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(rig.response.head_bytes as usize, text.len() - 5);
}

#[test]
fn what_is_staged_is_sent_once_and_later() {
    let mut rig = http().says(200, None);
    assert!(rig.response.stage(b"hello") && rig.response.is_ended());
    rig.theirs.set_nonblocking(true).unwrap();
    assert!(rig.theirs.read(&mut [0; 8]).is_err(), "nothing is sent yet");
    rig.theirs.set_nonblocking(false).unwrap();
    rig.response.send_staged();
    rig.response.send_staged();
    rig.response.end();
    assert!(rig.text().ends_with("Content-Length: 5\r\n\r\nhello"));
}

#[test]
fn pieces_without_a_length_are_chunks_or_end_with_the_connection() {
    let give = |mut rig: Rig| {
        rig.response.body(b"one", false, None);
        rig.response.body(b"three", false, None);
        rig.response.end();
        (rig.response.keep_alive, rig.text())
    };
    let (keep, text) = give(http().says(200, None));
    assert!(keep && text.contains("Transfer-Encoding: chunked\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"), "{text}");
    let (keep, text) = give(Rig::new(Protocol::Http, 0).says(200, None));
    assert!(!keep && text.ends_with("Connection: close\r\n\r\nonethree"), "{text}");
    let (keep, text) = give(Rig::new(Protocol::Uwsgi, 0).says(200, None));
    assert!(!keep && text == "HTTP/1.0 200 Text\r\nX-Added: 1\r\n\r\nonethree", "{text}");
}

#[test]
fn no_body_where_none_belongs() {
    for (head_only, status) in [(true, 200), (false, 204), (false, 304)] {
        let mut rig = http().says(status, (status == 200).then_some(5));
        rig.response.head_only = head_only;
        rig.response.body(b"hello", true, None);
        rig.response.end();
        assert!(rig.response.keep_alive && rig.response.wants_no_body());
        let text = rig.text();
        assert!(text.ends_with("\r\n\r\n") && !text.contains("chunked"), "{text}");
        assert_eq!(text.contains("Content-Length: 5"), head_only);
    }
}

#[test]
fn an_announced_length_holds() {
    let mut rig = http().says(200, Some(4));
    rig.response.body(b"too long", true, None);
    rig.response.end();
    assert!(rig.response.excess && rig.response.keep_alive);
    assert!(rig.text().ends_with("\r\n\r\ntoo "));
    let mut rig = http().says(200, Some(9));
    rig.response.body(b"short", true, None);
    rig.response.end();
    assert!(!rig.response.keep_alive, "only closing tells the client");
}

#[test]
fn a_client_that_reads_nothing_gets_a_large_body_later() {
    let body: Arc<[u8]> = vec![b'x'; 8 << 20].into();
    let mut rig = http().says(200, None);
    rig.response.body(&body.clone(), true, Some(Pinned(body.clone())));
    rig.response.end();
    assert!(rig.response.failed.is_none() && !rig.response.pending.is_empty());
    assert_eq!(Arc::strong_count(&body), 2, "it is kept, not copied");
    let (mut pending, mut theirs) = (std::mem::take(&mut rig.response.pending), rig.theirs);
    let reader = std::thread::spawn(move || all_of(&mut theirs).len());
    while !pending.is_empty() {
        assert!(crate::sys::wait_for(rig.response.fd, libc::POLLOUT, 20_000).unwrap());
        pending.flush(rig.response.fd).unwrap();
    }
    assert_eq!(Arc::strong_count(&body), 1, "who has sent it drops it");
    drop(rig.ours);
    assert_eq!(reader.join().unwrap() as u64, rig.response.head_bytes + (8 << 20));
}

#[test]
fn pieces_beyond_the_write_buffer_wait_and_give_up() {
    let mut rig = http().says(200, None);
    while rig.response.failed.is_none() {
        rig.response.body(&[b'x'; 256 << 10], false, None);
        assert!(rig.response.body_bytes < 64 << 20, "it has to give up");
    }
    assert_eq!(rig.response.failed.as_ref().map(|e| e.kind()), Some(io::ErrorKind::TimedOut));
}

#[test]
fn small_pieces_are_put_together_and_come_in_order() {
    let mut rig = http().says(200, None);
    rig.response.body(b"first", false, None);
    let mut gathered = 0;
    for i in 0..50 {
        let piece = format!(" {i}");
        match rig.response.gather(piece.as_bytes()) {
            true => gathered += 1,
            false => rig.response.body(piece.as_bytes(), false, None),
        }
    }
    assert!(gathered > 0 && rig.response.outbox.lent[0].is_waiting());
    rig.response.end();
    assert!(rig.response.outbox.lent[0].take_back().unwrap().is_empty(), "nothing is left behind the end");
    let text = rig.text();
    let numbers: Vec<_> = text.split("\r\n").filter_map(|l| l.strip_prefix(' ')).collect();
    assert_eq!(numbers, (0..50).map(|i| i.to_string()).collect::<Vec<_>>());
    assert!(text.ends_with("0\r\n\r\n"));
}

#[test]
fn a_part_of_a_file_goes_by_the_kernel() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"0123456789").unwrap();
    file.rewind().unwrap();
    let mut rig = http().says(200, None);
    rig.response.file(file.into(), 2, 5);
    rig.response.end();
    assert!(rig.response.by_kernel && rig.response.keep_alive);
    assert!(rig.text().ends_with("Content-Length: 5\r\n\r\n23456"));
}

#[test]
fn an_answer_that_stops_midway_can_be_told_from_a_whole_one() {
    let mut rig = http().says(200, None);
    rig.response.body(b"half", false, None);
    rig.response.abort();
    assert!(!rig.response.keep_alive);
    assert!(rig.text().ends_with("4\r\nhalf\r\n"), "no last chunk");
}

#[test]
fn a_client_that_is_gone_fails_the_answer() {
    let mut rig = http().says(200, None);
    drop(std::mem::replace(&mut rig.theirs, UnixStream::from(packets().0)));
    rig.response.body(b"hello", true, None);
    assert_eq!(rig.response.failed.as_ref().map(|e| e.kind()), Some(io::ErrorKind::BrokenPipe));
    rig.response.reset();
    assert!(rig.response.failed.is_none() && rig.response.head.is_none());
}

#[test]
fn an_answer_whose_deadline_has_passed_is_not_begun() {
    let mut rig = http().says(200, None);
    rig.response.claims = true;
    let lane = &rig.engine.lanes[0];
    lane.begin(crate::lane::Client { fd: rig.response.fd, ..Default::default() }, 1);
    crate::harakiri::check(&rig.engine, &crate::testing::Counting::default(), 2);
    rig.response.body(b"late", true, None);
    assert_eq!(rig.response.failed.as_ref().map(|e| e.kind()), Some(io::ErrorKind::TimedOut));
    assert_eq!((rig.response.status(), rig.response.head_bytes), (504, 0));
    let text = rig.text();
    assert!(text.starts_with("HTTP/1.1 504 ") && !text.contains("late"), "{text}");
}
