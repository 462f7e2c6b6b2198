use super::*;
use crate::scoreboard::ThreadState;
use std::os::fd::AsFd;

#[test]
fn sums_count_every_request_once() {
    let (board, fd) = Scoreboard::create(3, 2).unwrap();
    board.header().gone[0].store(100, Relaxed);
    for slot in [0, 2] {
        let w = board.worker(slot).unwrap();
        w.state.store(WorkerState::Ready as u32, Relaxed);
        w.threads.store(2, Relaxed);
        w.carried[0].store(40, Relaxed);
        for t in 0..2 {
            board.thread(slot, t).unwrap().requests.store(5, Relaxed);
        }
    }
    let thread = board.thread(2, 1).unwrap();
    thread.state.store(ThreadState::Busy as u32, Relaxed);
    thread.started_us.store(monotonic_us() - 3_000_000, Relaxed);
    thread.request.write(b"GET", b"/x", b"127.0.0.1");
    let s = Snapshot::read(7, &Reader::open(fd.as_fd()).unwrap());
    assert_eq!(s.workers.len(), 2);
    assert_eq!((s.total.requests, s.workers[1].own.requests, s.workers[1].total.requests), (120, 10, 50));
    assert_eq!(s.busy_threads(), 1);
    let busy = &s.workers[1].threads[1];
    assert!(busy.busy_us >= 3_000_000);
    assert_eq!(busy.request.as_ref().unwrap().uri, "/x");
}

#[test]
fn nonsense_in_memory_is_bounded() {
    let (board, fd) = Scoreboard::create(1, 1).unwrap();
    board.header().sockets.store(u32::MAX, Relaxed);
    board.header().state.store(77, Relaxed);
    let w = board.worker(0).unwrap();
    w.state.store(WorkerState::Ready as u32, Relaxed);
    w.threads.store(u32::MAX, Relaxed);
    w.carried[0].store(u64::MAX, Relaxed);
    board.thread(0, 0).unwrap().requests.store(u64::MAX, Relaxed);
    let s = Snapshot::read(7, &Reader::open(fd.as_fd()).unwrap());
    assert_eq!((s.sockets.len(), s.workers[0].threads.len()), (SOCKETS, 1));
    for field in [&board.header().workers_highest, &board.header().workers_target, &w.worker_id] {
        field.store(u32::MAX, Relaxed);
    }
    w.last_end.store(i32::MIN, Relaxed);
    let s = Snapshot::read(7, &Reader::open(fd.as_fd()).unwrap());
    let facts = crate::show::uwsgi::Facts::default();
    assert!(crate::show::uwsgi::rows(&s).len() <= 1);
    assert!(crate::show::uwsgi::document(&s, &facts).is_object());
    assert!(crate::show::metrics::openmetrics(&s, &facts).ends_with("# EOF\n"));
}
