//! The algorithm `busyness`: more workers when the average load of a period was high, one fewer when it was low
//! for many periods, and emergency workers at once while connections pile up.
//!
//! The rules are those of uWSGI's documentation, and were compared with 2.0.31:
//!
//! * A period is `overload` cycles. A load above the upper bound brings workers, one below the lower is idle.
//! * A load between the bounds stops the count of idle periods, and the third in a row makes it begin again. So
//!   does a load above them, with room for more workers or not.
//! * A worker that is needed again in less time than it took to give it up makes that time longer. One that was
//!   not makes it shorter again, as otherwise it would only grow in the life of an instance.
//! * Workers that came in an emergency go after fewer idle periods.

use super::{Advice, Cheaper, Cycle};
use uswgi_conf::instance::Busyness;

/// Periods between the bounds, in a row, after which idle ones are counted from the beginning.
const UNSURE: u32 = 3;

/// What is remembered.
#[derive(Debug, Clone, Default)]
pub(super) struct BusynessState {
    /// Whose memory it is: other rules begin anew.
    rules: Option<Busyness>,
    /// Cycles of the period so far, and the sum of their loads.
    cycles: u32,
    load: u64,
    /// Idle periods.
    idle: u32,
    /// Periods in a row that were neither idle nor overloaded.
    unsure: u32,
    /// Idle periods that are wanted beyond the multiplier.
    extra: u32,
    /// Emergency workers that are still there.
    emergency: u32,
    /// Cycles in a row in which somebody waits.
    waiting: u32,
    /// Cycles since a worker went.
    given_up: Option<u32>,
    said: Option<String>,
}

impl BusynessState {
    pub(super) fn judge(&mut self, c: &Cheaper, rules: &Busyness, seen: Cycle) -> Advice {
        if self.rules != Some(*rules) {
            *self = BusynessState { rules: Some(*rules), ..BusynessState::default() };
        }
        self.said = None;
        // An operator or a limit may have taken some of them down.
        self.emergency = self.emergency.min(seen.spare);
        self.given_up = self.given_up.map(|n| n.saturating_add(1));
        self.cycles += 1;
        self.load += u64::from(seen.load);
        let period = c.overload.max(1);
        let load = (self.cycles >= period).then(|| {
            let load = self.load / u64::from(self.cycles);
            (self.cycles, self.load) = (0, 0);
            load
        });
        let emergency = self.emergency(rules, seen);
        let ended = match load {
            // While connections pile up no period is idle, whatever the workers do.
            Some(load) if emergency == 0 || load > u64::from(rules.max) * 10 => {
                self.period(c, rules, seen, load)
            }
            _ => Advice::Stay,
        };
        match ended {
            Advice::More(n) => Advice::More(n.max(emergency)),
            _ if emergency > 0 => Advice::More(emergency),
            ended => ended,
        }
    }

    /// A period has ended; its load is in thousandths.
    fn period(&mut self, c: &Cheaper, rules: &Busyness, seen: Cycle, load: u64) -> Advice {
        let period = c.overload.max(1);
        let wanted = match self.emergency {
            0 => rules.multiplier.saturating_add(self.extra),
            _ => rules.backlog_multiplier,
        };
        let tell = |s: &mut BusynessState, what: String| {
            let (whole, rest, active) = (load / 10, load % 10, seen.active);
            let line =
                format!("cheaper: {whole}.{rest} % busy on average, {active} workers, {period} s: {what}");
            s.said = rules.verbose.then_some(line);
        };
        if load > u64::from(rules.max) * 10 {
            (self.idle, self.unsure) = (0, 0);
            if seen.room == 0 {
                tell(self, "no more workers are possible".into());
                return Advice::Stay;
            }
            let soon = rules.multiplier.saturating_add(self.extra).saturating_mul(period);
            let what = match self.given_up.take() {
                Some(n) if n < soon => {
                    self.extra = self.extra.saturating_add(rules.penalty);
                    let wanted = rules.multiplier.saturating_add(self.extra);
                    format!("more; one was given up too early, from now on after {wanted} idle periods")
                }
                given_up => {
                    // The last one was given up in time: the wait was long enough.
                    let less = if given_up.is_some() { rules.penalty } else { 0 };
                    self.extra = self.extra.saturating_sub(less);
                    "more".into()
                }
            };
            tell(self, what);
            return Advice::More(c.step.min(seen.room));
        }
        if load >= u64::from(rules.min) * 10 {
            self.unsure = self.unsure.saturating_add(1);
            if self.unsure >= UNSURE {
                self.idle = 0;
            }
            tell(self, "stay".into());
            return Advice::Stay;
        }
        (self.idle, self.unsure) = (self.idle.saturating_add(1), 0);
        let kind = if self.emergency > 0 { "an emergency worker" } else { "a worker" };
        if seen.spare == 0 {
            // Whoever comes by an operator's hand is not to go at once.
            self.idle = 0;
            tell(self, "idle, and the fewest workers are there".into());
        } else if self.idle < wanted {
            tell(self, format!("idle, {} of {wanted} such periods until {kind} goes", self.idle));
        } else {
            self.idle = 0;
            self.emergency = self.emergency.saturating_sub(1);
            self.given_up = Some(0);
            tell(self, format!("{kind} goes"));
            return Advice::OneFewer;
        }
        Advice::Stay
    }

    /// How many come because connections pile up, or nobody comes for one.
    fn emergency(&mut self, rules: &Busyness, seen: Cycle) -> u32 {
        self.waiting = if seen.waiting > 0 { self.waiting.saturating_add(1) } else { 0 };
        let long = self.waiting > rules.nonzero;
        if seen.waiting <= rules.alert && !long {
            return 0;
        }
        self.waiting = 0;
        let n = rules.backlog_step.min(seen.room);
        if n > 0 {
            self.idle = 0;
            self.emergency += n;
            let line = format!("cheaper: {} connections wait: {n} emergency workers come", seen.waiting);
            self.said = rules.verbose.then_some(line);
        }
        n
    }

    pub(super) fn said(&mut self) -> Option<String> {
        self.said.take()
    }
}
