//! What `top` knows and what its keys do. Pure: two snapshots in, rows out; it draws nothing and sends nothing.

use crate::report::printable;
use crate::status::{bytes, duration, last_restart, milliseconds};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::HashMap;
use uswgi_proto::show::latency::quantile;
use uswgi_proto::show::names::worker_state_name;
use uswgi_proto::show::snapshot::{Snapshot, Thread, Worker};

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

/// What is done to the instance; carried out elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Show the Python stacks of this worker.
    Stacks(u32),
    /// Replace this worker, its requests finished.
    Retire(u32),
    /// Reload.
    Reload,
}

impl Order {
    /// As a question.
    pub fn question(self) -> String {
        let what = match self {
            Order::Stacks(id) => format!("show the stacks of worker {id}?"),
            Order::Retire(id) => format!("retire worker {id}?"),
            Order::Reload => "reload the instance?".into(),
        };
        what + " y: yes, any other key: no"
    }
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Nothing but another picture.
    Nothing,
    /// The end.
    Quit,
    /// A look before its time.
    Look,
    /// To do something.
    Do(Order),
}

/// What is on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The workers.
    List,
    /// The filter is being typed.
    Filter,
    /// `y` does it.
    Confirm(Order),
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

/// A row: a worker, or a thread under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Worker number.
    pub worker: u32,
    /// False for a thread.
    pub is_worker: bool,
    /// The worker does something besides waiting, or the thread is in a request.
    pub busy: bool,
    /// One text a column; a thread has its request in the last one.
    pub cells: Vec<String>,
}

/// Headings of the columns.
pub const COLUMNS: [&str; 12] =
    ["WORKER", "PID", "STATE", "GEN", "REQS", "REQ/S", "CPU%", "RSS", "BUSY", "P99", "UP", "REQUEST"];

/// What changed in a second, for one process.
#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    requests: f64,
    cpu: f64,
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
    pub mode: Mode,
    /// Number of the chosen worker.
    pub chosen: u32,
    /// The last line.
    pub message: String,
}

fn age(w: &Worker) -> u64 {
    w.threads.iter().filter(|t| t.busy).map(|t| t.busy_us).max().unwrap_or(0)
}

fn request(t: &Thread) -> String {
    let line = t.request.as_ref().map_or("?".into(), |r| format!("{} {} from {}", r.method, r.uri, r.remote));
    format!("{} ms {}", milliseconds(t.busy_us), printable(&line))
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
            mode: Mode::List,
            chosen: 0,
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

    fn rate_of(&self, w: &Worker) -> Rate {
        self.rates.get(&w.pid).copied().unwrap_or_default()
    }

    /// The rows as they stand: filtered, sorted, threads under their workers.
    pub fn rows(&self, now: u64) -> Vec<Row> {
        let mut workers: Vec<&Worker> = self.seen.workers.iter().collect();
        let size = |n: u64| n as f64;
        let key = |w: &Worker| match self.sort {
            Sort::Id => -f64::from(w.id),
            Sort::Cpu => self.rate_of(w).cpu,
            Sort::Rate => self.rate_of(w).requests,
            Sort::Memory => size(w.rss),
            Sort::Age => size(age(w)),
            Sort::Requests => size(w.total.requests),
        };
        workers.sort_by(|a, b| key(b).total_cmp(&key(a)).then(a.id.cmp(&b.id)));
        if self.reverse {
            workers.reverse();
        }
        workers.into_iter().flat_map(|w| self.rows_of(w, now)).collect()
    }

    fn rows_of(&self, w: &Worker, now: u64) -> Vec<Row> {
        let busy: Vec<(usize, &Thread)> = w.threads.iter().enumerate().filter(|(_, t)| t.busy).collect();
        let rate = self.rate_of(w);
        let last = match busy.as_slice() {
            [] => match last_restart(w).as_str() {
                "-" => String::new(),
                why => format!("(came after: {why})"),
            },
            [(_, only)] if !self.threads || w.threads.len() == 1 => request(only),
            [(_, one), ..] if !self.threads => format!("{} and {} more", request(one), busy.len() - 1),
            _ => String::new(),
        };
        let worker = Row {
            worker: w.id,
            is_worker: true,
            busy: !busy.is_empty(),
            cells: vec![
                w.id.to_string(),
                w.pid.to_string(),
                worker_state_name(w.state).into(),
                w.generation.to_string(),
                w.total.requests.to_string(),
                format!("{:.1}", rate.requests),
                format!("{:.1}", rate.cpu),
                if w.rss > 0 { bytes(w.rss) } else { "-".into() },
                format!("{}/{}", busy.len(), w.threads.len()),
                quantile(&w.histogram, 0.99).map_or("-".into(), |us| format!("{}ms", milliseconds(us))),
                duration(now.saturating_sub(w.last_spawn)),
                last,
            ],
        };
        let mut rows = vec![worker];
        if self.threads && w.threads.len() > 1 {
            rows.extend(busy.into_iter().map(|(i, t)| {
                let mut cells = vec![String::new(); COLUMNS.len()];
                cells[0] = format!("  :{i}");
                cells[4] = t.total.requests.to_string();
                cells[COLUMNS.len() - 1] = request(t);
                Row { worker: w.id, is_worker: false, busy: true, cells }
            }));
        }
        let wanted = |r: &Row| {
            self.filter.is_empty()
                || r.cells.iter().any(|c| c.to_lowercase().contains(&self.filter.to_lowercase()))
        };
        // A thread that fits brings its worker.
        if rows.iter().skip(1).any(wanted) {
            let mut shown = vec![rows[0].clone()];
            shown.extend(rows.into_iter().skip(1).filter(wanted));
            return shown;
        }
        if wanted(&rows[0]) { rows } else { Vec::new() }
    }

    /// The chosen worker: the one that was chosen as long as it is shown, else the first.
    pub fn chosen(&self, rows: &[Row]) -> Option<u32> {
        let mut numbers = rows.iter().filter(|r| r.is_worker).map(|r| r.worker);
        let first = numbers.clone().next()?;
        Some(numbers.find(|id| *id == self.chosen).unwrap_or(first))
    }

    /// Show a text.
    pub fn show(&mut self, title: String, text: &str) {
        self.mode = Mode::Text { title, text: printable(text), from: 0 };
    }

    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent) -> Asked {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Asked::Quit;
        }
        match &mut self.mode {
            Mode::Filter => {
                match key.code {
                    KeyCode::Enter => self.mode = Mode::List,
                    KeyCode::Esc => {
                        self.filter.clear();
                        self.mode = Mode::List;
                    }
                    KeyCode::Backspace => drop(self.filter.pop()),
                    KeyCode::Char(c) => self.filter.push(c),
                    _ => {}
                }
                Asked::Nothing
            }
            Mode::Confirm(order) => {
                let order = *order;
                self.mode = Mode::List;
                self.message.clear();
                if matches!(key.code, KeyCode::Char('y' | 'Y')) { Asked::Do(order) } else { Asked::Nothing }
            }
            Mode::Text { text, from, .. } => {
                let last = text.lines().count().saturating_sub(1).min(u16::MAX.into()) as u16;
                match key.code {
                    KeyCode::Down | KeyCode::Char('j') => *from = from.saturating_add(1).min(last),
                    KeyCode::Up | KeyCode::Char('k') => *from = from.saturating_sub(1),
                    KeyCode::PageDown | KeyCode::Char(' ') => *from = from.saturating_add(20).min(last),
                    KeyCode::PageUp => *from = from.saturating_sub(20),
                    _ => self.mode = Mode::List,
                }
                Asked::Nothing
            }
            Mode::List => self.key_in_list(key.code),
        }
    }

    fn key_in_list(&mut self, code: KeyCode) -> Asked {
        let rows = self.rows(0);
        let chosen = self.chosen(&rows);
        self.message.clear();
        match code {
            KeyCode::Char('q') | KeyCode::Esc => return Asked::Quit,
            KeyCode::Char(' ') => return Asked::Look,
            KeyCode::Down | KeyCode::Char('j') => self.choose(&rows, 1),
            KeyCode::Up | KeyCode::Char('k') => self.choose(&rows, -1),
            KeyCode::Char('s') => {
                let at = Sort::ALL.iter().position(|s| *s == self.sort).unwrap_or(0);
                self.sort = Sort::ALL[(at + 1) % Sort::ALL.len()];
            }
            KeyCode::Char('r') => self.reverse = !self.reverse,
            KeyCode::Char('t') => self.threads = !self.threads,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Char('R') => self.mode = Mode::Confirm(Order::Reload),
            KeyCode::Char('x') => {
                if let Some(id) = chosen {
                    self.mode = Mode::Confirm(Order::Retire(id));
                }
            }
            KeyCode::Char('p') | KeyCode::Enter => {
                if let Some(id) = chosen {
                    self.message = format!("asking worker {id} for its stacks...");
                    return Asked::Do(Order::Stacks(id));
                }
            }
            KeyCode::Char('?' | 'h') => self.show("keys".into(), HELP),
            _ => {}
        }
        Asked::Nothing
    }

    fn choose(&mut self, rows: &[Row], by: isize) {
        let numbers: Vec<u32> = rows.iter().filter(|r| r.is_worker).map(|r| r.worker).collect();
        let Some(now) = self.chosen(rows) else { return };
        let at = numbers.iter().position(|id| *id == now).unwrap_or(0);
        let next = at.saturating_add_signed(by).min(numbers.len() - 1);
        self.chosen = numbers[next];
    }
}

fn cpu(w: &Worker) -> u64 {
    w.usage.map_or(0, |u| u.user_us + u.system_us)
}

/// What the keys do.
const HELP: &str = "\
up, down   choose a worker
p, Enter   its Python stacks
x          retire it: a successor first, its requests are finished
R          reload the instance
s          sort by: id, cpu, rate, memory, age, requests
r          the other way round
t          rows for threads, or not
/          filter rows by a text; Esc takes the filter away
space      look now
q          quit";

#[cfg(test)]
mod tests {
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

    fn press(top: &mut Top, keys: &str) -> Asked {
        let mut asked = Asked::Nothing;
        for c in keys.chars() {
            let code = match c {
                '\n' => KeyCode::Enter,
                '\u{1b}' => KeyCode::Esc,
                c => KeyCode::Char(c),
            };
            asked = top.key(KeyEvent::new(code, KeyModifiers::NONE));
        }
        asked
    }

    fn order(top: &Top) -> Vec<u32> {
        top.rows(0).iter().filter(|r| r.is_worker).map(|r| r.worker).collect()
    }

    #[test]
    fn rows_are_sorted_and_turned_round() {
        let mut top = three();
        assert_eq!(order(&top), [1, 2, 3]);
        press(&mut top, "r");
        assert_eq!(order(&top), [3, 2, 1]);
        press(&mut top, "rsss");
        assert_eq!((top.sort, order(&top)), (Sort::Memory, vec![1, 2, 3]));
        press(&mut top, "s");
        assert_eq!((top.sort, order(&top)[0]), (Sort::Age, 2));
        assert_eq!(Sort::ALL.map(|s| Sort::from_name(s.name())), Sort::ALL.map(Some));
    }

    #[test]
    fn a_thread_in_a_request_has_its_row_and_no_escape_sequence() {
        let mut top = three();
        let rows = top.rows(0);
        assert_eq!(rows.iter().map(|r| r.is_worker).collect::<Vec<_>>(), [true, true, false, true]);
        assert_eq!(rows[2].cells[11], "2500.0 ms GET /slow\\u{1b}[2J from ::1");
        press(&mut top, "t");
        let rows = top.rows(0);
        assert_eq!(rows.len(), 3);
        assert!(rows[1].cells[11].contains("/slow"));
    }

    #[test]
    fn a_filter_leaves_what_fits() {
        let mut top = three();
        press(&mut top, "/SLOW");
        assert_eq!(top.mode, Mode::Filter);
        press(&mut top, "\n");
        let rows = top.rows(0);
        assert_eq!(rows.iter().map(|r| (r.worker, r.is_worker)).collect::<Vec<_>>(), [(2, true), (2, false)]);
        press(&mut top, "/\u{1b}");
        assert_eq!(order(&top).len(), 3);
        press(&mut top, "/none of them\n");
        assert!(top.rows(0).is_empty());
        assert_eq!(press(&mut top, "p"), Asked::Nothing, "no worker is chosen");
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

    #[test]
    fn orders_are_for_the_chosen_worker_and_confirmed_where_they_change_something() {
        let mut top = three();
        assert_eq!(press(&mut top, "p"), Asked::Do(Order::Stacks(1)));
        press(&mut top, "jjjjk");
        assert_eq!(press(&mut top, "x"), Asked::Nothing);
        assert!(matches!(top.mode, Mode::Confirm(o) if o.question().starts_with("retire worker 2?")));
        assert_eq!(press(&mut top, "n"), Asked::Nothing);
        assert_eq!(press(&mut top, "xy"), Asked::Do(Order::Retire(2)));
        assert_eq!(press(&mut top, "Ry"), Asked::Do(Order::Reload));
        // The chosen one stays chosen when the order changes.
        press(&mut top, "r");
        assert_eq!(press(&mut top, "\n"), Asked::Do(Order::Stacks(2)));
        top.show("x".into(), "a\nb\u{1b}c");
        assert_eq!(press(&mut top, "j"), Asked::Nothing);
        assert!(matches!(&top.mode, Mode::Text { from: 1, text, .. } if text.contains("\\u{1b}")));
        press(&mut top, "q");
        assert_eq!((top.mode.clone(), press(&mut top, "q")), (Mode::List, Asked::Quit));
    }
}
