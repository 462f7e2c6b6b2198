//! Why processes are replaced: the one set of reasons, with what the scoreboard, messages and the log call each.

use serde::{Deserialize, Serialize};

/// Why a process got the place of another one with the same worker number. Stored as its number,
/// counted at its number, and named in control messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u32)]
pub enum Restart {
    /// It is the first of its number, or its predecessor was not replaced.
    None = 0,
    /// A reload, or a file of `touch-workers-reload` or its kin.
    Reload = 1,
    /// `max-requests`.
    MaxRequests = 2,
    /// `max-worker-lifetime`.
    MaxLifetime = 3,
    /// `reload-on-rss`.
    Rss = 4,
    /// `reload-on-as`.
    AddressSpace = 5,
    /// A request did not come out of its harakiri.
    Harakiri = 6,
    /// The application asked for it.
    Asked = 7,
    /// Killed by a signal.
    Signal = 8,
    /// Ended by itself.
    Exited = 9,
    /// The application did not load.
    LoadFailed = 10,
    /// An operator asked for it.
    Operator = 11,
    /// Its generation was taken back.
    TakenBack = 12,
    /// An exception of `reload-on-exception` or its kin left the application.
    Exception = 13,
}

impl Restart {
    /// All, in the order of their numbers.
    pub const ALL: [Restart; 14] = [
        Restart::None,
        Restart::Reload,
        Restart::MaxRequests,
        Restart::MaxLifetime,
        Restart::Rss,
        Restart::AddressSpace,
        Restart::Harakiri,
        Restart::Asked,
        Restart::Signal,
        Restart::Exited,
        Restart::LoadFailed,
        Restart::Operator,
        Restart::TakenBack,
        Restart::Exception,
    ];

    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Restart::None => "none",
            Restart::Reload => "reload",
            Restart::MaxRequests => "max-requests",
            Restart::MaxLifetime => "max-lifetime",
            Restart::Rss => "rss",
            Restart::AddressSpace => "address-space",
            Restart::Harakiri => "harakiri",
            Restart::Asked => "asked",
            Restart::Signal => "signal",
            Restart::Exited => "exited",
            Restart::LoadFailed => "load-failed",
            Restart::Operator => "operator",
            Restart::TakenBack => "taken-back",
            Restart::Exception => "exception",
        }
    }

    /// From the stored number; an unknown one reads as none.
    pub fn from_number(n: u32) -> Restart {
        Restart::ALL.get(n as usize).copied().unwrap_or(Restart::None)
    }

    /// Why a worker that serves is to get a successor, as the log says it; None: that is how processes end, and nobody's wish,
    /// or what asks for it says so itself (a reload).
    pub fn wish(self) -> Option<&'static str> {
        Some(match self {
            Restart::MaxRequests => "it served max-requests",
            Restart::MaxLifetime => "it is older than max-worker-lifetime",
            Restart::Rss => "its resident memory is above reload-on-rss",
            Restart::AddressSpace => "its address space is above reload-on-as",
            Restart::Harakiri => "a request did not come out of its harakiri",
            Restart::Asked => "the application asked for it",
            Restart::Operator => "the operator asked for it",
            Restart::Exception => "an exception of reload-on-exception left the application",
            Restart::None
            | Restart::Reload
            | Restart::Signal
            | Restart::Exited
            | Restart::LoadFailed
            | Restart::TakenBack => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_numbers_and_messages_mean_the_reason_that_they_were_made_of() {
        for reason in Restart::ALL {
            assert_eq!(Restart::from_number(reason as u32), reason);
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
        assert_eq!(Restart::from_number(14), Restart::None);
    }
}
