//! `log-format`: fills a compiled format in for each request. Every value from the network is escaped; an
//! empty value is `-`.

use super::LineFacts;
use crate::dates;
use crate::engine::Engine;
use crate::exchange::Exchange;
use crate::sys;
use std::sync::atomic::Ordering;
use uswgi_proto::logs::digits;
use uswgi_proto::logs::escape::{Style, escape};
use uswgi_proto::logs::format::{LogFormat, Part, Variable};
use uswgi_proto::span::Span;

/// A request that is over.
pub(super) struct Over<'a> {
    pub(super) exchange: &'a Exchange<'a>,
    pub(super) facts: &'a LineFacts,
}

/// Append the line of a request, line break included.
pub(super) fn line(format: &LogFormat, over: &Over<'_>, out: &mut Vec<u8>) {
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

fn fill(variable: &Variable, style: Style, over: &Over<'_>, out: &mut Vec<u8>) {
    let Over { exchange, facts } = *over;
    let answer = &facts.answer;
    let Exchange { engine, request, lane, .. } = exchange;
    let known = &request.known;
    let mut text = |name: &[u8], span: Span| escape(exchange.named(name, span), 4096, style, out);
    let memory =
        || engine.slot().map_or((0, 0), |s| (s.vsz.load(Ordering::Relaxed), s.rss.load(Ordering::Relaxed)));
    let number: u64 = match variable {
        Variable::Uri => return text(b"REQUEST_URI", known.uri),
        Variable::Method => return text(b"REQUEST_METHOD", known.method),
        Variable::User => return text(b"REMOTE_USER", known.user),
        Variable::Host => return text(b"HTTP_HOST", known.host),
        Variable::Agent => return text(b"HTTP_USER_AGENT", known.agent),
        Variable::Referer => return text(b"HTTP_REFERER", known.referer),
        Variable::Addr => return escape(super::remote(exchange), 64, style, out),
        Variable::Proto => return escape(exchange.protocol(), 16, style, out),
        Variable::Var(name) => {
            if let Some(value) = exchange.variable(name.as_bytes()) {
                return escape(value, 4096, style, out);
            }
            // Of its answer: collect-header.
            return engine.lanes[*lane]
                .notes
                .variable(name.as_bytes(), |value| escape(value, 4096, style, out));
        }
        Variable::Ltime => return dates::ltime_now(out),
        Variable::Ftime => return formatted_time(engine, style, out),
        Variable::Ctime => return dates::ctime_now(out),
        Variable::Set(name) => {
            let notes = &engine.lanes[*lane].notes;
            return notes.variable(name.as_bytes(), |value| escape(value, 4096, style, out));
        }
        Variable::Secs => {
            digits::number(facts.micros / 1_000_000, out);
            out.push(b'.');
            return digits::padded(facts.micros % 1_000_000, 6, b'0', out);
        }
        Variable::Status => u64::from(answer.status),
        Variable::BodySize => answer.body_bytes,
        Variable::HeadSize => answer.head_bytes,
        Variable::Size => answer.head_bytes + answer.body_bytes,
        Variable::ContentLength => request.content_length,
        Variable::Micros => facts.micros,
        Variable::Msecs => facts.micros / 1000,
        Variable::Time => dates::coarse_seconds(),
        Variable::TimeMillis => sys::realtime_us() / 1000,
        Variable::TimeMicros => sys::realtime_us(),
        Variable::Pid => u64::from(sys::pid()),
        Variable::Wid => u64::from(engine.settings.worker_id),
        Variable::Switches => u64::from(facts.switches),
        Variable::Vars => super::sizes(exchange).0 as u64,
        Variable::Core => *lane as u64,
        Variable::Vsz => memory().0,
        Variable::Rss => memory().1,
        Variable::VszM => memory().0 >> 20,
        Variable::RssM => memory().1 >> 20,
        Variable::PacketSize => super::sizes(exchange).1 as u64,
        Variable::Modifier1 => u64::from(request.modifier1),
        Variable::Modifier2 => u64::from(request.modifier2),
        Variable::Headers => u64::from(answer.headers),
        Variable::WriteErrors => u64::from(answer.failed),
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
