//! Spooler: tasks are files of uWSGI's format, and one that was accepted is run at least once, whatever is killed.

use nix::sys::signal::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use uswgi_tests::process::alive;
use uswgi_tests::request::quote;
use uswgi_tests::wait::stays;
use uswgi_tests::{Request, Server, Site, paths, until, until_within};

pub(crate) fn site() -> Site {
    let site = Site::new().app("background").home(&paths::pythons()[0].1).http().option("workers", 2);
    let folder = site.ini().with_file_name("tasks");
    site.option("spooler", folder.display()).option("spooler-frequency", 1)
}

pub(crate) fn tasks(server: &Server) -> PathBuf {
    server.dir.join("tasks")
}

pub(crate) fn ask(server: &Server, question: &str) -> String {
    server.ask(&Request::get(&format!("/?{}", quote(question)))).expect(200).text().trim_end().into()
}

fn ran(dir: &Path) -> String {
    fs::read_to_string(dir.join("hold/ran")).unwrap_or_default()
}

pub(crate) fn lines(dir: &Path, start: &str) -> Vec<String> {
    ran(dir).lines().filter(|l| l.starts_with(start)).map(str::to_string).collect()
}

/// How often a task ran.
fn times(server: &Server, name: &str) -> usize {
    lines(server.dir.path(), &format!("task {name} ")).len()
}

pub(crate) fn task_files(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let names = entries.flatten().map(|e| e.file_name().into_string().unwrap());
    names.filter(|n| n.starts_with("uwsgi_spoolfile_on_")).collect()
}

fn spooler_pid(server: &Server) -> i32 {
    until("a spooler", || ask(server, "uwsgi.spooler_pid()").parse().ok().filter(|&pid| pid > 0))
}

/// What a task's function sees, and what each of its results means. Observed on uWSGI 2.0.31: own keys are bytes, the name
/// and the body have str keys; only SPOOL_OK removes the task; the working directory is the folder; `at` stays a key.
#[test]
fn a_task_is_run_as_on_uwsgi() {
    let server = site().start();
    let made = ask(&server, "uwsgi.spool({b'name': b'a', b'show': b'', b'body': b'B', b'get': b''})");
    let folder = tasks(&server).canonicalize().unwrap();
    assert!(made.starts_with(&format!("b'{}/uwsgi_spoolfile_on_", folder.display())), "{made}");
    until("the task", || (times(&server, "a") == 1).then_some(()));
    until("its end", || task_files(&folder).is_empty().then_some(()));
    let name = made.rsplit('/').next().unwrap();
    let env = lines(server.dir.path(), "env").remove(0);
    let expected = format!(
        "env [('body', b'B'), ('spooler_task_name', b'{name}), (b'get', b''), (b'name', b'a'), (b'show', b'')] {}",
        folder.display()
    );
    assert_eq!(env, expected);
    assert!(
        lines(server.dir.path(), "own")[0].contains("b'name': b'a'"),
        "a task that runs can be asked for"
    );
    for result in ["none", "true", "text", "ignore", "retry"] {
        ask(&server, &format!("uwsgi.spool({{b'name': b'{result}', b'ret': b'{result}'}})"));
        until(result, || (times(&server, result) >= 2).then_some(()));
    }
    ask(&server, "uwsgi.spool({b'name': b'raises', b'raise': b''})");
    until("another try after an exception", || (times(&server, "raises") >= 2).then_some(()));
    server.wait_log("RuntimeError: as it was asked for");
    assert_eq!(task_files(&folder).len(), 6);
    let at = "uwsgi.spool({b'name': b'late', b'at': str(int(time.time()) + 3).encode()})";
    let began = Instant::now();
    ask(&server, at);
    until("a task with a time", || (times(&server, "late") == 1).then_some(()));
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

/// The exceptions of uWSGI 2.0.31; where it takes a value that it then cuts or puts elsewhere, ours refuses.
#[test]
fn what_is_no_task_is_refused() {
    let server = site().start();
    let bytes = "ValueError: spooler callable dictionary must contains only bytes";
    for bad in ["{'a': b'1'}", "{b'a': '1'}", "{b'a': 1}"] {
        assert_eq!(ask(&server, &format!("uwsgi.spool({bad})")), bytes);
    }
    assert_eq!(ask(&server, "uwsgi.spool(a=b'1')"), bytes);
    let no_dict = "ValueError: The argument of spooler callable must be a dictionary";
    for bad in ["", "5", "None", "[1]"] {
        assert_eq!(ask(&server, &format!("uwsgi.spool({bad})")), no_dict);
    }
    for bad in [
        "{b'a': b'x' * 70000}",
        "{b'a' * 40000: b'x' * 40000}",
        "{b'a': b'1', b'spooler': b'/none'}",
        "{b'a': b'1', b'priority': b'../x'}",
        "{b'a': b'1', b'priority': b'a/b'}",
    ] {
        let said = ask(&server, &format!("uwsgi.spool({bad})"));
        assert!(said.starts_with("ValueError: unable to spool job: "), "{bad}: {said}");
    }
    assert!(task_files(&tasks(&server)).is_empty());
    assert_eq!(
        uswgi_tests::temp::names(&tasks(&server)),
        Vec::<String>::new(),
        "nothing half-written is left"
    );
}

/// Observed on uWSGI 2.0.31: without a spooler there is i_am_the_spooler, and nothing else.
#[test]
fn without_a_spooler_the_names_are_not_there() {
    let server = Site::new().app("background").home(&paths::pythons()[0].1).http().start();
    let names = ask(&server, "[n for n in dir(uwsgi) if 'spool' in n.lower()]");
    assert_eq!(names, "['i_am_the_spooler', 'spooler']", "the last one is set by the application");
}

/// A folder full of tasks that uWSGI 2.0.31 has written is worked off here, and the other way round.
#[test]
fn a_folder_is_worked_off_by_either_program() {
    if paths::original().is_some() {
        return;
    }
    let program = |original: bool, from: Option<&Path>| {
        let site = Site::new().app("background").http().option("workers", 1).option("master", "true");
        let folder = from.map_or_else(|| site.ini().with_file_name("tasks"), PathBuf::from);
        let site = site.option("die-on-term", "true").option("spooler-frequency", 1);
        // Only who is to run tasks has a process for them.
        let key = if from.is_some() { "spooler" } else { "spooler-external" };
        fs::create_dir_all(&folder).unwrap();
        let site = site.option(key, folder.display());
        let site = if original { site.program(paths::uwsgi()) } else { site.home(&paths::pythons()[0].1) };
        let server = Server::begin(site);
        let address = server.http.clone().unwrap();
        until("it to listen", || address.connect().ok());
        (server, folder)
    };
    for writer in [true, false] {
        let (mut first, folder) = program(writer, None);
        for n in 0..20 {
            let task = format!(
                "{{b'name': b't{n}', b'show': b'', b'body': b'x' * {n} * 1000, b'n': b'\\x00\\xff'}}"
            );
            let made = ask(&first, &format!("uwsgi.spool({task})"));
            assert!(made.starts_with("b'/"), "{made}");
        }
        assert_eq!(task_files(&folder).len(), 20);
        first.signal(Signal::SIGTERM);
        first.wait();
        let (second, _) = program(!writer, Some(&folder));
        until("an empty folder", || task_files(&folder).is_empty().then_some(()));
        let seen = lines(second.dir.path(), "env");
        assert_eq!(seen.len(), 20);
        for n in 1..20 {
            let body = format!("('body', b'{}')", "x".repeat(n * 1000));
            assert!(seen.iter().any(|l| l.contains(&body) && l.contains(&format!("b't{n}'"))), "{n}");
        }
        assert!(seen.iter().all(|l| l.contains(r"(b'n', b'\x00\xff')")));
    }
}

/// Observed on uWSGI 2.0.31: lower numbers first, the folder itself last; without the option a priority is never looked at.
#[test]
fn priorities_decide_the_order() {
    let server = site().option("spooler-ordered", "true").start();
    ask(&server, "uwsgi.spool({b'name': b'first', b'sleep': b'1'})");
    until("the first", || (times(&server, "first") == 1).then_some(()));
    for (name, priority) in [("p10", Some("10")), ("root", None), ("p2", Some("2")), ("word", Some("x"))] {
        let priority = priority.map_or(String::new(), |p| format!(", b'priority': b'{p}'"));
        ask(&server, &format!("uwsgi.spool({{b'name': b'{name}'{priority}}})"));
    }
    until("the last", || (times(&server, "root") == 1).then_some(()));
    let order: Vec<String> =
        lines(server.dir.path(), "task").iter().map(|l| l.split(' ').nth(1).unwrap().into()).collect();
    assert_eq!(order, ["first", "p2", "p10", "root"]);
    assert_eq!(task_files(&tasks(&server).join("x")).len(), 1);
}

/// uWSGI runs a task that kills its process for ever, once a second.
#[test]
fn a_poison_task_is_put_aside_and_the_others_run() {
    let server = site().start();
    for (name, poison) in [("segv", "b'kill': b'11'"), ("exit", "b'exit': b'0'")] {
        ask(&server, &format!("uwsgi.spool({{b'name': b'{name}', {poison}}})"));
    }
    let failed = tasks(&server).join("failed");
    until_within(Duration::from_secs(60), "both put aside", || {
        (task_files(&failed).len() == 4).then_some(())
    });
    for name in ["segv", "exit"] {
        assert_eq!(times(&server, name), 3);
    }
    let reasons: Vec<String> = task_files(&failed).into_iter().filter(|n| n.ends_with(".reason")).collect();
    let text = |n: &String| fs::read_to_string(failed.join(n)).unwrap();
    assert!(reasons.iter().any(|n| text(n).contains("3 spooler processes") && text(n).contains("signal 11")));
    ask(&server, "uwsgi.spool({b'name': b'good'})");
    until("the good one", || (times(&server, "good") == 1).then_some(()));
    // Its file goes after the task has said that it ran.
    until("nothing but what was put aside", || {
        (uswgi_tests::temp::names(&tasks(&server)) == ["failed"]).then_some(())
    });
}

#[test]
fn a_task_that_takes_too_long_is_killed_and_runs_again() {
    let server = site().option("spooler-harakiri", 1).option("spooler-max-attempts", 2).start();
    ask(&server, "uwsgi.spool({b'name': b'slow', b'sleep': b'60'})");
    server.wait_log("meets its harakiri in task uwsgi_spoolfile_on_");
    assert!(server.wait_log("time.sleep").contains("background.py"), "where it stood");
    until("it to be put aside", || (task_files(&tasks(&server).join("failed")).len() == 2).then_some(()));
    assert_eq!(times(&server, "slow"), 2);
}

#[test]
fn retries_wait_longer_each_time() {
    let server = site().option("spooler-retry-delay", 2).start();
    ask(&server, "uwsgi.spool({b'name': b'again', b'ret': b'retry'})");
    until("the first try", || (times(&server, "again") == 1).then_some(()));
    let first = Instant::now();
    until("the second", || (times(&server, "again") == 2).then_some(()));
    let second = Instant::now();
    assert!(second - first > Duration::from_millis(900), "{:?}", second - first);
    until("the third", || (times(&server, "again") == 3).then_some(()));
    assert!(second.elapsed() > Duration::from_millis(2900), "{:?}", second.elapsed());
}

/// A task that runs comes to its end in a reload and in a stop; uWSGI cuts it.
#[test]
fn a_task_is_finished_before_its_process_leaves() {
    let mut server = site().option("spooler-processes", 2).start();
    let before = spooler_pid(&server);
    ask(&server, "uwsgi.spool({b'name': b'r', b'sleep': b'2'})");
    until("the task", || (times(&server, "r") == 1).then_some(()));
    server.reload();
    until("new processes", || (spooler_pid(&server) != before && !alive(before)).then_some(()));
    until("its end", || (lines(server.dir.path(), "slept r").len() == 1).then_some(()));
    ask(&server, "uwsgi.spool({b'name': b's', b'sleep': b'1'})");
    until("another", || (times(&server, "s") == 1).then_some(()));
    server.stop(Signal::SIGTERM);
    assert_eq!(lines(server.dir.path(), "slept s").len(), 1);
    assert_eq!((times(&server, "r"), times(&server, "s")), (1, 1));
    assert!(task_files(&tasks(&server)).is_empty());
}

#[test]
fn limits_and_files_bring_new_processes() {
    let site = site().option("spooler-max-tasks", 2).option("lazy-apps", "true");
    let touched = site.ini().with_file_name("touch");
    fs::write(&touched, "").unwrap();
    let server =
        site.option("touch-spoolers-reload", touched.display()).option("spooler-import", "json.tool").start();
    for n in 0..5 {
        ask(&server, &format!("uwsgi.spool({{b'name': b'n{n}'}})"));
        until("the task", || (times(&server, &format!("n{n}")) == 1).then_some(()));
    }
    let pids: Vec<String> =
        lines(server.dir.path(), "task n").iter().map(|l| l.split(' ').nth(2).unwrap().into()).collect();
    assert!(pids[0] == pids[1] && pids[1] != pids[2] && pids[2] == pids[3] && pids[3] != pids[4], "{pids:?}");
    let before = spooler_pid(&server);
    fs::write(&touched, "x").unwrap();
    until("another process", || (spooler_pid(&server) != before).then_some(()));
}

#[test]
fn a_folder_that_cannot_be_written_raises_and_stops_the_start() {
    if !uswgi_tests::machine::is_root() {
        return;
    }
    let site = Site::new().app("background").home(&paths::pythons()[0].1).http();
    let parent = site.ini().with_file_name("closed");
    fs::create_dir(&parent).unwrap();
    let refused = site.option("uid", 65534).option("spooler", parent.join("tasks").display()).refused();
    let said = format!("{refused:?}");
    assert!(said.contains("spooler = ") && said.contains("Permission denied"), "{said}");
    let server = self::site().start();
    fs::rename(tasks(&server), server.dir.join("away")).unwrap();
    let said = ask(&server, "uwsgi.spool({b'name': b'x'})");
    assert!(said.starts_with("ValueError: unable to spool job: ") && said.contains("No such file"), "{said}");
}

/// An idle spooler and idle mules use no measurable CPU.
#[test]
fn an_idle_spooler_does_nothing() {
    let server = site().option("mules", 2).start();
    ask(&server, "uwsgi.spool({b'name': b'one'})");
    until("the task", || (times(&server, "one") == 1).then_some(()));
    let pid = spooler_pid(&server);
    let before = uswgi_tests::process::ticks(pid);
    assert!(stays(Duration::from_secs(4), || uswgi_tests::process::ticks(pid) - before <= 2));
}

/// The keys of uWSGI 2.0.31 for spoolers are dir, pid, tasks, respawns, running; it has none for mules.
#[test]
fn monitoring_sees_spoolers_and_mules() {
    let site = site();
    let socket = site.ini().with_file_name("stats.sock");
    let server = site.option("mules", 2).option("stats", socket.display()).start();
    let ask = |question: &str| ask(&server, question);
    let pid = spooler_pid(&server);
    for n in 0..3 {
        ask(&format!("uwsgi.spool({{b'name': b'n{n}'}})"));
    }
    ask("uwsgi.spool({b'name': b'raises', b'raise': b'', b'at': b'1'})");
    ask("uwsgi.mule_msg('hello', 2)");
    let json = |words: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&server.ctl(words).stdout).expect("JSON of uswgi-ctl")
    };
    // Files of one second have no order: the long one comes when the others are over.
    until("the tasks before it", || {
        let spooler = &json(&["status", "--json"])["spoolers"][0];
        (spooler["tasks"] == 3 && spooler["retried"].as_u64() >= Some(1)).then_some(())
    });
    ask("uwsgi.spool({b'name': b'long', b'sleep': b'3'})");
    let status = until("the long task", || {
        let status = json(&["status", "--json"]);
        let task =
            status["spoolers"][0]["task"].as_str().is_some_and(|t| t.starts_with("uwsgi_spoolfile_on_"));
        (task && status["spoolers"][0]["tasks"] == 3 && status["mules"][1]["messages"] == 1).then_some(status)
    });
    let spooler = &status["spoolers"][0];
    assert_eq!((&spooler["pid"], &spooler["state"]), (&pid.into(), &"ready".into()), "{spooler}");
    assert!(spooler["exceptions"].as_u64() >= Some(1) && spooler["retried"].as_u64() >= Some(1), "{spooler}");
    assert!(spooler["busy_us"].as_u64() > Some(0), "{spooler}");
    assert_eq!(status["mules"].as_array().map(Vec::len), Some(2));
    let mut text = String::new();
    let mut stats = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    std::io::Read::read_to_string(&mut stats, &mut text).unwrap();
    let stats: serde_json::Value = serde_json::from_str(&text).unwrap();
    let folder = tasks(&server).canonicalize().unwrap();
    let expected = serde_json::json!([
        {"dir": folder.to_str(), "pid": pid, "tasks": 3, "respawns": 0, "running": 1},
    ]);
    assert_eq!(stats["spoolers"], expected);
    let metrics = String::from_utf8(server.ctl(&["metrics"]).stdout).unwrap();
    assert!(metrics.contains("uswgi_aide_done_total{aide=\"spooler 1\"} 3\n"), "{metrics}");
    assert!(metrics.contains("uswgi_aide_done_total{aide=\"mule 2\"} 1\n"), "{metrics}");
}
