//! Python stacks of workers, asked of the workers themselves; where one does not answer, what the kernel says of its
//! threads. It never wakes the master.

use crate::error::CtlError;
use std::fs;
use std::time::Duration;
use uswgi_proto::instance::{RunningInstance, start_time};
use uswgi_proto::scoreboard::WorkerState;
use uswgi_proto::settings::LaneKind;
use uswgi_proto::show::snapshot::Worker;
use uswgi_proto::show::{Snapshot, usage};
use uswgi_proto::stacks::{self, StacksAnswer};

/// How long a worker may take to answer for its stacks: it waits a second for the GIL itself.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Where one worker stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Worker number.
    pub id: u32,
    /// Its pid.
    pub pid: i32,
    /// Generation.
    pub generation: u64,
    /// Its threads for requests, and those of them that were in one just before.
    pub threads: (usize, usize),
    /// What they are.
    pub lanes: LaneKind,
    /// `stacks`, `no-gil`, or `silent`: not even its native thread answers.
    pub state: &'static str,
    /// The stacks; empty without them.
    pub stacks: String,
    /// What the kernel says of its threads, where Python cannot be asked.
    pub native: Vec<String>,
}

/// Processes of a worker number, or all.
pub fn standing(
    instance: &RunningInstance,
    worker: Option<u32>,
    timeout: Duration,
) -> Result<Vec<Standing>, CtlError> {
    let s = Snapshot::take(instance);
    if s.master_pid != s.pid {
        let text = "the instance lives in another pid namespace; run uswgi-ctl inside of it to see stacks";
        return Err(CtlError::Refused(text.into()));
    }
    let wanted =
        |w: &&Worker| worker.is_none_or(|id| w.id == id) && w.pid > 0 && w.state != WorkerState::Free;
    let mut found: Vec<&Worker> = s.workers.iter().filter(wanted).collect();
    found.sort_by_key(|w| (w.id, w.generation));
    if found.is_empty() {
        return Err(CtlError::Refused(match worker {
            Some(id) => no_worker(id),
            None => "no worker runs".into(),
        }));
    }
    // All at once: one that is stuck must not keep the others waiting.
    let pid = instance.pid;
    std::thread::scope(|scope| {
        let asked: Vec<_> = found.iter().map(|w| scope.spawn(move || stand(w, pid, timeout))).collect();
        Ok(asked.into_iter().filter_map(|a| a.join().ok()).collect())
    })
}

fn stand(w: &Worker, master: i32, timeout: Duration) -> Standing {
    let mut standing = Standing {
        id: w.id,
        pid: w.pid,
        generation: w.generation,
        lanes: w.lanes,
        threads: (w.threads.len(), w.threads.iter().filter(|t| t.busy).count()),
        state: "silent",
        stacks: String::new(),
        native: Vec::new(),
    };
    // Its pid is a child of the master: nobody else's.
    if usage::of(w.pid, master, false).is_none() {
        return standing;
    }
    let answer = match w.stacks {
        Some((pipe, memory)) => stacks::ask(w.pid, pipe, memory, timeout).ok().flatten(),
        None => None,
    };
    match answer {
        Some(StacksAnswer::Stacks(text)) => (standing.state, standing.stacks) = ("stacks", text),
        Some(StacksAnswer::NoGil) => standing.state = "no-gil",
        None => {}
    }
    if standing.state != "stacks" {
        standing.native = native(w.pid);
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
    /// For people.
    pub fn text(&self) -> String {
        // The stack of a thread that waits for a request shows nothing of the application.
        let (all, busy) = self.threads;
        let head = format!(
            "worker {}, pid {}, generation {}, {busy} of {all} {} in a request",
            self.id,
            self.pid,
            self.generation,
            self.lanes.plural()
        );
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

/// The stacks of one worker number as text.
pub fn text(instance: &RunningInstance, worker: u32) -> Result<String, CtlError> {
    let all = standing(instance, Some(worker), PATIENCE)?;
    Ok(all.iter().map(Standing::text).collect::<Vec<_>>().join("\n"))
}

/// It may be there again a moment later, so it is no matter of the command line.
pub(crate) fn no_worker(id: u32) -> String {
    format!("there is no worker {id} now; `uswgi-ctl workers` shows who is there")
}
