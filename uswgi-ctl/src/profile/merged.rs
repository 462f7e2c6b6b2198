//! Slices of several workers as one profile. Pure.

use std::collections::{BTreeSet, HashMap};
use uswgi_proto::profile::{LaneStanding, PythonFrame, Slice};

/// Route of a request that was not read yet, or is one of several in a loop.
pub const NO_ROUTE: &str = "(not known which request)";

/// A whole profile.
#[derive(Debug, Clone, Default)]
pub struct MergedProfile {
    /// Looks each second.
    pub rate: u16,
    /// The interpreter, for people.
    pub python: String,
    /// Workers that have answered.
    pub workers: BTreeSet<u32>,
    /// Workers that have not, ever.
    pub silent: Vec<u32>,
    /// Looks, summed over the workers.
    pub ticks: u64,
    /// Looks that did not take place.
    pub late: u64,
    /// Looks at lanes without a request.
    pub idle: u64,
    /// Looks at lanes whose stack was not to be read.
    pub unread: u64,
    /// Functions.
    pub frames: Vec<PythonFrame>,
    /// What was seen.
    pub stacks: HashMap<MergedStack, u64>,
    numbers: HashMap<PythonFrame, u32>,
}

/// Where a lane stood.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MergedStack {
    /// Of which worker.
    pub worker: u32,
    /// With which request.
    pub route: Option<String>,
    /// What it did.
    pub standing: LaneStanding,
    /// Numbers of its frames, from the root.
    pub frames: Vec<u32>,
}

/// What a graph is grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// The route of the request.
    Route,
    /// The number of the worker.
    Worker,
    /// Nothing.
    None,
}

impl GroupBy {
    /// All, and as they are typed.
    pub const ALL: [(&'static str, GroupBy); 3] =
        [("route", GroupBy::Route), ("worker", GroupBy::Worker), ("none", GroupBy::None)];

    /// From what was typed.
    pub fn from_name(name: &str) -> Option<GroupBy> {
        GroupBy::ALL.into_iter().find(|(n, _)| *n == name).map(|(_, by)| by)
    }

    /// The group of a stack; None: there are no groups.
    pub fn of(self, stack: &MergedStack) -> Option<String> {
        match self {
            GroupBy::Route => Some(stack.route.clone().unwrap_or_else(|| NO_ROUTE.into())),
            GroupBy::Worker => Some(format!("worker {}", stack.worker)),
            GroupBy::None => None,
        }
    }
}

impl MergedProfile {
    /// An empty one, of so many looks a second.
    pub fn new(rate: u16) -> MergedProfile {
        MergedProfile { rate, ..MergedProfile::default() }
    }

    /// What a worker has seen, too.
    pub fn add(&mut self, worker: u32, slice: &Slice) {
        self.workers.insert(worker);
        self.python.clone_from(&slice.python);
        self.ticks += slice.ticks;
        self.late += slice.late;
        self.idle += slice.idle;
        self.unread += slice.unread;
        let numbers: Vec<u32> = slice
            .frames
            .iter()
            .map(|frame| {
                *self.numbers.entry(frame.clone()).or_insert_with(|| {
                    self.frames.push(frame.clone());
                    self.frames.len() as u32 - 1
                })
            })
            .collect();
        for (stack, count) in &slice.stacks {
            let merged = MergedStack {
                worker,
                route: stack.route.and_then(|r| slice.routes.get(r as usize)).cloned(),
                standing: stack.standing,
                frames: stack.frames.iter().filter_map(|f| numbers.get(*f as usize)).copied().collect(),
            };
            *self.stacks.entry(merged).or_default() += count;
        }
    }

    /// Looks at lanes with a request whose stack was read.
    pub fn busy(&self) -> u64 {
        self.stacks.values().sum()
    }
}

/// Stacks by hand, for tests.
#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use uswgi_proto::profile::SampledStack;

    pub(crate) fn profile() -> MergedProfile {
        let frame = |name: &str, file: &str, line| PythonFrame { name: name.into(), file: file.into(), line };
        let app = frame("app", "/srv/site/views;x.py", 3);
        let query = frame("Model.query", "/srv/venv/lib/python3.11/site-packages/orm/base.py", 70);
        let stack =
            |standing, route, frames: &[u32]| SampledStack { standing, route, frames: frames.to_vec() };
        let one = Slice {
            python: "3.11.7".into(),
            ticks: 100,
            idle: 40,
            frames: vec![app.clone(), query.clone()],
            routes: vec!["GET /a/*".into()],
            stacks: HashMap::from([
                (stack(LaneStanding::Runs, Some(0), &[0, 1]), 20),
                (stack(LaneStanding::Waits, Some(0), &[0, 1]), 10),
                (stack(LaneStanding::Gil, None, &[]), 5),
            ]),
            ..Slice::default()
        };
        // The same functions by other numbers.
        let other = Slice {
            python: "3.11.7".into(),
            ticks: 100,
            late: 3,
            unread: 1,
            frames: vec![query, app],
            routes: vec!["POST /b".into(), "GET /a/*".into()],
            stacks: HashMap::from([
                (stack(LaneStanding::Runs, Some(1), &[1, 0]), 7),
                (stack(LaneStanding::Sending, Some(0), &[1]), 2),
            ]),
            ..Slice::default()
        };
        let mut profile = MergedProfile::new(100);
        profile.add(1, &one);
        profile.add(2, &other);
        profile
    }

    #[test]
    fn slices_of_several_workers_are_one_profile_with_each_function_once() {
        let p = profile();
        assert_eq!((p.frames.len(), p.busy(), p.idle, p.ticks, p.late, p.unread), (2, 44, 40, 200, 3, 1));
        let a = |worker| MergedStack {
            worker,
            route: Some("GET /a/*".into()),
            standing: LaneStanding::Runs,
            frames: vec![0, 1],
        };
        assert_eq!((p.stacks[&a(1)], p.stacks[&a(2)]), (20, 7));
        for (name, by) in GroupBy::ALL {
            assert_eq!(GroupBy::from_name(name), Some(by));
        }
        assert_eq!(GroupBy::Worker.of(&a(2)), Some("worker 2".into()));
    }
}
