//! The close of a connection after its last answer: at once, or lingering (RFC 9112 section 9.6).
//!
//! Who closes a TCP socket while the client still sends, or before the client has the whole answer and then sends, resets the
//! connection: what the kernel had not delivered is lost. So a connection lingers where that may happen: its sending half is
//! closed, and what comes is thrown away until the client closes too. The small answer, which is nearly every one, costs nothing.

#![forbid(unsafe_code)]

/// An answer of this size is delivered at once or soon: nobody asks how far it has come.
const SMALL: u64 = 32 * 1024;

/// What is known of a connection that is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Last {
    /// A part of the request was not read.
    pub unread: bool,
    /// Bytes have come behind the request.
    pub behind: bool,
    /// It is TCP. (A unix socket delivers what it has taken, whatever happens to the other end.)
    pub tcp: bool,
    /// Bytes of the answer, or `u64::MAX` when the socket did not take it at once.
    pub sent: u64,
}

/// How to end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Close it.
    Close,
    /// Close it if the client has acknowledged everything, else linger.
    CloseIfDelivered,
    /// Linger.
    Linger,
}

/// How to end a connection.
pub(crate) fn ending(last: Last) -> Ending {
    match last {
        Last { unread: true, .. } | Last { behind: true, .. } => Ending::Linger,
        Last { tcp: true, sent, .. } if sent > SMALL => Ending::CloseIfDelivered,
        _ => Ending::Close,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL_ANSWER: Last = Last { unread: false, behind: false, tcp: true, sent: 500 };

    #[test]
    fn a_small_answer_with_nothing_behind_its_request_costs_nothing() {
        assert_eq!(ending(SMALL_ANSWER), Ending::Close);
        assert_eq!(ending(Last { tcp: false, sent: u64::MAX, ..SMALL_ANSWER }), Ending::Close);
    }

    #[test]
    fn what_was_sent_and_not_read_would_reset_the_connection() {
        for tcp in [false, true] {
            assert_eq!(ending(Last { behind: true, tcp, ..SMALL_ANSWER }), Ending::Linger);
            assert_eq!(ending(Last { unread: true, tcp, ..SMALL_ANSWER }), Ending::Linger);
        }
    }

    #[test]
    fn of_a_larger_answer_the_kernel_knows_whether_it_has_arrived() {
        assert_eq!(ending(Last { sent: SMALL + 1, ..SMALL_ANSWER }), Ending::CloseIfDelivered);
        assert_eq!(ending(Last { sent: u64::MAX, ..SMALL_ANSWER }), Ending::CloseIfDelivered);
    }
}
