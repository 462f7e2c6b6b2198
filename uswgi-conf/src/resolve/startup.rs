//! Options of the start: locks on files, what is waited for, priority, kernel options of sockets.
//!
//! Observed on uWSGI 2.0.31: a lock's file has to be there, and its place is before everything else; what is waited for
//! comes after the steps of `asap`, for 60 s or as long as the timeout of its kind says.

use super::draft::Draft;
use super::value::written;
use crate::expand::{Applied, truth};
use uswgi_proto::step::{Act, Awaited, Step};

/// Seconds that is waited without a timeout.
const WAIT: u32 = 60;

/// Locks and waits until `finish` knows their order and timeouts.
#[derive(Debug, Default)]
pub(super) struct StartSteps {
    /// `flock`, `flock-wait`.
    locks: Vec<Step>,
    /// `flock2`, `flock-wait2`: when the log is open.
    late_locks: Vec<Step>,
    /// `wait-for-*`: what, its path or name, and how it was written.
    waits: Vec<(Awaited, String, String)>,
    interface_timeout: Option<u32>,
    fs_timeout: Option<u32>,
    socket_timeout: Option<u32>,
}

/// Give an option's value to the draft. False: it is none of these.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let on = truth(a.value.as_deref());
    let (said, start) = (&mut d.said, &mut d.instance.startup);
    let seconds = |n: Option<u32>| n.filter(|n| *n > 0);
    match a.fact.name {
        "prio" => {
            let value = said.filled(a);
            start.prio =
                value.as_ref().and_then(|v| v.trim().parse().ok()).filter(|n| (-20..=19).contains(n));
            if value.is_some() && start.prio.is_none() {
                said.bad(a, "is no nice value", "write a number from -20 (first) to 19 (last)");
            }
        }
        "no-initgroups" => start.no_initgroups = on,
        "vhost" | "vhost-host" => start.by_host = d.by_host,
        "freebind" => start.freebind = on,
        "socket-sndbuf" => start.sndbuf = said.number(a).unwrap_or(0),
        "socket-rcvbuf" => start.rcvbuf = said.number(a).unwrap_or(0),
        "tcp-fast-open" | "tcp-fastopen" => start.fast_open = said.number32(a).unwrap_or(0),
        "fallback-config" => start.fallback = said.filled(a).map(Into::into),
        "flock" | "flock-wait" | "flock2" | "flock-wait2" => {
            let waits = a.fact.name.starts_with("flock-wait");
            let step = said.filled(a).map(|path| Step { name: written(a), act: Act::Lock(path, waits) });
            let late = a.fact.name.ends_with('2');
            if late { &mut d.start_steps.late_locks } else { &mut d.start_steps.locks }.extend(step);
        }
        "wait-for-interface-timeout"
        | "wait-interface-timeout"
        | "wait-for-iface-timeout"
        | "wait-iface-timeout" => d.start_steps.interface_timeout = seconds(said.number32(a)),
        "wait-for-fs-timeout" => d.start_steps.fs_timeout = seconds(said.number32(a)),
        "wait-for-socket-timeout" => d.start_steps.socket_timeout = seconds(said.number32(a)),
        name => {
            let Some(wanted) = awaited(name) else { return false };
            let what = said.filled(a).map(|what| (wanted, what, written(a)));
            d.start_steps.waits.extend(what);
        }
    }
    true
}

fn awaited(name: &str) -> Option<Awaited> {
    Some(match name {
        "wait-for-interface" | "wait-interface" | "wait-for-iface" | "wait-iface" => Awaited::Interface,
        "wait-for-fs" => Awaited::Any,
        "wait-for-file" => Awaited::File,
        "wait-for-dir" => Awaited::Directory,
        "wait-for-mountpoint" => Awaited::Mountpoint,
        "wait-for-socket" => Awaited::Socket,
        _ => return None,
    })
}

/// Put them into their phases, which are made.
pub(super) fn finish(d: &mut Draft) {
    let StartSteps { locks, late_locks, waits, interface_timeout, fs_timeout, socket_timeout } =
        std::mem::take(&mut d.start_steps);
    let phases = &mut d.instance.tasks.phases;
    phases.asap.splice(0..0, locks);
    phases.jail.splice(0..0, late_locks);
    phases.asap.extend(waits.into_iter().map(|(wanted, what, name)| {
        let seconds = match wanted {
            Awaited::Interface => interface_timeout,
            Awaited::Socket => socket_timeout,
            _ => fs_timeout,
        };
        Step { name, act: Act::WaitFor(what, wanted, seconds.unwrap_or(WAIT)) }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expand::{Mode, expand};
    use crate::resolve::{Resolved, resolve};

    fn resolved(args: &[&str]) -> Resolved {
        let all = [&["--http-socket", ":0", "--wsgi-file", "a.py"], args].concat();
        let args: Vec<Vec<u8>> = all.iter().map(|a| a.as_bytes().to_vec()).collect();
        resolve(&expand(&args, &[], Mode::default()).0)
    }

    #[test]
    fn locks_come_first_and_waits_last() {
        let r = resolved(&[
            "--wait-for-file",
            "/f",
            "--wait-for-fs-timeout",
            "7",
            "--wait-for-iface",
            "eth9",
            "--exec-asap",
            "true",
            "--flock",
            "/l",
            "--flock-wait2",
            "/m",
            "--wait-for-mountpoint",
            "/mnt",
            "--exec-pre-jail",
            "true",
        ]);
        assert!(r.diagnostics.is_empty(), "{:?}", r.diagnostics);
        let acts = |steps: &[Step]| steps.iter().map(|s| s.act.clone()).collect::<Vec<_>>();
        let phases = &r.instance.tasks.phases;
        let asap = [
            Act::Lock("/l".into(), false),
            Act::Exec("true".into()),
            Act::WaitFor("/f".into(), Awaited::File, 7),
            Act::WaitFor("eth9".into(), Awaited::Interface, 60),
            Act::WaitFor("/mnt".into(), Awaited::Mountpoint, 7),
        ];
        assert_eq!(acts(&phases.asap), asap);
        assert_eq!(acts(&phases.jail), [Act::Lock("/m".into(), true), Act::Exec("true".into())]);
    }

    #[test]
    fn a_nice_value_has_bounds() {
        assert_eq!(resolved(&["--prio", "-5"]).instance.startup.prio, Some(-5));
        for bad in ["20", "-21", "low"] {
            assert!(resolved(&["--prio", bad]).diagnostics.iter().any(|d| d.code == "bad-value"), "{bad}");
        }
    }
}
