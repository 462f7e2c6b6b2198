//! The option table: what every name means, to uWSGI and here. The command line, the resolver, lint,
//! `explain` and the man pages are made from it.
//!
//! * `facts`: what uWSGI 2.0.31 knows, one row a name.
//! * `meaning`: what uswgi does with the names that people use, and our own options.
//! * `tail`: the same for the long tail, decided by category.
//! * `language`, `rooms`: what people read about the words of the language, and below which heading an option stands.
//!
//! It must never hold a rule of the configuration language: that is `expand`'s.

#![forbid(unsafe_code)]

mod facts;
mod language;
mod meaning;
mod near;
mod rooms;
mod tail;

pub use facts::{FACTS, Fact};
pub use near::nearest;
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
    /// Default here, for people; empty: none.
    pub default: &'static str,
    /// Only uswgi knows it.
    pub own: bool,
}

impl Row {
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
    meaning::OWN.iter().find(|(f, _, _)| f.name == name).map(|(f, _, _)| f)
}

/// The row of a name, ours or uWSGI's.
pub fn row(name: &str) -> Option<Row> {
    if let Some(fact) = fact(name) {
        return Some(row_of(fact));
    }
    meaning::OWN.iter().find(|(f, _, _)| f.name == name).map(|(fact, help, default)| Row {
        fact,
        status: Status::Supported,
        help,
        default,
        own: true,
    })
}

fn row_of(fact: &'static Fact) -> Row {
    static MEANING: OnceLock<HashMap<&'static str, usize>> = OnceLock::new();
    let meaning = MEANING.get_or_init(|| {
        meaning::MEANING
            .iter()
            .enumerate()
            .flat_map(|(i, m)| m.names.split(' ').map(move |n| (n, i)))
            .collect()
    });
    match meaning.get(fact.name) {
        Some(&i) => {
            let m = &meaning::MEANING[i];
            Row { fact, status: m.status, help: m.help, default: m.default, own: false }
        }
        None => {
            let (status, help) = tail::decide(fact);
            Row { fact, status, help, default: "", own: false }
        }
    }
}

/// Names of our own options.
fn row_is_ours() -> impl Iterator<Item = &'static str> {
    meaning::OWN.iter().map(|(f, _, _)| f.name)
}

/// Whether people use it: it has a hand-written meaning.
fn is_common(name: &str) -> bool {
    meaning::MEANING.iter().any(|m| m.names.split(' ').any(|n| n == name))
}

/// All rows: uWSGI's in its order, then ours.
pub fn rows() -> impl Iterator<Item = Row> {
    FACTS.iter().map(row_of).chain(meaning::OWN.iter().filter_map(|(f, _, _)| row(f.name)))
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
        for (f, _, _) in meaning::OWN {
            assert!(fact(f.name).is_none(), "{} is uWSGI's", f.name);
        }
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
