//! Calls of functions over the uwsgi protocol (modifier1 173): packets as uWSGI 2.0.31 sends and answers them.
//!
//! A call is an array of texts, each with its length in two bytes in front: the name of a function, then its arguments.
//! The answer is a packet of the result (modifier2 0; 5: its length stands as CONTENT_LENGTH in a block of variables in front,
//! as the size of a packet has 16 bits), the bare result where the call had another modifier2, and nothing at all where
//! there is no result. It must never allocate by a length that a peer only claims.

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;
use uswgi_proto::packet::{self, HEADER_LEN, PacketHeader};

/// modifier1 of a call.
pub const MODIFIER1: u8 = 173;
/// Most arguments of a call, as on uWSGI.
pub const MOST_ARGUMENTS: usize = 255;
/// modifier2 of an answer with its length in front.
const LONG: u8 = 5;
/// Most bytes of an answer that is waited for.
const MOST: u64 = 256 << 20;

/// A packet with a call; None: it has no place in one.
pub fn call(words: &[&[u8]]) -> Option<Vec<u8>> {
    let mut block = Vec::new();
    for word in words {
        block.extend(u16::try_from(word.len()).ok()?.to_le_bytes());
        block.extend_from_slice(word);
    }
    let size = u16::try_from(block.len()).ok()?;
    Some([&PacketHeader { modifier1: MODIFIER1, size, modifier2: 0 }.encode()[..], &block].concat())
}

/// The texts of a call; None: their lengths do not fit.
pub fn words(mut block: &[u8]) -> Option<Vec<&[u8]>> {
    let mut all = Vec::new();
    while !block.is_empty() {
        let length = usize::from(u16::from_le_bytes([*block.first()?, *block.get(1)?]));
        all.push(block.get(2..2 + length)?);
        block = &block[2 + length..];
    }
    Some(all)
}

/// The bytes that answer a call with this modifier2.
pub fn answer(modifier2: u8, result: Option<Vec<u8>>) -> Vec<u8> {
    let Some(result) = result.filter(|r| !r.is_empty()) else { return Vec::new() };
    if modifier2 != 0 {
        return result;
    }
    let head = |size, modifier2| PacketHeader { modifier1: MODIFIER1, size, modifier2 }.encode();
    if let Ok(size) = u16::try_from(result.len()) {
        return [&head(size, 0)[..], &result].concat();
    }
    let length = result.len().to_string();
    let mut block = Vec::new();
    for text in ["CONTENT_LENGTH", &length] {
        block.extend((text.len() as u16).to_le_bytes());
        block.extend_from_slice(text.as_bytes());
    }
    [&head(block.len() as u16, LONG)[..], &block, &result].concat()
}

/// What can be read from and written to.
pub trait BothWays: Read + Write {}
impl<T: Read + Write> BothWays for T {}

/// Connect to a uwsgi socket: `host:port`, a path or `@abstract`. Each read and write waits so long.
///
/// # Errors
/// Nobody is there.
pub fn connect(address: &str, patience: Duration) -> io::Result<Box<dyn BothWays>> {
    let patience = patience.max(Duration::from_millis(1));
    if let Some(name) = address.strip_prefix('@') {
        return unix(UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?, patience);
    }
    if address.contains('/') || !address.contains(':') {
        return unix(UnixStream::connect(address)?, patience);
    }
    let local = if address.starts_with(':') { "127.0.0.1" } else { "" };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for found in format!("{local}{address}").to_socket_addrs()? {
        match TcpStream::connect_timeout(&found, patience) {
            Ok(stream) => {
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                return Ok(Box::new(stream));
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

fn unix(stream: UnixStream, patience: Duration) -> io::Result<Box<dyn BothWays>> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(Box::new(stream))
}

/// Call a function of another instance: its result; None: it has none. Waits so long for each piece of the answer.
///
/// # Errors
/// It is out of reach, or answers what is no answer.
pub fn ask(address: &str, packet: &[u8], patience: Duration) -> io::Result<Option<Vec<u8>>> {
    let mut stream = connect(address, patience)?;
    stream.write_all(packet)?;
    result(&mut stream)
}

fn result(stream: &mut dyn BothWays) -> io::Result<Option<Vec<u8>>> {
    let nonsense = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_string());
    let mut head = Vec::new();
    (&mut *stream).take(HEADER_LEN as u64).read_to_end(&mut head)?;
    let Some(header) = packet::header(&head) else {
        return if head.is_empty() { Ok(None) } else { Err(nonsense("half an answer")) };
    };
    if header.modifier1 != MODIFIER1 {
        return Err(nonsense("it answers something else: is it a uwsgi socket?"));
    }
    let mut exactly = |length: u64| {
        let mut bytes = Vec::new();
        (&mut *stream).take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(nonsense("half an answer")) }
    };
    let first = exactly(header.size.into())?;
    if header.modifier2 != LONG {
        return Ok(Some(first).filter(|r| !r.is_empty()));
    }
    let all = words(&first).unwrap_or_default();
    let length = all.chunks(2).find(|pair| pair[0] == b"CONTENT_LENGTH").and_then(|pair| pair.get(1));
    let length = length.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    match length.filter(|n| *n <= MOST) {
        Some(length) => exactly(length).map(Some),
        None => Err(nonsense("its length is none, or more than 256 MiB")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn back(bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
        struct Half(io::Cursor<Vec<u8>>);
        impl Read for Half {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                self.0.read(to)
            }
        }
        impl Write for Half {
            fn write(&mut self, from: &[u8]) -> io::Result<usize> {
                Ok(from.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        result(&mut Half(io::Cursor::new(bytes.to_vec())))
    }

    /// Bytes that uWSGI 2.0.31 has sent.
    #[test]
    fn answers_are_uwsgis() {
        assert_eq!(answer(0, Some(b"hello (b'a', b'b')".to_vec())), b"\xad\x12\x00\x00hello (b'a', b'b')");
        assert_eq!(answer(1, Some(b"x".to_vec())), b"x");
        assert!(answer(0, None).is_empty() && answer(0, Some(Vec::new())).is_empty());
        let long = answer(0, Some(vec![b'x'; 100_000]));
        assert!(long.starts_with(b"\xad\x18\x00\x05\x0e\x00CONTENT_LENGTH\x06\x00100000xxx"));
        assert_eq!(back(&long).unwrap().unwrap().len(), 100_000);
        assert_eq!(
            (back(b"").unwrap(), back(&answer(0, Some(b"r".to_vec()))).unwrap()),
            (None, Some(b"r".to_vec()))
        );
        for bad in [&b"HTTP/1.1 501"[..], b"\xad\x05\x00\x00abc", b"\xad", &long[..200], b"\xad\x00\x00\x05"]
        {
            assert!(back(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_call_and_its_texts_are_the_same(all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let texts: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
            let packet = call(&texts).unwrap();
            prop_assert_eq!(words(&packet[HEADER_LEN..]).unwrap(), texts);
        }

        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = words(&bytes);
            let _ = back(&bytes);
        }
    }
}
