//! As process 1 of a container: a pid namespace of its own (this needs root, or user namespaces).

use nix::sys::signal::Signal;
use std::fs;
use uswgi_tests::process::{self, Process};
use uswgi_tests::request::Address;
use uswgi_tests::server::Door;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Need, Site, lacks, need, paths, until};

/// An application that leaves orphans: a grandchild whose parent has ended.
const ORPHANS: &str = r#"
import os
HOLD = os.environ["HOLD_DIR"]

def application(environ, start_response):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os.close(read)
            os.setsid()
            open(os.path.join(HOLD, "orphan"), "w").close()
            while not os.path.exists(os.path.join(HOLD, "go")):
                os.sched_yield()
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    start_response("200 OK", [])
    return [str(os.getppid()).encode()]
"#;

struct Container {
    process: Process,
    log: std::path::PathBuf,
}

impl Container {
    fn run(site: &Site) -> Container {
        fs::write(site.ini(), site.text()).unwrap();
        let mut run = process::command(paths::tool("unshare"));
        run.args(need::PID_NAMESPACE);
        run.arg(paths::command("uswgi-master")).arg("--ini").arg(site.ini()).current_dir(site.dir.path());
        let log = site.dir.join("log");
        Container { process: Process::start(run, &log), log }
    }

    /// Process 1, as it is called outside.
    fn first(&self) -> i32 {
        until("process 1", || children(self.process.pid()).first().copied())
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

fn children(pid: i32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|w| w.parse().ok()).collect()
}

fn zombies(pid: i32) -> usize {
    let is = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
    };
    children(pid).iter().filter(|p| is(p)).count()
}

#[test]
fn orphans_are_reaped_and_term_stops_with_0() {
    if lacks(Need::PidNamespace) {
        return;
    }
    let site = Site::probe().source("orphans.py", ORPHANS).without("module").option("module", "orphans");
    let site = site.option("vacuum", "true");
    let door = Door::Http(Address::Port(site.http_port()));
    let mut container = Container::run(&site);
    let reply = until("an answer", || {
        assert!(container.process.ended().is_none(), "{}", container.text());
        door.try_ask(&uswgi_tests::Request::get("/")).ok()
    });
    assert_eq!(reply.expect(200).text(), "1", "the parent of a worker is process 1");
    assert!(container.text().contains("pid 1:"), "{}", container.text());
    let first = container.first();
    until("the orphan", || site.dir.join("hold/orphan").exists().then_some(()));
    let with = children(first).len();
    fs::write(site.dir.join("hold/go"), "").unwrap();
    until("its end, and nothing left of it", || {
        (children(first).len() < with && zombies(first) == 0).then_some(())
    });
    door.get("/").expect(200);
    process::send(first, Signal::SIGTERM);
    assert_eq!(container.process.wait().code(), Some(0), "{}", container.text());
    container.process.wait_gone(PATIENCE);
    assert!(!site.dir.join("uwsgi.sock").exists() && !site.dir.join("uwsgi.pid").exists());
}

#[test]
fn a_start_that_fails_ends_the_container_with_its_code() {
    if lacks(Need::PidNamespace) {
        return;
    }
    let site = Site::probe().without("module").app("broken_import");
    let mut container = Container::run(&site);
    assert_eq!(container.process.wait().code(), Some(22), "{}", container.text());
    container.process.wait_gone(PATIENCE);
}

#[test]
fn a_stop_signal_reaches_the_first_step() {
    if lacks(Need::PidNamespace) {
        return;
    }
    for step in ["wait_for_file:/nope", "exec:sleep 1000; true"] {
        let site = Site::probe().option("hook-asap", step);
        let mut container = Container::run(&site);
        let first = container.first();
        until("the step", || container.text().contains("running hook-asap").then_some(()));
        process::send(first, Signal::SIGTERM);
        assert_eq!(container.process.wait().code(), Some(0), "{}", container.text());
        container.process.wait_gone(PATIENCE);
    }
}
