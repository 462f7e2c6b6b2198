//! Whether an instance is in the state that is waited for. Pure: what `reload --wait` promises is decided here.

use uswgi_proto::scoreboard::{InstanceState, Outcome, WorkerState};
use uswgi_proto::show::Snapshot;

/// Every wanted worker of the newest generation accepts and no older one does. With `drain` the
/// older ones have ended too.
pub fn serves(s: &Snapshot, drain: bool) -> bool {
    // Ready is the master's word for "it accepts"; `accepting` may drop while all threads are busy.
    let accepting =
        s.workers.iter().filter(|w| w.generation >= s.generation && w.state == WorkerState::Ready).count();
    let old_left = s.workers.iter().any(|w| {
        w.generation < s.generation
            && match w.state {
                WorkerState::Ready | WorkerState::Starting => true,
                // It was told to leave; until it has heard it, its code answers still.
                WorkerState::Retiring | WorkerState::Killed => drain || w.accepting,
                WorkerState::Free => false,
            }
    });
    // None is wanted while an instance with `cheap` or `idle` sleeps; before its start it only says so.
    let began = s.workers_target > 0 || s.state != InstanceState::Starting;
    s.generation > 0 && began && accepting >= s.workers_target as usize && !old_left
}

/// [`serves`], and no start, reload or stop is under way.
pub fn ready(s: &Snapshot) -> bool {
    s.state == InstanceState::Running && serves(s, false)
}

/// How far a reload is that began when `old` served, in a line.
pub fn progress(s: &Snapshot, old: u64) -> String {
    let of = |newer: bool, states: &[WorkerState]| {
        let fits = |w: &&uswgi_proto::show::snapshot::Worker| {
            (w.generation > old) == newer && states.contains(&w.state)
        };
        s.workers.iter().filter(fits).count()
    };
    let (accept, start) = (of(true, &[WorkerState::Ready]), of(true, &[WorkerState::Starting]));
    let (serve, finish) =
        (of(false, &[WorkerState::Ready]), of(false, &[WorkerState::Retiring, WorkerState::Killed]));
    if let Some(canary) = s.canary.as_ref().filter(|c| c.state.under_way() && accept + start > 0) {
        return canary.line();
    }
    if accept + start == 0 {
        return format!(
            "reloading: reading the configuration and loading the application; {serve} old workers serve"
        );
    }
    format!(
        "reloading: {accept} of {} new workers accept, {start} start; {serve} old ones serve, {finish} finish",
        s.workers_target
    )
}

/// How a reload that began after `started` were counted stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadProgress {
    /// It is under way, or its workers are not all there yet.
    Pending,
    /// It is over and everything is new.
    Done,
    /// It is over and everything is new, and the instance is paused: nobody accepts.
    Paused,
    /// It is over and failed: the sentence that says how.
    Failed(String),
}

/// Judge a reload; `started` is [`Snapshot::reloads_started`] before it was asked for.
pub fn reload(s: &Snapshot, started: u64, drain: bool) -> ReloadProgress {
    if s.reloads_done <= started {
        return ReloadProgress::Pending;
    }
    let failed = |what: &str| {
        let reason = s.reason.trim();
        ReloadProgress::Failed(if reason.is_empty() {
            what.to_string()
        } else {
            format!("{what}:\n{reason}")
        })
    };
    match s.outcome {
        Outcome::Ok if serves(s, drain) && s.state == InstanceState::Paused => ReloadProgress::Paused,
        Outcome::Ok if serves(s, drain) => ReloadProgress::Done,
        // A newer reload may be replacing the workers again, and a worker may die at any time.
        Outcome::Ok | Outcome::None => ReloadProgress::Pending,
        Outcome::BadConfig => {
            failed("reload refused, the old workers serve on: the configuration has errors")
        }
        Outcome::AppFailed => {
            failed("reload refused, the old workers serve on: the application does not load")
        }
        Outcome::StepFailed => {
            failed("reload refused, the old workers serve on: a step (exec-*, hook-*) has failed")
        }
        Outcome::WarmupFailed => {
            failed("reload refused, the old generation serves on: the warm-up has failed")
        }
        Outcome::TakenBack => failed("reload taken back, the old generation serves again"),
        Outcome::Aborted => failed("canary ended, the old generation serves"),
        Outcome::Mixed => failed("reload stopped midway, old and new workers serve"),
        Outcome::Stopped => failed("reload ended early: the instance is stopping"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_proto::scoreboard::WorkerState::{Killed, Ready, Retiring, Starting};

    #[test]
    fn it_serves_when_every_wanted_worker_is_new() {
        let mut s = Snapshot::sample();
        s.generation = 2;
        s.workers_target = 2;
        for (workers, serving, drained) in [
            (&[][..], false, false),
            (&[(Ready, 2)], false, false),
            (&[(Ready, 2), (Ready, 2)], true, true),
            (&[(Ready, 2), (Starting, 2)], false, false),
            (&[(Ready, 2), (Ready, 1)], false, false),
            (&[(Ready, 2), (Ready, 2), (Ready, 1)], false, false),
            (&[(Ready, 2), (Ready, 2), (Starting, 1)], false, false),
            (&[(Ready, 2), (Ready, 2), (Retiring, 1)], true, false),
            (&[(Ready, 2), (Ready, 2), (Killed, 1)], true, false),
            (&[(Ready, 2), (Ready, 2), (Retiring, 2)], true, true),
        ] {
            s.workers = workers
                .iter()
                .map(|(state, generation)| Snapshot::sample_worker(*state, *generation))
                .collect();
            assert_eq!((serves(&s, false), serves(&s, true)), (serving, drained), "{workers:?}");
        }
        s.workers[0] = Snapshot::sample_worker(Retiring, 1);
        s.workers.push(Snapshot::sample_worker(Ready, 2));
        for accepting in [false, true] {
            s.workers[0].accepting = accepting;
            assert_eq!(serves(&s, false), !accepting, "an old worker that does not know yet");
        }
        s.workers.remove(0);
        s.state = InstanceState::Running;
        assert!(ready(&s));
        for state in [
            InstanceState::Starting,
            InstanceState::Reloading,
            InstanceState::Stopping,
            InstanceState::Leaving,
        ] {
            s.state = state;
            assert!(!ready(&s), "{state:?}");
        }
    }

    #[test]
    fn progress_counts_new_and_old() {
        let mut s = Snapshot::sample();
        s.workers_target = 2;
        s.workers = vec![Snapshot::sample_worker(Ready, 1), Snapshot::sample_worker(Ready, 1)];
        assert!(progress(&s, 1).contains("loading the application; 2 old workers serve"));
        s.workers.push(Snapshot::sample_worker(Ready, 2));
        s.workers.push(Snapshot::sample_worker(Starting, 2));
        s.workers[0] = Snapshot::sample_worker(Retiring, 1);
        assert_eq!(
            progress(&s, 1),
            "reloading: 1 of 2 new workers accept, 1 start; 1 old ones serve, 1 finish"
        );
    }

    #[test]
    fn an_instance_that_sleeps_is_ready_with_no_worker() {
        let mut s = Snapshot::sample();
        (s.generation, s.workers_target, s.state) = (1, 0, InstanceState::Starting);
        assert!(!ready(&s) && !serves(&s, false));
        s.state = InstanceState::Running;
        assert!(ready(&s));
        s.workers = vec![Snapshot::sample_worker(Retiring, 1)];
        assert!(ready(&s), "the last one leaves");
    }

    #[test]
    fn a_reload_is_judged_by_its_own_outcome() {
        let mut s = Snapshot::sample();
        (s.generation, s.workers_target, s.workers) = (2, 1, vec![Snapshot::sample_worker(Ready, 2)]);
        (s.reloads_done, s.outcome) = (3, Outcome::AppFailed);
        // The third one failed; the fourth is ours.
        assert_eq!(reload(&s, 3, false), ReloadProgress::Pending);
        s.reason = "Traceback\nSyntaxError\n".into();
        s.reloads_done = 4;
        let ReloadProgress::Failed(text) = reload(&s, 3, false) else { panic!("it failed") };
        assert!(text.ends_with("does not load:\nTraceback\nSyntaxError"), "{text}");
        s.outcome = Outcome::Ok;
        assert_eq!(reload(&s, 3, false), ReloadProgress::Done);
        s.state = InstanceState::Paused;
        assert_eq!(reload(&s, 3, false), ReloadProgress::Paused);
        s.state = InstanceState::Running;
        s.workers.push(Snapshot::sample_worker(Ready, 1));
        assert_eq!(reload(&s, 3, false), ReloadProgress::Pending);
        s.workers[1] = Snapshot::sample_worker(Retiring, 1);
        assert_eq!(reload(&s, 3, false), ReloadProgress::Done);
        assert_eq!(reload(&s, 3, true), ReloadProgress::Pending);
    }
}
