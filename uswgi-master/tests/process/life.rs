//! Deaths, reload, stop.

use crate::harness::{Master, config, gone, kill};
use std::sync::atomic::Ordering::Relaxed;
use uswgi_proto::scoreboard::{Outcome, WorkerState};

#[test]
fn a_killed_worker_is_replaced_and_counted() {
    let mut m = Master::serving(&config(""));
    let (pid, _) = m.answer();
    kill(pid, libc::SIGKILL);
    m.line(&format!("(pid {pid}) was killed by SIGKILL"));
    let board = m.instance().board;
    assert_eq!(board.header().worker_deaths.load(Relaxed), 1);
    m.answer();
    m.stop();
}

#[test]
fn a_killed_template_is_no_loss_and_reloads_still_work() {
    let mut m = Master::serving(&config(""));
    let template = m.instance().board.header().template_pid.load(Relaxed);
    kill(template, libc::SIGKILL);
    m.line("a new one starts when a worker is needed");
    m.answer();
    m.signal(libc::SIGHUP);
    m.line("reload done");
    assert_eq!(m.answer().1, 2);
    m.stop();
}

#[test]
fn a_reload_brings_a_new_generation_and_a_new_socket() {
    let mut m = Master::serving(&config(""));
    let (old, generation) = m.answer();
    assert_eq!(generation, 1);
    m.configure(&config("socket = t\nworkers = 3"));
    m.signal(libc::SIGHUP);
    m.line("reload done");
    gone(old);
    assert_eq!(m.answer().1, 2);
    assert!(crate::harness::ask(&m.path("t"), "who").unwrap().contains("generation 2"));
    let board = m.instance().board;
    let h = board.header();
    assert_eq!(h.reloads_started.load(Relaxed), 1);
    assert_eq!(h.reloads_done.load(Relaxed), 1);
    assert_eq!(h.last_outcome.load(Relaxed), Outcome::Ok as u32);
    assert_eq!((h.generation.load(Relaxed), h.workers_target.load(Relaxed)), (2, 3));
    // And back: the socket that is not wanted any more goes.
    m.configure(&config(""));
    m.signal(libc::SIGHUP);
    m.line("reload done");
    m.signal(libc::SIGUSR1);
    m.line("generation 3, 2 of 2 workers accept");
    m.stop();
}

#[test]
fn a_broken_app_or_configuration_leaves_the_old_generation() {
    let mut m = Master::serving(&config(""));
    for (text, outcome, reason) in [
        (config("").replace("= ok", "= fails"), Outcome::AppFailed, "ImportError: the fake fails"),
        (config("").replace("= ok", "= crashes"), Outcome::AppFailed, "SIGSEGV"),
        (config("workers = none"), Outcome::BadConfig, "workers"),
        (config("socket = no/such/x"), Outcome::BadConfig, "its directory does not exist"),
        (config("workers = 4000"), Outcome::BadConfig, "restart it"),
    ] {
        m.configure(&text);
        m.signal(libc::SIGHUP);
        m.line("reload failed, generation 1 serves on");
        let board = m.instance().board;
        assert_eq!(board.header().last_outcome.load(Relaxed), outcome as u32, "{reason}");
        let said = board.header().reason.read().unwrap();
        assert!(said.contains(reason), "{said}");
        assert_eq!(m.answer().1, 1);
    }
    m.configure(&config(""));
    m.signal(libc::SIGHUP);
    m.line("reload done");
    assert!(m.answer().1 > 1);
    m.stop();
}

#[test]
fn a_worker_that_asks_is_replaced_by_its_successor() {
    let mut m = Master::serving(&config("workers = 1"));
    let (old, _) = m.answer();
    m.ask("replace");
    m.line("is to be replaced: the application asked for it");
    gone(old);
    let (new, _) = m.answer();
    assert_ne!(old, new);
    assert_eq!(m.instance().board.header().worker_deaths.load(Relaxed), 0);
    m.stop();
}

#[test]
fn a_worker_that_does_not_finish_is_killed_after_the_mercy() {
    let mut m = Master::serving(&config("reload-mercy = 1").replace("= ok", "= stays"));
    m.signal(libc::SIGINT);
    m.line("did not finish its requests within the mercy: killed");
    assert_eq!(m.end().code(), Some(0));
    m.nothing_left();
}

#[test]
fn a_second_signal_a_second_later_ends_it_at_once() {
    let mut m = Master::serving(&config("reload-mercy = 600").replace("= ok", "= stays"));
    m.signal(libc::SIGTERM);
    m.line("stopping");
    // GNU timeout and group kills: the second one comes at once and changes nothing.
    m.signal(libc::SIGTERM);
    let first = std::time::Instant::now();
    let instance = m.instance();
    while !instance.ended() {
        assert!(first.elapsed() < crate::harness::PATIENCE, "{:#?}", m.seen);
        let _ = instance.signal(libc::SIGTERM);
        std::thread::yield_now();
    }
    assert!(first.elapsed().as_millis() >= 900, "not before a second: {:?}", first.elapsed());
    assert_eq!(m.end().code(), Some(0));
}

#[test]
fn a_stuck_worker_is_the_masters_business() {
    let mut m = Master::serving(&config("harakiri = 1"));
    m.ask("stuck");
    m.line("did not end a request long after its harakiri: killed by the master");
    m.line("was killed by SIGKILL");
    m.answer();
    m.stop();
}

#[test]
fn a_pause_stops_accepting_and_ends() {
    let mut m = Master::serving(&config(""));
    m.signal(libc::SIGTSTP);
    m.line("paused");
    m.signal(libc::SIGTSTP);
    m.line("accepting again");
    m.answer();
    m.stop();
}

#[test]
fn a_touched_file_reloads() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("touch");
    std::fs::write(&file, "").unwrap();
    let mut m = Master::serving(&config(&format!("touch-reload = {}", file.display())));
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
    m.line("was touched");
    m.line("reload done");
    m.stop();
}

#[test]
fn hup_storms_are_few_reloads_and_the_last_one_counts() {
    let mut m = Master::serving(&config(""));
    let instance = m.instance();
    for n in 0..20 {
        m.configure(&config(&format!("listen = {}", 50 + n)));
        m.signal(libc::SIGHUP);
    }
    let h = instance.board.header();
    let until = std::time::Instant::now() + crate::harness::PATIENCE;
    // Between one reload and the one that its HUPs still ask for the counters are equal, too.
    let last = || instance.board.socket(0).unwrap().max_queue.load(Relaxed) == 69;
    while !last() || h.reloads_done.load(Relaxed) != h.reloads_started.load(Relaxed) {
        assert!(std::time::Instant::now() < until, "the last configuration never came: {:#?}", m.seen);
        m.line("reload done");
    }
    assert!(h.reloads_done.load(Relaxed) <= 20);
    let ready = (0..instance.board.worker_capacity())
        .filter(|&i| instance.board.worker(i).unwrap().state.load(Relaxed) == WorkerState::Ready as u32);
    assert_eq!(ready.count(), 2);
    m.stop();
}

#[test]
fn a_reload_makes_a_socket_file_again_that_somebody_removed() {
    let mut m = Master::serving(&config(""));
    std::fs::remove_file(m.path("s")).unwrap();
    m.signal(libc::SIGHUP);
    m.line("reload done");
    assert_eq!(m.answer().1, 2);
    m.stop();
}
