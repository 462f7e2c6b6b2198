//! Which spool folders are meant: `--folder`, those of the running instance, or those of a configuration whose instance
//! does not run.

use crate::error::CtlError;
use crate::steer;
use crate::target::Target;
use clap::ArgMatches;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use uswgi_conf::Lenient;
use uswgi_conf::jail::Jail;
use uswgi_proto::instance::RunningInstance;

/// Spool folders, and who works on them.
pub(super) struct Folders {
    /// Master of the instance whose folders they are; none: it does not run, or nobody was asked.
    pub pid: Option<i32>,
    /// Where they are, as seen from here.
    pub roots: Vec<PathBuf>,
    /// Whether numeric folders below them hold tasks too.
    pub ordered: bool,
}

/// From the options of the verb.
pub(super) fn meant(options: &ArgMatches) -> Result<Folders, CtlError> {
    let given: Vec<PathBuf> = options.get_many::<PathBuf>("folder").into_iter().flatten().cloned().collect();
    if !given.is_empty() {
        // Whoever works on them may look into numeric folders.
        return Ok(Folders { pid: None, roots: given, ordered: true });
    }
    let down = match Target::from_options(options).and_then(|target| target.open()) {
        Ok(instance) => return running(&instance),
        Err(error) => error,
    };
    match options.get_one::<PathBuf>("ini") {
        Some(file) if down.is_not_running() || matches!(down, CtlError::Config(_)) => configured(file),
        _ if down.is_not_running() => {
            let help = "; for the tasks of one that does not run name its configuration with --ini, or a folder with --folder";
            Err(CtlError::Refused(format!("{down}{help}")))
        }
        _ => Err(down),
    }
}

fn none(whose: &str) -> CtlError {
    CtlError::Refused(format!("{whose} has no spooler; name a folder with --folder"))
}

fn running(instance: &RunningInstance) -> Result<Folders, CtlError> {
    let settings = steer::config(instance, steer::PATIENCE)?.settings;
    let folders = settings.iter().filter(|s| matches!(s.name.as_str(), "spooler" | "spooler-external"));
    let roots: Vec<PathBuf> = folders.map(|s| seen_from_here(instance.pid, Path::new(&s.value))).collect();
    if roots.is_empty() {
        return Err(none(&format!("the instance (pid {})", instance.pid)));
    }
    let ordered = settings.iter().any(|s| s.name == "spooler-ordered" && s.value == "true");
    Ok(Folders { pid: Some(instance.pid), roots, ordered })
}

/// A folder of an instance that may live in a jail or in a container.
fn seen_from_here(pid: i32, path: &Path) -> PathBuf {
    let there = PathBuf::from(format!("/proc/{pid}/root")).join(path.strip_prefix("/").unwrap_or(path));
    let id = |p: &Path| fs::metadata(p).ok().map(|m| (m.dev(), m.ino()));
    match id(&there) {
        Some(found) if id(path) != Some(found) => there,
        _ => path.to_path_buf(),
    }
}

fn configured(file: &Path) -> Result<Folders, CtlError> {
    let args = ["--ini".into(), file.as_os_str().to_owned()];
    let loaded = match uswgi_conf::lenient(&args, std::env::vars_os()) {
        Ok(Lenient::Run(loaded, _)) => *loaded,
        Ok(Lenient::Print { .. }) => {
            return Err(CtlError::Config(format!("{} describes no instance", file.display())));
        }
        Err(error) => return Err(CtlError::Config(error.to_string())),
    };
    let i = loaded.instance;
    let jail = i.chroot.as_ref().and_then(|root| {
        Some(Jail { root: fs::canonicalize(root).ok()?, written: root.clone(), start: "/".into() })
    });
    let outside = |p: &PathBuf| jail.as_ref().map_or_else(|| p.clone(), |j| j.outside(p));
    let roots: Vec<PathBuf> = i.background.folders.iter().map(|f| outside(&f.path)).collect();
    match roots.is_empty() {
        true => Err(none(&file.display().to_string())),
        false => Ok(Folders { pid: None, roots, ordered: i.background.spool.ordered }),
    }
}
