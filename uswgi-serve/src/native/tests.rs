use super::*;
use crate::answer;
use crate::testing::{Counting, Parts, Pinned, all_of, connection, packets, settings, until};
use nix::sys::socket::{MsgFlags, recv, send};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use uswgi_proto::control::{MAX_MESSAGE, ToMaster, ToWorker, decode, encode};
use uswgi_proto::settings::{Harakiri, RequestLimits, Timeouts, WorkerSettings};

/// A native thread, its engine, and the master's end of the control socket.
struct Rig {
    engine: Arc<Engine>,
    outbox: Arc<Outbox<Pinned>>,
    master: Option<OwnedFd>,
    interpreter: Counting,
    thread: Option<JoinHandle<()>>,
}

impl Rig {
    fn new(settings: WorkerSettings) -> Rig {
        let (master, own) = packets();
        let mut parts = Parts::new(settings);
        parts.control = Some(own);
        parts.handover = Some(packets());
        let (engine, interpreter) = (parts.engine(), Counting::default());
        let outbox = Outbox::new(&engine);
        let thread = Some(start(&outbox, interpreter.clone()).unwrap());
        Rig { engine, outbox, master: Some(master), interpreter, thread }
    }

    fn tell(&self, message: &ToWorker) {
        send(self.master.as_ref().unwrap().as_raw_fd(), &encode(message), MsgFlags::empty()).unwrap();
    }

    fn hear(&self) -> ToMaster {
        let mut buffer = vec![0; MAX_MESSAGE];
        let n = recv(self.master.as_ref().unwrap().as_raw_fd(), &mut buffer, MsgFlags::empty()).unwrap();
        decode(&buffer[..n]).unwrap()
    }

    /// What a lane does that finds nothing to do, and the end of the thread.
    fn ends(&mut self) {
        until("the end for the lanes", || {
            drop(self.engine.take_whole());
            matches!(self.engine.wait(), Some(crate::token::Token::Stop))
        });
        self.engine.lanes_left();
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if self.thread.is_some() && !std::thread::panicking() {
            self.tell(&ToWorker::Retire { hand_over: false });
            self.ends();
        }
    }
}

#[test]
fn a_request_that_comes_slowly_is_given_to_the_lanes_when_it_is_whole() {
    let rig = Rig::new(settings());
    let (conn, mut client) = connection(Protocol::Http);
    client.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    rig.engine.submit(Job::Read(conn));
    for piece in [&b"st: h\r\n"[..], b"\r", b"\n"] {
        assert!(!rig.engine.any_whole());
        client.write_all(piece).unwrap();
    }
    until("the request", || rig.engine.any_whole());
    assert_eq!(rig.engine.take_whole().unwrap().buffer, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
}

#[test]
fn a_client_that_waits_for_it_is_told_to_go_on() {
    let rig = Rig::new(settings());
    let (conn, mut client) = connection(Protocol::Http);
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    client.write_all(head).unwrap();
    rig.engine.submit(Job::Read(conn));
    let mut told = vec![0; answer::CONTINUE.len()];
    client.read_exact(&mut told).unwrap();
    assert_eq!(told, answer::CONTINUE);
    client.write_all(b"x").unwrap();
    until("the request", || rig.engine.any_whole());
}

#[test]
fn nonsense_is_refused_and_the_connection_lingers_until_its_client_closes() {
    let rig = Rig::new(settings());
    let (conn, mut client) = connection(Protocol::Http);
    client.write_all(b"nonsense\r\n\r\n").unwrap();
    rig.engine.submit(Job::Read(conn));
    let text = String::from_utf8(all_of(&mut client)).unwrap();
    assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
    // No reset: what is still sent is thrown away.
    client.write_all(&[b'x'; 1000]).unwrap();
}

#[test]
fn what_a_socket_did_not_take_is_sent_and_the_connection_waits_for_more() {
    let rig = Rig::new(settings());
    let (mut conn, mut client) = connection(Protocol::Http);
    conn.served = 1;
    let mut pending = SendQueue::default();
    let object: Arc<[u8]> = vec![b'z'; 2 << 20].into();
    pending.push(&vec![b'z'; 1 << 20]).unwrap();
    pending.push_held(Pinned(object.clone()), 0);
    rig.outbox.leave(Unsent { conn, pending, keep: true, unread: false });
    let mut all = vec![0; 3 << 20];
    client.read_exact(&mut all).unwrap();
    assert!(all.iter().all(|&b| b == b'z'));
    until("the end of what was held", || Arc::strong_count(&object) == 1);
    until("its place", || rig.engine.parked() == 1);
    client.write_all(b"G").unwrap();
    let Some(crate::token::Token::Conn { key, stamp }) = rig.engine.wait() else { panic!("its next byte") };
    assert!(rig.engine.unpark(key, stamp).is_some());
}

#[test]
fn what_a_lane_has_lent_is_sent_while_it_works() {
    let rig = Rig::new(settings());
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(crate::testing::PATIENCE)).unwrap();
    let lent = &rig.outbox.lent[0];
    assert!(lent.add(ours.as_raw_fd(), [b"a ", b"pie", b"ce"]));
    rig.engine.send_lent();
    let mut got = [0; 7];
    theirs.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"a piece");
    assert!(lent.take_back().unwrap().is_empty());
}

#[test]
fn a_deadline_gets_504_stacks_an_interruption_and_a_successor() {
    let rig = Rig::new(WorkerSettings {
        harakiri: Harakiri { seconds: 1, grace: 1, ..Harakiri::default() },
        ..settings()
    });
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let client = crate::lane::Client { fd: ours.as_raw_fd(), ..Default::default() };
    rig.engine.lanes[0].begin(client, monotonic_us() + 20_000);
    rig.engine.wake_native();
    let text = String::from_utf8(all_of(&mut theirs)).unwrap();
    assert!(text.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{text}");
    until("an interruption", || rig.interpreter.interrupted.load(Ordering::SeqCst) == 1);
    assert_eq!(rig.interpreter.stacks.load(Ordering::SeqCst), 1);
    assert!(!rig.engine.lanes[0].claim(), "nothing more is sent");
    assert_eq!(rig.hear(), ToMaster::Replace { reason: uswgi_proto::scoreboard::Restart::Harakiri });
    assert!(rig.engine.lanes[0].end());
}

#[test]
fn the_master_is_answered_and_obeyed() {
    let rig = Rig::new(settings());
    rig.tell(&ToWorker::Ping);
    assert_eq!(rig.hear(), ToMaster::Alive);
    assert!(rig.engine.is_accepting());
    rig.tell(&ToWorker::Accept { on: false });
    until("the pause", || !rig.engine.is_accepting());
    rig.tell(&ToWorker::Accept { on: true });
    until("its end", || rig.engine.is_accepting());
}

#[test]
fn it_ends_when_everything_is_done_and_not_before() {
    let mut rig = Rig::new(settings());
    let (conn, mut client) = connection(Protocol::Http);
    client.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    rig.engine.submit(Job::Read(conn));
    rig.tell(&ToWorker::Retire { hand_over: false });
    until("leaving", || rig.engine.is_leaving());
    client.write_all(b"Host: h\r\n\r\n").unwrap();
    until("the request", || rig.engine.any_whole());
    drop(rig.engine.take_whole());
    rig.ends();
    assert_eq!(rig.engine.leaving(), Leaving::Stop);
}

#[test]
fn an_orphan_leaves() {
    let mut rig = Rig::new(settings());
    drop(rig.master.take());
    rig.ends();
    assert_eq!(rig.engine.leaving(), Leaving::Orphaned);
}

/// Clients have a second to make progress.
fn impatient() -> WorkerSettings {
    WorkerSettings { timeouts: Timeouts { http: 1, ..Timeouts::default() }, ..settings() }
}

#[test]
fn a_client_that_stops_midway_gets_408() {
    let rig = Rig::new(impatient());
    let (conn, mut client) = connection(Protocol::Http);
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n").unwrap();
    rig.engine.submit(Job::Read(conn));
    let text = String::from_utf8(all_of(&mut client)).unwrap();
    assert!(text.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{text}");
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    let rig = Rig::new(impatient());
    let (conn, _client) = connection(Protocol::Http);
    let object: Arc<[u8]> = vec![b'z'; 8 << 20].into();
    let mut pending = SendQueue::default();
    pending.push_held(Pinned(object.clone()), 0);
    rig.outbox.leave(Unsent { conn, pending, keep: true, unread: false });
    until("the end of what was held", || Arc::strong_count(&object) == 1);
    assert_eq!(rig.engine.parked(), 0);
}

#[test]
fn a_large_body_goes_to_disk_before_a_lane_gets_it() {
    let limits = RequestLimits { post_buffering: 1, ..RequestLimits::default() };
    let rig = Rig::new(WorkerSettings { limits, ..settings() });
    let (conn, mut client) = connection(Protocol::Http);
    client.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n").unwrap();
    rig.engine.submit(Job::Read(conn));
    client.write_all(&[b'b'; 300_000]).unwrap();
    until("the request", || rig.engine.any_whole());
    let mut conn = rig.engine.take_whole().unwrap();
    let spool = conn.spool.as_mut().unwrap();
    let mut body = Vec::new();
    spool.file.read_to_end(&mut body).unwrap();
    assert!(spool.length == 300_000 && body == [b'b'; 300_000]);
}

#[test]
fn while_no_lane_gets_on_another_worker_gets_what_is_ready() {
    let rig = Rig::new(WorkerSettings { workers: 2, ..settings() });
    let lane = &rig.engine.lanes[0];
    lane.adopt(1);
    lane.sequence.store(1, Ordering::SeqCst);
    let (conn, mut client) = connection(Protocol::Http);
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert!(rig.engine.park(conn, monotonic_us()).is_none());
    until("the hand-over", || crate::handover::take(&rig.engine).is_some());
    assert_eq!(rig.engine.parked(), 0);
    lane.sequence.store(2, Ordering::SeqCst);
}

#[test]
fn a_worker_that_leaves_gives_others_what_is_idle_and_what_is_half_read() {
    let mut rig = Rig::new(settings());
    let (mut idle, _a) = connection(Protocol::Http);
    idle.served = 1;
    assert!(rig.engine.park(idle, monotonic_us()).is_none());
    let (half, mut client) = connection(Protocol::Http);
    client.write_all(b"GET / HT").unwrap();
    rig.engine.submit(Job::Read(half));
    rig.tell(&ToWorker::Retire { hand_over: true });
    let mut taken = Vec::new();
    until("both", || {
        taken.extend(crate::handover::take(&rig.engine).map(|c| (c.served, c.buffer.clone())));
        taken.len() == 2
    });
    taken.sort();
    assert_eq!(taken, [(0, b"GET / HT".to_vec()), (1, Vec::new())]);
    rig.ends();
    assert_eq!(rig.engine.leaving(), Leaving::HandOver);
}
