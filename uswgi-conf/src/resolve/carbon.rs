//! `carbon` and the options that say what is sent there.

use super::draft::Draft;
use crate::carbon::Carbon;
use crate::expand::{Applied, truth};
use uswgi_proto::show::carbon::IdleAverage;

/// Give an option's value to the draft. False: it is none of these.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let carbon = &mut d.instance.carbon;
    // 0 and nothing are the default, as on uWSGI.
    let or_default = |n: Option<u32>, default: u32| n.filter(|n| *n > 0).unwrap_or(default);
    match a.fact.name {
        "carbon" => server(d, a),
        "carbon-freq" => carbon.freq = or_default(d.said.number32(a), Carbon::default().freq),
        "carbon-timeout" => carbon.timeout = or_default(d.said.number32(a), Carbon::default().timeout),
        "carbon-retry-delay" => {
            carbon.retry_delay = or_default(d.said.number32(a), Carbon::default().retry_delay)
        }
        "carbon-max-retry" => carbon.retries = d.said.number32(a).unwrap_or(0),
        "carbon-id" => carbon.id = d.said.filled(a),
        "carbon-root" => carbon.root = d.said.text(a).unwrap_or_default(),
        "carbon-hostname-dots" => carbon.dots = d.said.text(a),
        "carbon-no-workers" => carbon.workers = !truth(a.value.as_deref()),
        "carbon-idle-avg" => match d.said.filled(a).as_deref() {
            None => {}
            Some("last") => carbon.idle = IdleAverage::Last,
            Some("zero") => carbon.idle = IdleAverage::Zero,
            Some("none") => carbon.idle = IdleAverage::None,
            Some(_) => d.said.bad(a, "there is no such source", "write last, zero or none"),
        },
        _ => return false,
    }
    true
}

fn server(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let port =
        text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, p)| p.parse::<u16>().ok());
    match port {
        Some(port) if port > 0 => d.instance.carbon.servers.push(text),
        _ => d.said.bad(a, "it is no HOST:PORT", "write carbon = 127.0.0.1:2003"),
    }
}

#[cfg(test)]
mod tests {
    use crate::resolve::tests::{error, instance};
    use uswgi_proto::show::carbon::IdleAverage;

    #[test]
    fn carbon_is_read_as_uwsgi_reads_it() {
        let none = instance(&[]).carbon;
        assert!(none.servers.is_empty() && none.workers && none.root == "uwsgi");
        assert_eq!((none.freq, none.timeout, none.retries, none.retry_delay), (60, 3, 0, 7));
        let c = instance(&[
            "--carbon=127.0.0.1:2003",
            "--carbon=[::1]:2003",
            "--carbon-freq=0",
            "--carbon-id=a.b",
            "--carbon-root=",
            "--carbon-hostname-dots=_",
            "--carbon-no-workers",
            "--carbon-max-retry=2",
            "--carbon-idle-avg=none",
            "--carbon-name-resolve",
        ])
        .carbon;
        assert_eq!((c.servers.len(), c.freq, c.retries, c.workers), (2, 60, 2, false));
        assert_eq!((c.id.as_deref(), c.root.as_str(), c.dots.as_deref()), (Some("a.b"), "", Some("_")));
        assert_eq!(c.idle, IdleAverage::None);
    }

    #[test]
    fn what_could_never_be_sent_is_said() {
        for (arguments, what) in [
            (["--carbon=127.0.0.1"], "no HOST:PORT"),
            (["--carbon=:2003"], "no HOST:PORT"),
            (["--carbon=h:0"], "no HOST:PORT"),
            (["--carbon-idle-avg=foo"], "no such source"),
            (["--carbon-use-metrics"], "not supported"),
        ] {
            let said = error(&arguments);
            assert!(said.contains(what), "{arguments:?}: {said}");
        }
    }
}
