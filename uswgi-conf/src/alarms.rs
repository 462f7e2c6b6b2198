//! Alarms: what is done when something happens that somebody wants to know of (`alarm`), and what raises them by itself
//! (`alarm-segfault`, `alarm-backlog`, `metric-alarm`).

use serde::{Deserialize, Serialize};
use uswgi_proto::control::MOST_ALARM_BYTES;

/// What an alarm does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlarmTarget {
    /// `cmd:`: for `/bin/sh -c`, the message on its standard input.
    Command(String),
    /// `signal:`: a signal of the application.
    Signal(u8),
    /// `mule:`: a message for this mule; 0: for any.
    Mule(u32),
    /// `log:`: a line, with this text before the message.
    Log(String),
}

/// One alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// By which it is raised.
    pub name: String,
    /// What it does.
    pub target: AlarmTarget,
}

/// A number of the application that raises an alarm (`metric-threshold`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    /// Which number.
    pub metric: String,
    /// From which value on.
    pub value: i64,
    /// Which alarm; None: the number is only reset.
    pub alarm: Option<String>,
    /// The message; None: the name of the number.
    pub message: Option<String>,
    /// Seconds between two times.
    pub rate: u32,
    /// What the number becomes then.
    pub reset: Option<i64>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarms {
    /// In the order of the configuration; the first of a name counts.
    pub all: Vec<Alarm>,
    /// Seconds within which the same message is not told again (`alarm-freq`).
    pub freq: u32,
    /// Bytes of a message; a longer one is cut (`alarm-msg-size`).
    pub message_size: u32,
    /// Alarms of a process that crashes (`alarm-segfault`).
    pub segfault: Vec<String>,
    /// Alarms of a listening socket whose queue is full (`alarm-backlog`).
    pub backlog: Vec<String>,
    /// Numbers that raise alarms (`metric-threshold`).
    pub thresholds: Vec<Threshold>,
}

impl Default for Alarms {
    fn default() -> Self {
        Alarms {
            all: Vec::new(),
            freq: 3,
            message_size: MOST_ALARM_BYTES,
            segfault: Vec::new(),
            backlog: Vec::new(),
            thresholds: Vec::new(),
        }
    }
}
