//! A request over one of the protocols that a socket may speak, and everything that came back.

use crate::authority::TlsAddress;
use crate::request::{Address, Request};
use crate::{http, packet};
use std::io::{self, Read, Write};

/// How a request comes.
#[derive(Debug, Clone)]
pub enum Via {
    /// HTTP.
    Http,
    /// HTTP behind a header of the PROXY protocol, version 1, for 192.0.2.9.
    Proxied,
    /// HTTPS.
    Tls(TlsAddress),
    /// The uwsgi protocol.
    Uwsgi,
    /// SCGI.
    Scgi,
    /// FastCGI, a connection for each request.
    FastCgi,
}

impl Via {
    /// What comes back on a connection of its own to a port, up to its end. Who closes with bytes unread resets: what
    /// came before counts.
    pub fn ask(&self, port: u16, request: &Request) -> io::Result<Vec<u8>> {
        let address = match self {
            Via::Tls(client) => Address::Tls(client.clone()),
            _ => Address::Port(port),
        };
        let mut stream = address.connect()?;
        stream.write_all(&self.bytes(request))?;
        stream.flush()?;
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        Ok(if matches!(self, Via::FastCgi) { output(&all) } else { all })
    }

    fn bytes(&self, request: &Request) -> Vec<u8> {
        let mut body = Vec::new();
        if let Some(pieces) = &request.body {
            let _ = pieces.pieces(|piece| {
                body.extend_from_slice(piece);
                Ok(())
            });
        }
        let head = match self {
            Via::Http | Via::Tls(_) => http::head(request),
            Via::Proxied => {
                [b"PROXY TCP4 192.0.2.9 192.0.2.1 4000 80\r\n".to_vec(), http::head(request)].concat()
            }
            Via::Uwsgi => packet::packet(&packet::vars(request)),
            Via::Scgi => netstring(request, body.len()),
            Via::FastCgi => return records(request, &body),
        };
        [head, body].concat()
    }
}

fn netstring(request: &Request, length: usize) -> Vec<u8> {
    let mut block = format!("CONTENT_LENGTH\0{length}\0SCGI\x001\0").into_bytes();
    for (name, value) in packet::vars(request).iter().filter(|(n, _)| n != b"CONTENT_LENGTH") {
        block.extend([&name[..], b"\0", value, b"\0"].concat());
    }
    [format!("{}:", block.len()).into_bytes(), block, b",".to_vec()].concat()
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).expect("a short record").to_be_bytes();
    [&[1, kind, 0, 1, high, low, 0, 0], content].concat()
}

fn records(request: &Request, body: &[u8]) -> Vec<u8> {
    let mut pairs = Vec::new();
    for (name, value) in packet::vars(request) {
        for length in [name.len(), value.len()] {
            pairs.extend((0x8000_0000 | u32::try_from(length).expect("a short variable")).to_be_bytes());
        }
        pairs.extend([name, value].concat());
    }
    let input = if body.is_empty() { Vec::new() } else { record(5, body) };
    [record(1, &[0, 1, 0, 0, 0, 0, 0, 0]), record(4, &pairs), record(4, b""), input, record(5, b"")].concat()
}

/// What records of an answer carry.
fn output(mut bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<8>() {
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let content = &rest[..length.min(rest.len())];
        if header[1] == 6 {
            text.extend(content);
        }
        bytes = rest.get(length + usize::from(header[6])..).unwrap_or_default();
    }
    text
}
