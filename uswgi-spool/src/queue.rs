//! Which task is next: names that are known, and those that wait for their time. Pure.
//!
//! So that no folder is listed for each task: it is listed once, later names come one by one. It must never be believed to
//! know what is in the folder: a name is a hint, and whether the task is there is seen when it is taken.

use crate::name::TaskName;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Names that are held of those that are ready, and of those that wait: the first ones. What is beyond them is found by a
/// later look at the folder.
pub const MOST: usize = 100_000;

/// Where a task lies, and its place in the order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Numeric folder below the spool folder, by its number, and as it is written; what lies in the spool folder itself
    /// comes behind them, as on uWSGI.
    priority: (u128, String),
    made: (u64, u32),
    name: TaskName,
}

impl Entry {
    /// A task in the spool folder, or in the numeric folder `priority` below it.
    pub fn new(priority: Option<&str>, name: TaskName) -> Entry {
        let number = |text: &str| text.parse().unwrap_or(u128::MAX - 1);
        let priority = priority.map_or((u128::MAX, String::new()), |p| (number(p), p.to_string()));
        Entry { priority, made: name.made(), name }
    }

    /// The folder below the spool folder; None: itself.
    pub fn priority(&self) -> Option<&str> {
        Some(self.priority.1.as_str()).filter(|p| !p.is_empty())
    }

    /// The file.
    pub fn name(&self) -> &TaskName {
        &self.name
    }
}

/// Whether a folder below a spool folder is one of priorities.
pub fn is_priority(folder: &str) -> bool {
    !folder.is_empty() && folder.len() <= 38 && folder.bytes().all(|b| b.is_ascii_digit())
}

/// Tasks that are known.
#[derive(Debug)]
pub struct Queue {
    most: usize,
    ready: BTreeSet<Entry>,
    waiting: BTreeSet<(u64, Entry)>,
    /// When each of the waiting comes.
    times: BTreeMap<Entry, u64>,
    /// Tasks of which a file says how often they were tried.
    tried: HashSet<TaskName>,
    left_out: bool,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue::of(MOST)
    }
}

impl Queue {
    /// One that holds so many names of either kind.
    pub fn of(most: usize) -> Queue {
        let (ready, waiting) = (BTreeSet::new(), BTreeSet::new());
        Queue { most, ready, waiting, times: BTreeMap::new(), tried: HashSet::new(), left_out: false }
    }

    /// A task was seen.
    pub fn add(&mut self, entry: Entry) {
        if self.times.contains_key(&entry) {
            return;
        }
        if self.ready.len() >= self.most && !self.ready.contains(&entry) {
            self.left_out = true;
            if self.ready.last().is_some_and(|last| *last < entry) {
                return;
            }
            self.ready.pop_last();
        }
        self.ready.insert(entry);
    }

    /// A task is to be looked at now, whatever it waits for.
    pub fn hurry(&mut self, entry: Entry) {
        if let Some(at) = self.times.remove(&entry) {
            self.waiting.remove(&(at, entry.clone()));
        }
        self.add(entry);
    }

    /// It is to be looked at again at this moment, seconds since the epoch.
    pub fn wait(&mut self, entry: Entry, at: u64) {
        if let Some(before) = self.times.insert(entry.clone(), at) {
            self.waiting.remove(&(before, entry.clone()));
        }
        self.waiting.insert((at, entry));
        if self.waiting.len() > self.most
            && let Some((_, last)) = self.waiting.pop_last()
        {
            self.times.remove(&last);
        }
    }

    /// A file says how often this task was tried.
    pub fn mark_tried(&mut self, name: TaskName) {
        self.tried.insert(name);
    }

    /// Whether a file is known that says how often this task was tried.
    pub fn is_tried(&self, name: &TaskName) -> bool {
        self.tried.contains(name)
    }

    /// That file is gone; whether one was known.
    pub fn forget_tried(&mut self, name: &TaskName) -> bool {
        self.tried.remove(name)
    }

    /// The next one, `now` in seconds since the epoch. The oldest comes first, or, where there are priorities, the lowest
    /// number.
    pub fn next(&mut self, now: u64) -> Option<Entry> {
        while let Some((at, _)) = self.waiting.first()
            && *at <= now
            && let Some((_, entry)) = self.waiting.pop_first()
        {
            self.times.remove(&entry);
            self.add(entry);
        }
        self.ready.pop_first()
    }

    /// When the first of those that wait is due.
    pub fn due(&self) -> Option<u64> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// Whether there is one now.
    pub fn is_due(&self, now: u64) -> bool {
        !self.ready.is_empty() || self.due().is_some_and(|at| at <= now)
    }

    /// Tasks that are known.
    pub fn len(&self) -> usize {
        self.ready.len() + self.waiting.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether ready ones had no place since this was asked last: the folder is to be looked at again when no other is
    /// ready. Of those that wait the next regular look finds what had none.
    pub fn take_left_out(&mut self) -> bool {
        std::mem::take(&mut self.left_out)
    }

    /// When the oldest was made, seconds since the epoch.
    pub fn oldest(&self) -> Option<u64> {
        self.ready.iter().next().map(|e| e.made.0).filter(|&s| s > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(priority: Option<&str>, seconds: u64) -> Entry {
        Entry::new(priority, TaskName::of(&format!("uwsgi_spoolfile_on_x_1_1_1_{seconds}_0")).unwrap())
    }

    fn order(queue: &mut Queue) -> Vec<(String, u64)> {
        let mut all = Vec::new();
        while let Some(e) = queue.next(0) {
            all.push((e.priority().unwrap_or("-").to_string(), e.name().made().0));
        }
        all
    }

    /// The order of uWSGI 2.0.31 with spooler-ordered: 2 before 10, the folder itself last.
    #[test]
    fn lower_numbers_come_first_and_older_tasks() {
        let mut q = Queue::default();
        for (p, at) in
            [(None, 1), (Some("10"), 2), (Some("2"), 4), (Some("2"), 3), (None, 0), (Some("010"), 9)]
        {
            q.add(entry(p, at));
        }
        let expected = [("2", 3), ("2", 4), ("010", 9), ("10", 2), ("-", 0), ("-", 1)];
        let expected: Vec<_> = expected.iter().map(|(p, at)| (p.to_string(), *at)).collect();
        assert_eq!(order(&mut q), expected);
    }

    #[test]
    fn who_waits_comes_at_its_time_and_once() {
        let mut q = Queue::default();
        q.wait(entry(None, 5), 100);
        q.wait(entry(None, 6), 90);
        // Seen again by a look at the folder.
        q.add(entry(None, 5));
        assert_eq!((q.len(), q.next(89), q.due()), (2, None, Some(90)));
        q.wait(entry(None, 5), 95);
        assert_eq!(q.next(95).unwrap(), entry(None, 5));
        assert_eq!(q.next(95).unwrap(), entry(None, 6));
        assert!(q.is_empty() && q.due().is_none());
    }

    #[test]
    fn who_waits_can_be_hurried() {
        let mut q = Queue::default();
        q.wait(entry(None, 5), 100);
        q.hurry(entry(None, 5));
        q.hurry(entry(None, 6));
        assert_eq!((q.len(), q.due()), (2, None));
        assert_eq!(q.next(0).unwrap(), entry(None, 5));
    }

    /// Any number of tasks of next week are no reason to forget one of today.
    #[test]
    fn it_holds_the_first_of_many_names() {
        let most = 100;
        let mut q = Queue::of(100);
        (0..most + 10).for_each(|n| q.wait(entry(None, n), 1000 + n));
        assert_eq!((q.len(), q.due(), q.take_left_out()), (100, Some(1000), false));
        (10..most + 20).rev().for_each(|n| q.add(entry(Some("1"), n)));
        assert_eq!(q.len(), 200);
        assert!(q.take_left_out() && !q.take_left_out());
        assert_eq!(q.next(0).unwrap(), entry(Some("1"), 10));
        q.wait(entry(None, most + 50), 999);
        assert_eq!(q.due(), Some(999), "and of those that wait");
    }

    #[test]
    fn only_numbers_are_priorities() {
        for (folder, is) in
            [("3", true), ("010", true), ("x", false), ("", false), ("failed", false), ("-1", false)]
        {
            assert_eq!(is_priority(folder), is, "{folder}");
        }
    }
}
