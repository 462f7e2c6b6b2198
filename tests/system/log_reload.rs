//! A reload that sends the log elsewhere, under load: every line stands in one log, once; and one whose log cannot be
//! opened changes nothing.

use crate::log_rotate::{KINDS, count, site, under_load};
use nix::sys::signal::Signal;
use std::fs;
use std::path::Path;
use uswgi_tests::{Need, Server, Site, lacks, until};

/// Everything in the logs of a folder, and what went to stderr.
fn logged(dir: &Path) -> String {
    let names = uswgi_tests::temp::names(dir);
    let logs = names.iter().filter(|n| n.starts_with("log"));
    // One that is being rotated has no name for a moment.
    logs.map(|n| String::from_utf8_lossy(&fs::read(dir.join(n)).unwrap_or_default()).into_owned()).collect()
}

/// Log processes that live.
fn log_processes(server: &Server) -> usize {
    let name = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    server.family().iter().filter(|pid| name(pid).trim() == "uswgi-log").count()
}

fn rewrite(server: &Server, base: &str, more: &str) {
    let text = more.replace("DIR", &server.dir.path().display().to_string());
    fs::write(server.dir.join("uwsgi.ini"), format!("{base}{text}\n")).unwrap();
}

/// Reload from one way to log to the next, under load.
fn moves(site: Site) {
    let base = site.text();
    let first = site.dir.join("log.0").display().to_string();
    let mut server = site.option("logto", first).start();
    let dir = server.dir.path().to_path_buf();
    // What the configuration says, where a request line is then, how many log processes there are.
    let steps = [
        ("logto = DIR/log.1", "log.1", 0),
        ("logto = DIR/log.2\nlog-master = true", "log.2", 1),
        ("logger = file:DIR/log.3\nlog-drain = nothing like it", "log.3", 1),
        ("logger = file:DIR/log.3\nreq-logger = file:DIR/log.4", "log.4", 1),
        ("log-maxsize = 50000\nlogto = DIR/log.5\nlog-encoder = suffix ", "log.5", 1),
        ("logto2 = DIR/log.6", "log.6", 0),
        ("", "log", 0),
        ("logto = DIR/log.1", "log.1", 0),
    ];
    let requests = under_load(&server, || {
        for (more, name, processes) in steps {
            let path = dir.join(name);
            let before = fs::read_to_string(&path).unwrap_or_default().len();
            rewrite(&server, &base, more);
            server.reload();
            until(&format!("request lines in {name}"), || {
                let text = fs::read(&path).unwrap_or_default();
                let new = String::from_utf8_lossy(text.get(before..).unwrap_or_default()).into_owned();
                // The master is there too.
                (new.contains("request ") || name == "log.4").then_some(())
            });
            until("the log processes of before to end", || {
                (log_processes(&server) == processes).then_some(())
            });
            let said = logged(&dir);
            assert!(!said.contains("needs a restart") && !said.contains("reload failed"), "{more}: {said}");
        }
    });
    assert!(requests > 20, "{requests}");
    server.stop(Signal::SIGTERM);
    let wanted = usize::try_from(requests).unwrap() * KINDS.len();
    let seen = count(&logged(&dir));
    let twice: Vec<_> = seen.iter().filter(|(_, n)| **n != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert_eq!(seen.len(), wanted, "lines that are nowhere");
    assert!(fs::read_to_string(dir.join("log.1")).unwrap().ends_with("uswgi-master: stopped\n"));
}

#[test]
fn the_log_moves_under_load_without_loss() {
    moves(site().option("processes", 3).option("keep-previous", 0));
}

#[test]
fn it_moves_with_lazy_apps_too() {
    moves(site().option("processes", 3).option("lazy-apps", "true"));
}

#[test]
fn a_log_that_cannot_be_opened_keeps_the_old_one_and_the_old_generation() {
    for more in ["logto = /no/such/dir/log", "logger = file:/no/such/dir/log", "req-logger = fd:77"] {
        let site = site();
        let base = site.text();
        let first = site.dir.join("log.0").display().to_string();
        let mut server = site.option("logto", first).start();
        rewrite(&server, &base, more);
        let out = server.ctl(&["reload", "--wait"]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_ne!(out.status.code(), Some(0));
        assert!(said.contains("the log cannot be changed"), "{more}: {said}");
        assert!(said.contains("/no/such/dir/log") || said.contains("descriptor 77"), "{more}: {said}");
        server.get("/?1").expect(200);
        until("the request in the old log", || {
            logged(server.dir.path()).contains("request 1 end").then_some(())
        });
        assert_eq!(log_processes(&server), 0);
        // An application that does not load leaves the log alone too, and no log process behind.
        fs::write(server.dir.join("app/numbers.py"), "1/0\n").unwrap();
        rewrite(&server, &base, "logger = file:DIR/log.new");
        assert_ne!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
        until("the end of the log process", || (log_processes(&server) == 0).then_some(()));
        assert_eq!(fs::read_to_string(server.dir.join("log.new")).unwrap(), "");
        assert!(logged(server.dir.path()).contains("ZeroDivisionError"), "the master says it in the old log");
        server.get("/?2").expect(200);
        server.stop(Signal::SIGTERM);
        assert!(fs::read_to_string(server.dir.join("log.0")).unwrap().ends_with("stopped\n"));
    }
}

#[test]
fn a_log_process_that_is_killed_while_it_leaves_is_followed_by_one_that_ends() {
    let site = site().option("worker-reload-mercy", 60).option("keep-previous", 0);
    let site = site.source("numbers.py", include_str!("../apps/probe.py")).option("env", "HOLD_DIR=DIR/hold");
    let (text, dir) = (site.text(), site.dir.path().display().to_string());
    let base = text.replace("DIR/hold", &format!("{dir}/hold"));
    let site = site.without("env").option("env", format!("HOLD_DIR={dir}/hold"));
    let mut server = site.option("log-master", "true").option("logto", format!("{dir}/log.0")).start();
    let held = server.door().ask_later(uswgi_tests::Request::get("/hold?name=a"));
    server.held("a");
    let pid = |server: &Server| {
        let name = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        server.family().into_iter().find(|pid| name(pid).trim() == "uswgi-log").unwrap()
    };
    let old = pid(&server);
    rewrite(&server, &base, "log-master = true\nlogto = DIR/log.1");
    server.reload();
    assert_eq!(log_processes(&server), 2, "the old one has a worker yet");
    uswgi_tests::process::send(old, Signal::SIGKILL);
    until("another one", || (!uswgi_tests::process::alive(old) && log_processes(&server) == 2).then_some(()));
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
    until("the line of the last request", || {
        fs::read_to_string(server.dir.join("log.0")).unwrap().contains("request name=a end").then_some(())
    });
    until("the end of the old log process", || (log_processes(&server) == 1).then_some(()));
    server.stop(Signal::SIGTERM);
}

#[test]
fn a_file_that_only_root_can_open_stays_open() {
    if lacks(Need::Root) {
        return;
    }
    let site = Site::new().app("probe").home(&uswgi_tests::paths::public_venv()).http();
    let closed = site.dir.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let log = closed.join("log");
    let site =
        site.option("uid", "nobody").option("gid", "nogroup").option("log-format", "request %(uri) end");
    let site = site.option("logto", log.display());
    let base = site.text();
    let mut server = site.start();
    // Direct, through the log process, in another form, and back.
    for (n, more) in ["log-master = true", "log-encoder = suffix x", "log-json = true", ""].iter().enumerate()
    {
        rewrite(&server, &base, more);
        assert_eq!(server.ctl(&["reload", "--wait", "--drain"]).status.code(), Some(0), "{more}");
        server.get(&format!("/hello?{n}")).expect(200);
        let line = format!("/hello?{n}");
        until(&line, || fs::read_to_string(&log).unwrap().contains(&line).then_some(()));
    }
    server.stop(Signal::SIGTERM);
    assert!(fs::read_to_string(&log).unwrap().ends_with("uswgi-master: stopped\n"));
}
