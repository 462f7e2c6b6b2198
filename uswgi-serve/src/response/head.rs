//! The head of an answer, made of what the application gave and of what the framing needs. Sends nothing.

use super::{AppHead, Response, edits};
use crate::routing::{self, Ruling};
use crate::send_queue::Held;
use crate::static_files::FileAnswer;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uswgi_proto::routing::WholeAnswer;
use uswgi_proto::settings::Protocol;

impl<H: Held> Response<H> {
    fn build_head(&mut self, whole_body: Option<u64>) {
        let Some(head) = &self.head else { return };
        let out = &mut self.out;
        out.clear();
        if self.protocol == Protocol::Http {
            out.extend_from_slice(b"HTTP/1.1 ");
        } else {
            out.extend_from_slice(&self.version);
            out.push(b' ');
        }
        out.extend_from_slice(&head.status_text);
        out.extend_from_slice(b"\r\n");
        let lines = out.len();
        out.extend_from_slice(&head.lines);
        if self.edits {
            if let Some(ruled) = &self.ruled {
                ruled.without_removed(out, lines);
            }
            let engine = &self.outbox.engine;
            edits::edit(out, lines, &engine.settings.answers, |name, value| {
                engine.lanes[self.lane].notes.remember(name, value);
            });
            if let Some(ruled) = &self.ruled {
                out.extend_from_slice(&ruled.added);
            }
        }
        out.extend_from_slice(&self.extra);
        if self.switched {
            // Its fields are all said; what comes behind is no body.
            (self.bodiless, self.left) = (false, None);
            out.extend_from_slice(b"\r\n");
            self.head_bytes = out.len() as u64;
            return;
        }
        let no_length = matches!(head.status, 204 | 304) || head.status < 200;
        self.bodiless = self.head_only || no_length;
        self.left = head.content_length;
        if head.content_length.is_none()
            && !no_length
            && let Some(n) = whole_body
        {
            self.left = Some(n);
            // Writing to a Vec cannot fail.
            let _ = write!(out, "Content-Length: {n}\r\n");
        }
        if self.protocol == Protocol::Http {
            if !head.has_date {
                push_date(out);
            }
            if self.left.is_none() && !self.bodiless {
                if self.minor >= 1 {
                    self.chunked = true;
                    out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
                } else {
                    self.keep_alive = false;
                }
            }
            // Where the body of a request would end nobody looks, so the next one is not found (RFC 9110 section 10.1.1).
            if head.close || self.unread.as_ref().is_some_and(|u| u.load(Ordering::Relaxed)) {
                self.keep_alive = false;
            }
            if !self.keep_alive {
                out.extend_from_slice(b"Connection: close\r\n");
            } else if self.minor == 0 {
                out.extend_from_slice(b"Connection: keep-alive\r\n");
            }
        }
        out.extend_from_slice(b"\r\n");
        self.head_bytes = out.len() as u64;
    }

    /// Claim the answer before its first byte; false: it is not ours any more.
    pub(super) fn begin(&mut self, whole_body: Option<u64>) -> bool {
        if self.head_sent {
            return self.failed.is_none();
        }
        if !self.prepare_head() {
            return false;
        }
        self.build_head(whole_body);
        self.head_sent = true;
        true
    }

    /// The answer is ours, and its rules let it go; false: something else was sent.
    pub(super) fn prepare_head(&mut self) -> bool {
        self.claim() && (self.ruled.is_none() || self.switched || self.rule())
    }

    /// Ask the rules of the site, once; false: something else than this answer was sent.
    fn rule(&mut self) -> bool {
        let (Some(ruled), Some(head)) = (&mut self.ruled, &mut self.head) else { return true };
        if std::mem::replace(&mut ruled.asked, true) {
            return true;
        }
        let engine = self.outbox.engine.clone();
        let body = match routing::rule(ruled, &engine, self.lane, head) {
            Ruling::Send => return true,
            Ruling::NoBody => {
                // Its length stays said, as for HEAD, and the end of the connection is the end of the answer.
                (self.head_only, self.keep_alive) = (true, false);
                return true;
            }
            Ruling::Close => {
                self.leave_unanswered();
                return false;
            }
            Ruling::File(found) => {
                self.file_instead(found);
                return false;
            }
            Ruling::Instead(answer) => {
                let WholeAnswer { status, status_text, lines, count, body } = answer;
                self.head =
                    Some(Arc::new(AppHead { status, status_text, lines, count, ..AppHead::default() }));
                body
            }
        };
        self.build_head(Some(body.len() as u64));
        (self.head_sent, self.ended) = (true, true);
        let mut out = std::mem::take(&mut self.out);
        if !self.bodiless {
            out.extend_from_slice(&body);
            self.body_bytes = body.len() as u64;
        }
        self.put(&out, b"", None);
        false
    }

    /// A file, or an answer about it, in the place of what the application has given.
    fn file_instead(&mut self, found: FileAnswer) {
        let length = found.file.as_ref().map_or(0, |(_, _, length)| *length);
        self.head = Some(Arc::new(found.head));
        self.build_head(Some(length));
        (self.head_sent, self.ended) = (true, true);
        let out = std::mem::take(&mut self.out);
        match found.file.filter(|_| !self.bodiless) {
            Some((fd, offset, length)) => self.put_file(&out, fd, offset, length),
            None => self.put(&out, b"", None),
        }
    }

    /// Send bytes that are no HTTP answer as they are, and nothing else; without any the connection is closed without a word.
    pub fn raw(&mut self, data: &[u8]) {
        if self.head_sent || self.ended || !self.claim() {
            return;
        }
        self.head = Some(Arc::new(AppHead { status: 200, ..AppHead::default() }));
        (self.head_sent, self.ended, self.keep_alive) = (true, true, false);
        self.body_bytes = data.len() as u64;
        self.put(data, b"", None);
    }

    /// Close the connection without a word.
    pub(crate) fn leave_unanswered(&mut self) {
        (self.head_sent, self.ended, self.keep_alive) = (true, true, false);
    }

    fn claim(&mut self) -> bool {
        if self.claims && !self.outbox.engine.lanes[self.lane].claim() {
            self.failed = Some(io::ErrorKind::TimedOut.into());
            self.head_sent = true;
            // The 504 is out (harakiri.rs); the books say so.
            self.head = Some(Arc::new(AppHead { status: 504, ..AppHead::default() }));
            return false;
        }
        true
    }
}

fn push_date(out: &mut Vec<u8>) {
    out.extend_from_slice(b"Date: ");
    crate::dates::http_date_now(out);
    out.extend_from_slice(b"\r\n");
}
