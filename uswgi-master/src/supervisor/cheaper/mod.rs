//! The algorithms of `cheaper`: from what was seen in a cycle (about a second) to more or fewer workers.
//!
//! The rules are uWSGI's, as its documentation tells them and as it was observed to act. They must never
//! know processes: who goes is decided in `scale`, which never takes down a busy worker.
//!
//! * `busyness`: the algorithm that follows the average load.
//! * `meter`: from what workers have counted to the load of one cycle.

mod busyness;
mod meter;

pub(super) use meter::Meter;

use uswgi_conf::instance::Busyness;

/// Which algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// More when every worker was busy for more than `overload` cycles; fewer while more than one is idle.
    #[default]
    Spare,
    /// More when more than `overload` connections wait at the sockets; fewer when fewer do.
    Backlog,
    /// By the share of time that workers spend in requests, averaged over `overload` cycles.
    Busyness(Busyness),
    /// As an operator says.
    Manual,
}

/// How `cheaper` is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cheaper {
    /// Fewest workers, at least 1 and below the plan's workers.
    pub min: u32,
    /// Workers at the start.
    pub initial: u32,
    /// Workers that come at a time, at least 1.
    pub step: u32,
    /// Cycles, or connections.
    pub overload: u32,
    /// Which rule.
    pub algorithm: Algorithm,
    /// Bytes of resident memory of all workers above which no more come; 0: none.
    pub rss_soft: u64,
    /// Bytes above which workers go; 0: none.
    pub rss_hard: u64,
}

/// What was seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cycle {
    /// Workers that are there or on their way.
    pub(super) active: u32,
    /// Of those, with a request.
    pub(super) busy: u32,
    /// Connections that wait at the fullest socket.
    pub(super) waiting: u32,
    /// Resident bytes of all.
    pub(super) rss: u64,
    /// Time in requests of the average worker, in thousandths of the cycle.
    pub(super) load: u32,
    /// Workers that there may be beside those wanted.
    pub(super) room: u32,
    /// Workers wanted above the fewest.
    pub(super) spare: u32,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    Stay,
    /// So many more, if there may be.
    More(u32),
    OneFewer,
}

/// Counts cycles.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauge {
    overloaded: u32,
    idle: u32,
    busyness: busyness::BusynessState,
}

impl Gauge {
    /// Judge one cycle. The caller keeps the result within the plan's bounds.
    pub(super) fn judge(&mut self, c: &Cheaper, seen: Cycle) -> Advice {
        if c.rss_hard > 0 && seen.rss > c.rss_hard {
            self.overloaded = 0;
            return Advice::OneFewer;
        }
        let full = c.rss_soft > 0 && seen.rss > c.rss_soft;
        let verdict = match c.algorithm {
            Algorithm::Busyness(rules) => {
                let room = if full { 0 } else { seen.room };
                self.busyness.judge(c, &rules, Cycle { room, ..seen })
            }
            Algorithm::Spare => self.spare(c, seen),
            Algorithm::Backlog if seen.waiting > c.overload => Advice::More(c.step),
            Algorithm::Backlog if seen.waiting < c.overload.max(1) => Advice::OneFewer,
            Algorithm::Backlog | Algorithm::Manual => Advice::Stay,
        };
        match verdict {
            Advice::More(_) if full => Advice::Stay,
            verdict => verdict,
        }
    }

    /// What is to be said about the last cycle, where that is wanted.
    pub(super) fn said(&mut self) -> Option<String> {
        self.busyness.said()
    }

    fn spare(&mut self, c: &Cheaper, seen: Cycle) -> Advice {
        if seen.busy >= seen.active {
            self.overloaded = self.overloaded.saturating_add(1);
            self.idle = 0;
        } else {
            self.overloaded = self.overloaded.saturating_sub(1);
        }
        if self.overloaded > c.overload {
            self.overloaded = 0;
            return Advice::More(c.step);
        }
        if self.overloaded > 0 || seen.active <= seen.busy + 1 {
            return Advice::Stay;
        }
        self.idle += 1;
        if self.idle < c.overload.max(1) {
            return Advice::Stay;
        }
        self.idle = 0;
        Advice::OneFewer
    }
}

#[cfg(test)]
mod tests {
    use super::Advice::*;
    use super::*;

    fn cheaper(algorithm: Algorithm, overload: u32) -> Cheaper {
        Cheaper { min: 1, initial: 1, step: 2, overload, algorithm, rss_soft: 0, rss_hard: 0 }
    }

    fn verdicts(c: &Cheaper, cycles: &[Cycle]) -> Vec<Advice> {
        let mut gauge = Gauge::default();
        cycles.iter().map(|&cycle| gauge.judge(c, cycle)).collect()
    }

    fn busy(busy: u32, active: u32) -> Cycle {
        Cycle { active, busy, ..Cycle::default() }
    }

    #[test]
    fn spare_grows_after_more_than_overload_cycles_without_an_idle_worker() {
        let c = cheaper(Algorithm::Spare, 3);
        assert_eq!(verdicts(&c, &[busy(1, 1); 5]), [Stay, Stay, Stay, More(2), Stay]);
        // One idle worker takes back one cycle.
        let pulses = [busy(2, 2), busy(2, 2), busy(1, 2), busy(2, 2), busy(2, 2), busy(2, 2)];
        assert_eq!(verdicts(&c, &pulses), [Stay, Stay, Stay, Stay, Stay, More(2)]);
    }

    #[test]
    fn spare_keeps_one_idle_worker_and_takes_one_down_each_overload_cycles() {
        let c = cheaper(Algorithm::Spare, 3);
        assert_eq!(verdicts(&c, &[busy(1, 2); 9]), [Stay; 9]);
        assert_eq!(verdicts(&c, &[busy(0, 4); 6]), [Stay, Stay, OneFewer, Stay, Stay, OneFewer]);
        let c = cheaper(Algorithm::Spare, 1);
        assert_eq!(verdicts(&c, &[busy(0, 4); 3]), [OneFewer; 3]);
    }

    #[test]
    fn backlog_follows_the_queue() {
        let c = cheaper(Algorithm::Backlog, 3);
        let waiting = |waiting| Cycle { waiting, ..busy(1, 1) };
        assert_eq!(
            verdicts(&c, &[waiting(4), waiting(3), waiting(2), waiting(0)]),
            [More(2), Stay, OneFewer, OneFewer]
        );
    }

    #[test]
    fn nobody_but_the_operator_changes_a_manual_number() {
        let c = cheaper(Algorithm::Manual, 1);
        assert_eq!(verdicts(&c, &[busy(1, 1); 9]), [Stay; 9]);
        assert_eq!(verdicts(&c, &[busy(0, 9); 9]), [Stay; 9]);
    }

    #[test]
    fn memory_stops_the_growth_and_then_takes_workers_down() {
        let c = Cheaper { rss_soft: 100, rss_hard: 200, ..cheaper(Algorithm::Backlog, 0) };
        let with = |rss| Cycle { rss, waiting: 9, ..busy(1, 1) };
        assert_eq!(verdicts(&c, &[with(100), with(101), with(201)]), [More(2), Stay, OneFewer]);
    }
}
