//! The option table: what every name means, to uWSGI and here. The command line, the resolver, lint,
//! `explain` and the man pages are made from it.
//!
//! * `facts`: what uWSGI 2.0.31 knows, one row a name.
//! * `meaning`: what uswgi does with the names that people use, and our own options.
//! * `shown`: how the value in force is read from an instance.
//! * `tail`: the same for the long tail, decided by category.
//! * `language`, `rooms`: what people read about the words of the language, and below which heading an option stands.
//!
//! It must never hold a rule of the configuration language: that is `expand`'s.

#![forbid(unsafe_code)]

mod facts;
mod getter;
mod language;
mod meaning;
mod near;
mod rooms;
mod tail;

pub use facts::{FACTS, Fact};
pub use getter::{Shown, ShownWhen, Written};
pub use near::{nearest, nearest_of};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Whether an option takes an argument on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg {
    /// Never.
    No,
    /// Only in the attached form `--name=value`.
    Opt,
    /// Always.
    Req,
}

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// True but for `false`, `off`, `no` (any case) and `0`.
    Bool,
    /// A `Bool` that switches something off.
    InvertedBool,
    /// Leading digits; negative numbers are refused.
    Int,
    /// Leading digits with a sign.
    RawInt,
    /// Leading digits, 64 bits.
    U64,
    /// Leading digits, at most 65535.
    U16,
    /// Leading digits times 1 MiB.
    MiB,
    /// Text; the last one wins.
    Str,
    /// Text; every one counts.
    List,
    /// A socket's address.
    Socket,
    /// `key=value`.
    Map,
    /// A configuration file.
    Config,
    /// `name=value` that becomes an entry of its own.
    Set,
    /// `name=template`.
    Declare,
    /// `name=host`, looked up in the DNS.
    Resolve,
    /// Opens an `if-*` or `for*` block.
    Logic,
    /// Closes a block.
    End,
    /// Forgets a text.
    Clear,
    /// Does something at once and ends.
    Action,
    /// Names of plugins.
    Plugin,
    /// Prints.
    Print,
    /// Ends with a number.
    Exit,
    /// Three octal digits.
    Octal,
    /// Three or four octal digits.
    Umask,
    /// `true`, or a format of strftime.
    LogDate,
    /// `NAME=value`.
    Env,
    /// A schedule and a command.
    Cron,
    /// A routing rule.
    Route,
    /// A form of its own.
    Other,
}

/// What uswgi does with an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It does what it says.
    Supported,
    /// Accepted without effect; the text says why nothing is lost.
    Harmless(&'static str),
    /// Accepted without effect, and said at start: the text says what is different.
    Noticed(&'static str),
    /// Stops the start (or warns, with `allow-unsupported`); the text says what to do instead.
    Refused(&'static str),
}

/// One row of the table: the facts and what they mean here.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What uWSGI knows (or, for our own options, what it would).
    pub fact: &'static Fact,
    /// What happens here.
    pub status: Status,
    /// One line of help.
    pub help: &'static str,
    /// Where the value stands that it has set.
    pub shown: Shown,
    /// Default as the table has it: `{}` is the value in force.
    default: &'static str,
    /// Only uswgi knows it.
    pub own: bool,
}

impl Row {
    /// Default here, for people; empty: none. What is in force is read from an instance that nobody has touched.
    pub fn default(&self) -> String {
        if !self.default.contains("{}") {
            return self.default.into();
        }
        let shown = match self.shown {
            Shown::As(name) => row(name).map_or(Shown::Nothing, |row| row.shown),
            own => own,
        };
        self.default.replace("{}", &shown.default().unwrap_or_default())
    }

    /// The name that stands for all its aliases: the one in front in the table.
    pub fn canonical(&self) -> &'static str {
        let mut first = self.fact;
        for alias in self.fact.aliases.split_whitespace() {
            if let Some(&i) = index().get(alias)
                && position(FACTS[i].name) < position(first.name)
            {
                first = &FACTS[i];
            }
        }
        first.name
    }

    /// What the option belongs to: the heading below which people find it.
    pub fn category(&self) -> &'static str {
        rooms::room(self.fact).unwrap_or_else(|| if self.own { "uswgi" } else { tail::category(self.fact) })
    }
}

/// Headings in the order in which people want them; others come behind.
pub fn heading_rank(category: &str) -> usize {
    rooms::rank(category)
}

fn position(name: &str) -> usize {
    index().get(name).copied().unwrap_or(usize::MAX)
}

fn index() -> &'static HashMap<&'static str, usize> {
    static INDEX: OnceLock<HashMap<&'static str, usize>> = OnceLock::new();
    INDEX.get_or_init(|| FACTS.iter().enumerate().map(|(i, f)| (f.name, i)).collect())
}

/// The facts about a name of uWSGI.
pub fn fact(name: &str) -> Option<&'static Fact> {
    index().get(name).map(|&i| &FACTS[i])
}

/// An option that only uswgi knows.
pub fn own(name: &str) -> Option<&'static Fact> {
    meaning::OWN.iter().find(|own| own.0.name == name).map(|own| &own.0)
}

/// The row of a name, ours or uWSGI's.
pub fn row(name: &str) -> Option<Row> {
    if let Some(fact) = fact(name) {
        return Some(row_of(fact));
    }
    meaning::OWN.iter().find(|own| own.0.name == name).map(|(fact, shown, help, default)| Row {
        fact,
        status: Status::Supported,
        help,
        shown: *shown,
        default,
        own: true,
    })
}

/// Which hand-written meaning a name has.
fn meanings() -> &'static HashMap<&'static str, usize> {
    static MEANINGS: OnceLock<HashMap<&'static str, usize>> = OnceLock::new();
    let named = |(i, m): (usize, &'static meaning::Meaning)| m.names.split(' ').map(move |n| (n, i));
    MEANINGS.get_or_init(|| meaning::MEANING.iter().enumerate().flat_map(named).collect())
}

fn row_of(fact: &'static Fact) -> Row {
    match meanings().get(fact.name) {
        Some(&i) => {
            let m = &meaning::MEANING[i];
            Row { fact, status: m.status, help: m.help, shown: m.shown, default: m.default, own: false }
        }
        None => {
            let (status, help) = tail::decide(fact);
            Row { fact, status, help, shown: Shown::Nothing, default: "", own: false }
        }
    }
}

/// Names of our own options.
fn row_is_ours() -> impl Iterator<Item = &'static str> {
    meaning::OWN.iter().map(|own| own.0.name)
}

/// Whether people use it: it has a hand-written meaning.
fn is_common(name: &str) -> bool {
    meanings().contains_key(name)
}

/// All rows: uWSGI's in its order, then ours.
pub fn rows() -> impl Iterator<Item = Row> {
    FACTS.iter().map(row_of).chain(meaning::OWN.iter().filter_map(|own| row(own.0.name)))
}

/// Every option with a getter, in the order of the table: the name that stands for it, and where its value stands.
pub fn getters() -> impl Iterator<Item = (&'static str, Shown)> {
    let table = meaning::MEANING.iter().map(|m| (m.names.split(' ').next().unwrap_or_default(), m.shown));
    let own = meaning::OWN.iter().map(|own| (own.0.name, own.1));
    table.chain(own).filter(|(_, shown)| matches!(shown, Shown::Get(..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_one_row_and_help() {
        assert_eq!(index().len(), FACTS.len(), "a name stands twice");
        for row in rows() {
            assert!(!row.help.is_empty(), "{} has no help", row.fact.name);
            let (Status::Harmless(why) | Status::Noticed(why) | Status::Refused(why)) = row.status else {
                continue;
            };
            assert!(why.len() > 10, "{}: {why:?} says too little", row.fact.name);
        }
    }

    #[test]
    fn meanings_name_real_options_once() {
        let mut seen = std::collections::HashSet::new();
        for m in meaning::MEANING {
            for name in m.names.split(' ') {
                assert!(fact(name).is_some(), "{name} is no option of uWSGI");
                assert!(seen.insert(name), "{name} stands twice");
            }
        }
        for (f, ..) in meaning::OWN {
            assert!(fact(f.name).is_none(), "{} is uWSGI's", f.name);
        }
    }

    /// A text of the category where the option is about something else tells people to do the wrong thing.
    #[test]
    fn helps_are_about_their_option() {
        for (names, word) in [
            ("pymodule-alias post-pymodule-alias", "second name"),
            ("shared-import shared-py-import", "every process"),
            ("spooler-import", "spooler"),
            ("py-tracebacker", "stacks"),
            ("wsgi-accept-buffer", "buffer"),
            ("skip-atexit", "atexit"),
            ("reload-on-exception", "exception"),
            ("pcre-jit", "regular expressions"),
            ("hook-accepting-once", "once"),
            ("test", "imported"),
            (
                "fs-reload fs-brutal-reload mount-as-root umount-asap check-mountpoint mount-check",
                "file system",
            ),
            ("fs-signal touch-signal", "signal"),
            ("call-as-user call-asap", "function of C"),
            ("check-cache", "cache"),
            ("worker-exec drop-after-apps worker-mount skip-zero", ""),
        ] {
            for name in names.split(' ') {
                let row = row(name).unwrap();
                assert!(row.help.contains(word), "{name}: {}", row.help);
                assert!(!row.help.starts_with("Belongs to"), "{name}: {}", row.help);
            }
        }
        let general: Vec<_> =
            rows().filter(|r| r.help.contains("uWSGI's Python plugin")).map(|r| r.fact.name).collect();
        assert!(general.is_empty(), "{general:?}");
    }

    #[test]
    fn aliases_share_a_canonical_name() {
        for (name, canonical) in
            [("workers", "processes"), ("venv", "home"), ("wsgi", "module"), ("pp", "pythonpath")]
        {
            assert_eq!(row(name).map(|r| r.canonical()), Some(canonical));
        }
    }
}
