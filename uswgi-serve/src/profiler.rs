//! Slices of a profile (`uswgi_proto::profile`): a thread that looks at every lane so many times a second while somebody
//! asks, and does not exist otherwise.
//!
//! It never takes the interpreter's lock: what needs the lock to be seen comes to look only where it is given up, and sees
//! requests of a millisecond where they send and never where they compute. Stacks are read from memory while they change
//! (the interpreter's half checks them); what a lane waits for is the kernel's word; its request is the scoreboard's.

#![forbid(unsafe_code)]

use crate::engine::Engine;
use crate::interpreter::{FrameReader, Interpreter};
use crate::kernel_word::{self, KernelWord, ThreadFiles};
use crate::sync::lock;
use crate::sys;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uswgi_proto::profile::{LaneStanding, SampledStack, Slice};
use uswgi_proto::route;
use uswgi_proto::scoreboard::{ThreadState, monotonic_us};
use uswgi_proto::stacks::Mailbox;

/// Routes of a slice that are told apart.
const ROUTES: usize = 500;
/// What the others are.
const OTHER_ROUTES: &str = "(other routes)";

/// The profiler of a worker.
pub(crate) struct Profiler<I> {
    interpreter: I,
    memory: OwnedFd,
    shared: Arc<ProfilerState>,
}

struct ProfilerState {
    /// A slice is being taken; what is to be taken behind it.
    turn: Mutex<(bool, Option<(u16, u16)>)>,
    mailbox: Mutex<Mailbox>,
    /// Made with the first slice.
    reader: Mutex<Option<Box<dyn FrameReader>>>,
}

impl<I: Interpreter> Profiler<I> {
    pub(crate) fn new(interpreter: I) -> io::Result<Profiler<I>> {
        let memory = memfd_create(c"uswgi-profile", MFdFlags::MFD_CLOEXEC)?;
        let mailbox = Mutex::new(Mailbox::new(File::from(memory.try_clone()?)));
        let shared = ProfilerState { turn: Mutex::new((false, None)), mailbox, reader: Mutex::new(None) };
        Ok(Profiler { interpreter, memory, shared: Arc::new(shared) })
    }

    /// Where the slices come.
    pub(crate) fn raw(&self) -> RawFd {
        self.memory.as_raw_fd()
    }

    /// Somebody asks for a slice: so many looks a second, for so many milliseconds.
    pub(crate) fn slice(&self, engine: &Arc<Engine>, rate: u16, ms: u16) {
        let mut turn = lock(&self.shared.turn);
        if turn.0 {
            turn.1 = Some((rate, ms));
            return;
        }
        let (shared, interpreter, engine) = (self.shared.clone(), self.interpreter.clone(), engine.clone());
        let helper = std::thread::Builder::new().name("uswgi-profile".into()).stack_size(512 * 1024);
        turn.0 = helper.spawn(move || shared.take(&engine, &interpreter, rate, ms)).is_ok();
    }
}

impl ProfilerState {
    fn take(&self, engine: &Engine, interpreter: &impl Interpreter, rate: u16, ms: u16) {
        sys::block_signals();
        let mut next = Some((rate, ms));
        while let Some((rate, ms)) = next {
            let began = monotonic_us();
            let slice = self.slice(engine, interpreter, rate, ms);
            // A full memory is the asker's loss: it gives up after its timeout.
            let _ = lock(&self.mailbox).write_slice(began, &slice);
            let mut turn = lock(&self.turn);
            next = turn.1.take();
            turn.0 = next.is_some();
        }
    }

    fn slice(
        &self,
        engine: &Engine,
        interpreter: &impl Interpreter,
        rate: u16,
        ms: u16,
    ) -> Result<Slice, String> {
        let mut reader = lock(&self.reader);
        if reader.is_none() {
            *reader = Some(interpreter.frames()?);
        }
        let Some(reader) = reader.as_mut() else { return Err("no reader".into()) };
        let mut view = LanesView::new(engine, interpreter.lock_memory(), reader.as_mut());
        let (begun, period) = (monotonic_us(), 1_000_000 / u64::from(rate.max(1)));
        for tick in 0..(u64::from(ms) * u64::from(rate)).div_ceil(1000) {
            let (due, now) = (begun + tick * period, monotonic_us());
            if now < due {
                std::thread::sleep(Duration::from_micros(due - now));
            } else if now >= due + period {
                view.slice.late += 1;
                continue;
            }
            view.look();
        }
        Ok(view.done())
    }
}

/// Looks at all lanes of a worker, summed up.
struct LanesView<'a> {
    engine: &'a Engine,
    lock: Range<usize>,
    reader: &'a mut dyn FrameReader,
    files: Vec<ThreadFiles>,
    routes: HashMap<String, u32>,
    /// The reader's number of a frame to the slice's.
    frames: HashMap<u32, u32>,
    slice: Slice,
    /// The kernel has not told what a thread waits for.
    dumb: bool,
    stack: Vec<u32>,
}

/// A lane with a request, and the number of that.
type BusyLane = (usize, u64);

impl<'a> LanesView<'a> {
    fn new(engine: &'a Engine, lock: Range<usize>, reader: &'a mut dyn FrameReader) -> LanesView<'a> {
        let files = engine.lanes.iter().map(|_| ThreadFiles::default()).collect();
        let (routes, frames, slice, stack) = Default::default();
        LanesView { engine, lock, reader, files, routes, frames, slice, dumb: false, stack }
    }

    fn look(&mut self) {
        self.slice.ticks += 1;
        let mut busy: Vec<BusyLane> = Vec::new();
        for (i, lane) in self.engine.lanes.iter().enumerate() {
            match lane.sequence.load(Ordering::SeqCst) {
                sequence if sequence & 1 == 1 => busy.push((i, sequence)),
                _ => self.slice.idle += 1,
            }
        }
        if self.engine.shares_a_thread() {
            self.look_at_loop(&busy);
        } else {
            busy.into_iter().for_each(|lane| self.look_at(lane));
        }
    }

    /// The route of a lane's request; None before it has begun.
    fn route(&mut self, lane: usize) -> Option<u32> {
        let slot = self.engine.lane_slot(lane)?;
        if slot.state.load(Ordering::Relaxed) != ThreadState::Busy as u32 {
            return None;
        }
        let line = slot.request.read()?;
        let mut route = route::fold(&line.method, &line.uri);
        if self.routes.len() >= ROUTES && !self.routes.contains_key(&route) {
            route = OTHER_ROUTES.into();
        }
        if let Some(number) = self.routes.get(&route) {
            return Some(*number);
        }
        let number = self.slice.routes.len() as u32;
        self.slice.routes.push(route.clone());
        self.routes.insert(route, number);
        Some(number)
    }

    fn word(&mut self, lane: usize) -> (KernelWord, LaneStanding) {
        let cell = &self.engine.lanes[lane];
        let (word, tells) = self.files[lane].word(cell.id());
        self.dumb |= !tells;
        (word, kernel_word::standing(word, &self.lock, cell.waits_for()))
    }

    /// A lane that is a thread.
    fn look_at(&mut self, (lane, sequence): BusyLane) {
        let (_, standing) = self.word(lane);
        let mut stack = std::mem::take(&mut self.stack);
        let read = self.reader.stack(self.engine.lanes[lane].ident(), &mut stack);
        // It may have begun meanwhile.
        let route = self.route(lane);
        if read && self.engine.lanes[lane].sequence.load(Ordering::SeqCst) == sequence {
            self.count(standing, route, &stack);
        } else {
            self.slice.unread += 1;
        }
        self.stack = stack;
    }

    /// Lanes that share a thread: one of them runs, or all wait. Which one runs is known where there is one.
    fn look_at_loop(&mut self, busy: &[BusyLane]) {
        // Lanes are made when they are needed first, beginning with the last.
        let Some(&(lane, _)) = busy.last() else { return };
        let (word, standing) = self.word(lane);
        if word == KernelWord::Waits {
            for &(lane, _) in busy {
                let route = self.route(lane);
                self.count(LaneStanding::Waits, route, &[]);
            }
            return;
        }
        let mut stack = std::mem::take(&mut self.stack);
        match self.reader.stack(self.engine.lanes[lane].ident(), &mut stack) {
            true => {
                let route = if busy.len() == 1 { self.route(lane) } else { None };
                self.count(standing, route, &stack);
            }
            false => self.slice.unread += 1,
        }
        self.stack = stack;
    }

    fn count(&mut self, standing: LaneStanding, route: Option<u32>, stack: &[u32]) {
        let Slice { frames: known, stacks, .. } = &mut self.slice;
        let frames = stack
            .iter()
            .map(|number| {
                *self.frames.entry(*number).or_insert_with(|| {
                    known.push(self.reader.frame(*number));
                    known.len() as u32 - 1
                })
            })
            .collect();
        *stacks.entry(SampledStack { standing, route, frames }).or_default() += 1;
    }

    fn done(mut self) -> Slice {
        self.slice.python = self.reader.name();
        if self.dumb {
            self.slice.python.push_str(" (this kernel does not tell who waits for the GIL)");
        }
        self.slice
    }
}
