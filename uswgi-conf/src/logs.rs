//! What a configuration says about logs: where lines go, which go where, and what they look like.
//!
//! Typed settings only; `resolve::logs` reads them, the master obeys them.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use uswgi_proto::logs::LogLines;

/// Where a logger writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
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
    pub target: Target,
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
pub struct Encoder {
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
    pub encoders: Vec<Encoder>,
    /// Routes in order.
    pub routes: Vec<Route>,
}

/// Everything about logs but the choice of request lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
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
    /// Mode of the file.
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
    /// Bytes of the longest datagram to an rsyslog.
    pub rsyslog_packet: Option<u32>,
}

impl Logs {
    /// Whether lines have to go through the log process: where a descriptor that all write to is not enough.
    pub fn needs_process(&self) -> bool {
        let stream = |s: &Stream| !s.loggers.is_empty() || !s.encoders.is_empty() || !s.routes.is_empty();
        self.collected
            || self.lines.json
            || stream(&self.messages)
            || stream(&self.requests)
            || !self.filters.is_empty()
            || !self.drains.is_empty()
    }

    /// Keep of the settings of a running instance what needs a restart; whether something else was wanted.
    pub fn keep(&mut self, running: &Logs) -> bool {
        let wanted = self.clone();
        self.lines.json = running.lines.json;
        self.collected = running.collected;
        self.messages = running.messages.clone();
        self.requests = running.requests.clone();
        self.filters = running.filters.clone();
        self.drains = running.drains.clone();
        self.rsyslog_packet = running.rsyslog_packet;
        if running.needs_process() {
            // The log process has them.
            self.lines.date = running.lines.date.clone();
            (self.max_size, self.backup) = (running.max_size, running.backup.clone());
        }
        *self != wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_instance_keeps_its_outputs() {
        let direct = Logs { max_size: 1, ..Logs::default() };
        let mut new = Logs { max_size: 2, touch_rotate: vec!["/a".into()], ..Logs::default() };
        assert!(!new.keep(&direct));
        assert_eq!(new.max_size, 2, "the master follows");
        let mut new = Logs { collected: true, max_size: 2, ..Logs::default() };
        assert!(new.keep(&direct) && !new.needs_process());
        let collected = Logs { collected: true, max_size: 1, ..Logs::default() };
        let mut new =
            Logs { max_size: 2, lines: LogLines { json: true, ..LogLines::default() }, ..Logs::default() };
        assert!(new.keep(&collected));
        assert_eq!(new, collected);
    }
}
