//! What stands around an answer in HTTP/1.1: hints before its head (103, RFC 8297), fields behind its body (RFC 9110,
//! section 6.5).

use super::Response;
use crate::send_queue::Held;
use crate::sys;
use uswgi_proto::settings::Protocol;

/// Fields behind a body, once an application has said that there will be some.
#[derive(Debug, Default)]
pub(super) struct Trailers {
    /// The client has said that it takes them.
    pub(super) taken: bool,
    /// The body is over: they are due.
    pub(super) due: bool,
    /// Header lines, each with its end.
    pub(super) lines: Vec<u8>,
}

/// Names that say what a message is, where it ends and whose it is: behind a body they come too late (RFC 9110, section
/// 6.5.1).
const NOT_BEHIND: [&str; 16] = [
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "host",
    "keep-alive",
    "max-forwards",
    "proxy-authenticate",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "www-authenticate",
];

/// Whether a field of this name may stand behind a body.
pub fn may_trail(name: &[u8]) -> bool {
    !NOT_BEHIND.iter().any(|not| name.eq_ignore_ascii_case(not.as_bytes()))
}

impl<H: Held> Response<H> {
    /// Whether there can be anything but the answer: not for HTTP/1.0, nor over uwsgi, whose other end knows one head.
    pub fn takes_more_than_one_head(&self) -> bool {
        self.protocol == Protocol::Http && self.minor >= 1
    }

    /// Send these header lines as hints (103) before the answer. Nothing happens where the client takes none, or when the
    /// answer has begun.
    pub fn hint(&mut self, lines: &[u8]) {
        if self.head_sent || self.failed.is_some() || !self.takes_more_than_one_head() {
            return;
        }
        let hint = [b"HTTP/1.1 103 Early Hints\r\n", lines, b"\r\n"].concat();
        let (fd, lane) = (self.fd, &self.outbox.engine.lanes[self.lane]);
        let mut sent = 0;
        // Nobody answers 504 in the middle of it.
        let ours = lane.before_its_answer(|| sent = sys::send2(fd, &hint, b"").unwrap_or(0));
        if ours && sent > 0 && sent < hint.len() {
            // What is begun has to be said to its end before anything else is.
            if !self.claims || lane.claim() {
                self.put(&hint[sent..], b"", None);
            }
        }
    }

    /// There will be fields behind the body, which is in chunks therefore where the client takes them.
    pub fn announce_trailers(&mut self) {
        if let Some(taken) = self.trailers_taken {
            self.trailers = Some(Box::new(Trailers { taken, ..Trailers::default() }));
        }
    }

    /// Whether they were announced.
    pub fn has_trailers(&self) -> bool {
        self.trailers.is_some()
    }

    /// The whole length of a body that is known, if it may be said.
    pub(super) fn sayable(&self, length: Option<u64>) -> Option<u64> {
        length.filter(|_| !self.trailers.as_ref().is_some_and(|t| t.taken))
    }

    /// The body is over: it is ended, unless fields have to come first.
    pub fn end_body(&mut self) {
        match &mut self.trailers {
            Some(trailers) => trailers.due = true,
            None => self.end(),
        }
    }

    /// Whether the body is over and fields have to come.
    pub fn owes_trailers(&self) -> bool {
        self.trailers.as_ref().is_some_and(|t| t.due) && !self.ended
    }

    /// Fields behind the body; with `more` others follow, else this is the end.
    pub fn trail(&mut self, lines: &[u8], more: bool) {
        if let Some(trailers) = self.trailers.as_mut().filter(|t| t.taken) {
            trailers.lines.extend_from_slice(lines);
        }
        if !more {
            self.end();
        }
    }

    /// What ends a body in chunks.
    pub(super) fn last_chunk(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"0\r\n");
        if let Some(trailers) = self.trailers.as_ref().filter(|t| t.due) {
            out.extend_from_slice(&trailers.lines);
        }
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_frames_a_message_or_says_whose_it_is_does_not_stand_behind_it() {
        assert!(may_trail(b"Server-Timing") && may_trail(b"X-Checksum") && may_trail(b"grpc-status"));
        for name in ["Content-Length", "TRANSFER-ENCODING", "set-cookie", "trailer"] {
            assert!(!may_trail(name.as_bytes()), "{name}");
        }
    }
}
