//! Which lanes wait: those that have a request and whose thread does not run, as the kernel says at the moment of the look.

use super::super::usage;
use super::{Snapshot, Thread, Worker};

impl Snapshot {
    /// Lanes that have a request and do not run, over all workers; None: the system could not be asked.
    pub fn waiting(&self) -> Option<usize> {
        let known = self.workers.iter().filter_map(|w| w.waiting);
        let any = self.workers.is_empty() || known.clone().next().is_some();
        any.then(|| known.sum())
    }
}

impl Worker {
    /// Ask the kernel which threads run. Of lanes that share one at most one does.
    pub(super) fn count_waiting(&self) -> usize {
        let runs = |t: &Thread| usage::runs(self.pid, t.tid) == Some(true);
        let mut busy = self.threads.iter().filter(|t| t.busy);
        if self.lanes.share_a_thread() {
            return busy.next().map_or(0, |first| usize::from(!runs(first)) + busy.count());
        }
        busy.filter(|t| !runs(t)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::WorkerState;
    use crate::settings::LaneKind;
    use std::sync::mpsc::channel;

    #[test]
    fn threads_wait_each_for_itself_and_lanes_of_one_thread_but_for_one() {
        let (go, wait) = channel::<()>();
        let (said, tid) = channel();
        let sleeper = std::thread::spawn(move || {
            said.send(nix::unistd::gettid().as_raw()).unwrap();
            let _ = wait.recv();
        });
        let (runs, sleeps) = (nix::unistd::gettid().as_raw(), tid.recv().unwrap());
        let mut w = Snapshot::sample_worker(WorkerState::Ready, 1);
        w.pid = std::process::id() as i32;
        while usage::runs(w.pid, sleeps) != Some(false) {
            std::thread::yield_now();
        }
        let mut of = |kind: LaneKind, lanes: &[(bool, i32)]| {
            let lane = w.threads[0].clone();
            w.threads = lanes.iter().map(|&(busy, tid)| Thread { busy, tid, ..lane.clone() }).collect();
            w.lanes = kind;
            w.count_waiting()
        };
        assert_eq!(of(LaneKind::Threads, &[(true, runs), (true, sleeps), (false, sleeps)]), 1);
        assert_eq!(of(LaneKind::Tasks, &[(true, sleeps), (true, sleeps), (false, sleeps)]), 2);
        assert_eq!(of(LaneKind::Greenlets, &[(false, runs), (true, runs), (true, runs)]), 1);
        assert_eq!(of(LaneKind::Greenlets, &[(false, runs)]), 0);
        // One that is not there any more runs no request either.
        assert_eq!(of(LaneKind::Threads, &[(true, 0)]), 1);
        drop(go);
        sleeper.join().unwrap();
        let (mut s, waiting) = (Snapshot::sample(), |n| Worker { waiting: n, ..w.clone() });
        assert_eq!(s.waiting(), Some(0));
        s.workers = vec![waiting(Some(2)), waiting(None), waiting(Some(3))];
        assert_eq!(s.waiting(), Some(5));
        s.workers = vec![waiting(None)];
        assert_eq!(s.waiting(), None);
    }
}
