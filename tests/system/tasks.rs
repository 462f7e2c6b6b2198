//! Programs and steps beside the application, with a real worker: `exec-pre-app` and its relatives, and what a
//! reload runs again.

use nix::sys::signal::Signal;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};
use uswgi_tests::process::{self, alive};
use uswgi_tests::server::wait_file;
use uswgi_tests::wait::stays;
use uswgi_tests::{Need, Request, Server, Site, lacks, until};

/// `echo WORD >> order`, in the folder that the test looks at.
fn note(site: &Site, word: &str) -> String {
    format!("echo {word} >> {}", site.dir.join("hold/order").display())
}

fn order(server: &uswgi_tests::Server) -> Vec<String> {
    let text = fs::read_to_string(server.dir.join("hold/order")).unwrap_or_default();
    text.lines().map(str::to_string).collect()
}

#[test]
fn steps_run_where_the_application_is_loaded_and_again_by_a_reload() {
    for lazy in [false, true] {
        let mut site = Site::probe().option("workers", 2).option("lazy-apps", lazy);
        for (option, word) in [
            ("exec-asap", "asap"),
            ("exec-pre-jail", "jail"),
            ("exec-as-user", "user"),
            ("exec-pre-app", "pre"),
            ("exec-post-app", "post"),
        ] {
            let step = note(&site, word);
            site = site.option(option, step);
        }
        let fork = format!("exec:{}", note(&site, "fork"));
        let first = format!("exec:{}", note(&site, "first"));
        let master = format!("test $FROM_ASAP = yes && {}", note(&site, "master"));
        let mut server = site
            .option("hook-pre-app", "putenv:FROM_HOOK=yes")
            .option("hook-asap", "putenv:FROM_ASAP=yes")
            .option("hook-master-start", format!("exec:{master}"))
            .option("hook-post-fork", fork)
            .option("hook-accepting1-once", first)
            .start();
        let mut seen = order(&server);
        assert_eq!(seen[..3], ["asap", "jail", "user"], "lazy {lazy}: {seen:?}");
        seen.sort();
        let loads = if lazy { 2 } else { 1 };
        let count = |seen: &[String], word: &str| seen.iter().filter(|w| *w == word).count();
        for (word, times) in [("pre", loads), ("post", loads), ("fork", 2), ("first", 1)] {
            assert_eq!(count(&seen, word), times, "lazy {lazy}: {word} in {seen:?}");
        }
        server.reload();
        let again = order(&server);
        assert_eq!(count(&again, "pre"), 2 * loads, "{again:?}");
        // As on uWSGI, which starts itself again: all but what is about sockets and the end.
        for (word, times) in [("asap", 2), ("jail", 1), ("user", 2), ("master", 2)] {
            assert_eq!(count(&again, word), times, "lazy {lazy}: {word} in {again:?}");
        }
        let new = &again[seen.len()..];
        assert_eq!(new[..2], ["asap", "user"], "before the application: {again:?}");
        server.get("/hello").expect(200);
        server.stop(Signal::SIGTERM);
    }
}

#[test]
fn a_failing_step_ends_the_start_and_a_reload_keeps_the_old_generation() {
    for option in ["exec-pre-app", "exec-post-app"] {
        let failure = Site::probe().option(option, "exit 4").refused();
        assert_eq!(failure.code, Some(1), "{}", failure.text);
        let named = format!("the start has failed: {option} = exit 4: exit status: 4");
        assert!(failure.text.contains(&named), "{}", failure.text);
    }
    // As on uWSGI, with an application or without.
    for (option, lazy, need) in
        [("hook-post-fork", false, true), ("hook-pre-app", true, true), ("hook-pre-app", false, false)]
    {
        let site = Site::probe().option("lazy-apps", lazy).option("need-app", need);
        let failure = site.option(option, "exec:false").refused();
        assert_eq!(failure.code, Some(1), "{}", failure.text);
        assert!(
            failure.text.contains(&format!("the start has failed: {option} = exec:false")),
            "{}",
            failure.text
        );
    }
    for (option, lazy) in
        [("exec-pre-app", false), ("exec-asap", false), ("exec-asap", true), ("exec-as-user", true)]
    {
        let site = Site::probe().option("lazy-apps", lazy);
        let test = format!("test ! -e {}", site.dir.join("hold/bad").display());
        let server = site.option(option, test).option("vacuum", "true").start();
        let before = server.worker_pids();
        fs::write(server.dir.join("hold/bad"), "").unwrap();
        let out = server.ctl(&["reload", "--wait"]);
        assert_ne!(out.status.code(), Some(0));
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(said.contains(option) && said.contains("a step (exec-*, hook-*) has failed"), "{out:?}");
        let status = server.ctl(&["status", "--json"]);
        assert!(String::from_utf8_lossy(&status.stdout).contains("\"step-failed\""), "{status:?}");
        assert_eq!(server.worker_pids(), before);
        server.get("/hello").expect(200);
        fs::remove_file(server.dir.join("hold/bad")).unwrap();
        assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    }
}

#[test]
fn steps_as_root_run_again_while_the_master_is_root() {
    if lacks(Need::Root) {
        return;
    }
    for lazy in [false, true] {
        let site = Site::probe().option("lazy-apps", lazy);
        let step = note(&site, "root");
        let mut server = site.option("exec-as-root", step).start();
        assert_eq!(order(&server), ["root"]);
        server.reload();
        assert_eq!(order(&server), ["root", "root"], "lazy {lazy}");
        server.stop(Signal::SIGTERM);
    }
}

#[test]
fn a_daemon_outlives_the_last_request_and_not_the_instance() {
    let site = Site::probe();
    let pid = site.dir.join("hold/daemon.pid");
    let daemon = format!("echo $$ > {}; exec sleep 1000", pid.display());
    let mut server = site.option("attach-daemon", daemon).option("vacuum", "true").start();
    let daemon: i32 = wait_file(&pid).trim().parse().unwrap();
    let held = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    server.signal(Signal::SIGTERM);
    server.wait_log("stopping");
    assert!(alive(daemon), "the request may need it");
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
    assert_eq!(server.wait().code(), Some(0));
    server.wait_gone();
    until("the daemon's end", || (!alive(daemon)).then_some(()));
}

/// A command whose shell does not exec what it runs, and whose program finishes something when it is told to end: it
/// adds its pid to `NAME.pids`, makes `NAME.told`, waits for `NAME.go`, and makes `NAME.done`.
fn finisher(site: &Site, name: &str) -> String {
    let hold = site.dir.join("hold");
    let script = "trap 'echo told; echo > $1.told; while ! test -e $1.go; do sleep 0.02; done; echo > $1.done; exit 0' TERM\n\
                  echo $$ >> $1.pids\nwhile :; do sleep 0.02; done\n";
    fs::write(hold.join("finisher.sh"), script).unwrap();
    format!("cd {} && sh finisher.sh {name}; true", hold.display())
}

fn pids(server: &uswgi_tests::Server, name: &str) -> Vec<i32> {
    let text = fs::read_to_string(server.dir.join("hold").join(format!("{name}.pids"))).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn what_a_shell_has_started_finishes_at_a_stop() {
    let site = Site::probe();
    let (hold, file) = (site.dir.join("hold"), site.dir.join("hold/file"));
    let [daemon, job, step] = ["daemon", "job", "step"].map(|name| finisher(&site, name));
    let mut server = site
        .option("attach-daemon", daemon)
        .option("cron", format!("-1 -1 -1 -1 -1 {job}"))
        .option("touch-exec", format!("{} {step}", file.display()))
        .option("reload-mercy", 60)
        .start();
    touch(&file);
    let names = ["daemon", "job", "step"];
    for name in names {
        wait_file(&hold.join(format!("{name}.pids")));
    }
    server.signal(Signal::SIGTERM);
    for name in names {
        wait_file(&hold.join(format!("{name}.told")));
        assert_eq!(pids(&server, name).len(), 1, "{name}");
        assert!(alive(pids(&server, name)[0]), "{name} is at it");
    }
    for name in names {
        fs::write(hold.join(format!("{name}.go")), "").unwrap();
    }
    assert_eq!(server.wait().code(), Some(0));
    for name in names {
        assert!(hold.join(format!("{name}.done")).exists(), "{name} was cut off: {}", server.log());
    }
    server.wait_gone();
}

#[test]
fn what_a_shell_has_started_is_killed_after_the_mercy() {
    let site = Site::probe();
    let daemon = finisher(&site, "daemon");
    let mut server = site.option("attach-daemon", daemon).option("reload-mercy", 1).start();
    wait_file(&server.dir.join("hold/daemon.pids"));
    server.signal(Signal::SIGTERM);
    server.wait_log("the rest of the group of daemon");
    assert_eq!(server.wait().code(), Some(0));
    assert!(!alive(pids(&server, "daemon")[0]));
    server.wait_gone();
}

#[test]
fn a_new_daemon_waits_for_what_is_left_of_the_old_one() {
    let site = Site::probe();
    let daemon = finisher(&site, "daemon");
    let mut server = site.option("attach-daemon", daemon).option("reload-mercy", 60).start();
    let hold = server.dir.join("hold");
    wait_file(&hold.join("daemon.pids"));
    server.reload();
    wait_file(&hold.join("daemon.told"));
    let only = || pids(&server, "daemon").len() == 1;
    assert!(stays(Duration::from_secs(1), only), "its successor runs beside it");
    fs::write(hold.join("daemon.go"), "").unwrap();
    until("the successor", || (pids(&server, "daemon").len() == 2).then_some(()));
    assert!(hold.join("daemon.done").exists());
    server.stop(Signal::SIGTERM);
    server.wait_gone();
}

#[test]
fn what_a_killed_master_leaves_is_no_daemon() {
    let site = Site::probe();
    let pid = site.dir.join("hold/daemon.pid");
    let daemon = format!("echo $$ > {}; exec sleep 1000", pid.display());
    let mut server = site.option("attach-daemon", daemon).start();
    let daemon: i32 = wait_file(&pid).trim().parse().unwrap();
    server.signal(Signal::SIGKILL);
    until("the daemon's end", || (!alive(daemon)).then_some(()));
    server.wait_gone();
}

#[test]
fn what_a_shell_has_started_ends_when_the_master_is_killed() {
    // A guard that was killed before has a successor.
    for guard_first in [false, true] {
        let site = Site::probe();
        let [daemon, job] = ["daemon", "job"].map(|name| finisher(&site, name));
        let (hold, file) = (site.dir.join("hold"), site.dir.join("hold/file"));
        // A step has a guard of its own, for its time.
        let steps = if guard_first { vec![] } else { vec![format!("{} sleep 1000; true", file.display())] };
        let site = steps.iter().fold(site, |site, step| site.option("touch-exec", step));
        let mut server = site
            .option("attach-daemon", daemon)
            .option("cron", format!("-1 -1 -1 -1 -1 {job}"))
            .option("reload-mercy", 60)
            .start();
        touch(&file);
        let names = ["daemon", "job"];
        names.iter().for_each(|name| drop(wait_file(&hold.join(format!("{name}.pids")))));
        let named = |name: &str| {
            let comm = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            server.family().into_iter().find(|pid| comm(pid).trim() == name)
        };
        if guard_first {
            process::send(named("uswgi-guard").unwrap(), Signal::SIGKILL);
            server.wait_log("the guard of daemons and jobs was killed; pid ");
        } else {
            let command = fs::read_to_string;
            until("the step's command", || {
                let sleeps = |pid: &i32| {
                    command(format!("/proc/{pid}/cmdline")).is_ok_and(|c| c.starts_with("sleep\x001000"))
                };
                server.family().iter().any(sleeps).then_some(())
            });
        }
        server.signal(Signal::SIGKILL);
        for name in names {
            wait_file(&hold.join(format!("{name}.told")));
            fs::write(hold.join(format!("{name}.go")), "").unwrap();
            wait_file(&hold.join(format!("{name}.done")));
        }
        server.wait_gone();
    }
}

#[test]
fn who_does_not_end_when_the_master_is_killed_is_killed_after_the_mercy() {
    let site = Site::probe();
    let daemon = finisher(&site, "daemon");
    let mut server = site.option("attach-daemon", daemon).option("reload-mercy", 1).start();
    wait_file(&server.dir.join("hold/daemon.pids"));
    server.signal(Signal::SIGKILL);
    server.wait_gone();
    assert!(!server.dir.join("hold/daemon.done").exists());
}

#[test]
fn a_daemon_that_goes_its_own_way_outlives_a_killed_master() {
    let site = Site::probe();
    let pidfile = site.dir.join("hold/smart.pid");
    let smart =
        format!("{} (setsid sh -c 'echo $$ > {0}; exec sleep 1000 >/dev/null 2>&1' &)", pidfile.display());
    let mut server =
        site.option("smart-attach-daemon", smart).option("attach-daemon", "sleep 1000; true").start();
    let smart: i32 = wait_file(&pidfile).trim().parse().unwrap();
    server.signal(Signal::SIGKILL);
    until("the end of all others", || (server.family() == [smart]).then_some(()));
    process::send(smart, Signal::SIGKILL);
    server.wait_gone();
}

#[test]
fn what_a_step_leaves_behind_ends_when_the_master_is_killed() {
    for guard_first in [false, true] {
        let site = Site::probe();
        let (file, hook) = (site.dir.join("hold/file"), site.dir.join("hold/hook"));
        let left = |name: &str| format!("({}) & echo {name} has left it", finisher(&site, name));
        let steps = [left("step"), left("other")];
        let mut server = site
            .option("touch-exec", format!("{} {}", file.display(), steps[0]))
            .option("hook-touch", format!("{} exec:{}", hook.display(), steps[1]))
            .option("reload-mercy", 60)
            .start();
        let names = ["step", "other"];
        for (file, name) in [file, hook].iter().zip(names) {
            touch(file);
            server.wait_log(&format!("\n{name} has left it"));
            wait_file(&server.dir.join(&format!("hold/{name}.pids")));
        }
        let guards = || {
            let comm = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            server.family().into_iter().filter(|pid| comm(pid).trim() == "uswgi-guard").collect::<Vec<_>>()
        };
        // That of a step is gone with its command.
        let guard = until("the guard", || (guards().len() == 1).then(|| guards()[0]));
        if guard_first {
            process::send(guard, Signal::SIGKILL);
            server.wait_log("was killed; pid ");
        }
        server.signal(Signal::SIGKILL);
        for name in names {
            wait_file(&server.dir.join(&format!("hold/{name}.told")));
            fs::write(server.dir.join(&format!("hold/{name}.go")), "").unwrap();
            wait_file(&server.dir.join(&format!("hold/{name}.done")));
        }
        server.wait_gone();
    }
}

#[test]
fn a_guard_that_follows_another_knows_who_stays_and_who_has_a_signal_of_his_own() {
    let site = Site::probe();
    let [kept, own, told] = ["kept", "own", "told"].map(|name| site.dir.join("hold").join(name));
    let smart = format!("cmd=exec sleep 1000,pidfile={},daemonize=1", kept.display());
    let daemon = format!(
        "cmd=sh -c 'trap \"echo own > {0}; exit\" USR2; trap \"echo term > {0}; exit\" TERM; sleep 1000 & echo ready > {1}; wait'; true,stopsignal=12",
        told.display(),
        own.display()
    );
    let mut server = site
        .option("attach-daemon2", smart)
        .option("attach-daemon2", daemon)
        .option("reload-mercy", 60)
        .start();
    let smart: i32 = until("the smart one", || fs::read_to_string(&kept).ok()?.trim().parse().ok());
    wait_file(&own);
    let comm = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let guard = server.family().into_iter().find(|pid| comm(pid).trim() == "uswgi-guard").unwrap();
    process::send(guard, Signal::SIGKILL);
    server.wait_log("the guard of daemons and jobs was killed; pid ");
    server.signal(Signal::SIGKILL);
    until("the end of all others", || (server.family() == [smart]).then_some(()));
    assert_eq!(wait_file(&told).trim(), "own");
    process::send(smart, Signal::SIGKILL);
    server.wait_gone();
}

#[test]
fn a_step_of_a_worker_ends_with_a_stop_and_with_a_killed_master() {
    for (option, lazy) in
        [("exec-pre-app = ", false), ("exec-pre-app = ", true), ("hook-post-fork = exec:", false)]
    {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let site = Site::probe().option("lazy-apps", lazy);
            let pids = site.dir.join("hold/pids");
            let inner = format!("sh -c 'echo $$ >> {}; exec sleep 1000'; true", pids.display());
            let (name, start) = option.split_once(" = ").unwrap();
            let mut server = Server::begin(site.option(name, format!("{start}{inner}")));
            let inner: i32 = wait_file(&pids).trim().parse().unwrap();
            server.signal(signal);
            let code = (signal == Signal::SIGTERM).then_some(0);
            assert_eq!(server.wait().code(), code, "{option} {lazy}: {}", server.log());
            if signal == Signal::SIGTERM {
                assert!(!server.log().contains("killed"), "it ends by itself: {}", server.log());
            }
            until("the end of the step", || (!alive(inner)).then_some(()));
            server.wait_gone();
        }
    }
}

#[test]
fn a_worker_that_waits_for_a_file_is_not_deaf() {
    for hook in ["hook-pre-app", "hook-post-fork"] {
        let mut server = Server::begin(Site::probe().option(hook, "wait_for_file:/nope"));
        server.wait_log(&format!("running {hook} = wait_for_file:/nope"));
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
        assert!(!server.log().contains("killed"), "it ends by itself: {}", server.log());
        server.wait_gone();
    }
}

/// A later time than at any touch before, whatever the clock's grain.
fn touch(path: &Path) {
    static COUNT: AtomicU64 = AtomicU64::new(5);
    let later = SystemTime::now() + Duration::from_secs(COUNT.fetch_add(1, Relaxed));
    fs::File::options().append(true).create(true).open(path).unwrap().set_modified(later).unwrap();
}

#[test]
fn a_touched_file_runs_its_steps_in_order() {
    let site = Site::probe();
    let (a, b) = (site.dir.join("hold/a"), site.dir.join("hold/b"));
    fs::write(&a, "").unwrap();
    let [one, two, other] = ["one-$WORD", "two-$WORD", "other"].map(|word| note(&site, word));
    let mut server = site
        .option("touch-exec", format!("{} pwd; {one}; exit 3", a.display()))
        .option("hook-touch", format!("{} putenv:WORD=hook", a.display()))
        .option("hook-touch", format!("{} exec:{two}", a.display()))
        .option("hook-touch", format!("{} print:done so far", a.display()))
        .option("touch-exec", format!("{} {other}", b.display()))
        .option("env", "WORD=env")
        .option("vacuum", "true")
        .start();
    assert_eq!(order(&server), [""; 0]);
    touch(&a);
    server.wait_log("done so far");
    assert_eq!(order(&server), ["one-env", "two-hook"], "the failure of the first stops nothing");
    let log = server.log();
    let folder = format!("\n{}\n", server.dir.join("app").display());
    assert!(log.contains("exit status: 3") && log.contains(&folder), "{log}");
    // One that was not there.
    touch(&b);
    until("the other one", || (order(&server).len() == 3).then_some(()));
    // Removal does not count, and a reload brings other steps.
    fs::remove_file(&b).unwrap();
    let text = fs::read_to_string(server.dir.join("uwsgi.ini")).unwrap();
    fs::write(server.dir.join("uwsgi.ini"), text.replace("echo other", "echo changed")).unwrap();
    server.reload();
    touch(&b);
    until("the changed one", || (order(&server).len() == 4).then_some(()));
    assert_eq!(order(&server)[2..], ["other", "changed"]);
    server.get("/hello").expect(200);
    server.stop(Signal::SIGTERM);
}

#[test]
fn steps_that_wait_hold_up_nobody_and_end_with_the_instance() {
    let site = Site::probe();
    let (file, go) = (site.dir.join("hold/file"), site.dir.join("hold/go"));
    let step = note(&site, "ran");
    let mut server = site
        .option("hook-touch", format!("{} wait_for_file:{}", file.display(), go.display()))
        .option("hook-touch", format!("{} exec:{step}", file.display()))
        .option("hook-touch", format!("{} exec:sleep 1000", file.display()))
        .option("reload-mercy", 1)
        .start();
    let sleeps = || {
        let command = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        server.family().into_iter().find(|pid| command(pid).starts_with("sleep\x001000"))
    };
    touch(&file);
    server.wait_log("hook-touch = ");
    // The master goes on: it reloads, and hears of another touch.
    server.reload();
    server.get("/hello").expect(200);
    touch(&file);
    server.wait_log("still runs; it runs again afterwards");
    fs::write(&go, "").unwrap();
    let first = until("the command", sleeps);
    assert_eq!(order(&server), ["ran"]);
    process::send(first, Signal::SIGKILL);
    let second = until("the second run", || sleeps().filter(|pid| *pid != first));
    assert_eq!(order(&server), ["ran", "ran"]);
    server.stop(Signal::SIGTERM);
    assert!(!alive(second), "nothing is left");
}
