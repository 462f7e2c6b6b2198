//! Work beside requests, as numbers and paths: spoolers, mules, farms.
//!
//! An *aide* is a process beside the workers that has the application and serves no request: a spooler or a mule.
//! `uswgi-conf` makes this of the configuration; master, workers and aides obey it.

use crate::app_signals::SignalGroup;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Most aides of an instance: places in the scoreboard.
pub const MOST_AIDES: usize = 64;

/// What an aide does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AideKind {
    /// It runs the tasks of a spool folder.
    Spooler,
    /// It runs a script, or waits for messages.
    Mule,
}

/// One aide: its kind, and its number within it, from 1. No two processes at a time have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Aide {
    /// What it does.
    pub kind: AideKind,
    /// From 1.
    pub number: u32,
}

impl std::fmt::Display for Aide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            AideKind::Spooler => "spooler",
            AideKind::Mule => "mule",
        };
        write!(f, "{kind} {}", self.number)
    }
}

/// A spool folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolFolder {
    /// Absolute once the instance has started.
    pub path: PathBuf,
    /// Its tasks are run elsewhere (`spooler-external`).
    pub external: bool,
}

/// How tasks are run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolRules {
    /// Processes for each folder (`spooler-processes`).
    pub processes: u32,
    /// Seconds between two looks at a folder (`spooler-frequency`).
    pub frequency: u32,
    /// Tasks after which a process makes room for another one; 0: never (`spooler-max-tasks`).
    pub max_tasks: u32,
    /// Numeric folders below count, lower numbers first (`spooler-ordered`).
    pub ordered: bool,
    /// Seconds a task may run; 0: for ever (`spooler-harakiri`).
    pub harakiri: u32,
    /// Directory of the processes instead of their folder (`spooler-chdir`).
    pub chdir: Option<PathBuf>,
    /// Modules that the processes import (`spooler-import`).
    pub imports: Vec<String>,
    /// No line for each task (`spooler-quiet`).
    pub quiet: bool,
    /// A task is on disk before it counts as accepted (`spooler-fsync`).
    pub fsync: bool,
    /// Processes that a task may end before it is put aside; 0: any number (`spooler-max-attempts`).
    pub max_attempts: u32,
    /// Seconds before a task runs again that asked for it, doubled with each time; 0: at the next look
    /// (`spooler-retry-delay`).
    pub retry_delay: u32,
    /// Peers whose tasks are taken from the network (modifier1 17), as [`crate::trust::Trust::parse`] reads them, with
    /// commas between (`spooler-allow-ips`).
    pub allow: String,
}

impl Default for SpoolRules {
    fn default() -> Self {
        SpoolRules {
            processes: 1,
            frequency: 30,
            max_tasks: 0,
            ordered: false,
            harakiri: 0,
            chdir: None,
            imports: Vec::new(),
            quiet: false,
            fsync: true,
            max_attempts: 3,
            retry_delay: 0,
            allow: "unix,loopback".into(),
        }
    }
}

/// Mules that share a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Farm {
    /// Its name.
    pub name: String,
    /// Numbers of its mules.
    pub mules: Vec<u32>,
}

/// How mules run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MuleRules {
    /// Bytes of a message that a mule takes (`mule-msg-size`).
    pub message_size: u32,
    /// Seconds a message may take; 0: for ever (`mule-harakiri`).
    pub harakiri: u32,
    /// Seconds a mule may finish what it has when it is to end (`mule-reload-mercy`).
    pub mercy: u32,
}

impl Default for MuleRules {
    fn default() -> Self {
        MuleRules { message_size: 65536, harakiri: 0, mercy: 60 }
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BesideRequests {
    /// Spool folders; the first is the one of tasks that name none.
    pub folders: Vec<SpoolFolder>,
    /// How their tasks are run.
    pub spool: SpoolRules,
    /// One for each mule: its script, or None where it waits for messages.
    pub mules: Vec<Option<String>>,
    /// Farms.
    pub farms: Vec<Farm>,
    /// How mules run.
    pub mule: MuleRules,
    /// Functions for others.
    pub rpc: RpcRules,
}

/// Functions that a process registers for others (`uwsgi.register_rpc`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpcRules {
    /// Most of them (`rpc-max`).
    pub most: u32,
    /// Peers that may call them over a uwsgi socket (modifier1 173), as [`crate::trust::Trust::parse`] reads them, with commas
    /// between (`rpc-allow-ips`).
    pub allow: String,
}

impl Default for RpcRules {
    fn default() -> Self {
        RpcRules { most: 64, allow: "unix,loopback".into() }
    }
}

impl BesideRequests {
    /// Every aide, in the order in which they start.
    pub fn aides(&self) -> Vec<Aide> {
        let own = self.folders.iter().filter(|f| !f.external).count() as u32;
        let spoolers = own.saturating_mul(self.spool.processes);
        let all = |kind, count| (1..=count).map(move |number| Aide { kind, number });
        all(AideKind::Spooler, spoolers).chain(all(AideKind::Mule, self.mules.len() as u32)).collect()
    }

    /// The folder of a spooler.
    pub fn folder(&self, spooler: u32) -> Option<&SpoolFolder> {
        let index = spooler.checked_sub(1)?.checked_div(self.spool.processes)?;
        self.folders.iter().filter(|f| !f.external).nth(index as usize)
    }

    /// The script of a mule.
    pub fn script(&self, mule: u32) -> Option<&str> {
        self.mules.get(mule.checked_sub(1)? as usize)?.as_deref()
    }

    /// What the queues are for, in the order in which their descriptors are inherited: messages of each mule, of all mules
    /// together, of each farm; signals of workers, mules, farms and spoolers, where there are some.
    pub fn queues(&self) -> Vec<MessageQueue> {
        let mules = (1..=self.mules.len() as u32).map(MessageQueue::Mule);
        let farms = self.farms.iter().map(|f| MessageQueue::Farm(f.name.clone()));
        let any = Some(MessageQueue::Mules).filter(|_| !self.mules.is_empty());
        let messages = mules.chain(any).chain(farms.filter(|_| !self.mules.is_empty()));
        messages.chain(self.signal_groups().into_iter().map(MessageQueue::Signals)).collect()
    }

    /// Who shares a queue of signals.
    fn signal_groups(&self) -> Vec<SignalGroup> {
        let mut groups = vec![SignalGroup::Workers];
        if !self.mules.is_empty() {
            groups.push(SignalGroup::Mules);
            groups.extend(self.farms.iter().map(|f| SignalGroup::Farm(f.name.clone())));
        }
        if self.folders.iter().any(|f| !f.external) {
            groups.push(SignalGroup::Spoolers);
        }
        groups
    }

    /// The farms of a mule, as positions in [`BesideRequests::farms`].
    pub fn farms_of(&self, mule: u32) -> impl Iterator<Item = usize> + '_ {
        self.farms.iter().enumerate().filter(move |(_, f)| f.mules.contains(&mule)).map(|(i, _)| i)
    }
}

/// Whose messages or signals a queue holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageQueue {
    /// This mule's.
    Mule(u32),
    /// Any mule's.
    Mules,
    /// Any mule's of this farm.
    Farm(String),
    /// Signals of the application for whoever of these is free first.
    Signals(SignalGroup),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &str, external: bool) -> SpoolFolder {
        SpoolFolder { path: path.into(), external }
    }

    #[test]
    fn every_spooler_has_a_folder_and_external_ones_have_none() {
        let spool = SpoolRules { processes: 2, ..SpoolRules::default() };
        let folders = vec![folder("/a", false), folder("/b", true), folder("/c", false)];
        let b = BesideRequests { folders, spool, mules: vec![None], ..BesideRequests::default() };
        let names: Vec<String> = b.aides().iter().map(Aide::to_string).collect();
        assert_eq!(names, ["spooler 1", "spooler 2", "spooler 3", "spooler 4", "mule 1"]);
        let of = |n| b.folder(n).map(|f| f.path.to_str().unwrap());
        assert_eq!((of(0), of(1), of(2), of(3), of(5)), (None, Some("/a"), Some("/a"), Some("/c"), None));
        let signals = [SignalGroup::Workers, SignalGroup::Mules, SignalGroup::Spoolers];
        let signals = signals.map(MessageQueue::Signals);
        assert_eq!(b.queues()[..2], [MessageQueue::Mule(1), MessageQueue::Mules]);
        assert_eq!(b.queues()[2..], signals);
        let none = BesideRequests::default();
        assert_eq!(none.queues(), [MessageQueue::Signals(SignalGroup::Workers)]);
        assert!(none.aides().is_empty());
    }
}
