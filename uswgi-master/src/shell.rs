//! Shell commands and variables of an instance: what daemons, jobs of the clock, steps and workers start with.
#![forbid(unsafe_code)]

use crate::launcher::LAUNCHER_OVERRIDE;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{Command, Stdio};
use uswgi_conf::instance::Instance;

/// Variables that are about the master alone: a worker must not answer systemd for it.
const MASTER_ONLY: [&str; 6] =
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDNAMES", LAUNCHER_OVERRIDE];

/// Our environment with `env` and `unenv` applied: that of the application.
pub(crate) fn variables(i: &Instance) -> BTreeMap<OsString, OsString> {
    let mut all: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
    for name in MASTER_ONLY {
        all.remove(OsString::from(name).as_os_str());
    }
    for (name, value) in &i.env {
        match value {
            Some(value) => all.insert(name.into(), value.into()),
            None => all.remove(OsString::from(name).as_os_str()),
        };
    }
    all
}

/// `/bin/sh -c` in the directory and with the variables of the application.
pub(crate) fn shell(i: &Instance, command: &str) -> Command {
    let mut c = Command::new("/bin/sh");
    c.arg("-c").arg(command).env_clear().envs(variables(i)).stdin(Stdio::null());
    if let Some(dir) = &i.app.chdir {
        c.current_dir(dir);
    }
    c
}
