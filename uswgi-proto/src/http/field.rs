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

/// Bytes of a longer value that are looked at together.
const BLOCK: usize = 16;

/// Whether a value holds a byte that none may (RFC 9110 section 5.5). Where its length fills no word or block, the last
/// ones overlap: most values are shorter than two words, and a look at each byte costs as much as all the rest of a line.
fn has_control(value: &[u8]) -> bool {
    if let Some(last) = value.last_chunk() {
        let mut blocks = value.chunks_exact(BLOCK).filter_map(|block| block.first_chunk());
        return blocks.any(block_has_control) || block_has_control(last);
    }
    match (value.first_chunk(), value.last_chunk()) {
        (Some(first), Some(last)) => word_has_control(first) || word_has_control(last),
        _ => value.iter().any(|b| CONTROL[usize::from(*b)]),
    }
}

/// Written without branches, so that the compiler makes vector code of it.
fn block_has_control(block: &[u8; BLOCK]) -> bool {
    block.iter().fold(false, |bad, b| bad | is_control(*b))
}

fn word_has_control(word: &[u8; 8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let number = u64::from_ne_bytes(*word);
    let delete = number ^ (ONES * 0x7f);
    // Of each byte the highest bit: below a space, or what was DEL. A borrow may set one too many, and a tab is fine.
    let low = number.wrapping_sub(ONES * 0x20) & !number;
    let suspects = (low | delete.wrapping_sub(ONES) & !delete) & (ONES << 7);
    suspects != 0 && word.iter().any(|b| CONTROL[usize::from(*b)])
}

const CONTROL: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = is_control(i as u8);
        i += 1;
    }
    table
};

const fn is_control(byte: u8) -> bool {
    ((byte < b' ') & (byte != b'\t')) | (byte == 0x7f)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_character_is_found_at_every_place_of_every_length() {
        for length in 0..50 {
            let fine: Vec<u8> = (0..length).map(|i| [b'a', b'\t', b' ', 0x80, 0xff, b'~'][i % 6]).collect();
            assert!(!has_control(&fine), "{length}");
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut value = fine.clone();
                    value[at] = byte;
                    let bad = (byte < b' ' && byte != b'\t') || byte == 0x7f;
                    assert_eq!(has_control(&value), bad, "{byte} at {at} of {length}");
                }
            }
        }
    }
}
