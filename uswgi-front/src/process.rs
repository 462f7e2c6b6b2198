//! The front from the side of its parent: started, told, ended.

use crate::plan::FrontPlan;
use crate::serving;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, sendmsg, socketpair,
};
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use uswgi_keep::{log, sys};
use uswgi_proto::control::{self, ToWorker};
use uswgi_proto::exit::Exit;

/// How long such a process may take to its end, once it was told to and the workers have gone.
pub const LAST: std::time::Duration = serving::LAST;

/// One such process.
#[derive(Debug)]
pub struct FrontProcess {
    /// Its pid.
    pub pid: i32,
    control: OwnedFd,
}

impl FrontProcess {
    /// Start one: `entrances` are the sockets of the plan, in its order, `workers` where connections go. Only for a parent with
    /// one thread.
    pub fn start(
        plan: &FrontPlan,
        entrances: &[BorrowedFd<'_>],
        workers: BorrowedFd<'_>,
    ) -> io::Result<FrontProcess> {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        match sys::fork_single_threaded()? {
            sys::Side::Parent(pid) => Ok(FrontProcess { pid: pid.as_raw(), control: ours }),
            sys::Side::Child => {
                drop(ours);
                let ended = live(plan, entrances, workers, &theirs);
                if let Err(e) = &ended {
                    log::line(format_args!("the front ends: {e}"));
                }
                sys::exit_now(if ended.is_ok() { Exit::Ok } else { Exit::Failed }.code())
            }
        }
    }

    /// Tell it something, with a descriptor beside it.
    pub fn tell(&self, what: &ToWorker, fd: Option<BorrowedFd<'_>>) -> nix::Result<()> {
        let fds: Vec<i32> = fd.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&fds)];
        let beside = if fds.is_empty() { &rights[..0] } else { &rights[..] };
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let packet = control::encode(what);
        sendmsg::<UnixAddr>(self.control.as_raw_fd(), &[IoSlice::new(&packet)], beside, flags, None).map(drop)
    }
}

/// In the new process.
fn live(
    plan: &FrontPlan,
    entrances: &[BorrowedFd<'_>],
    workers: BorrowedFd<'_>,
    control: &OwnedFd,
) -> io::Result<()> {
    let _ = nix::sys::prctl::set_name(c"uswgi-front");
    let copies: Vec<OwnedFd> =
        entrances.iter().map(|fd| fd.try_clone_to_owned()).collect::<io::Result<_>>()?;
    let workers = workers.try_clone_to_owned()?;
    let mut keep = vec![0, 1, 2, control.as_raw_fd(), workers.as_raw_fd()];
    keep.extend(copies.iter().map(AsRawFd::as_raw_fd));
    keep.extend(log::descriptor());
    // The control sockets of workers above all: they must see the end of the parent.
    sys::close_all_but(&mut keep);
    serving::run(plan.clone(), copies, control, workers)
}
