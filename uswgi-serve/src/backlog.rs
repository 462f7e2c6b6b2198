//! Looks at the listeners' queues while requests run: the numbers of the scoreboard, and a warning before a queue is
//! full. Native thread only. An idle instance is not woken for it, and of many workers one looks each second.

use crate::engine::Engine;
use crate::say;
use std::os::fd::AsFd;
use uswgi_proto::sock_diag::{self, Queue};

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
        let Some(Queue { waiting, limit }) = sock_diag::queue_of(listening.fd.as_fd()) else { continue };
        if slot.look(waiting, limit, now) {
            let name = engine.settings.listeners.get(i).map_or("?", |l| l.name.as_str());
            say!(
                "the queue of {name} fills: {waiting} connections wait, {limit} may; workers are too few or too slow, or `listen` is too low"
            );
        }
    }
}
