//! Which instance is meant: `--pidfile`, `--pid`, `--ini`, `USWGI_PIDFILE`, or the only one that
//! runs. It looks and never signals.

use crate::error::CtlError;
use clap::ArgMatches;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use uswgi_conf::Lenient;
use uswgi_conf::jail::Jail;
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::scoreboard::SCOREBOARD_FD;

/// How an instance is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By its pidfile.
    Pidfile(PathBuf),
    /// By its master's pid.
    Pid(i32),
    /// By being the only one.
    Only,
}

impl Target {
    /// From the options of a verb, then the environment.
    pub fn from_options(options: &ArgMatches) -> Result<Target, CtlError> {
        if let Some(pid) = options.get_one::<i32>("pid") {
            return Ok(Target::Pid(*pid));
        }
        if let Some(path) = options.get_one::<PathBuf>("pidfile") {
            return Ok(Target::Pidfile(path.clone()));
        }
        if let Some(file) = options.get_one::<PathBuf>("ini") {
            return pidfile_of(file).map(Target::Pidfile);
        }
        Ok(match std::env::var_os("USWGI_PIDFILE") {
            Some(path) if !path.is_empty() => Target::Pidfile(path.into()),
            _ => Target::Only,
        })
    }

    /// The instance as it is now.
    pub fn open(&self) -> Result<RunningInstance, CtlError> {
        match self {
            Target::Pidfile(path) => Ok(RunningInstance::from_pidfile(path)?),
            Target::Pid(pid) => Ok(RunningInstance::from_pid(*pid)?),
            Target::Only => {
                let mut all = running();
                match all.len() {
                    0 => Err(CtlError::NoInstance),
                    1 => Ok(all.remove(0)),
                    _ => Err(CtlError::SeveralInstances(all.iter().map(|i| i.pid).collect())),
                }
            }
        }
    }
}

/// The pidfile that a configuration names; a relative one counts from the current directory, as it
/// does when the master is started here. An error elsewhere in the file is none here: the instance that was started
/// before it came in has to be found, asked and stopped.
fn pidfile_of(file: &Path) -> Result<PathBuf, CtlError> {
    let shown = file.display();
    let args = ["--ini".into(), file.as_os_str().to_owned()];
    let (loaded, errors) = match uswgi_conf::lenient(&args, std::env::vars_os()) {
        Ok(Lenient::Run(loaded, errors)) => (*loaded, errors),
        Ok(Lenient::Print { .. }) => return Err(CtlError::Config(format!("{shown} describes no instance"))),
        Err(error) => return Err(CtlError::Config(error.to_string())),
    };
    let i = loaded.instance;
    let jail = i.chroot.and_then(|root| {
        Some(Jail { root: fs::canonicalize(&root).ok()?, written: root, start: "/".into() })
    });
    // Of those in a jail the name of outside.
    let inner = [i.pidfile2, i.safe_pidfile, i.safe_pidfile2]
        .map(|p| p.map(|p| jail.as_ref().map_or(p.clone(), |j| j.outside(&p))));
    let named: Vec<PathBuf> = std::iter::once(i.pidfile).chain(inner).flatten().collect();
    let found = named.iter().find(|path| path.exists()).or(named.first());
    found.cloned().ok_or_else(|| {
        // It may be the error that keeps it from being understood.
        let said: String =
            if errors { loaded.warnings.iter().map(|d| format!("{d}\n")).collect() } else { String::new() };
        CtlError::Config(format!("{said}{shown} sets no pidfile; add one, or use --pid"))
    })
}

/// All instances of this user (of all users, for root), by pid. Processes that we may not look at
/// are passed over.
pub fn running() -> Vec<RunningInstance> {
    let me = nix::unistd::geteuid();
    // By scoreboard: a child forked in the first moment of a master has its descriptor and may have
    // its start time, and must not count as another instance.
    let mut by_board: BTreeMap<u64, RunningInstance> = BTreeMap::new();
    for pid in pids() {
        let link = format!("/proc/{pid}/fd/{SCOREBOARD_FD}");
        let ours = me.is_root() || fs::metadata(format!("/proc/{pid}")).is_ok_and(|m| m.uid() == me.as_raw());
        if !ours || !fs::read_link(&link).is_ok_and(|to| to.starts_with("/memfd:uswgi-scoreboard (deleted)"))
        {
            continue;
        }
        let (Ok(inode), Ok(found)) = (fs::metadata(&link).map(|m| m.ino()), RunningInstance::from_pid(pid))
        else {
            continue;
        };
        let is_master = found.board.header().master_pid.load(Ordering::Relaxed) == pid;
        if is_master || !by_board.contains_key(&inode) {
            by_board.insert(inode, found);
        }
    }
    let mut all: Vec<RunningInstance> = by_board.into_values().collect();
    all.sort_by_key(|i| i.pid);
    all
}

fn pids() -> Vec<i32> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<i32> = names.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}
