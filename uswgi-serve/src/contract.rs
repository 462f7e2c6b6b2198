//! The contract with the master, as it comes through the exec: settings, sockets and shared memory, by descriptors
//! that the environment names. Taken once, before anything else runs.

use crate::control::Control;
use crate::messages::Queues;
use crate::{log, sys};
use std::env;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use uswgi_proto::app_signals::SignalGroup;
use uswgi_proto::background::MessageQueue;
use uswgi_proto::scoreboard::Scoreboard;
use uswgi_proto::settings::{SETTINGS_VERSION, WorkerSettings, env as contract};
use uswgi_shared::Shared;

/// What came through the exec.
pub struct Inherited {
    /// What the configuration says, for this process.
    pub settings: WorkerSettings,
    /// ListenSocket sockets, in the order of the settings.
    pub listeners: Vec<OwnedFd>,
    /// The way to the master; None: the worker is alone.
    pub control: Option<Control>,
    /// Where it is shown what this process does.
    pub board: Option<Arc<Scoreboard>>,
    /// Locks and caches.
    pub shared: Option<Arc<Shared>>,
    /// Messages for mules, in the order of `BesideRequests::queues`.
    pub queues: Queues,
    /// Signals of the application for any worker: the receiving end of their queue.
    pub signals: Option<OwnedFd>,
    /// Sending and receiving end.
    pub handover: Option<(OwnedFd, OwnedFd)>,
    /// What made the launcher take this interpreter.
    pub python_by: Option<String>,
}

/// Takes a variable out of the environment: the application and its children never see the contract.
fn take_variable(name: &str) -> Option<String> {
    let value = env::var(name).ok();
    // SAFETY: called before any thread is started and with the GIL held, so nobody reads environ now.
    unsafe { env::remove_var(name) };
    value
}

fn descriptor(name: &str) -> Result<Option<OwnedFd>, String> {
    let Some(text) = take_variable(name) else { return Ok(None) };
    let number = text.parse().map_err(|_| format!("{name}={text} is no descriptor"))?;
    sys::inherit(number).map(Some).ok_or_else(|| format!("{name}={text}: no such descriptor is open"))
}

/// The settings of a master of this version; another one runs after an upgrade that it was not restarted for.
fn settings_in(text: &str) -> Result<WorkerSettings, String> {
    let any: serde_json::Value =
        serde_json::from_str(text).map_err(|e| format!("the settings cannot be read: {e}"))?;
    let version = any["version"].as_u64().ok_or("the settings have no version")?;
    if version != u64::from(SETTINGS_VERSION) {
        return Err(format!(
            "the settings have version {version}, this module reads {SETTINGS_VERSION}: uswgi was upgraded below \
             this instance; restart it"
        ));
    }
    serde_json::from_value(any).map_err(|e| format!("the settings cannot be read: {e}"))
}

/// Everything that the master gave; an error says what is missing.
pub fn inherit() -> Result<Inherited, String> {
    if let Some(said) = take_variable(contract::LOG) {
        log::adopt(&said);
    }
    let settings = descriptor(contract::SETTINGS_FD)?.ok_or_else(|| {
        format!("{} is not set; start the application with uswgi-master", contract::SETTINGS_FD)
    })?;
    let mut text = String::new();
    File::from(settings).read_to_string(&mut text).map_err(|e| format!("cannot read the settings: {e}"))?;
    let settings = settings_in(&text)?;
    let count: i32 = take_variable(contract::LISTEN_FDS).and_then(|n| n.parse().ok()).unwrap_or(0);
    take_variable(contract::LISTEN_PID);
    take_variable("LISTEN_FDNAMES");
    if count as usize != settings.listeners.len() {
        return Err(format!(
            "{} sockets were inherited, the settings name {}",
            count,
            settings.listeners.len()
        ));
    }
    let listeners = (3..3 + count)
        .map(|fd| sys::inherit(fd).ok_or_else(|| format!("socket {fd} was not inherited")))
        .collect::<Result<Vec<_>, _>>()?;
    let control = descriptor(contract::CONTROL_FD)?.map(Control::new);
    let board = match descriptor(contract::SCOREBOARD_FD)? {
        Some(fd) => Some(Arc::new(Scoreboard::adopt(fd.as_fd()).map_err(|e| e.to_string())?)),
        None => None,
    };
    let shared = match descriptor(contract::SHARED_FD)? {
        Some(fd) => Some(Arc::new(Shared::adopt(fd.as_fd()).map_err(|e| e.to_string())?)),
        None => None,
    };
    let handover = match take_variable(contract::HANDOVER_FDS) {
        Some(text) => {
            let pair = text.split_once(',').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
            let (send, receive) =
                pair.ok_or_else(|| format!("{}={text} is no pair", contract::HANDOVER_FDS))?;
            sys::inherit(send).zip(sys::inherit(receive))
        }
        None => None,
    };
    let python_by = take_variable(contract::PYTHON_BY);
    let queues = match take_variable(contract::QUEUE_FDS) {
        Some(text) => inherit_queues(&settings, &text)
            .ok_or_else(|| format!("{}={text}: queues are missing", contract::QUEUE_FDS))?,
        None => Queues::default(),
    };
    let signals = queues.receiving(&MessageQueue::Signals(SignalGroup::Workers));
    let signals = signals.and_then(|fd| fd.try_clone_to_owned().ok());
    Ok(Inherited { settings, listeners, control, board, shared, queues, signals, handover, python_by })
}

fn inherit_queues(settings: &WorkerSettings, first: &str) -> Option<Queues> {
    let first: i32 = first.parse().ok()?;
    let names = settings.background.queues();
    let pair = |i: i32| sys::inherit(first + 2 * i).zip(sys::inherit(first + 2 * i + 1));
    let pairs: Option<Vec<_>> = (0..names.len() as i32).map(pair).collect();
    Some(Queues::new(names, pairs?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_proto::settings::Role;

    #[test]
    fn a_master_of_another_version_is_told_what_to_do() {
        let mine = serde_json::to_value(WorkerSettings::alone(Role::Worker)).unwrap();
        assert!(settings_in(&mine.to_string()).is_ok());
        // Whatever else that version has or lacks.
        let error = settings_in("{\"version\": 999, \"new\": {}}").unwrap_err();
        assert!(error.contains("have version 999") && error.contains("restart it"), "{error}");
        assert!(settings_in("{}").unwrap_err().contains("no version"));
    }
}
