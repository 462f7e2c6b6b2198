//! Resolution: from applied options to the typed settings of one instance, with every default, and a
//! message for all that is wrong, unknown or not supported. It never touches the system, but for the
//! number of CPUs and the patterns of pythonpath.
//!
//! * `draft`: the instance while it is put together.
//! * `value`: numbers, texts and modes.
//! * `address`: names of sockets.
//! * `alarms`: what is told to whom when something happens.
//! * `answers`: headers that go, pages for errors.
//! * `background`: spoolers, mules and farms.
//! * `carbon`, `pushing`: numbers that are sent away.
//! * `caches`: the form of `cache2`. `sharing`: queue, areas, metrics, rpc.
//! * `dynamic`: fewer workers while there is little to do. `engines`: threads or greenlets.
//! * `emperor`: who runs many instances.
//! * `python`: Python around the application.
//! * `routing`: rules that requests and answers go through.
//! * `shared_sockets`: sockets that others refer to, or that some workers have.
//! * `settings`: what each supported option sets.
//! * `forms`: options with a form of their own.
//! * `logs`: options about logs.
//! * `startup`: what a start locks, waits for and sets.
//! * `tasks`, `steps`: daemons and jobs of the clock; what runs at points of an instance's life.
//! * `finish`: defaults, and rules between options.

#![forbid(unsafe_code)]

pub mod address;
mod alarms;
mod answers;
mod background;
mod caches;
mod canary;
mod carbon;
mod draft;
mod dynamic;
mod emperor;
mod engines;
mod finish;
mod forms;
mod loggers;
mod logs;
mod pushing;
mod python;
mod routing;
mod settings;
mod shared_sockets;
mod sharing;
mod startup;
mod static_files;
mod steps;
mod tasks;
mod tls;
mod value;
mod warmup;

use crate::diag::{Diagnostic, Fix, Severity, shown};
use crate::expand::{Applied, Entry, Expansion};
use crate::instance::Instance;
use crate::options::{self, Kind, Status};
use draft::Draft;

/// What resolution found.
#[derive(Debug)]
pub struct Resolved {
    /// The settings, as far as they make sense; use them only when there is no error.
    pub instance: Instance,
    /// Errors and warnings, in the order of the configuration.
    pub diagnostics: Vec<Diagnostic>,
}

/// Resolve an expanded configuration.
pub fn resolve(expansion: &Expansion) -> Resolved {
    let given = |name: &str| {
        let last = expansion.applied.iter().rfind(|a| a.fact.name == name);
        last.is_some_and(|a| crate::expand::truth(a.value.as_deref()))
    };
    let (allowed, by_host) = (given("allow-unsupported"), given("vhost") || given("vhost-host"));
    let mut draft = Draft { allowed, by_host, ..Draft::default() };
    for (n, a) in expansion.applied.iter().enumerate() {
        match options::row(a.fact.name).map(|r| r.status) {
            Some(Status::Supported) => {
                let before = draft.said.0.len();
                settings::set(&mut draft, a);
                unset(&mut draft.said.0, before, a);
                if is_overridden(a, &expansion.applied[n + 1..]) {
                    overridden(&mut draft.said.0[before..]);
                }
            }
            Some(Status::Harmless(_)) | None => plugins(&mut draft, a),
            Some(Status::Noticed(_) | Status::Refused(_)) if is_off(a) => {}
            Some(Status::Noticed(what)) => {
                draft.said.warning(a, "no-effect", format!("{} has no effect here: {what}", a.fact.name));
            }
            Some(Status::Refused(instead)) => {
                let d = draft.said.error(a, "unsupported", format!("{} is not supported", a.fact.name));
                d.help = Some(instead.into());
                if allowed {
                    d.severity = Severity::Warning;
                    d.message =
                        format!("{} is not supported and has no effect (allow-unsupported)", a.fact.name);
                }
            }
        }
    }
    unknown(&mut draft, expansion);
    let (instance, mut diagnostics) = finish::finish(draft, expansion);
    let mut all = expansion.warnings.clone();
    explain_missing_section(&mut all, &mut diagnostics);
    all.append(&mut diagnostics);
    Resolved { instance, diagnostics: all }
}

/// What is wrong with a value in which nothing has replaced `$(NAME)` or `%(name)` is that alone.
fn unset(said: &mut Vec<Diagnostic>, before: usize, a: &Applied) {
    let value = a.value.as_deref().unwrap_or_default();
    let Some(at) = value.windows(2).position(|w| matches!(w, b"$(" | b"%(")) else { return };
    let Some(end) = value[at..].iter().position(|&b| b == b')') else { return };
    let depends = |d: &&Diagnostic| d.severity == Severity::Error || d.code == "not-a-number";
    let Some(severity) = said[before..].iter().filter(depends).map(|d| d.severity).max() else { return };
    let name = shown(&value[at + 2..at + end]);
    let (code, what, help) = match value[at] {
        b'$' => ("unset-variable", "is not set in the environment", "set it where the server is started"),
        _ => (
            "unresolved-placeholder",
            "is defined nowhere",
            "define it with set-placeholder, or correct the name",
        ),
    };
    said.truncate(before);
    let message = format!("{} = {}: {name} {what}", a.fact.name, shown(value));
    said.push(Diagnostic::new(severity, code, message).at(&a.place.value()).width(value.len()).help(help));
}

/// A number whose place is taken by a later one.
fn is_overridden(a: &Applied, later: &[Applied]) -> bool {
    let same = |l: &&Applied| {
        l.fact.name == a.fact.name || a.fact.aliases.split_whitespace().any(|alias| alias == l.fact.name)
    };
    matches!(a.fact.kind, Kind::Int | Kind::U64 | Kind::U16 | Kind::MiB) && later.iter().any(|l| same(&l))
}

/// What is wrong with a value that does not count.
fn overridden(said: &mut [Diagnostic]) {
    for d in said.iter_mut().filter(|d| d.severity == Severity::Error) {
        d.severity = Severity::Warning;
        d.message += "; a later line takes its place";
    }
}

/// A feature that is switched off needs no support.
fn is_off(a: &Applied) -> bool {
    match a.fact.kind {
        Kind::Bool => !crate::expand::truth(a.value.as_deref()),
        Kind::Int | Kind::U64 | Kind::MiB => {
            a.value.as_deref().is_some_and(|v| crate::expand::placeholder::number(v) == 0)
        }
        _ => false,
    }
}

/// Plugins of uWSGI whose options do what they say here.
const PARTS: [&str; 8] =
    ["logfile", "logsocket", "syslog", "rsyslog", "logpipe", "cheaper_busyness", "cheaper_backlog2", "cache"];

/// Plugins other than those built in here: said, because their options do nothing.
fn plugins(draft: &mut Draft, a: &Applied) {
    if a.fact.kind != Kind::Plugin {
        return;
    }
    for name in a.value.as_deref().unwrap_or_default().split(|&b| b == b',') {
        let name = shown(name.trim_ascii());
        let base = name.rsplit('/').next().unwrap_or_default();
        let base = base.strip_suffix("_plugin.so").unwrap_or(base);
        let built_in = base.starts_with("python")
            || matches!(base, "" | "http" | "corerouter" | "0")
            || PARTS.contains(&base);
        if !built_in {
            draft.said.warning(
                a,
                "no-plugin",
                format!("plugin {name:?} does not exist here; python, http, the loggers, cheaper_busyness and cache are built in"),
            );
        }
    }
}

/// Names for which the nearest option is looked for; a file with more of them is no configuration.
const MAX_GUESSES: usize = 200;

/// Names that are no options and that nothing refers to.
fn unknown(draft: &mut Draft, expansion: &Expansion) {
    let mut guesses = 0;
    for e in &expansion.entries {
        // What `<app>` of an XML file leaves beside its mount.
        let app = e.key == b"app" && e.value.as_ref().is_some_and(Vec::is_empty);
        if e.recognised || e.used || app || matches!(e.key.as_slice(), b"end") {
            continue;
        }
        let name = shown(&e.key);
        guesses += 1;
        let name_if_few = std::str::from_utf8(&e.key).ok().filter(|_| guesses <= MAX_GUESSES);
        let near = name_if_few.and_then(options::nearest);
        let d = if near.is_some_and(|n| n == name.replace('_', "-")) {
            let message = format!("{name:?} is no option and is ignored: names have `-`, not `_`");
            let d = Diagnostic::warning("underscore", message);
            let width = u32::try_from(e.key.len()).unwrap_or(0);
            let text = near.unwrap_or_default().to_string();
            if e.place.column == 0 {
                d
            } else {
                d.fix(Fix { from: e.place.column, width, expect: name.clone(), text, before: None })
            }
        } else if e.key.is_empty() {
            Diagnostic::warning("unknown-option", "a line begins with `=`: there is no name".to_string())
        } else {
            Diagnostic::warning(
                "unknown-option",
                format!("unknown option {name:?}, and nothing refers to it as %({name})"),
            )
        };
        let d = match (written_apart(e), near) {
            (Some((line, fix)), _) => {
                let d = d.help(format!("options are name = value lines: write {line}"));
                if e.place.column == 0 { d } else { d.fix(fix) }
            }
            (None, Some(near)) => d.help(format!("did you mean {near:?}?")),
            (None, None) => d.help("remove it, or declare a placeholder with set-placeholder"),
        };
        draft.said.0.push(d.at(&e.place).width(e.key.len()));
    }
}

/// An option whose `=` is missing or stands too late: `chmod-socket 660`, `env NAME=x`, `processes: 4`. The line as it
/// should be, and the repair of its name.
fn written_apart(e: &Entry) -> Option<(String, Fix)> {
    let key = std::str::from_utf8(&e.key).ok()?;
    let at = key.find([' ', '\t', ':'])?;
    let (name, rest) = (&key[..at], key[at + 1..].trim());
    options::row(name).filter(|_| !rest.is_empty())?;
    let fixed = format!("{name} = {rest}");
    let value = e.value.as_deref().map(shown).unwrap_or_default();
    let line = match e.place.value_column {
        0 => fixed.clone(),
        _ => format!("{fixed}={value}"),
    };
    let width = u32::try_from(e.key.len()).unwrap_or(0);
    Some((line, Fix { from: e.place.column, width, expect: key.into(), text: fixed, before: None }))
}

/// A file without the section explains why there is no socket and no app.
fn explain_missing_section(warnings: &mut [Diagnostic], errors: &mut Vec<Diagnostic>) {
    let follows = |d: &Diagnostic| matches!(d.code, "no-socket" | "no-app");
    let missing: Vec<_> = warnings.iter_mut().filter(|d| d.code == "no-section").collect();
    if missing.is_empty() || !errors.iter().any(follows) {
        return;
    }
    for d in missing {
        d.severity = Severity::Error;
    }
    errors.retain(|d| !follows(d));
}

#[cfg(test)]
mod tests;
