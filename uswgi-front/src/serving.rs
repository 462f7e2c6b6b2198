//! The process: its loops, each in a thread, and what its parent says.

use crate::plan::FrontPlan;
use crate::thread::FrontLoop;
use crate::told::Told;
use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use uswgi_keep::{log, sys};
use uswgi_proto::control::{self, ToWorker};
use uswgi_proto::exit::Exit;
use uswgi_proto::trust::Trust;

/// How long clients may take what is left once the workers, or the parent, have gone.
pub(crate) const LAST: Duration = Duration::from_secs(5);

/// What all threads have.
pub(crate) struct Shared {
    pub(crate) plan: FrontPlan,
    pub(crate) trust: Trust,
    /// Where connections go.
    pub(crate) workers: OwnedFd,
    pub(crate) told: Told,
    /// Readable once something was said.
    pub(crate) word: EventFd,
    leaves: AtomicBool,
    /// The workers have gone: who has no request is closed.
    pub(crate) ends: AtomicBool,
    running: AtomicUsize,
}

impl Shared {
    /// For the threads of one process.
    pub(crate) fn new(plan: FrontPlan, workers: OwnedFd) -> io::Result<Shared> {
        Ok(Shared {
            trust: Trust::parse(&plan.trusted).map_err(io::Error::other)?,
            running: AtomicUsize::new(plan.threads.max(1)),
            plan,
            workers,
            told: Told::default(),
            word: EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?,
            leaves: AtomicBool::new(false),
            ends: AtomicBool::new(false),
        })
    }

    /// Nothing is accepted any more.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaves.load(Ordering::SeqCst)
    }

    /// It is to leave, and `at_once` whoever has no request is closed.
    pub(crate) fn leave(&self, at_once: bool) {
        self.leaves.store(true, Ordering::SeqCst);
        self.ends.fetch_or(at_once, Ordering::SeqCst);
        let _ = self.word.write(1);
    }
}

/// Serve until the parent says otherwise and the last client has gone. Ends the process.
pub(crate) fn run(
    plan: FrontPlan,
    entrances: Vec<OwnedFd>,
    control: &OwnedFd,
    workers: OwnedFd,
) -> io::Result<()> {
    // Its memory holds keys: no other process of this user reads it, and none of it is written into a core file.
    let _ = nix::sys::prctl::set_dumpable(false);
    let entrances: Vec<Arc<OwnedFd>> = entrances.into_iter().map(Arc::new).collect();
    let threads = plan.threads.max(1);
    let shared = Arc::new(Shared::new(plan, workers)?);
    for i in 0..threads {
        let thread = FrontLoop::new(&shared, &entrances)?;
        let shared = shared.clone();
        std::thread::Builder::new().name(format!("uswgi-front-{i}")).spawn(move || {
            thread.run();
            if shared.running.fetch_sub(1, Ordering::SeqCst) == 1 {
                sys::exit_now(Exit::Ok.code());
            }
        })?;
    }
    drop(entrances);
    listen(&shared, control);
    // What a client has not taken until now it does not get.
    std::thread::sleep(LAST);
    Ok(())
}

/// Obey, until the parent wants the end or has gone.
fn listen(shared: &Shared, control: &OwnedFd) {
    let mut buffer = [0; 4096];
    let mut space = nix::cmsg_space!([i32; 2]);
    loop {
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let (length, number) = match recvmsg::<()>(
            control.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        ) {
            Ok(message) => {
                let mut rights = message.cmsgs().into_iter().flatten();
                let number = rights.find_map(|c| match c {
                    ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
                    _ => None,
                });
                (message.bytes, number)
            }
            Err(Errno::EINTR) => continue,
            Err(_) => (0, None),
        };
        let file = number.map(sys::received);
        if length == 0 {
            return shared.leave(true);
        }
        match control::decode(&buffer[..length]) {
            Ok(ToWorker::Retire { hand_over: true }) => shared.leave(false),
            Ok(ToWorker::Retire { hand_over: false }) => return shared.leave(true),
            Ok(ToWorker::ReopenLogs) => {
                if let Some(file) = file {
                    let _ = log::redirect_to(file.as_fd());
                }
            }
            _ => {}
        }
    }
}
