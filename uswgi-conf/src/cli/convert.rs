//! `uswgi-conf convert FILE --to TARGET`.

use super::output::{err, out};
use crate::convert::{self, ConvertError, Syntax, command, text, unit};
use crate::diag::Severity;
use crate::expand::{Halt, Mode, expand};
use crate::instance::Instance;
use crate::lint;
use crate::read::Pair;
use crate::read::source::scheme;
use clap::ArgMatches;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use uswgi_proto::exit::Exit;

/// Run it: 0, 1 when the target cannot hold the meaning, 2 when unreadable.
pub(super) fn run(m: &ArgMatches) -> ExitCode {
    let Some(file) = m.get_one::<OsString>("file") else { return Exit::Usage.into() };
    let target = m.get_one::<String>("to").map_or("ini", String::as_str);
    let (name, section) = split(file);
    let bytes = match crate::read::source::read(name.as_bytes(), crate::expand::Allow::default()) {
        Ok(bytes) => bytes,
        Err(e) => {
            err(&format!("uswgi-conf: error: {e}"));
            return Exit::Usage.into();
        }
    };
    let syntax = Syntax::of(&name.to_string_lossy());
    let read = || convert::read(syntax, &bytes, section.as_deref());
    let result: Result<Vec<u8>, String> = match target {
        "ini" => read().and_then(|r| text::write(&r, Syntax::Ini)).map_err(said),
        "xml" => read().and_then(|r| text::write(&r, Syntax::Xml)).map_err(said),
        "yaml" => read().and_then(|r| text::write(&r, Syntax::Yaml)).map_err(said),
        "json" => read().and_then(|r| text::write(&r, Syntax::Json)).map_err(said),
        "cli" => entries(file).and_then(|p| command::cli(&p).map_err(said)).map(String::into_bytes),
        "env" => entries(file).and_then(|p| command::env(&p).map_err(said)).map(String::into_bytes),
        "nginx" => instance(file, m).and_then(|i| unit::nginx(&i)).map(String::into_bytes),
        _ => instance(file, m).and_then(|i| {
            let start = start(&name, section.clone())?;
            Ok(match target {
                "systemd" => unit::systemd(&i, &start),
                _ => unit::supervisor(&i, &start),
            }
            .into_bytes())
        }),
    };
    match result {
        Ok(text) => {
            out(&text);
            Exit::Ok.into()
        }
        Err(e) => {
            err(&format!("uswgi-conf: error: {}: {e}", file.to_string_lossy()));
            Exit::Failed.into()
        }
    }
}

/// How a service manager starts an instance of this file.
fn start(name: &OsString, section: Option<String>) -> Result<unit::Start, String> {
    if name == "-" || scheme(name.as_bytes()).is_some() {
        return Err("a service starts from a file".into());
    }
    let file = std::path::absolute(name).map_err(|e| e.to_string())?;
    let lines = |path: &Path| path.as_os_str().as_bytes().contains(&b'\n');
    if lines(&file) {
        return Err("a line end in the name of the file".into());
    }
    Ok(unit::Start { file, section, programs: programs().filter(|dir| !lines(dir)) })
}

/// Where our programs are: beside this one, by the path that it was called by, so that a link that an update moves is kept.
fn programs() -> Option<PathBuf> {
    let called = PathBuf::from(std::env::args_os().next()?);
    let found = match called.components().count() {
        1 => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).map(|dir| dir.join(&called)).find(|p| p.is_file())
        }
        _ => Some(called),
    };
    let all = found.into_iter().chain(std::env::current_exe().ok());
    let mut directories = all.filter_map(|p| std::path::absolute(p.parent()?).ok());
    directories.find(|dir| dir.join("uswgi-master").is_file() && dir.join("uswgi-ctl").is_file())
}

fn said(e: ConvertError) -> String {
    e.to_string()
}

/// `FILE:SECTION`, unless there is a file of the whole name.
fn split(file: &OsString) -> (OsString, Option<String>) {
    let text = file.to_string_lossy();
    match text.rsplit_once(':') {
        Some((name, section)) if !Path::new(file).exists() && !section.is_empty() => {
            (name.into(), Some(section.into()))
        }
        _ => (file.clone(), None),
    }
}

/// The file's own entries with magic variables replaced, includes left as they are.
fn entries(file: &OsString) -> Result<Vec<Pair>, String> {
    crate::expand::own_entries(&lint::arguments(&file.clone().into_vec())).map_err(|d| d.to_string())
}

fn instance(file: &OsString, m: &ArgMatches) -> Result<Instance, String> {
    let mode = Mode { allow: super::lint::allowed(m), look: true, ..Mode::default() };
    let (expansion, result) = expand(&lint::arguments(&file.clone().into_vec()), &lint::environment(), mode);
    match result {
        Err(Halt::Error(e)) => return Err(e.to_string()),
        Err(Halt::Exit(..)) => return Err("the configuration asks to end at once".into()),
        Ok(()) => {}
    }
    let resolved = crate::resolve::resolve(&expansion);
    match resolved.diagnostics.iter().find(|d| d.severity == Severity::Error && d.code != "unsupported") {
        Some(e) => Err(e.to_string()),
        None => Ok(resolved.instance),
    }
}
