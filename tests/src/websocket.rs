//! A WebSocket client that speaks byte by byte: frames as they should be, or as nobody should send them.

use crate::http::{parse_head, read_some};
use crate::request::{Reply, Request, Stream};
use crate::server::Door;
use crate::wait::PATIENCE;
use crate::{Site, paths};
use std::io::Write;
use uswgi_proto::websocket::{Opcode, accept_key, put_frame};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A connection on which a WebSocket was asked for.
pub struct WebSocket {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    /// The answer to the handshake.
    pub reply: Reply,
}

/// The application that echoes, in every engine, each with its name.
pub fn echoes() -> [(&'static str, Site); 3] {
    let site = |callable: &str| {
        let site = Site::new().file("ws_echo").both().home(&paths::engines());
        let chdir = site.dir.join("app").display().to_string();
        site.option("chdir", chdir).option("module", format!("ws_echo:{callable}"))
    };
    [
        ("asgi", site("tasks").option("asgi", true)),
        ("threads", site("application").option("threads", 4)),
        ("gevent", site("application").option("gevent", 4)),
    ]
}

/// The request of a handshake.
pub fn handshake(target: &str) -> Request {
    Request::get(target)
        .header("Upgrade", "websocket")
        .header("Connection", "keep-alive, Upgrade")
        .header("Sec-WebSocket-Key", KEY)
        .header("Sec-WebSocket-Version", "13")
}

/// A frame of a client: its first byte, and a payload that is masked here.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_frame(Opcode::Binary, payload, &mut bytes);
    let head = bytes.len() - payload.len();
    (bytes[0], bytes[1]) = (first, bytes[1] | 0x80);
    bytes.splice(head..head, MASK);
    bytes[head + 4..].iter_mut().enumerate().for_each(|(i, b)| *b ^= MASK[i % 4]);
    bytes
}

impl WebSocket {
    /// Ask for one, with `behind` right behind the request; its answer may be another than 101.
    #[track_caller]
    pub fn ask(door: &Door, request: &Request, behind: &[u8]) -> WebSocket {
        let mut stream = door.sent(request);
        stream.write_all(behind).expect("what comes behind the handshake");
        WebSocket::answered(stream)
    }

    /// On a stream on which one was asked for.
    #[track_caller]
    pub fn answered(stream: Box<dyn Stream>) -> WebSocket {
        stream.patience(PATIENCE).expect("a limit of reads");
        let mut socket = WebSocket {
            stream,
            buffer: Vec::new(),
            reply: parse_head(b"HTTP/1.1 0 none\r\n").expect("a head"),
        };
        let end = loop {
            if let Some(at) = socket.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(
                socket.more(),
                "no answer to the handshake: {:?}",
                String::from_utf8_lossy(&socket.buffer)
            );
        };
        let head: Vec<u8> = socket.buffer.drain(..end).collect();
        socket.reply = parse_head(&head).expect("the head of an answer");
        socket
    }

    /// One that is accepted.
    #[track_caller]
    pub fn open(door: &Door, target: &str) -> WebSocket {
        let socket = WebSocket::ask(door, &handshake(target), b"");
        assert_eq!(socket.reply.status, 101, "{target}: {:?}", socket.reply);
        assert_eq!(socket.reply.header("Sec-WebSocket-Accept"), Some(accept_key(KEY.as_bytes()).as_str()));
        socket
    }

    fn more(&mut self) -> bool {
        let mut piece = [0; 64 * 1024];
        match read_some(&mut *self.stream, &mut piece) {
            Ok(n) => {
                self.buffer.extend_from_slice(&piece[..n]);
                n > 0
            }
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(e) => panic!("no bytes of the server: {e}"),
        }
    }

    /// Send bytes as they are. What a server that has closed does not take is lost.
    pub fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Send a text.
    pub fn text(&mut self, text: &str) {
        self.raw(&frame(0x81, text.as_bytes()));
    }

    /// Send bytes.
    pub fn binary(&mut self, bytes: &[u8]) {
        self.raw(&frame(0x82, bytes));
    }

    /// Send a close frame.
    pub fn close(&mut self, code: u16) {
        self.raw(&frame(0x88, &code.to_be_bytes()));
    }

    /// Its descriptor.
    pub fn stream(&self) -> &dyn Stream {
        &*self.stream
    }

    /// The next frame of the server: its first byte and its payload; None: the end.
    #[track_caller]
    pub fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let [first, second, rest @ ..] = &self.buffer[..] {
                assert!(second & 0x80 == 0, "a server masks nothing");
                let (skip, length) = match (second, rest) {
                    (126, [a, b, ..]) => (2, u64::from(u16::from_be_bytes([*a, *b]))),
                    (127, [_, _, _, _, _, _, _, _, ..]) => {
                        (8, u64::from_be_bytes(rest[..8].try_into().expect("eight bytes")))
                    }
                    (126 | 127, _) => (0, u64::MAX),
                    (n, _) => (0, u64::from(*n)),
                };
                if length != u64::MAX && rest.len() as u64 >= skip as u64 + length {
                    let (first, end) = (*first, 2 + skip + length as usize);
                    let payload = self.buffer[2 + skip..end].to_vec();
                    self.buffer.drain(..end);
                    return Some((first, payload));
                }
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// The next message as text; pings are passed over.
    #[track_caller]
    pub fn next_text(&mut self) -> String {
        loop {
            match self.frame() {
                Some((0x81, payload)) => return String::from_utf8(payload).expect("text"),
                Some((0x89, _)) => {}
                other => panic!("no text: {other:?}"),
            }
        }
    }

    /// Code of the close frame that comes next, after which the connection ends; None: it ends without one. An empty frame
    /// is 0.
    #[track_caller]
    pub fn closed(&mut self) -> Option<u16> {
        let mut said = None;
        while let Some((first, payload)) = self.frame() {
            match first {
                0x88 if said.is_none() => {
                    said = Some(payload.get(..2).map_or(0, |c| u16::from_be_bytes([c[0], c[1]])))
                }
                0x89 | 0x8a if said.is_none() => {}
                _ => panic!("{first:#x} {payload:?} in the place of the end"),
            }
        }
        said
    }

    /// What an answer that is no 101 has behind its head, to the end of the connection.
    pub fn rest(mut self) -> Vec<u8> {
        while self.more() {}
        self.buffer
    }
}
