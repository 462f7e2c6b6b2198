//! What a configuration says about logs: the types are the contract with the log process; names of facilities are here.

pub use uswgi_proto::logs::routing::*;

/// Facility daemon, severity info: what uWSGI sends to syslog.
pub(crate) const DAEMON_INFO: u8 = 3 << 3 | 6;
/// Facility daemon, severity notice: what it sends to rsyslog.
pub(crate) const DAEMON_NOTICE: u8 = 3 << 3 | 5;

/// Facilities of syslog(3) by name.
pub(crate) const FACILITIES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];
