//! What `top` knows: the instance as it was seen last and before, and what is on the screen. Pure: it draws nothing
//! and sends nothing.

use super::action::Action;
use crate::process::Process;
use crate::report::printable;
use std::collections::HashMap;
use uswgi_proto::show::snapshot::{Snapshot, Worker};

/// By what the rows are sorted, in the order in which the key goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Worker number, upwards.
    Id,
    /// Share of a processor.
    Cpu,
    /// Requests a second.
    Rate,
    /// Resident memory.
    Memory,
    /// Age of the oldest request under way.
    Age,
    /// Requests since the start.
    Requests,
}

impl Sort {
    /// All, in order.
    pub const ALL: [Sort; 6] = [Sort::Id, Sort::Cpu, Sort::Rate, Sort::Memory, Sort::Age, Sort::Requests];

    /// As it is named on the command line and the screen.
    pub fn name(self) -> &'static str {
        match self {
            Sort::Id => "id",
            Sort::Cpu => "cpu",
            Sort::Rate => "rate",
            Sort::Memory => "memory",
            Sort::Age => "age",
            Sort::Requests => "requests",
        }
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Sort> {
        Sort::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// What is on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// The workers.
    List,
    /// The filter is being typed.
    Filter,
    /// `y` does it.
    Confirm(Action),
    /// A text, from this line on.
    Text {
        /// Above it.
        title: String,
        /// The text.
        text: String,
        /// First line shown.
        from: u16,
    },
}

/// What changed in a second, for one process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rate {
    /// Requests.
    pub requests: f64,
    /// Percent of a processor.
    pub cpu: f64,
}

/// The state of the screen.
#[derive(Debug)]
pub struct Top {
    /// The instance as it was seen last.
    pub seen: Snapshot,
    rates: HashMap<i32, Rate>,
    /// Requests a second of the whole instance.
    pub rate: f64,
    /// By what the rows are sorted.
    pub sort: Sort,
    /// The other way round.
    pub reverse: bool,
    /// Only rows with this text in them.
    pub filter: String,
    /// Whether threads have rows.
    pub threads: bool,
    /// What is on the screen.
    pub mode: Screen,
    /// The process that was chosen last; None: nobody has chosen yet.
    pub chosen: Option<Process>,
    /// The last line.
    pub message: String,
}

impl Top {
    /// For an instance that was just seen.
    pub fn new(seen: Snapshot, sort: Sort, filter: String) -> Top {
        Top {
            seen,
            rates: HashMap::new(),
            rate: 0.0,
            sort,
            reverse: false,
            filter,
            threads: true,
            mode: Screen::List,
            chosen: None,
            message: String::new(),
        }
    }

    /// It was seen again, so many seconds later.
    pub fn see(&mut self, seen: Snapshot, seconds: f64) {
        let seconds = seconds.max(0.001);
        let before: HashMap<i32, (u64, u64)> =
            self.seen.workers.iter().map(|w| (w.pid, (w.own.requests, cpu(w)))).collect();
        let rate = |w: &Worker| {
            let (requests, used) = *before.get(&w.pid)?;
            let of = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
            Some((w.pid, Rate { requests: of(w.own.requests, requests), cpu: of(cpu(w), used) / 10_000.0 }))
        };
        self.rates = seen.workers.iter().filter_map(rate).collect();
        self.rate = seen.total.requests.saturating_sub(self.seen.total.requests) as f64 / seconds;
        self.seen = seen;
    }

    pub(super) fn rate_of(&self, w: &Worker) -> Rate {
        self.rates.get(&w.pid).copied().unwrap_or_default()
    }

    /// Show a text.
    pub fn show(&mut self, title: String, text: &str) {
        self.mode = Screen::Text { title, text: printable(text), from: 0 };
    }
}

/// Processor time of a worker so far, in microseconds.
fn cpu(w: &Worker) -> u64 {
    w.usage.map_or(0, |u| u.user_us + u.system_us)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use uswgi_proto::scoreboard::WorkerState;
    use uswgi_proto::scoreboard::text::RequestLine;

    pub(in crate::top) fn three() -> Top {
        let mut s = Snapshot::sample();
        s.workers = (1..=3)
            .map(|id| {
                let mut w = Snapshot::sample_worker(WorkerState::Ready, 1);
                (w.id, w.pid, w.rss) = (id, 100 + id as i32, u64::from(4 - id) << 20);
                w
            })
            .collect();
        let mut second = s.workers[1].threads[0].clone();
        second.busy = true;
        second.busy_us = 2_500_000;
        second.request =
            Some(RequestLine { method: "GET".into(), uri: "/slow\u{1b}[2J".into(), remote: "::1".into() });
        s.workers[1].threads.push(second);
        Top::new(s, Sort::Id, String::new())
    }

    #[test]
    fn rates_are_of_the_process() {
        let mut top = three();
        let mut next = top.seen.clone();
        next.workers[0].own.requests += 50;
        next.total.requests += 60;
        next.workers[0].usage = Some(Default::default());
        // A successor with another pid has no rate yet.
        next.workers[2].pid = 999;
        next.workers[2].own.requests = 1000;
        top.see(next, 2.0);
        let rows = top.rows(0);
        assert_eq!((rows[0].cells[5].as_str(), rows[3].cells[5].as_str()), ("25.0", "0.0"));
        assert!((top.rate - 30.0).abs() < 0.01);
    }
}
