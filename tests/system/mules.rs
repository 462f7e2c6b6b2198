//! Mules and farms: messages reach one process each, wait for a successor, and a full queue says so.

use super::operate::expect;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::time::Duration;
use uswgi_proto::exit::Exit;
use uswgi_tests::process::{alive, send};
use uswgi_tests::request::quote;
use uswgi_tests::wait::stays;
use uswgi_tests::{Request, Server, Site, paths, until};

/// A script that tells what it gets.
const SCRIPT: &str = "import uwsgi, os\nfrom background import ran\n\
    ran('script', __name__, uwsgi.mule_id(), os.getpid())\n\
    while True:\n    ran('got', uwsgi.mule_get_msg())\n";

fn site() -> Site {
    Site::new().app("background").home(&paths::pythons()[0].1).http().option("workers", 2)
}

fn ask(server: &Server, question: &str) -> String {
    server.ask(&Request::get(&format!("/?{}", quote(question)))).expect(200).text().trim_end().into()
}

fn lines(server: &Server, start: &str) -> Vec<String> {
    let text = fs::read_to_string(server.dir.join("hold/ran")).unwrap_or_default();
    text.lines().filter(|l| l.starts_with(start)).map(str::to_string).collect()
}

fn wait_line(server: &Server, line: &str) -> String {
    until(line, || lines(server, line).pop())
}

/// Observed on uWSGI 2.0.31: str arrives as bytes, a number that is not there is False, a farm is named by bytes, anything
/// else raises; worker_id() is 0 in a mule, and what is no mule cannot receive.
#[test]
fn messages_reach_whom_they_are_for() {
    let server = site().option("mules", 3).option("farm", "f:2,3").option("farm", "g:1").start();
    for (question, answer) in [
        ("uwsgi.mule_msg('one', 1)", "True"),
        ("uwsgi.mule_msg(b'any')", "True"),
        ("uwsgi.mule_msg(b'zero', 0)", "True"),
        ("uwsgi.mule_msg(b'x', 9)", "False"),
        ("uwsgi.mule_msg(b'x', -1)", "False"),
        ("uwsgi.mule_msg(b'farm g', b'g')", "True"),
        ("uwsgi.mule_msg(b'x', 'g')", "ValueError: invalid mule"),
        ("uwsgi.mule_msg(5)", "TypeError: a bytes-like object is required, not 'int'"),
        ("uwsgi.farm_msg('f', 'farm f')", "None"),
        ("uwsgi.farm_msg('none', 'm')", "None"),
        ("uwsgi.mule_get_msg()", "ValueError: you can receive mule messages only in a mule !!!"),
        ("uwsgi.farm_get_msg()", "ValueError: you can receive farm messages only in a mule !!!"),
        ("uwsgi.in_farm('f')", "None"),
        ("uwsgi.mule_id()", "0"),
        ("uwsgi.mule_msg('raise', 1)", "True"),
        ("uwsgi.mule_msg('after it', 1)", "True"),
    ] {
        assert_eq!(ask(&server, question), answer, "{question}");
    }
    wait_line(&server, "message mule1 one");
    wait_line(&server, "message mule1 farm g");
    wait_line(&server, "message mule1 after it");
    server.wait_log("RuntimeError: as it was asked for");
    until("the farm", || {
        lines(&server, "message").into_iter().find(|l| l.ends_with("farm f") && !l.contains("mule1"))
    });
    until("any", || lines(&server, "message").into_iter().find(|l| l.ends_with(" any")));
    assert_eq!(lines(&server, "message").len(), 7);
}

/// Observed on uWSGI 2.0.31 without mules: the functions are there, and mule_msg raises.
#[test]
fn without_mules_a_message_raises() {
    let server = site().start();
    assert_eq!(ask(&server, "uwsgi.mule_msg(b'x')"), "ValueError: no mule configured");
    assert_eq!(ask(&server, "uwsgi.farm_msg('f', b'x')"), "None");
}

/// Observed on uWSGI 2.0.31: timeout gives b'', a small buffer the beginning of the message; a script is __main__, and one
/// that ends is started again.
#[test]
fn a_script_runs_as_on_uwsgi() {
    let short = "import uwsgi\nfrom background import ran\n\
        ran('timeout', uwsgi.mule_get_msg(timeout=1), uwsgi.in_farm(), uwsgi.in_farm('f'), uwsgi.in_farm('g'))\n\
        ran('cut', uwsgi.mule_get_msg(signals=False, farms=False, buffer_size=3, timeout=9))\n\
        ran('farm', uwsgi.farm_get_msg())\n";
    let function = "from background import ran\ndef work():\n    import uwsgi\n    ran('function', uwsgi.mule_id())\n    uwsgi.mule_get_msg()\n";
    let server = site()
        .source("script.py", SCRIPT)
        .source("short.py", short)
        .source("pack.py", function)
        .option("mule", "script.py")
        .option("mule", "short.py")
        .option("mule", "pack:work")
        .option("farm", "f:2")
        .start();
    assert!(wait_line(&server, "script").starts_with("script __main__ 1 "));
    wait_line(&server, "function 3");
    assert_eq!(wait_line(&server, "timeout"), "timeout b'' True True None");
    ask(&server, "uwsgi.mule_msg('hello', 2)");
    assert_eq!(wait_line(&server, "cut"), "cut b'hel'");
    ask(&server, "uwsgi.farm_msg('f', 'F')");
    assert_eq!(wait_line(&server, "farm"), "farm b'F'");
    until("its next run", || (lines(&server, "timeout").len() >= 2).then_some(()));
    ask(&server, "uwsgi.mule_msg(b'\\x00', 1)");
    wait_line(&server, r"got b'\x00'");
}

/// uWSGI cuts what a mule has in hand and loses what waits; ours finishes the one and keeps the other.
#[test]
fn a_reload_loses_no_message() {
    let server = site().source("script.py", SCRIPT).option("mule", "").option("mule", "script.py").start();
    let before = wait_line(&server, "script");
    ask(&server, "uwsgi.mule_msg('sleep 2', 1)");
    wait_line(&server, "message mule1 sleep 2");
    for n in 0..20 {
        assert_eq!(ask(&server, &format!("uwsgi.mule_msg('m{n}', 1)")), "True");
    }
    server.reload();
    until("the last message", || lines(&server, "message mule1 m19").pop());
    assert_eq!(lines(&server, "slept sleep 2").len(), 1);
    assert_eq!(lines(&server, "message").len(), 21);
    until("another process of the script", || lines(&server, "script").pop().filter(|l| *l != before));
    // Nothing is lost by a kill but what the mule has in hand.
    ask(&server, "uwsgi.mule_msg('sleep 60', 1)");
    wait_line(&server, "message mule1 sleep 60");
    ask(&server, "uwsgi.mule_msg('after', 1)");
    let mule = until("the mule", || {
        let comm = |pid: i32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        server.family().into_iter().find(|&pid| comm(pid).contains("mule 1"))
    });
    send(mule, Signal::SIGKILL);
    wait_line(&server, "message mule1 after");
    assert!(!alive(mule));
}

/// Observed on uWSGI 2.0.31: a full queue and a message above the socket's buffer are False, at once.
#[test]
fn a_full_queue_says_so_and_what_was_accepted_comes() {
    let server = site().option("mules", 1).start();
    ask(&server, "uwsgi.mule_msg('sleep 3', 1)");
    wait_line(&server, "message mule1 sleep 3");
    let sent: usize =
        ask(&server, "[uwsgi.mule_msg(b'x' * 100, 1) for _ in range(5000)].count(True)").parse().unwrap();
    assert!((50..5000).contains(&sent), "{sent}");
    assert_eq!(ask(&server, "uwsgi.mule_msg(b'x' * 50_000_000, 1)"), "False");
    server.wait_log("its queue is full");
    until("every message", || (lines(&server, "message mule1 xxx").len() == sent).then_some(()));
}

#[test]
fn a_mule_leaves_when_it_is_told_to() {
    let endless =
        "import time\nfrom background import ran\nran('endless')\nwhile True:\n    time.sleep(60)\n";
    let site = site().source("endless.py", endless).option("mule", "endless.py").option("mules", 1);
    let touched = site.ini().with_file_name("touch");
    fs::write(&touched, "").unwrap();
    let mut server = site.option("touch-mules-reload", touched.display()).start();
    wait_line(&server, "endless");
    fs::write(&touched, "x").unwrap();
    // A script that waits for no message is interrupted: it would never look.
    until("the next run", || (lines(&server, "endless").len() == 2).then_some(()));
    let began = std::time::Instant::now();
    server.stop(Signal::SIGTERM);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn a_message_that_takes_too_long_ends_its_mule() {
    let server = site().option("mules", 1).option("mule-harakiri", 1).start();
    ask(&server, "uwsgi.mule_msg('sleep 60')");
    server.wait_log("mule 1 meets its harakiri");
    ask(&server, "uwsgi.mule_msg('next')");
    wait_line(&server, "message mule1 next");
    assert!(stays(Duration::from_millis(500), || lines(&server, "slept").is_empty()));
}

/// What the decorators do, by our file and by that of uWSGI's own package, unmodified.
#[test]
fn the_decorators_work_and_so_do_those_of_the_original() {
    let original = paths::uwsgi_decorators();
    for (file, brains) in [(None, true), (None, false), (Some(&original), true), (Some(&original), false)] {
        let site = Site::new().file("background").app("decorated").home(&paths::pythons()[0].1).http();
        let folder = site.ini().with_file_name("tasks");
        let site = site.option("spooler", folder.display()).option("spooler-frequency", 1);
        let site = match file {
            Some(path) => site.option("env", format!("ORIGINAL={}", path.display())),
            None => site,
        };
        let server = match brains {
            true => site.option("mules", 4).option("farm", "f:4").option("env", "BRAINS=1").start(),
            false => site.option("mules", 1).start(),
        };
        assert_eq!(ask(&server, "everything(1)"), "'locked'");
        let mules: &[&str] = match brains {
            true => {
                &["brain mule2", "brain got b'for two'", "told mule3 b'for three'", "farmed mule4 b'for f'"]
            }
            false => &["mulefunc mule1 (1,) {'x': 2}"],
        };
        let others = [
            "plain a B",
            "plain b None",
            "pickled (1, 'two') {'three': [3]}",
            "first mule1 7",
            "threaded",
            "forked worker1",
            "forked spooler",
        ];
        others.iter().chain(mules).for_each(|line| drop(wait_line(&server, line)));
        for again in ["raw r", "forever f"] {
            until(again, || (lines(&server, again).len() >= 2).then_some(()));
        }
        assert_eq!((lines(&server, "plain").len(), lines(&server, "pickled").len()), (2, 1));
    }
}

/// A mule in an endless loop, one that holds the GIL in C, one that waits, and a spooler in a task.
#[test]
fn stacks_of_spoolers_and_mules() {
    let endless = "def in_the_loop():\n    n = 0\n    while True:\n        n += 1\nin_the_loop()\n";
    let hog = "
import ctypes, os
def in_c():
    ctypes.PyDLL(None).sleep(60)
with open(os.environ['HOLD_DIR'] + '/hog.started', 'w') as f:
    f.write(str(os.getpid()))
in_c()
";
    let site = site();
    let folder = site.ini().with_file_name("tasks");
    let site = site.option("spooler", folder.display()).source("endless.py", endless).source("hog.py", hog);
    let site = site.option("mule", "endless.py").option("mule", "hog.py").option("mule", "");
    let server = site.option("mule-reload-mercy", 1).option("reload-mercy", 1).start();
    let said = until("the line of the loop", || {
        let out = server.ctl(&["stack", "mule", "1"]);
        let said = String::from_utf8(out.stdout).unwrap();
        said.contains("in in_the_loop").then_some(said)
    });
    assert!(said.starts_with("mule 1, pid ") && said.contains("endless.py\", line "), "{said}");
    ask(&server, "uwsgi.spool({b'name': b'slow', b'sleep': b'60'})");
    until("the task", || lines(&server, "task slow").pop());
    let said = expect(&server.ctl(&["stack", "spooler"]), Exit::Ok, "in task");
    assert!(said.starts_with("spooler 1, pid ") && said.contains(" ms in uwsgi_spoolfile_on_"), "{said}");
    assert!(said.contains("time.sleep(float(env[b\"sleep\"]))"), "{said}");
    // PyDLL calls C without giving the GIL up: no Python can run in that mule.
    let pid = server.held("hog");
    let said = expect(&server.ctl(&["stack", "mule", "2"]), Exit::TimedOut, "has held the GIL for a second");
    assert!(said.contains("(uswgi-aide)"), "{said}");
    let waits = || expect(&server.ctl(&["stack", "mule", "3"]), Exit::Ok, "(MainThread)");
    let before = waits();
    let out = server.ctl(&["stack", "--json"]);
    assert_eq!(out.status.code(), Some(Exit::TimedOut.code()), "{out:?}");
    let v: Value = serde_json::from_slice(&out.stdout).unwrap();
    let of = |kind: &str, field: &str| -> Vec<Value> {
        v[kind].as_array().unwrap().iter().map(|one| one[field].clone()).collect()
    };
    assert_eq!(of("workers", "worker"), [1, 2]);
    assert_eq!((of("spoolers", "spooler"), of("spoolers", "busy")), (vec![1.into()], vec![1.into()]));
    assert_eq!(
        (of("mules", "mule"), &of("mules", "pid")[1]),
        (vec![1.into(), 2.into(), 3.into()], &pid.into())
    );
    assert_eq!(of("mules", "answer"), ["stacks", "no-gil", "stacks"]);
    // The next process of the name has descriptors of its own.
    send(of("mules", "pid")[2].as_i64().unwrap() as i32, Signal::SIGKILL);
    until("its successor", || {
        let out = server.ctl(&["stack", "mule", "3"]);
        (out.status.success() && out.stdout != before.as_bytes()).then_some(())
    });
    expect(&server.ctl(&["stack", "mule", "9"]), Exit::Failed, "there is no mule 9 now");
    expect(&server.ctl(&["stack", "mules"]), Exit::Usage, "'mules' names no process");
}
