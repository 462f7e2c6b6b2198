//! What was seen of the time of a lane's request ([`crate::slow`]).

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use uswgi_proto::profile::LaneStanding;

/// What was seen of a lane's request. Writer: the native thread.
#[derive(Debug, Default)]
pub(crate) struct LaneTimes {
    /// Of which request, by [`Lane::sequence`].
    sequence: AtomicU64,
    looks: AtomicU64,
    us: [AtomicU64; LaneStanding::ALL.len()],
}

impl LaneTimes {
    /// Of this request from here on.
    pub(crate) fn begin(&self, sequence: u64) {
        self.us.iter().chain([&self.looks]).for_each(|n| n.store(0, Relaxed));
        self.sequence.store(sequence, Relaxed);
    }

    /// So it stood for so long.
    pub(crate) fn add(&self, standing: LaneStanding, us: u64) {
        let add = |to: &AtomicU64, n: u64| to.store(to.load(Relaxed) + n, Relaxed);
        add(&self.us[standing as usize], us);
        add(&self.looks, 1);
    }

    /// Of the request with this number: times by standing, and looks.
    pub(crate) fn of(&self, sequence: u64) -> ([u64; LaneStanding::ALL.len()], u64) {
        if self.sequence.load(Relaxed) != sequence {
            return Default::default();
        }
        (std::array::from_fn(|i| self.us[i].load(Relaxed)), self.looks.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_one_request() {
        let times = LaneTimes::default();
        times.begin(5);
        times.add(LaneStanding::Gil, 30);
        times.add(LaneStanding::Gil, 10);
        assert_eq!(times.of(5), ([0, 40, 0, 0, 0], 2));
        assert_eq!(times.of(7), ([0; 5], 0));
        times.begin(7);
        assert_eq!(times.of(7), ([0; 5], 0));
    }
}
