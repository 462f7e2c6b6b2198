//! Numbers of the application (`metric`): a word each, changed by one atomic operation.
#![forbid(unsafe_code)]

use crate::map::Region;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use uswgi_proto::shared::MetricSpec;

/// The numbers of an instance.
pub struct Metrics {
    region: Arc<Region>,
    offset: usize,
    specs: Vec<MetricSpec>,
}

impl Metrics {
    pub(crate) fn new(region: Arc<Region>, offset: usize, specs: Vec<MetricSpec>) -> Metrics {
        Metrics { region, offset, specs }
    }

    pub(crate) fn initialise(&self) {
        for (index, spec) in self.specs.iter().enumerate() {
            self.word(index).store(spec.initial as u64, Relaxed);
        }
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        self.region.word64(self.offset + index * 8)
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.specs.iter().position(|s| s.name == name)
    }

    /// Its value now; None: there is no such number.
    pub fn get(&self, name: &str) -> Option<i64> {
        self.find(name).map(|index| self.word(index).load(Relaxed) as i64)
    }

    /// Change it; false: there is no such number, or `f` has no value for it.
    pub fn change(&self, name: &str, f: impl Fn(i64) -> Option<i64>) -> bool {
        let Some(index) = self.find(name) else { return false };
        self.word(index).fetch_update(Relaxed, Relaxed, |now| f(now as i64).map(|n| n as u64)).is_ok()
    }

    /// All of them with their values.
    pub fn all(&self) -> impl Iterator<Item = (&MetricSpec, i64)> {
        self.specs.iter().enumerate().map(|(index, spec)| (spec, self.word(index).load(Relaxed) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shared, SharedSpec};
    use uswgi_proto::shared::MetricKind;

    #[test]
    fn numbers_are_shared_and_nothing_is_lost() {
        let of = |name: &str, initial| MetricSpec {
            name: name.into(),
            kind: MetricKind::Counter,
            initial,
            oid: String::new(),
        };
        let metrics = vec![of("a", 7), of("b", -1)];
        let (shared, fd) = Shared::create(&SharedSpec { metrics, ..SharedSpec::default() }).unwrap();
        let other = Shared::adopt(std::os::fd::AsFd::as_fd(&fd)).unwrap();
        std::thread::scope(|s| {
            for metrics in [shared.metrics(), other.metrics()] {
                s.spawn(|| (0..1000).for_each(|_| assert!(metrics.change("a", |n| Some(n + 1)))));
            }
        });
        assert_eq!((shared.metrics().get("a"), other.metrics().get("b")), (Some(2007), Some(-1)));
        assert!(!shared.metrics().change("a", |_| None) && !shared.metrics().change("c", Some));
        assert_eq!(
            other.metrics().all().map(|(s, n)| (s.name.as_str(), n)).collect::<Vec<_>>(),
            [("a", 2007), ("b", -1)]
        );
    }
}
