//! The commands of uWSGI's command line that start nothing: `--reload PIDFILE`, `--connect-and-read ADDRESS` and so on.
//! Pure: which one a command line asks for; the master carries it out.

#![forbid(unsafe_code)]

use crate::read::argv::{Argv, Item};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CliAction {
    /// Reload the instance of a pidfile.
    Reload(PathBuf),
    /// Stop it.
    Stop(PathBuf),
    /// It accepts no connections.
    Pause(PathBuf),
    /// It accepts again.
    Resume(PathBuf),
    /// Connect to an address, and print what is sent up to the end.
    ConnectAndRead(String),
    /// Raise a signal of the application of an instance: `ADDRESS,NUMBER`.
    Signal(String),
    /// Print the version of the Python that would run.
    PythonVersion {
        /// `home` before it on the command line.
        home: Option<PathBuf>,
    },
    /// Print a file, or what another source of configurations gives.
    Extract(Vec<u8>),
}

/// Whether an option is a command, which has no place in a file.
pub fn is_action(name: &str) -> bool {
    matches!(
        name,
        "reload"
            | "stop"
            | "pause"
            | "suspend"
            | "resume"
            | "connect-and-read"
            | "signal"
            | "python-version"
            | "extract"
    )
}

/// The first command of a command line (without the program's name): nothing of the rest counts, as on uWSGI. None too
/// where the command line makes no sense before it.
pub fn action(args: &[OsString]) -> Option<CliAction> {
    let args: Vec<Vec<u8>> = args.iter().map(|a| a.as_bytes().to_vec()).collect();
    let mut argv = Argv::new(&args, true);
    let mut home = None;
    while let Ok(Some(Item::Option(name, value))) = argv.step(&[]) {
        let value = value.unwrap_or_default();
        let path = || PathBuf::from(OsString::from_vec(value.clone()));
        match name.as_slice() {
            b"reload" => return Some(CliAction::Reload(path())),
            b"stop" => return Some(CliAction::Stop(path())),
            b"pause" | b"suspend" => return Some(CliAction::Pause(path())),
            b"resume" => return Some(CliAction::Resume(path())),
            b"connect-and-read" => {
                return Some(CliAction::ConnectAndRead(String::from_utf8_lossy(&value).into()));
            }
            b"signal" => return Some(CliAction::Signal(String::from_utf8_lossy(&value).into())),
            b"python-version" => return Some(CliAction::PythonVersion { home }),
            b"extract" => return Some(CliAction::Extract(value)),
            b"help" | b"usage" | b"version" => return None,
            b"home" | b"virtualenv" | b"venv" | b"pyhome" => home = Some(path()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Option<CliAction> {
        action(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_command_counts_and_nothing_else() {
        assert_eq!(of(&["--reload", "/run/a.pid"]), Some(CliAction::Reload("/run/a.pid".into())));
        assert_eq!(of(&["--stop=a.pid", "--reload", "b"]), Some(CliAction::Stop("a.pid".into())));
        assert_eq!(of(&["--pause", "a", "--ini", "no-such-file"]), Some(CliAction::Pause("a".into())));
        assert_eq!(of(&["--suspend", "a"]), Some(CliAction::Pause("a".into())));
        assert_eq!(of(&["--resume", "a"]), Some(CliAction::Resume("a".into())));
        assert_eq!(of(&["--connect-and-read", ":1717"]), Some(CliAction::ConnectAndRead(":1717".into())));
        assert_eq!(of(&["--signal", ":1717,9"]), Some(CliAction::Signal(":1717,9".into())));
        assert_eq!(
            of(&["-H", "/venv", "--python-version"]),
            Some(CliAction::PythonVersion { home: Some("/venv".into()) })
        );
        assert_eq!(of(&["--extract", "a.ini"]), Some(CliAction::Extract(b"a.ini".to_vec())));
    }

    #[test]
    fn what_is_no_command_starts_an_instance_or_fails_there() {
        for words in
            [&["--ini", "a.ini"][..], &["--reload"], &["--no-such", "--reload", "x"], &["a.ini"], &[]]
        {
            assert_eq!(of(words), None, "{words:?}");
        }
        assert_eq!(of(&["--help", "--stop", "x"]), None);
        // What stands behind an option that takes a value is its value.
        assert_eq!(of(&["--touch-reload", "--stop"]), None);
        assert_eq!(of(&["--", "--stop", "x"]), None);
    }

    #[test]
    fn every_command_is_in_the_table() {
        for row in crate::options::rows().filter(|r| is_action(r.fact.name)) {
            assert_eq!(row.status, crate::options::Status::Supported, "{}", row.fact.name);
        }
    }
}
