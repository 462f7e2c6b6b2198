//! `log-format`: fills a compiled format in for each request. Every value from the network is escaped; an
//! empty value is `-`.

use crate::api::current;
use crate::connection::Conn;
use crate::dates;
use crate::engine::Engine;
use crate::report::{self, Facts};
use crate::request::Request;
use crate::response::Response;
use crate::sys;
use std::sync::atomic::Ordering;
use uswgi_proto::logs::digits;
use uswgi_proto::logs::escape::{Style, escape};
use uswgi_proto::logs::format::{LogFormat, Part, Variable};
use uswgi_proto::span::Span;

/// A request that is over.
pub(crate) struct Over<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) conn: &'a Conn,
    pub(crate) request: &'a Request,
    pub(crate) response: &'a Response,
    pub(crate) facts: &'a Facts,
}

/// Append the line of a request, line break included.
pub(crate) fn line(format: &LogFormat, over: &Over<'_>, out: &mut Vec<u8>) {
    for part in &format.parts {
        match part {
            Part::Text(text) => out.extend_from_slice(text),
            Part::Variable(v) => {
                let before = out.len();
                fill(v, format.style, over, out);
                if out.len() == before {
                    out.push(b'-');
                }
            }
        }
    }
    out.push(b'\n');
}

/// Value of a request variable by its environ name.
fn named<'a>(over: &Over<'a>, name: &str) -> &'a [u8] {
    let Over { engine, conn, request, .. } = *over;
    if !conn.http {
        let found = request.vars.iter().rev().find(|(k, _)| k.of(&conn.buffer) == name.as_bytes());
        return found.map(|(_, v)| v.of(&conn.buffer)).unwrap_or_default();
    }
    let buffer = &conn.buffer;
    let known = &request.known;
    let listener = || engine.listeners.get(usize::from(conn.listener)).map(|l| &l.server);
    let header = match name {
        "REQUEST_METHOD" => return known.method.of(buffer),
        "REQUEST_URI" => return known.uri.of(buffer),
        "PATH_INFO" => return &request.path,
        "QUERY_STRING" => return request.head.query.of(buffer),
        "SERVER_PROTOCOL" => return report::protocol(conn, request),
        "SERVER_NAME" => return listener().map(|s| s.0.as_bytes()).unwrap_or_default(),
        "SERVER_PORT" => return listener().map(|s| s.1.as_bytes()).unwrap_or_default(),
        "REMOTE_ADDR" => return conn.remote().unwrap_or_default().0,
        "REMOTE_PORT" => return conn.remote().unwrap_or_default().1,
        "CONTENT_TYPE" | "CONTENT_LENGTH" => name,
        _ => name.strip_prefix("HTTP_").unwrap_or_default(),
    };
    request.head.header(&conn.buffer, &header.replace('_', "-").to_ascii_lowercase()).unwrap_or_default()
}

fn fill(variable: &Variable, style: Style, over: &Over<'_>, out: &mut Vec<u8>) {
    let Over { engine, conn, request, response, facts } = *over;
    let known = &request.known;
    let mut text = |span: Span| escape(span.of(&conn.buffer), 4096, style, out);
    let memory =
        || engine.slot().map_or((0, 0), |s| (s.vsz.load(Ordering::Relaxed), s.rss.load(Ordering::Relaxed)));
    let number: u64 = match variable {
        Variable::Uri => return text(known.uri),
        Variable::Method => return text(known.method),
        Variable::User => return text(known.user),
        Variable::Host => return text(known.host),
        Variable::Agent => return text(known.agent),
        Variable::Referer => return text(known.referer),
        Variable::Addr => return escape(report::remote(conn, request, engine), 64, style, out),
        Variable::Proto => return escape(report::protocol(conn, request), 16, style, out),
        Variable::Var(name) => return escape(named(over, name), 4096, style, out),
        Variable::Ltime => return dates::ltime_now(out),
        Variable::Ftime => return formatted_time(engine, style, out),
        Variable::Ctime => return dates::ctime_now(out),
        Variable::Set(name) => {
            return current::variable(name.as_bytes(), |value| escape(value, 4096, style, out));
        }
        Variable::Secs => {
            digits::number(facts.micros / 1_000_000, out);
            out.push(b'.');
            return digits::padded(facts.micros % 1_000_000, 6, b'0', out);
        }
        Variable::Status => u64::from(response.status()),
        Variable::BodySize => response.body_bytes,
        Variable::HeadSize => response.head_bytes,
        Variable::Size => response.head_bytes + response.body_bytes,
        Variable::ContentLength => request.content_length,
        Variable::Micros => facts.micros,
        Variable::Msecs => facts.micros / 1000,
        Variable::Time => dates::coarse_seconds(),
        Variable::TimeMillis => sys::realtime_us() / 1000,
        Variable::TimeMicros => sys::realtime_us(),
        Variable::Pid => u64::from(sys::pid()),
        Variable::Wid => u64::from(engine.settings.worker_id),
        Variable::Switches => u64::from(facts.switches),
        Variable::Vars => report::sizes(conn, request).0 as u64,
        Variable::Core => facts.thread as u64,
        Variable::Vsz => memory().0,
        Variable::Rss => memory().1,
        Variable::VszM => memory().0 >> 20,
        Variable::RssM => memory().1 >> 20,
        Variable::PacketSize => report::sizes(conn, request).1 as u64,
        Variable::Modifier1 => u64::from(request.modifier1),
        Variable::Modifier2 => u64::from(request.modifier2),
        Variable::Headers => u64::from(response.head.as_ref().map_or(0, |h| h.count)),
        Variable::WriteErrors => u64::from(response.failed.is_some()),
        Variable::ReadErrors => 0,
    };
    digits::number(number, out);
}

fn formatted_time(engine: &Engine, style: Style, out: &mut Vec<u8>) {
    let lines = &engine.settings.log_lines;
    match &lines.date {
        Some(format) if lines.strftime => {
            let mut date = Vec::new();
            sys::strftime(dates::coarse_seconds(), format, &mut date);
            // The user's own format; only a line break or quote in it could do harm.
            escape(&date, 256, if style == Style::Json { Style::Json } else { Style::Text }, out);
        }
        _ => dates::ltime_now(out),
    }
}
