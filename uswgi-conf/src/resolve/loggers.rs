//! Where log lines go: the values of `logger` and its kin. It reads what is written and opens nothing.

use super::draft::Draft;
use super::value::written;
use crate::expand::Applied;
use crate::logs::{DAEMON_INFO, DAEMON_NOTICE, FACILITIES, Logger, LoggerTarget};
use std::path::PathBuf;

/// `[name ]kind[:argument]`; what is none is said in the draft.
pub(super) fn logger(d: &mut Draft, a: &Applied) -> Option<Logger> {
    let text = d.said.filled(a)?;
    let named = text.split_once(' ').filter(|(name, _)| !name.contains([':', '/']));
    let (name, spec) = match named {
        Some((name, spec)) => (Some(name.to_string()), spec.trim_start()),
        None => (None, text.as_str()),
    };
    let (kind, argument) = spec.split_once(':').unwrap_or((spec, ""));
    if spec == "file" {
        // As on uWSGI, which goes on without it.
        d.said.warning(a, "empty-value", format!("{} names no file and is left out", written(a))).help =
            Some("write file:/var/log/app.log".into());
        return None;
    }
    let needs = |what: &str| Err(format!("needs {what}"));
    let target = match (kind, argument) {
        ("stdio", _) => Ok(LoggerTarget::Stdio),
        ("file", "") => needs("a path: file:/var/log/app.log"),
        ("file", argument) => file(argument),
        ("fd", number) => match number.trim().parse() {
            Ok(fd) if fd >= 0 => Ok(LoggerTarget::Fd(fd)),
            _ => needs("the number of a descriptor that the master inherits: fd:3"),
        },
        ("socket", "") => needs("an address: socket:127.0.0.1:5140 or socket:/path"),
        ("socket", argument) => Ok(socket(argument)),
        ("syslog", argument) => syslog(argument),
        ("rsyslog", "") => needs("an address: rsyslog:192.0.2.1:514,tag"),
        ("rsyslog", argument) => rsyslog(argument),
        _ => Err("is no kind of logger here".into()),
    };
    match target {
        Ok(target) => Some(Logger { name, target }),
        Err(why) => {
            let message = format!("{}: {kind:?} {why}", written(a));
            d.said.error(a, "bad-logger", message).help = Some(
                "loggers are file:PATH, stdio, fd:N, socket:ADDRESS, syslog:TAG and rsyslog:ADDRESS,TAG"
                    .into(),
            );
            None
        }
    }
}

/// A path, or `logfile=PATH,maxsize=N,backupname=NAME`.
fn file(argument: &str) -> Result<LoggerTarget, String> {
    if !argument.contains("logfile=") {
        return Ok(LoggerTarget::File { path: argument.into(), max_size: 0, backup: None });
    }
    let (mut path, mut max_size, mut backup) = (PathBuf::new(), 0, None);
    for part in argument.split(',') {
        match part.split_once('=') {
            Some(("logfile", p)) => path = p.into(),
            Some(("maxsize", n)) => {
                max_size = n.parse().map_err(|_| format!("has maxsize={n}, no number"))?
            }
            Some(("backupname", n)) => backup = Some(n.to_string()),
            _ => return Err(format!("does not know {part:?}: logfile, maxsize and backupname are")),
        }
    }
    if path.as_os_str().is_empty() {
        return Err("has an empty logfile=".into());
    }
    Ok(LoggerTarget::File { path, max_size, backup })
}

/// `address[,prefix]`
pub(super) fn socket(argument: &str) -> LoggerTarget {
    let (address, prefix) = argument.split_once(',').unwrap_or((argument, ""));
    LoggerTarget::Socket { address: address.into(), prefix: prefix.into() }
}

/// A facility's name, with a severity that stays.
fn facility(name: &str, severity: u8) -> Option<u8> {
    FACILITIES.iter().find(|(n, _)| *n == name).map(|(_, number)| number << 3 | severity)
}

/// `[tag[,facility]]`
fn syslog(argument: &str) -> Result<LoggerTarget, String> {
    let (ident, place) = argument.split_once(',').unwrap_or((argument, "daemon"));
    let priority =
        facility(place.trim(), DAEMON_INFO & 7).ok_or_else(|| format!("has no facility {place:?}"))?;
    let ident = if ident.is_empty() { "uwsgi" } else { ident };
    Ok(LoggerTarget::Syslog { ident: ident.into(), priority })
}

/// `address[,tag[,priority]]`: the priority is a number, or a facility.
fn rsyslog(argument: &str) -> Result<LoggerTarget, String> {
    let mut parts = argument.splitn(3, ',');
    let address = parts.next().unwrap_or_default().to_string();
    let tag = parts.next().filter(|t| !t.is_empty()).map(str::to_string);
    let priority = match parts.next().map(str::trim) {
        None | Some("") => DAEMON_NOTICE,
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| *n <= 191)
            .or_else(|| facility(text, DAEMON_NOTICE & 7))
            .ok_or_else(|| format!("has no priority {text:?}"))?,
    };
    Ok(LoggerTarget::Rsyslog { address, tag, priority })
}
