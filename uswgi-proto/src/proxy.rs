//! The PROXY protocol, versions 1 and 2: what a load balancer that passes TCP on says of its client, in front of the
//! first byte of a connection.
//!
//! Pure: from the bytes that have come to a length and an address. Whose word counts is not decided here. TLVs of
//! version 2 are skipped.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What stands in front of a text line of version 1.
const V1: &[u8] = b"PROXY ";
/// What a header of version 2 begins with.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of the longest line of version 1, its end with it.
const LONGEST_LINE: usize = 107;
/// Bytes of a header of version 2 before its addresses.
const V2_FIXED: usize = 16;
/// Most bytes of addresses and TLVs of version 2 that are taken.
pub const MOST: usize = 4096;

/// What the bytes at the start of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// No PROXY header.
    Other,
    /// What has come of one so far, or may become one.
    Partial,
    /// A whole one.
    Header {
        /// Its bytes; the client's own follow.
        length: usize,
        /// The client; None: the load balancer speaks for itself (a health check), or does not know it.
        client: Option<SocketAddr>,
    },
}

/// A PROXY header that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// A line of version 1 without an end.
    #[error("the line of the PROXY protocol has no end within {LONGEST_LINE} bytes")]
    NoEnd,
    /// A line of version 1 with other words.
    #[error("the line of the PROXY protocol names no client (PROXY TCP4 CLIENT SERVER PORT PORT)")]
    BadLine,
    /// Version 2 with a number that has no meaning.
    #[error("the header of PROXY protocol version 2 has an unknown version or command: {0:#04x}")]
    BadCommand(u8),
    /// Version 2 whose addresses do not fit into it.
    #[error("the header of PROXY protocol version 2 is too short for its addresses: {0} bytes")]
    TooShort(usize),
    /// Version 2 with more than anybody sends.
    #[error("the header of PROXY protocol version 2 has {0} bytes of addresses and more; {MOST} are taken")]
    TooLong(usize),
}

/// Look at the first bytes of a connection.
pub fn start(bytes: &[u8]) -> Result<Opening, ProxyError> {
    let begins = |with: &[u8]| bytes.starts_with(with) || with.starts_with(bytes);
    if begins(V1) {
        line(bytes)
    } else if begins(V2) {
        binary(bytes)
    } else {
        Ok(Opening::Other)
    }
}

fn line(bytes: &[u8]) -> Result<Opening, ProxyError> {
    let seen = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = seen.windows(2).position(|w| w == b"\r\n") else {
        return if seen.len() == LONGEST_LINE { Err(ProxyError::NoEnd) } else { Ok(Opening::Partial) };
    };
    let words = std::str::from_utf8(&seen[V1.len()..end]).map_err(|_| ProxyError::BadLine)?;
    let client = match words.split(' ').collect::<Vec<_>>()[..] {
        ["UNKNOWN", ..] => None,
        ["TCP4", from, to, port, at] => Some(pair::<Ipv4Addr>(from, to, port, at)?),
        ["TCP6", from, to, port, at] => Some(pair::<Ipv6Addr>(from, to, port, at)?),
        _ => return Err(ProxyError::BadLine),
    };
    Ok(Opening::Header { length: end + 2, client })
}

/// The client of a line; the server's address has to be one too.
fn pair<A: std::str::FromStr + Into<IpAddr>>(
    from: &str,
    to: &str,
    port: &str,
    at: &str,
) -> Result<SocketAddr, ProxyError> {
    let address = |text: &str| text.parse::<A>().map_err(|_| ProxyError::BadLine);
    let number = |text: &str| {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| digits).ok_or(ProxyError::BadLine)
    };
    let client = SocketAddr::new(address(from)?.into(), number(port)?);
    address(to)?;
    number(at)?;
    Ok(client)
}

fn binary(bytes: &[u8]) -> Result<Opening, ProxyError> {
    let Some(fixed) = bytes.first_chunk::<V2_FIXED>() else { return Ok(Opening::Partial) };
    let (command, family) = (fixed[12], fixed[13]);
    let size = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if !matches!(command, 0x20 | 0x21) {
        return Err(ProxyError::BadCommand(command));
    }
    if size > MOST {
        return Err(ProxyError::TooLong(size));
    }
    let length = V2_FIXED + size;
    let Some(body) = bytes.get(V2_FIXED..length) else { return Ok(Opening::Partial) };
    let client = match (command, family) {
        (0x21, 0x11 | 0x12) => Some(v4(body).ok_or(ProxyError::TooShort(size))?),
        (0x21, 0x21 | 0x22) => Some(v6(body).ok_or(ProxyError::TooShort(size))?),
        // LOCAL, unix sockets, and families of later days: the connection's own address stays.
        _ => None,
    };
    Ok(Opening::Header { length, client })
}

/// Two addresses, then two ports.
fn v4(body: &[u8]) -> Option<SocketAddr> {
    let &[a, b, c, d, _, _, _, _, high, low, _, _] = body.first_chunk::<12>()?;
    Some(SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low])))
}

fn v6(body: &[u8]) -> Option<SocketAddr> {
    let all = body.first_chunk::<36>()?;
    let from: [u8; 16] = *all.first_chunk()?;
    Some(SocketAddr::new(Ipv6Addr::from(from).into(), u16::from_be_bytes([all[32], all[33]])))
}

#[cfg(test)]
mod tests;
