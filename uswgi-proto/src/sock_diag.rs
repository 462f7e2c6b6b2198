//! How many connections wait at a listening socket, asked of the kernel by the socket's inode
//! (sock_diag(7)). Works for sockets of other processes in the same network namespace, without
//! touching them. It must never wait long nor believe a length that the kernel did not send.
#![forbid(unsafe_code)]

use crate::tcp_info;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::stat::fstat;
use nix::sys::time::{TimeVal, TimeValLike};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// The queue of a listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Connections that wait to be accepted.
    pub waiting: u32,
    /// Most that may wait.
    pub limit: u32,
}

// linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h, linux/inet_diag.h.
const HEADER: usize = 16;
const BY_FAMILY: u16 = 20;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
const SHOW_RQLEN: u32 = 0x10;
const ATTRIBUTE_RQLEN: u16 = 4;
const LISTEN: u32 = 10;
const UNIX: u8 = 1;
const INET: u8 = 2;
const INET6: u8 = 10;
const TCP: u8 = 6;

/// Queues of the listening sockets with these inodes, unix and TCP. What the kernel does not know, or does not
/// tell, is not in the answer.
pub fn queues(inodes: &[u64]) -> HashMap<u64, Queue> {
    let mut found = HashMap::new();
    let Ok(diag) = Diag::open() else { return found };
    for &inode in inodes {
        if let Ok(Some(queue)) = diag.unix(inode) {
            found.insert(inode, queue);
        }
    }
    // One dump for all the others: the kernel finds TCP sockets by address only.
    if inodes.iter().any(|i| *i != 0 && !found.contains_key(i)) {
        for family in [INET, INET6] {
            let all = diag.tcp(family).unwrap_or_default();
            found.extend(all.into_iter().filter(|(inode, _)| inodes.contains(inode)));
        }
    }
    found
}

/// Queue of a listening socket that we hold: TCP by its own word, unix by the kernel's table.
pub fn queue_of(fd: BorrowedFd<'_>) -> Option<Queue> {
    tcp_info::queue(fd).or_else(|| unix_queue(fstat(fd).ok()?.st_ino).ok().flatten())
}

/// Queue of one listening unix socket, None when there is no such socket.
fn unix_queue(inode: u64) -> io::Result<Option<Queue>> {
    Diag::open()?.unix(inode)
}

struct Diag(OwnedFd);

impl Diag {
    fn open() -> io::Result<Diag> {
        let kind = (AddressFamily::Netlink, SockType::Raw, SockProtocol::NetlinkSockDiag);
        let fd = socket(kind.0, kind.1, SockFlag::SOCK_CLOEXEC, kind.2)?;
        setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::seconds(1))?;
        Ok(Diag(fd))
    }

    fn ask(&self, flags: u16, body: &[u8]) -> io::Result<()> {
        let mut packet = Vec::with_capacity(HEADER + body.len());
        packet.extend_from_slice(&((HEADER + body.len()) as u32).to_ne_bytes());
        packet.extend_from_slice(&BY_FAMILY.to_ne_bytes());
        packet.extend_from_slice(&flags.to_ne_bytes());
        packet.extend_from_slice(&[0; 8]);
        packet.extend_from_slice(body);
        send(self.0.as_raw_fd(), &packet, MsgFlags::empty())?;
        Ok(())
    }

    fn unix(&self, inode: u64) -> io::Result<Option<Queue>> {
        let Ok(inode) = u32::try_from(inode) else { return Ok(None) };
        if inode == 0 {
            return Ok(None);
        }
        let mut body = vec![UNIX, 0, 0, 0];
        // All states, this inode, the lengths of its queues, any cookie.
        for word in [u32::MAX, inode, SHOW_RQLEN, u32::MAX, u32::MAX] {
            body.extend_from_slice(&word.to_ne_bytes());
        }
        self.ask(REQUEST, &body)?;
        let mut buffer = [0; 4096];
        let n = recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let found = messages(&buffer[..n]).find(|(kind, _)| *kind == BY_FAMILY);
        Ok(found.and_then(|(_, message)| unix_message(message, inode)))
    }

    fn tcp(&self, family: u8) -> io::Result<Vec<(u64, Queue)>> {
        let mut body = vec![family, TCP, 0, 0];
        body.extend_from_slice(&(1u32 << LISTEN).to_ne_bytes());
        body.extend_from_slice(&[0; 48]);
        self.ask(REQUEST | DUMP, &body)?;
        let mut all = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let n = recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
            if n == 0 {
                return Ok(all);
            }
            for (kind, message) in messages(&buffer[..n]) {
                match kind {
                    DONE => return Ok(all),
                    ERROR => return Err(io::ErrorKind::Unsupported.into()),
                    _ => all.extend(tcp_message(message)),
                }
            }
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Type and body of every whole message of a packet.
fn messages(packet: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = packet;
    std::iter::from_fn(move || {
        let (length, kind) = (word(rest, 0)? as usize, half(rest, 4)?);
        let body = rest.get(HEADER..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, body))
    })
}

/// `struct unix_diag_msg` and its attributes.
fn unix_message(message: &[u8], inode: u32) -> Option<Queue> {
    if u32::from(*message.get(2)?) != LISTEN || word(message, 4)? != inode {
        return None;
    }
    let mut rest = message.get(16..)?;
    loop {
        let (length, kind) = (usize::from(half(rest, 0)?), half(rest, 2)?);
        if length < 4 {
            return None;
        }
        if kind == ATTRIBUTE_RQLEN {
            return Some(Queue { waiting: word(rest, 4)?, limit: word(rest, 8)? });
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

/// `struct inet_diag_msg`.
fn tcp_message(message: &[u8]) -> Option<(u64, Queue)> {
    let queue = Queue { waiting: word(message, 56)?, limit: word(message, 60)? };
    Some((u64::from(word(message, 68)?), queue))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{Backlog, SockaddrStorage, UnixAddr, bind, listen};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr as UnixSocketAddr, UnixListener, UnixStream};

    fn inode(fd: &impl std::os::fd::AsFd) -> u64 {
        fstat(fd).unwrap().st_ino
    }

    #[test]
    fn waiting_connections_are_counted_at_every_kind_of_socket() {
        // Short queues of our own making: the standard library fixes theirs.
        let name = format!("uswgi-diag-{}", std::process::id());
        let unix = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(unix.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes()).unwrap()).unwrap();
        listen(&unix, Backlog::new(7).unwrap()).unwrap();
        let tcp = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        bind(tcp.as_raw_fd(), &SockaddrStorage::from(any)).unwrap();
        listen(&tcp, Backlog::new(9).unwrap()).unwrap();
        let tcp = TcpListener::from(tcp);
        let six = TcpListener::bind("[::1]:0");
        let address = UnixSocketAddr::from_abstract_name(&name).unwrap();
        let _clients: Vec<UnixStream> = (0..3).map(|_| UnixStream::connect_addr(&address).unwrap()).collect();
        let _more: Vec<TcpStream> =
            (0..2).map(|_| TcpStream::connect(tcp.local_addr().unwrap()).unwrap()).collect();
        let (a, b) = (inode(&unix), inode(&tcp));
        let mut asked = vec![a, b, 0, 1];
        if let Ok(six) = &six {
            asked.push(inode(six));
        }
        // The last handshake may still be on its way to the queue.
        let mut found = queues(&asked);
        for _ in 0..1000 {
            if found.get(&b).is_some_and(|q| q.waiting == 2) {
                break;
            }
            found = queues(&asked);
        }
        assert_eq!(found.get(&a), Some(&Queue { waiting: 3, limit: 7 }));
        assert_eq!(found.get(&b), Some(&Queue { waiting: 2, limit: 9 }));
        if let Ok(six) = &six {
            assert_eq!(found.get(&inode(six)).map(|q| q.waiting), Some(0));
        }
        assert_eq!(found.len(), 2 + usize::from(six.is_ok()));
        // The same of sockets in our hands; one that is neither has none.
        assert_eq!(queue_of(unix.as_fd()), Some(Queue { waiting: 3, limit: 7 }));
        assert_eq!(queue_of(tcp.as_fd()), Some(Queue { waiting: 2, limit: 9 }));
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(queue_of(datagrams.as_fd()), None);
    }

    #[test]
    fn a_socket_that_does_not_listen_has_no_queue() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert_eq!(unix_queue(inode(&one)).unwrap(), None);
        assert_eq!(unix_queue(u64::from(u32::MAX) + 7).unwrap(), None);
        let listener = UnixListener::bind_addr(
            &UnixSocketAddr::from_abstract_name(format!("uswgi-diag-gone-{}", std::process::id())).unwrap(),
        )
        .unwrap();
        let gone = inode(&listener);
        drop(listener);
        assert_eq!(unix_queue(gone).unwrap(), None);
    }

    #[test]
    fn nonsense_from_the_kernel_is_passed_over() {
        for packet in [&[][..], &[1, 2, 3], &[255; 64], &[0; 64], &[20, 0, 0, 0, 20, 0, 0, 0]] {
            assert!(messages(packet).count() <= 4);
            assert_eq!(unix_message(packet, 1), None);
        }
        assert_eq!(tcp_message(&[0; 40]), None);
    }
}
