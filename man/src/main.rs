//! Makes `man/*.{1,5,7,8}`, `completions/*`, the table of `docs/MIGRATING.md` and the file map of
//! `docs/ARCHITECTURE.md` from the option table, the signal table, the exit codes, the clap commands and the modules. With `--check` it writes nothing and fails when a file differs from what it would write.
//!
//! What a person has to say stands in the modules of the pages; what a table knows is never typed twice.
#![forbid(unsafe_code)]

mod commands;
mod completions;
mod emperor;
mod file_map;
mod ini;
mod mdoc;
mod migrating;
mod programs;
mod topics;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn files(root: &Path) -> Vec<(PathBuf, String)> {
    let pages = [
        ("uswgi-master.8", programs::master()),
        ("uswgi-worker.8", programs::worker()),
        ("uswgi-emperor.8", emperor::page()),
        ("uswgi-ctl.1", commands::ctl()),
        ("uswgi-conf.1", commands::conf()),
        ("uswgi.ini.5", ini::page()),
        ("uswgi-protocol.7", topics::protocol()),
        ("uswgi-signals.7", topics::signals()),
    ];
    let mut all: Vec<_> =
        pages.into_iter().map(|(name, text)| (PathBuf::from("man").join(name), text)).collect();
    all.extend(
        completions::all().into_iter().map(|(name, text)| (PathBuf::from("completions").join(name), text)),
    );
    all.extend(migrating::document(root).map(|text| (PathBuf::from("docs/MIGRATING.md"), text)));
    all.extend(file_map::document(root).map(|text| (PathBuf::from("docs/ARCHITECTURE.md"), text)));
    all
}

fn main() -> ExitCode {
    let check = std::env::args().nth(1).as_deref() == Some("--check");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut stale = 0;
    for (name, text) in files(&root) {
        let path = root.join(&name);
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        stale += 1;
        if check {
            eprintln!("stale: {} is not what `cargo run -p uswgi-man` makes", name.display());
        } else if let Err(e) =
            path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text))
        {
            eprintln!("uswgi-man: cannot write {}: {e}", name.display());
            return ExitCode::FAILURE;
        }
    }
    if check && stale > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
