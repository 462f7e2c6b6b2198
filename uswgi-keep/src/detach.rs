//! Detaching from the terminal and the session of the launching command (`daemonize`), which waits and learns how the start went.
#![forbid(unsafe_code)]

use crate::log::{self, LogError};
use crate::logs::file::{FileSpec, LogFile};
use crate::sys;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::Path;
use uswgi_proto::exit::Exit;

fn open(path: &Path) -> Result<LogFile, LogError> {
    let spec = FileSpec { path: path.into(), ..FileSpec::default() };
    LogFile::open(spec).map_err(|source| LogError::Open { path: path.into(), source })
}

/// The end of the pipe to the launching command that a detached process holds: how the start went.
pub struct StartReport(File);

impl StartReport {
    /// The start has succeeded ([`Exit::Ok`]) or failed, with the reason: the launching command ends in the same way.
    pub fn release(mut self, exit: Exit, reason: &str) {
        let _ = self.0.write_all(&[exit as u8]);
        let _ = self.0.write_all(reason.as_bytes());
    }
}

/// What [`daemonize`] returns to whom.
pub enum Detached {
    /// The launching command: it ends like this.
    Launching(Exit),
    /// The process that goes on: detached, its output in the file.
    GoesOn(StartReport),
}

/// Detach: a new session, output to the file, stdin from /dev/null. The launching command waits for
/// [`StartReport::release`], and shows what was logged meanwhile when the start failed. Only for a process with one thread.
pub fn daemonize(path: &Path) -> Result<Detached, LogError> {
    let detach = |what| move |source: std::io::Error| LogError::Detach { what, source };
    let file = open(path)?;
    let before =
        file.file().metadata().map(|m| if m.is_file() { Some(m.len()) } else { None }).unwrap_or(None);
    let (reader, writer) =
        nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(|e| detach("pipe")(e.into()))?;
    match sys::fork_single_threaded().map_err(detach("fork"))? {
        sys::Side::Parent(child) => {
            drop(writer);
            // The intermediate process; the one that goes on is not our child.
            let _ = nix::sys::wait::waitpid(child, None);
            Ok(Detached::Launching(wait_for_start(File::from(reader), path, before)))
        }
        sys::Side::Child => {
            drop(reader);
            nix::unistd::setsid().map_err(|e| detach("setsid")(e.into()))?;
            match sys::fork_single_threaded().map_err(detach("fork"))? {
                sys::Side::Parent(_) => std::process::exit(Exit::Ok.code()),
                sys::Side::Child => {}
            }
            let null = File::open("/dev/null").map_err(detach("opening /dev/null"))?;
            sys::place_standard(null.as_fd(), 0).map_err(detach("redirecting input"))?;
            log::redirect(file.file())?;
            Ok(Detached::GoesOn(StartReport(File::from(writer))))
        }
    }
}

/// In the launching command: how it ends, after the reason of a failure was shown.
fn wait_for_start(mut pipe: File, path: &Path, before: Option<u64>) -> Exit {
    let mut said = Vec::new();
    let _ = pipe.read_to_end(&mut said);
    let (exit, reason) = match said.split_first() {
        Some((&code, reason)) => {
            let exit = Exit::from_code(code.into()).unwrap_or(Exit::Failed);
            (exit, String::from_utf8_lossy(reason).into_owned())
        }
        None => (Exit::Failed, format!("the {} ended while it started", log::role())),
    };
    if exit == Exit::Ok {
        return exit;
    }
    let logged = before.and_then(|from| tail(path, from)).filter(|text| !text.is_empty());
    let text = logged.unwrap_or_else(|| format!("{}: {reason}\n", log::name()).into_bytes());
    let _ = std::io::stderr().write_all(&text);
    exit
}

/// What was added to a file since, at most its last 64 KiB.
fn tail(path: &Path, from: u64) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let end = file.metadata().ok()?.len();
    let from = from.max(end.saturating_sub(64 * 1024));
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut text = Vec::new();
    file.take(64 * 1024).read_to_end(&mut text).ok()?;
    Some(text)
}
