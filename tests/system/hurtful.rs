//! Applications that hurt: each does in a request what real ones do by mistake. The others are answered, who is lost is replaced for a
//! reason that the log names, and a reload and a stop go as always.

use nix::sys::signal::Signal;
use std::time::{Duration, Instant};
use uswgi_tests::{Request, Server, Site, paths, until};

/// What becomes of the request.
enum Fate {
    /// It is answered with this text, by a worker that goes on.
    Answered(&'static str),
    /// It is answered with 500, by a worker that goes on; the log has this line.
    Error(&'static str),
    /// It is lost with its worker, of which the log says this.
    Lost(&'static str),
}
use Fate::{Answered, Error, Lost};

const HURTS: &[(&str, Fate)] = &[
    // Children of an application end by the signals of which a worker takes notice only: a pool waits for that.
    ("/pool", Answered("285")),
    ("/pool-spawned", Answered("285")),
    ("/fork", Answered("1792")),
    ("/fork-told", Answered("15")),
    ("/fork-interrupted", Answered("2")),
    ("/preexec", Answered("ran")),
    ("/exit", Error("SystemExit: 5")),
    ("/interrupt", Error("KeyboardInterrupt")),
    ("/exit-at-once", Lost("exited with code 5")),
    ("/abort", Lost("was killed by SIGABRT")),
    ("/alarm", Lost("was killed by SIGALRM")),
    ("/crash", Lost("was killed by SIGSEGV")),
    ("/crash-in-a-thread", Lost("was killed by SIGSEGV")),
    ("/deep", Lost("was killed by SIGSEGV")),
    ("/told-to-end", Answered("alive")),
    ("/block-signals", Answered("blocked")),
    ("/elsewhere", Answered("moved")),
    ("/long-lines", Answered("written")),
    ("/close-outputs", Answered("closed")),
];

const WORKERS: usize = 3;

fn site() -> Site {
    let site = Site::new().app("hurtful").home(&paths::pythons()[0].1).both();
    site.option("workers", WORKERS).option("disable-logging", "true").option("min-worker-lifetime", 0)
}

fn all_serve(server: &Server) -> Vec<i32> {
    until("every worker", || Some(server.worker_pids()).filter(|pids| pids.len() == WORKERS))
}

fn hurt(server: &Server, path: &str, fate: &Fate) {
    let before = all_serve(server);
    let said = server.log().len();
    let door = server.doors().swap_remove(said % 2);
    let reply = door.try_ask(&Request::get(path));
    let others = |n: usize| (0..n).for_each(|_| drop(server.get("/").expect(200)));
    others(6);
    match fate {
        Answered(text) => assert_eq!(reply.unwrap().expect(200).text(), *text, "{path}"),
        Error(line) => {
            reply.unwrap().expect(500);
            until(line, || server.log()[said..].contains(line).then_some(()));
        }
        Lost(how) => {
            assert!(!reply.is_ok_and(|r| r.status == 200), "{path}");
            let gone =
                until("its end", || before.iter().find(|pid| !server.worker_pids().contains(pid)).copied());
            let line = format!("(pid {gone}) {how}");
            until(&line, || server.log()[said..].contains(&line).then_some(()));
        }
    }
    let now = all_serve(server);
    if !matches!(fate, Lost(_)) {
        assert_eq!(now, before, "{path}: nobody is replaced");
    }
    others(2);
}

fn hurt_and_reloaded(threads: u32) {
    let mut server =
        site().option("threads", threads).option("reload-mercy", 20).option("vacuum", "true").start();
    // Python lets its main thread alone have one.
    if threads == 1 {
        hurt(&server, "/own-handler", &Answered("handled"));
    }
    for (path, fate) in HURTS {
        hurt(&server, path, fate);
    }
    let out = server.ctl(&["reload", "--wait", "--drain", "--timeout", "30"]);
    assert_eq!(out.status.code(), Some(0), "{out:?}\n{}", server.log());
    assert!(!server.log().contains("within the mercy"), "{}", server.log());
    server.get("/").expect(200);
    server.stop(Signal::SIGTERM);
    assert!(!server.dir.join("uwsgi.sock").exists());
}

#[test]
fn what_hurts_one_thread_hurts_nobody_else() {
    hurt_and_reloaded(1);
}

#[test]
fn what_hurts_one_of_several_threads_ends_with_its_worker() {
    hurt_and_reloaded(2);
}

/// The reason is the application's end, not a request: whoever reads the log looks in the right place.
#[test]
fn an_application_that_does_not_end_is_killed_as_such() {
    for (path, why) in [
        ("/thread-stays", "has answered its requests, but its application did not end within the mercy"),
        ("/late-atexit", "has answered its requests, but its application did not end within the mercy"),
        ("/hold-the-gil", "did not finish its requests within the mercy"),
    ] {
        for threads in [1, 2] {
            let site = site().without("workers").option("threads", threads).option("reload-mercy", 1);
            let server = site.start();
            let old = server.worker_pids()[0];
            let begun = server.door().ask_later(Request::get(path));
            match path {
                "/hold-the-gil" => server_is_in(&server, path),
                _ => drop(begun.join().unwrap().unwrap().expect(200)),
            }
            let begin = Instant::now();
            let out = server.ctl(&["reload", "--wait", "--drain", "--timeout", "30"]);
            assert_eq!(out.status.code(), Some(0), "{out:?}\n{}", server.log());
            assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
            server.wait_log(&format!("(pid {old}) {why}"));
            server.get("/").expect(200);
        }
    }
}

/// Wait until a lane shows this request.
fn server_is_in(server: &Server, path: &str) {
    until("the request", || {
        let status = server.ctl(&["status", "--json"]);
        String::from_utf8_lossy(&status.stdout).contains(path).then_some(())
    });
}

#[test]
fn processes_that_the_import_forked_serve_the_application_and_not_the_master() {
    // A server of shared objects, as libraries start one: every worker reaches it, also after a reload.
    let mut server = site().option("env", "MODE=manager").start();
    for n in 1..=6 {
        assert_eq!(server.get("/counted").expect(200).text(), n.to_string());
    }
    server.reload();
    server.get("/counted").expect(200);
    server.stop(Signal::SIGTERM);
    // A child that comes back from the import would answer the master in its parent's place.
    for lazy in ["false", "true"] {
        let mut server = site().option("env", "MODE=comes back").option("lazy-apps", lazy).start();
        server.wait_log("a process that the application forked came back from the import: it ends here");
        let pids = all_serve(&server);
        for _ in 0..10 {
            server.get("/").expect(200);
        }
        assert_eq!(all_serve(&server), pids);
        server.reload();
        server.get("/").expect(200);
        assert!(!server.log().contains("exited with code"), "{}", server.log());
        server.stop(Signal::SIGTERM);
    }
}
