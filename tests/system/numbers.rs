//! One number, one process: what `uwsgi.worker_id()` names belongs to one process at a time with `worker-id-exclusive`.

use nix::sys::signal::Signal;
use std::fs;
use uswgi_tests::process::send;
use uswgi_tests::{Load, Server, Site, paths, until};

fn site(workers: u32) -> Site {
    Site::new().app("numbers").home(&paths::pythons()[0].1).both().option("workers", workers)
}

fn exclusive(workers: u32) -> Site {
    site(workers).option("worker-id-exclusive", "true")
}

/// What processes have said when they got their number.
fn forks(server: &Server) -> Vec<String> {
    let text = fs::read_to_string(server.dir.join("hold/forks")).unwrap_or_default();
    text.lines().map(str::to_string).collect()
}

fn twice(server: &Server) -> Vec<String> {
    forks(server).into_iter().filter(|l| l.contains(" twice ")).collect()
}

fn write(server: &Server, from: &str, to: &str) {
    let path = server.dir.join("app/numbers.py");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
    let _ = fs::remove_dir_all(server.dir.join("app/__pycache__"));
}

/// Exit code of a verb.
fn ctl(server: &Server, args: &[&str]) -> Option<i32> {
    server.ctl(args).status.code()
}

#[test]
fn a_number_has_one_process_through_reloads_replacement_and_kills_under_load() {
    let server = exclusive(3).option("max-requests", 400).start();
    let load = Load::start(&server.doors(), 2, "/");
    load.wait_more(50);
    for version in ["two", "three"] {
        write(&server, "VERSION = \"", &format!("VERSION = \"{version}\" or \""));
        assert_eq!(ctl(&server, &["reload", "--wait"]), Some(0));
        assert_eq!(server.get("/").expect(200).text(), version);
    }
    let before = forks(&server).len();
    assert_eq!(ctl(&server, &["retire", "2"]), Some(0));
    let retired = || (forks(&server).len() > before).then_some(());
    until("a successor of worker 2", retired);
    // Whoever has answered its 400 is replaced too.
    until("requests that replace all", || (forks(&server).len() >= before + 4).then_some(()));
    let seen = load.stop();
    assert!(seen.failures.is_empty(), "{:?}", &seen.failures[..seen.failures.len().min(5)]);
    let before = forks(&server).len();
    let killed = until("a worker", || server.worker_pids().first().copied());
    send(killed, Signal::SIGKILL);
    until("its successor", || (forks(&server).len() > before).then_some(()));
    assert_eq!(twice(&server), [] as [&str; 0]);
    assert!(!server.log().contains("has the same number"), "{}", server.log());
    let all = forks(&server);
    assert!(all.iter().all(|l| (1..=3).any(|n| l.starts_with(&format!("worker {n} ")))), "{all:?}");
}

/// Observed on uWSGI 2.0.31: old workers end before new ones start, so a number is never there twice.
#[test]
fn by_default_a_successor_has_the_number_of_who_still_lives_which_it_is_told_and_uwsgi_has_it_once() {
    let server = site(2).start();
    server.reload();
    let twice = twice(&server);
    assert_eq!(twice.len(), 2, "{twice:?}");
    assert!(twice.iter().all(|l| l.contains("alone pid")), "a slot is nobody else's: {twice:?}");
    server.wait_log("uwsgi.post_fork_hook runs in worker 1 while pid ");
    if paths::original().is_some() {
        return;
    }
    let theirs = site(1).option("master", "true").option("reload-mercy", 1).program(paths::uwsgi());
    let theirs = Server::begin(theirs);
    until("it to serve", || theirs.door().try_ask(&uswgi_tests::Request::get("/")).ok());
    theirs.signal(Signal::SIGHUP);
    until("its successor", || (forks(&theirs).len() == 2).then_some(()));
    let all = forks(&theirs);
    assert!(all.iter().all(|l| !l.contains("twice")), "{all:?}");
}

#[test]
fn connections_wait_for_the_successor_of_the_only_worker() {
    let server = exclusive(1).start();
    let load = Load::start(&server.doors(), 3, "/slow");
    load.wait_more(3);
    write(&server, "VERSION = \"one\"", "VERSION = \"two\"");
    assert_eq!(ctl(&server, &["reload", "--wait"]), Some(0));
    load.wait_more(3);
    let seen = load.stop();
    assert!(seen.failures.is_empty(), "{:?}", seen.failures);
    assert!(seen.bodies.contains_key("one") && seen.bodies.contains_key("two"), "{:?}", seen.bodies);
    server.wait_log(
        "ends before its successor starts (worker-id-exclusive): connections wait in the listen queue",
    );
    assert_eq!(twice(&server), [] as [&str; 0]);
}

#[test]
fn with_lazy_apps_the_application_is_tried_before_a_worker_leaves_for_it() {
    let server = exclusive(2).option("lazy-apps", "true").start();
    let pids = server.worker_pids();
    write(&server, "VERSION = \"one\"", "VERSION = \"one\" + nothing");
    assert_ne!(ctl(&server, &["reload", "--wait"]), Some(0));
    assert_eq!(server.worker_pids(), pids, "nobody has left for an application that does not load");
    write(&server, "VERSION = \"one\" + nothing", "VERSION = \"two\"");
    assert_eq!(ctl(&server, &["reload", "--wait"]), Some(0));
    assert_eq!(server.get("/").expect(200).text(), "two");
    until("who tried it to be gone", || server.template().is_none().then_some(()));
    assert_eq!(twice(&server), [] as [&str; 0]);
}

/// A fork that was given up before the template came to it finds that out before it runs anything of the application: its
/// slot is another one's by then.
#[test]
fn a_fork_that_is_not_wanted_any_more_runs_nothing_of_the_application() {
    let app = "
import os, time, uwsgi
HOLD = os.environ['HOLD_DIR']
def tell(what, *words):
    fd = os.open(HOLD + '/' + what, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, (' '.join(map(str, words)) + '\\n').encode())
    os.close(fd)
def wait():
    while os.path.exists(HOLD + '/closed'):
        if not os.path.exists(HOLD + '/waits'):
            open(HOLD + '/waits', 'w').close()
        time.sleep(0.01)
os.register_at_fork(before=wait, after_in_child=lambda: tell('born', os.getpid()))
uwsgi.post_fork_hook = lambda: tell('forks', uwsgi.worker_slot(), os.getpid())
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'hi']
";
    let server = site(1).without("module").source("gate.py", app).option("module", "gate").start();
    let hold = server.dir.join("hold");
    fs::write(hold.join("closed"), "").unwrap();
    assert_eq!(ctl(&server, &["scale", "+1"]), Some(0));
    until("the template at the first fork", || hold.join("waits").exists().then_some(()));
    for to in ["-1", "+1"] {
        assert_eq!(ctl(&server, &["scale", to]), Some(0));
    }
    fs::remove_file(hold.join("closed")).unwrap();
    assert_eq!(ctl(&server, &["wait", "--ready"]), Some(0));
    until("the second worker", || (forks(&server).len() >= 2).then_some(()));
    // Master, template and two workers: the other fork has gone.
    until("nobody else", || (server.family().len() == 4).then_some(()));
    let pids = server.worker_pids();
    assert_eq!(pids.len(), 2);
    let born = fs::read_to_string(hold.join("born")).unwrap();
    assert_eq!((born.lines().count(), forks(&server).len()), (2, 2), "{born} {:?}", forks(&server));
    assert!(forks(&server).iter().all(|l| pids.iter().any(|pid| l.ends_with(&format!(" {pid}")))));
}
