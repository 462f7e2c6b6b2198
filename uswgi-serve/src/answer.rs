//! Answers of our own: errors, pings. Bytes only; whoever owns the connection sends them.

use std::path::PathBuf;
pub use uswgi_proto::reason::reason;
use uswgi_proto::settings::Protocol;

/// A whole answer that ends the connection; `head_only`: to a HEAD request, without its body (RFC 9110 section 9.3.2).
pub fn error(status: u16, head_only: bool) -> Vec<u8> {
    let reason = reason(status);
    let mut answer = format!("HTTP/1.1 {status} {reason}\r\nDate: ").into_bytes();
    crate::dates::http_date_now(&mut answer);
    let rest = format!(
        "\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        reason.len() + 5
    );
    answer.extend_from_slice(rest.as_bytes());
    if !head_only {
        answer.extend_from_slice(format!("{status} {reason}\n").as_bytes());
    }
    answer
}

/// The same over a protocol of the server in front.
pub fn error_as(protocol: Protocol, status: u16, head_only: bool) -> Vec<u8> {
    let answer = error(status, head_only);
    match answer.strip_prefix(b"HTTP/1.1 ") {
        Some(rest) if protocol == Protocol::Scgi => [b"Status: ", rest].concat(),
        _ => answer,
    }
}

/// The first page for a status that can be read.
pub fn page(pages: &[(u16, PathBuf)], status: u16) -> Option<Vec<u8>> {
    pages.iter().filter(|(of, _)| *of == status).find_map(|(_, path)| std::fs::read(path).ok())
}

/// The answer to a uwsgi ping (observed on uWSGI 2.0.31: modifier 100, no data, modifier2 1).
pub const PONG: [u8; 4] = [100, 0, 0, 1];

/// Before a body that the client holds back (RFC 9110 section 15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
