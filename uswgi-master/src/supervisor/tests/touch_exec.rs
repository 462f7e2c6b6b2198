//! Files whose change runs something.

use crate::supervisor::order::{Program, ProgramOrder};
use crate::supervisor::touch_exec::TouchExec;
use std::path::Path;
use std::time::{Duration, Instant};
use uswgi_keep::group::Group;
use uswgi_keep::reap::Ended;

fn start(path: &str) -> ProgramOrder {
    ProgramOrder::Start(Program::Steps(path.into()))
}

fn told(orders: &[ProgramOrder], part: &str) -> bool {
    orders.iter().any(|o| matches!(o, ProgramOrder::Log(line) if line.contains(part)))
}

#[test]
fn a_file_runs_once_at_a_time_and_no_touch_is_lost() {
    let (mut t, now) = (TouchExec::default(), Instant::now());
    assert_eq!(t.touch(Path::new("/a")), [start("/a")]);
    t.started(Path::new("/a"), 7);
    // Another file does not wait.
    assert_eq!(t.touch(Path::new("/b")), [start("/b")]);
    t.started(Path::new("/b"), 8);
    for _ in 0..3 {
        assert!(told(&t.touch(Path::new("/a")), "/a starts still runs"));
    }
    assert_eq!(t.ended(9, Ended::Code(0), false, now), None, "somebody else's");
    assert_eq!(t.ended(7, Ended::Code(0), false, now), Some(vec![start("/a")]), "once more, for all three");
    t.started(Path::new("/a"), 10);
    assert_eq!(t.ended(10, Ended::Code(0), false, now), Some(vec![]));
    assert!(!t.is_gone());
    assert!(told(&t.ended(8, Ended::Signal(11), false, now).unwrap(), "(pid 8) was killed by SIGSEGV"));
    assert!(t.is_gone());
}

#[test]
fn one_that_cannot_start_is_told_and_may_be_touched_again() {
    let mut t = TouchExec::default();
    t.touch(Path::new("/a"));
    assert!(told(&t.failed(Path::new("/a"), "no memory"), "no memory"));
    assert!(t.is_gone());
    assert_eq!(t.touch(Path::new("/a")), [start("/a")]);
}

#[test]
fn a_stop_tells_it_to_end_kills_it_after_the_mercy_and_starts_nothing() {
    let (mut t, now) = (TouchExec::default(), Instant::now());
    t.touch(Path::new("/a"));
    t.started(Path::new("/a"), 7);
    t.touch(Path::new("/a"));
    assert_eq!(t.next_deadline(), None);
    let mercy = Duration::from_secs(3);
    assert_eq!(t.stop(mercy, now), [ProgramOrder::Signal(7, 15)]);
    assert_eq!(t.stop(mercy, now + mercy), [], "told once");
    assert_eq!(t.next_deadline(), Some(now + mercy));
    assert_eq!(t.touch(Path::new("/b")), []);
    assert_eq!(t.expire(now), []);
    assert_eq!(t.expire(now + mercy), [ProgramOrder::Signal(7, 9)]);
    assert_eq!(t.expire(now + mercy), [], "once");
    assert_eq!(t.ended(7, Ended::Signal(9), false, now), Some(vec![]), "not again, and nothing to tell");
    assert!(t.is_gone());
}

#[test]
fn what_a_step_leaves_holds_nothing_up_and_ends_with_the_instance() {
    let (mut t, now, mercy) = (TouchExec::default(), Instant::now(), Duration::from_secs(3));
    t.touch(Path::new("/a"));
    t.started(Path::new("/a"), 7);
    assert_eq!(t.ended(7, Ended::Code(0), true, now), Some(vec![]));
    assert!(
        t.groups().filter_map(Group::headless).eq([7]) && !t.groups().any(Group::is_awaited) && !t.is_gone()
    );
    assert_eq!(t.touch(Path::new("/a")), [start("/a")]);
    t.started(Path::new("/a"), 8);
    assert_eq!(t.stop(mercy, now), [ProgramOrder::Signal(7, 15), ProgramOrder::Signal(8, 15)]);
    // Its own commands may be longer about it than the process itself.
    assert_eq!(t.ended(8, Ended::Code(0), true, now), Some(vec![]));
    t.gone(7);
    assert!(t.groups().any(Group::is_awaited));
    assert_eq!(t.expire(now + mercy), [ProgramOrder::Signal(8, 9)]);
    assert_eq!(t.next_deadline(), Some(now + mercy + Duration::from_secs(5)));
    t.gone(8);
    assert!(t.is_gone());
}
