//! Loading a configuration the way the master does: a command line and an environment in, the typed
//! settings or the reasons against them out. It starts nothing.

#![forbid(unsafe_code)]

use crate::activation;
use crate::diag::{Diagnostic, Severity};
use crate::expand::{Allow, Halt, Mode, expand};
use crate::instance::Instance;
use crate::read::source::scheme;
use crate::resolve::resolve;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use uswgi_proto::exit::{Exit, ExitWith};
use uswgi_proto::settings::Protocol;

/// A configuration that can be run.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub instance: Instance,
    /// What was said about it; no error, but for [`Lenient`].
    pub warnings: Vec<Diagnostic>,
    /// What `print` and `iprint` said.
    pub printed: String,
}

/// What a command line asks for.
#[derive(Debug, Clone)]
pub enum Invocation {
    /// Run an instance.
    Run(Box<Loaded>),
    /// Print a text (`--help`, `--version`, `--get`, `--exit`) and end.
    Print {
        /// What to print on standard output.
        text: String,
        /// How the program ends then.
        exit: ExitWith,
    },
}

/// Why there is nothing to run. Its Display is one line for each diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    /// Errors, and the warnings beside them, in order. At least one is an error.
    pub diagnostics: Vec<Diagnostic>,
    /// Exit code of a program that stops for it.
    pub exit: Exit,
    /// What is to be started instead (`fallback-config`).
    pub fallback: Option<PathBuf>,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, d) in self.diagnostics.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{d}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// Names of plain files among the sources, absolute. What is fetched, run or inherited has no place of its own.
fn files(sources: &[(String, Vec<u8>)]) -> Vec<PathBuf> {
    let plain = sources.iter().filter(|(name, _)| name != "-" && scheme(name.as_bytes()).is_none());
    plain.filter_map(|(name, _)| std::path::absolute(name).ok()).collect()
}

/// Load a configuration from the arguments after the program's name and an environment. Commands of
/// `exec://` run and `http://` is fetched: the configuration is its owner's.
pub fn load(
    args: &[OsString],
    env: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Invocation, LoadError> {
    let (loaded, errors) = match lenient(args, env)? {
        Lenient::Print { text, exit } => return Ok(Invocation::Print { text, exit }),
        Lenient::Run(loaded, errors) => (loaded, errors),
    };
    match errors {
        true => {
            let fallback = loaded.instance.startup.fallback;
            Err(LoadError { diagnostics: loaded.warnings, exit: Exit::Failed, fallback })
        }
        false => Ok(Invocation::Run(loaded)),
    }
}

/// A configuration that could be read, whether or not it can be run.
#[derive(Debug, Clone)]
pub enum Lenient {
    /// The settings as far as they are understood, with everything that was said about them; whether errors are among it.
    Run(Box<Loaded>, bool),
    /// Print a text, as [`Invocation::Print`].
    Print {
        /// What to print on standard output.
        text: String,
        /// How the program ends then.
        exit: ExitWith,
    },
}

/// As [`load`], for who only looks for one setting (where an instance is to be found): errors in others are no reason
/// to know nothing. What cannot be read at all is an error still.
pub fn lenient(
    args: &[OsString],
    env: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Lenient, LoadError> {
    let args: Vec<Vec<u8>> = args.iter().map(|a| a.clone().into_vec()).collect();
    let env: Vec<(OsString, OsString)> = env.collect();
    let held = activation::held(&env);
    let env: Vec<(Vec<u8>, Vec<u8>)> = env.into_iter().map(|(k, v)| (k.into_vec(), v.into_vec())).collect();
    let mode = Mode { allow: Allow { exec: true, fetch: true }, ..Mode::default() };
    let (expansion, result) = expand(&args, &env, mode);
    let printed = String::from_utf8_lossy(&expansion.printed).into_owned();
    match result {
        Err(Halt::Exit(text, exit)) => {
            return Ok(Lenient::Print { text: printed + &String::from_utf8_lossy(&text), exit });
        }
        Err(Halt::Error(error)) => {
            let usage = matches!(error.code, "command-line" | "unreadable");
            let exit = if usage { Exit::Usage } else { Exit::Failed };
            let mut diagnostics = expansion.warnings;
            diagnostics.push(*error);
            let given = expansion.applied.iter().rfind(|a| a.fact.name == "fallback-config");
            let fallback = given.and_then(|a| a.value.clone()).map(|v| OsString::from_vec(v).into());
            return Err(LoadError { diagnostics, exit, fallback });
        }
        Ok(()) => {}
    }
    let mut resolved = resolve(&expansion);
    if !held.is_empty() {
        resolved.diagnostics.retain(|d| d.code != "no-socket");
        let spoken =
            expansion.applied.iter().rfind(|a| matches!(a.fact.name, "protocol" | "socket-protocol"));
        let http = spoken.and_then(|a| a.value.as_deref()).is_some_and(|v| v.starts_with(b"http"));
        let protocol = if http { Protocol::Http } else { Protocol::Uwsgi };
        activation::take(&mut resolved.instance.sockets, held, protocol);
    }
    let errors = resolved.diagnostics.iter().any(|d| d.severity == Severity::Error);
    let mut instance = resolved.instance;
    instance.files = files(&expansion.files);
    let loaded = Loaded { instance, warnings: resolved.diagnostics, printed };
    Ok(Lenient::Run(Box::new(loaded), errors))
}
