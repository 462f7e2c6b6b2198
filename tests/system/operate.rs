//! An operator at work: every verb of uswgi-ctl on a running instance, also while its master stands still.

use nix::sys::signal::Signal;
use serde_json::Value;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output};
use std::time::Duration;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::WorkerState;
use uswgi_proto::show::Snapshot;
use uswgi_tests::pty::Terminal;
use uswgi_tests::wait::{PATIENCE, stays};
use uswgi_tests::{Need, Request, Server, Site, lacks, paths, process, until};

#[track_caller]
pub(crate) fn expect(out: &Output, exit: Exit, part: &str) -> String {
    let said = String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned();
    assert_eq!(out.status.code(), Some(exit.code()), "{said}");
    assert!(said.contains(part), "no {part:?} in {said}");
    said
}

fn ready(server: &Server) -> Vec<(u32, i32)> {
    server.workers().iter().filter(|w| w.state == WorkerState::Ready).map(|w| (w.id, w.pid)).collect()
}

#[test]
fn a_master_that_stands_still_keeps_nobody_from_looking() {
    let server = Site::probe().option("workers", 2).start();
    server.get("/hello").expect(200);
    server.signal(Signal::SIGSTOP);
    let seen: Vec<(Vec<&str>, Output)> = [
        vec!["ping"],
        vec!["status"],
        vec!["workers"],
        vec!["metrics"],
        vec!["list"],
        vec!["top", "--interval", "0.1"],
        vec!["stack", "--all"],
        vec!["wait", "--ready"],
    ]
    .into_iter()
    .map(|args| (args.clone(), server.ctl(&args)))
    .collect();
    // What only the master can do times out, and says so.
    let scale = server.ctl(&["scale", "+1", "--timeout", "0.5"]);
    let kill = server.ctl(&["kill", "1", "--timeout", "0.5"]);
    // Everybody who cannot get on says why, and so does who looks.
    let why = format!("stopped by a signal or a debugger (kill -CONT {} wakes it)", server.pid());
    for args in [&["status"][..], &["ping"], &["list"], &["reload"]] {
        expect(&server.ctl(args), Exit::Ok, &why);
    }
    for args in
        [&["reload", "--wait", "-t", "0.2"][..], &["pause", "-t", "0.2"], &["wait", "--stopped", "-t", "0.2"]]
    {
        expect(&server.ctl(args), Exit::TimedOut, &why);
    }
    server.signal(Signal::SIGCONT);
    for (args, out) in seen {
        assert_eq!(out.status.code(), Some(0), "{args:?}: {out:?}");
    }
    expect(&scale, Exit::TimedOut, &format!("kill -CONT {} wakes it", server.pid()));
    expect(&kill, Exit::TimedOut, "sent to worker 1");
    until("the killed worker's successor", || (ready(&server).len() >= 2).then_some(()));
}

#[test]
fn stacks_of_busy_idle_stuck_and_stopped_workers() {
    let app = "
import ctypes, os, time
def in_the_app():
    ctypes.PyDLL(None).sleep(30)
def application(environ, start_response):
    if environ['PATH_INFO'] == '/hog':
        with open(os.environ['HOLD_DIR'] + '/hog.started', 'w') as f:
            f.write(str(os.getpid()))
        in_the_app()
    start_response('200 OK', [])
    return [b'hi']
";
    let site = Site::probe().without("module").source("hog.py", app).option("module", "hog");
    let server = site.option("workers", 2).option("worker-reload-mercy", 1).start();
    let idle = server.ctl(&["stack", "1"]);
    expect(&idle, Exit::Ok, "(MainThread)");
    // PyDLL calls C without giving the GIL up: no Python can run in that worker.
    let hog = server.door().ask_later(Request::get("/hog"));
    let pid = server.held("hog");
    let out = server.ctl(&["stack", "--all", "--json"]);
    assert_eq!(out.status.code(), Some(Exit::TimedOut.code()), "{out:?}");
    let v: Value = serde_json::from_slice(&out.stdout).unwrap();
    let stuck = v["workers"].as_array().unwrap().iter().find(|w| w["pid"] == pid).unwrap();
    assert_eq!(stuck["answer"], "no-gil", "{v}");
    assert!(
        stuck["threads"].as_array().unwrap().iter().any(|t| t.as_str().unwrap().contains("uswgi-io")),
        "{v}"
    );
    let other = v["workers"].as_array().unwrap().iter().find(|w| w["pid"] != pid).unwrap();
    assert_eq!(other["answer"], "stacks", "{v}");
    // Asking is no harm: it is asked again and again, and dies only when it is told to.
    for _ in 0..6 {
        assert_eq!(server.ctl(&["stack", "--all"]).status.code(), Some(Exit::TimedOut.code()));
    }
    assert!(process::alive(pid));
    let id = stuck["worker"].as_u64().unwrap().to_string();
    expect(&server.ctl(&["kill", &id]), Exit::Ok, "it has ended");
    drop(hog.join());
    until("two workers", || (ready(&server).len() == 2).then_some(()));
    let (id, pid) = ready(&server)[0];
    process::send(pid, Signal::SIGSTOP);
    let out = server.ctl(&["stack", &id.to_string(), "--timeout", "0.5"]);
    process::send(pid, Signal::SIGCONT);
    let said = expect(&out, Exit::TimedOut, "no answer");
    assert!(said.contains("is stopped"), "{said}");
}

#[test]
fn the_stack_of_a_request_names_its_line() {
    let server = Site::probe().option("threads", 3).start();
    let held = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    let said = expect(&server.ctl(&["stack", "1"]), Exit::Ok, "in hold");
    assert!(said.contains("generation 1, 1 of 3 threads in a request\n"), "{said}");
    assert!(said.contains("probe.py\", line ") && said.matches("Thread 0x").count() >= 3, "{said}");
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
}

#[test]
fn scale_and_retire_do_what_they_say_and_wait_for_it() {
    let server = Site::probe().option("workers", 2).start();
    expect(&server.ctl(&["scale", "+1", "--wait"]), Exit::Ok, "");
    assert_eq!(ready(&server).len(), 3);
    expect(&server.ctl(&["scale", "-2", "--wait"]), Exit::Ok, "");
    assert_eq!(ready(&server).len(), 1);
    expect(&server.ctl(&["scale", "2", "--wait", "--json"]), Exit::Ok, "\"workers_ready\": 2");
    // What cannot be is refused, and nothing changes.
    for (to, asked) in [("9999", 9999), ("+9999", 10001), ("-2", 0)] {
        let why = format!("{asked} workers are not possible here, 1 to 28 are");
        expect(&server.ctl(&["scale", to, "--wait"]), Exit::Failed, &why);
    }
    expect(&server.ctl(&["scale", "2", "--wait"]), Exit::Ok, "2 workers are wanted, 2 before");
    let before = ready(&server);
    expect(&server.ctl(&["retire", &before[0].0.to_string(), "--wait"]), Exit::Ok, "");
    let after = ready(&server);
    assert!(before[0].1 != after[0].1 && before[1] == after[1], "{before:?} {after:?}");
    for verb in ["retire", "kill", "stack"] {
        expect(&server.ctl(&[verb, "77"]), Exit::Failed, "no worker 77");
    }
    let v: Value = serde_json::from_slice(&server.ctl(&["status", "--json"]).stdout).unwrap();
    assert_eq!(v["restarts"]["operator"], 1, "{v}");
}

#[test]
fn the_pid_of_a_worker_names_no_instance_but_tells_whose_it_is() {
    let server = Site::probe().start();
    for child in [server.worker_pids()[0], server.template().unwrap()] {
        let mut command = process::command(paths::command("uswgi-ctl"));
        command.args(["--pid", &child.to_string(), "stop"]);
        let why =
            format!("process {child} is no uswgi-master: it belongs to the one with pid {}", server.pid());
        expect(&process::run(command, uswgi_tests::wait::PATIENCE), Exit::NotRunning, &why);
    }
    server.get("/hello").expect(200);
}

#[test]
fn a_paused_instance_does_not_answer_a_ping() {
    let server = Site::probe().start();
    expect(&server.ctl(&["ping"]), Exit::Ok, "running");
    expect(&server.ctl(&["pause"]), Exit::Ok, "paused");
    expect(&server.ctl(&["ping"]), Exit::Failed, "paused");
    expect(&server.ctl(&["resume"]), Exit::Ok, "accepting");
    expect(&server.ctl(&["ping"]), Exit::Ok, "running");
}

/// A pause holds for workers that come later too, and `reload --wait` does not call it accepting.
#[test]
fn a_paused_instance_answers_nobody_whoever_comes() {
    for lazy in [false, true] {
        let server = Site::probe().option("workers", 2).option("lazy-apps", lazy).start();
        expect(&server.ctl(&["pause"]), Exit::Ok, "paused");
        let waits: Vec<_> =
            server.doors().into_iter().map(|door| door.ask_later(Request::get("/hello"))).collect();
        let said = expect(&server.ctl(&["reload", "--wait"]), Exit::Failed, "none of them accepts");
        assert!(said.contains("paused, 2 of 2 workers ready, generation 2"), "{said}");
        for (id, pid) in ready(&server) {
            process::send(pid, Signal::SIGKILL);
            until("another one", || ready(&server).iter().any(|w| w.0 == id && w.1 != pid).then_some(()));
        }
        // Whoever took one of the two would answer it at once.
        let answered = || waits.iter().any(std::thread::JoinHandle::is_finished);
        assert!(stays(Duration::from_millis(500), || !answered()), "{}", server.log());
        let seen = Snapshot::take(&server.instance().unwrap());
        assert!(seen.workers.iter().all(|w| !w.accepting), "{:?}", seen.workers);
        expect(&server.ctl(&["resume"]), Exit::Ok, "accepting");
        for reply in waits {
            reply.join().unwrap().unwrap().expect(200);
        }
        expect(&server.ctl(&["reload", "--wait"]), Exit::Ok, "generation 3");
    }
}

/// A worker that has not heard of the pause could still answer.
#[test]
fn a_pause_is_over_when_every_worker_has_heard() {
    let server = Site::probe().option("workers", 2).start();
    let (_, deaf) = ready(&server)[0];
    process::send(deaf, Signal::SIGSTOP);
    let said = expect(&server.ctl(&["pause", "--timeout", "1"]), Exit::TimedOut, "the pause");
    assert!(said.contains("paused, 2 of 2 workers ready"), "{said}");
    process::send(deaf, Signal::SIGCONT);
    expect(&server.ctl(&["pause"]), Exit::Ok, "paused");
    let seen = Snapshot::take(&server.instance().unwrap());
    assert!(seen.workers.iter().all(|w| !w.accepting), "{:?}", seen.workers);
    expect(&server.ctl(&["resume"]), Exit::Ok, "accepting");
    server.get("/hello").expect(200);
}

#[test]
fn a_full_disk_is_no_success() {
    let server = Site::probe().start();
    for args in [&["metrics"][..], &["status", "--json"], &["top", "--count", "2", "--interval", "0.1"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let out = server.ctl_command(args).stdout(full).output().unwrap();
        assert_eq!(out.status.code(), Some(Exit::Failed.code()), "{args:?}");
        assert!(String::from_utf8_lossy(&out.stderr).contains("cannot print"), "{out:?}");
    }
    // A reader that has enough is another matter.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let out = server.ctl_command(&["metrics"]).stdout(writer).output().unwrap();
    assert_eq!(out.status.code(), Some(Exit::Ok.code()), "{out:?}");
}

#[test]
fn workers_are_listed_by_their_numbers() {
    let server = Site::probe().option("workers", 4).start();
    // The successors get slots behind the others.
    for id in ["1", "2"] {
        expect(&server.ctl(&["retire", id, "--wait"]), Exit::Ok, "");
    }
    until("the end of the old ones", || (server.workers().len() == 4).then_some(()));
    let numbers = |args: &[&str], word: usize| -> Vec<String> {
        let out = String::from_utf8(server.ctl(args).stdout).unwrap();
        let rows = out.lines().filter(|l| l.contains("ready") || l.starts_with("worker "));
        rows.map(|l| l.split_whitespace().nth(word).unwrap().trim_end_matches(',').to_string()).collect()
    };
    assert_eq!(numbers(&["workers"], 0), ["1", "2", "3", "4"]);
    assert_eq!(numbers(&["stack", "--all"], 1), ["1", "2", "3", "4"]);
}

#[test]
fn the_settings_in_force_are_shown() {
    let server = Site::probe().option("harakiri", 31).option("threads", 2).start();
    let all = expect(&server.ctl(&["config"]), Exit::Ok, "harakiri = 31\n");
    assert!(all.contains("threads = 2\n"), "{all}");
    assert_eq!(expect(&server.ctl(&["config", "harakiri"]), Exit::Ok, ""), "harakiri = 31\n");
    // By another of its names.
    assert_eq!(expect(&server.ctl(&["config", "workers"]), Exit::Ok, ""), "processes = 1\n");
    let out = server.ctl(&["config", "--json", "threads"]);
    let v: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&v["settings"][0]["value"], &v["generation"]), (&"2".into(), &1.into()));
    expect(&server.ctl(&["config", "beauty"]), Exit::Usage, "beauty");
}

#[test]
fn reload_tells_how_far_it_is_and_why_it_failed() {
    let server = Site::probe().option("workers", 2).start();
    let out = server.ctl(&["reload", "--wait"]);
    expect(&out, Exit::Ok, "reloaded: ");
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(told.contains("reloading: "), "{told}");
    assert!(!String::from_utf8_lossy(&out.stdout).contains("reloading: "));
    std::fs::write(server.dir.join("app").join("probe.py"), "import nothing_of_this_name\n").unwrap();
    let said =
        expect(&server.ctl(&["reload", "--wait"]), Exit::Failed, "No module named 'nothing_of_this_name'");
    assert!(said.contains("probe.py\", line 1"), "{said}");
    let quiet = server.ctl(&["reload", "--wait", "--quiet"]);
    assert!(!String::from_utf8_lossy(&quiet.stderr).contains("reloading: "), "{quiet:?}");
}

#[test]
fn another_user_is_refused_as_such() {
    if lacks(Need::Root) {
        return;
    }
    let server = Site::probe().start();
    let program = server.dir.join("uswgi-ctl");
    process::install(&paths::command("uswgi-ctl"), &program);
    for verb in [&["status"][..], &["reload"], &["stop"], &["top"], &["stack", "1"], &["config"]] {
        let mut command = process::command(&program);
        command.uid(65534).gid(65534).args(verb).arg("--pidfile").arg(server.dir.join("uwsgi.pid"));
        expect(&process::run(command, PATIENCE), Exit::NotPermitted, "no permission");
    }
    // What it may not see is not in its list, and silence would look as if something were broken.
    let mut command = process::command(&program);
    command.uid(65534).gid(65534).arg("list");
    let out = process::run(command, uswgi_tests::wait::PATIENCE);
    expect(&out, Exit::Ok, "no instance runs that this user may look at");
    assert!(out.stdout.is_empty(), "{out:?}");
    server.get("/hello").expect(200);
}

#[test]
fn top_follows_the_instance_and_steers_it() {
    let server = Site::probe().option("workers", 2).option("threads", 2).start();
    let held = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    let mut top = Terminal::start(server.ctl_command(&["top", "--interval", "0.2"]));
    top.wait_screen("2 of 2 workers ready");
    top.wait_screen("/hold?name=a");
    // The worker whose request is oldest comes first: choose it by the order.
    for _ in 0..4 {
        top.type_in("s");
    }
    top.wait_screen("sorted by age");
    top.type_in("p");
    top.wait_screen("in hold");
    top.type_in(" q");
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
    top.type_in("ss");
    top.wait_screen("sorted by id");
    let before = ready(&server);
    top.type_in("x");
    top.wait_screen("retire worker 1?");
    top.type_in("y");
    until("a new worker 1", || {
        (ready(&server).first() != before.first() && ready(&server).len() == 2).then_some(())
    });
    top.type_in("R");
    top.wait_screen("reload the instance?");
    top.type_in("y");
    until("the reload", || (server.reloads_done() == 1).then_some(()));
    top.type_in("q");
    assert!(top.wait().success());
}

/// The command with signals as env(1) sets them, whatever this process has inherited.
fn with_signals(command: Command, option: &str) -> Command {
    let mut env = Command::new("env");
    env.arg(option).arg(command.get_program()).args(command.get_args());
    env
}

#[test]
fn a_signal_that_ends_top_leaves_the_terminal_as_it_was() {
    let server = Site::probe().start();
    let command = || server.ctl_command(&["top", "--interval", "0.2"]);
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut top = Terminal::start(with_signals(command(), "--default-signal=TERM,INT,HUP"));
        top.wait_screen("workers ready");
        assert!(top.is_raw());
        process::send(top.pid(), signal);
        assert_eq!(top.wait().signal(), Some(signal as i32));
        assert!(!top.is_raw(), "{signal}");
        // The alternate screen is left, the cursor shown.
        until("the screen put back", || {
            (top.was_sent(b"\x1b[?1049l") && top.was_sent(b"\x1b[?25h")).then_some(())
        });
    }
    // One that was ignored from the start, as by nohup(1), stays so.
    let mut top = Terminal::start(with_signals(command(), "--ignore-signal=INT,HUP"));
    top.wait_screen("workers ready");
    process::send(top.pid(), Signal::SIGHUP);
    process::send(top.pid(), Signal::SIGINT);
    top.type_in("ss");
    top.wait_screen("sorted by");
    top.type_in("q");
    assert!(top.wait().success());
}
