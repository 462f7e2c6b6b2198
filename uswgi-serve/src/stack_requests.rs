//! Requests of operators to know where the lanes stand (`uswgi_proto::stacks`): a byte in a pipe, an answer in a memory
//! file. The native thread takes the question, a helper asks the interpreter; so a worker whose lanes are all stuck
//! answers too. It must never hold the native thread up.

use crate::engine::Engine;
use crate::interpreter::Interpreter;
use crate::sync::lock;
use crate::sys;
use nix::fcntl::OFlag;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_proto::stacks::{Mailbox, StacksAnswer};

/// The pipe and the memory file of this worker.
pub(crate) struct StackRequests<I> {
    interpreter: I,
    questions: OwnedFd,
    /// Held, so that the pipe has no end of file between two askers.
    _own: OwnedFd,
    memory: OwnedFd,
    shared: Arc<StackMailbox>,
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
        Ok(StackRequests { interpreter, questions, _own: own, memory, shared: Arc::new(shared) })
    }

    /// Tell where to ask.
    pub(crate) fn announce(&self, engine: &Engine) {
        if let Some(slot) = engine.slot() {
            slot.stacks_memory.store(self.memory.as_raw_fd() as u32, Ordering::Relaxed);
            slot.stacks_pipe.store(self.questions.as_raw_fd() as u32, Ordering::Release);
        }
    }

    /// Readable when there is a question.
    pub(crate) fn raw(&self) -> RawFd {
        self.questions.as_raw_fd()
    }

    /// Take what was asked, and have it answered.
    pub(crate) fn take(&self) {
        let mut sink = [0; 64];
        while matches!(nix::unistd::read(&self.questions, &mut sink), Ok(n) if n == sink.len()) {}
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
