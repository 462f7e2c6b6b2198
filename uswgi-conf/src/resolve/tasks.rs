//! Daemons and jobs of the clock: one value into one of them (steps: `steps`). What cannot be done here is refused
//! with a way out; what uWSGI ignores in silence is said.

use super::draft::Draft;
use super::steps;
use super::value::{integer, written};
use crate::expand::{Applied, truth};
use crate::tasks::{Daemon, Job, Schedule};
use std::path::PathBuf;

/// `key=value,key=value`; a backslash keeps the character after it.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut all = vec![(String::new(), None::<String>)];
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        let Some((key, value)) = all.last_mut() else { break };
        let c = match c {
            ',' => {
                all.push((String::new(), None));
                continue;
            }
            '=' if value.is_none() => {
                *value = Some(String::new());
                continue;
            }
            '\\' => characters.next().unwrap_or('\\'),
            c => c,
        };
        value.as_mut().unwrap_or(key).push(c);
    }
    let all = all.into_iter().filter(|(k, v)| !k.is_empty() || v.is_some());
    all.map(|(k, v)| (k.trim().to_string(), v.unwrap_or_default())).collect()
}

fn unknown_key(d: &mut Draft, a: &Applied, key: &str, known: &str) {
    let message = format!("{}: there is no key {key:?}, and it is ignored", a.fact.name);
    d.said.warning(a, "unknown-key", message).help = Some(format!("the keys are {known}"));
}

fn daemon(a: &Applied, command: String) -> Daemon {
    let control = a.fact.name == "attach-control-daemon";
    Daemon { control, ..Daemon::plain(command, a.place.value().origin()) }
}

/// `attach-daemon = command`, `smart-attach-daemon = pidfile[,seconds] command`.
pub(super) fn attach(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    if !a.fact.name.starts_with("smart-") {
        return d.instance.tasks.daemons.push(daemon(a, text));
    }
    let help = "write a pidfile and a command: /run/x.pid x --daemon";
    let Some((pidfile, command)) = text.split_once(' ') else {
        return d.said.bad(a, "there is no command", help);
    };
    let (pidfile, freq) = pidfile.split_once(',').unwrap_or((pidfile, "10"));
    let Some(freq) = integer(freq).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0) else {
        return d.said.bad(a, "the seconds after the pidfile are no number", help);
    };
    let daemonize = a.fact.name == "smart-attach-daemon2";
    let command = command.trim().to_string();
    d.instance.tasks.daemons.push(Daemon {
        pidfile: Some(pidfile.into()),
        freq,
        daemonize,
        ..daemon(a, command)
    });
}

/// `attach-daemon2 = cmd=...,key=value`.
pub(super) fn attach2(d: &mut Draft, a: &Applied) {
    const KEYS: &str = "cmd, freq, pidfile, control, daemonize, touch, stopsignal, reloadsignal, stdin, uid, gid, chdir, max_throttle and notifypid";
    let Some(text) = d.said.filled(a) else { return };
    let mut made = daemon(a, String::new());
    for (key, value) in pairs(&text) {
        let on = || truth(Some(value.as_bytes()));
        let count = || integer(&value).and_then(|n| u32::try_from(n).ok());
        let mut wrong = false;
        match key.as_str() {
            "command" | "cmd" | "exec" => made.command = value.clone(),
            "freq" => wrong = count().filter(|n| *n > 0).map(|n| made.freq = n).is_none(),
            "pidfile" => made.pidfile = Some(value.clone().into()),
            "control" => made.control = on(),
            "daemonize" | "daemon" => made.daemonize = on(),
            "touch" => made.touch.extend(value.split(';').filter(|p| !p.is_empty()).map(PathBuf::from)),
            "stopsignal" | "stop_signal" => wrong = signal(&value).map(|n| made.stop_signal = n).is_none(),
            "reloadsignal" | "reload_signal" => {
                wrong = signal(&value).map(|n| made.reload_signal = Some(n)).is_none();
            }
            "stdin" => made.stdin = on(),
            "uid" => made.uid = Some(value.clone()),
            "gid" => made.gid = Some(value.clone()),
            "chdir" => made.chdir = Some(value.clone().into()),
            "max_throttle" => wrong = count().map(|n| made.max_throttle = n).is_none(),
            "notifypid" => made.notify = on(),
            "ns_pid" => {
                let message = format!("{}: ns_pid is not supported", a.fact.name);
                d.said.error(a, "unsupported", message).help =
                    Some("run the program as a unit of systemd, or in a container".into());
            }
            key => unknown_key(d, a, key, KEYS),
        }
        if wrong {
            d.said.bad(a, &format!("{key} has no usable number"), "signals are numbers from 1 to 64");
        }
    }
    if made.command.trim().is_empty() {
        return d.said.bad(a, "there is no command", "add cmd=...; a comma in it is written \\,");
    }
    if made.daemonize && made.pidfile.is_none() {
        return d.said.bad(a, "daemonize needs a pidfile", "add pidfile=..., or remove daemonize");
    }
    d.instance.tasks.daemons.push(made);
}

fn signal(text: &str) -> Option<i32> {
    integer(text).filter(|n| (1..=64).contains(n))
}

/// `cron = minute hour day month week command`.
pub(super) fn cron(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let help = "write five numbers and a command: minute hour day month week; -1 is every, -15 every fifteenth (`*` is not known)";
    let mut rest = text.trim_start();
    let mut numbers = [0; 5];
    for n in &mut numbers {
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let Some(found) = integer(word) else {
            return d.said.bad(a, &format!("{word:?} is no number"), help);
        };
        (*n, rest) = (found, after.trim_start());
    }
    let [minute, hour, day, month, week] = numbers;
    let unique = a.fact.name == "unique-cron";
    job(d, a, Schedule { minute, hour, day, month, week }, rest, unique, None);
}

/// `cron2 = key=value,key=value command`.
pub(super) fn cron2(d: &mut Draft, a: &Applied) {
    const KEYS: &str = "minute, hour, day, month, week, unique and harakiri";
    let Some(text) = d.said.filled(a) else { return };
    let mut schedule = Schedule { minute: -1, hour: -1, day: -1, month: -1, week: -1 };
    let (keys, command) = text.split_once(' ').unwrap_or(("", &text));
    // Without a key in front the whole is the command.
    let (keys, command) = if keys.contains('=') { (keys, command) } else { ("", text.as_str()) };
    let (mut unique, mut harakiri) = (false, None);
    for (key, value) in pairs(keys) {
        let Some(n) = integer(&value) else {
            return d.said.bad(a, &format!("{key} has no number"), "write minute=30,hour=3 command");
        };
        match key.as_str() {
            "minute" => schedule.minute = n,
            "hour" => schedule.hour = n,
            "day" => schedule.day = n,
            "month" => schedule.month = n,
            "week" => schedule.week = n,
            "unique" => unique = n != 0,
            "harakiri" => harakiri = u32::try_from(n).ok(),
            "legion" => {
                d.said.error(a, "unsupported", format!("{}: legion is not supported", a.fact.name)).help =
                    Some("give the job to one machine".into());
            }
            key => unknown_key(d, a, key, KEYS),
        }
    }
    job(d, a, schedule, command, unique, harakiri);
}

fn job(d: &mut Draft, a: &Applied, s: Schedule, command: &str, unique: bool, harakiri: Option<u32>) {
    let command = command.trim().to_string();
    if command.is_empty() {
        return d.said.bad(a, "there is no command", "the command follows the schedule");
    }
    let ranges = [
        ("minute", s.minute, 0, 59),
        ("hour", s.hour, 0, 23),
        ("day", s.day, 1, 31),
        ("month", s.month, 1, 12),
        ("week", s.week, 0, 7),
    ];
    for (name, n, from, to) in ranges {
        if n >= 0 && !(from..=to).contains(&n) {
            let message = format!("{}: {name} is {n}, so it is never due", written(a));
            d.said.warning(a, "never-due", message).help = Some(format!("{name} goes from {from} to {to}"));
        }
    }
    // 0 until `finish` knows cron-harakiri.
    d.instance.tasks.jobs.push(Job { command, schedule: s, unique, harakiri: harakiri.unwrap_or(0) });
}

/// Both kinds of steps, hooks first; and what is known only at the end.
pub(super) fn finish(d: &mut Draft) {
    let tasks = &mut d.instance.tasks;
    let (mut phases, mut commands) = (std::mem::take(&mut d.hook_steps), std::mem::take(&mut d.exec_steps));
    for name in [
        "asap",
        "pre-jail",
        "in-jail",
        "as-root",
        "as-user",
        "master-start",
        "pre-app",
        "post-app",
        "post-fork",
        "accepting",
        "accepting1",
        "as-user-atexit",
        "emperor-start",
        "as-vassal",
        "as-emperor",
    ] {
        if let (Some(all), Some(more)) = (steps::phase(&mut phases, name), steps::phase(&mut commands, name))
        {
            all.append(more);
        }
    }
    let mut in_jail = std::mem::take(&mut phases.in_jail);
    phases.jail.append(&mut in_jail);
    tasks.phases = phases;
    for job in tasks.jobs.iter_mut().filter(|job| job.harakiri == 0) {
        job.harakiri = tasks.job_harakiri;
    }
    // Relative names start from the directory of the application, as in uWSGI, which has changed to it.
    let base = d.instance.app.chdir.clone().unwrap_or_default();
    for daemon in &mut tasks.daemons {
        daemon.stdin |= tasks.stdin;
        let paths = daemon.pidfile.iter_mut().chain(&mut daemon.touch).chain(&mut daemon.chdir);
        paths.for_each(|p| *p = base.join(&p));
    }
    tasks.touched.iter_mut().for_each(|t| t.path = base.join(&t.path));
    if let Some(mercy) = d.reload_mercy.filter(|n| *n > 0) {
        tasks.mercy = mercy;
    }
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn keys_and_values_are_split_and_backslashes_keep_commas() {
        let all = pairs(r"cmd=a=b\,c d,freq=3,daemonize,=x");
        let all: Vec<_> = all.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(all, [("cmd", "a=b,c d"), ("freq", "3"), ("daemonize", ""), ("", "x")]);
        assert!(pairs("").is_empty());
    }
}
