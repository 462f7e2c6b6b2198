//! Alarms: who is told of what, how often, and which commands run for it.
//!
//! The same message is not told again within `alarm-freq` seconds, so that what happens all the time does not storm; another
//! message in between lifts that, as on uWSGI. Commands run beside each other, a few at a time; more wait their turn. It must
//! never run anything, and never read a clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use uswgi_conf::alarms::{Alarm, AlarmTarget, Alarms};
use uswgi_keep::reap::Ended;

/// Commands at a time.
const AT_A_TIME: usize = 16;
/// Commands that wait at most.
const MOST_WAITING: usize = 256;
/// How long a command may run.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmOrder {
    /// Start a command, and say how that went ([`AlarmBook::started`]).
    Run {
        /// Whose.
        alarm: String,
        /// For `/bin/sh -c`.
        command: String,
        /// Its standard input.
        message: Vec<u8>,
    },
    /// Kill the group of a command.
    Kill(i32),
    /// Raise a signal of the application.
    Signal(u8),
    /// Send a message to a mule; 0: to any.
    Tell(u32, Vec<u8>),
    /// Give a number of the application another value.
    Reset(String, i64),
    /// A line for the log.
    Log(String),
}

/// A command that runs.
#[derive(Debug)]
struct Run {
    alarm: String,
    since: Instant,
    killed: bool,
}

/// The queue of a listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Its address.
    pub name: String,
    /// Its descriptor here.
    pub fd: i32,
    /// Connections that wait.
    pub waiting: u32,
    /// Most that may.
    pub limit: u32,
}

/// What was told last, and when.
type Told = Option<(Vec<u8>, Instant)>;

/// The alarms of an instance.
#[derive(Debug, Default)]
pub struct AlarmBook {
    alarms: Alarms,
    told: BTreeMap<String, Told>,
    /// When each threshold was passed last.
    passed: Vec<Option<Instant>>,
    running: BTreeMap<i32, Run>,
    waiting: VecDeque<AlarmOrder>,
    /// Commands that are about to be started.
    starting: usize,
}

impl AlarmBook {
    /// Those of a configuration; nothing was told yet.
    pub fn new(alarms: &Alarms) -> AlarmBook {
        let mut book = AlarmBook::default();
        book.replace(alarms);
        book
    }

    /// Another configuration is in force. Commands that run go on.
    pub fn replace(&mut self, alarms: &Alarms) {
        self.alarms = alarms.clone();
        self.told.retain(|name, _| alarms.all.iter().any(|a| a.name == *name));
        self.passed = vec![None; alarms.thresholds.len()];
    }

    /// Raise an alarm; a name that is none does nothing.
    pub fn raise(&mut self, name: &str, message: &[u8], now: Instant) -> Vec<AlarmOrder> {
        let Some(alarm) = self.alarms.all.iter().find(|a| a.name == name).cloned() else { return Vec::new() };
        let message = &message[..message.len().min(self.alarms.message_size as usize)];
        let freq = Duration::from_secs(self.alarms.freq.into());
        let told = self.told.entry(alarm.name.clone()).or_default();
        if told
            .as_ref()
            .is_some_and(|(last, at)| last == message && now.saturating_duration_since(*at) < freq)
        {
            return Vec::new();
        }
        *told = Some((message.to_vec(), now));
        self.tell(alarm, message.to_vec())
    }

    fn tell(&mut self, alarm: Alarm, message: Vec<u8>) -> Vec<AlarmOrder> {
        let order = match alarm.target {
            AlarmTarget::Signal(number) => AlarmOrder::Signal(number),
            AlarmTarget::Mule(number) => AlarmOrder::Tell(number, message),
            AlarmTarget::Log(prefix) => {
                let prefix = if prefix.is_empty() { prefix } else { format!("{} ", prefix.trim_end()) };
                let text = message.strip_suffix(b"\n").unwrap_or(&message);
                AlarmOrder::Log(format!("ALARM: {prefix}{}", String::from_utf8_lossy(text)))
            }
            AlarmTarget::Command(command) => {
                let run = AlarmOrder::Run { alarm: alarm.name, command, message };
                if self.running.len() + self.starting >= AT_A_TIME {
                    return self.put_off(run);
                }
                self.starting += 1;
                run
            }
        };
        vec![order]
    }

    fn put_off(&mut self, run: AlarmOrder) -> Vec<AlarmOrder> {
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(run);
            return Vec::new();
        }
        vec![AlarmOrder::Log(format!(
            "an alarm is lost: {AT_A_TIME} commands of alarms run and {MOST_WAITING} wait"
        ))]
    }

    /// A command was started, or not.
    pub fn started(&mut self, alarm: &str, pid: Result<i32, String>, now: Instant) -> Vec<AlarmOrder> {
        self.starting = self.starting.saturating_sub(1);
        match pid {
            Ok(pid) => {
                self.running.insert(pid, Run { alarm: alarm.into(), since: now, killed: false });
                Vec::new()
            }
            Err(why) => {
                let mut orders =
                    vec![AlarmOrder::Log(format!("alarm {alarm}: its command cannot be started: {why}"))];
                orders.extend(self.next());
                orders
            }
        }
    }

    fn next(&mut self) -> Option<AlarmOrder> {
        let next = self.waiting.pop_front()?;
        self.starting += 1;
        Some(next)
    }

    /// A process has ended that is no worker: whether it was a command of an alarm.
    pub fn ended(&mut self, pid: i32, how: Ended) -> (bool, Vec<AlarmOrder>) {
        let Some(run) = self.running.remove(&pid) else { return (false, Vec::new()) };
        let mut orders = Vec::new();
        if run.killed {
            let seconds = PATIENCE.as_secs();
            orders.push(AlarmOrder::Log(format!(
                "alarm {}: its command ran for more than {seconds} s and was killed",
                run.alarm
            )));
        } else if !how.succeeded() {
            orders.push(AlarmOrder::Log(format!("alarm {}: its command {how}", run.alarm)));
        }
        orders.extend(self.next());
        (true, orders)
    }

    /// When [`AlarmBook::tick`] is wanted.
    pub fn deadline(&self) -> Option<Instant> {
        self.running.values().filter(|run| !run.killed).map(|run| run.since + PATIENCE).min()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) -> Vec<AlarmOrder> {
        let late = self.running.iter_mut().filter(|(_, run)| !run.killed && run.since + PATIENCE <= now);
        let kill = |(pid, run): (&i32, &mut Run)| {
            run.killed = true;
            AlarmOrder::Kill(*pid)
        };
        late.map(kill).collect()
    }

    /// A process of the application has crashed: `worker 1`, its pid, and how.
    pub fn crashed(&mut self, who: &str, pid: i32, how: Ended, now: Instant) -> Vec<AlarmOrder> {
        if !is_crash(how) {
            return Vec::new();
        }
        let message = format!("{who} (pid {pid}) {how}");
        let names = self.alarms.segfault.clone();
        names.iter().flat_map(|name| self.raise(name, message.as_bytes(), now)).collect()
    }

    /// Whether somebody wants to know of queues that are full.
    pub fn wants_backlogs(&self) -> bool {
        !self.alarms.backlog.is_empty()
    }

    /// The listening sockets were looked at.
    pub fn backlogs(&mut self, all: &[Backlog], now: Instant) -> Vec<AlarmOrder> {
        let full = all.iter().filter(|b| b.limit > 0 && b.waiting >= b.limit);
        let mut orders = Vec::new();
        for b in full {
            // uWSGI's own words, for who looks for them.
            let message = format!(
                "listen queue of socket {:?} (fd: {}) full !!! ({}/{})",
                b.name, b.fd, b.waiting, b.limit
            );
            for name in self.alarms.backlog.clone() {
                orders.extend(self.raise(&name, message.as_bytes(), now));
            }
        }
        orders
    }

    /// Whether somebody wants to know of numbers of the application.
    pub fn wants_metrics(&self) -> bool {
        !self.alarms.thresholds.is_empty()
    }

    /// The numbers of the application were looked at.
    pub fn metrics(&mut self, value: impl Fn(&str) -> Option<i64>, now: Instant) -> Vec<AlarmOrder> {
        let mut orders = Vec::new();
        for (index, t) in self.alarms.thresholds.clone().into_iter().enumerate() {
            let rate = Duration::from_secs(t.rate.into());
            let early = self.passed[index].is_some_and(|at| now.saturating_duration_since(at) < rate);
            if early || value(&t.metric).is_none_or(|n| n < t.value) {
                continue;
            }
            self.passed[index] = Some(now);
            if let Some(to) = t.reset {
                orders.push(AlarmOrder::Reset(t.metric.clone(), to));
            }
            if let Some(alarm) = &t.alarm {
                orders.extend(self.raise(alarm, t.message.as_ref().unwrap_or(&t.metric).as_bytes(), now));
            }
        }
        orders
    }
}

/// Whether a process ended as one does that has a fault, and not because somebody wanted it.
fn is_crash(how: Ended) -> bool {
    use nix::libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    matches!(how, Ended::Signal(SIGSEGV | SIGBUS | SIGFPE | SIGILL | SIGABRT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_conf::alarms::Threshold;

    fn book(more: impl FnOnce(&mut Alarms)) -> AlarmBook {
        let alarm = |name: &str, target| Alarm { name: name.into(), target };
        let all = vec![
            alarm("c", AlarmTarget::Command("cat".into())),
            alarm("s", AlarmTarget::Signal(17)),
            alarm("m", AlarmTarget::Mule(2)),
            alarm("l", AlarmTarget::Log(String::new())),
            alarm("p", AlarmTarget::Log("mind:".into())),
        ];
        let mut alarms = Alarms { all, ..Alarms::default() };
        more(&mut alarms);
        AlarmBook::new(&alarms)
    }

    fn log(text: &str) -> Vec<AlarmOrder> {
        vec![AlarmOrder::Log(text.into())]
    }

    #[test]
    fn each_kind_is_told_in_its_way_and_a_name_that_is_none_in_no_way() {
        let (mut b, now) = (book(|_| {}), Instant::now());
        let run = AlarmOrder::Run { alarm: "c".into(), command: "cat".into(), message: b"x\n".to_vec() };
        assert_eq!(b.raise("c", b"x\n", now), [run]);
        assert_eq!(b.raise("s", b"x", now), [AlarmOrder::Signal(17)]);
        assert_eq!(b.raise("m", b"\xff", now), [AlarmOrder::Tell(2, b"\xff".to_vec())]);
        assert_eq!(b.raise("l", b"two\nlines", now), log("ALARM: two\nlines"));
        assert_eq!(b.raise("p", b"gap", now), log("ALARM: mind: gap"));
        assert_eq!(b.raise("ghost", b"x", now), []);
    }

    #[test]
    fn the_same_message_rests_and_another_one_does_not() {
        let (mut b, now) = (book(|_| {}), Instant::now());
        let at = |ms| now + Duration::from_millis(ms);
        let mut told = |text: &[u8], ms| !b.raise("l", text, at(ms)).is_empty();
        assert!(told(b"a", 0) && !told(b"a", 2999));
        assert!(told(b"a", 3000) && told(b"b", 3001) && told(b"a", 3002) && !told(b"a", 4000));
        let mut b = book(|a| (a.freq, a.message_size) = (0, 2));
        assert_eq!(b.raise("l", b"abc", now), log("ALARM: ab"));
        assert_eq!(b.raise("l", b"abd", now), log("ALARM: ab"), "0: always");
    }

    #[test]
    fn commands_run_a_few_at_a_time_and_those_that_hang_are_killed() {
        let (mut b, now) = (book(|_| {}), Instant::now());
        let text = |n: i32| n.to_string().into_bytes();
        for n in 0..AT_A_TIME as i32 {
            assert_eq!(b.raise("c", &text(n), now).len(), 1);
            assert_eq!(b.started("c", Ok(100 + n), now), []);
        }
        assert_eq!(b.raise("c", b"later", now), []);
        assert_eq!(b.ended(7, Ended::Code(0)), (false, vec![]));
        let later = |orders: &[AlarmOrder]| matches!(orders, [AlarmOrder::Run { message, .. }] if message == b"later");
        let (ours, orders) = b.ended(100, Ended::Code(0));
        assert!(ours && later(&orders), "{orders:?}");
        assert_eq!(
            b.started("c", Err("no memory".into()), now),
            log("alarm c: its command cannot be started: no memory")
        );
        assert_eq!(b.ended(101, Ended::Code(127)).1, log("alarm c: its command exited with code 127"));
        assert_eq!(b.deadline(), Some(now + PATIENCE));
        assert_eq!(b.tick(now + PATIENCE).len(), AT_A_TIME - 2);
        assert_eq!((b.tick(now + PATIENCE), b.deadline()), (vec![], None));
        assert_eq!(
            b.ended(102, Ended::Signal(9)).1,
            log("alarm c: its command ran for more than 60 s and was killed")
        );
    }

    #[test]
    fn a_flood_is_bounded_and_said() {
        let (mut b, now) = (book(|_| {}), Instant::now());
        let told: Vec<_> = (0..300).flat_map(|n| b.raise("c", &n.to_string().into_bytes(), now)).collect();
        let lost = told.iter().filter(|o| matches!(o, AlarmOrder::Log(_))).count();
        assert_eq!((told.len() - lost, lost), (AT_A_TIME, 300 - AT_A_TIME - MOST_WAITING));
    }

    #[test]
    fn crashes_full_queues_and_numbers_raise_what_was_asked_for() {
        let threshold = |value, alarm: Option<&str>, rate, reset| Threshold {
            metric: "n".into(),
            value,
            alarm: alarm.map(str::to_string),
            message: None,
            rate,
            reset,
        };
        let mut b = book(|a| {
            a.segfault = vec!["l".into()];
            a.backlog = vec!["p".into()];
            a.thresholds = vec![threshold(10, Some("l"), 5, None), threshold(20, None, 0, Some(1))];
        });
        let now = Instant::now();
        assert_eq!(b.crashed("worker 1", 9, Ended::Signal(9), now), []);
        assert_eq!(b.crashed("worker 1", 9, Ended::Code(1), now), []);
        assert_eq!(
            b.crashed("worker 1", 9, Ended::Signal(11), now),
            log("ALARM: worker 1 (pid 9) was killed by SIGSEGV")
        );
        let queue = |waiting, limit| Backlog { name: ":1".into(), fd: 3, waiting, limit };
        assert_eq!(b.backlogs(&[queue(4, 5), queue(0, 0)], now), []);
        assert_eq!(
            b.backlogs(&[queue(6, 5)], now),
            log("ALARM: mind: listen queue of socket \":1\" (fd: 3) full !!! (6/5)")
        );
        let mut at = |value, seconds| b.metrics(|_| Some(value), now + Duration::from_secs(seconds));
        assert_eq!(at(9, 10), []);
        assert_eq!(at(10, 11), log("ALARM: n"));
        assert_eq!(at(20, 15), [AlarmOrder::Reset("n".into(), 1)], "the other one rests for 5 s");
        assert_eq!(at(12, 16), log("ALARM: n"));
        assert_eq!(b.metrics(|_| None, now), []);
    }
}
