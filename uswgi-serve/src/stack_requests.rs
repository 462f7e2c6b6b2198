//! Requests of operators to know where the lanes stand (`uswgi_proto::stacks`): a question in a pipe, an answer in a
//! memory file. A thread that never takes the interpreter's lock takes the question (the native thread of a worker, the one
//! beside an aide), a helper asks the interpreter; so a process that is stuck answers too. It must never hold that thread up.
//! Who asks a worker for a profile is answered by [`crate::profiler`].

use crate::engine::Engine;
use crate::interpreter::Interpreter;
use crate::profiler::Profiler;
use crate::sync::lock;
use crate::sys;
use nix::fcntl::OFlag;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_proto::stacks::{Mailbox, StacksAnswer, WorkerQuestion};

/// The pipe and the memory file of this process.
pub(crate) struct StackRequests<I> {
    interpreter: I,
    questions: OwnedFd,
    /// Held, so that the pipe has no end of file between two askers.
    _own: OwnedFd,
    memory: OwnedFd,
    shared: Arc<StackMailbox>,
    /// What came of a question that is not whole.
    came: Mutex<Vec<u8>>,
}

struct StackMailbox {
    mailbox: Mutex<Mailbox>,
    /// A helper runs, or is about to.
    running: AtomicBool,
    /// A question came that it has not seen.
    again: AtomicBool,
}

impl<I: Interpreter> StackRequests<I> {
    pub(crate) fn new(interpreter: I) -> io::Result<StackRequests<I>> {
        let (questions, own) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let memory = memfd_create(c"uswgi-stacks", MFdFlags::MFD_CLOEXEC)?;
        let mailbox = Mailbox::new(File::from(memory.try_clone()?));
        let shared = StackMailbox {
            mailbox: Mutex::new(mailbox),
            running: AtomicBool::new(false),
            again: AtomicBool::new(false),
        };
        Ok(StackRequests {
            interpreter,
            questions,
            _own: own,
            memory,
            shared: Arc::new(shared),
            came: Mutex::new(Vec::new()),
        })
    }

    /// Tell where to ask: the fields of this process in the scoreboard. What else stands there has to be there before.
    pub(crate) fn announce(&self, pipe: &AtomicU32, memory: &AtomicU32) {
        memory.store(self.memory.as_raw_fd() as u32, Ordering::Relaxed);
        pipe.store(self.questions.as_raw_fd() as u32, Ordering::Release);
    }

    /// Readable when there is a question.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.questions.as_fd()
    }

    /// Take what was asked, and have it answered; `profile` is told of those who want a slice: looks a second, milliseconds.
    pub(crate) fn take(&self, profile: impl Fn(u16, u16)) {
        let (mut came, mut bytes) = (lock(&self.came), [0; 64]);
        while let Ok(n @ 1..) = nix::unistd::read(&self.questions, &mut bytes) {
            came.extend_from_slice(&bytes[..n]);
            if n < bytes.len() {
                break;
            }
        }
        let questions = WorkerQuestion::take(&mut came);
        drop(came);
        let mut any = false;
        for question in questions {
            match question {
                WorkerQuestion::Stacks => any = true,
                WorkerQuestion::Profile { rate, ms } => profile(rate, ms),
            }
        }
        if any {
            self.show();
        }
    }

    fn show(&self) {
        self.shared.again.store(true, Ordering::SeqCst);
        if self.shared.running.swap(true, Ordering::SeqCst) {
            return;
        }
        let (shared, interpreter) = (self.shared.clone(), self.interpreter.clone());
        let helper = std::thread::Builder::new().name("uswgi-asked".into()).stack_size(256 * 1024);
        if helper.spawn(move || shared.answer(&interpreter)).is_err() {
            self.shared.running.store(false, Ordering::SeqCst);
        }
    }
}

/// What a worker is asked: where its lanes stand, once or for a profile.
pub(crate) struct WorkerRequests<I> {
    stacks: StackRequests<I>,
    /// None without a descriptor for it: there are no profiles.
    profiler: Option<Profiler<I>>,
}

impl<I: Interpreter> WorkerRequests<I> {
    pub(crate) fn new(interpreter: I) -> io::Result<WorkerRequests<I>> {
        let profiler = Profiler::new(interpreter.clone()).ok();
        Ok(WorkerRequests { stacks: StackRequests::new(interpreter)?, profiler })
    }

    /// Tell where to ask.
    pub(crate) fn announce(&self, engine: &Engine) {
        if let Some(slot) = engine.slot() {
            let profiles = self.profiler.as_ref().map_or(0, |p| p.raw() as u32);
            slot.profile_memory.store(profiles, Ordering::Relaxed);
            self.stacks.announce(&slot.stacks_pipe, &slot.stacks_memory);
        }
    }

    /// Readable when there is a question.
    pub(crate) fn raw(&self) -> RawFd {
        self.stacks.fd().as_raw_fd()
    }

    /// Take what was asked, and have it answered.
    pub(crate) fn take(&self, engine: &Arc<Engine>) {
        self.stacks.take(|rate, ms| self.profiler.iter().for_each(|p| p.slice(engine, rate, ms)));
    }
}

impl StackMailbox {
    fn answer(&self, interpreter: &impl Interpreter) {
        sys::block_signals();
        loop {
            while self.again.swap(false, Ordering::SeqCst) {
                let began = monotonic_us();
                let answer = interpreter.stacks(|_| true).map_or(StacksAnswer::NoGil, StacksAnswer::Stacks);
                // A full memory is the asker's loss: it gives up after its timeout.
                let _ = lock(&self.mailbox).write(began, &answer);
            }
            self.running.store(false, Ordering::SeqCst);
            // A question between the last look and here has started nobody.
            if !self.again.load(Ordering::SeqCst) || self.running.swap(true, Ordering::SeqCst) {
                return;
            }
        }
    }
}
