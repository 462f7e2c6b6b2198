//! Python stacks of workers, spoolers and mules, asked of the processes themselves; where one does not answer, what the
//! kernel says of its threads. It never wakes the master.

use crate::error::CtlError;
use crate::process::{Meant, Process};
use crate::report::printable;
use crate::status::aides::at_work;
use std::fs;
use std::time::Duration;
use uswgi_proto::instance::{RunningInstance, start_time};
use uswgi_proto::scoreboard::WorkerState;
use uswgi_proto::show::aides::AideSeen;
use uswgi_proto::show::snapshot::Worker;
use uswgi_proto::show::{Snapshot, usage};
use uswgi_proto::stacks::{self, StacksAnswer};

/// How long a process may take to answer for its stacks: it waits a second for the GIL itself.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Where one process stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Which.
    pub process: Process,
    /// Its pid.
    pub pid: i32,
    /// Generation.
    pub generation: u64,
    /// How many requests, tasks or messages it had just before.
    pub busy: usize,
    /// That for people; empty: nothing.
    pub work: String,
    /// `stacks`, `no-gil`, or `silent`: not even the thread that never takes the GIL answers.
    pub state: &'static str,
    /// The stacks; empty without them.
    pub stacks: String,
    /// What the kernel says of its threads, where Python cannot be asked.
    pub native: Vec<String>,
}

/// A process that can be asked: its pid, and its descriptors of the pipe and the memory file.
struct Asked {
    standing: Standing,
    at: Option<(u32, u32)>,
}

/// The processes that are meant: workers by their numbers, then spoolers and mules.
///
/// # Errors
/// There is none, or the instance lives in another pid namespace.
pub fn standing(
    instance: &RunningInstance,
    meant: Meant,
    timeout: Duration,
) -> Result<Vec<Standing>, CtlError> {
    let s = Snapshot::take(instance);
    if s.master_pid != s.pid {
        let text = "the instance lives in another pid namespace; run uswgi-ctl inside of it to see stacks";
        return Err(CtlError::Refused(text.into()));
    }
    let workers = s.workers.iter().filter(|w| w.state != WorkerState::Free).map(of_worker);
    let aides = s.aides.iter().filter(|a| a.state != WorkerState::Free).map(of_aide);
    let meant_one = |a: &Asked| a.standing.pid > 0 && meant.has(a.standing.process);
    let mut found: Vec<Asked> = workers.chain(aides).filter(meant_one).collect();
    found.sort_by_key(|a| (a.standing.process, a.standing.generation));
    if found.is_empty() {
        return Err(meant.nobody());
    }
    // All at once: one that is stuck must not keep the others waiting.
    let pid = instance.pid;
    std::thread::scope(|scope| {
        let asked: Vec<_> = found.into_iter().map(|a| scope.spawn(move || stand(a, pid, timeout))).collect();
        Ok(asked.into_iter().filter_map(|a| a.join().ok()).collect())
    })
}

fn of_worker(w: &Worker) -> Asked {
    let busy = w.threads.iter().filter(|t| t.busy).count();
    // The stack of a thread that waits for a request shows nothing of the application.
    let work = format!("{busy} of {} {} in a request", w.threads.len(), w.lanes.plural());
    Asked { standing: Standing::new(Process::worker(w.id), w.pid, w.generation, busy, work), at: w.stacks }
}

fn of_aide(a: &AideSeen) -> Asked {
    let busy = usize::from(a.busy_us > 0);
    Asked { standing: Standing::new(a.aide.into(), a.pid, a.generation, busy, at_work(a)), at: a.stacks }
}

fn stand(Asked { mut standing, at }: Asked, master: i32, timeout: Duration) -> Standing {
    // Its pid is a child of the master: nobody else's.
    if usage::of(standing.pid, master, false).is_none() {
        return standing;
    }
    let answer =
        at.and_then(|(pipe, memory)| stacks::ask(standing.pid, pipe, memory, timeout).ok().flatten());
    match answer {
        Some(StacksAnswer::Stacks(text)) => (standing.state, standing.stacks) = ("stacks", text),
        Some(StacksAnswer::NoGil) => standing.state = "no-gil",
        None => {}
    }
    if standing.state != "stacks" {
        standing.native = native(standing.pid);
    }
    standing
}

/// A line for every thread of a process: name, state, where in the kernel it waits.
fn native(pid: i32) -> Vec<String> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut ids: Vec<i32> = tasks.flatten().filter_map(|t| t.file_name().to_str()?.parse().ok()).collect();
    ids.sort_unstable();
    ids.into_iter()
        .filter_map(|tid| {
            let read =
                |name: &str| fs::read_to_string(format!("/proc/{pid}/task/{tid}/{name}")).unwrap_or_default();
            start_time(pid)?;
            let stat = read("stat");
            let state = stat.rsplit_once(')')?.1.split_ascii_whitespace().next()?.to_string();
            let state = match state.as_str() {
                "R" => "runs",
                "S" => "sleeps",
                "D" => "waits for the disk or a driver",
                "T" | "t" => "is stopped",
                "Z" => "has ended",
                other => other,
            }
            .to_string();
            let wchan = Some(read("wchan")).filter(|w| !w.is_empty() && w != "0");
            // Readable for root only.
            let kernel: Vec<String> = read("stack")
                .lines()
                .filter_map(|l| Some(l.split_whitespace().nth(1)?.split('+').next()?.to_string()))
                .collect();
            let place = match (kernel.is_empty(), wchan) {
                (false, _) => format!(" in the kernel at {}", kernel.join(" < ")),
                (true, Some(wchan)) => format!(" in the kernel at {wchan}"),
                (true, None) => String::new(),
            };
            Some(format!("thread {tid} ({}) {state}{place}", read("comm").trim()))
        })
        .collect()
}

impl Standing {
    /// Before it was asked.
    fn new(process: Process, pid: i32, generation: u64, busy: usize, work: String) -> Standing {
        let (stacks, native) = (String::new(), Vec::new());
        Standing { process, pid, generation, busy, work, state: "silent", stacks, native }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut head = format!("{}, pid {}, generation {}", self.process, self.pid, self.generation);
        if !self.work.is_empty() {
            head = format!("{head}, {}", printable(&self.work));
        }
        let native = self.native.iter().map(|l| format!("  {l}\n")).collect::<String>();
        match self.state {
            "stacks" => format!("{head}\n{}", self.stacks),
            "no-gil" => format!(
                "{head}: no stacks, something has held the GIL for a second without a break (a C extension?)\n{native}"
            ),
            _ => format!("{head}: no answer, it is stopped, starting or ending\n{native}"),
        }
    }
}

/// The stacks of one process as text; of a worker number those of both that have it during a reload.
///
/// # Errors
/// There is none.
pub fn text(instance: &RunningInstance, process: Process) -> Result<String, CtlError> {
    let all = standing(instance, process.into(), PATIENCE)?;
    Ok(all.iter().map(Standing::text).collect::<Vec<_>>().join("\n"))
}
