//! Looks at the listeners' queues while requests run: the numbers of the scoreboard, and a warning before a queue is
//! full. Native thread only, but for [`queue`]. An idle instance is not woken for it, and of many workers one looks each second.

use crate::engine::Engine;
use crate::{say, sys};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use uswgi_proto::sock_diag;

/// Connections that wait at a listening socket, and the most that may: TCP by its own word, unix by the kernel's table.
pub(crate) fn queue(fd: BorrowedFd<'_>) -> Option<(u32, u32)> {
    sys::tcp_queue(fd.as_raw_fd()).or_else(|| {
        let inode = nix::sys::stat::fstat(fd).ok()?.st_ino;
        sock_diag::unix_queue(inode).ok().flatten().map(|q| (q.waiting, q.limit))
    })
}

/// Look, if nobody did within a second.
pub(crate) fn look(engine: &Engine, now: u64) {
    let Some(board) = &engine.board else { return };
    for (i, listening) in engine.listeners.iter().enumerate() {
        let Some(slot) = board.socket(i).filter(|s| s.due(now)) else { continue };
        // The table follows the newest generation: a worker of an older one has nothing to say about other sockets.
        let Ok(inode) = nix::sys::stat::fstat(&listening.fd).map(|s| s.st_ino) else { continue };
        if slot.inode.load(std::sync::atomic::Ordering::Relaxed) != inode {
            continue;
        }
        let Some((queue, limit)) = queue(listening.fd.as_fd()) else { continue };
        if slot.look(queue, limit, now) {
            let name = engine.settings.listeners.get(i).map_or("?", |l| l.name.as_str());
            say!(
                "the queue of {name} fills: {queue} connections wait, {limit} may; workers are too few or too slow, or `listen` is too low"
            );
        }
    }
}
