//! uswgi-ctl and uswgi-conf, as a script uses them.

use nix::sys::signal::Signal;
use std::fs;
use std::process::{Output, Stdio};
use uswgi_proto::exit::Exit;
use uswgi_tests::temp::TempDir;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Request, Site, paths, process};

fn code(out: &Output, exit: Exit) {
    assert_eq!(out.status.code(), Some(exit.code()), "{out:?}");
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned()
}

#[test]
fn ping_status_stop() {
    let mut server = Site::probe().option("workers", 2).option("vacuum", "true").start();
    code(&server.ctl(&["ping"]), Exit::Ok);
    let status = server.ctl(&["status"]);
    code(&status, Exit::Ok);
    assert!(said(&status).contains(&server.pid().to_string()), "{status:?}");
    let workers = server.ctl(&["workers"]);
    code(&workers, Exit::Ok);
    for pid in server.worker_pids() {
        assert!(said(&workers).contains(&pid.to_string()), "{workers:?}");
    }
    let json = server.ctl(&["status", "--json"]);
    let json: serde_json::Value =
        serde_json::from_slice(&json.stdout).unwrap_or_else(|e| panic!("{e}: {json:?}"));
    assert!(json.to_string().contains(&server.pid().to_string()), "{json}");
    code(&server.ctl(&["stop", "--wait"]), Exit::Ok);
    assert_eq!(server.wait().code(), Some(0));
    code(&server.ctl(&["ping"]), Exit::NotRunning);
}

#[test]
fn status_answers_while_the_master_is_stopped_in_a_debugger() {
    let server = Site::probe().start();
    server.get("/hello").expect(200);
    server.signal(Signal::SIGSTOP);
    let out = server.ctl(&["status"]);
    server.signal(Signal::SIGCONT);
    code(&out, Exit::Ok);
}

#[test]
fn a_pidfile_of_nobody_or_a_stranger_signals_nobody() {
    let dir = uswgi_tests::temp::TempDir::new();
    let mut bystander = process::Process::start(
        {
            let mut c = process::command("/bin/sleep");
            c.arg("1000");
            c
        },
        &dir.join("log"),
    );
    let stranger = format!("{}\n", bystander.pid());
    for text in [
        Some(""),
        Some("0\n"),
        Some("-1\n"),
        Some("garbage"),
        Some("999999999"),
        Some(stranger.as_str()),
        Some("1\n"),
        None,
    ] {
        let pidfile = dir.join("x.pid");
        match text {
            Some(text) => fs::write(&pidfile, text).unwrap(),
            None => fs::remove_file(&pidfile).unwrap(),
        }
        for verb in ["ping", "reload", "stop", "status"] {
            let mut command = process::command(paths::command("uswgi-ctl"));
            command.arg("--pidfile").arg(&pidfile).arg(verb);
            let out = process::run(command, PATIENCE);
            // Init may not be looked at in a container, and is refused for that.
            let refused = [Exit::NotRunning, Exit::NotPermitted].map(|e| Some(e.code()));
            assert!(refused.contains(&out.status.code()), "{out:?}");
            assert!(said(&out).contains("x.pid") || said(&out).contains("process"), "{out:?}");
        }
    }
    assert!(bystander.ended().is_none(), "a stranger was signalled");
}

#[test]
fn reload_without_wait_returns_at_once_and_timeout_is_kept() {
    let server = Site::probe().option("reload-mercy", 30).start();
    let held = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    code(&server.ctl(&["reload"]), Exit::Ok);
    // The old worker cannot end while its request is held: --drain has to give up.
    code(&server.ctl(&["reload", "--drain", "--wait", "--timeout", "2"]), Exit::TimedOut);
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
}

#[test]
fn many_status_calls_at_once() {
    let server = Site::probe().start();
    let children: Vec<_> = (0..10)
        .map(|_| server.ctl_command(&["status", "--json"]))
        .map(|c| std::thread::spawn(move || process::run(c, PATIENCE)))
        .collect();
    for child in children {
        code(&child.join().unwrap(), Exit::Ok);
    }
}

fn conf(args: &[&str]) -> Output {
    let mut command = process::command(paths::command("uswgi-conf"));
    command.args(args);
    process::run(command, PATIENCE)
}

#[test]
fn lint_and_show() {
    let site = Site::probe().option("workers", 7);
    let line = site.text().lines().position(|l| l == "workers = 7").unwrap() + 1;
    fs::write(site.ini(), site.text()).unwrap();
    let ini = site.ini().display().to_string();
    let shown = conf(&["show", &ini]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let origin = format!("uwsgi.ini:{line}:1");
    assert!(said(&shown).lines().any(|l| l.contains("= 7") && l.contains(&origin)), "{shown:?}");
    let bad = site.dir.join("bad.ini");
    fs::write(&bad, "[uwsgi]\nsocket = :8000\nmodule = x\nmax_requests = 5\nworkers = abc\n").unwrap();
    let out = conf(&["lint", &bad.display().to_string()]);
    assert!(out.status.code().is_some_and(|c| c != 0), "{out:?}");
    for part in ["bad.ini:4", "max-requests", "bad.ini:5", "workers"] {
        assert!(said(&out).contains(part), "{part:?}: {out:?}");
    }
    let out = conf(&["lint", "/nowhere/x.ini"]);
    assert!(out.status.code().is_some_and(|c| c != 0) && said(&out).contains("/nowhere/x.ini"), "{out:?}");
}

#[test]
fn what_conf_says_is_whole_or_no_success() {
    let dir = TempDir::new();
    let (ini, odd) = (dir.join("a.ini"), dir.join("odd.ini"));
    fs::write(&ini, "[uwsgi]\nsocket = :8000\nmodule = x\n").unwrap();
    fs::write(
        &odd,
        "[uwsgi]\nsocket = 127.0.0.1:8000\nmodule = x\nharakiri = 9\nuid = 1\ngid = 1\nmax_requests = 5\n",
    )
    .unwrap();
    let (ini, odd) = (ini.display().to_string(), odd.display().to_string());
    for args in [
        &["convert", "--to", "yaml", &ini][..],
        &["show", &ini],
        &["lint", "--json", &odd],
        &["explain"],
        &["options"],
        &["expand", &ini],
    ] {
        let run = |to: Stdio| {
            let mut command = process::command(paths::command("uswgi-conf"));
            command.args(args).stdout(to).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
        };
        let full = run(fs::File::options().write(true).open("/dev/full").unwrap().into());
        assert_eq!(full.status.code(), Some(Exit::Failed.code()), "{args:?}: {full:?}");
        assert!(said(&full).contains("uswgi-conf: cannot print: "), "{args:?}: {full:?}");
        // Nobody who reads on is no failure.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = run(writer.into());
        assert!(!said(&closed).contains("cannot print"), "{args:?}: {closed:?}");
    }
    let out = conf(&["lint", "--json", &odd]);
    let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((found.as_array().unwrap().len(), &found[0]["line"]), (1, &7.into()), "{found}");
    assert!(said(&conf(&["lint", &odd])).ends_with("1 finding; `uswgi-conf explain CODE` says more\n"));
}
