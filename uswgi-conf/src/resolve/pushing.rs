//! `stats-push`, `metrics-dir` and what belongs to them.

use super::draft::Draft;
use crate::expand::{Applied, Expansion, truth};
use crate::pushing::{Pusher, Pushing};

/// Names of pushers that this build of uWSGI does not know, or that want another library; those are no typing errors.
const OTHERS: [&str; 5] = ["rrdtool", "statsd", "file", "zabbix", "mongodb"];

/// Give an option's value to the draft. False: it is none of these.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let pushing = &mut d.instance.pushing;
    match a.fact.name {
        "stats-push" => pusher(d, a),
        "stats-pusher-default-freq" | "stats-pushers-default-freq" => {
            // 0 is the default, as on uWSGI.
            let given = d.said.number32(a).filter(|n| *n > 0);
            pushing.freq = given.unwrap_or(Pushing::default().freq);
        }
        "metrics-dir" | "metric-dir" => pushing.dir = d.said.filled(a).map(Into::into),
        "metrics-dir-restore" | "metric-dir-restore" => pushing.restore = truth(a.value.as_deref()),
        "metrics-no-cores" => pushing.threads = !truth(a.value.as_deref()),
        _ => return false,
    }
    true
}

/// `stats-push = socket:HOST:PORT[,PREFIX]`, or `carbon`.
fn pusher(d: &mut Draft, a: &Applied) {
    const HELP: &str = "write stats-push = socket:HOST:PORT or socket:HOST:PORT,PREFIX; or carbon";
    let Some(text) = d.said.filled(a) else { return };
    let (kind, rest) = text.split_once(':').unwrap_or((&text, ""));
    let pusher = match kind {
        "socket" => {
            let (address, prefix) = rest.split_once(',').unwrap_or((rest, "uwsgi"));
            let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            if port.and_then(|(_, port)| port.parse::<u16>().ok()).is_none_or(|port| port == 0) {
                return d.said.bad(a, "it is no HOST:PORT, and uWSGI sends nothing there", HELP);
            }
            Pusher::Socket { address: address.into(), prefix: prefix.into() }
        }
        "carbon" => {
            if !rest.is_empty() {
                let message =
                    format!("stats-push: carbon sends nothing to {rest:?}, only to the servers of carbon");
                d.said.warning(a, "no-effect", message).help = Some(format!("add carbon = {rest}"));
            }
            Pusher::Carbon
        }
        other if OTHERS.contains(&other) => {
            let message = format!("stats-push: {other} is not supported");
            d.said.error(a, "unsupported", message).help = Some(
                "it pushes by socket and carbon; for others let a collector read metrics-dir, or /metrics of stats-http".into(),
            );
            return;
        }
        other => return d.said.bad(a, &format!("there is no pusher {other:?}"), HELP),
    };
    d.instance.pushing.pushers.push(pusher);
}

/// What needs more than one option.
pub(super) fn finish(d: &mut Draft, expansion: &Expansion) {
    let p = &d.instance.pushing;
    let given = |names: &[&str]| expansion.applied.iter().rfind(|a| names.contains(&a.fact.name));
    let mut without = |names: &[&str], what: &str, help: &str| {
        if let Some(a) = given(names) {
            let message = format!("{} has no effect without {what}", a.fact.name);
            d.said.warning(a, "no-effect", message).help = Some(help.into());
        }
    };
    if p.pushers.is_empty() {
        let names = ["stats-pusher-default-freq", "stats-pushers-default-freq"];
        without(&names, "stats-push", "add stats-push = socket:HOST:PORT");
    }
    if p.pushers.contains(&Pusher::Carbon) {
        if d.instance.carbon.servers.is_empty() {
            without(&["stats-push"], "carbon", "add carbon = HOST:PORT");
        }
        // One text for both; uWSGI sends two.
        let carbon = &mut d.instance.carbon;
        carbon.freq = carbon.freq.min(p.freq);
    }
    if p.dir.is_none() {
        without(&["metrics-dir-restore", "metric-dir-restore"], "metrics-dir", "add metrics-dir = DIR");
    } else if let Some(m) = d.instance.shared.metrics.iter().find(|m| m.name.contains('/'))
        && let Some(a) = given(&["metrics-dir", "metric-dir"])
    {
        let message = format!("{}: metric {:?} is no name of a file", a.fact.name, m.name);
        d.said.error(a, "bad-value", message).help = Some("write dots for slashes in its name".into());
    }
}

#[cfg(test)]
mod tests {
    use crate::pushing::{Pusher, Pushing};
    use crate::resolve::tests::{error, instance};

    #[test]
    fn pushers_are_read_as_uwsgi_reads_them() {
        assert_eq!(instance(&[]).pushing, Pushing::default());
        let i = instance(&[
            "--stats-push=socket:127.0.0.1:8125",
            "--stats-push=socket:[::1]:8125,a,b",
            "--stats-push=carbon",
            "--carbon=127.0.0.1:2003",
            "--stats-pusher-default-freq=0",
            "--metrics-dir=m",
            "--metrics-dir-restore",
            "--metrics-no-cores",
        ]);
        let socket =
            |address: &str, prefix: &str| Pusher::Socket { address: address.into(), prefix: prefix.into() };
        let all = [socket("127.0.0.1:8125", "uwsgi"), socket("[::1]:8125", "a,b"), Pusher::Carbon];
        assert_eq!((&i.pushing.pushers[..], i.pushing.freq, i.carbon.freq), (&all[..], 3, 3));
        assert_eq!((i.pushing.restore, i.pushing.threads), (true, false));
    }

    #[test]
    fn what_could_never_be_sent_is_said() {
        for (arguments, what) in [
            (&["--stats-push=socket:9"][..], "no HOST:PORT"),
            (&["--stats-push=socket:/tmp/x.sock"], "no HOST:PORT"),
            (&["--stats-push=statsd:127.0.0.1:8125"], "statsd is not supported"),
            (&["--stats-push=rrdtool:x.rrd"], "rrdtool is not supported"),
            (&["--stats-push=nosuch"], "no pusher"),
            (&["--metrics-dir=m", "--metric=a/b"], "no name of a file"),
        ] {
            let said = error(arguments);
            assert!(said.contains(what), "{arguments:?}: {said}");
        }
    }
}
