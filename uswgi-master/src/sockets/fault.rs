//! What can be wrong with a listening socket, as sentences: what it is, and what to do about it.

use crate::privs::PrivsError;
use std::io;

/// Longest name of a unix socket: `sun_path` without its last byte.
const LONGEST: usize = 107;

/// What is wrong with a socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketFault {
    /// The kernel cuts longer queues in silence.
    #[error(
        "listen = {wanted} is more than the kernel allows (net.core.somaxconn = {most}); lower it or raise the kernel's"
    )]
    Backlog {
        /// As configured.
        wanted: u32,
        /// The kernel's limit.
        most: u32,
    },
    /// A descriptor of another kind.
    #[error("cannot listen: {0}; is it a stream socket?")]
    Listen(nix::Error),
    /// A name that nobody knows.
    #[error("{host} cannot be resolved: {source}; write an address of this machine")]
    Resolve {
        /// As configured.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// A name without an address.
    #[error("{0} has no address")]
    NoAddress(String),
    /// The system has no more, or not of this family.
    #[error("cannot be made: {0}")]
    Make(nix::Error),
    /// Somebody has the port.
    #[error("port {0} is in use by another program; stop that one or choose another port")]
    PortInUse(u16),
    /// A port below 1024.
    #[error(
        "no permission to bind port {0}; start as root, give CAP_NET_BIND_SERVICE, or use a port from 1024 on"
    )]
    PortForbidden(u16),
    /// Another machine's address.
    #[error("{0} is no address of this machine")]
    ForeignAddress(String),
    /// What else binding may meet.
    #[error("cannot be bound: {0}")]
    Bind(nix::Error),
    /// An abstract name.
    #[error("the name is longer than {LONGEST} bytes")]
    NameTooLong,
    /// An abstract name of somebody else.
    #[error("it is in use by another program; stop that one or choose another name")]
    NameInUse,
    /// The path of a unix socket.
    #[error("the path is longer than {LONGEST} bytes")]
    PathTooLong,
    /// Nothing is made for it.
    #[error("its directory does not exist; create it or choose another path")]
    NoDirectory,
    /// A file stands where a directory should.
    #[error("part of its path is no directory")]
    NotDirectory,
    /// Nobody may make files there.
    #[error("user {user} cannot write in its directory ({})", .source.desc())]
    Unwritable {
        /// As whom it was tried.
        user: String,
        /// What the system said.
        source: nix::Error,
    },
    /// Another kind of file is never replaced.
    #[error("there is a file that is no socket; remove it or choose another path")]
    OtherFile,
    /// Whether something listens cannot be found out.
    #[error("cannot be checked: {0}")]
    Check(nix::Error),
    /// A dead socket in a directory of others.
    #[error("nothing listens on it any more, but it cannot be removed: {0}")]
    Remove(io::Error),
    /// A socket of somebody else, dead or not.
    #[error("user {0} may not see whether something listens on it; remove it first")]
    Unseen(String),
    /// A live socket is never taken over.
    #[error("it is in use: another program listens on it; stop that one or choose another path")]
    Live,
    /// Removed between bind and the next look.
    #[error("it went away: {0}")]
    Gone(io::Error),
    /// `chmod-socket`.
    #[error("its mode cannot be set to {mode:o}: {source}")]
    Mode {
        /// As configured.
        mode: u32,
        /// What the system said.
        source: io::Error,
    },
    /// `chown-socket` names nobody.
    #[error(transparent)]
    Owner(#[from] PrivsError),
    /// `chown-socket`.
    #[error("its owner cannot be set to {owner}: {source}")]
    Chown {
        /// As configured.
        owner: String,
        /// What the system said.
        source: io::Error,
    },
    /// A descriptor that was promised.
    #[error("descriptor {0} is not open; whoever starts this program has to pass it on")]
    NotOpen(i32),
    /// A descriptor of a file or a pipe.
    #[error("descriptor {0} is no socket")]
    NoSocket(i32),
    /// A descriptor that cannot be set up.
    #[error("descriptor {number}: {source}")]
    Descriptor {
        /// Its number.
        number: i32,
        /// What the system said.
        source: nix::Error,
    },
}

/// A unix socket does not get the mode or owner of other settings.
#[derive(Debug, thiserror::Error)]
#[error("socket {name}: {what}; it stays as it was")]
pub struct DressError {
    /// As configured.
    pub(super) name: String,
    /// What is wrong.
    pub(super) what: SocketFault,
}
