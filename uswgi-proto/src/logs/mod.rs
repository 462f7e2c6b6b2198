//! Log lines: what every process that writes them agrees on.
//!
//! * [`escape`]: text from the network that can neither forge a line nor break a JSON text. * [`digits`]: numbers.
//! * [`format`]: `log-format`, compiled. * [`json`]: `log-json`.
//! * [`sink`]: writing whole lines to a descriptor that may be stuck.
//! * [`record`]: how lines reach the log process; [`routing`]: what it does with them.
//!
//! Pure, but for `sink`, which writes and waits a little.

pub mod digits;
pub mod escape;
pub mod format;
pub mod json;
pub mod record;
pub mod routing;
pub mod sink;

use serde::{Deserialize, Serialize};

/// How a process makes its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogLines {
    /// strftime(3) format of the date in front of messages (`log-date`); None: no date.
    pub date: Option<String>,
    /// `%(ftime)` follows `date` (`logformat-strftime`).
    pub strftime: bool,
    /// One JSON object a line (`log-json`).
    pub json: bool,
}

/// The date as ctime(3) writes it, for strftime(3): what a bare `log-date` means.
pub const CTIME: &str = "%a %b %e %H:%M:%S %Y";
