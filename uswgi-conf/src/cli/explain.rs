//! `uswgi-conf explain NAME`, and `options`: the option table and the codes, for people and tools.

use super::output::{err, out};
use crate::lint::codes;
use crate::options::{self, Arg, Row, Status};
use clap::ArgMatches;
use serde_json::{Value, json};
use std::process::ExitCode;
use uswgi_proto::exit::Exit;

/// Explain an option or a code; without a name, list the codes.
pub(super) fn run(m: &ArgMatches) -> ExitCode {
    let Some(name) = m.get_one::<String>("name") else {
        let mut text = String::new();
        for c in codes::CODES {
            text += &format!("{:<24} {}\n", c.name, c.text);
        }
        out(text.as_bytes());
        return Exit::Ok.into();
    };
    let plain = name.trim_start_matches('-');
    if plain == "differences" {
        out(crate::differences::text().as_bytes());
        return Exit::Ok.into();
    }
    if let Some(row) = options::row(plain) {
        out(option(&row).as_bytes());
        return Exit::Ok.into();
    }
    if let Some(code) = codes::find(plain) {
        out(format!("{}: {}\n", code.name, code.text).as_bytes());
        return Exit::Ok.into();
    }
    let near = options::nearest(plain).map_or(String::new(), |n| format!("; did you mean {n:?}?"));
    err(&format!("uswgi-conf: {plain:?} is neither an option nor a code{near}"));
    Exit::Failed.into()
}

fn status(row: &Row) -> (&'static str, &'static str) {
    match row.status {
        Status::Supported => ("supported", ""),
        Status::Harmless(why) => ("accepted without effect", why),
        Status::Noticed(what) => ("accepted without effect, and said at start", what),
        Status::Refused(instead) => ("refused", instead),
    }
}

/// How a value is read, in words.
fn kind(row: &Row) -> &'static str {
    use options::Kind::*;
    match row.fact.kind {
        Bool | InvertedBool => "true, unless it is exactly false, off, no or 0",
        Int | RawInt => "a number; only its first digits count",
        U64 => "a number of up to 64 bits; only its first digits count",
        U16 => "a number up to 65535; only its first digits count",
        MiB => "a number of MiB; only its first digits count",
        Str | List => "a text",
        Socket => "an address: host:port, :port, [v6]:port, a path, @abstract or fd://N",
        Map => "key=value",
        Config => "a configuration file, as FILE or FILE:SECTION",
        Set | Declare | Resolve => "name=value",
        Logic => "a condition or a list",
        End | Clear => "nothing",
        Plugin => "names, separated by commas",
        Octal => "three octal digits, as 660",
        Umask => "three or four octal digits, as 022",
        Env => "NAME=value",
        LogDate => "true, or a format of strftime",
        Cron => "minute hour day month weekday command",
        Action | Print | Exit | Route | Other => "a form of its own",
    }
}

fn option(row: &Row) -> String {
    let f = row.fact;
    let mut text = format!("{}\n  {}\n\n", f.name, row.help);
    let (name, why) = status(row);
    text +=
        &format!("  Here:      {name}{}\n", if why.is_empty() { String::new() } else { format!(": {why}") });
    if !row.default().is_empty() {
        text += &format!("  Default:   {}\n", row.default());
    }
    text += &format!(
        "  Value:     {}{}\n",
        kind(row),
        if f.repeatable { "; may be given more than once" } else { "" }
    );
    let argument = match f.arg {
        Arg::No => String::new(),
        Arg::Opt => "[=VALUE]".into(),
        Arg::Req => " VALUE".into(),
    };
    let short = if f.short == 0 { String::new() } else { format!(", -{}", char::from(f.short)) };
    text += &format!("  Command:   --{}{argument}{short}\n", f.name);
    if row.own {
        text += "  uWSGI:     has no such option\n";
    } else {
        let plugin = if f.plugin == "core" { String::new() } else { format!(", plugin {}", f.plugin) };
        let early = if f.immediate {
            "; acts while the file is read, so placeholders are not replaced in it"
        } else {
            ""
        };
        text += &format!("  uWSGI:     known to 2.0.31{plugin}{early}\n");
    }
    if !f.aliases.is_empty() {
        text += &format!("  The same:  {}\n", f.aliases.replace(' ', ", "));
    }
    let category = row.category();
    let related: Vec<&str> = options::rows()
        .filter(|r| r.category() == category && r.status == Status::Supported && r.fact.name != f.name)
        .filter(|r| r.fact.name.split('-').next() == f.name.split('-').next())
        .map(|r| r.fact.name)
        .take(6)
        .collect();
    if !related.is_empty() {
        text += &format!("  Related:   {}\n", related.join(", "));
    }
    text
}

/// `options [--json]`.
pub(super) fn list(m: &ArgMatches) -> ExitCode {
    if m.get_flag("json") {
        let rows: Vec<Value> = options::rows().map(|r| json_row(&r)).collect();
        out(format!("{:#}\n", Value::from(rows)).as_bytes());
        return Exit::Ok.into();
    }
    let mut text = String::new();
    for row in options::rows() {
        let mark = match row.status {
            Status::Supported => "supported",
            Status::Harmless(_) => "harmless",
            Status::Noticed(_) => "noticed",
            Status::Refused(_) => "refused",
        };
        text += &format!("{:<36} {mark:<10} {}\n", row.fact.name, row.help);
    }
    out(text.as_bytes());
    Exit::Ok.into()
}

fn json_row(row: &Row) -> Value {
    let (name, why) = match row.status {
        Status::Supported => ("supported", ""),
        Status::Harmless(why) => ("harmless", why),
        Status::Noticed(what) => ("noticed", what),
        Status::Refused(instead) => ("refused", instead),
    };
    let f = row.fact;
    json!({
        "name": f.name,
        "short": (f.short != 0).then(|| char::from(f.short).to_string()),
        "argument": match f.arg { Arg::No => "none", Arg::Opt => "optional", Arg::Req => "required" },
        "kind": format!("{:?}", f.kind).to_lowercase(),
        "aliases": f.aliases.split_whitespace().collect::<Vec<_>>(),
        "category": row.category(),
        "plugin": f.plugin,
        "immediate": f.immediate,
        "repeatable": f.repeatable,
        "status": name,
        "reason": why,
        "help": row.help,
        "default": row.default(),
        "own": row.own,
    })
}
