//! Daemons, jobs of the clock, and the steps of the start.

use crate::harness::{Master, config, gone, kill};
use std::time::{Duration, Instant};

/// The number behind a word of a line.
fn number(line: &str, word: &str) -> i32 {
    let rest = line.split_once(word).unwrap_or_else(|| panic!("no {word:?} in {line:?}")).1.trim_start();
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// The n-th line that begins with a text, among all that were ever written.
fn nth(m: &mut Master, n: usize, text: &str) -> String {
    loop {
        if let Some(line) = m.seen.iter().filter(|l| l.starts_with(text)).nth(n - 1) {
            return line.clone();
        }
        m.line("");
    }
}

/// The first line that holds a text, among all that were ever written.
fn anywhere(m: &mut Master, text: &str) -> String {
    loop {
        if let Some(line) = m.seen.iter().find(|l| l.contains(text)) {
            return line.clone();
        }
        m.line("");
    }
}

/// Smart daemons outlive their instance, and must not outlive their test.
struct Ends(Vec<i32>);

impl Drop for Ends {
    fn drop(&mut self) {
        for &pid in &self.0 {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

fn alive(pid: i32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

#[test]
fn a_daemon_lives_with_the_instance_and_is_new_after_a_reload() {
    let mut m = Master::new(&config("attach-daemon = echo up $$ $ABC; exec sleep 1000\nenv = ABC=x"));
    let first = nth(&mut m, 1, "up ");
    assert!(first.ends_with(" x"), "{first}");
    let first = number(&first, "up");
    anywhere(&mut m, "ready: generation");
    kill(first, libc::SIGKILL);
    m.line("was killed by SIGKILL");
    let second = number(&nth(&mut m, 2, "up "), "up");
    m.signal(libc::SIGHUP);
    m.line("reload done");
    gone(second);
    let third = number(&nth(&mut m, 3, "up "), "up");
    // A reload that fails touches nothing.
    m.configure(&config("").replace("= ok", "= fails"));
    m.signal(libc::SIGHUP);
    m.line("reload failed");
    assert!(alive(third));
    m.stop();
    assert!(!alive(third));
}

#[test]
fn a_daemon_that_dies_at_once_comes_back_ever_more_slowly() {
    let mut m = Master::new(&config("attach-daemon = echo brief"));
    let begin = Instant::now();
    nth(&mut m, 3, "brief");
    for pause in 1..=2 {
        anywhere(&mut m, &format!("is started again in {pause} s"));
    }
    assert!(begin.elapsed() >= Duration::from_millis(2900), "{:?}", begin.elapsed());
    m.stop();
}

#[test]
fn a_stubborn_daemon_is_killed_after_the_mercy_and_its_group_ends_with_it() {
    let inner = "sh -c 'trap \"\" TERM; echo inner $$; exec sleep 1000' & wait";
    let text = config(&format!(
        "attach-daemon = trap '' TERM; echo stubborn $$; while :; do sleep 1; done\nattach-daemon = {inner}"
    ));
    let mut m = Master::new(&text.replace("reload-mercy = 5", "reload-mercy = 1"));
    let stubborn = number(&nth(&mut m, 1, "stubborn "), "stubborn");
    let inner = number(&nth(&mut m, 1, "inner "), "inner");
    anywhere(&mut m, "ready: generation");
    m.signal(libc::SIGTERM);
    m.line("did not end: killed");
    assert_eq!(m.end().code(), Some(0));
    gone(stubborn);
    gone(inner);
}

#[test]
fn a_smart_daemon_outlives_the_instance_and_is_adopted() {
    let daemon = "(setsid sh -c 'echo $$ > d.pid; exec sleep 300 >/dev/null 2>&1' &)";
    let text = config(&format!(
        "smart-attach-daemon = d.pid,9 {daemon}\nsmart-attach-daemon2 = e.pid exec sleep 300 >/dev/null 2>&1"
    ));
    let mut m = Master::new(&text);
    let mut ends = Ends(Vec::new());
    let smart = number(&anywhere(&mut m, " is pid "), " is pid");
    ends.0.push(smart);
    anywhere(&mut m, "ready: generation");
    let own: i32 = std::fs::read_to_string(m.path("e.pid")).unwrap().trim().parse().unwrap();
    ends.0.push(own);
    m.signal(libc::SIGHUP);
    m.line("reload done");
    m.signal(libc::SIGTERM);
    assert_eq!(m.end().code(), Some(0));
    assert!(alive(smart) && alive(own));
    let dir = std::mem::replace(&mut m.dir, tempfile::tempdir().unwrap());
    let mut m = Master::inside(dir, &text, |_| {});
    anywhere(&mut m, &format!("runs already (pid {smart})"));
    anywhere(&mut m, &format!("runs already (pid {own})"));
    anywhere(&mut m, "ready: generation");
    // It is no child of this master: its death is seen in its pidfile.
    kill(smart, libc::SIGKILL);
    let next = number(&anywhere(&mut m, " is pid "), " is pid");
    assert_ne!(next, smart);
    ends.0 = vec![own, next];
    m.signal(libc::SIGTERM);
    assert_eq!(m.end().code(), Some(0));
    assert!(alive(next));
}

#[test]
fn a_touched_daemon_restarts_and_the_end_of_a_control_daemon_ends_the_instance() {
    let mut m = Master::new(&config(
        "attach-daemon2 = cmd=echo up $$; exec sleep 1000,touch=t,stopsignal=1\nattach-control-daemon = while ! test -e stop; do sleep 0.1; done",
    ));
    let first = number(&nth(&mut m, 1, "up "), "up");
    anywhere(&mut m, "ready: generation");
    std::fs::write(m.path("t"), "").unwrap();
    m.line("its file was touched");
    gone(first);
    nth(&mut m, 2, "up ");
    std::fs::write(m.path("stop"), "").unwrap();
    m.line("its end ends the instance");
    assert_eq!(m.end().code(), Some(0));
}

#[test]
fn what_programs_write_comes_as_whole_lines() {
    let half = "while :; do printf half; sleep 0.01; printf 'way\\n'; done";
    let mut m = Master::new(&config(&format!("attach-daemon = {half}\nattach-daemon = {half}")));
    m.line("ready: generation");
    for _ in 0..100 {
        m.line("halfway");
    }
    let broken =
        m.seen.iter().filter(|l| l.contains("half") && *l != "halfway" && !l.contains("daemon")).count();
    assert_eq!(broken, 0, "{:#?}", m.seen);
    m.signal(libc::SIGTERM);
    assert_eq!(m.end().code(), Some(0));
}

#[test]
fn cron_runs_now_and_in_the_next_minute() {
    let mut m = Master::new(&config(
        "cron = -1 -1 -1 -1 -1 echo tick; exit 3\nunique-cron = -1 -1 -1 -1 -1 echo slow $$; exec sleep 1000\ncron2 = harakiri=1 echo doomed; exec sleep 1000",
    ));
    nth(&mut m, 1, "tick");
    let slow = number(&nth(&mut m, 1, "slow "), "slow");
    nth(&mut m, 1, "doomed");
    anywhere(&mut m, "exited with code 3");
    anywhere(&mut m, "has run for 1 s: killed");
    // A master that only waits for a minute uses no time.
    let mut next = (false, false);
    while next != (true, true) {
        let line = m.line_within("", Duration::from_secs(90));
        next.0 |= line == "tick";
        next.1 |= line.contains("slow") && line.contains("still runs: not started again");
    }
    m.signal(libc::SIGTERM);
    assert_eq!(m.end().code(), Some(0));
    gone(slow);
}

#[test]
fn steps_run_in_their_order_and_place() {
    let steps = "chdir = sub\nhook-master-start = appendn:order master-start\nexec-as-user = echo as-user >> order\n\
                 exec-asap = echo asap >> order; mkdir sub\nhook-as-user = putenv:STEP=set\n\
                 hook-as-user = mkdir:made\nhook-as-user = chmod:made 700\nhook-in-jail = append:order in-\n\
                 exec-in-jail = echo jail >> order\nattach-daemon = echo step $STEP; exec sleep 1000\n\
                 exec-as-user-atexit = echo end >> order; false\nhook-as-user = !exec:true";
    let mut m = Master::new(&config(steps));
    nth(&mut m, 1, "step set");
    anywhere(&mut m, "ready: generation");
    let read = |name: &str| std::fs::read_to_string(m.path(name)).unwrap();
    assert_eq!(read("order"), "asap\nin-jail\nas-user\n");
    assert_eq!(read("sub/order"), "master-start\n");
    assert!(m.path("made").is_dir());
    assert!(
        m.seen.iter().any(|l| l.contains("hook-as-user (private)"))
            && !m.seen.iter().any(|l| l.contains("exec:true"))
    );
    m.signal(libc::SIGTERM);
    m.line("exec-as-user-atexit");
    assert_eq!(m.end().code(), Some(0), "the end's steps change nothing");
    assert_eq!(std::fs::read_to_string(m.path("sub/order")).unwrap(), "master-start\nend\n");
}

#[test]
fn a_failing_step_ends_the_start_and_leaves_nothing() {
    for (option, named) in [
        ("exec-asap = exit 3", "exec-asap = exit 3"),
        ("exec-pre-jail = false", "exec-pre-jail"),
        ("exec-as-user = false", "exec-as-user"),
        ("hook-as-user = mkdir:no/such/dir", "hook-as-user"),
        ("hook-master-start = exec:false", "hook-master-start"),
        ("hook-as-user = unlink:gone", "No such file"),
    ] {
        let mut m = Master::new(&config(option));
        m.line(named);
        assert_eq!(m.end().code(), Some(1), "{option}");
        m.nothing_left();
    }
}

#[test]
fn a_stop_signal_ends_a_start_that_hangs_in_a_step() {
    // The shell execs the last command, or does not.
    for option in ["exec-asap", "exec-as-user", "hook-master-start = exec:"] {
        for end in ["exec sleep 1000", "sh -c 'echo inner $$ >&2; exec sleep 1000'; true"] {
            let option = if option.contains('=') { option.to_string() } else { format!("{option} = ") };
            let mut m = Master::new(&config(&format!("{option}echo in $$ >&2; {end}")));
            let mut steps = vec![number(&nth(&mut m, 1, "in "), "in")];
            if end.contains("inner") {
                steps.push(number(&nth(&mut m, 1, "inner "), "inner"));
            }
            m.signal(libc::SIGTERM);
            m.line("a stop signal came meanwhile");
            assert_eq!(m.end().code(), Some(0), "it was told to stop");
            steps.into_iter().for_each(gone);
            m.nothing_left();
        }
    }
}

#[test]
fn a_stop_signal_ends_a_start_that_waits_for_a_file() {
    for phase in ["asap", "as-user", "master-start"] {
        for signal in [libc::SIGTERM, libc::SIGINT] {
            let mut m = Master::new(&config(&format!("hook-{phase} = wait_for_file:/nope")));
            m.line("wait_for_file:/nope");
            m.signal(signal);
            m.line("a stop signal came meanwhile");
            assert_eq!(m.end().code(), Some(0), "it was told to stop");
            m.nothing_left();
        }
    }
}

#[test]
fn safe_pidfiles_are_written_when_it_serves_and_immediate_uid_comes_first() {
    let mut m = Master::new(&config("safe-pidfile = q\nsafe-pidfile2 = r").replace("= ok", "= never"));
    m.line("workers with");
    assert_eq!(std::fs::read_to_string(m.path("q")).unwrap(), "", "not yet");
    assert!(!m.path("r").exists());
    m.signal(libc::SIGTERM);
    m.end();
    m.nothing_left();
    let m = Master::serving(&config("safe-pidfile = q\nsafe-pidfile2 = r"));
    for name in ["q", "r"] {
        assert_eq!(std::fs::read_to_string(m.path(name)).unwrap(), format!("{}\n", m.pid()));
    }
    m.stop();
}

#[test]
fn no_new_privs_reaches_every_process() {
    let mut m = Master::new(&config(
        "no-new-privs = true\nattach-daemon = grep NoNewPrivs /proc/self/status; exec sleep 1000",
    ));
    assert!(nth(&mut m, 1, "NoNewPrivs").ends_with('1'));
    anywhere(&mut m, "ready: generation");
    let (worker, _) = m.answer();
    let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    m.stop();
}
