//! What rules make of a body on its way, as its head allows it. Knows nothing of framing.
//!
//! uWSGI 2.0.31 compresses for every client, twice what is compressed, and leaves the Content-Length of before; here what
//! would break an answer is left as it is. As there each piece goes at once, so that a client sees it when it is made.

#![forbid(unsafe_code)]

use super::{AppHead, Response};
use crate::routing::keep;
use crate::send_queue::Held;
use crate::shape::BodyStep;
use std::sync::Arc;

/// What is sent of a piece.
pub(super) enum Shaped {
    AsIs,
    Instead(Vec<u8>),
    /// Nothing: something else was sent than this answer, or it is over.
    Nothing,
}

/// Whether a body may be compressed, as its head says.
fn may_be_compressed(head: &AppHead) -> bool {
    // Parts are parts of the file as it is.
    if head.status < 200 || matches!(head.status, 204 | 206 | 304) {
        return false;
    }
    !fields(&head.lines).any(|(name, value)| {
        name.eq_ignore_ascii_case(b"content-encoding")
            || name.eq_ignore_ascii_case(b"content-range")
            || name.eq_ignore_ascii_case(b"cache-control")
                && value.split(|b| *b == b',').any(|v| v.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
    })
}

fn fields(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines.split_inclusive(|b| *b == b'\n').filter_map(|line| {
        let at = line.iter().position(|b| *b == b':')?;
        Some((&line[..at], line[at + 1..].trim_ascii()))
    })
}

/// The head of an answer whose body depends on what its client takes; `compressed`: it goes compressed.
fn head_for(head: &AppHead, compressed: bool) -> AppHead {
    let mut lines = Vec::with_capacity(head.lines.len() + 60);
    let mut varies = false;
    for line in head.lines.split_inclusive(|b| *b == b'\n') {
        let at = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let (name, value) = (&line[..at], line.get(at + 1..).unwrap_or_default().trim_ascii());
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        match () {
            () if compressed && (is("content-length") || is("accept-ranges") || is("content-md5")) => {
                continue;
            }
            // It is another representation, of which bytes differ (RFC 9110 section 8.8.3).
            () if compressed && is("etag") && value.starts_with(b"\"") => {
                lines.extend([b"ETag: W/", value, b"\r\n"].concat());
                continue;
            }
            () if is("vary") => {
                let mut names = value.split(|b| *b == b',').map(<[u8]>::trim_ascii);
                varies |= names.any(|n| n == b"*" || n.eq_ignore_ascii_case(b"accept-encoding"));
            }
            () => {}
        }
        lines.extend_from_slice(line);
    }
    if compressed {
        lines.extend_from_slice(b"Content-Encoding: gzip\r\n");
    }
    if !varies {
        lines.extend_from_slice(b"Vary: Accept-Encoding\r\n");
    }
    AppHead {
        status: head.status,
        status_text: head.status_text.clone(),
        count: lines.iter().filter(|b| **b == b'\n').count() as u32,
        lines,
        content_length: head.content_length.filter(|_| !compressed),
        has_date: head.has_date,
        close: head.close,
    }
}

impl<H: Held> Response<H> {
    /// Whether pieces of the body are not sent as they are.
    pub(super) fn is_shaped(&self) -> bool {
        self.ruled.as_ref().is_some_and(|ruled| ruled.shape.is_some())
    }

    /// A body that no piece shows: nothing becomes of it.
    pub(super) fn drop_shape(&mut self) {
        if let Some(ruled) = &mut self.ruled {
            ruled.shape = None;
        }
    }

    /// Decide what becomes of the body, now that its head is known; `empty`: it has none.
    fn decide(&mut self, empty: bool) {
        let (status, head_only, taken) = (self.status(), self.head_only, self.compresses());
        let Some(ruled) = &mut self.ruled else { return };
        let (Some(shape), Some(head)) = (&mut ruled.shape, &mut self.head) else { return };
        let may = !empty && may_be_compressed(head);
        // What was to be compressed before it is kept would be kept as it is.
        let spoiled = |step: &BodyStep| matches!(step, BodyStep::Gzip { .. }) && !(may && taken);
        let last = shape.steps.iter().position(spoiled).unwrap_or(shape.steps.len());
        shape.left = head.content_length;
        if may && shape.steps.iter().any(|step| matches!(step, BodyStep::Gzip { .. })) {
            *head = Arc::new(head_for(head, taken));
        }
        shape.steps.truncate(last);
        let no_body = head_only || matches!(status, 204 | 304);
        for step in &mut shape.steps {
            if let BodyStep::Keep { cache, most, bytes, .. } = step {
                *most = keep::most(&self.outbox.engine, cache);
                if status != 200 || no_body {
                    *bytes = None;
                }
            }
        }
        shape.decided = true;
        if shape.steps.is_empty() {
            ruled.shape = None;
        }
    }

    fn compresses(&self) -> bool {
        let shape = self.ruled.as_ref().and_then(|ruled| ruled.shape.as_ref());
        shape.is_some_and(|s| s.steps.iter().any(|step| matches!(step, BodyStep::Gzip { taken: true, .. })))
    }

    /// Take a piece of the body.
    #[cold]
    pub(super) fn shape(&mut self, piece: &[u8], whole: bool) -> Shaped {
        self.take_back();
        if self.ended || self.failed.is_some() {
            return Shaped::Nothing;
        }
        if !self.head_sent {
            if !self.prepare_head() {
                return Shaped::Nothing;
            }
            if self.is_shaped() {
                self.decide(whole && piece.is_empty());
            }
        }
        let head_only = self.head_only;
        let shape = self.ruled.as_mut().and_then(|ruled| ruled.shape.as_mut());
        let Some(shape) = shape.filter(|shape| shape.decided) else { return Shaped::AsIs };
        let piece = match &mut shape.left {
            Some(left) => {
                let take = (piece.len() as u64).min(*left);
                *left -= take;
                self.excess |= take < piece.len() as u64;
                &piece[..take as usize]
            }
            None => piece,
        };
        let short = whole && shape.left.is_some_and(|left| left > 0);
        let compresses = shape.steps.iter().any(|step| matches!(step, BodyStep::Gzip { .. }));
        if head_only || short || (piece.is_empty() && !whole) {
            if whole {
                self.drop_shape();
            }
            return if compresses && head_only { Shaped::Instead(Vec::new()) } else { Shaped::AsIs };
        }
        let instead = shape.take(piece, whole);
        if whole {
            self.keep_what_came();
        }
        instead.map_or(Shaped::AsIs, Shaped::Instead)
    }

    /// The body is over; false: it stopped in the middle.
    #[cold]
    pub(super) fn end_shape(&mut self) -> bool {
        self.take_back();
        if self.ended || self.failed.is_some() {
            return true;
        }
        if !self.head_sent {
            if !self.prepare_head() {
                return true;
            }
            self.decide(true);
            return true;
        }
        let head_only = self.head_only;
        let Some(shape) = self.ruled.as_mut().and_then(|ruled| ruled.shape.as_mut()) else { return true };
        if !shape.decided || head_only {
            self.drop_shape();
            return true;
        }
        let compresses = shape.steps.iter().any(|step| matches!(step, BodyStep::Gzip { .. }));
        if shape.left.is_some_and(|left| left > 0) {
            self.drop_shape();
            return !compresses;
        }
        let rest = shape.take(b"", true);
        self.keep_what_came();
        if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
            self.piece(&rest, false, None);
        }
        true
    }

    /// The body has come whole: what was to be kept of it is.
    fn keep_what_came(&mut self) {
        let Some(shape) = self.ruled.as_mut().and_then(|ruled| ruled.shape.take()) else { return };
        for step in shape.steps {
            if let BodyStep::Keep { cache, key, seconds, bytes, .. } = step {
                match bytes {
                    Some(bytes) if bytes.is_empty() => {}
                    Some(bytes) => keep::keep(&self.outbox.engine, &cache, &key, &bytes, seconds),
                    None => {}
                }
            }
        }
    }
}
