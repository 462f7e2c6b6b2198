//! `profile`.

use super::common::identity;
use crate::error::CtlError;
use crate::profile::draw::ProfileFile;
use crate::profile::merged::GroupBy;
use crate::profile::{ProfileOrder, summary, take};
use crate::report::VerbResult;
use crate::target::Target;
use clap::ArgMatches;
use nix::unistd::{AccessFlags, access};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};
use uswgi_proto::exit::Exit;

pub(super) fn profile(target: &Target, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let path = options.get_one::<PathBuf>("output");
    // Before the time is spent.
    let file = match path {
        Some(path) => {
            let file = ProfileFile::of(path).map_err(CtlError::Usage)?;
            can_write(path).map_err(|source| cannot_write(path, &source))?;
            Some((path, file))
        }
        None => None,
    };
    let instance = target.open()?;
    let seconds = options.get_one::<f64>("seconds").copied().unwrap_or(10.0);
    let order = ProfileOrder {
        worker: options.get_one("worker").copied(),
        time: Duration::from_secs_f64(seconds),
        rate: options.get_one::<u16>("rate").copied().unwrap_or(100),
    };
    let by = options.get_one::<String>("by").and_then(|by| GroupBy::from_name(by)).unwrap_or(GroupBy::Route);
    let profile = take(&instance, order)?;
    let (mut text, mut facts) = (summary::text(&profile), summary::json(&profile));
    facts["pid"] = identity(&instance)["pid"].take();
    if let Some((path, file)) = file {
        if profile.busy() == 0 {
            let what =
                format!("nothing to draw: no request ran in those {seconds} s ({} looks)", profile.ticks);
            return Err(CtlError::Refused(what));
        }
        let title = format!("uswgi {}, {seconds} s at {} looks a second", instance.pid, order.rate);
        let bytes = file.draw(&profile, by, &title).map_err(CtlError::Refused)?;
        write(path, &bytes).map_err(|source| cannot_write(path, &source))?;
        text.push_str(&format!("\nwritten to {}\n", path.display()));
        facts["file"] = json!(path);
    }
    Ok(VerbResult { text, json: facts, exit: Exit::Ok })
}

fn cannot_write(path: &Path, source: &io::Error) -> CtlError {
    CtlError::Refused(format!("cannot write {}: {source}", path.display()))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether there will be such a file.
fn can_write(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    access(folder(path), AccessFlags::W_OK | AccessFlags::X_OK).map_err(io::Error::from)
}

/// Nobody sees half of it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}", std::process::id()));
    let half = path.with_file_name(name);
    fs::write(&half, bytes).and_then(|()| fs::rename(&half, path)).inspect_err(|_| {
        let _ = fs::remove_file(&half);
    })
}
