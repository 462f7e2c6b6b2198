//! `uswgi-conf show FILE`, with `--json` and `--diff`.

use super::output::{err, out};
use crate::diag::Severity;
use crate::expand::{Halt, Mode, expand};
use crate::lint;
use crate::resolve::resolve;
use crate::show::{Setting, diff, settings};
use clap::ArgMatches;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use uswgi_proto::exit::Exit;

/// The settings of a file; errors are printed. The second value: there were errors.
fn read(file: &OsString, m: &ArgMatches) -> Result<(Vec<Setting>, bool), Exit> {
    let args = lint::arguments(&file.clone().into_vec());
    let mode = Mode { allow: super::lint::allowed(m), look: true, ..Mode::default() };
    let (expansion, result) = expand(&args, &lint::environment(), mode);
    match result {
        Err(Halt::Error(e)) => {
            err(&format!("uswgi-conf: error: {e}"));
            return Err(if e.code == "unreadable" { Exit::Usage } else { Exit::Failed });
        }
        Err(Halt::Exit(text, code)) => {
            err(&format!("uswgi-conf: error: the configuration asks to end at once, with exit code {code}"));
            out(&text);
            return Err(Exit::Failed);
        }
        Ok(()) => {}
    }
    let resolved = resolve(&expansion);
    let mut bad = false;
    for d in &resolved.diagnostics {
        bad |= d.severity == Severity::Error;
        err(&format!("uswgi-conf: {}: {d}", d.severity.name()));
    }
    Ok((settings(&expansion, &resolved.instance), bad))
}

/// Run it: 0, 1 when a start would be refused (or `--diff` found differences), 2 when unreadable.
pub(super) fn run(m: &ArgMatches) -> ExitCode {
    let files: Vec<&OsString> = m.get_many::<OsString>("file").into_iter().flatten().collect();
    let mut all = Vec::new();
    let mut bad = false;
    for file in &files {
        match read(file, m) {
            Ok((settings, errors)) => {
                bad |= errors;
                all.push(settings);
            }
            Err(exit) => return exit.into(),
        }
    }
    match (m.get_flag("diff"), all.as_slice()) {
        (true, [a, b]) => return differences(a, b, m.get_flag("json")),
        (true, _) => {
            err("uswgi-conf: --diff compares two files");
            return Exit::Usage.into();
        }
        (false, [one]) => print(one, m.get_flag("json")),
        (false, _) => {
            err("uswgi-conf: show takes one file; two with --diff");
            return Exit::Usage.into();
        }
    }
    if bad { Exit::Failed.into() } else { Exit::Ok.into() }
}

fn print(all: &[Setting], json: bool) {
    if json {
        let rows: Vec<Value> = all
            .iter()
            .map(|s| {
                let origin =
                    s.origin.as_ref().map(|o| json!({"file": o.source, "line": o.line, "column": o.column}));
                json!({"name": s.name, "value": s.value, "default": s.origin.is_none(), "origin": origin})
            })
            .collect();
        out(format!("{:#}\n", Value::from(rows)).as_bytes());
        return;
    }
    let width = all.iter().map(|s| s.name.len() + s.value.chars().count() + 3).max().unwrap_or(0).min(60);
    let mut text = String::from("[uwsgi]\n");
    for s in all {
        let line = format!("{} = {}", s.name, s.value);
        let origin = s.origin.as_ref().map_or("default".into(), ToString::to_string);
        text += &format!("{line:<width$}  # {origin}\n");
    }
    out(text.as_bytes());
}

fn differences(a: &[Setting], b: &[Setting], json: bool) -> ExitCode {
    let all = diff(a, b);
    if json {
        let rows: Vec<Value> =
            all.iter().map(|(n, x, y)| json!({"name": n, "first": x, "second": y})).collect();
        out(format!("{:#}\n", Value::from(rows)).as_bytes());
    } else {
        let mut text = String::new();
        for (name, x, y) in &all {
            x.iter().for_each(|v| text += &format!("- {name} = {v}\n"));
            y.iter().for_each(|v| text += &format!("+ {name} = {v}\n"));
        }
        out(text.as_bytes());
    }
    if all.is_empty() { Exit::Ok.into() } else { Exit::Failed.into() }
}
