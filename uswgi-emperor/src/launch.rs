//! Starting a vassal: what its process does between the Emperor and `uswgi-master`, in a program of its own.
//!
//! The Emperor execs itself with a plan, and that process goes to the vassal's directory, runs what comes before it, and becomes
//! `uswgi-master`, whose pid it keeps. So nothing here holds up the Emperor, and nothing has to be done between fork and exec.
#![forbid(unsafe_code)]

use crate::files::Found;
use crate::hooks::Hooks;
use crate::name::shown;
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
use serde::{Deserialize, Serialize};
use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use uswgi_conf::emperor::EmperorSettings;
use uswgi_keep::log;
use uswgi_keep::sys::exec;
use uswgi_proto::step::{Step, StepError};

/// The argument that makes this program a vassal.
pub const AS_VASSAL: &str = "--as-vassal";
/// The argument that makes this program run the steps beside a vassal's start, and end.
pub const AS_EMPEROR: &str = "--as-emperor";
/// In a vassal's environment: the monitor that it belongs to.
pub const EMPEROR_VARIABLE: &str = "USWGI_EMPEROR";
/// In a vassal's environment: its file, absolute.
pub const VASSAL_VARIABLE: &str = "USWGI_VASSAL";
/// In between: the plan.
const PLAN_VARIABLE: &str = "USWGI_VASSAL_PLAN";
/// What concerns the Emperor alone.
pub const EMPERORS_OWN: [&str; 7] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    PLAN_VARIABLE,
];

/// A vassal that could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A name cannot be given to a program.
    #[error("a name or variable contains a NUL byte")]
    Nul(#[from] std::ffi::NulError),
    /// The plan cannot be written.
    #[error("cannot write its plan: {0}")]
    Plan(#[from] serde_json::Error),
    /// The system refused.
    #[error("cannot start it: {0}")]
    Exec(#[from] exec::ExecError),
    /// What runs beside it does not.
    #[error("cannot run the steps beside it: {0}")]
    Beside(io::Error),
}

/// What happens before a vassal is one. Names are bytes: they need not be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    id: Vec<u8>,
    /// The first that can be run counts.
    programs: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
    directory: Option<Vec<u8>>,
    start_hook: Option<String>,
    /// What runs after it.
    steps: Vec<Step>,
    /// What the steps of the Emperor's start have set.
    variables: Vec<(String, String)>,
    /// User and group to become.
    identity: Option<(u32, u32)>,
    /// Sockets that it is given, from descriptor 3 on.
    sockets: usize,
    /// Descriptors, soft limit: the Emperor has raised its own.
    descriptors: Option<u64>,
}

/// What the Emperor knows for all vassals.
#[derive(Debug, Clone)]
pub struct Household {
    /// This program.
    pub emperor: PathBuf,
    /// `uswgi-master`.
    pub master: PathBuf,
    /// Descriptors, soft limit at the start.
    pub descriptors: Option<u64>,
    /// What the steps of the start have set, for whoever starts.
    pub variables: Vec<(String, String)>,
}

impl Household {
    /// What becomes a vassal's instance: the first that can be run (observed on uWSGI 2.0.31: in this order).
    fn programs(&self, settings: &EmperorSettings) -> Vec<Vec<u8>> {
        let bytes = |s: &String| s.as_bytes().to_vec();
        let usual = settings.wrapper.as_ref().map_or(self.master.as_os_str().as_bytes().to_vec(), bytes);
        let before = settings.wrapper_override.iter().map(bytes);
        before.chain([usual]).chain(settings.wrapper_fallback.iter().map(bytes)).collect()
    }
}

/// The arguments of a vassal's instance (observed on uWSGI 2.0.31: in this order).
fn arguments(found: &Found, settings: &EmperorSettings) -> Vec<OsString> {
    let mut all: Vec<OsString> = Vec::new();
    let mut add = |option: &str, values: &[String]| {
        for value in values {
            all.extend([OsString::from(option), value.into()]);
        }
    };
    add("--inherit", &settings.inherit_before);
    add("--include", &settings.include_before);
    add("--set", &settings.set);
    let mut after: Vec<OsString> = Vec::new();
    for (option, values) in [("--inherit", &settings.inherit), ("--include", &settings.include)] {
        after.extend(values.iter().flat_map(|value| [OsString::from(option), value.into()]));
    }
    all.extend([found.option.into(), found.argument.clone()]);
    all.extend(after);
    all
}

/// `NAME=value` of the vassal's environment: the Emperor's, without what is its own.
fn environment(found: &Found, key: &Path, address: &Path, plan: &str) -> Result<Vec<CString>, LaunchError> {
    let own = |name: &OsString| EMPERORS_OWN.iter().any(|n| name == n);
    let inherited = std::env::vars_os().filter(|(name, _)| !own(name));
    let given: [(OsString, OsString); 4] = [
        (EMPEROR_VARIABLE.into(), key.into()),
        (VASSAL_VARIABLE.into(), found.path.clone().into()),
        ("NOTIFY_SOCKET".into(), address.into()),
        (PLAN_VARIABLE.into(), plan.into()),
    ];
    let names = given.clone().map(|(name, _)| name);
    let all = inherited.filter(|(name, _)| !names.contains(name)).chain(given);
    all.map(|(name, value)| {
        let mut text = name.into_vec();
        text.push(b'=');
        text.extend(value.into_vec());
        Ok(CString::new(text)?)
    })
    .collect()
}

/// Start a vassal; the pid is that of its instance's master. `descriptors` are its sockets, from 3 on.
pub fn launch(
    found: &Found,
    settings: &EmperorSettings,
    house: &Household,
    claim: (&Path, &Path),
    descriptors: &[BorrowedFd<'_>],
) -> Result<i32, LaunchError> {
    let bytes = |s: &std::ffi::OsStr| s.as_bytes().to_vec();
    let plan = Plan {
        id: bytes(&found.id),
        programs: house.programs(settings),
        arguments: arguments(found, settings).iter().map(|a| bytes(a)).collect(),
        directory: found.directory.as_ref().map(|d| bytes(d.as_os_str())),
        start_hook: settings.start_hook.clone(),
        steps: settings.as_vassal.clone(),
        variables: house.variables.clone(),
        identity: found.owner.map(|o| (o.uid, o.gid)),
        sockets: descriptors.len(),
        descriptors: house.descriptors,
    };
    let plan = serde_json::to_string(&plan)?;
    let program = CString::new(house.emperor.as_os_str().as_bytes())?;
    let arguments = [program.clone(), CString::new(AS_VASSAL)?, CString::new(found.id.as_bytes())?];
    Ok(exec::spawn(&exec::Launch {
        program: &program,
        arguments: &arguments,
        environment: &environment(found, claim.0, claim.1, &plan)?,
        descriptors,
        output: None,
        limits: &[],
        blocked: &[],
        boost: 0,
    })?)
}

/// What runs beside the start of a vassal, with what it is told (observed on uWSGI 2.0.31: these four variables).
#[derive(Debug, Serialize, Deserialize)]
struct Beside {
    steps: Vec<Step>,
    variables: Vec<(String, String)>,
}

/// Run the steps of `exec-as-emperor` and `hook-as-emperor` in a process beside; nobody waits for it.
pub fn run_beside(
    found: &Found,
    pid: i32,
    settings: &EmperorSettings,
    house: &Household,
) -> Result<(), LaunchError> {
    let (uid, gid) = found.owner.map_or((nix::unistd::geteuid(), nix::unistd::getegid()), |o| {
        (Uid::from_raw(o.uid), Gid::from_raw(o.gid))
    });
    let plan = Beside { steps: settings.as_emperor.clone(), variables: house.variables.clone() };
    let mut command = Command::new(&house.emperor);
    command.arg(AS_EMPEROR).arg(&found.id).stdin(std::process::Stdio::null());
    EMPERORS_OWN.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.env("UWSGI_VASSAL_CONFIG", &found.argument).env("UWSGI_VASSAL_PID", pid.to_string());
    command.env("UWSGI_VASSAL_UID", uid.to_string()).env("UWSGI_VASSAL_GID", gid.to_string());
    command.env(PLAN_VARIABLE, serde_json::to_string(&plan)?);
    if let Some(dir) = &found.directory {
        command.current_dir(dir);
    }
    // Reaped with everybody else's.
    command.spawn().map(drop).map_err(LaunchError::Beside)
}

/// In that process: all of them.
pub fn as_emperor() {
    let plan = std::env::var(PLAN_VARIABLE).ok().and_then(|text| serde_json::from_str::<Beside>(&text).ok());
    if let Some(plan) = plan {
        Hooks::beside(plan.variables).run_all(&plan.steps);
    }
}

/// What goes wrong on the way.
#[derive(Debug, thiserror::Error)]
pub enum BecomeError {
    /// Somebody has called this program so by hand.
    #[error("{AS_VASSAL} is for the emperor alone")]
    NoPlan,
    /// The system refused.
    #[error("vassal {id}: {what}: {source}")]
    System {
        /// Which vassal.
        id: String,
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A step has failed.
    #[error("vassal {id}: {source}")]
    Step {
        /// Which vassal.
        id: String,
        /// Which step, and how.
        source: StepError,
    },
}

/// In the vassal's process: what the plan says, and become its instance. Returns only when that fails.
pub fn become_vassal() -> BecomeError {
    let plan = std::env::var(PLAN_VARIABLE).ok().and_then(|text| serde_json::from_str::<Plan>(&text).ok());
    match plan {
        Some(plan) => {
            let Err(error) = follow(plan);
            error
        }
        None => BecomeError::NoPlan,
    }
}

fn follow(plan: Plan) -> Result<std::convert::Infallible, BecomeError> {
    let path = |bytes: Vec<u8>| PathBuf::from(OsString::from_vec(bytes));
    let id = OsString::from_vec(plan.id);
    let failed = |what: String| {
        let id = shown(&id);
        move |source: io::Error| BecomeError::System { id, what, source }
    };
    // The terminal's signals are for the Emperor, who tells its vassals by itself.
    nix::unistd::setsid().map_err(|e| failed("setsid".into())(e.into()))?;
    let directory = plan.directory.map(path);
    if let Some(dir) = &directory {
        std::env::set_current_dir(dir).map_err(failed(format!("its directory {}", dir.display())))?;
    }
    if let Some(soft) = plan.descriptors
        && let Ok((_, hard)) = nix::sys::resource::getrlimit(Resource::RLIMIT_NOFILE)
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft, hard);
    }
    if let Some((uid, gid)) = plan.identity {
        // Without any group of root; as on uWSGI without those of the user too.
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        let become_it = setgroups(&[]).and_then(|()| setgid(gid)).and_then(|()| setuid(uid));
        become_it.map_err(|e| failed(format!("becoming uid {uid} gid {gid}"))(e.into()))?;
    }
    if let Some(hook) = &plan.start_hook {
        run_hook("vassals-start-hook", hook, &id, directory.as_deref());
    }
    let mut hooks = Hooks::beside(plan.variables);
    if let Some(dir) = directory.as_ref().filter(|_| !plan.steps.is_empty()) {
        // As a hook has it, and as on uWSGI every later program too.
        hooks.variables.push(("UWSGI_VASSALS_DIR".into(), dir.display().to_string()));
    }
    hooks.run(&plan.steps).map_err(|source| BecomeError::Step { id: shown(&id), source })?;
    let arguments: Vec<OsString> = plan.arguments.into_iter().map(OsString::from_vec).collect();
    let mut programs = plan.programs.into_iter().map(path).peekable();
    while let Some(program) = programs.next() {
        let mut command = Command::new(&program);
        command.args(&arguments).env_remove(PLAN_VARIABLE).envs(hooks.variables.iter().cloned());
        if plan.sockets > 0 {
            command.env("LISTEN_FDS", plan.sockets.to_string());
            command.env("LISTEN_PID", std::process::id().to_string());
        }
        let error = command.exec();
        let error = failed(format!("{}", program.display()))(error);
        if programs.peek().is_none() {
            return Err(error);
        }
        log::line(error);
    }
    Err(failed("no program".into())(io::ErrorKind::NotFound.into()))
}

/// The command of a hook for a vassal (observed on uWSGI 2.0.31: a program, no shell, with the vassal's name as the only argument, and
/// UWSGI_VASSALS_DIR in its environment).
pub fn hook(program: &str, id: &std::ffi::OsStr, directory: Option<&Path>) -> Command {
    let mut command = Command::new(program);
    command.arg(id).env_remove(PLAN_VARIABLE).env_remove("NOTIFY_SOCKET");
    if let Some(dir) = directory {
        command.env("UWSGI_VASSALS_DIR", dir).current_dir(dir);
    }
    command
}

/// Run it to its end; a failure is said, and changes nothing, as on uWSGI.
fn run_hook(option: &str, program: &str, id: &std::ffi::OsStr, directory: Option<&Path>) {
    let said = match hook(program, id, directory).status() {
        Ok(status) if status.success() => return,
        Ok(status) => status.to_string(),
        Err(e) => format!("{e}; it is one program, no shell command"),
    };
    log::line(format_args!("vassal {}: {option} = {program}: {said}", shown(id)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tests::found;

    #[test]
    fn arguments_stand_in_uwsgis_order() {
        let one = |text: &str| vec![text.to_string()];
        let settings = EmperorSettings {
            include: one("inc.ini"),
            include_before: one("/x/incb.ini"),
            inherit: one("inh.ini"),
            inherit_before: one("/x/inhb.ini"),
            set: vec!["x=y".into(), "processes=2".into()],
            ..EmperorSettings::default()
        };
        let said: Vec<String> =
            arguments(&found("a.ini", 1, 1), &settings).iter().map(|a| a.display().to_string()).collect();
        let expected = "--inherit /x/inhb.ini --include /x/incb.ini --set x=y --set processes=2 --ini a.ini --inherit inh.ini --include inc.ini";
        assert_eq!(said.join(" "), expected);
    }
}
