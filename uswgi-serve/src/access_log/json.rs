//! `log-json`: the line of a request as one JSON object. The keys stand in `uswgi_proto::logs::json`.

use super::format::Over;
use crate::exchange::Exchange;
use crate::sys;
use uswgi_proto::logs::json::Object;
use uswgi_proto::span::Span;

/// Longest value from the network.
const LONGEST: usize = 2048;

/// The line of a request, line break included.
pub(super) fn line(over: &Over<'_>) -> Vec<u8> {
    let Over { exchange, facts } = *over;
    let answer = &facts.answer;
    let Exchange { engine, request, lane, .. } = exchange;
    let known = &request.known;
    let address = super::remote(exchange);
    let text = |object: Object, key: &str, name: &[u8], span: Span| {
        object.text(key, exchange.named(name, span), LONGEST)
    };
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let mut o = Object::new(sys::realtime_us(), "request")
        .number("pid", sys::pid().into())
        .number("worker", engine.settings.worker_id.into())
        .number("generation", number(engine.settings.generation))
        .number("thread", *lane as i64)
        .number("app", facts.app.map_or(-1, |a| a as i64))
        .text("remote", address, 64);
    o = text(o, "user", b"REMOTE_USER", known.user);
    o = text(o, "host", b"HTTP_HOST", known.host);
    o = text(o, "method", b"REQUEST_METHOD", known.method);
    o = text(o, "uri", b"REQUEST_URI", known.uri);
    o = o
        .text("protocol", exchange.protocol(), 16)
        .number("status", answer.status.into())
        .number("micros", number(facts.micros))
        .number("request_bytes", number(request.content_length))
        .number("head_bytes", number(answer.head_bytes))
        .number("body_bytes", number(answer.body_bytes));
    o = text(o, "agent", b"HTTP_USER_AGENT", known.agent);
    o = text(o, "referer", b"HTTP_REFERER", known.referer);
    let mut line = o.truth("failed", answer.failed).finish();
    line.push(b'\n');
    line
}
