//! `profile`: where the lanes of an instance stand, so many times a second, with the request of each.
//!
//! * this file: slices asked of every worker, until the time is up.  * [`merged`]: all of them as one. Pure.
//! * [`draw`]: that as a file: a flame graph, folded stacks, or for speedscope. Pure.  * [`summary`]: as text and JSON. Pure.
//!
//! A worker looks only while it is asked, a slice of a second each time: when this program ends, however it does, so does
//! the profile.

pub mod draw;
pub mod merged;
pub mod summary;

use crate::error::CtlError;
use crate::process::{Meant, ProcessClass};
use merged::MergedProfile;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::profile::Slice;
use uswgi_proto::scoreboard::WorkerState;
use uswgi_proto::show::snapshot::Worker;
use uswgi_proto::show::{Snapshot, usage};
use uswgi_proto::stacks::ProfileChannel;

/// Milliseconds of a slice.
const SLICE_MS: u64 = 1_000;
/// How much longer than its slice a worker may take to answer: with the first one it finds out how to read stacks, for
/// which it waits for the GIL.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is to be looked at.
#[derive(Debug, Clone, Copy)]
pub struct ProfileOrder {
    /// One worker, or all.
    pub worker: Option<u32>,
    /// For so long.
    pub time: Duration,
    /// Looks each second.
    pub rate: u16,
}

/// Take a profile.
pub fn take(instance: &RunningInstance, order: ProfileOrder) -> Result<MergedProfile, CtlError> {
    let mut channels: BTreeMap<i32, ProfileChannel> = BTreeMap::new();
    let mut profile = MergedProfile::new(order.rate);
    let mut silent: BTreeSet<u32> = BTreeSet::new();
    let (mut why, mut asked) = (None, 0u64);
    let until = Instant::now() + order.time;
    loop {
        let left = until.saturating_duration_since(Instant::now()).as_millis() as u64;
        if left < 10 {
            break;
        }
        let workers = who(instance, order.worker)?;
        for w in &workers {
            if !channels.contains_key(&w.pid)
                && let Some(channel) = open(w)?
            {
                channels.insert(w.pid, channel);
            }
        }
        channels.retain(|pid, _| workers.iter().any(|w| w.pid == *pid));
        if channels.is_empty() {
            // Those that start will be there soon.
            std::thread::sleep(Duration::from_millis(left.min(50)));
            continue;
        }
        let ms = left.min(SLICE_MS) as u16;
        for (worker, answer) in ask(&mut channels, &workers, order.rate, ms) {
            asked += 1;
            match answer {
                Ok(Some(Ok(slice))) => profile.add(worker, &slice),
                Ok(Some(Err(reason))) => why = Some(reason),
                // Its master has replaced it meanwhile, or it hangs altogether.
                Ok(None) | Err(_) => {
                    silent.insert(worker);
                }
            }
        }
        if profile.workers.is_empty()
            && let Some(why) = why.take()
        {
            return Err(CtlError::Refused(format!("no profile: {why}")));
        }
    }
    profile.silent = silent.into_iter().filter(|w| !profile.workers.contains(w)).collect();
    if profile.workers.is_empty() {
        return Err(match asked {
            0 => Meant { kind: Some(ProcessClass::Worker), number: order.worker }.nobody(),
            _ => CtlError::Refused("no worker answers: they are stopped, starting or ending".into()),
        });
    }
    Ok(profile)
}

/// The workers that can be asked now.
fn who(instance: &RunningInstance, wanted: Option<u32>) -> Result<Vec<Worker>, CtlError> {
    let s = Snapshot::take(instance);
    if s.master_pid != s.pid {
        let text = "the instance lives in another pid namespace; run uswgi-ctl inside of it to profile it";
        return Err(CtlError::Refused(text.into()));
    }
    let serves = |w: &Worker| matches!(w.state, WorkerState::Ready | WorkerState::Retiring);
    let all = s.workers.into_iter().filter(|w| wanted.is_none_or(|id| w.id == id) && w.pid > 0 && serves(w));
    // Its pid is a child of the master: nobody else's.
    Ok(all.filter(|w| usage::of(w.pid, s.pid, false).is_some()).collect())
}

/// None: it has ended meanwhile, or has no descriptor for it.
fn open(w: &Worker) -> Result<Option<ProfileChannel>, CtlError> {
    let Some((pipe, memory)) = w.profile else { return Ok(None) };
    match ProfileChannel::open(w.pid, pipe, memory) {
        Ok(channel) => Ok(Some(channel)),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Err(CtlError::Refused(format!(
            "somebody else takes a profile of worker {} (pid {})",
            w.id, w.pid
        ))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CtlError::Io { what: "cannot ask a worker for a profile", source }),
    }
}

type SliceAnswer = io::Result<Option<Result<Slice, String>>>;

/// All at once: their slices are of the same time.
fn ask(
    channels: &mut BTreeMap<i32, ProfileChannel>,
    workers: &[Worker],
    rate: u16,
    ms: u16,
) -> Vec<(u32, SliceAnswer)> {
    let timeout = Duration::from_millis(u64::from(ms)) + PATIENCE;
    std::thread::scope(|scope| {
        let asked: Vec<_> = channels
            .iter_mut()
            .filter_map(|(pid, channel)| {
                let id = workers.iter().find(|w| w.pid == *pid)?.id;
                Some((id, scope.spawn(move || channel.ask(rate, ms, timeout))))
            })
            .collect();
        let answer = |thread: std::thread::ScopedJoinHandle<'_, SliceAnswer>| {
            thread.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
        };
        asked.into_iter().map(|(id, thread)| (id, answer(thread))).collect()
    })
}
