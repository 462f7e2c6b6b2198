//! Signals of the application: who runs a handler, and what raises a signal by the clock.
//!
//! Each generation has a table of its own, as numbers are given by the application when it is imported. What a clock or a
//! file raises does not pile up: as long as nobody has taken the one before, the next one is left out. It must never run
//! anything, and never wait for anybody.

use super::action::Action;
use super::child::{Child, ChildId, ProcessKind, Stage};
use super::cron::{Civil, due};
use super::generation::Generation;
use super::machine::{Phase, Supervisor};
use super::signal_table::SignalPlace;
use std::path::PathBuf;
use uswgi_proto::app_signals::{RaisedSignal, SignalGroup, SignalMessage, SignalSource, SignalTarget};
use uswgi_proto::background::AideKind;

/// Signals kept for processes that are not there yet.
const MOST_HELD: usize = 256;

impl Supervisor {
    fn with_signals(&mut self, generation: u64) -> Option<&mut Generation> {
        let next = self.reload.as_mut().and_then(|r| r.next.as_mut());
        [Some(&mut self.current), next].into_iter().flatten().find(|g| g.number == generation)
    }

    /// A process has something to say.
    pub(super) fn signal_said(&mut self, child: ChildId, said: SignalMessage) {
        let Some(generation) = self.children.get(&child).map(|c| c.generation) else { return };
        let Some(g) = self.with_signals(generation) else { return };
        match said {
            SignalMessage::Register { number, target } => {
                g.signals.targets.insert(number, target);
            }
            SignalMessage::Source { number, source } => {
                let file = matches!(source, SignalSource::File(_));
                if g.signals.add(number, source) && file && generation == self.current.number {
                    self.out.push(Action::WatchSignalFiles);
                }
            }
            SignalMessage::Raise { number } => self.pass_on(generation, number, false),
            SignalMessage::Taken { number, shared } => g.signals.waiting.retain(|(place, n)| {
                let it = if shared {
                    matches!(place, SignalPlace::Queue(..))
                } else {
                    *place == SignalPlace::Child(child)
                };
                *n != number || !it
            }),
        }
    }

    /// A file has changed, or an alarm was raised.
    pub(super) fn raise_signal(&mut self, number: u8, told: bool) {
        self.pass_on(self.current.number, number, told);
    }

    /// Timers that are due, and what waited for somebody to be there.
    pub(super) fn signals_due(&mut self) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Over) {
            return;
        }
        let (now, number) = (self.now, self.current.number);
        for signal in self.current.signals.take_due(now) {
            self.pass_on(number, signal, true);
        }
        for signal in std::mem::take(&mut self.current.signals.held) {
            self.pass_on(number, signal.number, signal.told);
        }
    }

    /// Whether anything wants [`super::Event::Minute`].
    pub fn wants_minutes(&self) -> bool {
        !self.current.signals.crons.is_empty() && !self.is_stopping()
    }

    /// Files whose change raises a signal.
    pub fn signal_files(&self) -> &[(u8, PathBuf)] {
        &self.current.signals.files
    }

    /// Number under which the queues of a generation are known.
    pub fn signal_queues(&self, generation: u64) -> u64 {
        let all = [Some(&self.current), self.reload.as_ref().and_then(|r| r.next.as_ref())];
        let of = all.into_iter().flatten().find(|g| g.number == generation);
        of.map_or(generation, |g| g.signals.queues)
    }

    /// Whether somebody may still look into queues of this number.
    pub fn needs_signal_queues(&self, number: u64) -> bool {
        let reload = self.reload.as_ref();
        let all = [
            Some(&self.current),
            reload.and_then(|r| r.next.as_ref()),
            reload.and_then(|r| r.back.as_ref()),
            self.previous.as_ref().map(|p| &p.generation),
        ];
        reload.is_some_and(|r| r.number == number)
            || all.into_iter().flatten().any(|g| g.signals.queues == number)
    }

    /// Another minute; one that was looked at is not looked at again, the one of the start neither.
    pub(super) fn signal_minute(&mut self, minute: i64, civil: Civil) {
        let table = &mut self.current.signals;
        if table.minute.replace(minute).is_none_or(|last| last >= minute) {
            return;
        }
        let due: Vec<u8> =
            table.crons.iter().filter(|(_, s)| due(s, civil)).map(|(number, _)| *number).collect();
        let generation = self.current.number;
        due.into_iter().for_each(|number| self.pass_on(generation, number, true));
    }

    /// The processes of a generation that a signal could go to.
    fn processes_for(&self, generation: u64, which: impl Fn(ProcessKind) -> bool) -> Vec<SignalPlace> {
        let there = |c: &Child| c.generation == generation && c.stage <= Stage::Ready && which(c.kind);
        self.children.iter().filter(|(_, c)| there(c)).map(|(&id, _)| SignalPlace::Child(id)).collect()
    }

    /// Give a signal to who runs its handler; `told`: by a clock or a file. One that nobody has registered is for nobody,
    /// as on uWSGI.
    fn pass_on(&mut self, generation: u64, number: u8, told: bool) {
        let pile_up = self.current.plan.signals_pile_up;
        let Some(g) = self.with_signals(generation) else { return };
        let (queues, target) = (g.signals.queues, g.signals.targets.get(&number).cloned());
        let queue = |group| vec![SignalPlace::Queue(queues, group)];
        let is_mule = |k: ProcessKind| k.aide().is_some_and(|s| s.aide.kind == AideKind::Mule);
        let (places, name) = match target {
            None => return,
            Some(SignalTarget::AnyWorker) => (queue(SignalGroup::Workers), String::new()),
            Some(SignalTarget::AnyMule) => (queue(SignalGroup::Mules), String::new()),
            Some(SignalTarget::Spooler) => (queue(SignalGroup::Spoolers), String::new()),
            Some(SignalTarget::Farm(name)) => (queue(SignalGroup::Farm(name)), String::new()),
            Some(SignalTarget::Workers) => {
                (self.processes_for(generation, ProcessKind::is_worker), "worker".into())
            }
            Some(SignalTarget::Mules) => (self.processes_for(generation, is_mule), "mule".into()),
            Some(SignalTarget::Worker(n)) => {
                let is = |k: ProcessKind| k.seat().is_some_and(|s| s.worker_id == n);
                (self.processes_for(generation, is), format!("worker {n}"))
            }
            Some(SignalTarget::Mule(n)) => {
                let is = |k: ProcessKind| is_mule(k) && k.aide().is_some_and(|s| s.aide.number == n);
                (self.processes_for(generation, is), format!("mule {n}"))
            }
            Some(SignalTarget::Nobody(text)) => {
                return self.signal_nowhere(generation, number, &format!("{text:?} names nobody"));
            }
        };
        if places.is_empty() {
            return self.hold_signal(generation, RaisedSignal { number, told }, &name);
        }
        for to in places {
            let Some(g) = self.with_signals(generation) else { return };
            let told = told && !pile_up;
            if told && !g.signals.waiting.insert((to.clone(), number)) {
                continue;
            }
            self.out.push(Action::Signal { to, signal: RaisedSignal { number, told } });
        }
    }

    /// Who is to run it is not there at the moment, or never will be.
    fn hold_signal(&mut self, generation: u64, signal: RaisedSignal, who: &str) {
        let comes = self.current.plan.workers;
        let number = who.rsplit(' ').next().and_then(|n| n.parse::<u32>().ok());
        let mules = self.current.plan.aides.iter().filter(|a| a.kind == AideKind::Mule).count() as u32;
        let most = if who.starts_with("mule") { mules } else { comes };
        if most == 0 || number.is_some_and(|n| n > most) {
            return self.signal_nowhere(generation, signal.number, &format!("there is no {who}"));
        }
        let Some(g) = self.with_signals(generation) else { return };
        let held = &mut g.signals.held;
        if held.len() < MOST_HELD && !(signal.told && held.contains(&signal)) {
            held.push(signal);
        }
    }

    /// It could not be put where it belongs.
    pub(super) fn signal_lost(&mut self, to: &SignalPlace, number: u8, why: &str) {
        let generation = self.current.number;
        self.current.signals.waiting.remove(&(to.clone(), number));
        self.signal_nowhere(generation, number, why);
    }

    /// Said once for each number of a generation.
    fn signal_nowhere(&mut self, generation: u64, number: u8, why: &str) {
        let Some(g) = self.with_signals(generation) else { return };
        if g.signals.said.insert(number) {
            self.log(format!("signal {number} was raised, and nobody runs its handler: {why}"));
        }
    }

    /// A process is gone: what it has taken and not told of may be raised again.
    pub(super) fn signals_without(&mut self, child: ChildId, gone: &Child) {
        if let Some(g) = self.with_signals(gone.generation) {
            let gone = SignalPlace::Child(child);
            g.signals.waiting.retain(|(place, _)| *place != gone && !matches!(place, SignalPlace::Queue(..)));
        }
    }
}
