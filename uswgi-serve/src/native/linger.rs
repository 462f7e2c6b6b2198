//! The end of a connection whose answer is out: closed at once where that loses nothing, else half-closed, and what its
//! client still sends thrown away until it closes too. For how long: until it has everything, as long as it gets on, and a
//! moment more.

use super::{Duty, Native, SECOND_US};
use crate::close::{Ending, Last, ending};
use crate::connection::Conn;
use crate::interpreter::Interpreter;
use crate::rate::is_too_slow;
use crate::send_queue::Held;
use crate::sys::{self, Peer};

/// A client that has the whole answer is given this long to close.
pub(super) const PATIENCE_US: u64 = 2 * SECOND_US;
/// Bytes thrown away of one connection.
const MOST_BYTES: u64 = 16 << 20;

/// Whether a connection that ends waits for its client; see [`ending`]. `sent`: `u64::MAX` when the socket did not take
/// the answer at once.
pub fn lingers(conn: &Conn, unread: bool, sent: u64) -> bool {
    let (behind, tcp) = (!conn.buffer.is_empty(), conn.peer != Peer::Unix);
    match ending(Last { unread, behind, tcp, sent }) {
        Ending::Close => false,
        Ending::CloseIfDelivered => sys::unsent(conn.raw()) > 0,
        Ending::Linger => true,
    }
}

impl<I: Interpreter> Native<I> {
    /// Tell the client that this was all, and wait until it closes too.
    pub(super) fn linger(&mut self, mut conn: Conn, now: u64) {
        sys::shutdown(conn.raw(), libc::SHUT_WR);
        conn.buffer = Vec::new();
        conn.head = None;
        conn.chunks = None;
        conn.spool = None;
        self.add(conn, Duty::Linger { swallowed: 0 }, now);
    }
}

/// Throw away what came; whether nothing more is to be waited for.
pub(super) fn is_over(conn: &Conn, swallowed: &mut u64) -> bool {
    let mut sink = Vec::with_capacity(16 * 1024);
    match sys::recv_into(conn.raw(), &mut sink) {
        Ok(0) => true,
        Ok(n) => {
            *swallowed += n as u64;
            *swallowed > MOST_BYTES
        }
        Err(e) => !sys::would_block(&e),
    }
}

/// Whether a client takes its answer, slowly: what the kernel holds of it becomes less, and fast enough.
pub(super) fn gets_on<H: Held>(conn: &mut Conn, duty: &Duty<H>, now: u64) -> bool {
    let waiting = match duty {
        Duty::Read => return false,
        Duty::Write { pending, .. } => pending.left(),
        Duty::Linger { .. } => 0,
    };
    let unsent = sys::unsent(conn.raw());
    let left = waiting + unsent;
    if left == 0 {
        return false;
    }
    let gets_on = unsent < std::mem::replace(&mut conn.unsent, unsent);
    if conn.owed == 0 {
        (conn.owed, conn.since_us) = (left, now);
    }
    gets_on && !is_too_slow(conn.owed.saturating_sub(left), now.saturating_sub(conn.since_us))
}
