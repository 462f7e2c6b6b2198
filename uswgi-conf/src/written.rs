//! Values as a configuration would write them: what is read again from the text means the same. It must never read.

#![forbid(unsafe_code)]

use crate::alarms::{Alarm, AlarmTarget, Threshold};
use crate::instance::Address;
use crate::logs::{
    DAEMON_INFO, DAEMON_NOTICE, EncoderSpec, Encoding, FACILITIES, Logger, LoggerTarget, Route,
};
use crate::pushing::Pusher;
use uswgi_proto::background::Farm;
use uswgi_proto::logs::routing::LogAlarm;
use uswgi_proto::settings::{App, AppSource};
use uswgi_proto::shared::{CacheSpec, MetricSpec};

/// A socket's address.
pub(crate) fn address(a: &Address) -> String {
    match a {
        Address::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        Address::Tcp { host, port } => format!("{host}:{port}"),
        Address::Unix(path) => path.display().to_string(),
        Address::Abstract(name) => format!("@{name}"),
        Address::Fd(n) => format!("fd://{n}"),
    }
}

/// A number of the application.
pub(crate) fn metric(m: &MetricSpec) -> String {
    let oid = if m.oid.is_empty() { String::new() } else { format!(",oid={}", m.oid) };
    format!("name={},type={},initial_value={}{oid}", m.name, m.kind.name(), m.initial)
}

/// Who gets numbers, as `stats-push` says it.
pub(crate) fn pusher(p: &Pusher) -> String {
    match p {
        Pusher::Socket { address, prefix } => format!("socket:{address},{prefix}"),
        Pusher::Carbon => "carbon".into(),
    }
}

/// An alarm as `alarm` says it.
pub(crate) fn alarm(a: &Alarm) -> String {
    match &a.target {
        AlarmTarget::Command(command) => format!("{} cmd:{command}", a.name),
        AlarmTarget::Signal(number) => format!("{} signal:{number}", a.name),
        AlarmTarget::Mule(0) => format!("{} mule:", a.name),
        AlarmTarget::Mule(number) => format!("{} mule:{number}", a.name),
        AlarmTarget::Log(text) => format!("{} log:{text}", a.name),
    }
}

/// Lines that raise alarms, by the option.
pub(crate) fn log_alarm(l: &LogAlarm) -> (&'static str, String) {
    let name = if l.negated { "not-alarm-log" } else { "alarm-log" };
    (name, format!("{} {}", l.alarms.join(","), l.pattern))
}

/// A number that raises an alarm.
pub(crate) fn threshold(t: &Threshold) -> String {
    let mut text = format!("key={},value={}", t.metric, t.value);
    for (key, given) in [("alarm", &t.alarm), ("msg", &t.message)] {
        text += &given.as_ref().map_or(String::new(), |given| format!(",{key}={given}"));
    }
    if t.rate > 0 {
        text += &format!(",rate={}", t.rate);
    }
    text + &t.reset.map_or(String::new(), |n| format!(",reset={n}"))
}

/// A mode in octal digits.
pub(crate) fn mode(mode: u32) -> String {
    format!("{mode:03o}")
}

/// Bytes as the MiB that memory limits count.
pub(crate) fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

/// An application, by the option that names it. `module` and `wsgi-file` come before all mounts.
pub(crate) fn app(at: usize, all: &[App]) -> (&'static str, String) {
    let app = &all[at];
    let module_before =
        at == 1 && matches!(all[0].source, AppSource::Module(_)) && all[0].mountpoint.is_empty();
    match (&app.source, app.mountpoint.as_str()) {
        (AppSource::Module(m), "") if at == 0 => ("module", m.clone()),
        (AppSource::File(f), "") if at == 0 || module_before => ("wsgi-file", f.clone()),
        (AppSource::Paste(s), _) => ("paste", s.clone()),
        (AppSource::Eval(code), _) => ("eval", code.clone()),
        (AppSource::Module(s) | AppSource::File(s), "") => ("mount", format!("/={s}")),
        (AppSource::Module(s) | AppSource::File(s), point) => ("mount", format!("{point}={s}")),
    }
}

/// A logger, by the option that makes it.
pub(crate) fn logger(l: &Logger, option: &'static str) -> (&'static str, String) {
    let target = match &l.target {
        LoggerTarget::Stdio => "stdio".into(),
        LoggerTarget::File { path, max_size, backup } => {
            let path = path.display().to_string();
            let mut text = match (max_size, backup) {
                (0, None) if !path.contains("logfile=") => return (option, named(l, format!("file:{path}"))),
                _ => format!("file:logfile={path}"),
            };
            if *max_size > 0 {
                text += &format!(",maxsize={max_size}");
            }
            if let Some(backup) = backup {
                text += &format!(",backupname={backup}");
            }
            text
        }
        LoggerTarget::Fd(n) => format!("fd:{n}"),
        LoggerTarget::Socket { address, prefix } if prefix.is_empty() => format!("socket:{address}"),
        LoggerTarget::Socket { address, prefix } => format!("socket:{address},{prefix}"),
        // A tag with a comma can only come from here.
        LoggerTarget::Syslog { ident, .. } if ident.contains(',') => return ("log-syslog", ident.clone()),
        LoggerTarget::Syslog { ident, priority: DAEMON_INFO } => format!("syslog:{ident}"),
        LoggerTarget::Syslog { ident, priority } => format!("syslog:{ident},{}", facility(*priority)),
        LoggerTarget::Rsyslog { address, tag, priority } => {
            let tag = tag.as_deref().unwrap_or_default();
            match (tag, *priority) {
                ("", DAEMON_NOTICE) => format!("rsyslog:{address}"),
                (tag, DAEMON_NOTICE) => format!("rsyslog:{address},{tag}"),
                (tag, priority) => format!("rsyslog:{address},{tag},{priority}"),
            }
        }
    };
    (option, named(l, target))
}

fn named(l: &Logger, target: String) -> String {
    l.name.as_ref().map_or(target.clone(), |name| format!("{name} {target}"))
}

/// The name of a priority's facility.
fn facility(priority: u8) -> &'static str {
    FACILITIES.iter().find(|(_, number)| *number == priority >> 3).map_or("daemon", |(name, _)| name)
}

/// An encoder: kind, logger and text.
pub(crate) fn encoder(e: &EncoderSpec) -> String {
    let (kind, text) = match &e.encoding {
        Encoding::Prefix(text) => ("prefix", text.as_str()),
        Encoding::Suffix(text) => ("suffix", text.as_str()),
        Encoding::Newline => ("nl", ""),
        Encoding::Format(text) => ("format", text.as_str()),
        Encoding::Json(text) => ("json", text.as_str()),
    };
    let logger = e.logger.as_ref().map_or(String::new(), |name| format!(":{name}"));
    let text = if text.is_empty() { String::new() } else { format!(" {text}") };
    format!("{kind}{logger}{text}")
}

/// A route: logger and pattern.
pub(crate) fn route(r: &Route) -> String {
    format!("{} {}", r.logger, r.pattern)
}

/// A farm as `farm` says it.
pub(crate) fn farm(f: &Farm) -> String {
    let mules: Vec<String> = f.mules.iter().map(u32::to_string).collect();
    format!("{}:{}", f.name, mules.join(","))
}

/// A cache as `cache2` says it.
pub(crate) fn cache(c: &CacheSpec) -> String {
    let name = c.name.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
    let mut text = format!(
        "name={name},items={},blocksize={},blocks={},hashsize={},keysize={}",
        c.items, c.blocksize, c.blocks, c.hashsize, c.keysize
    );
    let switches = [
        ("bitmap", c.bitmap),
        ("purge_lru", c.purge_lru),
        ("clear_on_full", c.clear_on_full),
        ("no_expire", c.no_expire),
        ("ignore_full", c.ignore_full),
    ];
    for (key, _) in switches.into_iter().filter(|(_, on)| *on) {
        text += &format!(",{key}=1");
    }
    if c.math_initial != 0 {
        text += &format!(",math_initial={}", c.math_initial);
    }
    text
}
