//! The request log: one line a request, in the form that uWSGI prints by default.
//! Everything that came from the network is escaped.

mod format;
mod json;

use crate::engine::Engine;
use crate::exchange::Exchange;
use crate::log::{self, escaped};
use crate::response::Response;
use crate::send_queue::Held;
use crate::{dates, sys};
use format::Over;
use std::cell::RefCell;
use std::sync::atomic::Ordering;
use uswgi_proto::logs::digits;
use uswgi_proto::settings::Protocol;

/// What only the end of a request knows.
pub(crate) struct LineFacts {
    pub micros: u64,
    /// Requests of this worker, this one included.
    pub requests: u64,
    pub switches: u32,
    /// Index of the application; None: there was none.
    pub app: Option<usize>,
    pub answer: Answered,
}

/// What was answered.
pub(crate) struct Answered {
    pub status: u16,
    /// Number of headers that the application gave.
    pub headers: u32,
    pub head_bytes: u64,
    pub body_bytes: u64,
    /// Not all of it could be sent.
    pub failed: bool,
}

impl Answered {
    pub(crate) fn of<H: Held>(response: &Response<H>) -> Answered {
        Answered {
            status: response.status(),
            headers: response.head.as_ref().map_or(0, |h| h.count),
            head_bytes: response.head_bytes,
            body_bytes: response.body_bytes,
            failed: response.failed.is_some(),
        }
    }
}

/// Whether a request gets a line.
pub(crate) fn wanted<H: Held>(engine: &Engine, response: &Response<H>, micros: u64) -> bool {
    if !engine.settings.request_log.disabled {
        return true;
    }
    let always = &engine.settings.request_log.always;
    let status = response.status();
    (always.client_errors && (400..500).contains(&status))
        || (always.server_errors && status >= 500)
        || (always.slow_ms > 0 && micros >= always.slow_ms * 1000)
        || (always.big > 0 && response.body_bytes > always.big)
        || (always.empty && response.body_bytes == 0)
        || (always.io_errors && response.failed.is_some())
        || (always.files && response.by_kernel)
}

/// Address of the client as text.
pub(crate) fn remote<'a>(exchange: &'a Exchange<'_>) -> &'a [u8] {
    let Exchange { engine, conn, request, .. } = exchange;
    let known = &request.known;
    if engine.settings.request_log.x_forwarded_for
        && !known.forwarded.is_empty()
        && engine.trust.allows(conn.peer.ip())
    {
        known.forwarded.of(&conn.buffer)
    } else if let Some(set) = exchange.over(b"REMOTE_ADDR") {
        set
    } else if conn.protocol == Protocol::Http {
        conn.remote().unwrap_or_default().0
    } else {
        known.remote.of(&conn.buffer)
    }
}

/// A line's memory up to this size is kept for the next one.
const SPARE_LINE: usize = 16 * 1024;

/// Write the line of a request that is over.
pub(crate) fn request(exchange: &Exchange<'_>, facts: &LineFacts) {
    thread_local!(static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    let engine = exchange.engine;
    let over = Over { exchange, facts };
    if engine.settings.log_lines.json {
        return log::request(&json::line(&over));
    }
    LINE.with_borrow_mut(|line| {
        line.clear();
        match &engine.log_format {
            Some(format) => format::line(format, &over, line),
            None => default_line(&over, line),
        }
        log::request(line);
        if line.capacity() > SPARE_LINE {
            *line = Vec::new();
        }
    });
}

/// Append the line as uWSGI has it by default, line break included.
fn default_line(over: &Over<'_>, out: &mut Vec<u8>) {
    let Over { exchange, facts } = *over;
    let answer = &facts.answer;
    let Exchange { engine, request, lane, .. } = exchange;
    let known = &request.known;
    let total = engine
        .board
        .as_ref()
        .map_or(facts.requests, |b| b.header().requests.fetch_add(1, Ordering::Relaxed) + 1);
    if engine.settings.request_log.memory
        && let Some(slot) = engine.slot()
    {
        let (vsz, rss) = (slot.vsz.load(Ordering::Relaxed), slot.rss.load(Ordering::Relaxed));
        pieces(out, &[(b"{address space usage: ", vsz), (b" bytes/", vsz >> 20), (b"MB} {rss usage: ", rss)]);
        pieces(out, &[(b" bytes/", rss >> 20)]);
        out.extend_from_slice(b"MB} ");
    }
    let (vars, bytes) = sizes(exchange);
    pieces(out, &[(b"[pid: ", sys::pid().into())]);
    out.extend_from_slice(b"|app: ");
    digits::signed(facts.app.map_or(-1, |a| a as i64), out);
    pieces(out, &[(b"|req: ", facts.requests), (b"/", total)]);
    out.extend_from_slice(b"] ");
    escaped(remote(exchange), 64, out);
    out.extend_from_slice(b" (");
    escaped(exchange.named(b"REMOTE_USER", known.user), 64, out);
    pieces(out, &[(b") {", vars as u64), (b" vars in ", bytes as u64)]);
    out.extend_from_slice(b" bytes} [");
    dates::ctime_now(out);
    out.extend_from_slice(b"] ");
    escaped(exchange.shown_method(), 32, out);
    out.push(b' ');
    escaped(exchange.uri(), 4096, out);
    let (time, unit): (_, &[u8]) = match engine.settings.request_log.micros {
        true => (facts.micros, b" micros ("),
        false => (facts.micros / 1000, b" msecs ("),
    };
    pieces(out, &[(b" => generated ", answer.body_bytes), (b" bytes in ", time)]);
    out.extend_from_slice(unit);
    escaped(exchange.protocol(), 16, out);
    pieces(out, &[(b" ", answer.status.into()), (b") ", answer.headers.into())]);
    pieces(out, &[(b" headers in ", answer.head_bytes), (b" bytes (", facts.switches.into())]);
    pieces(out, &[(b" switches on core ", *lane as u64)]);
    out.extend_from_slice(b")\n");
}

/// Append texts, each followed by its number.
fn pieces(out: &mut Vec<u8>, pieces: &[(&[u8], u64)]) {
    for (text, n) in pieces {
        out.extend_from_slice(text);
        digits::number(*n, out);
    }
}

/// Number of keys and values and their bytes, as uWSGI counts: two for each variable.
pub(crate) fn sizes(exchange: &Exchange<'_>) -> (usize, usize) {
    let Exchange { conn, request, .. } = exchange;
    if conn.protocol == Protocol::Http {
        (2 * (request.head.headers.len() + 6), request.head_length)
    } else {
        (2 * request.vars.len(), request.head_length - uswgi_proto::packet::HEADER_LEN)
    }
}
