//! The processes of the instance: pid, control socket, messages, the end.
//!
//! A pid is used only between the moment it is known and the moment it is reaped (see [`uswgi_keep::reap`]).
//! It must never decide what to send.
#![forbid(unsafe_code)]

use crate::supervisor::{Birth, ChildId, Event, ProcessKind};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    self as so, AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    setsockopt, sockopt,
};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use uswgi_keep::reap::{self, Reaped};
use uswgi_keep::sys::nice;
use uswgi_proto::control::{self, CONTROL_VERSION, MAX_MESSAGE, ToMaster, ToWorker};

/// Messages heard at a time from one process: more than its socket can hold, so that a process which
/// floods the master delays it, but does not stop it.
const AT_A_TIME: usize = 1024;

/// One process.
struct Process {
    kind: ProcessKind,
    generation: u64,
    pid: Option<i32>,
    control: Option<OwnedFd>,
    /// How much less nice it was made; 0: it is as nice as the others.
    boost: i32,
}

/// All of them.
pub struct Processes {
    all: BTreeMap<ChildId, Process>,
    /// Children of another kind that will end by themselves: no orphans.
    passing: Vec<i32>,
    buffer: Vec<u8>,
    answered: bool,
    /// Alarms that processes have raised.
    alarms: Vec<(String, Vec<u8>)>,
}

/// A pair of control sockets: the master's end, which learns the pid of who writes, and the other.
pub fn control_pair() -> nix::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) =
        so::socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    setsockopt(&ours, sockopt::PassCred, &true)?;
    Ok((ours, theirs))
}

impl Default for Processes {
    fn default() -> Self {
        Processes {
            all: BTreeMap::new(),
            passing: Vec::new(),
            buffer: vec![0; MAX_MESSAGE],
            answered: false,
            alarms: Vec::new(),
        }
    }
}

impl Processes {
    /// A process that was asked for.
    pub fn add(&mut self, birth: &Birth, control: OwnedFd) {
        let &Birth { child, kind, generation, .. } = birth;
        self.all.insert(child, Process { kind, generation, pid: None, control: Some(control), boost: 0 });
    }

    /// A child of another kind, which will end by itself.
    pub fn expect(&mut self, pid: i32) {
        self.passing.push(pid);
    }

    /// Whether a child that was expected was not reaped yet.
    pub fn expects(&self, pid: i32) -> bool {
        self.passing.contains(&pid)
    }

    /// Its pid is known.
    pub fn set_pid(&mut self, child: ChildId, pid: i32) {
        if let Some(p) = self.all.get_mut(&child) {
            p.pid = Some(pid);
        }
    }

    /// Make it less nice by so much, where that is allowed; 0: as it was before.
    pub fn prefer(&mut self, child: ChildId, boost: i32) {
        let Some(p) = self.all.get_mut(&child) else { return };
        let Some(pid) = p.pid else { return };
        if boost > 0 {
            nice::prefer(pid, boost);
        } else {
            nice::level(pid, p.boost);
        }
        p.boost = boost;
    }

    /// Let what it forks be as nice as it is, where that is allowed.
    pub fn hand_on(&self, child: ChildId) {
        if let Some(pid) = self.all.get(&child).and_then(|p| p.pid) {
            nice::hand_on(pid);
        }
    }

    /// Forget it; returns what it was.
    pub fn remove(&mut self, child: ChildId) -> Option<ProcessKind> {
        self.all.remove(&child).map(|p| p.kind)
    }

    /// Whether a process of the generation is there.
    pub fn any_of(&self, generation: u64) -> bool {
        self.all.values().any(|p| p.generation == generation)
    }

    /// The control socket of a process.
    pub fn control(&self, child: ChildId) -> Option<BorrowedFd<'_>> {
        self.all.get(&child)?.control.as_ref().map(|c| c.as_fd())
    }

    /// Close our end. Of a fork whose pid nobody knows yet its slot may be somebody else's from now on: it looks whether
    /// it is wanted after it has said hello, so either it sees the end of the socket, or its hello is in there and it is killed.
    pub fn close_control(&mut self, child: ChildId) {
        let Some(p) = self.all.get_mut(&child) else { return };
        let Some(control) = p.control.take().filter(|_| p.pid.is_none()) else { return };
        for pid in end_unheard(&control, &mut self.buffer) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// Send a message, with descriptors if there are some. Never waits.
    pub fn send(&self, child: ChildId, message: &ToWorker, fds: &[BorrowedFd<'_>]) -> nix::Result<()> {
        let control = self.control(child).ok_or(nix::Error::ENOTCONN)?;
        let packet = control::encode(message);
        let fds: Vec<i32> = fds.iter().map(|f| f.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&fds)];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let attached = if fds.is_empty() { &rights[..0] } else { &rights[..] };
        so::sendmsg::<UnixAddr>(control.as_raw_fd(), &[IoSlice::new(&packet)], attached, flags, None)
            .map(drop)
    }

    /// Ask every worker whether it is alive.
    pub fn ask_all(&self) {
        for (&child, p) in &self.all {
            if p.kind.is_worker() && p.pid.is_some() {
                // One that is too far behind to be asked does not answer.
                let _ = self.send(child, &ToWorker::Ping, &[]);
            }
        }
    }

    /// Whether one of them has answered since the last call.
    pub fn take_answer(&mut self) -> bool {
        std::mem::take(&mut self.answered)
    }

    /// The alarms that they have raised since the last call.
    pub fn take_alarms(&mut self) -> Vec<(String, Vec<u8>)> {
        std::mem::take(&mut self.alarms)
    }

    /// SIGKILL. Nothing happens to one that has no pid or was reaped.
    pub fn kill(&self, child: ChildId) {
        if let Some(pid) = self.all.get(&child).and_then(|p| p.pid) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// Everything that a process has said since, and the end of its control socket.
    pub fn hear(&mut self, child: ChildId, events: &mut Vec<Event>) {
        for _ in 0..AT_A_TIME {
            let Some(control) = self.control(child).map(|c| c.as_raw_fd()) else { return };
            match receive(control, &mut self.buffer) {
                Ok((0, _)) | Err(nix::Error::ECONNRESET) => {
                    self.close_control(child);
                    events.push(Event::Closed { child });
                }
                Ok((n, sender)) => match control::decode::<ToMaster>(&self.buffer[..n]) {
                    Ok(ToMaster::Alive) => self.answered = true,
                    Ok(ToMaster::Alarm { name, message }) => self.alarms.push((name, message)),
                    Ok(message) => events.push(self.understand(child, message, sender)),
                    Err(e) => {
                        uswgi_keep::log::line(format_args!("ignored from pid {}: {e}", sender.unwrap_or(0)))
                    }
                },
                Err(nix::Error::EINTR) => {}
                Err(_) => return,
            }
        }
    }

    fn understand(&mut self, child: ChildId, message: ToMaster, sender: Option<i32>) -> Event {
        match message {
            ToMaster::Hello { version, .. } if version != CONTROL_VERSION => Event::LoadFailed {
                child,
                message: format!(
                    "the worker speaks version {version} of the control messages, this master {CONTROL_VERSION}; install both from one release"
                ),
            },
            ToMaster::Hello { pid, python, .. } => {
                // The kernel's word, not its own: in another pid namespace it knows another number.
                let known = self.all.get(&child).and_then(|p| p.pid);
                let pid = known.or(sender).unwrap_or(pid);
                self.set_pid(child, pid);
                Event::Hello { child, pid, python }
            }
            // Taken before it comes here.
            ToMaster::Alive | ToMaster::Alarm { .. } => Event::Tick,
            ToMaster::Ready => Event::Ready { child },
            ToMaster::LoadFailed { message } => Event::LoadFailed { child, message },
            ToMaster::NoInterpreter { message } => Event::NoInterpreter { child, message },
            ToMaster::NoApp { message } => Event::NoApp { child, message },
            ToMaster::WarmupFailed { message } => Event::WarmupFailed { child, message },
            ToMaster::StepFailed { message } => Event::StepFailed { child, message },
            ToMaster::SourceChanged { path, modified_us } => Event::Source { child, path, modified_us },
            ToMaster::Traceback { text, count } => Event::Traceback { child, text, count },
            ToMaster::AppSignal { said } => Event::AppSignal { child, said },
            ToMaster::Finished => Event::Finished { child },
            ToMaster::Replace { reason } => Event::Replace { child, reason },
            ToMaster::Reload => {
                uswgi_keep::log::line(format_args!(
                    "the application (pid {}) asks for a reload",
                    sender.unwrap_or(0)
                ));
                Event::Reload
            }
            ToMaster::Stop => {
                uswgi_keep::log::line(format_args!(
                    "the application (pid {}) asks for a stop",
                    sender.unwrap_or(0)
                ));
                Event::Stop
            }
            ToMaster::ForkFailed { worker_id, aide, message } => {
                Event::ForkFailed { template: child, worker_id, aide, message }
            }
        }
    }

    fn by_pid(&self, pid: i32) -> Option<ChildId> {
        self.all.iter().find(|(_, p)| p.pid == Some(pid)).map(|(&id, _)| id)
    }

    /// Reap one process that has ended: a program beside the workers, or an orphan of the app or of such a program. Workers,
    /// templates and children that were expected are reaped meanwhile, as events. None: no other has ended.
    ///
    /// What a process said before its end is heard first: a forked worker's pid is known from its hello only, and the reason of
    /// a failed load arrives before the exit code.
    pub fn reap_other(&mut self, events: &mut Vec<Event>) -> Option<Reaped> {
        while let Some(zombie) = reap::next() {
            let mut child = self.by_pid(zombie.pid());
            match child {
                Some(child) => self.hear(child, events),
                None => {
                    let nameless: Vec<ChildId> =
                        self.all.iter().filter(|(_, p)| p.pid.is_none()).map(|(&id, _)| id).collect();
                    nameless.into_iter().for_each(|id| self.hear(id, events));
                    child = self.by_pid(zombie.pid());
                }
            }
            let reaped = zombie.reap()?;
            if let Some(i) = self.passing.iter().position(|&p| p == reaped.pid) {
                self.passing.swap_remove(i);
                continue;
            }
            let Some(child) = child else { return Some(reaped) };
            if let Some(p) = self.all.get_mut(&child) {
                // From now on the number may be somebody else's.
                p.pid = None;
                p.control = None;
            }
            events.push(Event::Exited { child, how: reaped.how });
        }
        None
    }
}

/// End a control socket for both sides; who has said hello in it unheard. They were not reaped, so the pids are theirs.
fn end_unheard(control: &OwnedFd, buffer: &mut [u8]) -> Vec<i32> {
    let _ = so::shutdown(control.as_raw_fd(), so::Shutdown::Both);
    let mut pids = Vec::new();
    while let Ok((n @ 1.., sender)) = receive(control.as_raw_fd(), buffer) {
        if matches!(control::decode(&buffer[..n]), Ok(ToMaster::Hello { .. })) {
            pids.extend(sender);
        }
    }
    pids
}

fn receive(control: i32, buffer: &mut [u8]) -> nix::Result<(usize, Option<i32>)> {
    let mut space = nix::cmsg_space!(nix::libc::ucred);
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = so::recvmsg::<UnixAddr>(control, &mut parts, Some(&mut space), flags)?;
    let mut sender = None;
    for c in message.cmsgs()? {
        if let ControlMessageOwned::ScmCredentials(who) = c {
            sender = Some(who.pid()).filter(|&pid| pid > 0);
        }
    }
    Ok((message.bytes, sender))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_proto::settings::Role;

    /// What the process at the other end does: it says hello, then looks whether the socket has ended.
    fn hello(theirs: &OwnedFd) -> bool {
        let pid = std::process::id() as i32;
        let hello =
            ToMaster::Hello { version: CONTROL_VERSION, role: Role::Worker, pid, python: String::new() };
        let packet = control::encode(&hello);
        let _ = so::send(theirs.as_raw_fd(), &packet, MsgFlags::MSG_NOSIGNAL);
        !matches!(so::recv(theirs.as_raw_fd(), &mut [0; 8], MsgFlags::MSG_DONTWAIT), Err(nix::Error::EAGAIN))
    }

    #[test]
    fn a_fork_that_is_given_up_sees_it_or_is_found() {
        let mut buffer = vec![0; MAX_MESSAGE];
        let (ours, theirs) = control_pair().unwrap();
        assert!(!hello(&theirs), "it looks before the end");
        assert_eq!(end_unheard(&ours, &mut buffer), [std::process::id() as i32]);
        let (ours, theirs) = control_pair().unwrap();
        assert_eq!(end_unheard(&ours, &mut buffer), [0; 0]);
        assert!(hello(&theirs), "it looks after the end");
        drop(ours);
        assert!(hello(&theirs), "it is closed as well");
    }
}
