//! `show`: the effective configuration, every value with its origin or marked as the default. Made from
//! the typed settings, so that it cannot say anything else than what the server does.

#![forbid(unsafe_code)]

use crate::expand::Expansion;
use crate::instance::{Instance, Origin};
use crate::options::{self, Shown};

/// One effective value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Name of the option.
    pub name: &'static str,
    /// Its value, as it would be written.
    pub value: String,
    /// Where it was set; None: the default.
    pub origin: Option<Origin>,
}

/// Every value of an instance that is worth a line, by option, in the order of the table.
fn values(i: &Instance) -> Vec<(&'static str, String)> {
    let of = |(name, shown): (&'static str, Shown)| {
        shown.of(i).0.into_iter().map(move |(other, value)| (other.unwrap_or(name), value))
    };
    options::getters().flat_map(of).collect()
}

/// Whether an option may have made the value that stands below a name: it has no getter of its own, or it is one of
/// those that set more than one thing.
fn makes(option: &'static str, name: &str) -> bool {
    let more: &[&str] = match option {
        "socket" => &["http-socket"],
        "reload-mercy" => &["worker-reload-mercy"],
        "socket-timeout" => &["http-timeout"],
        "logger" => &["logto", "log-maxsize", "log-backupname"],
        "env" => &["unenv"],
        _ => &[],
    };
    let shown = options::row(option).map(|row| row.shown);
    match shown {
        Some(Shown::As(target)) => target == name || makes(target, name),
        _ => more.contains(&name),
    }
}

/// The effective settings of an instance, where nobody knows any more what they came from.
pub fn effective(instance: &Instance) -> Vec<(&'static str, String)> {
    values(instance)
}

/// The effective settings of an instance.
pub fn settings(expansion: &Expansion, instance: &Instance) -> Vec<Setting> {
    let canonical = |name: &'static str| options::row(name).map_or(name, |r| r.canonical());
    let mut taken = std::collections::HashSet::new();
    values(instance)
        .into_iter()
        .map(|(name, value)| {
            let fits = |n: &'static str| canonical(n) == canonical(name) || makes(n, name);
            let all = || expansion.applied.iter().enumerate().filter(|(_, a)| fits(a.fact.name));
            // Of repeated ones the next that was not shown yet; of scalars the last.
            let repeated = options::fact(name).is_some_and(|f| f.repeatable);
            let found = if repeated { all().find(|(i, _)| taken.insert(*i)) } else { all().next_back() };
            Setting { name, value, origin: found.map(|(_, a)| a.place.origin()) }
        })
        .collect()
}

/// Settings in which two configurations differ: name, values there, values here.
pub fn diff(a: &[Setting], b: &[Setting]) -> Vec<(&'static str, Vec<String>, Vec<String>)> {
    let mut names: Vec<&'static str> = Vec::new();
    for s in a.iter().chain(b) {
        if !names.contains(&s.name) {
            names.push(s.name);
        }
    }
    let of = |all: &[Setting], name| -> Vec<String> {
        all.iter().filter(|s| s.name == name).map(|s| s.value.clone()).collect()
    };
    names.into_iter().map(|n| (n, of(a, n), of(b, n))).filter(|(_, x, y)| x != y).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expand::{Mode, expand};

    fn shown(args: &[&str]) -> Vec<Setting> {
        let args: Vec<Vec<u8>> = args.iter().map(|a| a.as_bytes().to_vec()).collect();
        let (e, result) = expand(&args, &[], Mode::default());
        assert!(result.is_ok());
        settings(&e, &crate::resolve::resolve(&e).instance)
    }

    #[test]
    fn values_carry_their_origin() {
        let all = shown(&["--http", ":80", "-p", "4", "--reload-mercy", "9", "--env", "A=1", "--unenv", "B"]);
        let get = |n: &str| all.iter().find(|s| s.name == n).unwrap();
        for name in ["http-socket", "processes", "worker-reload-mercy", "env", "unenv"] {
            assert!(get(name).origin.is_some(), "{name}");
        }
        assert_eq!(get("worker-reload-mercy").value, "9");
        assert_eq!((get("threads").value.as_str(), &get("threads").origin), ("1", &None));
    }

    #[test]
    fn what_is_shown_means_the_same_when_it_is_read() {
        let first = shown(&[
            "--socket",
            "[::1]:1",
            "--http",
            "@a",
            "-p",
            "3",
            "--mount",
            "/a=b.py",
            "--wsgi-file",
            "w.py",
            "--max-vars",
            "50",
            "--limit-as",
            "9",
            "--die-on-term",
            "--vacuum",
            "-C660",
        ]);
        let args: Vec<String> = first.iter().map(|s| format!("--set={}={}", s.name, s.value)).collect();
        let again = shown(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let plain = |all: &[Setting]| all.iter().map(|s| (s.name, s.value.clone())).collect::<Vec<_>>();
        assert_eq!(plain(&first), plain(&again));
    }

    #[test]
    fn only_differences_are_listed() {
        let (a, b) = (shown(&["-p", "3"]), shown(&["-p", "4", "--uid", "x"]));
        let names: Vec<_> = diff(&a, &b).into_iter().map(|d| d.0).collect();
        assert_eq!(names, ["processes", "uid"]);
    }
}
