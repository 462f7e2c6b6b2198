//! The start of a connection that may be a header of the PROXY protocol (`enable-proxy-protocol`): who is listed
//! (`forwarded-allow-ips`) names its client by it, from others it is refused. Without one the peer is the peer, as a
//! health check has none.

#![forbid(unsafe_code)]

use crate::connection::Conn;
use crate::request::{Need, refuse};
use crate::sys::Peer;
use uswgi_proto::proxy::{self, Opening};

/// What is expected of the first bytes of a connection. The values stand in the hand-over message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// Nothing, or it has come.
    None = 0,
    /// A header counts.
    Believed = 0x10,
    /// A header is refused.
    Refused = 0x20,
}

impl Greeting {
    /// On a socket where headers are read.
    pub(crate) fn expected(listed: bool) -> Greeting {
        if listed { Greeting::Believed } else { Greeting::Refused }
    }

    /// As a byte has it, beside other bits.
    pub(crate) fn of(byte: u8) -> Greeting {
        match byte & 0x30 {
            0x10 => Greeting::Believed,
            0x20 => Greeting::Refused,
            _ => Greeting::None,
        }
    }
}

/// Take the header off the start of the buffer. None: the request begins there.
pub(crate) fn take(conn: &mut Conn) -> Option<Need> {
    match (proxy::start(&conn.buffer), conn.greeting) {
        (Ok(Opening::Partial), Greeting::Believed) => return Some(Need::More),
        // What strangers send is no header before it is whole.
        (Ok(Opening::Partial), _) => return None,
        (Ok(Opening::Other), _) => {}
        (_, Greeting::Refused) => {
            let why = "a header of the PROXY protocol from a peer that forwarded-allow-ips does not list";
            return Some(refuse(400, why));
        }
        (Ok(Opening::Header { length, client }), _) => {
            conn.buffer.drain(..length);
            conn.head = None;
            if let Some(client) = client {
                conn.peer = Peer::Ip(client);
            }
        }
        (Err(e), _) => return Some(refuse(400, e.to_string())),
    }
    conn.greeting = Greeting::None;
    conn.buffer.is_empty().then_some(Need::More)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Request, examine};
    use crate::testing::{connection, packet, settings};
    use uswgi_proto::settings::Protocol;

    const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n";
    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

    /// Feed these bytes one by one.
    fn fed(protocol: Protocol, greeting: Greeting, bytes: &[u8]) -> (Conn, Need) {
        let (mut conn, _client) = connection(protocol);
        conn.greeting = greeting;
        let (mut request, mut step) = (Request::default(), Need::More);
        for byte in bytes {
            conn.buffer.push(*byte);
            step = examine(&mut conn, &mut request, &settings());
            if !matches!(step, Need::More) {
                break;
            }
        }
        (conn, step)
    }

    #[test]
    fn who_is_believed_names_the_client() {
        let client = Peer::Ip("192.0.2.7:56324".parse().unwrap());
        let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x01\xbb";
        for header in [LINE, &v2[..]] {
            let http = [header, GET].concat();
            let uwsgi = [header, &packet(0, &[("REQUEST_METHOD", "GET")])].concat();
            for (protocol, bytes) in [(Protocol::Http, http), (Protocol::Uwsgi, uwsgi)] {
                let (conn, step) = fed(protocol, Greeting::Believed, &bytes);
                assert!(matches!(step, Need::Run), "{protocol:?} {step:?}");
                assert_eq!((conn.peer, conn.greeting), (client, Greeting::None));
                assert_eq!(conn.buffer.len(), bytes.len() - header.len());
            }
        }
    }

    #[test]
    fn a_connection_without_one_is_served_with_its_own_peer() {
        for greeting in [Greeting::Believed, Greeting::Refused] {
            let (conn, step) = fed(Protocol::Http, greeting, GET);
            assert!(matches!(step, Need::Run) && conn.peer == Peer::Unix, "{step:?}");
        }
        let (conn, step) = fed(Protocol::Http, Greeting::Believed, &[b"PROXY UNKNOWN\r\n", GET].concat());
        assert!(matches!(step, Need::Run) && conn.peer == Peer::Unix, "{step:?}");
        // A second one is no header.
        let (_, step) = fed(Protocol::Http, Greeting::Believed, &[LINE, LINE].concat());
        assert!(matches!(step, Need::Refuse(_)), "{step:?}");
    }

    #[test]
    fn strangers_and_broken_headers_are_refused() {
        let refused = |greeting, bytes: &[u8]| match fed(Protocol::Http, greeting, bytes) {
            (conn, Need::Refuse(why)) if conn.peer == Peer::Unix => why.why,
            (_, other) => panic!("{other:?}"),
        };
        let (mut conn, _client) = connection(Protocol::Http);
        conn.greeting = Greeting::Refused;
        conn.buffer.extend_from_slice(&[LINE, GET].concat());
        let Need::Refuse(why) = examine(&mut conn, &mut Request::default(), &settings()) else { panic!() };
        assert!(why.why.contains("forwarded-allow-ips"), "{}", why.why);
        refused(Greeting::Refused, &[LINE, GET].concat());
        refused(Greeting::None, &[LINE, GET].concat());
        assert!(refused(Greeting::Believed, b"PROXY TCP4 x y 1 2\r\n").contains("PROXY protocol"));
    }

    #[test]
    fn a_byte_has_it_beside_the_protocol() {
        for greeting in [Greeting::None, Greeting::Believed, Greeting::Refused] {
            assert_eq!(
                (Greeting::of(greeting as u8), Greeting::of(greeting as u8 | 1)),
                (greeting, greeting)
            );
        }
    }
}
