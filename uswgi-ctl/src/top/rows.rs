//! The table of `top`: a row for each process, and for each thread in a request. Pure: a snapshot in, texts out.

use super::state::{Sort, Top};
use crate::process::Process;
use crate::report::printable;
use crate::status::aides::at_work;
use crate::status::{bytes, duration, last_restart, milliseconds};
use uswgi_proto::background::AideKind;
use uswgi_proto::show::aides::AideSeen;
use uswgi_proto::show::latency::quantile;
use uswgi_proto::show::names::worker_state_name;
use uswgi_proto::show::snapshot::{Thread, Worker};

/// A row: a process, or a thread under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScreenRow {
    /// The process.
    pub process: Process,
    /// False for a thread of it.
    pub is_process: bool,
    /// The process does something besides waiting, or the thread is in a request.
    pub busy: bool,
    /// One text a column; a thread has its request in the last one.
    pub cells: Vec<String>,
}

/// Headings of the columns.
pub const COLUMNS: [&str; 12] =
    ["WORKER", "PID", "STATE", "GEN", "REQS", "REQ/S", "CPU%", "RSS", "BUSY", "P99", "UP", "REQUEST"];

/// Width of each column; the last one takes what is left, and at least this.
pub const WIDTHS: [u16; 12] = [6, 8, 9, 4, 9, 7, 6, 10, 6, 10, 7, 20];

/// Columns that a narrow screen goes without, the most dispensable first: half a number would be a lie.
const DISPENSABLE: [usize; 10] = [3, 10, 4, 9, 8, 6, 5, 7, 2, 1];

/// The columns for which a screen of this width has room, in order.
pub fn columns(width: u16) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..COLUMNS.len()).collect();
    for gone in DISPENSABLE {
        let needed: u16 = shown.iter().map(|&c| WIDTHS[c] + 1).sum::<u16>() - 1;
        if needed <= width {
            break;
        }
        shown.retain(|&c| c != gone);
    }
    shown
}

fn age(w: &Worker) -> u64 {
    w.threads.iter().filter(|t| t.busy).map(|t| t.busy_us).max().unwrap_or(0)
}

fn request(t: &Thread) -> String {
    let line = t.request.as_ref().map_or("?".into(), |r| format!("{} {} from {}", r.method, r.uri, r.remote));
    format!("{} ms {}", milliseconds(t.busy_us), printable(&line))
}

/// A spooler or mule, below the workers.
fn aide(a: &AideSeen, now: u64) -> ScreenRow {
    let kind = match a.aide.kind {
        AideKind::Spooler => 'S',
        AideKind::Mule => 'M',
    };
    let mut cells = vec![String::new(); COLUMNS.len()];
    cells[0] = format!("{kind}{}", a.aide.number);
    cells[1] = a.pid.to_string();
    cells[2] = worker_state_name(a.state).into();
    cells[3] = a.generation.to_string();
    cells[4] = a.done.to_string();
    cells[7] = if a.rss > 0 { bytes(a.rss) } else { "-".into() };
    cells[8] = format!("{}/1", u8::from(a.busy_us > 0));
    cells[10] = duration(now.saturating_sub(a.last_spawn));
    let waiting = if a.waiting > 0 { format!("({} waiting)", a.waiting) } else { String::new() };
    let last = if a.busy_us > 0 { printable(&at_work(a)) } else { waiting };
    cells[COLUMNS.len() - 1] = format!("{}: {last}", a.aide).trim_end_matches(": ").into();
    ScreenRow { process: a.aide.into(), is_process: true, busy: a.busy_us > 0, cells }
}

impl Top {
    /// The chosen process: the one that was chosen as long as it is shown, else the first.
    pub fn chosen(&self, rows: &[ScreenRow]) -> Option<Process> {
        let mut processes = rows.iter().filter(|r| r.is_process).map(|r| r.process);
        let first = processes.clone().next()?;
        Some(processes.find(|p| Some(*p) == self.chosen).unwrap_or(first))
    }

    /// The rows as they stand: filtered, sorted, threads under their workers.
    pub fn rows(&self, now: u64) -> Vec<ScreenRow> {
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
        let mut rows: Vec<ScreenRow> = workers.into_iter().flat_map(|w| self.rows_of(w, now)).collect();
        rows.extend(self.seen.aides.iter().map(|a| aide(a, now)).filter(|r| self.wants(r)));
        rows
    }

    fn wants(&self, r: &ScreenRow) -> bool {
        let filter = self.filter.to_lowercase();
        filter.is_empty() || r.cells.iter().any(|c| c.to_lowercase().contains(&filter))
    }

    fn rows_of(&self, w: &Worker, now: u64) -> Vec<ScreenRow> {
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
        let worker = ScreenRow {
            process: Process::worker(w.id),
            is_process: true,
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
                ScreenRow { process: Process::worker(w.id), is_process: false, busy: true, cells }
            }));
        }
        let wanted = |r: &ScreenRow| self.wants(r);
        // A thread that fits brings its worker.
        if rows.iter().skip(1).any(wanted) {
            let mut shown = vec![rows[0].clone()];
            shown.extend(rows.into_iter().skip(1).filter(wanted));
            return shown;
        }
        if wanted(&rows[0]) { rows } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ProcessClass;
    use crate::top::action::Action;
    use crate::top::keys::Wish;
    use crate::top::keys::tests::press;
    use crate::top::state::Screen;
    use crate::top::state::tests::three;

    fn order(top: &Top) -> Vec<u32> {
        top.rows(0).iter().filter(|r| r.is_process).map(|r| r.process.number).collect()
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
        assert_eq!(rows.iter().map(|r| r.is_process).collect::<Vec<_>>(), [true, true, false, true]);
        assert_eq!(rows[2].cells[11], "2500.0 ms GET /slow\\u{1b}[2J from ::1");
        press(&mut top, "t");
        let rows = top.rows(0);
        assert_eq!(rows.len(), 3);
        assert!(rows[1].cells[11].contains("/slow"));
    }

    #[test]
    fn spoolers_and_mules_stand_below_the_workers_and_are_asked_like_them() {
        let mut top = three();
        let spooler = crate::status::aides::tests::seen(AideKind::Spooler, 2);
        top.seen.aides = vec![spooler];
        let rows = top.rows(1060);
        let last = rows.last().unwrap();
        assert_eq!((last.cells[0].as_str(), last.cells[11].as_str()), ("S2", "spooler 2"));
        assert_eq!(top.chosen(&rows), Some(Process::worker(1)));
        let process = Process { kind: ProcessClass::Spooler, number: 2 };
        assert_eq!(press(&mut top, "jjjjp"), Wish::Do(Action::Stacks(process)));
        assert_eq!((press(&mut top, "x"), &top.mode), (Wish::Nothing, &Screen::List));
        assert!(top.message.starts_with("spooler 2 is no worker"), "{}", top.message);
        press(&mut top, "k/spooler\n");
        let rows = top.rows(1060);
        assert_eq!((rows.len(), top.chosen(&rows)), (1, Some(process)));
    }

    #[test]
    fn a_narrow_screen_has_fewer_columns_and_no_halves() {
        assert_eq!(columns(113).len(), COLUMNS.len());
        let names = |width| columns(width).iter().map(|&c| COLUMNS[c]).collect::<Vec<_>>();
        assert_eq!(names(80), ["WORKER", "PID", "STATE", "REQ/S", "CPU%", "RSS", "BUSY", "REQUEST"]);
        assert_eq!(names(40), ["WORKER", "PID", "REQUEST"]);
        assert_eq!(names(0), ["WORKER", "REQUEST"]);
    }

    #[test]
    fn a_filter_leaves_what_fits() {
        let mut top = three();
        press(&mut top, "/SLOW");
        assert_eq!(top.mode, Screen::Filter);
        press(&mut top, "\n");
        let rows = top.rows(0);
        assert_eq!(
            rows.iter().map(|r| (r.process.number, r.is_process)).collect::<Vec<_>>(),
            [(2, true), (2, false)]
        );
        press(&mut top, "/\u{1b}");
        assert_eq!(order(&top).len(), 3);
        press(&mut top, "/none of them\n");
        assert!(top.rows(0).is_empty());
        assert_eq!(press(&mut top, "p"), Wish::Nothing, "no worker is chosen");
    }
}
