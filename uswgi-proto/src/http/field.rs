//! One header line, and what the few names that frame a message mean. Everything else is passed on
//! as it came.

use super::line::{TOKEN, is_authority, is_reg_name};
use super::{Head, HttpError, Limits, MAX_BODY, Span};

/// What came so far and may come once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    transfer_encoding: bool,
    close: bool,
    keep_alive: bool,
}

/// Parse a header line without its CR LF, `text` being its offsets (never empty).
pub(super) fn parse(
    buf: &[u8],
    text: (usize, usize),
    head: &mut Head,
    limits: &Limits,
) -> Result<(), HttpError> {
    let (start, end) = text;
    let line = &buf[start..end];
    let colon = line.iter().position(|b| !TOKEN[usize::from(*b)]).ok_or(HttpError::HeaderName)?;
    match (colon, line[colon]) {
        (0, b' ' | b'\t') => return Err(HttpError::Folded),
        (1.., b':') => {}
        _ => return Err(HttpError::HeaderName),
    }
    let mut value = &line[colon + 1..];
    let mut from = start + colon + 1;
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
        from += 1;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    if has_control(value) {
        // A CR here is one without LF, as the line ends at the first LF.
        return Err(if value.contains(&b'\r') { HttpError::LineEnd } else { HttpError::HeaderValue });
    }
    let span = Span::new(from, from + value.len());
    head.headers.push((Span::new(start, start + colon), span));
    meaning(&line[..colon], value, span, head, limits)
}

/// Written without branches, so that the compiler makes vector code of it.
fn has_control(value: &[u8]) -> bool {
    value.iter().fold(false, |bad, b| bad | ((*b < b' ') & (*b != b'\t')) | (*b == 0x7f))
}

fn meaning(name: &[u8], value: &[u8], span: Span, head: &mut Head, limits: &Limits) -> Result<(), HttpError> {
    match name.len() {
        4 if name.eq_ignore_ascii_case(b"host") => {
            if head.host.is_some() {
                return Err(HttpError::HostCount);
            }
            let fine = is_authority(value) || limits.path_as_host && is_path(value);
            if !fine {
                return Err(HttpError::Host);
            }
            head.host = Some(span);
        }
        6 if name.eq_ignore_ascii_case(b"expect") => {
            if !value.eq_ignore_ascii_case(b"100-continue") {
                return Err(HttpError::Expectation);
            }
            // HTTP/1.0 knows no interim answers (RFC 9110 section 10.1.1).
            head.expect_continue = head.minor > 0;
        }
        10 if name.eq_ignore_ascii_case(b"connection") => {
            for option in value.split(|b| *b == b',') {
                let option = option.trim_ascii();
                head.state.seen.close |= option.eq_ignore_ascii_case(b"close");
                head.state.seen.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        14 if name.eq_ignore_ascii_case(b"content-length") => {
            if head.content_length.is_some() {
                return Err(HttpError::ContentLength);
            }
            head.content_length = Some(length(value)?);
        }
        17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
            if head.state.seen.transfer_encoding {
                return Err(HttpError::Framing);
            }
            head.state.seen.transfer_encoding = true;
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(HttpError::TransferEncoding);
            }
            head.chunked = true;
        }
        _ => {}
    }
    Ok(())
}

/// Whether it can be the path of a unix socket.
fn is_path(value: &[u8]) -> bool {
    value.starts_with(b"/") && value.split(|b| *b == b'/').all(is_reg_name)
}

/// Only digits, and not more than offsets of files can be.
fn length(value: &[u8]) -> Result<u64, HttpError> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(HttpError::ContentLength);
    }
    let number = value.iter().try_fold(0u64, |n, b| n.checked_mul(10)?.checked_add(u64::from(b - b'0')));
    number.filter(|n| *n <= MAX_BODY).ok_or(HttpError::BodyTooLong)
}

/// Rules that need the whole head.
pub(super) fn finish(head: &mut Head) -> Result<(), HttpError> {
    if head.minor > 0 && head.host.is_none() {
        return Err(HttpError::HostCount);
    }
    if head.chunked && (head.content_length.is_some() || head.minor == 0) {
        return Err(HttpError::Framing);
    }
    let seen = head.state.seen;
    head.keep_alive = !seen.close && (head.minor > 0 || seen.keep_alive);
    head.expect_continue &= head.has_body();
    Ok(())
}
