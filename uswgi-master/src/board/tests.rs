use super::*;

fn board() -> Board {
    let (board, fd) = Scoreboard::create(4, 2).unwrap();
    Board::of(board, fd)
}

#[test]
fn what_a_process_did_is_carried_on_and_counted_once() {
    let mut b = board();
    b.occupy(0, 1, 1, 0);
    b.board.thread(0, 1).unwrap().requests.store(7, Relaxed);
    b.board.thread(0, 1).unwrap().histogram[9].store(7, Relaxed);
    b.board.thread(0, 1).unwrap().by_class[3].store(2, Relaxed);
    b.board.worker(0).unwrap().count_answer(400);
    b.board.worker(0).unwrap().count_read_error();
    b.occupy(1, 1, 2, 1);
    assert_eq!(Totals::load(&b.board.worker(1).unwrap().carried).requests, 0);
    b.vacate(0, 1);
    assert_eq!(Totals::load(&b.board.worker(1).unwrap().carried).requests, 7);
    assert_eq!(Totals::load(&b.board.header().gone).requests, 7);
    let gone = Totals::load(&b.board.header().gone);
    assert_eq!((gone.by_class, gone.read_errors), ([0, 0, 0, 3, 0], 1));
    b.occupy(0, 1, 2, 2);
    assert_eq!(b.board.totals(0), Totals::default());
    assert_eq!(b.board.thread(0, 1).unwrap().histogram[9].load(Relaxed), 0);
    assert_eq!(b.board.header().gone_histogram[9].load(Relaxed), 7);
    assert_eq!(Totals::load(&b.board.worker(0).unwrap().carried).requests, 7);
}

#[test]
fn restarts_are_counted_by_reason_and_stay_with_the_number() {
    let mut b = board();
    b.occupy(0, 1, 1, 0);
    b.restarted(0, 1, Restart::Signal, -11);
    let w = b.board.worker(0).unwrap();
    assert_eq!((w.last_restart.load(Relaxed), w.last_end.load(Relaxed)), (Restart::Signal as u32, -11));
    b.occupy(1, 1, 2, 1);
    b.occupy(2, 2, 2, 1);
    let of = |slot: u32| b.board.worker(slot).unwrap().restarts[Restart::Signal as usize].load(Relaxed);
    assert_eq!((of(0), of(1), of(2)), (1, 1, 0));
    assert_eq!(b.board.worker(1).unwrap().last_restart.load(Relaxed), Restart::None as u32);
    assert_eq!(b.board.header().restarts[Restart::Signal as usize].load(Relaxed), 1);
}

#[test]
fn only_a_busy_thread_far_beyond_its_deadline_is_overdue() {
    let b = board();
    let t = b.board.thread(0, 0).unwrap();
    t.deadline_us.store(1, Relaxed);
    assert_eq!(b.overdue(0, Duration::ZERO, false), None);
    t.state.store(ThreadState::Busy as u32, Relaxed);
    assert!(b.overdue(0, Duration::ZERO, false).is_some());
    t.deadline_us.store(monotonic_us(), Relaxed);
    assert_eq!(b.overdue(0, Duration::from_secs(3), false), None);
}

#[test]
fn a_worker_is_lost_when_nothing_else_in_it_can_end_well() {
    let b = board();
    let (worker, other) = (b.board.worker(0).unwrap(), b.board.thread(0, 1).unwrap());
    worker.threads.store(2, Relaxed);
    b.board.thread(0, 0).unwrap().deadline_us.store(1, Relaxed);
    b.board.thread(0, 0).unwrap().state.store(ThreadState::Busy as u32, Relaxed);
    let lost = |leaves| b.overdue(0, Duration::ZERO, leaves).unwrap();
    assert!(!lost(false), "the other thread may take a request now");
    assert!(lost(true));
    other.state.store(ThreadState::Busy as u32, Relaxed);
    other.deadline_us.store(monotonic_us() + 1_000_000, Relaxed);
    assert!(!lost(true), "the other request has its time");
    other.deadline_us.store(1, Relaxed);
    assert!(lost(false) && lost(true));
    worker.bound.store(1, Relaxed);
    assert!(!lost(true), "an answer is on its way");
}

#[test]
fn a_request_or_an_answer_makes_a_worker_busy() {
    let b = board();
    assert!(!b.busy(1));
    b.board.thread(1, 1).unwrap().state.store(ThreadState::Busy as u32, Relaxed);
    assert!(b.busy(1) && !b.busy(0));
    b.occupy(1, 1, 1, 0);
    assert!(!b.busy(1));
    b.board.worker(1).unwrap().bound.store(1, Relaxed);
    assert!(b.busy(1));
    b.occupy(1, 1, 1, 0);
    assert!(!b.busy(1));
}

#[test]
fn time_in_requests_counts_while_they_run() {
    let b = board();
    assert_eq!(b.running_us(0), 0);
    b.board.thread(0, 0).unwrap().running_us.store(700, Relaxed);
    b.board.thread(0, 1).unwrap().started_us.store(monotonic_us() - 5_000_000, Relaxed);
    let running = b.running_us(0);
    assert!((5_000_700..20_000_000).contains(&running), "{running}");
    assert_eq!(b.running_us(1), 0);
}

#[test]
fn a_long_reason_keeps_its_end() {
    let b = board();
    b.reason(&format!("{}\u{e9}ImportError: no", "x".repeat(4000)));
    assert!(b.board.header().reason.read().unwrap().ends_with("\u{e9}ImportError: no"));
}
