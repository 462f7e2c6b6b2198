//! Lint: everything that can be said about a configuration file without starting it. Runs the same
//! expansion and resolution as the master, then the rules. It runs and fetches nothing unless allowed.
//!
//! * `text`: what the bytes of a file hide from its reader.
//! * `percent`: magic variables where a percent sign was meant.
//! * `values`: values that do not mean what they seem to.
//! * `conflicts`: options that contradict or endanger each other.
//! * `jail`: what has to be inside of `chroot`, and what stays outside.
//! * `system`: paths of this machine; `users`: the user that the instance becomes, and what is closed to it.
//! * `builds`: files that uWSGI's own builds read differently.
//! * `codes`: every code with its explanation.

#![forbid(unsafe_code)]

mod builds;
mod certificates;
pub mod codes;
mod conflicts;
pub mod fix;
mod jail;
pub(crate) use jail::of as jail_of;
mod passwords;
mod percent;
mod system;
mod text;
mod users;
mod values;

use crate::diag::{Diagnostic, Severity};
use crate::expand::{Allow, Applied, Expansion, Halt, Mode, expand};
use crate::instance::Instance;
use crate::resolve::resolve;

/// What was found in one file and all that it includes.
#[derive(Debug)]
pub struct Report {
    /// Findings, by file and line.
    pub diagnostics: Vec<Diagnostic>,
    /// Files that were read: name and text, for the source lines.
    pub files: Vec<(String, Vec<u8>)>,
    /// The file itself cannot be read.
    pub unreadable: bool,
}

/// What a rule looks at.
struct Context<'a> {
    expansion: &'a Expansion,
    instance: &'a Instance,
}

impl Context<'_> {
    /// The setting that counts: the last one of an option or its aliases.
    fn last(&self, names: &[&str]) -> Option<&Applied> {
        self.expansion.applied.iter().rfind(|a| names.contains(&a.fact.name))
    }

    /// All settings of an option or its aliases.
    fn all<'s>(&'s self, names: &'s [&str]) -> impl Iterator<Item = &'s Applied> {
        self.expansion.applied.iter().filter(|a| names.contains(&a.fact.name))
    }
}

/// How to look at a file.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What sources may do.
    pub allow: Allow,
    /// Look at the paths and users of this machine.
    pub system: bool,
}

/// The command line that loads a file as the server would.
pub fn arguments(file: &[u8]) -> Vec<Vec<u8>> {
    let plain = match file.iter().rposition(|&b| b == b':') {
        Some(n) if !std::path::Path::new(&*String::from_utf8_lossy(file)).exists() => &file[..n],
        _ => file,
    };
    let option = crate::convert::Syntax::of(&String::from_utf8_lossy(plain)).option();
    vec![option.into(), file.to_vec()]
}

/// The environment: variables of a file are replaced by it. Options in it are none for who looks at a file by itself.
pub fn environment() -> Vec<(Vec<u8>, Vec<u8>)> {
    use std::os::unix::ffi::OsStringExt;
    std::env::vars_os().map(|(k, v)| (k.into_vec(), v.into_vec())).collect()
}

/// Look at one file.
pub fn lint(file: &[u8], env: &[(Vec<u8>, Vec<u8>)], options: Options) -> Report {
    let (expansion, result) =
        expand(&arguments(file), env, Mode { allow: options.allow, look: true, ..Mode::default() });
    let mut diagnostics = Vec::new();
    let mut unreadable = false;
    match result {
        Err(Halt::Error(e)) => {
            unreadable = e.code == "unreadable" && e.origin.line == 0;
            diagnostics.extend(expansion.warnings.iter().cloned());
            diagnostics.push(*e);
        }
        Err(Halt::Exit(_, exit)) => {
            let message = format!("the configuration asks to end at once, with exit code {}", exit.code());
            diagnostics.push(Diagnostic::warning("exits", message));
        }
        Ok(()) => {
            let resolved = resolve(&expansion);
            let context = Context { expansion: &expansion, instance: &resolved.instance };
            values::check(&context, &mut diagnostics);
            conflicts::check(&context, &mut diagnostics);
            jail::check(&context, options.system, &mut diagnostics);
            if options.system {
                system::check(&context, &mut diagnostics);
                certificates::check(&resolved.instance, system::known, &mut diagnostics);
                passwords::check(&resolved.instance, system::known, &mut diagnostics);
            }
            for d in resolved.diagnostics {
                // What is not known here was said once.
                let said = diagnostics.iter().any(|s| s.code == d.code && s.origin == d.origin);
                if !said || !matches!(d.code, "unset-variable" | "unresolved-placeholder") {
                    diagnostics.push(milder(d, &expansion));
                }
            }
        }
    }
    for (name, bytes) in &expansion.files {
        text::check(name, bytes, &mut diagnostics);
        builds::check(name, bytes, &mut diagnostics);
    }
    for d in &mut diagnostics {
        // An argument of ours is no command line of the server's.
        if d.origin.line == 0 && matches!(d.origin.source.as_str(), "" | "command line") {
            d.origin.source = String::from_utf8_lossy(file).into_owned();
        }
    }
    // One word about a comment inside a number is enough.
    let commented: Vec<_> = diagnostics
        .iter()
        .filter(|d| d.code == "inline-comment")
        .map(|d| (d.origin.source.clone(), d.origin.line))
        .collect();
    diagnostics.retain(|d| {
        d.code != "number-rest" || !commented.contains(&(d.origin.source.clone(), d.origin.line))
    });
    let order = |d: &Diagnostic| {
        let file = expansion.files.iter().position(|(n, _)| *n == d.origin.source);
        (file.unwrap_or(usize::MAX), d.origin.line, d.origin.column)
    };
    diagnostics.sort_by_key(order);
    diagnostics.dedup();
    Report { diagnostics, files: expansion.files, unreadable }
}

/// A file that uWSGI takes and that means what it says gets no error: what is missing here is a warning,
/// and what another file or the command line may give is a note.
fn milder(mut d: Diagnostic, expansion: &Expansion) -> Diagnostic {
    let open = |v: &[u8]| v.windows(2).any(|w| matches!(w, b"$(" | b"%("));
    let here = |a: &&Applied| a.place.value().origin() == d.origin && a.value.as_deref().is_some_and(open);
    if d.severity == Severity::Error && expansion.applied.iter().any(|a| here(&a)) {
        // The value depends on what is not known here, and another finding says so.
        d.severity = Severity::Warning;
    }
    match d.code {
        "unsupported" => {
            d.severity = Severity::Warning;
            d.message.push_str(": the start is refused");
        }
        "not-utf8" => d.severity = Severity::Warning,
        "no-socket" | "no-app" => d.severity = Severity::Note,
        "no-section" => d.severity = Severity::Warning,
        _ => {}
    }
    d
}

#[cfg(test)]
mod tests;
