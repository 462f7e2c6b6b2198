//! Options about logs: dates, routes, encoders, rotation. Each reads one value into the draft; what must agree
//! between options is [`finish`]'s, and where lines go is said in [`loggers`].

use super::draft::Draft;
use super::loggers::{self, logger};
use super::value::written;
use crate::diag::Diagnostic;
use crate::expand::{Applied, truth};
use crate::instance::Instance;
use crate::logs::{DAEMON_INFO, EncoderSpec, Encoding, LogRouting, Logger, LoggerTarget, Route, Stream};
use std::path::PathBuf;
use uswgi_proto::logs::CTIME;

/// Give an option's value to the draft. False: no arm knows it.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let on = truth(a.value.as_deref());
    if matches!(a.fact.name, "log-date" | "logdate" | "log-prefix") {
        d.instance.log.lines.date = match a.value.as_deref() {
            None | Some(b"true" | b"1" | b"on" | b"yes") => Some(CTIME.into()),
            Some(_) => date(d, a),
        };
        return true;
    }
    let (said, log) = (&mut d.said, &mut d.instance.log);
    match a.fact.name {
        "logformat-strftime" | "log-format-strftime" => log.lines.strftime = on,
        "log-json" => log.lines.json = on,
        "log-master" => log.collected = on,
        "log-maxsize" => log.max_size = said.number(a).unwrap_or(0),
        "log-backupname" => log.backup = said.filled(a),
        "log-reopen" => log.reopen_on_reload = on,
        "log-truncate" => log.truncate = on,
        "logfile-chown" => log.chown = on,
        "logfile-chmod" => log.mode = said.octal(a, &[3], "640"),
        "touch-logreopen" => log.touch_reopen.extend(said.filled(a).map(PathBuf::from)),
        "touch-logrotate" => log.touch_rotate.extend(said.filled(a).map(PathBuf::from)),
        "logger" => {
            let made = logger(d, a);
            d.instance.log.messages.loggers.extend(made);
        }
        "req-logger" | "logger-req" => {
            let made = logger(d, a);
            d.instance.log.requests.loggers.extend(made);
        }
        "log-socket" => {
            if let Some(text) = d.said.filled(a) {
                let target = loggers::socket(&text);
                d.instance.log.messages.loggers.push(Logger { name: None, target });
            }
        }
        "log-syslog" => {
            let ident = d.said.text(a).filter(|t| !matches!(t.as_str(), "" | "true" | "1"));
            let target =
                LoggerTarget::Syslog { ident: ident.unwrap_or("uwsgi".into()), priority: DAEMON_INFO };
            d.instance.log.messages.loggers.push(Logger { name: None, target });
        }
        "log-encoder" => {
            let made = encoder(d, a);
            d.instance.log.messages.encoders.extend(made);
        }
        "log-req-encoder" => {
            let made = encoder(d, a);
            d.instance.log.requests.encoders.extend(made);
        }
        "log-route" => {
            let made = route(d, a);
            d.instance.log.messages.routes.extend(made);
        }
        "log-req-route" => {
            let made = route(d, a);
            d.instance.log.requests.routes.extend(made);
        }
        "log-filter" => {
            let made = pattern(d, a);
            d.instance.log.filters.extend(made);
        }
        "log-drain" => {
            let made = pattern(d, a);
            d.instance.log.drains.extend(made);
        }
        "rsyslog-packet-size" => log.rsyslog_packet = said.number32(a).filter(|n| *n > 0),
        _ => return false,
    }
    true
}

fn date(d: &mut Draft, a: &Applied) -> Option<String> {
    let text = d.said.filled(a)?;
    if !text.contains('%') {
        let message = format!("{}: every line begins with the word {text:?}", written(a));
        d.said.warning(a, "constant-date", message).help =
            Some("write true, a format as %Y-%m-%dT%H:%M:%S%z, or remove the line".into());
    }
    Some(text)
}

/// `kind[:logger][ argument]`
fn encoder(d: &mut Draft, a: &Applied) -> Option<EncoderSpec> {
    let text = d.said.filled(a)?;
    let (kind, argument) = text.split_once(' ').unwrap_or((&text, ""));
    let (kind, logger) = match kind.split_once(':') {
        Some((kind, logger)) => (kind, Some(logger.to_string())),
        None => (kind, None),
    };
    let argument = argument.to_string();
    let encoding = match kind {
        "prefix" => Encoding::Prefix(argument),
        "suffix" => Encoding::Suffix(argument),
        "nl" => Encoding::Newline,
        "format" => Encoding::Format(argument),
        "json" => Encoding::Json(argument),
        _ => {
            let message = format!("{}: there is no encoder {kind:?} here", written(a));
            d.said.error(a, "bad-encoder", message).help = Some(match kind {
                "gzip" | "compress" => "let logrotate compress the files".into(),
                _ => "encoders are prefix, suffix, nl, format and json".into(),
            });
            return None;
        }
    };
    if let Encoding::Format(text) | Encoding::Json(text) = &encoding {
        for name in text.split("${").skip(1).filter_map(|rest| rest.split('}').next()) {
            if !matches!(name, "msg" | "msgnl" | "unix" | "micros") && !name.starts_with("strftime:") {
                let message = format!("{}: ${{{name}}} is no variable and stays empty", written(a));
                d.said.warning(a, "bad-encoder", message).help =
                    Some("variables are ${msg}, ${msgnl}, ${unix}, ${micros} and ${strftime:FORMAT}".into());
            }
        }
    }
    Some(EncoderSpec { logger, encoding })
}

pub(super) fn checked(d: &mut Draft, a: &Applied, pattern: &str) -> bool {
    match regex::bytes::RegexBuilder::new(pattern).unicode(false).build() {
        Ok(_) => true,
        Err(e) => {
            let why = e.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("{}: {pattern:?} is no regular expression: {why}", written(a));
            d.said.error(a, "bad-pattern", message).help =
                Some("look-around and back-references do not exist here; escape special characters".into());
            false
        }
    }
}

/// `logger pattern`
fn route(d: &mut Draft, a: &Applied) -> Option<Route> {
    let text = d.said.filled(a)?;
    let Some((logger, pattern)) = text.split_once(' ') else {
        let message = format!("{} has no regular expression", written(a));
        d.said.error(a, "bad-value", message).help = Some("write NAME-OF-A-LOGGER PATTERN".into());
        return None;
    };
    checked(d, a, pattern).then(|| Route { logger: logger.into(), pattern: pattern.into() })
}

fn pattern(d: &mut Draft, a: &Applied) -> Option<String> {
    let text = d.said.filled(a)?;
    checked(d, a, &text).then_some(text)
}

/// What has to agree between options, and the simple cases that need no log process.
pub(super) fn finish(d: &mut Draft) {
    let Draft {
        said, instance: Instance { log, logto, logto2, request_log, daemonize, daemonize2, .. }, ..
    } = d;
    names(log, &mut said.0);
    if log.lines.json && request_log.format.is_some() {
        let message = "log-format has no effect beside log-json: request lines have the keys of log-json";
        said.0.push(Diagnostic::warning("no-effect", message).help("remove one of the two"));
    }
    // One nameless logger is the log itself: everybody can write to it without help. Beside the file of `daemonize` it is
    // another one.
    let alone = std::mem::take(&mut log.messages.loggers);
    let detached = daemonize.is_some() || daemonize2.is_some();
    let plain = !log.needs_process() && logto2.is_none() && !detached;
    match alone.as_slice() {
        [Logger { name: None, target: LoggerTarget::File { path, max_size, backup } }]
            if plain && logto.is_none() =>
        {
            *logto = Some(path.clone());
            if *max_size > 0 {
                (log.max_size, log.backup) = (*max_size, backup.clone());
            }
        }
        [Logger { name: None, target: LoggerTarget::Stdio }] if plain && logto.is_none() => {}
        _ => log.messages.loggers = alone,
    }
}

/// Names that routes and encoders use must be loggers' names.
fn names(log: &LogRouting, said: &mut Vec<Diagnostic>) {
    let mut check = |option: &str, stream: &Stream| {
        let known: Vec<&str> = stream.loggers.iter().filter_map(|l| l.name.as_deref()).collect();
        let used = stream.routes.iter().map(|r| (option, r.logger.as_str()));
        for (what, name) in used.filter(|(_, name)| !known.contains(name)) {
            let message = format!("a {what} names the logger {name:?}, which does not exist");
            let help = format!("give a logger that name, as logger = {name} file:/var/log/{name}.log");
            said.push(Diagnostic::error("no-logger", message).help(help));
        }
        for encoder in stream.encoders.iter().filter_map(|e| e.logger.as_deref()) {
            if !known.contains(&encoder) {
                let message = format!("an encoder names the logger {encoder:?}, which does not exist");
                said.push(Diagnostic::warning("no-logger", message));
            }
        }
    };
    check("log-route", &log.messages);
    check("log-req-route", &log.requests);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expand::Applied;
    use crate::place::{Place, Source};

    fn read(options: &[(&str, &str)]) -> (LogRouting, Vec<String>) {
        let mut d = Draft::default();
        for (name, value) in options {
            let fact = crate::options::row(name).expect("an option").fact;
            let place = Place::of(&Source::root("test"));
            assert!(set(&mut d, &Applied { fact, value: Some(value.as_bytes().to_vec()), place }), "{name}");
        }
        finish(&mut d);
        (d.instance.log, d.said.0.iter().map(|m| m.message.clone()).collect())
    }

    #[test]
    fn loggers_of_every_kind() {
        let (log, said) = read(&[
            ("logger", "file:/a/b.log"),
            ("logger", "one file:logfile=/c.log,maxsize=100,backupname=old"),
            ("logger", "stdio"),
            ("req-logger", "fd:3"),
            ("req-logger", "socket:127.0.0.1:99,app "),
            ("logger-req", "syslog:me,local3"),
            ("req-logger", "two rsyslog:192.0.2.1:514,me,34"),
            ("req-logger", "rsyslog:/dev/x,me,local6"),
            ("log-socket", "/run/x.sock"),
            ("log-syslog", "true"),
        ]);
        assert!(said.is_empty(), "{said:?}");
        let file = |path: &str, max_size, backup: Option<&str>| LoggerTarget::File {
            path: path.into(),
            max_size,
            backup: backup.map(Into::into),
        };
        let targets: Vec<_> = log.messages.loggers.iter().map(|l| (l.name.as_deref(), &l.target)).collect();
        let socket = |address: &str, prefix: &str| LoggerTarget::Socket {
            address: address.into(),
            prefix: prefix.into(),
        };
        assert_eq!(
            targets,
            [
                (None, &file("/a/b.log", 0, None)),
                (Some("one"), &file("/c.log", 100, Some("old"))),
                (None, &LoggerTarget::Stdio),
                (None, &socket("/run/x.sock", "")),
                (None, &LoggerTarget::Syslog { ident: "uwsgi".into(), priority: 30 }),
            ]
        );
        let rsyslog = |address: &str, priority| LoggerTarget::Rsyslog {
            address: address.into(),
            tag: Some("me".into()),
            priority,
        };
        let targets: Vec<_> = log.requests.loggers.iter().map(|l| &l.target).collect();
        assert_eq!(
            targets,
            [
                &LoggerTarget::Fd(3),
                &socket("127.0.0.1:99", "app "),
                &LoggerTarget::Syslog { ident: "me".into(), priority: 19 << 3 | 6 },
                &rsyslog("192.0.2.1:514", 34),
                &rsyslog("/dev/x", 22 << 3 | 5),
            ]
        );
    }

    #[test]
    fn one_plain_logger_needs_no_log_process() {
        let finished = |options: &[(&str, &str)]| {
            let mut d = Draft::default();
            for (name, value) in options {
                let fact = crate::options::row(name).expect("an option").fact;
                let place = Place::of(&Source::root("test"));
                set(&mut d, &Applied { fact, value: Some(value.as_bytes().to_vec()), place });
            }
            finish(&mut d);
            (d.instance.logto.clone(), d.instance.log.max_size, d.instance.log.needs_process())
        };
        let path = Some(PathBuf::from("/a.log"));
        assert_eq!(finished(&[("logger", "file:/a.log")]), (path.clone(), 0, false));
        assert_eq!(finished(&[("logger", "file:logfile=/a.log,maxsize=9")]), (path, 9, false));
        assert_eq!(finished(&[("logger", "stdio")]), (None, 0, false));
        assert_eq!(finished(&[("logger", "a file:/a.log")]), (None, 0, true));
        assert_eq!(finished(&[("logger", "file:/a"), ("logger", "stdio")]), (None, 0, true));
        assert_eq!(finished(&[("logger", "file:/a"), ("log-master", "true")]), (None, 0, true));
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (name, value, want) in [
            ("logger", "redislog:127.0.0.1:6379", "no kind of logger"),
            ("logger", "file", "names no file"),
            ("logger", "file:logfile=x,zip=1", "does not know"),
            ("req-logger", "fd:x", "needs the number"),
            ("logger", "syslog:a,nowhere", "no facility"),
            ("logger", "rsyslog:h:1,t,999", "no priority"),
            ("log-encoder", "gzip", "no encoder"),
            ("log-encoder", "format ${nope}", "stays empty"),
            ("log-encoder", "prefix:ghost x", "does not exist"),
            ("log-route", "ghost x", "does not exist"),
            ("log-route", "x", "no regular expression"),
            ("log-filter", "a(b", "no regular expression"),
            ("log-drain", "(?=x)", "no regular expression"),
            ("log-date", "false", "begins with the word"),
        ] {
            let (_, said) = read(&[(name, value)]);
            assert!(said.iter().any(|m| m.contains(want)), "{name} = {value}: {said:?}");
        }
    }

    #[test]
    fn encoders_routes_and_dates() {
        let (log, said) = read(&[
            ("logger", "one stdio"),
            ("log-encoder", "prefix:one <1> "),
            ("log-encoder", "json {\"m\":\"${msg}\"}"),
            ("log-req-encoder", "nl"),
            ("log-route", "one ^a b$"),
            ("log-date", "%Y"),
            ("logformat-strftime", "true"),
        ]);
        assert!(said.is_empty(), "{said:?}");
        assert_eq!(
            log.messages.encoders,
            [
                EncoderSpec { logger: Some("one".into()), encoding: Encoding::Prefix("<1> ".into()) },
                EncoderSpec { logger: None, encoding: Encoding::Json("{\"m\":\"${msg}\"}".into()) },
            ]
        );
        assert_eq!(log.messages.routes, [Route { logger: "one".into(), pattern: "^a b$".into() }]);
        assert_eq!(log.lines.date.as_deref(), Some("%Y"));
        assert!(log.lines.strftime && log.needs_process());
        assert_eq!(read(&[("log-date", "yes")]).0.lines.date.as_deref(), Some(CTIME));
        assert!(!LogRouting::default().needs_process());
    }
}
