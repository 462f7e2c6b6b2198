//! The commands of uWSGI's command line that scripts use, as uswgi-master and as `uwsgi`, beside the original.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::Output;
use uswgi_proto::exit::Exit;
use uswgi_tests::server::Server;
use uswgi_tests::site::Site;
use uswgi_tests::temp::TempDir;
use uswgi_tests::wait::{PATIENCE, until};
use uswgi_tests::{paths, process};

fn run(program: &std::path::Path, args: &[&str], dir: &std::path::Path) -> Output {
    let mut command = process::command(program);
    command.args(args).current_dir(dir);
    process::run(command, PATIENCE)
}

fn code(out: &Output, exit: Exit, words: &str) {
    assert_eq!(out.status.code(), Some(exit.code()), "{out:?}");
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(err.contains(words), "no {words:?} in {err}");
}

/// Under the name `uwsgi`, as `make install UWSGI_ALIAS=1` gives it.
fn ours(server: &Server, args: &[&str]) -> Output {
    let alias = server.dir.join("uwsgi");
    if !alias.exists() {
        symlink(paths::command("uswgi-master"), &alias).unwrap();
    }
    run(&alias, args, server.dir.path())
}

#[test]
fn scripts_steer_an_instance_by_its_pidfile() {
    let mut server = Site::probe().start();
    let state = |server: &Server| String::from_utf8_lossy(&server.ctl(&["status"]).stdout).into_owned();
    let silent = |out: Output| {
        assert!(out.status.success() && out.stdout.is_empty() && out.stderr.is_empty(), "{out:?}");
    };
    silent(ours(&server, &["--reload", "uwsgi.pid"]));
    until("the reload", || (server.reloads_done() == 1).then_some(()));
    // Each says its own way, where uWSGI's toggle.
    for (command, word) in [
        ("--pause", "paused, "),
        ("--pause", "paused, "),
        ("--resume", "running, "),
        ("--resume", "running, "),
    ] {
        silent(ours(&server, &[command, "uwsgi.pid"]));
        until(word, || state(&server).contains(word).then_some(()));
    }
    // The first one counts, and what stands behind it is not read.
    silent(ours(&server, &["--stop", "uwsgi.pid", "--ini", "no-such-file.ini"]));
    assert!(server.wait().success());
}

#[test]
fn what_is_missing_fails_as_on_uwsgi() {
    let dir = TempDir::new();
    for (name, text) in [("stale.pid", "999999"), ("empty.pid", ""), ("words.pid", "abc")] {
        std::fs::write(dir.join(name), text).unwrap();
    }
    let master = paths::command("uswgi-master");
    for args in [
        &["--reload", "none.pid"][..],
        &["--stop", "none.pid"],
        &["--pause", "none.pid"],
        &["--resume", "none.pid"],
        &["--connect-and-read", "none.sock"],
        &["--connect-and-read", "127.0.0.1:1"],
        &["--signal", "127.0.0.1:1,17"],
        &["--signal", "none.sock"],
        &["--extract", "none"],
    ] {
        let (theirs, ours) = (run(&paths::uwsgi(), args, dir.path()), run(&master, args, dir.path()));
        assert_eq!(theirs.status.code(), Some(1), "{args:?}: {theirs:?}");
        code(&ours, Exit::Failed, args[1]);
    }
    // It fails there too, with 255; a number of our table says which way.
    assert!(!run(&paths::uwsgi(), &["--reload", "stale.pid"], dir.path()).status.success());
    code(&run(&master, &["--reload", "stale.pid"], dir.path()), Exit::NotRunning, "999999");
    // There these two signal the group of whoever asks.
    for name in ["empty.pid", "words.pid"] {
        code(&run(&master, &["--stop", name], dir.path()), Exit::NotRunning, name);
    }
    // A stranger with the pid is never signalled: this very process would end.
    std::fs::write(dir.join("stale.pid"), std::process::id().to_string()).unwrap();
    code(&run(&master, &["--stop", "stale.pid"], dir.path()), Exit::NotRunning, "no scoreboard");
}

#[test]
fn what_a_peer_sends_is_printed_where_uwsgi_prints_it() {
    let dir = TempDir::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let text = "x".repeat(100_000) + "\nend\n";
    let sent = text.clone();
    std::thread::spawn(move || {
        for peer in listener.incoming() {
            let _ = peer.unwrap().write_all(sent.as_bytes());
        }
    });
    let short = address.replace("127.0.0.1", "");
    for program in [paths::uwsgi(), paths::command("uswgi-master")] {
        for address in [&address, &short] {
            let out = run(&program, &["--connect-and-read", address], dir.path());
            assert!(out.status.success() && out.stdout.is_empty(), "{:?}", out.status);
            assert!(out.stderr == text.as_bytes(), "{} bytes", out.stderr.len());
        }
    }
    // How people read statistics.
    let server = Site::probe().option("stats", "stats.sock").start();
    let out = ours(&server, &["--connect-and-read", "stats.sock"]);
    let json: serde_json::Value = serde_json::from_slice(&out.stderr).unwrap();
    assert_eq!(json["workers"].as_array().map(Vec::len), Some(1), "{json}");
}

#[test]
fn files_and_the_version_of_python_are_printed() {
    let dir = TempDir::new();
    std::fs::write(dir.join("a.ini"), b"[uwsgi]\nx = \xff\0\n").unwrap();
    let (original, master) = (paths::uwsgi(), paths::command("uswgi-master"));
    for args in [
        &["--extract", "a.ini"][..],
        &["--extract", "a.ini", "--extract", "none"],
        &["--extract", "exec://echo hi"],
    ] {
        let (theirs, ours) = (run(&original, args, dir.path()), run(&master, args, dir.path()));
        assert_eq!((theirs.status, &theirs.stdout), (ours.status, &ours.stdout), "{args:?}");
        assert!(!ours.stdout.is_empty() && ours.stderr.is_empty(), "{ours:?}");
    }
    // The original has the Python it was built with; here it is the one that would run.
    let theirs = run(&original, &["--python-version"], dir.path());
    let home = paths::venv().display().to_string();
    let ours = run(&master, &["--home", &home, "--python-version"], dir.path());
    assert!(theirs.status.success() && ours.status.success(), "{theirs:?} {ours:?}");
    assert_eq!(theirs.stdout, ours.stdout, "both virtualenvs are of one python3");
    let none = run(&master, &["--home", "/no/such/venv", "--python-version"], dir.path());
    code(&none, Exit::NoInterpreter, "/no/such/venv");
}

#[test]
fn in_a_file_a_command_is_refused_with_the_way_to_run_it() {
    let dir = TempDir::new();
    std::fs::write(dir.join("a.ini"), "[uwsgi]\nsocket = :0\nreload = /run/a.pid\n").unwrap();
    let out = run(&paths::command("uswgi-master"), &["--ini", "a.ini"], dir.path());
    code(&out, Exit::Failed, "a.ini:3:10: reload is a command of the command line");
    code(&out, Exit::Failed, "uswgi-master --reload /run/a.pid");
}

/// A site whose application says which signals it has had, with sockets at two addresses.
fn with_signals() -> Site {
    let source = r#"
import uwsgi
SEEN = []
uwsgi.register_signal(17, "", SEEN.append)


def application(environ, start_response):
    start_response("200 OK", [])
    node = environ["QUERY_STRING"]
    try:
        said = repr(uwsgi.signal(17, node)) if node else ""
    except OSError:
        said = "OSError"
    return [("%s %d" % (said, len(SEEN))).encode()]
"#;
    let site = Site::new().source("seen.py", source).http().option("socket", "uwsgi.sock");
    let chdir = site.dir.join("app").display().to_string();
    site.option("pythonpath", chdir).option("module", "seen").option("master", "true")
}

#[test]
fn signals_of_the_application_are_raised_over_its_socket() {
    let (here, original) = (with_signals().start(), with_signals().original());
    let (master, uwsgi) = (paths::command("uswgi-master"), paths::uwsgi());
    let seen = |server: &Server, n: usize| {
        let end = format!(" {n}");
        until(&format!("{n} signals"), || server.get("/").text().ends_with(&end).then_some(()));
    };
    let socket = |server: &Server| server.dir.join("uwsgi.sock").display().to_string();
    for server in [&here, &original] {
        seen(server, 0);
        // Each program to each server.
        for (n, program) in [(1, &master), (2, &uwsgi)] {
            let out = run(program, &["--signal", &format!("{},17", socket(server))], server.dir.path());
            assert!(out.status.success(), "{out:?}");
            let text = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
            assert!(text.ends_with(&format!("signal 17 delivered to node {}\n", socket(server))), "{text}");
            seen(server, n);
        }
        // Nobody has registered it.
        let out = run(&master, &["--signal", &format!("{},200", socket(server))], server.dir.path());
        assert!(out.status.success(), "{out:?}");
        assert!(server.get("/?/nope").text().starts_with("OSError "));
    }
    for (from, to) in [(&here, &original), (&original, &here)] {
        assert!(from.get(&format!("/?{}", socket(to))).text().starts_with("None "));
        seen(to, 3);
    }
    for bad in ["uwsgi.sock,x", "uwsgi.sock,300", "uwsgi.sock"] {
        code(&run(&master, &["--signal", bad], here.dir.path()), Exit::Failed, "ADDRESS,NUMBER");
    }
    // Not to everybody.
    let closed = with_signals().option("rpc-allow-ips", "192.0.2.1").start();
    let out = run(&master, &["--signal", &format!("{},17", socket(&closed))], closed.dir.path());
    code(&out, Exit::Failed, "taken the signal");
    closed.wait_log("signal 17 from a unix socket was not raised: it may not (rpc-allow-ips)");
}
