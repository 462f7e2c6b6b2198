//! `uswgi-ctl spool`: tasks are seen, run, retried and dropped, with the instance up and down.

use crate::spooler::{ask, lines, site, task_files, tasks};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use uswgi_tests::process::{command, run, ticks};
use uswgi_tests::wait::{PATIENCE, stays};
use uswgi_tests::{Server, paths, until};

#[track_caller]
fn said(output: &Output, code: i32) -> String {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let all = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{all}");
    all
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON of uswgi-ctl")
}

/// Without an instance.
fn alone(words: &[&str]) -> Output {
    let mut c = command(paths::command("uswgi-ctl"));
    c.arg("spool").args(words);
    run(c, PATIENCE)
}

fn spool(server: &Server, name: &str, more: &str) -> String {
    let made = ask(server, &format!("uwsgi.spool({{b'name': b'{name}'{more}}})"));
    made.trim_end_matches('\'').rsplit('/').next().unwrap().into()
}

fn states(server: &Server) -> Vec<String> {
    let listed = json(&server.ctl(&["spool", "list", "--json"]));
    let all = listed["folders"][0]["tasks"].as_array().unwrap();
    all.iter().map(|t| t["state"].as_str().unwrap().to_string()).collect()
}

#[test]
fn tasks_are_seen_and_one_that_waits_runs_at_once() {
    let server = site().option("spooler-frequency", 300).start();
    let long = spool(&server, "long", ", b'sleep': b'3'");
    until("it to begin", || (states(&server) == ["running"]).then_some(()));
    let refused = said(&server.ctl(&["spool", "drop", &long]), 1);
    assert!(refused.contains("runs now, in process "), "{refused}");
    assert!(said(&server.ctl(&["spool", "list"]), 0).contains("1 running"));
    let late = spool(&server, "late", ", b'at': b'4000000000', b'body': b'\\xff\\x00'");
    until("both", || (states(&server) == ["running", "later"]).then_some(()));
    let shown = json(&server.ctl(&["spool", "show", &late, "--json"]));
    assert_eq!(shown["tasks"][0]["body"]["hex"], "ff00", "{shown}");
    assert_eq!(shown["tasks"][0]["pairs"][0]["value"], "late", "{shown}");
    assert!(said(&server.ctl(&["spool", "show", &late]), 0).contains(r#""name" = "late""#));
    // No look at the folder comes in time: it has to be heard.
    said(&server.ctl(&["spool", "run", &late, "--wait"]), 0);
    assert_eq!(lines(server.dir.path(), "task late ").len(), 1);
    until("the end of the first", || (states(&server).is_empty()).then_some(()));
    let gone = said(&server.ctl(&["spool", "run", &late]), 1);
    assert!(gone.contains("there is no task"), "{gone}");
    said(&server.ctl(&["spool", "run"]), 2);
}

#[test]
fn what_was_put_aside_runs_again_or_goes() {
    let server = site().option("spooler-max-attempts", 1).start();
    let folder = tasks(&server);
    let first = spool(&server, "p1", ", b'exit': b'3'");
    let second = spool(&server, "p2", ", b'exit': b'3'");
    until("both put aside", || (states(&server) == ["failed", "failed"]).then_some(()));
    let listed = said(&server.ctl(&["spool", "list"]), 0);
    assert!(listed.contains("2 failed") && listed.contains("1 spooler processes"), "{listed}");
    let aside = said(&server.ctl(&["spool", "run", &first]), 1);
    assert!(aside.contains("`retry` brings it back"), "{aside}");
    said(&server.ctl(&["spool", "retry", &first]), 0);
    until("it to run again and be put aside", || {
        let again = lines(server.dir.path(), "task p1 ").len() == 2;
        (again && states(&server) == ["failed", "failed"]).then_some(())
    });
    said(&server.ctl(&["spool", "drop", &second]), 0);
    said(&server.ctl(&["spool", "drop", "--all"]), 0);
    assert!(uswgi_tests::temp::names(&folder.join("failed")).is_empty());
}

/// Folders are found by the configuration of an instance that does not run, or by their names.
#[test]
fn an_instance_that_is_down_has_its_tasks() {
    let mut server = site().option("spooler-external", "other").start();
    let folder = tasks(&server).canonicalize().unwrap();
    let late = spool(&server, "late", ", b'at': b'4000000000'");
    server.stop(Signal::SIGTERM);
    let ini = server.dir.join("uwsgi.ini");
    let down = alone(&["list", "--pidfile", server.dir.join("uwsgi.pid").to_str().unwrap()]);
    assert!(said(&down, 1).contains("--folder"));
    let list = |words: &[&str]| said(&alone(&[&["list"], words].concat()), 0);
    assert!(list(&["--folder", folder.to_str().unwrap()]).contains(&late));
    let here = |words: &[&str]| {
        let mut c = command(paths::command("uswgi-ctl"));
        c.current_dir(server.dir.path()).arg("spool").args(words).arg("--ini").arg(&ini);
        run(c, PATIENCE)
    };
    let listed = said(&here(&["list"]), 0);
    assert!(listed.contains(&late) && listed.contains("1 later"), "{listed}");
    assert!(said(&here(&["run", "--all"]), 0).contains("or when it starts"));
    assert!(said(&here(&["list"]), 0).contains("1 waiting"));
    said(&here(&["drop", &late]), 0);
    assert!(task_files(&folder).is_empty());
    let none = alone(&["list", "--folder", Path::new("/nowhere/at/all").to_str().unwrap()]);
    assert!(said(&none, 1).contains("/nowhere/at/all: No such file"));
    fs::write(&ini, "[uwsgi]\nmodule = a\nhttp-socket = :0\n").unwrap();
    assert!(said(&here(&["list"]), 1).contains("has no spooler"));
}

/// Who is idle does nothing while another one is at a task: it does not look at that task again and again.
#[test]
fn a_task_of_another_spooler_costs_nothing() {
    let server = site().option("spooler-processes", 3).option("spooler-frequency", 300).start();
    spool(&server, "long", ", b'sleep': b'5'");
    until("it to begin", || (states(&server) == ["running"]).then_some(()));
    let status = json(&server.ctl(&["status", "--json"]));
    let pids: Vec<i32> =
        status["spoolers"].as_array().unwrap().iter().map(|s| s["pid"].as_i64().unwrap() as i32).collect();
    let all = || pids.iter().map(|pid| ticks(*pid)).sum::<u64>();
    let before = all();
    assert!(stays(Duration::from_secs(3), || all() - before <= 4), "{} ticks", all() - before);
}
