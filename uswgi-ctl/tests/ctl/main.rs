//! The real `uswgi-ctl` against a process that looks like a master: this test binary, started again
//! with `FAKE_MASTER` set to how it shall behave. What the true master does is for the system tests.

#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod fake;

use fake::Fake;
use serde_json::Value;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn ctl(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_uswgi-ctl")).args(args).env_remove("USWGI_PIDFILE").output().unwrap()
}

#[track_caller]
fn expect(output: &Output, code: i32, text: &str) {
    let all =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{all}");
    assert!(all.contains(text), "no {text:?} in {all}");
}

#[test]
fn questions_are_answered_from_memory() {
    let fake = Fake::start("good");
    expect(&fake.ctl(&["ping"]), 0, "1 of 1 workers ready");
    expect(&fake.ctl(&["status"]), 0, "generation   1");
    expect(&fake.ctl(&["workers"]), 0, "ready");
    expect(&fake.ctl(&["metrics"]), 0, "# EOF");
    expect(&fake.ctl(&["wait", "--ready"]), 0, "ready");
    expect(&fake.ctl(&["list"]), 0, &fake.0.id().to_string());
    let output = fake.ctl(&["status", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["pid"], fake.0.id());
    assert_eq!(json["workers"][0]["state"], "ready");
    let quiet = fake.ctl(&["status", "--quiet"]);
    assert!(quiet.status.success() && quiet.stdout.is_empty() && quiet.stderr.is_empty());
}

#[test]
fn a_pidfile_names_the_instance() {
    let fake = Fake::start("good");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pid");
    let path = path.to_str().unwrap();
    expect(&ctl(&["ping", "--pidfile", path]), 4, "cannot read pidfile");
    File::create(path).unwrap();
    expect(&ctl(&["stop", "--pidfile", path]), 4, "empty");
    // A stranger with a recycled pid is never signalled: this very process would end.
    std::fs::write(path, std::process::id().to_string()).unwrap();
    expect(&ctl(&["stop", "--pidfile", path]), 4, "no scoreboard");
    File::create(path).unwrap().write_all(format!("{}\n", fake.0.id()).as_bytes()).unwrap();
    expect(&ctl(&["ping", "--pidfile", path]), 0, "ready");
    let by_environment = Command::new(env!("CARGO_BIN_EXE_uswgi-ctl"))
        .arg("ping")
        .env("USWGI_PIDFILE", path)
        .output()
        .unwrap();
    expect(&by_environment, 0, "ready");
}

#[test]
fn a_configuration_names_the_instance() {
    let fake = Fake::start("good");
    let folder = tempfile::tempdir().unwrap();
    let (ini, pidfile) = (folder.path().join("u.ini"), folder.path().join("pid"));
    std::fs::write(&pidfile, fake.0.id().to_string()).unwrap();
    let write =
        |text: &str| std::fs::write(&ini, format!("[uwsgi]\nsocket = a.sock\nmodule = a\n{text}")).unwrap();
    let ping = || ctl(&["ping", "--ini", ini.to_str().unwrap()]);
    write("pidfile = %d/pid\n");
    expect(&ping(), 0, "ready");
    for name in ["pidfile2", "safe-pidfile", "safe-pidfile2"] {
        write(&format!("{name} = %d/pid\n"));
        expect(&ping(), 0, "ready");
    }
    write("safe-pidfile = %d/other\n");
    expect(&ping(), 4, "other");
    // What was started before a mistake came in is found, asked and stopped still.
    write("pidfile = %d/pid\nharakiri = soon\nemperor = /etc/vassals\nprocesess = 3\n");
    for verb in ["ping", "status", "reload", "stop"] {
        expect(&ctl(&[verb, "--ini", ini.to_str().unwrap()]), 0, "");
    }
    write("");
    expect(&ping(), 2, "sets no pidfile");
    // The mistake may be why.
    write("lua = x.lua\n");
    expect(&ping(), 2, "lua is not supported");
    std::fs::remove_file(&ini).unwrap();
    expect(&ping(), 2, "u.ini");
}

#[test]
fn reload_waits_for_the_new_workers() {
    let fake = Fake::start("good");
    expect(&fake.ctl(&["reload", "--wait"]), 0, "generation 2");
    // Its old worker never ends.
    expect(&fake.ctl(&["wait", "--generation", "2", "--timeout", "5"]), 0, "generation 2");
    expect(&fake.ctl(&["wait", "--generation", "3", "--timeout", "0.1"]), 3, "readiness");
    let fake = Fake::start("good");
    expect(&fake.ctl(&["reload", "--wait", "--drain", "--timeout", "0.2"]), 3, "within 0.2 s");
    let fake = Fake::start("keeps-old");
    expect(&fake.ctl(&["reload", "--wait", "--timeout", "0.2"]), 3, "within 0.2 s");
    let fake = Fake::start("hangs");
    expect(&fake.ctl(&["reload", "--wait", "--timeout", "0.2"]), 3, "within 0.2 s");
    expect(&fake.ctl(&["reload"]), 0, "reload asked");
}

#[test]
fn a_refused_reload_tells_why() {
    let fake = Fake::start("broken-app");
    let output = fake.ctl(&["reload", "--wait", "--json"]);
    expect(&output, 1, "ImportError: no \\u{1b}[31mapp");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["ok"], &json["exit"]), (&Value::Bool(false), &Value::from(1)));
    assert!(json["error"].as_str().unwrap().contains("Traceback"));
    let fake = Fake::start("dies");
    expect(&fake.ctl(&["reload", "--wait"]), 1, "ended before the reload was over");
}

#[test]
fn stop_waits_for_the_end() {
    let fake = Fake::start("good");
    expect(&fake.ctl(&["stop", "--wait"]), 0, "has ended");
    expect(&fake.ctl(&["ping"]), 4, "");
    expect(&fake.ctl(&["wait", "--stopped"]), 0, "does not run");
    let fake = Fake::start("stubborn");
    expect(&fake.ctl(&["stop", "--wait", "--timeout", "0.2"]), 3, "within 0.2 s");
}

#[test]
fn stop_now_asks_twice() {
    let fake = Fake::start("stubborn");
    let begun = Instant::now();
    expect(&fake.ctl(&["stop", "--now", "--wait", "--timeout", "20"]), 0, "has ended");
    assert!(begun.elapsed() > Duration::from_secs(1));
}

#[test]
fn pause_and_resume_never_toggle_the_wrong_way() {
    let fake = Fake::start("good");
    expect(&fake.ctl(&["resume"]), 0, "accepting again");
    expect(&fake.ctl(&["pause"]), 0, "paused");
    expect(&fake.ctl(&["pause"]), 0, "paused");
    expect(&fake.ctl(&["status"]), 0, "paused, up");
    expect(&fake.ctl(&["resume"]), 0, "accepting again");
}

#[test]
fn a_master_that_listens_is_asked_and_not_signalled() {
    let fake = Fake::start("steered");
    expect(&fake.ctl(&["pause"]), 0, "paused");
    expect(&fake.ctl(&["pause"]), 0, "paused");
    expect(&fake.ctl(&["resume"]), 0, "accepting again");
    // What it refuses is the answer; no signal is sent behind it.
    expect(&fake.ctl(&["reload", "--wait"]), 1, r#"{"verb":"reload","what":"all","at_once":false}"#);
    expect(&fake.ctl(&["stop", "--wait", "--timeout", "0.2"]), 3, "within 0.2 s");
    expect(&fake.ctl(&["stop", "--now"]), 0, "has ended");
}

#[test]
fn kill_hits_the_worker() {
    let fake = Fake::start("good");
    expect(&fake.ctl(&["kill", "2"]), 1, "no worker 2");
    expect(&fake.ctl(&["kill", "1", "-s", "BOGUS"]), 2, "no signal BOGUS");
    let json: Value = serde_json::from_slice(&fake.ctl(&["status", "--json"]).stdout).unwrap();
    let pid = json["workers"][0]["pid"].as_i64().unwrap();
    expect(&fake.ctl(&["kill", "1", "-s", "CONT"]), 0, "signal CONT sent");
    expect(&fake.ctl(&["kill", "1"]), 0, &format!("pid {pid}; it has ended"));
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    let fake = Fake::start("blind");
    let json: Value = serde_json::from_slice(&fake.ctl(&["status", "--json"]).stdout).unwrap();
    let pid = json["workers"][0]["pid"].as_i64().unwrap();
    expect(&fake.ctl(&["kill", "1", "--timeout", "0.2"]), 3, "sent to worker 1");
    // A zombie now: this master reaps it at its end only.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut state = stat;
    while !state.contains(") Z") && Instant::now() < deadline {
        state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    }
    assert!(state.contains(") Z"), "{state}");
}

#[test]
fn a_scoreboard_that_cannot_be_believed_is_refused_with_the_reason() {
    for (behaviour, code, reason) in [
        ("newer", 6, "layout version 99"),
        ("older", 6, "layout version 1,"),
        ("scribbled", 4, "sizes do not fit"),
        ("foreign", 4, "magic number is missing"),
        ("stolen", 4, "belongs to another process"),
    ] {
        let fake = Fake::start(behaviour);
        for verb in ["status", "ping", "reload", "stop", "top"] {
            expect(&fake.ctl(&[verb]), code, reason);
        }
    }
}

#[test]
fn a_master_that_does_not_listen_is_told_from_one_that_refuses() {
    // The fake has no steering socket.
    let fake = Fake::start("good");
    for args in [&["config"][..], &["scale", "3"], &["retire", "1"], &["logs", "reopen"]] {
        expect(&fake.ctl(args), 1, "cannot speak to master");
    }
    // Its worker has nobody who answers for stacks.
    expect(&fake.ctl(&["stack", "1"]), 3, "no answer");
    expect(&fake.ctl(&["stack", "9"]), 1, "no worker 9");
}

#[test]
fn top_prints_text_where_there_is_no_terminal() {
    let fake = Fake::start("good");
    let top = |args: &[&str]| fake.ctl(&[&["top", "--interval", "0.1"], args].concat());
    let one = top(&[]);
    expect(&one, 0, "WORKER PID");
    assert_eq!(String::from_utf8_lossy(&one.stdout).matches("WORKER").count(), 1);
    let three = top(&["--count", "3", "--sort", "memory"]);
    assert_eq!(String::from_utf8_lossy(&three.stdout).matches("WORKER").count(), 3);
    let none = top(&["--filter", "no such text"]);
    assert!(!String::from_utf8_lossy(&none.stdout).contains(" ready  "), "{none:?}");
    let json: Value = serde_json::from_slice(&top(&["--json"]).stdout).unwrap();
    assert_eq!(json["pid"], fake.0.id());
    expect(&top(&["--sort", "beauty"]), 2, "beauty");
}

#[test]
fn a_bad_command_line_is_usage() {
    for args in [
        &["frobnicate"][..],
        &["reload", "--drain"],
        &["wait", "--ready", "--stopped"],
        &["kill"],
        &["scale", "0"],
        &["stack", "daemon"],
        &["stack", "mule", "none"],
        &["stack", "1", "--all"],
        &["logs", "burn"],
        &[],
    ] {
        assert_eq!(ctl(args).status.code(), Some(2), "{args:?}");
    }
    assert_eq!(ctl(&["--help"]).status.code(), Some(0));
}

#[test]
fn a_closed_pipe_is_no_crash() {
    let fake = Fake::start("good");
    let mut child = Command::new(env!("CARGO_BIN_EXE_uswgi-ctl"))
        .args(["metrics", "--pid", &fake.0.id().to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}
