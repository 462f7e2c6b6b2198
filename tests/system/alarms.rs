//! Alarms: what is told when one is raised, beside the original; what raises them by itself.

use crate::spooler::{ask, lines};
use std::fs;
use std::path::Path;
use std::time::Duration;
use uswgi_tests::http::Connection;
use uswgi_tests::request::quote;
use uswgi_tests::{Server, Site, paths, until, until_within};

/// Alarms of every kind, over the application of signals.py; what commands are given is in the file `told`.
fn site(original: bool) -> Site {
    let site = Site::new().file("background").app("signals").http().option("master", "true");
    let told = site.dir.join("told");
    fs::write(&told, "").unwrap();
    let site = site
        .option("mule", "")
        .option("alarm", format!("c cmd:cat >> {0}; echo '|' >> {0}", told.display()))
        .option("alarm", format!("here cmd:pwd >> {}", told.display()))
        .option("alarm", "s signal:10")
        .option("alarm", "m mule:1")
        .option("alarm", "l log:")
        .option("alarm", "p log:see here")
        .option("alarm-freq", 600);
    if original { site.program(paths::uwsgi()) } else { site.home(&paths::pythons()[0].1) }
}

fn started(site: Site) -> Server {
    let server = Server::begin(site);
    let address = server.http.clone().unwrap();
    until("it to listen", || address.connect().ok());
    server
}

fn told(dir: &Path) -> String {
    fs::read_to_string(dir.join("told")).unwrap()
}

/// Observed on uWSGI 2.0.31: a command gets the message as it is on its standard input, in the directory of the application;
/// the same message is told once within `alarm-freq` seconds, until another one came; names that are none do nothing.
#[test]
fn alarms_tell_what_they_tell_on_the_original() {
    let originals: &[bool] = if paths::original().is_none() { &[true, false] } else { &[false] };
    for &original in originals {
        let server = started(site(original));
        let dir: &Path = server.dir.path();
        // One after the other: commands run beside each other.
        for (message, then) in [
            ("'first'", "first|\n"),
            ("'first'", "first|\n"),
            ("b'sec\\n\\xff'", "first|\nsec"),
            ("'first'", "first|\nsec\n\u{fffd}|\nfirst|\n"),
        ] {
            assert_eq!(ask(&server, &format!("uwsgi.alarm('c', {message})")), "None");
            until("the command to have run", || {
                let now = fs::read(dir.join("told")).unwrap();
                String::from_utf8_lossy(&now).starts_with(then).then_some(())
            });
        }
        let text = String::from_utf8_lossy(&fs::read(dir.join("told")).unwrap()).matches('|').count();
        assert_eq!(text, 3, "the second one was not told again");
        fs::write(dir.join("told"), "").unwrap();
        ask(&server, "uwsgi.alarm('here', 'xx')");
        let here = until("pwd", || Some(told(dir)).filter(|t| t.ends_with('\n')));
        assert_eq!(Path::new(here.trim_end()), dir.join("app"));
        ask(&server, "uwsgi.alarm('s', 'xx')");
        until("the signal", || lines(dir, "signal 10 int worker1").pop());
        ask(&server, "uwsgi.alarm('m', b'to the mule')");
        until("the message", || lines(dir, "message mule1 to the mule").pop());
        ask(&server, "[uwsgi.alarm('l', 'plain text'), uwsgi.alarm('p', 'it is')]");
        server.wait_log("ALARM: plain text\n");
        server.wait_log("ALARM: see here it is\n");
        assert_eq!(ask(&server, "uwsgi.alarm('ghost', 'xx')"), "None");
        for wrong in ["uwsgi.alarm('c')", "uwsgi.alarm(b'c', 'xx')", "uwsgi.alarm('c', 5)"] {
            assert!(ask(&server, wrong).starts_with("TypeError"), "{wrong}");
        }
    }
}

/// uWSGI does not tell messages of one byte or none; ours are told, and a longer one than `alarm-msg-size` is cut.
#[test]
fn every_message_is_told_and_a_command_that_fails_is_named() {
    let site = site(false).option("alarm", "bad cmd:exit 3").option("alarm-msg-size", 4);
    let server = site.start();
    for message in ["''", "'x'", "'12345678'"] {
        ask(&server, &format!("uwsgi.alarm('l', {message})"));
    }
    server.wait_log("ALARM: \n");
    server.wait_log("ALARM: x\n");
    server.wait_log("ALARM: 1234\n");
    ask(&server, "uwsgi.alarm('bad', '')");
    server.wait_log("alarm bad: its command exited with code 3");
}

#[test]
fn a_crash_and_a_number_raise_alarms() {
    let site = site(false)
        .option("metric", "name=n,type=gauge")
        .option("metric-alarm", "key=n,value=10,alarm=l,msg=n is high,reset=2")
        .option("segfault-alarm", "c");
    let server = site.start();
    assert_eq!(ask(&server, "uwsgi.metric_set('n', 10)"), "True");
    server.wait_log("ALARM: n is high\n");
    until("the reset", || (ask(&server, "uwsgi.metric_get('n')") == "2").then_some(()));
    let pid = server.worker_pids()[0];
    uswgi_tests::process::send(pid, nix::sys::signal::Signal::SIGSEGV);
    until("the command", || {
        Some(told(server.dir.path()))
            .filter(|t| t == &format!("worker 1 (pid {pid}) was killed by SIGSEGV|\n"))
    });
}

/// Both look at the queue each second, and say the same of it but for the descriptor.
#[test]
fn a_full_queue_raises_an_alarm_with_the_words_of_the_original() {
    let originals: &[bool] = if paths::original().is_none() { &[true, false] } else { &[false] };
    for &original in originals {
        let server = started(site(original).option("listen", 2).option("lq-alarm", "l"));
        let address = server.http.clone().unwrap();
        // One with the worker, and then one more than `listen` in the queue, as Linux has it.
        let asked = uswgi_tests::Request::get(&format!("/?{}", quote("ran('busy') or time.sleep(20)")));
        let mut busy = Connection::open(&address).unwrap();
        busy.send_request(&asked).unwrap();
        until("the worker to be busy", || lines(server.dir.path(), "busy").pop());
        let _waiting: Vec<Connection> = (0..3).map(|_| Connection::open(&address).unwrap()).collect();
        let line = until_within(Duration::from_secs(60), "the alarm", || {
            server.log().lines().find(|l| l.contains("ALARM: listen queue of socket")).map(str::to_string)
        });
        let port = server.http_port();
        assert!(line.contains(&format!("socket \"127.0.0.1:{port}\" (fd: ")), "{line}");
        assert!(line.contains(") full !!! (") && line.ends_with("/2)"), "{line}");
    }
}

/// Observed on uWSGI 2.0.30 of pyuwsgi (the pip build has no PCRE here, and so no such option): the whole line is the
/// message, its line break too, also one that `log-drain` drops; of requests as well.
#[test]
fn lines_of_the_log_raise_alarms_and_a_reload_changes_which() {
    let site = site(false).option("alarm-log", "c,l needle");
    let server = site.option("not-alarm-log", "c ^calm").option("log-alarm", "c ^storm|^calm").start();
    let told_now = |all: &str| {
        let now = until("the lines", || Some(told(server.dir.path())).filter(|t| t.len() >= all.len()));
        assert_eq!(now, all);
    };
    let print = |line: &str| {
        ask(&server, &format!("print('{}' + '{}', flush=True)", &line[..3], &line[3..]));
    };
    print("a needle here");
    told_now("a needle here\n|\n");
    ["calm day", "nothing", "storm"].iter().for_each(|line| print(line));
    told_now("a needle here\n|\nstorm\n|\n");
    server.wait_log("ALARM: a needle here\n");
    assert_eq!(server.log().matches("ALARM: ").count(), 1, "an alarm raises none");
    fs::write(server.dir.join("told"), "").unwrap();
    let ini = server.dir.join("uwsgi.ini");
    let text = fs::read_to_string(&ini).unwrap();
    fs::write(&ini, text.replace("needle", "thread")).unwrap();
    server.reload();
    ask(&server, "[print(w + 'dle', w + 'x', 'thr' + 'ead', flush=True) for w in ['nee']]");
    told_now("needle neex thread\n|\n");
}
