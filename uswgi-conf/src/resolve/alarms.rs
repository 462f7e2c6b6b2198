//! `alarm` and the options that raise alarms.

use super::draft::Draft;
use crate::alarms::{Alarm, AlarmTarget, Alarms, Threshold};
use crate::expand::{Applied, Expansion};
use uswgi_proto::control::MOST_ALARM_BYTES;
use uswgi_proto::logs::routing::LogAlarm;

/// Names of kinds that other builds of uWSGI have, which are no typing errors.
const OTHERS: [&str; 7] = ["curl", "xmpp", "speech", "nagios", "zabbix", "rawsock", "syslog"];

const FORMS: &str = "write alarm = NAME cmd:COMMAND (the message is its standard input), NAME signal:NUMBER, NAME mule:NUMBER or NAME log:";

/// Give an option's value to the draft. False: it is none of these.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let alarms = &mut d.instance.alarms;
    match a.fact.name {
        "alarm" => alarm(d, a),
        "alarm-freq" => alarms.freq = d.said.number32(a).unwrap_or(alarms.freq),
        "alarm-msg-size" => {
            let given = d.said.number32(a).filter(|n| *n > 0);
            if given.is_some_and(|n| n > MOST_ALARM_BYTES) {
                let what = format!("a message has at most {MOST_ALARM_BYTES} bytes here");
                d.said.bad(a, &what, &format!("write alarm-msg-size = {MOST_ALARM_BYTES}, or leave it out"));
            } else {
                alarms.message_size = given.unwrap_or(Alarms::default().message_size);
            }
        }
        "alarm-segfault" | "segfault-alarm" => alarms.segfault.extend(d.said.filled(a)),
        "alarm-backlog" | "backlog-alarm" | "lq-alarm" | "alarm-lq" | "alarm-listen-queue"
        | "listen-queue-alarm" => alarms.backlog.extend(d.said.filled(a)),
        "alarm-log" | "log-alarm" => log_alarm(d, a, false),
        "not-alarm-log" | "not-log-alarm" => log_alarm(d, a, true),
        "metric-threshold" | "metric-alarm" | "alarm-metric" => threshold(d, a),
        _ => return false,
    }
    true
}

/// `alarm = NAME KIND:ARGUMENT`: one space between them, as on uWSGI.
fn alarm(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let parts = text.split_once(' ').and_then(|(name, rest)| Some((name, rest.split_once(':')?)));
    let Some((name, (kind, argument))) = parts else { return d.said.bad(a, "it has no such form", FORMS) };
    let target = match kind {
        "cmd" if argument.trim().is_empty() => return d.said.bad(a, "there is no command", FORMS),
        "cmd" => AlarmTarget::Command(argument.into()),
        "signal" => match argument.parse() {
            Ok(number) => AlarmTarget::Signal(number),
            Err(_) => return d.said.bad(a, "a signal is a number from 0 to 255", FORMS),
        },
        "mule" if argument.is_empty() => AlarmTarget::Mule(0),
        "mule" => match argument.parse() {
            Ok(number) => AlarmTarget::Mule(number),
            Err(_) => return d.said.bad(a, "a mule is a number, and none means any mule", FORMS),
        },
        "log" => AlarmTarget::Log(argument.into()),
        other if OTHERS.contains(&other) => {
            let message = format!("alarm: {other}: is not supported");
            d.said.error(a, "unsupported", message).help = Some(format!(
                "run a program that does it: alarm = {name} cmd:curl -sS --data-binary @- URL (the message is its standard input)"
            ));
            return;
        }
        other => return d.said.bad(a, &format!("there is no alarm {other:?}"), FORMS),
    };
    let all = &mut d.instance.alarms.all;
    if all.iter().any(|known| known.name == name) {
        let message = format!("alarm {name:?} is there already, and the first one counts");
        d.said.warning(a, "no-effect", message).help = Some("give each alarm a name of its own".into());
        return;
    }
    all.push(Alarm { name: name.into(), target });
}

/// `alarm-log = NAME[,NAME...] PATTERN`.
fn log_alarm(d: &mut Draft, a: &Applied, negated: bool) {
    let Some(text) = d.said.filled(a) else { return };
    let Some((names, pattern)) = text.split_once(' ') else {
        return d.said.bad(a, "it has no regular expression", "write alarm-log = NAME[,NAME...] PATTERN");
    };
    if super::logs::checked(d, a, pattern) {
        let alarms = names.split(',').map(str::to_string).collect();
        d.instance.log.alarms.push(LogAlarm { negated, alarms, pattern: pattern.into() });
    }
}

/// `metric-threshold = key=NAME,value=N,alarm=NAME,msg=TEXT,rate=SECONDS,reset=N`.
fn threshold(d: &mut Draft, a: &Applied) {
    const HELP: &str =
        "write metric-alarm = key=NAME,value=N,alarm=ALARM, and msg=TEXT, rate=SECONDS, reset=N where wanted";
    let Some(text) = d.said.filled(a) else { return };
    let (mut key, mut value) = (None, None);
    let (mut alarm, mut message, mut rate, mut reset) = (None, None, 0, None);
    for item in text.split(',') {
        let Some((name, given)) = item.split_once('=') else {
            return d.said.bad(a, &format!("{item:?} has no value"), HELP);
        };
        let number = || given.parse::<i64>().ok();
        let known = match name {
            "key" => {
                key = Some(given.to_string());
                true
            }
            "value" => {
                value = number();
                value.is_some()
            }
            "alarm" => {
                alarm = Some(given.to_string());
                true
            }
            "msg" => {
                message = Some(given.to_string());
                true
            }
            "rate" => match given.parse() {
                Ok(seconds) => {
                    rate = seconds;
                    true
                }
                Err(_) => false,
            },
            "reset" => {
                reset = number();
                reset.is_some()
            }
            _ => false,
        };
        if !known {
            return d.said.bad(a, &format!("there is no {name}={given}"), HELP);
        }
    }
    let (Some(metric), Some(value)) = (key, value) else {
        return d.said.bad(a, "it needs a key and a value", HELP);
    };
    d.instance.alarms.thresholds.push(Threshold { metric, value, alarm, message, rate, reset });
}

/// What needs more than one option.
pub(super) fn finish(d: &mut Draft, expansion: &Expansion) {
    let alarms = d.instance.alarms.clone();
    let given = |names: &[&str]| expansion.applied.iter().rfind(|a| names.contains(&a.fact.name)).cloned();
    let is_there = |name: &String| alarms.all.iter().any(|a| a.name == *name);
    let backlog = [
        "alarm-backlog",
        "backlog-alarm",
        "lq-alarm",
        "alarm-lq",
        "alarm-listen-queue",
        "listen-queue-alarm",
    ];
    let threshold = ["metric-threshold", "metric-alarm", "alarm-metric"];
    let of_thresholds: Vec<String> = alarms.thresholds.iter().filter_map(|t| t.alarm.clone()).collect();
    let by_lines = d.instance.log.alarms.iter().filter(|l| !l.negated);
    let of_lines: Vec<String> = by_lines.flat_map(|l| l.alarms.clone()).collect();
    let raised: [(&[&str], &[String]); 4] = [
        (&["alarm-log", "log-alarm"], &of_lines),
        (&["alarm-segfault", "segfault-alarm"], &alarms.segfault),
        (&backlog, &alarms.backlog),
        (&threshold, &of_thresholds),
    ];
    for (options, names) in raised {
        for name in names.iter().filter(|name| !is_there(name)) {
            let Some(a) = given(options) else { continue };
            let message = format!("{}: there is no alarm {name:?}, so nothing is raised", a.fact.name);
            d.said.warning(&a, "no-effect", message).help = Some(format!("add alarm = {name} cmd:COMMAND"));
        }
    }
    let unknown = |t: &&Threshold| !d.instance.shared.metrics.iter().any(|m| m.name == t.metric);
    let unknown: Vec<String> = alarms.thresholds.iter().filter(unknown).map(|t| t.metric.clone()).collect();
    for metric in unknown {
        let Some(a) = given(&threshold) else { continue };
        let message = format!("{}: there is no metric {metric:?}", a.fact.name);
        d.said.error(&a, "bad-value", message).help = Some(
            "only numbers of the application (metric) raise alarms; what uWSGI counts itself is at stats-http, where a monitoring system compares it"
                .into(),
        );
    }
    let mules = d.instance.background.mules.len() as u32;
    for alarm in &alarms.all {
        if let (AlarmTarget::Mule(number), Some(a)) = (&alarm.target, given(&["alarm"]))
            && (mules == 0 || *number > mules)
        {
            let message = format!("alarm {:?}: there are {mules} mules", alarm.name);
            d.said.error(&a, "bad-value", message).help = Some("add mule, or name one that is there".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::tests::{error, instance};

    #[test]
    fn alarms_are_read_as_uwsgi_reads_them() {
        let i = instance(&[
            "--mule",
            "--alarm=a cmd:cat >> out; echo x:y",
            "--alarm=b signal:17",
            "--alarm=c mule:1",
            "--alarm=d mule:",
            "--alarm=e log:what: ",
            "--metric=m",
            "--alarm-metric=key=m,value=-5,alarm=a,msg=too many,rate=5,reset=0",
            "--log-alarm=a,b needle here",
            "--not-alarm-log=a ^x",
            "--lq-alarm=a",
            "--segfault-alarm=b",
            "--alarm-freq=0",
            "--alarm-msg-size=0",
        ]);
        let names = |a: &Alarms| a.all.iter().map(|a| a.target.clone()).collect::<Vec<_>>();
        assert_eq!(
            names(&i.alarms),
            [
                AlarmTarget::Command("cat >> out; echo x:y".into()),
                AlarmTarget::Signal(17),
                AlarmTarget::Mule(1),
                AlarmTarget::Mule(0),
                AlarmTarget::Log("what: ".into())
            ]
        );
        let t = &i.alarms.thresholds[0];
        assert_eq!((t.value, t.rate, t.reset), (-5, 5, Some(0)));
        assert_eq!((t.alarm.as_deref(), t.message.as_deref()), (Some("a"), Some("too many")));
        let lines = &i.log.alarms;
        assert_eq!(
            (lines[0].pattern.as_str(), lines[0].alarms.len(), lines[0].negated),
            ("needle here", 2, false)
        );
        assert!(lines[1].negated && i.log.needs_process());
        assert_eq!((i.alarms.freq, i.alarms.message_size), (0, 8192));
        assert_eq!((i.alarms.backlog[0].as_str(), i.alarms.segfault[0].as_str()), ("a", "b"));
    }

    #[test]
    fn what_cannot_be_raised_is_refused_by_name() {
        for (arguments, what) in [
            (&["--alarm=x"][..], "no such form"),
            (&["--alarm=x  cmd:echo"], "no alarm \" cmd\""),
            (&["--alarm=x xmpp:me;pw"], "xmpp: is not supported"),
            (&["--alarm=x signal:300"], "from 0 to 255"),
            (&["--alarm=x mule:1"], "there are 0 mules"),
            (&["--alarm-log=x"], "no regular expression"),
            (&["--alarm-log=x ("], "no regular expression"),
            (&["--alarm-msg-size=9000"], "at most 8192"),
            (&["--metric-alarm=value=1"], "needs a key"),
            (&["--metric-alarm=key=worker.0.requests,value=1"], "no metric \"worker.0.requests\""),
        ] {
            let said = error(arguments);
            assert!(said.contains(what), "{arguments:?}: {said}");
        }
    }
}
