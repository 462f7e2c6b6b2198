//! The request log: one line a request, in the form that uWSGI prints by default, and the dates in it.
//! Everything that came from the network is escaped.

use crate::connection::{Conn, Request};
use crate::engine::Engine;
use crate::log::{self, escaped};
use crate::response::Response;
use crate::sys;
use crate::{log_format, log_json};
use std::io::Write;
use std::sync::atomic::Ordering;

/// Seconds since the epoch, to the kernel's tick.
pub(crate) fn coarse_seconds() -> u64 {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME_COARSE)
        .map(|t| t.tv_sec() as u64)
        .unwrap_or(0)
}

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn name(list: &'static [&'static str], i: i32) -> &'static str {
    list.get(i as usize).copied().unwrap_or("???")
}

/// IMF-fixdate of RFC 9110 section 5.6.7.
pub(crate) fn push_http_date(seconds: u64, out: &mut Vec<u8>) {
    let t = sys::broken_down(seconds, false);
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
        name(&DAYS, t.tm_wday),
        t.tm_mday,
        name(&MONTHS, t.tm_mon),
        t.tm_year + 1900,
        t.tm_hour,
        t.tm_min,
        t.tm_sec
    );
}

/// As ctime(3) prints it, without the line break.
pub(crate) fn push_ctime(seconds: u64, out: &mut Vec<u8>) {
    let t = sys::broken_down(seconds, true);
    let _ = write!(
        out,
        "{} {} {:2} {:02}:{:02}:{:02} {}",
        name(&DAYS, t.tm_wday),
        name(&MONTHS, t.tm_mon),
        t.tm_mday,
        t.tm_hour,
        t.tm_min,
        t.tm_sec,
        t.tm_year + 1900
    );
}

/// As Apache's logs have it: `dd/Mon/yyyy:HH:MM:SS +zzzz`.
pub(crate) fn push_ltime(seconds: u64, out: &mut Vec<u8>) {
    let t = sys::broken_down(seconds, true);
    let offset = t.tm_gmtoff / 60;
    let (sign, offset) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
    let _ = write!(
        out,
        "{:02}/{}/{}:{:02}:{:02}:{:02} {sign}{:02}{:02}",
        t.tm_mday,
        name(&MONTHS, t.tm_mon),
        t.tm_year + 1900,
        t.tm_hour,
        t.tm_min,
        t.tm_sec,
        offset / 60,
        offset % 60
    );
}

/// Protocol of a request as it was said.
pub(crate) fn protocol<'a>(conn: &'a Conn, request: &Request) -> &'a [u8] {
    match (conn.http, request.head.minor) {
        (true, 0) => b"HTTP/1.0",
        (true, _) => b"HTTP/1.1",
        (false, _) => request.known.protocol.of(&conn.buffer),
    }
}

/// What only the end of a request knows.
pub(crate) struct Facts {
    pub(crate) micros: u64,
    /// Requests of this worker, this one included.
    pub(crate) requests: u64,
    pub(crate) thread: usize,
    pub(crate) switches: u32,
    /// Index of the application; None: there was none.
    pub(crate) app: Option<usize>,
}

/// Whether a request gets a line.
pub(crate) fn wanted(engine: &Engine, response: &Response, micros: u64) -> bool {
    if !engine.settings.disable_logging {
        return true;
    }
    let always = &engine.settings.log_always;
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
pub(crate) fn remote<'a>(
    conn: &'a Conn,
    request: &Request,
    engine: &Engine,
    scratch: &'a mut Vec<u8>,
) -> &'a [u8] {
    scratch.clear();
    let known = &request.known;
    if engine.settings.log_x_forwarded_for
        && !known.forwarded.is_empty()
        && engine.trust.allows(conn.peer.ip())
    {
        scratch.extend_from_slice(known.forwarded.of(&conn.buffer));
    } else if conn.http {
        scratch.extend_from_slice(conn.remote().unwrap_or_default().0);
    } else {
        scratch.extend_from_slice(known.remote.of(&conn.buffer));
    }
    scratch
}

/// Write the line of a request that is over.
pub(crate) fn request(engine: &Engine, conn: &Conn, request: &Request, response: &Response, facts: &Facts) {
    if engine.settings.log_lines.json {
        log::request(&log_json::line(&log_format::Over { engine, conn, request, response, facts }));
        return;
    }
    if let Some(format) = &engine.log_format {
        let over = log_format::Over { engine, conn, request, response, facts };
        log::request(&log_format::line(format, &over));
        return;
    }
    let buffer = &conn.buffer;
    let known = &request.known;
    let mut out = Vec::with_capacity(320);
    let mut address = Vec::with_capacity(48);
    let address = remote(conn, request, engine, &mut address);
    let total = engine
        .board
        .as_ref()
        .map_or(facts.requests, |b| b.header().requests.fetch_add(1, Ordering::Relaxed) + 1);
    if engine.settings.memory_report
        && let Some(slot) = engine.slot()
    {
        let (vsz, rss) = (slot.vsz.load(Ordering::Relaxed), slot.rss.load(Ordering::Relaxed));
        let _ = write!(
            out,
            "{{address space usage: {vsz} bytes/{}MB}} {{rss usage: {rss} bytes/{}MB}} ",
            vsz >> 20,
            rss >> 20
        );
    }
    let (vars, bytes) = sizes(conn, request);
    let _ = write!(
        out,
        "[pid: {}|app: {}|req: {}/{total}] ",
        std::process::id(),
        facts.app.map_or(-1, |a| a as i64),
        facts.requests
    );
    escaped(address, 64, &mut out);
    out.extend_from_slice(b" (");
    escaped(known.user.of(buffer), 64, &mut out);
    let _ = write!(out, ") {{{vars} vars in {bytes} bytes}} [");
    push_ctime(coarse_seconds(), &mut out);
    out.extend_from_slice(b"] ");
    escaped(known.method.of(buffer), 32, &mut out);
    out.push(b' ');
    escaped(known.uri.of(buffer), 4096, &mut out);
    let (time, unit) =
        if engine.settings.log_micros { (facts.micros, "micros") } else { (facts.micros / 1000, "msecs") };
    let _ = write!(out, " => generated {} bytes in {time} {unit} (", response.body_bytes);
    escaped(protocol(conn, request), 16, &mut out);
    let headers = response.head.as_ref().map_or(0, |h| h.count);
    let _ = writeln!(
        out,
        " {}) {headers} headers in {} bytes ({} switches on core {})",
        response.status(),
        response.head_bytes,
        facts.switches,
        facts.thread
    );
    log::request(&out);
}

/// Number of keys and values and their bytes, as uWSGI counts: two for each variable.
pub(crate) fn sizes(conn: &Conn, request: &Request) -> (usize, usize) {
    if conn.http {
        (2 * (request.head.headers.len() + 6), request.head_length)
    } else {
        (2 * request.vars.len(), request.head_length - uswgi_proto::packet::HEADER_LEN)
    }
}
