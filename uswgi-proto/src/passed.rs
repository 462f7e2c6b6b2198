//! The message that passes a connection on: from one worker to another, or from the front to a worker. Its descriptor comes
//! beside it; the bytes that came and nobody has used stand behind it.

#![forbid(unsafe_code)]

use crate::settings::Protocol;
use std::net::SocketAddr;

/// Version of the message.
const VERSION: u8 = 2;
/// Bytes before the parts that have any length.
const FIXED: usize = 12;
/// Most bytes of a connection's that go with it; the message fits the default send buffer of the socket pair.
pub const MOST_BUFFER: usize = 96 * 1024;
/// Most bytes of a client's certificate.
pub const MOST_CERTIFICATE: usize = 32 * 1024;
/// Bytes of the longest message.
pub const MOST_MESSAGE: usize = FIXED + 64 + MOST_CERTIFICATE + MOST_BUFFER;
/// The bit of a connection that the front has decrypted, beside the protocol and what is expected of its first bytes.
const SECURE: u8 = 0x40;

/// What is known of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed<'a> {
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Bits 0x30: what may stand in front of its first request.
    pub greeting: u8,
    /// Its client speaks TLS.
    pub secure: bool,
    /// Index of its listener, in the generation of the sender.
    pub listener: u16,
    /// Requests answered on it.
    pub served: u32,
    /// None: a unix socket.
    pub peer: Option<SocketAddr>,
    /// The client's certificate in DER; empty: it has shown none.
    pub certificate: &'a [u8],
}

impl Passed<'_> {
    /// What stands in front of the connection's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let peer = self.peer.map_or(String::new(), |a| a.to_string());
        let secure = if self.secure { SECURE } else { 0 };
        let mut head = vec![VERSION, self.protocol as u8 | self.greeting & 0x30 | secure];
        head.extend_from_slice(&self.listener.to_le_bytes());
        head.extend_from_slice(&self.served.to_le_bytes());
        head.extend_from_slice(&(peer.len() as u16).to_le_bytes());
        head.extend_from_slice(&(self.certificate.len() as u16).to_le_bytes());
        head.extend_from_slice(peer.as_bytes());
        head.extend_from_slice(self.certificate);
        head
    }

    /// What a message says, and the connection's bytes.
    pub fn decode(message: &[u8]) -> Option<(Passed<'_>, &[u8])> {
        let [version, bits, l0, l1, s0, s1, s2, s3, p0, p1, c0, c1] = *message.first_chunk::<FIXED>()?;
        let protocol = match bits & 0x0f {
            0 => Protocol::Uwsgi,
            1 => Protocol::Http,
            2 => Protocol::Scgi,
            3 => Protocol::ScgiNph,
            _ => return None,
        };
        let rest = &message[FIXED..];
        let (peer, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([p0, p1])))?;
        let (certificate, buffer) = rest.split_at_checked(usize::from(u16::from_le_bytes([c0, c1])))?;
        let peer = match std::str::from_utf8(peer).ok()? {
            "" => None,
            text => Some(text.parse().ok()?),
        };
        let passed = Passed {
            protocol,
            greeting: bits & 0x30,
            secure: bits & SECURE != 0,
            listener: u16::from_le_bytes([l0, l1]),
            served: u32::from_le_bytes([s0, s1, s2, s3]),
            peer,
            certificate,
        };
        (version == VERSION).then_some((passed, buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_connection_is_heard() {
        let mut said = Passed {
            protocol: Protocol::ScgiNph,
            greeting: 0x20,
            secure: true,
            listener: 700,
            served: 70_000,
            peer: Some("[2001:db8::1]:443".parse().unwrap()),
            certificate: b"der",
        };
        for peer in [said.peer, None] {
            said.peer = peer;
            let message = [&said.encode()[..], b"GET /"].concat();
            assert_eq!(Passed::decode(&message), Some((said.clone(), &b"GET /"[..])));
            for cut in 0..message.len() - 5 {
                assert_eq!(Passed::decode(&message[..cut]), None, "{cut}");
            }
        }
        let mut other = said.encode();
        other[0] = 1;
        assert_eq!(Passed::decode(&other), None);
        other[..2].copy_from_slice(&[VERSION, 4]);
        assert_eq!(Passed::decode(&other), None);
    }
}
