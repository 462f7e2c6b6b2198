//! Connections to other workers, through the SEQPACKET pair that all workers inherit: one message a
//! connection, its descriptor beside it. Idle workers treat the receiving end as one more listener.
//! A message that is not taken stays in the kernel's queue; a full queue leaves the connection here.

use crate::client_certificate::ClientCertificate;
use crate::connection::Conn;
use crate::engine::{Engine, Job, Leaving};
use crate::greeting::Greeting;
use crate::say;
use crate::sys::{self, Peer, would_block};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recv, recvmsg, sendmsg};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use uswgi_proto::passed::{MOST_BUFFER, MOST_MESSAGE, Passed};
use uswgi_proto::scoreboard::layout::add;

fn encode(conn: &Conn) -> Vec<u8> {
    let peer = match conn.peer {
        Peer::Ip(a) => Some(a),
        Peer::Unix => None,
    };
    Passed {
        protocol: conn.protocol,
        greeting: conn.greeting as u8,
        secure: conn.secure,
        listener: conn.listener,
        served: conn.served,
        peer,
        certificate: conn.certificate.as_ref().map_or(&[][..], |c| c.der()),
    }
    .encode()
}

fn decode(message: &[u8], fd: OwnedFd, engine: &Engine) -> Option<Conn> {
    let (passed, buffer) = Passed::decode(message)?;
    // Another generation may have other sockets: the protocol counts, the index is for SERVER_PORT.
    let fits = |i: usize| {
        engine.listeners.get(i).is_some_and(|l| l.protocol == passed.protocol && l.secure() == passed.secure)
    };
    let listener = if fits(usize::from(passed.listener)) {
        passed.listener
    } else {
        (0..engine.listeners.len()).find(|&i| fits(i)).unwrap_or(0) as u16
    };
    let mut conn = Conn::new(fd, listener, passed.protocol, passed.peer.map_or(Peer::Unix, Peer::Ip));
    conn.served = passed.served;
    conn.greeting = Greeting::of(passed.greeting);
    conn.secure = passed.secure;
    conn.certificate = ClientCertificate::new(passed.certificate);
    conn.buffer.extend_from_slice(buffer);
    Some(conn)
}

/// Whether a message can hold what is known of a connection.
pub(crate) fn fits(conn: &Conn) -> bool {
    conn.buffer.len() <= MOST_BUFFER && conn.chunks.is_none() && conn.spool.is_none()
}

/// Give a connection away. Comes back when there is nobody to give it to, or the queue is full.
pub(crate) fn give(engine: &Engine, conn: Conn) -> Option<Conn> {
    let Some((send, _)) = &engine.handover else { return Some(conn) };
    if !fits(&conn) {
        return Some(conn);
    }
    // It must not fire here any more while the other worker has it.
    if conn.registered {
        engine.ready.delete(conn.raw());
    }
    let head = encode(&conn);
    let fds = [conn.raw()];
    let sent = sendmsg::<()>(
        send.as_raw_fd(),
        &[IoSlice::new(&head), IoSlice::new(&conn.buffer)],
        &[ControlMessage::ScmRights(&fds)],
        MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        None,
    );
    match sent {
        Ok(_) => {
            if let Some(slot) = engine.slot() {
                add(&slot.handed_over, 1);
            }
            None
        }
        Err(_) => {
            let mut conn = conn;
            conn.registered = false;
            Some(conn)
        }
    }
}

/// Take a connection that another worker gave away; None when another one was faster.
pub(crate) fn take(engine: &Engine) -> Option<Conn> {
    let (_, receive) = engine.handover.as_ref()?;
    match receive_one(receive.as_raw_fd()) {
        Ok((message, Some(fd))) => {
            engine.count_taken();
            decode(&message, fd, engine)
        }
        Ok((_, None)) => None,
        Err(e) if would_block(&e) => None,
        Err(e) if matches!(e.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            // The message stays in the queue, for us later or for another worker now.
            engine.accept_failed(&e);
            None
        }
        Err(e) => {
            say!("the hand-over socket: {e}");
            None
        }
    }
}

/// A connection that is between two requests while the worker leaves: to another worker, or closed.
pub(crate) fn release(engine: &Engine, conn: Conn) {
    let idle = conn.buffer.is_empty() && conn.served > 0 && !sys::readable(conn.raw());
    if engine.leaving() > Leaving::HandOver && idle {
        return;
    }
    let back = if engine.leaving() <= Leaving::HandOver { give(engine, conn) } else { Some(conn) };
    if let Some(conn) = back {
        engine.submit(Job::Read(conn));
    }
}

fn receive_one(fd: RawFd) -> std::io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let peek = MsgFlags::MSG_PEEK | MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT;
    // Only whether there is something: another worker may be faster, and the next message be longer.
    recv(fd, &mut [], peek)?;
    // Without a free descriptor the kernel would drop the connection with the message that brings it. Two, because
    // another thread may take one meanwhile.
    drop((sys::dup(fd)?, sys::dup(fd)?));
    let mut buffer = vec![0; MOST_MESSAGE];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let (length, truncated, descriptor) = {
        let mut iov = [IoSliceMut::new(&mut buffer)];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(fd, &mut iov, Some(&mut space), flags)?;
        let mut descriptor = None;
        for c in message.cmsgs().map_err(std::io::Error::from)? {
            if let ControlMessageOwned::ScmRights(fds) = c {
                for raw in fds {
                    // SAFETY: SCM_RIGHTS made a new descriptor for us; each is wrapped once.
                    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
                    descriptor.get_or_insert(fd);
                }
            }
        }
        (message.bytes, message.flags.contains(MsgFlags::MSG_TRUNC), descriptor)
    };
    if truncated {
        // Its end is lost, so the connection cannot be served; closing it tells the client.
        return Ok((Vec::new(), None));
    }
    buffer.truncate(length);
    Ok((buffer, descriptor))
}

#[cfg(test)]
mod tests;
