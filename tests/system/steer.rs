//! What a running instance is told other than by signals: the steering socket and the FIFO.

use nix::sys::signal::Signal;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use uswgi_proto::scale::ScaleTo;
use uswgi_proto::scoreboard::{InstanceState, WorkerState};
use uswgi_proto::steer::{self, Answer, Reload, STEER_FD, STEER_VERSION, SteerRequest};
use uswgi_tests::{Need, Server, Site, lacks, process, until};

const PATIENCE: Duration = Duration::from_secs(60);

fn ask(server: &Server, request: SteerRequest) -> Answer {
    steer::ask(&server.instance().unwrap(), &request, PATIENCE).unwrap()
}

#[track_caller]
fn done(server: &Server, request: SteerRequest) {
    let answer = ask(server, request);
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
}

fn write(path: &Path, letters: &str) {
    let open = || fs::OpenOptions::new().write(true).custom_flags(libc_nonblock()).open(path).ok();
    until("a reader of the FIFO", open).write_all(letters.as_bytes()).unwrap();
}

fn libc_nonblock() -> i32 {
    nix::fcntl::OFlag::O_NONBLOCK.bits()
}

#[test]
fn a_master_answers_by_its_descriptor_and_leaves_no_name() {
    let server = Site::probe().option("harakiri", 7).start();
    let Answer::Pong { pid, version, generation } = ask(&server, SteerRequest::Ping) else { panic!() };
    assert_eq!((pid, generation), (server.pid(), 1));
    assert!(!version.is_empty());
    let Answer::Config { settings, .. } = ask(&server, SteerRequest::Config) else { panic!() };
    assert!(settings.iter().any(|s| s.name == "harakiri" && s.value == "7"), "{settings:?}");
    let answer = ask(&server, SteerRequest::Retire { worker: 99 });
    assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
    for directory in ["/dev/shm", "/tmp"] {
        let mark = format!(".uswgi-steer-{}-", server.pid());
        let names = fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name());
        assert!(names.into_iter().all(|n| !n.to_string_lossy().starts_with(&mark)));
    }
}

#[test]
fn nonsense_and_silence_do_not_stop_it() {
    let server = Site::probe().start();
    let door = format!("/proc/{}/fd/{STEER_FD}", server.pid());
    // More silent clients than it speaks to at a time: they are heard out in turn.
    let silent: Vec<_> = (0..10).map(|_| UnixStream::connect(&door).unwrap()).collect();
    for nonsense in [&b"\xff\x00{"[..], &[b'['; 200_000]] {
        let mut client = UnixStream::connect(&door).unwrap();
        let _ = client.write_all(nonsense);
        let _ = client.shutdown(std::net::Shutdown::Write);
        let mut text = Vec::new();
        let _ = client.read_to_end(&mut text);
        assert!(String::from_utf8_lossy(&text).contains("refused"), "{}", String::from_utf8_lossy(&text));
    }
    assert!(matches!(ask(&server, SteerRequest::Ping), Answer::Pong { .. }));
    server.get("/pid").expect(200);
    drop(silent);
}

#[test]
fn another_user_is_kept_out() {
    if lacks(Need::Root) {
        return;
    }
    let server = Site::probe().start();
    let script = format!(
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/proc/{}/fd/{STEER_FD}')",
        server.pid()
    );
    let mut stranger = process::command("python3");
    std::os::unix::process::CommandExt::uid(&mut stranger, 65534);
    stranger.args(["-c", &script]);
    let out = process::run(stranger, PATIENCE);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("PermissionError"), "{said}");
}

#[test]
fn a_reload_is_taken_and_counted() {
    let server = Site::probe().option("workers", 2).start();
    let before = server.worker_pids();
    done(&server, SteerRequest::Reload { what: Reload::All, at_once: false });
    until("the end of the reload", || (server.reloads_done() == 1).then_some(()));
    assert!(server.worker_pids().iter().all(|pid| !before.contains(pid)));
}

#[test]
fn workers_are_renewed_without_a_new_import() {
    let count = "import os\nopen(os.path.join(os.environ['HOLD_DIR'], 'imports'), 'a').write('x')\n";
    let site = |lazy: &str| {
        Site::probe().source("counted.py", count).option("import", "counted").option("lazy-apps", lazy)
    };
    let imports = |s: &Server| fs::read_to_string(s.dir.join("hold/imports")).unwrap().len();
    for (lazy, expected) in [("false", 1), ("true", 2)] {
        let server = site(lazy).start();
        let before = server.worker_pids();
        // What stands in the file now is read by a reload only.
        let ini = server.dir.join("uwsgi.ini");
        let text = fs::read_to_string(&ini).unwrap();
        fs::write(&ini, format!("{text}workers = nonsense\n")).unwrap();
        done(&server, SteerRequest::Reload { what: Reload::Workers, at_once: false });
        until("a new worker", || {
            let now = server.worker_pids();
            (now.len() == 1 && now != before).then_some(())
        });
        assert_eq!(imports(&server), expected, "lazy-apps = {lazy}");
        server.get("/pid").expect(200);
    }
}

#[test]
fn at_once_does_not_wait_for_a_request() {
    let server = Site::probe().option("reload-mercy", 300).start();
    let reply = server.door().ask_later(uswgi_tests::Request::get("/hold?name=a"));
    let pid = server.held("a");
    done(&server, SteerRequest::Reload { what: Reload::Workers, at_once: true });
    until("the end of the old worker", || (!process::alive(pid)).then_some(()));
    assert!(reply.join().unwrap().is_err());
    server.get("/pid").expect(200);
}

#[test]
fn the_fifo_has_the_letters_of_uwsgi() {
    let site = Site::probe();
    let path = site.dir.join("fifo");
    let mut server = site.option("master-fifo", path.display()).option("vacuum", "true").start();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    let state = || InstanceState::from_number(server.instance().unwrap().board.header().state.load(Relaxed));
    write(&path, "p\n");
    until("pause", || (state() == InstanceState::Paused).then_some(()));
    write(&path, "p");
    until("no pause", || (state() == InstanceState::Running).then_some(()));
    write(&path, "zsEf");
    server.wait_log("worker 1: pid");
    server.wait_log("master-fifo: E refused: there is no Emperor");
    server.wait_log("master-fifo: f refused");
    write(&path, "r");
    until("the end of the reload", || (server.reloads_done() == 1).then_some(()));
    let before = server.worker_pids();
    write(&path, "w");
    until("a new worker", || {
        (server.worker_pids().len() == 1 && server.worker_pids() != before).then_some(())
    });
    fs::write(server.dir.join("uwsgi.pid"), "").unwrap();
    write(&path, "P");
    until("the pidfile", || (server.pidfile() == Some(server.pid())).then_some(()));
    fs::remove_file(&path).unwrap();
    until("the FIFO again", || path.exists().then_some(()));
    write(&path, "q");
    assert_eq!(server.wait().code(), Some(0));
    server.wait_gone();
    assert!(!path.exists(), "vacuum");
}

#[test]
fn the_fifo_sends_the_workers_away_until_somebody_connects() {
    let site = Site::probe().option("workers", 2).option("reload-mercy", 300);
    let path = site.dir.join("fifo");
    let server = site.option("master-fifo", path.display()).start();
    let reply = server.door().ask_later(uswgi_tests::Request::get("/hold?name=a"));
    let busy = server.held("a");
    write(&path, "C");
    until("the end of the idle worker", || (server.worker_pids() == [busy]).then_some(()));
    server.let_go("a");
    reply.join().unwrap().unwrap().expect(200);
    let gone = || until("the end of the last worker", || server.workers().is_empty().then_some(()));
    gone();
    // The application is imported again, and nobody is woken.
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    assert!(server.workers().is_empty());
    for door in server.doors() {
        door.get("/hello").expect(200);
        until("both workers", || (server.worker_pids().len() == 2).then_some(()));
        write(&path, "C");
        gone();
    }
}

#[test]
fn the_fifo_can_stop_at_once() {
    let site = Site::probe();
    let path = site.dir.join("fifo");
    let mut server = site.option("master-fifo", path.display()).option("reload-mercy", 300).start();
    let reply = server.door().ask_later(uswgi_tests::Request::get("/hold?name=a"));
    server.held("a");
    write(&path, "Q");
    assert_eq!(server.wait().code(), Some(0));
    server.wait_gone();
    assert!(reply.join().unwrap().is_err());
}

#[test]
fn a_digit_chooses_another_fifo() {
    let site = Site::probe();
    let (a, b) = (site.dir.join("a"), site.dir.join("b"));
    let mut server = site.option("master-fifo", a.display()).option("master-fifo", b.display()).start();
    assert!(!b.exists());
    write(&a, "1");
    until("the other FIFO", || b.exists().then_some(()));
    assert!(!a.exists());
    write(&b, "s");
    server.wait_log("worker 1: pid");
    server.stop(Signal::SIGTERM);
}

#[test]
fn the_dropped_user_owns_the_fifo_and_may_steer() {
    if lacks(Need::Root) {
        return;
    }
    let site = Site::new().app("probe").home(&uswgi_tests::paths::public_venv()).http();
    let folder = site.dir.join("hold");
    let path = folder.join("fifo");
    let server = site.option("uid", 65534).option("gid", 65534).option("master-fifo", path.display()).start();
    assert_eq!(fs::metadata(&path).unwrap().uid(), 65534);
    assert!(matches!(ask(&server, SteerRequest::Ping), Answer::Pong { .. }));
    let script = format!(
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/proc/{}/fd/{STEER_FD}'); \
         s.sendall(b'{{\"version\":{STEER_VERSION},\"request\":{{\"verb\":\"ping\"}}}}'); s.shutdown(1); print(s.recv(999))",
        server.pid()
    );
    let mut user = process::command("python3");
    std::os::unix::process::CommandExt::uid(&mut user, 65534);
    std::os::unix::process::CommandExt::gid(&mut user, 65534);
    user.args(["-c", &script]);
    let out = process::run(user, PATIENCE);
    assert!(String::from_utf8_lossy(&out.stdout).contains("pong"), "{out:?}");
}

#[test]
fn workers_are_added_retired_and_killed() {
    let site = Site::probe();
    let path = site.dir.join("fifo");
    let server = site.option("master-fifo", path.display()).start();
    done(&server, SteerRequest::Scale { to: ScaleTo::More(2) });
    until("three workers", || (server.worker_pids().len() == 3).then_some(()));
    write(&path, "-");
    until("two workers", || (server.workers().len() == 2).then_some(()));
    let old = server.workers();
    let renewed = |n: usize| {
        until("another process of that number", || {
            let now = server.workers();
            let there = now.len() == 2 && now[n].state == WorkerState::Ready && now[n].id == old[n].id;
            (there && now[n].pid != old[n].pid).then_some(now[1 - n].pid)
        })
    };
    done(&server, SteerRequest::Retire { worker: old[0].id });
    assert_eq!(renewed(0), old[1].pid);
    done(&server, SteerRequest::Kill { worker: old[1].id });
    renewed(1);
    for request in [SteerRequest::Retire { worker: 9 }, SteerRequest::Kill { worker: 9 }] {
        let Answer::Refused { message } = ask(&server, request) else { panic!() };
        assert!(message.contains("worker 9"), "{message}");
    }
}

#[test]
fn an_order_that_was_given_up_is_not_carried_out_later() {
    let server = Site::probe().option("workers", 1).start();
    server.signal(Signal::SIGSTOP);
    let out = server.ctl(&["scale", "+1", "--timeout", "0.3"]);
    assert_eq!(out.status.code(), Some(3), "{out:?}");
    server.signal(Signal::SIGCONT);
    server.wait_log("a request is not carried out");
    done(&server, SteerRequest::Report);
    assert_eq!(server.workers().len(), 1);
    let out = server.ctl(&["scale", "+1", "--wait"]);
    assert_eq!((out.status.code(), server.worker_pids().len()), (Some(0), 2), "{out:?}");
}
