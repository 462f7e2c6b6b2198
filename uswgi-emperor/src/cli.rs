//! The command line of `uswgi-emperor`: folders of vassals, and every option of `uswgi-master`. Pure.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::Path;
use uswgi_conf::options::{self, Arg, Status};

/// What an Emperor shares with an instance.
const SHARED: [&str; 16] = [
    "uid",
    "gid",
    "add-gid",
    "umask",
    "pidfile",
    "pidfile2",
    "safe-pidfile",
    "daemonize",
    "logto",
    "logto2",
    "log-date",
    "hook-emperor-start",
    "hook-as-vassal",
    "exec-as-vassal",
    "hook-as-emperor",
    "exec-as-emperor",
];

/// The options that count for an Emperor: name, whether it takes a value, one line.
pub fn options() -> impl Iterator<Item = (&'static str, bool, &'static str)> {
    let about = |row: &options::Row| row.category() == "emperor" || SHARED.contains(&row.fact.name);
    let rows = options::rows().filter(|row| row.status == Status::Supported).filter(about);
    rows.map(|row| (row.fact.name, row.fact.arg == Arg::Req, row.help))
}

/// What `--help` prints.
pub fn help() -> String {
    let mut text = String::from(
        "Usage: uswgi-emperor [OPTIONS] FOLDER... [FILE.ini]\n\n\
         Runs one uswgi-master for each vassal's file in the folders, and keeps it so: a file that comes starts\n\
         one, a touched file reloads it in place, a file that goes stops it gracefully.\n\n\
         Options:\n",
    );
    let mut line = |names: &str, help: &str| {
        let gap =
            if names.len() < 34 { " ".repeat(34 - names.len()) } else { format!("\n{}", " ".repeat(36)) };
        text.push_str(&format!("  {names}{gap}{help}\n"));
    };
    line("--glob PATTERN", GLOB);
    for (name, value, help) in options() {
        line(&format!("--{name}{}", if value { " VALUE" } else { "" }), help);
    }
    line("-h, --help", "Prints this text and ends.");
    line("-V, --version", "Prints the version and ends.");
    text
}

/// What `--glob` is.
pub const GLOB: &str = "Only files of the folders whose names fit, e.g. '*.ini'.";

/// Whether a word names a configuration file, and not a folder.
fn is_configuration(word: &Path) -> bool {
    let known = word.extension().and_then(|e| e.to_str());
    known.is_some_and(|e| matches!(e, "ini" | "xml" | "yml" | "yaml" | "json" | "js")) && !word.is_dir()
}

/// The command line of an Emperor as `uswgi-master` would be given it: folders become `--emperor`.
pub fn translate(args: Vec<OsString>) -> Vec<OsString> {
    let mut folders: Vec<OsString> = Vec::new();
    let mut rest = Vec::new();
    let mut glob: Option<OsString> = None;
    let mut args = args.into_iter().peekable();
    let mut after_option = false;
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy().into_owned();
        if text == "--glob" {
            glob = args.next();
        } else if let Some(pattern) = text.strip_prefix("--glob=") {
            glob = Some(pattern.into());
        } else if !text.starts_with('-') && !after_option && !is_configuration(Path::new(&arg)) {
            folders.push(arg);
        } else {
            // `--option VALUE`: the value is no folder.
            after_option = text.starts_with('-') && takes_value(&text);
            rest.push(arg);
            continue;
        }
        after_option = false;
    }
    for folder in folders {
        rest.push("--emperor".into());
        rest.push(match &glob {
            Some(pattern) => {
                let mut all = OsString::from("glob://");
                all.push(Path::new(&folder).join(pattern));
                all
            }
            None => folder,
        });
    }
    rest
}

/// Whether the next word belongs to this option.
fn takes_value(option: &str) -> bool {
    let Some(name) = option.strip_prefix("--") else {
        return option.len() == 2 && short_takes_value(option);
    };
    !name.contains('=') && options::row(name).is_none_or(|row| row.fact.arg == Arg::Req)
}

fn short_takes_value(option: &str) -> bool {
    let letter = option.as_bytes()[1];
    options::FACTS.iter().any(|f| f.short == letter && f.arg == Arg::Req)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[&str]) -> String {
        let all = translate(words.iter().map(OsString::from).collect());
        all.iter().map(|w| w.display().to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn folders_become_emperors_and_the_rest_stays() {
        assert_eq!(said(&["/etc/uwsgi/vassals"]), "--emperor /etc/uwsgi/vassals");
        assert_eq!(said(&["/v", "--glob", "*.ini"]), "--emperor glob:///v/*.ini");
        assert_eq!(said(&["--uid", "www-data", "/v", "-d", "/log"]), "--uid www-data -d /log --emperor /v");
        assert_eq!(said(&["--emperor-tyrant", "/v", "/w"]), "--emperor-tyrant --emperor /v --emperor /w");
        assert_eq!(said(&["/etc/uwsgi/emperor.ini"]), "/etc/uwsgi/emperor.ini");
        assert_eq!(said(&["--emperor", "/v", "--uid=x"]), "--emperor /v --uid=x");
    }
}
