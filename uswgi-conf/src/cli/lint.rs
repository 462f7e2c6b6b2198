//! `uswgi-conf lint FILE...`.

use super::check_app;
use super::output::{err, out};
use super::report::{self, ReportFormat};
use crate::diag::Severity;
use crate::expand::Allow;
use crate::lint::{self, Options};
use clap::ArgMatches;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use uswgi_proto::exit::Exit;

/// What sources may do, from `--allow-exec` and `--allow-fetch`.
pub(super) fn allowed(m: &ArgMatches) -> Allow {
    Allow { exec: m.get_flag("allow-exec"), fetch: m.get_flag("allow-fetch") }
}

/// Run it: 0 clean, 1 findings at or above the level, 2 unreadable.
pub(super) fn run(m: &ArgMatches) -> ExitCode {
    use std::io::IsTerminal;
    let format = match m.get_one::<String>("format").map(String::as_str) {
        _ if m.get_flag("json") => ReportFormat::Json,
        Some("json") => ReportFormat::Json,
        Some("github") => ReportFormat::Github,
        _ => ReportFormat::Text,
    };
    let level = match m.get_one::<String>("level").map(String::as_str) {
        Some("error") => Severity::Error,
        Some("note") => Severity::Note,
        _ => Severity::Warning,
    };
    let list =
        |id: &str| -> Vec<String> { m.get_many::<String>(id).into_iter().flatten().cloned().collect() };
    let (deny, allow) = (list("deny"), list("allow"));
    if let Some(bad) = deny.iter().chain(&allow).find(|c| lint::codes::find(c).is_none()) {
        err(&format!("uswgi-conf: there is no code {bad:?}; `uswgi-conf explain` lists them"));
        return Exit::Usage.into();
    }
    let color = format == ReportFormat::Text
        && std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none();
    let options = Options { allow: allowed(m), system: !m.get_flag("no-system") };
    let env = lint::environment();
    let (mut worst, mut unreadable, mut found, mut printed) = (None, false, Vec::new(), 0usize);
    for file in m.get_many::<OsString>("file").into_iter().flatten() {
        let name = file.clone().into_vec();
        let mut report = lint::lint(&name, &env, options);
        if m.get_flag("fix") {
            for _ in 0..lint::fix::ROUNDS {
                if !repair(&report) {
                    break;
                }
                report = lint::lint(&name, &env, options);
            }
        }
        unreadable |= report.unreadable;
        if m.get_flag("check-app") {
            match check_app::run(file) {
                Ok(found) => report.diagnostics.extend(found),
                Err(text) => {
                    err(&format!("{}: {}", file.to_string_lossy(), text.trim_end()));
                    worst = worst.max(Some(Severity::Error));
                }
            }
        }
        for d in &mut report.diagnostics {
            if deny.iter().any(|c| c == d.code) {
                d.severity = Severity::Error;
            }
        }
        report.diagnostics.retain(|d| !allow.iter().any(|c| c == d.code));
        for d in &report.diagnostics {
            worst = worst.max(Some(d.severity));
            printed += 1;
            match format {
                ReportFormat::Text => out(report::text(d, &report.files, color).as_bytes()),
                ReportFormat::Github => out(report::github(d).as_bytes()),
                ReportFormat::Json => found.push(report::json(d)),
            }
        }
    }
    if format == ReportFormat::Json {
        out(format!("{:#}\n", serde_json::Value::from(found)).as_bytes());
    } else if format == ReportFormat::Text && printed > 0 {
        let s = if printed == 1 { "" } else { "s" };
        err(&format!("{printed} finding{s}; `uswgi-conf explain CODE` says more"));
    }
    match worst {
        _ if unreadable => Exit::Usage.into(),
        Some(severity) if severity >= level => Exit::Failed.into(),
        _ => Exit::Ok.into(),
    }
}

/// Write repaired files. True when anything changed.
fn repair(report: &lint::Report) -> bool {
    let mut changed = false;
    for (name, text) in &report.files {
        let (fixed, count) = lint::fix::apply(name, text, &report.diagnostics);
        if count == 0 || fixed == *text {
            continue;
        }
        match replace(std::path::Path::new(name), &fixed) {
            Ok(()) => {
                err(&format!("{name}: {count} repaired"));
                changed = true;
            }
            Err(e) => err(&format!("uswgi-conf: cannot write {name}: {e}")),
        }
    }
    changed
}

/// Replace a file as a whole, with the mode it had: a crash leaves the old one.
fn replace(path: &std::path::Path, text: &[u8]) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let mode = path.metadata()?.permissions();
    let mut temporary = path.clone().into_os_string();
    temporary.push(format!(".{}.new", std::process::id()));
    std::fs::write(&temporary, text)
        .and_then(|()| std::fs::set_permissions(&temporary, mode))
        .and_then(|()| std::fs::rename(&temporary, &path))
        .inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })
}
