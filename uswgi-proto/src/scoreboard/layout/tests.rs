use super::*;
use std::mem::size_of;

#[test]
fn sizes_are_the_layout() {
    assert_eq!(size_of::<Header>(), HEADER_SIZE);
    assert_eq!(size_of::<SocketSlot>(), SOCKET_SIZE);
    assert_eq!(size_of::<WorkerSlot>(), WORKER_SIZE);
    assert_eq!(size_of::<ThreadSlot>(), THREAD_SIZE);
}

#[test]
fn every_status_has_its_class() {
    for (status, class) in [(0, 1), (99, 1), (100, 1), (204, 2), (304, 3), (431, 4), (599, 5), (65535, 5)] {
        assert_eq!(class_of(status), class - 1, "{status}");
    }
}

#[test]
fn a_queue_is_looked_at_once_a_second_and_warned_of_every_ten() {
    let (board, _fd) = crate::scoreboard::Scoreboard::create(1, 1).unwrap();
    let s = board.socket(0).unwrap();
    let second = LOOK_US;
    assert!(s.due(5 * second) && !s.due(5 * second) && s.due(6 * second));
    assert!(!s.look(79, 100, 6 * second));
    assert!(s.look(80, 100, 7 * second));
    assert!(!s.look(100, 100, 8 * second));
    assert!(s.look(90, 0, 17 * second));
    let seen = [&s.queue, &s.highest, &s.max_queue].map(|a| a.load(Ordering::Relaxed));
    assert_eq!((seen, s.full.load(Ordering::Relaxed)), ([90, 100, 100], 1));
}

#[test]
fn a_bucket_holds_what_its_limits_say() {
    for us in (0..5_000_000).step_by(7).chain((5_000_000..300_000_000).step_by(977)) {
        let b = bucket_of(us);
        if let Some(limit) = bucket_limit(b) {
            assert!(us < limit, "{us} in bucket {b} below {limit}");
        }
        if b > 0 {
            assert!(bucket_limit(b - 1).unwrap() <= us, "{us} in bucket {b}");
        }
    }
}
