//! Start, stop, pidfile, vacuum, limits: the `uwsgi.ini` of a team, and what each of its options promises.

use nix::sys::signal::Signal;
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use uswgi_tests::server::wait_file;
use uswgi_tests::wait::stays;
use uswgi_tests::{Load, Request, Server, Site, until};

#[test]
fn the_ini_of_a_team_serves_as_it_is() {
    let site = super::django::site().tcp();
    let mut server = {
        // The very lines of the file; only the places are those of this machine.
        let [chdir, home, pidfile, socket] =
            ["chdir", "home", "pidfile", "socket"].map(|key| value(&site, key));
        let env = value(&site, "env");
        let text = format!(
            "[uwsgi]\nsocket = {socket}\nmaster = false\nchdir = {chdir}/\nmodule = demo.wsgi\nhome = {home}\nworkers = 2\nreload-mercy = 10\nvacuum = true\n\
             max-requests = 1000\nlimit-as = 512\nbuffer-size = 30000\npidfile = {pidfile}\nenv = {env}\n"
        );
        fs::write(site.dir.join("team.ini"), text).unwrap();
        let ini = site.dir.join("team.ini").display().to_string();
        site.arg(ini).start()
    };
    assert_eq!(server.workers().len(), 2);
    let proxy = uswgi_tests::proxy::Proxy::nginx(&server, "");
    assert!(proxy.get("/").expect(200).text().contains("Guestbook"));
    assert_eq!(server.pidfile(), Some(server.pid()));
    server.stop(Signal::SIGINT);
    assert!(!server.dir.join("uwsgi.pid").exists(), "vacuum");
}

fn value(site: &Site, key: &str) -> String {
    let text = site.text();
    let line = text
        .lines()
        .find(|l| l.starts_with(&format!("{key} = ")))
        .unwrap_or_else(|| panic!("no {key}: {text}"));
    line.split_once(" = ").unwrap().1.to_string()
}

#[test]
fn int_term_and_quit_stop_gracefully_and_vacuum_leaves_nothing() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGQUIT] {
        let mut server =
            Site::probe().option("vacuum", "true").option("workers", 2).option("reload-mercy", 20).start();
        let door = server.doors()[1].clone();
        let reply = door.ask_later(Request::get("/hold?name=a"));
        server.held("a");
        server.signal(signal);
        // The request inside is finished, though nothing new is taken.
        assert!(
            stays(std::time::Duration::from_millis(200), || server.ended().is_none()),
            "{signal} cut a request"
        );
        server.let_go("a");
        assert!(reply.join().unwrap().unwrap().expect(200).text().starts_with("held by"));
        assert_eq!(server.wait().code(), Some(0), "{signal}");
        server.wait_gone();
        assert_eq!(server.dir.names(), ["app", "hold", "log", "uwsgi.ini"], "{signal}");
    }
}

#[test]
fn without_vacuum_the_socket_stays() {
    let mut server = Site::probe().start();
    server.stop(Signal::SIGTERM);
    assert!(server.dir.join("uwsgi.sock").exists());
}

#[test]
fn a_request_that_outlives_the_mercy_is_killed() {
    let mut server = Site::probe().option("reload-mercy", 1).option("vacuum", "true").start();
    let reply = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    server.stop(Signal::SIGTERM);
    assert!(reply.join().unwrap().is_err() || paths_original());
    assert!(!server.dir.join("uwsgi.sock").exists());
}

fn paths_original() -> bool {
    uswgi_tests::paths::original().is_some()
}

#[test]
fn no_mercy_leaves_a_worker_without_requests_the_time_to_leave() {
    let source = "import atexit, os\nfrom probe import application, DIR\n\
                  atexit.register(lambda: open(os.path.join(DIR, 'left'), 'a').write('x'))\n";
    let site = Site::probe().source("leaves.py", source).without("module").option("module", "leaves");
    let mut server = site.option("lazy-apps", "true").option("reload-mercy", 0).start();
    server.get("/hello").expect(200);
    let left = server.dir.join("hold/left");
    server.stop(Signal::SIGTERM);
    assert!(left.exists(), "it came to its atexit functions");
    let log = server.log();
    assert!(log.contains("reload-mercy = 0: workers get 1 s"), "{log}");
    assert!(!log.contains("killed"), "{log}");
}

#[test]
fn a_second_stop_signal_stops_at_once() {
    let mut server = Site::probe().option("reload-mercy", 300).start();
    let reply = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    server.signal(Signal::SIGINT);
    // GNU timeout sends two signals in a row: that is one.
    server.signal(Signal::SIGINT);
    assert!(
        stays(std::time::Duration::from_millis(1500), || server.ended().is_none()),
        "two signals in a row are one"
    );
    server.signal(Signal::SIGINT);
    server.wait();
    server.wait_gone();
    assert!(reply.join().unwrap().is_err());
}

#[test]
fn a_group_kill_cuts_no_request() {
    // systemd and supervisor signal every process of the group at once.
    let mut server = Site::probe().option("workers", 2).option("reload-mercy", 20).start();
    let reply = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    for pid in server.family() {
        uswgi_tests::process::send(pid, Signal::SIGTERM);
    }
    assert!(
        stays(std::time::Duration::from_millis(300), || server.ended().is_none()),
        "the group kill cut it"
    );
    server.let_go("a");
    reply.join().unwrap().unwrap().expect(200);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn no_signal_of_the_table_hurts_a_worker_or_the_template() {
    let server = Site::probe().option("workers", 2).start();
    let reply = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    let children: Vec<i32> = server.worker_pids().into_iter().chain(server.template()).collect();
    assert_eq!(children.len(), 3);
    for row in uswgi_proto::signals::TABLE {
        for pid in &children {
            uswgi_tests::process::send(*pid, Signal::try_from(row.signal).unwrap());
        }
    }
    server.let_go("a");
    reply.join().unwrap().unwrap().expect(200);
    // A template that was hit would not fork any more.
    server.reload();
    server.get("/hello").expect(200);
    assert!(!server.log().contains("was killed by"), "{}", server.log());
}

#[test]
fn the_pidfile_holds_the_masters_pid_and_is_not_taken_from_the_living() {
    let server = Site::probe().start();
    let path = server.dir.join("uwsgi.pid");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", server.pid()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    // Another instance that names the same pidfile is refused, and the first is not hurt.
    let failure = Site::probe().without("pidfile").option("pidfile", path.display()).refused();
    assert_eq!(failure.code, Some(1), "{failure:?}");
    assert!(
        failure.text.contains("uwsgi.pid") && failure.text.contains(&server.pid().to_string()),
        "{failure:?}"
    );
    assert_eq!(server.pidfile(), Some(server.pid()));
    server.get("/hello").expect(200);
}

#[test]
fn a_stale_pidfile_is_replaced() {
    // A pid of nobody, and a pid of a stranger.
    for text in ["999999999\n".to_string(), format!("{}\n", std::process::id()), String::new()] {
        let site = Site::probe();
        fs::write(site.dir.join("uwsgi.pid"), &text).unwrap();
        let server = site.start();
        assert_eq!(server.pidfile(), Some(server.pid()), "over {text:?}");
    }
}

#[test]
fn max_requests_replaces_workers_and_loses_nothing() {
    let site = Site::probe().option("workers", 2).option("max-requests", 20).option("min-worker-lifetime", 0);
    let server = site.start();
    let load = Load::start(&server.doors(), 2, "/pid");
    let mut pids: HashSet<i32> = HashSet::new();
    until("eight processes, one after the other", || {
        pids.extend(server.worker_pids());
        (pids.len() >= 8).then_some(())
    });
    let seen = load.stop();
    assert!(
        seen.failures.is_empty(),
        "{} of {}: {:?}",
        seen.failures.len(),
        seen.good(),
        &seen.failures[..seen.failures.len().min(5)]
    );
    until("both workers again", || (server.worker_pids().len() == 2).then_some(()));
}

#[test]
fn min_worker_lifetime_holds_max_requests_back() {
    let server = Site::probe().option("max-requests", 5).option("min-worker-lifetime", 3600).start();
    let first = server.get("/pid").text();
    for _ in 0..30 {
        assert_eq!(server.get("/pid").expect(200).text(), first);
    }
}

#[test]
fn limit_as_gives_500_and_the_service_lives() {
    let server = Site::probe().option("limit-as", 512).start();
    let pid = server.get("/pid").text();
    for door in server.doors() {
        assert_eq!(door.get("/memory?mb=50").expect(200).text(), (50 << 20).to_string());
        door.get("/memory?mb=600").expect(500);
        door.get("/hello").expect(200);
    }
    assert_eq!(server.get("/pid").text(), pid, "the worker survived");
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find(|l| l.starts_with("Max address space")).unwrap();
    assert!(line.contains(&(512u64 << 20).to_string()), "{line}");
}

#[test]
fn a_head_over_buffer_size_is_answered_and_logged() {
    let server = Site::probe().option("buffer-size", 5000).start();
    for door in server.doors() {
        let fits = Request::get("/hello").header("X-Long", &"a".repeat(4000));
        door.ask(&fits).expect(200);
        let long = Request::get("/hello").header("X-Long", &"a".repeat(6000));
        let reply = door.ask(&long);
        assert!(reply.status == 431 || reply.status == 400, "{reply:?}");
        door.get("/hello").expect(200);
    }
    assert!(server.log().contains("buffer-size"), "the log names the option: {}", server.log());
}

#[test]
fn heads_of_almost_64_kib_pass_by_default() {
    let server = Site::probe().start();
    for door in server.doors() {
        door.ask(&Request::get("/hello").header("X-Long", &"a".repeat(60_000))).expect(200);
    }
}

#[test]
fn a_dead_worker_is_replaced_and_the_other_serves_on() {
    for how in ["kill", "segv", "abort", "exit"] {
        let server = Site::probe().option("workers", 2).start();
        let before = server.worker_pids();
        for door in server.doors() {
            assert!(door.try_ask(&Request::get(&format!("/die?how={how}"))).is_err(), "{how}");
            door.get("/hello").expect(200);
        }
        until("two workers, at least one new", || {
            let now = server.worker_pids();
            (now.len() == 2 && now != before).then_some(())
        });
        let log = server.log();
        assert!(before.iter().any(|pid| log.contains(&pid.to_string())), "the log names the dead: {log}");
    }
}

#[test]
fn a_worker_that_dies_at_once_is_started_ever_more_slowly() {
    let source = "import os\nfrom probe import application, DIR\nflag = os.path.join(DIR, 'flag')\n\
                  os.register_at_fork(after_in_child=lambda: os.path.exists(flag) and os._exit(9))\n";
    let site = Site::probe().source("dying.py", source).without("module").option("module", "dying");
    let server = site.start();
    let flag = server.dir.join("hold/flag");
    fs::write(&flag, "").unwrap();
    uswgi_tests::process::send(server.worker_pids()[0], Signal::SIGKILL);
    let deaths = |s: &Server| {
        s.instance().unwrap().board.header().worker_deaths.load(std::sync::atomic::Ordering::Relaxed)
    };
    until("some deaths", || (deaths(&server) >= 2).then_some(()));
    stays(std::time::Duration::from_secs(3), || true);
    assert!(deaths(&server) < 12, "{} deaths in three seconds: no back-off", deaths(&server));
    fs::remove_file(&flag).unwrap();
    until("the worker again", || (server.worker_pids().len() == 1).then_some(()));
    server.get("/hello").expect(200);
}

#[test]
fn daemonize_ends_with_0_when_the_app_serves() {
    ["daemonize", "daemonize2"].into_iter().for_each(daemonize_ends_with_0);
}

fn daemonize_ends_with_0(option: &str) {
    let site = Site::probe().option("vacuum", "true");
    let log = site.dir.join("daemon.log");
    let mut server = Server::begin(site.option(option, log.display()));
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    // At once, without a wait: it serves.
    for door in server.doors() {
        door.get("/hello").expect(200);
    }
    let master = server.pidfile().unwrap();
    assert!(uswgi_tests::process::alive(master));
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("/hello"), "requests are logged there: {text}");
    assert!(!server.log().contains("/hello"), "and not on the old stderr");
    let out = server.ctl(&["stop", "--wait"]);
    assert_eq!(out.status.code(), Some(0), "{out:?}");
    server.wait_gone();
    assert!(!server.dir.join("uwsgi.pid").exists() && !server.dir.join("uwsgi.sock").exists());
}

#[test]
fn daemonize_of_a_broken_app_says_why_and_fails() {
    ["daemonize", "daemonize2"].into_iter().for_each(daemonize_of_a_broken_app);
}

fn daemonize_of_a_broken_app(option: &str) {
    let site = Site::probe().file("broken_import").without("module").option("module", "broken_import");
    let log = site.dir.join("daemon.log").display().to_string();
    let failure = site.option("vacuum", "true").option(option, &log).refused();
    assert_eq!(failure.code, Some(22), "{failure:?}");
    assert!(failure.text.contains("a_module_that_does_not_exist"), "{failure:?}");
    assert!(failure.left.iter().all(|n| n == "daemon.log"), "{failure:?}");
}

#[test]
fn logto_writes_there() {
    let site = Site::probe();
    let log = site.dir.join("own.log");
    let server = site.option("logto", log.display()).start();
    server.get("/hello").expect(200);
    until("the line", || wait_file(&log).contains("/hello").then_some(()));
}

#[test]
fn logto2_takes_over_after_the_start_and_the_hooks_of_the_wild_hold() {
    let site = Site::probe();
    let (log, last) = (site.dir.join("second.log"), site.dir.join("last"));
    let mut server = site
        .option("logto2", log.display())
        .option("die-on-term", "false")
        .option("hook-master-start", "unix_signal:15 gracefully_kill_them_all")
        .option("hook-as-user-atexit", format!("write:{} bye", last.display()))
        .option("workers", 1)
        .start();
    let reply = server.door().ask_later(Request::get("/hold?name=a"));
    until("the line", || wait_file(&log).contains("ready: generation 1").then_some(()));
    let pid = server.held("a");
    server.signal(Signal::SIGTERM);
    until("the stop", || wait_file(&log).contains("stopping").then_some(()));
    server.let_go("a");
    assert_eq!(reply.join().unwrap().unwrap().expect(200).text(), format!("held by {pid}"));
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(fs::read_to_string(last).unwrap(), "bye");
}

#[test]
fn a_step_of_a_worker_ends_at_the_stop_whatever_was_said_before_it() {
    let site = Site::probe().option("lazy-apps", true);
    let hold = site.dir.join("hold");
    // Nobody but the successor of a worker is slow.
    let (slow, inside) = (hold.join("slow"), hold.join("inside"));
    let step = format!("test ! -e {} || {{ touch {}; sleep 300; }}", slow.display(), inside.display());
    let mut server = site.option("exec-pre-app", step).start();
    fs::write(&slow, "").unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(server.worker_pids()[0]), Signal::SIGKILL).unwrap();
    until("the step", || inside.exists().then_some(()));
    assert!(server.ctl(&["pause"]).status.success());
    server.stop(Signal::SIGTERM);
    assert!(!server.log().contains("within the mercy: killed"), "{}", server.log());
}
