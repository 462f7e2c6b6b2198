//! What an instance shows of itself, as text and numbers for people and programs. Read from the scoreboard and the
//! kernel; nothing here asks the master, and nothing changes anything.
//!
//! * [`snapshot`]: everything that a scoreboard says, as plain data.  * [`usage`]: what proc(5) adds.
//! * [`previous`]: the generation before.  * [`slow`]: slow requests.  * [`lag`]: how late event loops are.  * [`canary`]: two generations beside each other.  * [`aides`]: spoolers and mules.  * [`names`]: states in words.  * [`latency`]: quantiles.
//! * [`json`]: a snapshot as our JSON.  * [`uwsgi`]: as uWSGI's statistics.  * [`metrics`]: as OpenMetrics.  * [`carbon`]: as text for carbon.  * [`numbers`]: as uWSGI's metrics.
#![forbid(unsafe_code)]

pub mod aides;
pub mod canary;
pub mod carbon;
mod families;
pub mod json;
pub mod lag;
pub mod latency;
pub mod metrics;
pub mod names;
pub mod numbers;
pub mod previous;
pub mod slow;
pub mod snapshot;
pub mod usage;
pub mod uwsgi;

pub use snapshot::Snapshot;

use crate::scoreboard::{InstanceState, WorkerState};

/// That there is no application (`need-app = false`), in a sentence; None where there is one.
pub fn no_app(s: &Snapshot) -> Option<String> {
    let (without, all) = s.without_app();
    (without > 0 || !s.no_app.is_empty()).then(|| no_app_in(without, all))
}

/// The sentence of [`no_app`] for so many workers of these; with none there is only the template that has none.
pub fn no_app_in(without: usize, all: usize) -> String {
    match without {
        0 => "no application is loaded".into(),
        _ => format!("{without} of {all} workers have no application and answer 500"),
    }
}

/// Whether the instance takes requests now; otherwise why not, in a sentence. One without an application takes them and
/// answers 500: whoever sets `need-app = false` asks for that ([`no_app`] tells it).
pub fn readiness(s: &Snapshot) -> Result<(), String> {
    let ready = s.count(WorkerState::Ready);
    match s.state {
        InstanceState::Starting => Err(format!("starting: {ready} of {} workers accept", s.workers_target)),
        InstanceState::Stopping => Err("stopping".into()),
        InstanceState::Paused => Err("paused: workers do not accept".into()),
        InstanceState::Leaving => Err("leaving: everything is served yet, the stop begins soon".into()),
        // It sleeps (`cheap`, `idle`): a connection wakes it. Who is kept away until it is ready would keep it asleep.
        InstanceState::Running | InstanceState::Reloading if s.workers_target == 0 => Ok(()),
        InstanceState::Running | InstanceState::Reloading if ready == 0 => {
            let reason = s.reason.trim().lines().next_back().unwrap_or_default();
            Err(if reason.is_empty() {
                "no worker accepts".into()
            } else {
                format!("no worker accepts: {reason}")
            })
        }
        InstanceState::Running | InstanceState::Reloading => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_application_is_ready_and_says_so() {
        let mut s = Snapshot::sample();
        s.state = InstanceState::Running;
        assert_eq!(no_app(&s), None);
        s.no_app = "ImportError: no".into();
        assert_eq!(no_app(&s), Some("no application is loaded".into()), "it sleeps");
        let mut worker = Snapshot::sample_worker(WorkerState::Ready, 1);
        s.workers = vec![worker.clone(), worker.clone()];
        worker.no_app = true;
        s.workers.push(worker.clone());
        worker.state = WorkerState::Retiring;
        s.workers.push(worker);
        assert_eq!(no_app(&s), Some("1 of 3 workers have no application and answer 500".into()));
        assert_eq!(readiness(&s), Ok(()));
    }

    #[test]
    fn ready_is_who_takes_requests() {
        let mut s = Snapshot::sample();
        s.state = InstanceState::Running;
        s.workers_target = 0;
        assert_eq!(readiness(&s), Ok(()), "it sleeps");
        s.workers_target = 1;
        assert_eq!(readiness(&s), Err("no worker accepts".into()));
        s.reason = "Traceback\nImportError: no\n".into();
        assert_eq!(readiness(&s), Err("no worker accepts: ImportError: no".into()));
        s.workers = vec![Snapshot::sample_worker(WorkerState::Ready, 1)];
        for (state, ready) in [
            (InstanceState::Running, true),
            (InstanceState::Reloading, true),
            (InstanceState::Starting, false),
            (InstanceState::Paused, false),
            (InstanceState::Leaving, false),
            (InstanceState::Stopping, false),
        ] {
            s.state = state;
            assert_eq!(readiness(&s).is_ok(), ready, "{state:?}");
        }
    }
}
