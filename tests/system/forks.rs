//! Threads and forks of an application: what runs where, and how often; workers that die again and again.

use nix::sys::signal::Signal;
use std::fs;
use std::sync::atomic::Ordering::Relaxed;
use uswgi_proto::scoreboard::Outcome;
use uswgi_tests::process::{send, ticks};
use uswgi_tests::wait::stays;
use uswgi_tests::{Server, Site, until};

/// Threads: one that an import starts, one of every worker's fork hook, one of the first request. Each
/// counts. `atexit` and the fork hooks write who they ran in.
const THREADS: &str = r#"
import atexit, os, threading, time
HOLD = os.environ["HOLD_DIR"]
COUNTS = {"import": 0, "fork": 0, "request": 0}

def note(what):
    with open(os.path.join(HOLD, what), "a") as f:
        f.write("%d\n" % os.getpid())

def run(name):
    def counting():
        while True:
            COUNTS[name] += 1
            time.sleep(0.01)
    threading.Thread(target=counting, name=name + "-counter", daemon=True).start()

def in_child():
    COUNTS.update(dict.fromkeys(COUNTS, 0))
    note("forked")
    run("fork")

run("import")
os.register_at_fork(after_in_child=in_child)
atexit.register(note, "atexit")

def application(environ, start_response):
    if environ["PATH_INFO"] == "/start":
        run("request")
    start_response("200 OK", [])
    return [("%d %d %d %d" % (os.getpid(), COUNTS["import"], COUNTS["fork"], COUNTS["request"])).encode()]
"#;

fn threads(lazy: bool) -> Site {
    let site = Site::probe().source("threads.py", THREADS).without("module").option("module", "threads");
    site.option("lazy-apps", lazy)
}

fn pids(server: &Server, name: &str) -> Vec<i32> {
    let text = fs::read_to_string(server.dir.join("hold").join(name)).unwrap_or_default();
    text.lines().filter_map(|l| l.parse().ok()).collect()
}

/// pid, and the counters of the thread of the import, of the fork and of the request.
fn counts(server: &Server, target: &str) -> [i64; 4] {
    let text = server.get(target).expect(200).text().to_string();
    let n: Vec<i64> = text.split(' ').map(|w| w.parse().unwrap()).collect();
    n.try_into().unwrap()
}

#[test]
fn threads_of_hooks_and_requests_run_and_those_of_the_import_are_named_once() {
    let mut server = threads(false).start();
    let warning = "started threads while it was imported that its workers do not have (import-counter)";
    assert_eq!(server.log().matches(warning).count(), 1, "{}", server.log());
    let first = counts(&server, "/start");
    // Nobody asks for a while: the threads run all the same, without a request that drives them.
    let later = until("threads that count", || {
        let now = counts(&server, "/");
        (now[2] > first[2] + 20 && now[3] > 20).then_some(now)
    });
    assert_eq!(later[1], 0, "a thread of the import does not live on in a worker");
    let worker = server.worker_pids();
    assert_eq!(pids(&server, "forked"), worker, "the hook ran once, in the worker");
    server.stop(Signal::SIGTERM);
    let ended = pids(&server, "atexit");
    assert_eq!(ended.iter().filter(|p| worker.contains(p)).count(), 1, "{ended:?}");
}

/// As OpenTelemetry's batch processor: a thread of the import, started again by a fork hook in every process.
const AGAIN: &str = r#"
import os, threading
from probe import application
never = threading.Event()

def exporter():
    threading.Thread(target=never.wait, name="exporter", daemon=True).start()

def flusher():
    threading.Thread(target=never.wait, daemon=True).start()

exporter()
flusher()
os.register_at_fork(after_in_child=exporter)
os.register_at_fork(after_in_child=flusher)
"#;

#[test]
fn threads_that_a_library_starts_again_after_the_fork_are_not_warned_of() {
    let lost = "threading.Thread(target=never.wait, name='watcher', daemon=True).start()\n";
    // The second of a name is not there again.
    let twice = "exporter()\n";
    for (more, named) in [("", None), (lost, Some("(watcher)")), (twice, Some("(exporter)"))] {
        let site = Site::probe().source("again.py", &format!("{AGAIN}{more}")).without("module");
        let server = site.option("module", "again").option("workers", 2).start();
        let log = server.wait_log("ready: generation 1");
        let told: Vec<&str> = log.lines().filter(|l| l.contains("started threads while")).collect();
        assert_eq!(told.len(), usize::from(named.is_some()), "{log}");
        assert!(told.iter().all(|l| l.contains(named.unwrap_or_default())), "{log}");
    }
}

#[test]
fn with_lazy_apps_threads_of_the_import_live_in_the_worker() {
    let mut server = threads(true).start();
    assert!(!server.log().contains("started threads while it was imported"), "{}", server.log());
    until("the thread of the import", || (counts(&server, "/")[1] > 20).then_some(()));
    let worker = server.worker_pids();
    server.reload();
    // Who is replaced ends as Python ends.
    until("the old worker's atexit", || pids(&server, "atexit").contains(&worker[0]).then_some(()));
    server.stop(Signal::SIGTERM);
    assert_eq!(pids(&server, "atexit").len(), 2, "each worker once: {:?}", pids(&server, "atexit"));
}

#[test]
fn fork_hooks_run_once_in_every_worker_and_after_every_reload() {
    let server = threads(false).option("workers", 3).start();
    for round in 1..=2 {
        let mut ran = pids(&server, "forked");
        ran.sort_unstable();
        ran.dedup();
        assert_eq!(ran.len(), 3 * round, "{:?}", pids(&server, "forked"));
        assert_eq!(pids(&server, "forked").len(), 3 * round, "none twice");
        server.reload();
    }
}

/// An application whose workers die in the fork hook once a file is there.
fn mortal() -> Site {
    let source = "import os\nfrom probe import application, DIR\nflag = os.path.join(DIR, 'flag')\n\
                  os.register_at_fork(after_in_child=lambda: os.path.exists(flag) and os._exit(9))\n";
    Site::probe()
        .source("mortal.py", source)
        .without("module")
        .option("module", "mortal")
        .option("workers", 2)
}

#[test]
fn a_generation_whose_workers_die_at_once_is_given_up_and_the_last_good_one_serves() {
    let server = mortal().start();
    let before = server.worker_pids();
    fs::write(server.dir.join("hold/flag"), "").unwrap();
    server.reload();
    let instance = server.instance().unwrap();
    let header = instance.board.header();
    assert_eq!(header.last_outcome.load(Relaxed), Outcome::AppFailed as u32);
    assert_eq!(server.worker_pids(), before, "the last good generation, untouched");
    let reason = header.reason.read().unwrap_or_default();
    assert!(reason.contains("exited with code 9"), "{reason}");
    let status = server.ctl(&["status"]);
    assert!(
        String::from_utf8_lossy(&status.stdout).contains("exited with code 9"),
        "kept in view: {status:?}"
    );
    server.get("/hello").expect(200);
}

#[test]
fn the_reason_is_kept_in_view_where_workers_accept_and_die_soon_after() {
    let source = "import os, threading\nfrom probe import application, DIR\nflag = os.path.join(DIR, 'flag')\n\
                  die = lambda: threading.Timer(0.3, os._exit, [9]).start()\n\
                  os.register_at_fork(after_in_child=lambda: os.path.exists(flag) and die())\n";
    let server = Site::probe().source("brief.py", source).without("module").option("module", "brief").start();
    fs::write(server.dir.join("hold/flag"), "").unwrap();
    // It loads and accepts, so the reload is done.
    server.reload();
    let in_view = |verb: &str, part: &str| {
        until(part, || {
            let out = server.ctl(&[verb]);
            String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).contains(part).then_some(())
        });
    };
    in_view("status", "exited with code 9, 0.");
    // From the sixth on there is a wait.
    in_view("ping", "no worker accepts: worker 1");
}

#[test]
fn workers_that_die_again_and_again_keep_nobody_busy_and_the_reason_in_view() {
    let server = mortal().start();
    fs::write(server.dir.join("hold/flag"), "").unwrap();
    for pid in server.worker_pids() {
        send(pid, Signal::SIGKILL);
    }
    let instance = server.instance().unwrap();
    let deaths = || instance.board.header().worker_deaths.load(Relaxed);
    until("some deaths", || (deaths() >= 6).then_some(()));
    let (before, used) = (deaths(), ticks(server.pid()));
    stays(std::time::Duration::from_secs(3), || true);
    assert!(deaths() - before <= 8, "{} deaths in three seconds", deaths() - before);
    assert!(ticks(server.pid()) - used <= 15, "{} ticks of the master", ticks(server.pid()) - used);
    let status = server.ctl(&["status"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("exited with code 9"), "{status:?}");
    fs::remove_file(server.dir.join("hold/flag")).unwrap();
    until("both again", || (server.worker_pids().len() == 2).then_some(()));
    server.get("/hello").expect(200);
}
