//! Who goes before whom where the processors are short: nice values of the master, its template, and workers as they come and go.

use nix::sys::signal::Signal;
use std::fs;
use uswgi_tests::{Server, Site, until};

const APP: &str = r#"
import atexit, os, subprocess, time
HOLD = os.environ["HOLD_DIR"]

def values():
    """This process's nice value, and that of one that it starts."""
    return os.nice(0), int(subprocess.check_output(["nice"]))

def held(name):
    path = os.path.join(HOLD, name)
    if os.path.exists(path):
        with open(path + ".pid~", "w") as f:
            f.write(str(os.getpid()))
        os.rename(path + ".pid~", path + ".pid")
        while os.path.exists(path):
            time.sleep(0.01)

IMPORT = values()

def forked():
    global FORK
    FORK = values()
    atexit.register(held, "end")

os.register_at_fork(after_in_child=forked)

def application(environ, start_response):
    start_response("200 OK", [])
    return [repr([IMPORT, FORK, values()]).encode()]
"#;

fn nice(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(16)?.parse().ok()
}

/// CAP_SYS_NICE.
fn may() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let set = status.lines().find_map(|l| l.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(set.trim(), 16).unwrap() >> 23 & 1 == 1
}

fn site() -> Site {
    Site::probe()
        .source("precedence.py", APP)
        .option("module", "precedence")
        .option("workers", 2)
        .option("mules", 1)
}

/// Everybody but the master and its template, once nobody is waited for.
fn others_are_level(server: &Server, with: i32) {
    let template = server.template();
    until("processes that are as nice as ever", || {
        let mut rest =
            server.family().into_iter().filter(|&pid| pid != server.pid() && Some(pid) != template);
        rest.all(|pid| nice(pid).is_none_or(|n| n == with)).then_some(())
    });
}

#[test]
fn who_is_waited_for_goes_first_and_who_serves_does_not() {
    let server = site().start();
    let first = if may() { -10 } else { 0 };
    assert_eq!(nice(server.pid()), Some(first));
    assert_eq!(nice(server.template().unwrap()), Some(first));
    others_are_level(&server, 0);
    let said = server.get("/").expect(200).text();
    assert_eq!(said, format!("[({first}, 0), ({first}, 0), (0, 0)]"));
    // One that has finished its requests is waited for until it has ended.
    let hold = server.dir.join("hold/end");
    fs::write(&hold, "").unwrap();
    server.signal(Signal::SIGHUP);
    let ending = until("a worker that ends", || fs::read_to_string(hold.with_extension("pid")).ok());
    let ending: i32 = ending.parse().unwrap();
    until("its turn", || (nice(ending) == Some(first)).then_some(()));
    fs::remove_file(&hold).unwrap();
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    others_are_level(&server, 0);
}

#[test]
fn nobody_does_where_it_is_not_wanted_or_somebody_else_has_chosen() {
    for (option, value, with) in [("reload-boost", 0, 0), ("prio", 3, 3)] {
        let server = site().option(option, value).start();
        assert_eq!(nice(server.pid()), Some(with), "{option}");
        assert_eq!(nice(server.template().unwrap()), Some(with), "{option}");
        let said = server.get("/").expect(200).text();
        assert_eq!(said, format!("[({with}, {with}), ({with}, {with}), ({with}, {with})]"), "{option}");
        others_are_level(&server, with);
    }
}
