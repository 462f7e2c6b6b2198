//! `uswgi-conf convert FILE --to TARGET`.

use super::output::{err, out};
use crate::convert::{self, ConvertError, Syntax, command, text, unit};
use crate::diag::Severity;
use crate::expand::{Halt, Mode, expand};
use crate::instance::Instance;
use crate::lint;
use crate::read::Pair;
use clap::ArgMatches;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
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
        _ => instance(file, m).and_then(|i| {
            let path = std::path::absolute(&name).unwrap_or_else(|_| Path::new(&name).to_path_buf());
            let path = match &section {
                Some(s) => Path::new(&format!("{}:{s}", path.display())).to_path_buf(),
                None => path,
            };
            match target {
                "systemd" => Ok(unit::systemd(&i, &path)),
                "supervisor" => Ok(unit::supervisor(&i, &path)),
                _ => unit::nginx(&i),
            }
            .map(String::into_bytes)
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
    let mode = Mode { compat: false, allow: super::lint::allowed(m) };
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
