//! Help and version texts, made from the option table.

#![forbid(unsafe_code)]

use crate::options::{self, Arg, Status};
use std::fmt::Write;

/// Where the text behind the names starts.
const COLUMN: usize = 34;

/// One line for `--version`.
pub fn version() -> String {
    format!("uswgi {}\n", env!("CARGO_PKG_VERSION"))
}

/// `-p, --processes, --workers VALUE`: the short letter stands for the first long name that has it.
fn names(row: &options::Row) -> String {
    let fact = row.fact;
    let first =
        |name: &str| options::rows().find(|r| r.fact.short == fact.short).map(|r| r.fact.name) == Some(name);
    let short = if fact.short != 0 && first(fact.name) {
        format!("-{}, ", char::from(fact.short))
    } else {
        String::new()
    };
    let aliases: String = fact
        .aliases
        .split_whitespace()
        .filter(|a| options::row(a).is_some_and(|r| r.status == Status::Supported))
        .map(|a| format!(", --{a}"))
        .collect();
    let value = match fact.arg {
        Arg::No => "",
        Arg::Opt => "[=VALUE]",
        Arg::Req => " VALUE",
    };
    format!("  {short}--{}{aliases}{value}", fact.name)
}

/// The options that most public files hold and that say something here, in the order in which one is in need of them.
#[rustfmt::skip]
const COMMON: [&str; 20] = [
    "http-socket", "socket", "chmod-socket", "module", "wsgi-file", "callable", "chdir", "home", "env", "processes", "threads",
    "harakiri", "max-requests", "buffer-size", "static-map", "uid", "gid", "pidfile", "logto", "vacuum",
];

/// A line, or two, about an option.
fn line(out: &mut String, row: &options::Row) {
    let default = if row.default().is_empty() { String::new() } else { format!(" [{}]", row.default()) };
    let names = names(row);
    let gap = if names.len() < COLUMN { "" } else { "\n" };
    let pad = if gap.is_empty() { COLUMN - names.len() } else { COLUMN };
    let _ = writeln!(out, "{names}{gap}{:pad$}{}{default}", "", row.help);
}

/// The text of `--help`: how to start, what people use, and every supported option.
pub fn help() -> String {
    let mut out = String::from(
        "Usage: uswgi-master [OPTIONS] [FILE.ini]...\n\n\
         \x20 uswgi-master --http-socket 127.0.0.1:8000 --chdir /srv/mysite --module mysite.wsgi --processes 4\n\
         \x20 uswgi-master /srv/mysite/uwsgi.ini\n\n\
         Runs a WSGI application as its uWSGI configuration says. Every option may stand in a file\n\
         (name = value), on the command line (--name value) or in the environment (UWSGI_NAME=value).\n\
         `uswgi-conf explain OPTION` says more, also about options that are not listed here.\n",
    );
    out += "\nwhat people use most:\n";
    COMMON.iter().filter_map(|name| options::row(name)).for_each(|row| line(&mut out, &row));
    let mut category = "";
    let mut rows: Vec<_> =
        options::rows().filter(|r| r.status == Status::Supported && r.canonical() == r.fact.name).collect();
    rows.sort_by_cached_key(|r| (options::heading_rank(r.category()), r.category()));
    for row in rows {
        if row.category() != category {
            category = row.category();
            let _ = write!(out, "\n{category}:\n");
        }
        line(&mut out, &row);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn help_begins_with_an_example_and_what_people_use() {
        let text = super::help();
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what:?}"));
        assert!(at("--module mysite.wsgi") < at("what people use most:"));
        assert!(at("what people use most:") < at("\nsockets:\n"));
        for name in super::COMMON {
            let row = crate::options::row(name).unwrap();
            assert_eq!((row.status, row.canonical()), (super::Status::Supported, name), "{name}");
            assert!(at(&format!("--{name}")) < at("\nsockets:\n"), "{name}");
        }
    }

    #[test]
    fn help_lists_what_is_supported_and_nothing_else() {
        let text = super::help();
        for name in ["--processes", "--socket", "--harakiri", "--max-surplus"] {
            assert!(text.contains(name), "{name}");
        }
        for name in ["--subscribe-to", "--emperor-broodlord", "--hook-as-mule"] {
            assert!(!text.contains(&format!("{name} ")), "{name}");
        }
    }
}
