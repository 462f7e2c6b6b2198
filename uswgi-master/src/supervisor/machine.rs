//! The [`Supervisor`]: its state, and which room answers which event.
//!
//! It must not decide anything itself that a room below decides.

use super::action::Action;
use super::activity::Activity;
use super::child::{Birth, Child, ChildId, Fault, ProcessKind, Stage};
use super::event::Event;
use super::generation::{Changeover, Generation};
use super::leave::Leave;
use super::plan::Plan;
use super::rollback::KeptGeneration;
use super::seat::{AideRecords, SeatRecord};
use super::wish::Wish;
use std::collections::BTreeMap;
use std::time::Instant;
use uswgi_keep::reap::Ended;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::{InstanceState, Outcome, Restart};
use uswgi_proto::show::canary::Canary;

/// What the instance is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not every worker has accepted yet since the start.
    Starting,
    /// The start has succeeded.
    Running,
    /// Leaving.
    Stopping {
        /// How the master ends then.
        exit: Exit,
        /// When the first stop signal came.
        since: Instant,
        /// Nobody is waited for any more.
        at_once: bool,
    },
    /// Gone; nothing happens any more.
    Over,
}

/// The state machine.
pub struct Supervisor {
    pub(super) phase: Phase,
    pub(super) paused: bool,
    /// TERM has come, and the stop is put off.
    pub(super) leaves: Option<Leave>,
    pub(super) current: Generation,
    pub(super) reload: Option<Changeover>,
    /// The canary that is under way, or was the last one, and how often that changed.
    pub(super) canary_seen: Option<Canary>,
    pub(super) canary_changes: u64,
    /// What there is to go back to.
    pub(super) previous: Option<KeptGeneration>,
    /// Whether the one in force lives, although its reload is over.
    pub(super) aside: Option<super::watch::Aside>,
    /// HUPs that came during the start or a reload; any number of them is one more reload.
    pub(super) reload_again: bool,
    pub(super) last_generation: u64,
    /// Source files that a reload was asked for, and their modification times.
    pub(super) sources: BTreeMap<String, u64>,
    pub(super) children: BTreeMap<ChildId, Child>,
    pub(super) seats: Vec<SeatRecord>,
    pub(super) aides: AideRecords,
    pub(super) wished: Wish,
    pub(super) activity: Activity,
    /// Why the last process that goes on without an app has none.
    pub(super) no_app: String,
    pub(super) slots: u32,
    pub(super) now: Instant,
    pub(super) out: Vec<Action>,
    next_child: ChildId,
    /// Workers with a lower number were there, or asked for, when one was killed.
    look_below: ChildId,
    random: u64,
}

impl Supervisor {
    /// A supervisor of generation 1 that has started nothing; `slots` is the scoreboard's capacity.
    pub fn new(plan: Plan, slots: u32, seed: u64, now: Instant) -> Supervisor {
        Supervisor {
            phase: Phase::Starting,
            paused: false,
            leaves: None,
            seats: Vec::new(),
            aides: AideRecords::new(),
            wished: Wish::of(&plan, now),
            activity: Activity::new(now),
            no_app: String::new(),
            current: Generation::new(1, plan),
            reload: None,
            canary_seen: None,
            canary_changes: 0,
            previous: None,
            aside: None,
            reload_again: false,
            last_generation: 1,
            sources: BTreeMap::new(),
            children: BTreeMap::new(),
            slots,
            now,
            out: Vec::new(),
            next_child: 1,
            look_below: 0,
            random: seed | 1,
        }
    }

    /// Take an event; the answers are to be carried out in order.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        self.now = self.now.max(now);
        if self.phase != Phase::Over {
            self.dispatch(event);
            self.expire();
            self.reconcile();
        }
        std::mem::take(&mut self.out)
    }

    fn dispatch(&mut self, event: Event) {
        match event {
            Event::Tick => {}
            Event::Launched { child, pid } => self.has_pid(child, pid),
            Event::Hello { child, pid, python } => {
                self.has_pid(child, pid);
                self.prefer(child, true);
                self.runs_python(child, python);
            }
            Event::NoInterpreter { child, message } => self.no_interpreter(child, &message),
            Event::LaunchFailed { child, message } => self.never_came(child, message),
            Event::ForkFailed { template, worker_id, aide, message } => {
                let of = self.children.get(&template).map(|t| t.generation);
                let child = self.children.iter().find(|(_, c)| {
                    (c.aide() == aide && (aide.is_some() || c.worker_id() == Some(worker_id)))
                        && c.pid.is_none()
                        && Some(c.generation) == of
                });
                if let Some((&child, _)) = child {
                    self.never_came(child, message);
                }
            }
            Event::Ready { child } => self.ready(child),
            Event::LoadFailed { child, message } => self.load_failed(child, message, Fault::App),
            Event::StepFailed { child, message } => self.load_failed(child, message, Fault::Step),
            Event::WarmupFailed { child, message } => self.load_failed(child, message, Fault::Warmup),
            Event::NoApp { child, message } => self.goes_on_without(child, message),
            Event::Replace { child, reason } => {
                self.aide_leaves(child);
                self.mark_for_replacement(child, reason);
            }
            Event::AppSignal { child, said } => self.signal_said(child, said),
            Event::Raise { number, told } => self.raise_signal(number, told),
            Event::SignalLost { to, number, why } => self.signal_lost(&to, number, &why),
            Event::Minute { minute, civil } => self.signal_minute(minute, civil),
            Event::RenewAides(kind) => self.renew_aides(kind),
            Event::Finished { child } => self.finished(child),
            Event::Closed { child } => self.closed(child),
            Event::Exited { child, how } => self.exited(child, how),
            Event::Stuck { child, lost } => self.stuck(child, lost),
            Event::Scale(to) => self.scale_to(to),
            Event::SendAway => self.send_away(),
            Event::Retire { worker_id } => self.retire_asked(worker_id),
            Event::Kill { worker_id } => self.kill_asked(worker_id),
            Event::Seen(numbers) => self.seen(&numbers),
            Event::Connection => self.connection(),
            Event::Stop => self.stop(),
            Event::Term if self.newest_plan().term_reloads => self.ask_reload(),
            Event::Term => self.term(),
            Event::Reload => self.ask_reload(),
            Event::Canary(request) => self.ask_canary(request),
            Event::EndCanary { promote } => self.end_canary(promote),
            Event::Traceback { child, text, count } => self.note_traceback(child, text, count),
            Event::Rollback => self.roll_back(None),
            Event::Source { child, path, modified_us } => self.source_changed(child, path, modified_us),
            Event::Renew(why) => self.renew(why),
            Event::Hurry => self.hurry_replaced(),
            Event::StopAtOnce => self.stop_at_once(),
            Event::Pause => self.pause(),
            Event::Configured(plan) => self.configured(*plan),
            Event::ConfigFailed { message } => self.not_configured(Outcome::BadConfig, message),
            Event::StepsFailed { message } => self.not_configured(Outcome::StepFailed, message),
        }
    }

    fn has_pid(&mut self, child: ChildId, pid: i32) {
        let end = self.now + self.newest_plan().load_timeout;
        if let Some(c) = self.children.get_mut(&child)
            && c.pid.replace(pid).is_none()
            && c.kill_at.is_some()
        {
            // It was waited for as a fork; from here on it has its own time.
            c.kill_at = Some(end);
            self.found(child);
        }
    }

    /// What the instance is doing, as readers of the scoreboard see it.
    pub fn state(&self) -> InstanceState {
        match self.phase {
            Phase::Starting => InstanceState::Starting,
            Phase::Stopping { .. } | Phase::Over => InstanceState::Stopping,
            Phase::Running if self.is_leaving() => InstanceState::Leaving,
            Phase::Running if self.reload.is_some() => InstanceState::Reloading,
            Phase::Running if self.paused => InstanceState::Paused,
            Phase::Running => InstanceState::Running,
        }
    }

    /// What the instance is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Every process that was asked for and is not known to be gone.
    pub fn children(&self) -> &BTreeMap<ChildId, Child> {
        &self.children
    }

    /// Newest generation with a ready worker.
    pub fn serving_generation(&self) -> u64 {
        let ready = self.children.values().filter(|c| c.stage == Stage::Ready && c.is_worker());
        ready.map(|c| c.generation).max().unwrap_or(self.current.number)
    }

    /// Whether the instance leaves.
    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. } | Phase::Over)
    }

    /// Generation whose configuration is in force.
    pub fn current_generation(&self) -> u64 {
        self.current.number
    }

    /// Whether workers were told not to accept.
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// Generation that a reload under way is to bring.
    pub fn coming_generation(&self) -> Option<u64> {
        self.reload.as_ref().map(|r| r.number)
    }

    /// Workers wanted.
    pub fn workers_wanted(&self) -> u32 {
        self.wish()
    }

    pub(super) fn newest_plan(&self) -> &Plan {
        &self.target().plan
    }

    pub(super) fn log(&mut self, line: impl Into<String>) {
        self.out.push(Action::Log(line.into()));
    }

    /// A process that is asked for.
    pub(super) fn bear(
        &mut self,
        kind: ProcessKind,
        generation: u64,
        respawns: u32,
        max_requests: u64,
    ) -> Birth {
        let child = self.new_child(kind, generation, respawns);
        let (need_app, paused) = (self.needs_app(generation), self.paused);
        let watched = self.has_canary() && self.coming_generation() == Some(generation);
        Birth { child, kind, generation, max_requests, need_app, paused, watched }
    }

    fn new_child(&mut self, kind: ProcessKind, generation: u64, respawns: u32) -> ChildId {
        let id = self.next_child;
        self.next_child += 1;
        let child = Child {
            kind,
            generation,
            pid: None,
            stage: Stage::Starting,
            respawns,
            forked: false,
            started: self.now,
            ready: None,
            kill_at: self.load_deadline(),
            replace_at: None,
            replace: None,
            asked: false,
            no_mercy: false,
            load_failed: None,
            no_app: false,
            finished: false,
            fault: Fault::App,
        };
        self.children.insert(id, child);
        id
    }

    /// Nobody waits for a replacement for ever; a first start may take its time, as somebody watches.
    fn load_deadline(&self) -> Option<Instant> {
        (self.phase != Phase::Starting).then(|| self.now + self.newest_plan().load_timeout)
    }

    /// A number from 0 to `most`, the same for the same seed (xorshift).
    pub(super) fn jitter(&mut self, most: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        match most.checked_add(1) {
            Some(n) => self.random % n,
            None => self.random,
        }
    }

    /// Workers in this stage.
    pub(super) fn workers(&self, stage: Stage) -> impl Iterator<Item = ChildId> + '_ {
        self.children.iter().filter(move |(_, c)| c.stage == stage && c.is_worker()).map(|(&id, _)| id)
    }

    fn stuck(&mut self, child: ChildId, lost: bool) {
        let Some(c) = self.children.get_mut(&child) else { return };
        // One that has asked for a successor watches its requests: those of its other threads have their time, and so
        // they have in one that leaves; the mercy ends both. Where there are none, nothing is waited for.
        let watched = c.stage == Stage::Retiring || c.replace == Some(Restart::Harakiri);
        if c.stage == Stage::Killed || c.pid.is_none() || (watched && !lost) {
            return;
        }
        c.stage = Stage::Killed;
        c.kill_at = None;
        let line =
            format!("{} did not end a request long after its harakiri: killed by the master", c.name());
        self.log(line);
        self.out.push(Action::Kill { child });
    }

    /// The process with this name is gone. The caller has decided what follows.
    pub(super) fn forget(&mut self, child: ChildId) -> Option<Child> {
        let gone = self.children.remove(&child)?;
        self.out.push(Action::Forget { child });
        self.signals_without(child, &gone);
        Some(gone)
    }

    fn exited(&mut self, child: ChildId, how: Ended) {
        let Some(gone) = self.forget(child) else { return };
        match gone.kind {
            ProcessKind::Template => self.template_ended(child, gone, how),
            ProcessKind::Worker(_) => {
                if gone.stage != Stage::Retiring || !how.succeeded() {
                    self.look_again();
                }
                self.worker_ended(gone, &how.to_string(), Some(how));
            }
            ProcessKind::Aide(_) => self.aide_ended(&gone, &how.to_string(), Some(how)),
        }
    }

    /// A worker did not leave by itself. It may have been the one that the kernel has woken for a connection, of which
    /// nobody else knows then: the others look. Who begins to accept later does so anyway.
    fn look_again(&mut self) {
        self.look_below = self.next_child;
        if !self.paused {
            let ready: Vec<ChildId> = self.workers(Stage::Ready).collect();
            self.out.extend(ready.into_iter().map(|child| Action::Accept { child, on: true }));
        }
    }

    /// Whether a worker that is ready now may have begun to accept before the last one was killed.
    pub(super) fn missed_a_look(&self, child: ChildId) -> bool {
        child < self.look_below
    }

    /// A process that never ran: the exec or the fork failed, or it ended before its hello.
    pub(super) fn never_came(&mut self, child: ChildId, message: String) {
        let Some(gone) = self.forget(child) else { return };
        self.came_to_nothing(child, gone, message);
    }

    /// What follows when a process that never had a pid is given up.
    pub(super) fn came_to_nothing(&mut self, child: ChildId, gone: Child, message: String) {
        let line = format!("{} could not be started: {message}", gone.name());
        match gone.kind {
            ProcessKind::Template => {
                let gone = Child { load_failed: Some(line), ..gone };
                self.template_ended(child, gone, Ended::Code(Exit::Failed.code()));
            }
            ProcessKind::Worker(_) => {
                self.worker_ended(gone, &format!("could not be started: {message}"), None)
            }
            ProcessKind::Aide(_) => self.aide_ended(&gone, &format!("could not be started: {message}"), None),
        }
    }
}
