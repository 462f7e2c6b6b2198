//! What is there after a start, and what is left of one that failed.

use crate::harness::{Master, ask, command, config, wait};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::process::Stdio;

#[test]
fn it_serves_and_leaves_nothing() {
    let mut m = Master::new(&config("chmod-socket = 640"));
    m.line("2 workers with 1 threads on s (uwsgi)");
    m.line("ready: generation 1, 2 of 2 workers accept");
    assert_eq!(std::fs::read_to_string(m.path("p")).unwrap(), format!("{}\n", m.pid()));
    let socket = std::fs::metadata(m.path("s")).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.permissions().mode() & 0o777, 0o640);
    m.answer();
    m.stop();
}

#[test]
fn a_worker_gets_exactly_its_descriptors() {
    let m = Master::serving(&config("socket = t"));
    let answer = m.ask("fds");
    let fds = &answer[..answer.find(']').unwrap() + 1];
    let fds: Vec<i32> = serde_json::from_str(fds).unwrap();
    // Two listeners, scoreboard, hand-over; settings are closed after reading, the control socket of
    // the worker and the connection come from the template's and its own numbers.
    assert!(fds.iter().all(|&n| n < 20), "{fds:?}");
    assert!(!fds.contains(&uswgi_proto::scoreboard::SCOREBOARD_FD));
    m.stop();
}

#[test]
fn lazy_workers_serve_too() {
    let m = Master::serving(&config("lazy-apps = true"));
    m.answer();
    m.stop();
}

#[test]
fn a_failing_app_ends_it_with_22_and_its_traceback_and_nothing_is_left() {
    for lazy in ["", "lazy-apps = true"] {
        let mut m = Master::new(&config(lazy).replace("= ok", "= fails"));
        m.line("the start has failed: Traceback:");
        m.line("ImportError: the fake fails");
        assert_eq!(m.end().code(), Some(22));
        m.nothing_left();
    }
}

#[test]
fn a_crash_at_import_is_named() {
    let mut m = Master::new(&config("").replace("= ok", "= crashes"));
    m.line("was killed by SIGSEGV while it loaded the application");
    assert_eq!(m.end().code(), Some(22));
    m.nothing_left();
}

#[test]
fn no_interpreter_is_23() {
    let mut m = Master::new(&config("").replace("= ok", "= no-python"));
    m.line("no usable Python interpreter");
    assert_eq!(m.end().code(), Some(23));
    m.nothing_left();
}

#[test]
fn workers_that_die_before_they_accept_end_the_start() {
    let mut m = Master::new(&config("").replace("= ok", "= dies"));
    m.line("exited with code 3; next try in 1 s");
    m.line("the start has failed: worker");
    assert_ne!(m.end().code(), Some(0));
    m.nothing_left();
}

#[test]
fn a_live_socket_and_a_live_pidfile_are_refused_and_stay() {
    let first = Master::serving(&config(""));
    let output = command(first.dir.path()).args(["--socket", "s", "--module", "ok"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("socket s: it is in use: another program listens on it"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    let args = ["--socket", "t", "--module", "ok", "--pidfile", "p"];
    let output = command(first.dir.path()).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains(&format!("an instance with pid {} runs already", first.pid())), "{text}");
    assert!(!first.path("t").exists());
    first.answer();
    first.stop();
}

#[test]
fn what_a_killed_master_left_is_replaced() {
    let mut m = Master::serving(&config(""));
    let (worker, _) = m.answer();
    m.signal(libc::SIGKILL);
    m.end();
    crate::harness::gone(worker);
    assert!(ask(&m.path("s"), "who").is_err());
    assert!(m.path("s").exists() && m.path("p").exists());
    let dir = tempfile::tempdir().unwrap();
    let dir = std::mem::replace(&mut m.dir, dir);
    let mut again = Master::inside(dir, &config(""), |_| {});
    again.line("ready: generation 1");
    again.answer();
    again.stop();
}

#[test]
fn a_missing_directory_a_plain_file_and_a_bad_user_are_one_line_each() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("plain"), "x").unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["--socket", "no/such/s"], "its directory does not exist"),
        (&["--socket", "plain"], "a file that is no socket"),
        (&["--socket", "s", "--pidfile", "no/such/p"], "create its directory"),
        (&["--socket", "s", "--uid", "no-such-user"], "no such user"),
        (&["--socket", "s", "--chown-socket", "no-such-user"], "no such user"),
    ];
    for (args, expected) in cases {
        let output = command(dir.path()).args(["--module", "ok"]).args(args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(expected) && text.lines().count() == 1, "{args:?}: {text}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only the plain file is there");
}

#[test]
fn daemonize_waits_for_the_start_and_shows_why_it_failed() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--socket", "s", "--pidfile", "p", "--vacuum", "--daemonize", "log"];
    let launch = |module: &str| {
        let mut c = command(dir.path());
        c.args(args).args(["--module", module]).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut failing = launch("fails");
    assert_eq!(wait(&mut failing).code(), Some(22));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut failing.stderr.take().unwrap(), &mut text).unwrap();
    assert!(text.contains("ImportError: the fake fails"), "{text}");

    let mut good = launch("ok");
    assert_eq!(wait(&mut good).code(), Some(0));
    let instance = uswgi_proto::instance::RunningInstance::from_pidfile(&dir.path().join("p")).unwrap();
    assert!(ask(&dir.path().join("s"), "who").unwrap().contains("worker"), "it serves when the command ends");
    let log = std::fs::metadata(dir.path().join("log")).unwrap();
    assert_eq!(log.permissions().mode() & 0o777, 0o640);
    instance.signal(libc::SIGTERM).unwrap();
    crate::harness::gone(instance.pid);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only the log is left");
}

#[test]
fn with_a_log_file_a_failed_start_is_still_seen_on_the_terminal() {
    let mut m = Master::new(&config("logto = log").replace("= ok", "= fails"));
    m.line("ImportError: the fake fails");
    assert_eq!(m.end().code(), Some(22));
    let log = std::fs::read_to_string(m.path("log")).unwrap();
    assert!(log.contains("ImportError: the fake fails"), "{log}");
    let mut left = m.files();
    left.sort();
    assert_eq!(left, ["log", "u.ini"]);
}

#[test]
fn ignored_signals_of_the_parent_change_nothing() {
    // nohup ignores HUP, some process managers CHLD; both would be inherited.
    let mut m = Master::with(&config(""), |c| {
        use std::os::unix::process::CommandExt;
        // SAFETY: signal(2) with SIG_IGN is async-signal-safe.
        unsafe {
            c.pre_exec(|| {
                libc::signal(libc::SIGHUP, libc::SIG_IGN);
                libc::signal(libc::SIGCHLD, libc::SIG_IGN);
                Ok(())
            });
        }
    });
    m.line("ready: generation 1");
    m.signal(libc::SIGHUP);
    m.line("reload done");
    m.stop();
}

#[test]
fn a_socket_that_the_target_user_may_not_make_leaves_no_pidfile() {
    if !nix::unistd::Uid::effective().is_root() {
        // Only root becomes somebody else: the refusal is all there is to see.
        let mut m = Master::new(&config("uid = root"));
        m.line("only root can change to it");
        assert_eq!(m.end().code(), Some(1));
        return m.nothing_left();
    }
    let mut m = Master::new(&config("uid = nobody"));
    let line = m.line("socket s");
    assert!(line.contains("user nobody cannot write in its directory"), "{line}");
    assert_eq!(m.end().code(), Some(1));
    m.nothing_left();
}
