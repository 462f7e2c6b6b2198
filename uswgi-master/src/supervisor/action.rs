//! What the supervisor wants to be done; `act` does it.

use super::child::{AideSeat, Birth, ChildId, Seat};
use super::signal_table::SignalPlace;
use uswgi_proto::app_signals::RaisedSignal;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::{Outcome, Restart};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a process by exec.
    Launch(Birth),
    /// Ask a template for a worker or an aide.
    Fork {
        /// The template, of the same generation.
        template: ChildId,
        /// Who it is to be.
        birth: Birth,
    },
    /// Tell a worker to finish and leave.
    Retire {
        /// Which.
        child: ChildId,
        /// Others serve on and take its idle connections.
        hand_over: bool,
    },
    /// Tell a worker to accept, or not to. One that accepts already looks whether a connection waits.
    Accept {
        /// Which.
        child: ChildId,
        /// Whether.
        on: bool,
    },
    /// It goes before the others where the processors are short, or not any more: somebody waits for it, and it serves nobody.
    Prefer {
        /// Which.
        child: ChildId,
        /// Whether.
        on: bool,
    },
    /// The application is in this template: the workers that it forks go before the others, as it does, until they accept.
    HandOn {
        /// Which.
        template: ChildId,
    },
    /// Pass a signal of the application on.
    Signal {
        /// Where to.
        to: SignalPlace,
        /// Which.
        signal: RaisedSignal,
    },
    /// Watch the files of [`super::Supervisor::signal_files`] from now on.
    WatchSignalFiles,
    /// Close the master's end of its control socket.
    CloseControl {
        /// Which.
        child: ChildId,
    },
    /// SIGKILL. The process has not been reaped.
    Kill {
        /// Which.
        child: ChildId,
    },
    /// The process is gone, or never came: fold its counters, free its slot, forget it.
    Forget {
        /// Which.
        child: ChildId,
    },
    /// An aide has ended: note how, for the next process of its name.
    AideEnded {
        /// Where it sat.
        seat: AideSeat,
        /// Nobody asked for it.
        died: bool,
        /// The exit code, or minus the signal.
        end: i32,
    },
    /// A worker ended without being asked to: count it.
    CountDeath,
    /// The process that was started last takes another one's place: count why.
    Restarted {
        /// Where it sits.
        seat: Seat,
        /// Why.
        why: Restart,
        /// How the other one ended where nobody asked for it: the exit code, or minus the signal; else 0.
        end: i32,
    },
    /// A reload begins: count it.
    ReloadStarted,
    /// Read the configuration again, bind what is new, and answer with [`super::Event::Configured`].
    ReadConfig {
        /// Number of the generation that it becomes.
        generation: u64,
    },
    /// The generation to come has the configuration in force; answer with [`super::Event::Configured`].
    KeepConfig {
        /// Number of the generation that it becomes.
        generation: u64,
    },
    /// The generation to come has the configuration of an older one that is kept; answer with [`super::Event::Configured`] or
    /// [`super::Event::ConfigFailed`].
    BringBack {
        /// The older one.
        from: u64,
        /// Number of the generation that it becomes.
        generation: u64,
    },
    /// The generation is in force: what only older ones needed can go.
    Commit {
        /// Which.
        generation: u64,
    },
    /// The generation will not be. Its workers that serve already keep what they have.
    Abandon {
        /// Which.
        generation: u64,
    },
    /// A reload ended: record the outcome, then count it.
    ReloadEnded {
        /// How.
        outcome: Outcome,
        /// Why, when it failed.
        reason: String,
    },
    /// A worker or template could not start outside a reload: record the reason.
    Reason(String),
    /// The generation in force runs this Python: record it.
    Python(String),
    /// Every worker accepts for the first time: the start has succeeded.
    Serving,
    /// The start has failed; the end follows.
    StartFailed {
        /// What a person reads.
        message: String,
    },
    /// The instance is leaving.
    Stopping,
    /// A line for the log.
    Log(String),
    /// Everything is gone: end the master like this.
    Exit(Exit),
}
