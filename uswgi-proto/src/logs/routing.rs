//! Loggers, routes and encoders: where lines go, which go where, and what they look like.
//!
//! Typed settings only; `uswgi-conf` reads them, the log process obeys them.

use super::LogLines;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Bytes of the longest datagram to an rsyslog where nobody says: what uWSGI sends at most.
pub const RSYSLOG_PACKET: u32 = 1024;
/// Mode of a log file that is made where nobody says.
pub const FILE_MODE: u32 = 0o640;

/// Where a logger writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoggerTarget {
    /// The stderr that the master was started with.
    Stdio,
    /// A file, rotated when it has `max_size` bytes (0: never) to `backup` or to its name and the time.
    File {
        /// Path.
        path: PathBuf,
        /// Bytes.
        max_size: u64,
        /// Name of the rotated file.
        backup: Option<String>,
    },
    /// A descriptor that the master inherited.
    Fd(i32),
    /// Datagrams to `host:port` or to a unix socket, each a line behind this text.
    Socket {
        /// Where.
        address: String,
        /// In front of each line.
        prefix: String,
    },
    /// The system's log (/dev/log).
    Syslog {
        /// Tag of the lines.
        ident: String,
        /// Facility times eight plus severity.
        priority: u8,
    },
    /// Syslog datagrams to `host:port` or to a unix socket.
    Rsyslog {
        /// Where.
        address: String,
        /// Tag of the lines; None: the host's name and `uwsgi`.
        tag: Option<String>,
        /// Facility times eight plus severity.
        priority: u8,
    },
}

/// A logger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logger {
    /// A named logger gets only what a route sends to it.
    pub name: Option<String>,
    /// Where it writes.
    pub target: LoggerTarget,
}

/// What an encoder does to a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// Text in front.
    Prefix(String),
    /// Text behind.
    Suffix(String),
    /// A line break behind; every line has one here already.
    Newline,
    /// Text with `${msg}`, `${msgnl}`, `${unix}`, `${micros}` and `${strftime:FORMAT}`.
    Format(String),
    /// The same, with values as the inside of JSON strings.
    Json(String),
}

/// An encoder, for all loggers or for the one of that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderSpec {
    /// Name of a logger.
    pub logger: Option<String>,
    /// What it does.
    pub encoding: Encoding,
}

/// Lines that match go to this logger, and to no unnamed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Name of a logger.
    pub logger: String,
    /// Regular expression.
    pub pattern: String,
}

/// Loggers and rules for one kind of lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Loggers.
    pub loggers: Vec<Logger>,
    /// Encoders in order.
    pub encoders: Vec<EncoderSpec>,
    /// Routes in order.
    pub routes: Vec<Route>,
}

/// Lines that raise alarms (`alarm-log`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogAlarm {
    /// A line that matches raises none of those that follow (`not-alarm-log`).
    pub negated: bool,
    /// Names of alarms.
    pub alarms: Vec<String>,
    /// Which lines.
    pub pattern: String,
}

/// Everything about logs but the choice of request lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRouting {
    /// What lines look like.
    pub lines: LogLines,
    /// `log-master`: lines go through the log process even when nothing else needs it.
    pub collected: bool,
    /// Bytes of the log file after which it is rotated; 0: never.
    pub max_size: u64,
    /// Name of the rotated file; None: its name and the time.
    pub backup: Option<String>,
    /// Open the file again with every reload.
    pub reopen_on_reload: bool,
    /// Empty the file at start.
    pub truncate: bool,
    /// The file belongs to the user that the instance becomes.
    pub chown: bool,
    /// Mode that the file gets; None: one that is made has [`FILE_MODE`].
    pub mode: Option<u32>,
    /// Files whose touch opens the logs again.
    pub touch_reopen: Vec<PathBuf>,
    /// Files whose touch rotates the logs.
    pub touch_rotate: Vec<PathBuf>,
    /// All lines, those of requests too unless they have loggers of their own.
    pub messages: Stream,
    /// Request lines.
    pub requests: Stream,
    /// Only lines that match one of these are kept (`log-filter`).
    pub filters: Vec<String>,
    /// Lines that match one of these are dropped (`log-drain`).
    pub drains: Vec<String>,
    /// Bytes of the longest datagram to an rsyslog; None: [`RSYSLOG_PACKET`].
    pub rsyslog_packet: Option<u32>,
    /// Lines that raise alarms, in order.
    #[serde(default)]
    pub alarms: Vec<LogAlarm>,
}

impl LogRouting {
    /// Whether lines have to go through the log process: where a descriptor that all write to is not enough.
    pub fn needs_process(&self) -> bool {
        let stream = |s: &Stream| !s.loggers.is_empty() || !s.encoders.is_empty() || !s.routes.is_empty();
        self.collected
            || self.lines.json
            || stream(&self.messages)
            || stream(&self.requests)
            || !self.filters.is_empty()
            || !self.drains.is_empty()
            || !self.alarms.is_empty()
    }

    /// Whether the outputs that are open for these settings serve the others too. What the master follows without
    /// new outputs (sizes of its own file, touch files) does not count, unless the log process has it.
    pub fn same_outputs(&self, other: &LogRouting) -> bool {
        let collected = self.needs_process();
        let outputs = |l: &LogRouting| LogRouting {
            lines: if collected { l.lines.clone() } else { LogLines::default() },
            collected: l.needs_process(),
            max_size: if collected { l.max_size } else { 0 },
            backup: l.backup.clone().filter(|_| collected),
            mode: l.mode,
            messages: l.messages.clone(),
            requests: l.requests.clone(),
            filters: l.filters.clone(),
            drains: l.drains.clone(),
            alarms: l.alarms.clone(),
            rsyslog_packet: l.rsyslog_packet,
            ..LogRouting::default()
        };
        outputs(self) == outputs(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_outputs_are_made_only_where_the_open_ones_do_not_serve() {
        let direct = LogRouting { max_size: 1, ..LogRouting::default() };
        let sizes = LogRouting { max_size: 2, touch_rotate: vec!["/a".into()], ..LogRouting::default() };
        assert!(direct.same_outputs(&sizes), "the master follows");
        let date = LogLines { date: Some("%s".into()), ..LogLines::default() };
        assert!(direct.same_outputs(&LogRouting { lines: date.clone(), ..LogRouting::default() }));
        let collected = LogRouting { collected: true, max_size: 1, ..LogRouting::default() };
        assert!(!direct.same_outputs(&collected) && !collected.same_outputs(&direct));
        for other in [
            LogRouting { max_size: 2, ..collected.clone() },
            LogRouting { lines: date, ..collected.clone() },
            LogRouting { drains: vec!["x".into()], ..collected.clone() },
        ] {
            assert!(!collected.same_outputs(&other), "{other:?}");
        }
        let json = LogLines { json: true, ..LogLines::default() };
        let json = LogRouting { lines: json, ..LogRouting::default() };
        assert!(json.same_outputs(&LogRouting { collected: true, ..json.clone() }), "it is collected anyway");
    }
}
