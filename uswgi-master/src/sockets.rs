//! Listening sockets: bound, inherited, given their mode and owner, removed at the end.
//!
//! A unix socket on which something listens is never taken over; a dead one is replaced. All listeners
//! are non-blocking and close-on-exec in the master. It must never accept.
#![forbid(unsafe_code)]

mod fault;

pub use fault::{DressError, SocketFault};

use crate::privs;
use nix::sys::socket::{
    self as so, AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, UnixAddr, setsockopt, sockopt,
};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use uswgi_conf::instance::{Address, Instance, Origin, Socket};
use uswgi_conf::startup::Startup;
use uswgi_keep::callers::Listening;
use uswgi_keep::strangers::SocketInode;
use uswgi_keep::sys;
use uswgi_proto::settings::Protocol;
use uswgi_proto::sock_diag::{self, Queue};

/// Seconds for which the kernel keeps a connection without data from a worker: those of servers in front of us, which
/// speak at once. Connections of strangers are accepted: waiting in the kernel for their first byte they would fill the
/// queue of the socket, and keep others out (observed: `listen` silent clients lock an HTTP socket for 8 s).
const DEFER: i32 = 4;

/// A socket that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{origin}socket {name}: {what}")]
pub struct SocketError {
    /// `uwsgi.ini:3: `, or empty.
    origin: String,
    /// As configured.
    name: String,
    /// What is wrong and what to do.
    what: SocketFault,
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    /// As configured.
    pub name: String,
    /// Address as it is now (the port that the system chose).
    pub shown: String,
    /// Where it was asked for; what is spoken on it is the business of a generation.
    pub address: Address,
    /// The socket.
    pub fd: OwnedFd,
    /// The file of a unix socket that we made.
    made: Option<SocketFile>,
    /// Its path is out of reach: it lies outside of the jail.
    outside: bool,
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Listening for Listener {
    fn shown(&self) -> &str {
        &self.shown
    }
}

/// When a socket is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// With the rights that the master was started with.
    BeforeDrop,
    /// With the rights of the user that it becomes.
    AfterDrop,
}

impl When {
    /// Unix sockets belong to the target user, unless `chown-socket` says to whom.
    pub fn of(socket: &Socket, instance: &Instance) -> When {
        match socket.address {
            Address::Unix(_) if instance.chown_socket.is_none() && !socket.early => When::AfterDrop,
            _ => When::BeforeDrop,
        }
    }
}

fn prefix(origin: &Origin) -> String {
    if origin.source.is_empty() { String::new() } else { format!("{origin}: ") }
}

/// Bind a socket and listen.
pub fn bind(socket: &Socket, instance: &Instance) -> Result<Listener, SocketError> {
    let fail = |what| SocketError { origin: prefix(&socket.origin), name: socket.name.clone(), what };
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok();
    if let Some(most) = most.and_then(|s| s.trim().parse::<u32>().ok())
        && instance.listen > most
    {
        return Err(fail(SocketFault::Backlog { wanted: instance.listen, most }));
    }
    let mut made = None;
    let fd = match &socket.address {
        Address::Tcp { host, port } => bind_tcp(host, *port, instance.startup.freebind),
        Address::Abstract(name) => UnixAddr::new_abstract(name.as_bytes())
            .map_err(|_| SocketFault::NameTooLong)
            .and_then(|a| bind_unix(&a).map_err(|e| unix_fault(e, true))),
        Address::Fd(number) => inherit(*number),
        Address::Unix(path) => bind_path(path, instance).map(|(fd, file)| {
            made = Some(file);
            fd
        }),
    }
    .map_err(fail)?;
    let listening = so::getsockopt(&fd, sockopt::AcceptConn).unwrap_or(false);
    let backlog = Backlog::new(instance.listen.min(i32::MAX as u32) as i32).unwrap_or(Backlog::MAXCONN);
    let listener = Listener {
        name: socket.name.clone(),
        shown: shown(&fd, &socket.name),
        address: socket.address.clone(),
        fd,
        made,
        outside: false,
    };
    listener.defer(socket.protocol, instance);
    listener.tune(&instance.startup);
    let ready = if listening { Ok(()) } else { so::listen(&listener.fd, backlog) };
    if let Err(e) = ready {
        let error = fail(SocketFault::Listen(e));
        listener.vacuum();
        return Err(error);
    }
    Ok(listener)
}

fn shown(fd: &OwnedFd, name: &str) -> String {
    match so::getsockname::<SockaddrStorage>(fd.as_raw_fd()) {
        Ok(a) if a.as_sockaddr_in().is_some() || a.as_sockaddr_in6().is_some() => a.to_string(),
        _ => name.to_string(),
    }
}

fn flags() -> SockFlag {
    SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK
}

fn bind_tcp(host: &str, port: u16, freebind: bool) -> Result<OwnedFd, SocketFault> {
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let found: Vec<SocketAddr> = (host, port)
        .to_socket_addrs()
        .map_err(|source| SocketFault::Resolve { host: host.into(), source })?
        .collect();
    // A name stands for its IPv4 address where it has one, as in uWSGI.
    let address = found.iter().find(|a| a.is_ipv4()).or(found.first());
    let Some(address) = address else { return Err(SocketFault::NoAddress(host.into())) };
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = so::socket(family, SockType::Stream, flags(), None).map_err(SocketFault::Make)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true).map_err(SocketFault::Make)?;
    if freebind {
        setsockopt(&fd, sockopt::IpFreebind, &true).map_err(SocketFault::Make)?;
    }
    so::bind(fd.as_raw_fd(), &SockaddrStorage::from(*address)).map_err(|e| match e {
        nix::Error::EADDRINUSE => SocketFault::PortInUse(port),
        nix::Error::EACCES => SocketFault::PortForbidden(port),
        nix::Error::EADDRNOTAVAIL => SocketFault::ForeignAddress(host.into()),
        e => SocketFault::Bind(e),
    })?;
    Ok(fd)
}

fn bind_unix(address: &UnixAddr) -> nix::Result<OwnedFd> {
    let fd = so::socket(AddressFamily::Unix, SockType::Stream, flags(), None)?;
    so::bind(fd.as_raw_fd(), address)?;
    Ok(fd)
}

fn unix_fault(e: nix::Error, is_abstract: bool) -> SocketFault {
    match e {
        nix::Error::EADDRINUSE if is_abstract => SocketFault::NameInUse,
        nix::Error::ENOENT => SocketFault::NoDirectory,
        nix::Error::ENOTDIR => SocketFault::NotDirectory,
        nix::Error::EACCES | nix::Error::EPERM | nix::Error::EROFS => {
            SocketFault::Unwritable { user: user_name(), source: e }
        }
        e => SocketFault::Bind(e),
    }
}

fn user_name() -> String {
    let uid = nix::unistd::Uid::effective();
    nix::unistd::User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |u| u.name)
}

/// Remove a dead socket; refuse a live one, and anything that is no socket.
fn clear(path: &Path, address: &UnixAddr) -> Result<(), SocketFault> {
    let meta = match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        // The bind will say it.
        Err(_) => return Ok(()),
        Ok(meta) => meta,
    };
    if !meta.file_type().is_socket() {
        return Err(SocketFault::OtherFile);
    }
    let probe =
        so::socket(AddressFamily::Unix, SockType::Stream, flags(), None).map_err(SocketFault::Check)?;
    match so::connect(probe.as_raw_fd(), address) {
        Err(nix::Error::ECONNREFUSED) => std::fs::remove_file(path).map_err(SocketFault::Remove),
        Err(nix::Error::ENOENT) => Ok(()),
        Err(nix::Error::EACCES) => Err(SocketFault::Unseen(user_name())),
        _ => Err(SocketFault::Live),
    }
}

/// The file of a unix socket that we made; another one may stand at its path later.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// Unless another file has its name by now.
    fn remove(&self) {
        if self.is_there() {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// Whether it still stands there.
    fn is_there(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == (self.device, self.inode))
    }
}

fn bind_path(path: &Path, instance: &Instance) -> Result<(OwnedFd, SocketFile), SocketFault> {
    let address = UnixAddr::new(path).map_err(|_| SocketFault::PathTooLong)?;
    clear(path, &address)?;
    let fd = bind_unix(&address).map_err(|e| unix_fault(e, false))?;
    // Whoever can write to the folder may have changed its name by now: mode and owner go to what was bound, or to nothing.
    let held = SocketInode::new(path).map_err(SocketFault::Gone)?;
    let meta = held.metadata().map_err(SocketFault::Gone)?;
    let made = SocketFile { path: path.to_path_buf(), device: meta.dev(), inode: meta.ino() };
    // Nobody can connect before listen(): mode and owner are right from the first connection on.
    if let Err(what) = dress(&held, instance) {
        made.remove();
        return Err(what);
    }
    Ok((fd, made))
}

fn dress(held: &SocketInode, instance: &Instance) -> Result<(), SocketFault> {
    if let Some(mode) = instance.chmod_socket {
        held.chmod(mode).map_err(|source| SocketFault::Mode { mode, source })?;
    }
    if let Some(owner) = &instance.chown_socket {
        let (uid, gid) = privs::owner("chown-socket", owner)?;
        held.chown(uid, gid).map_err(|source| SocketFault::Chown { owner: owner.clone(), source })?;
    }
    Ok(())
}

fn inherit(number: i32) -> Result<OwnedFd, SocketFault> {
    let fd = sys::adopt(number).map_err(|_| SocketFault::NotOpen(number))?;
    so::getsockname::<SockaddrStorage>(fd.as_raw_fd()).map_err(|_| SocketFault::NoSocket(number))?;
    let flags = nix::fcntl::OFlag::O_NONBLOCK;
    nix::fcntl::fcntl(&fd, nix::fcntl::FcntlArg::F_SETFL(flags))
        .map_err(|source| SocketFault::Descriptor { number, source })?;
    Ok(fd)
}

impl Listener {
    /// Let connections wait in the kernel for their first byte, or not: what a generation wants of its uwsgi sockets.
    pub fn defer(&self, protocol: Protocol, instance: &Instance) {
        if let Address::Tcp { .. } = self.address {
            let seconds = if protocol != Protocol::Http && instance.defer_accept { DEFER } else { 0 };
            // A kernel without it wakes a worker a little early; nothing else changes.
            let _ = sys::defer_accept(self.fd.as_fd(), seconds);
        }
    }

    /// What the options say of buffers and of the first packet. A system that has less, or not, is no reason not to serve.
    fn tune(&self, start: &Startup) {
        let failed = |name: &str, e: &dyn std::fmt::Display| {
            uswgi_keep::log::line(format_args!("warning: {name} on socket {}: {e}", self.name));
        };
        let bytes = |n: u64| usize::try_from(n.min(i32::MAX as u64)).unwrap_or(0);
        if start.sndbuf > 0
            && let Err(e) = setsockopt(&self.fd, sockopt::SndBuf, &bytes(start.sndbuf))
        {
            failed("socket-sndbuf", &e);
        }
        if start.rcvbuf > 0
            && let Err(e) = setsockopt(&self.fd, sockopt::RcvBuf, &bytes(start.rcvbuf))
        {
            failed("socket-rcvbuf", &e);
        }
        if start.fast_open > 0
            && matches!(self.address, Address::Tcp { .. })
            && let Err(e) = sys::fast_open(self.fd.as_fd(), start.fast_open.min(i32::MAX as u32) as i32)
        {
            failed("tcp-fast-open", &e);
        }
    }

    /// What workers take of those that the front passes on, to be watched as a socket.
    pub fn passed(fd: OwnedFd) -> Listener {
        let name = String::from("the front");
        Listener { shown: name.clone(), name, address: Address::Fd(-1), fd, made: None, outside: false }
    }

    /// Change the length of the queue.
    pub fn listen(&self, backlog: u32) {
        if let Ok(backlog) = Backlog::new(backlog.min(i32::MAX as u32) as i32) {
            let _ = so::listen(&self.fd, backlog);
        }
    }

    /// Give a unix socket that we made the mode and owner of other settings.
    pub fn dress(&self, instance: &Instance) -> Result<(), DressError> {
        match &self.made {
            Some(file) if self.reachable() => {
                let held = SocketInode::known(&file.path, file.device, file.inode).map_err(SocketFault::Gone);
                let dressed = held.and_then(|held| dress(&held, instance));
                dressed.map_err(|what| DressError { name: self.name.clone(), what })
            }
            _ => Ok(()),
        }
    }

    /// Whether clients still find it: the file of a unix socket may have been removed by somebody.
    pub fn reachable(&self) -> bool {
        self.outside || self.made.as_ref().is_none_or(SocketFile::is_there)
    }

    /// The master goes into a jail: where the path leads from inside.
    pub fn enter(&mut self, inside: impl Fn(&Path) -> Option<PathBuf>) {
        let Some(file) = &mut self.made else { return };
        match inside(&file.path) {
            Some(moved) => file.path = moved,
            None => self.outside = true,
        }
    }

    /// Remove the file of a unix socket that we made, if it still is that one.
    pub fn vacuum(&self) {
        if self.outside {
            let name = &self.name;
            return uswgi_keep::log::line(format_args!(
                "cannot remove socket {name}: it lies outside of the jail; the next start replaces it"
            ));
        }
        if let Some(file) = self.made.as_ref().filter(|file| file.is_there())
            && let Err(e) = std::fs::remove_file(&file.path)
        {
            uswgi_keep::log::line(format_args!("cannot remove socket {}: {e}", file.path.display()));
        }
    }

    /// Connections that wait, and how many may.
    pub fn queue(&self) -> Option<Queue> {
        sock_diag::queue_of(self.fd.as_fd())
    }
}

#[cfg(test)]
pub(crate) mod tests;
