//! What is spoken with a client: bytes from its socket to those for a worker, and back. It never waits.

mod redirect;
mod source;

use crate::plan::{Entrance, EntranceKind};
use rustls::ServerConnection;
use rustls::server::Acceptor;
use source::Source;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use uswgi_proto::fastcgi::{FastCgi, FastCgiEvent};

/// What a client on the port of TLS is told who speaks plain HTTP.
const PLAIN: &str = "400 Bad Request: this port speaks HTTPS; write https:// in front of the address\n";

/// What a link knows of its protocol.
pub(crate) enum Link {
    /// TLS before its first message.
    Hello(Box<Acceptor>),
    /// TLS.
    Tls(Box<ServerConnection>),
    /// FastCGI: what came and is no whole record yet, and what is to be sent.
    FastCgi(FastCgi, Vec<u8>, Vec<u8>),
    /// An answer that sends the client elsewhere: the head of its request, and the answer.
    ToHttps(Vec<u8>, Vec<u8>),
}

/// What a look at the socket brought.
pub(crate) struct Got {
    /// Bytes came.
    pub(crate) any: bool,
    /// The socket has no more now.
    pub(crate) empty: bool,
    /// Nothing more comes.
    pub(crate) end: bool,
}

/// What one has to be told who breaks the protocol.
pub(crate) fn broken(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

/// An answer to plain HTTP.
fn bad_request(text: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
    .into_bytes()
}

impl Link {
    pub(crate) fn new(entrance: &Entrance) -> Link {
        match &entrance.kind {
            EntranceKind::Tls(_) => Link::Hello(Box::default()),
            EntranceKind::FastCgi => Link::FastCgi(FastCgi::default(), Vec::new(), Vec::new()),
            EntranceKind::ToHttps => Link::ToHttps(Vec::new(), Vec::new()),
        }
    }

    /// Whether the client has still to say who it is, in a handshake.
    pub(crate) fn is_opening(&self) -> bool {
        match self {
            Link::Hello(_) => true,
            Link::Tls(tls) => tls.is_handshaking(),
            Link::FastCgi(..) | Link::ToHttps(..) => false,
        }
    }

    /// Whether something is to be sent.
    pub(crate) fn wants_write(&self) -> bool {
        match self {
            Link::Hello(_) => false,
            Link::Tls(tls) => tls.wants_write(),
            Link::FastCgi(_, _, out) | Link::ToHttps(_, out) => !out.is_empty(),
        }
    }

    /// Send what the socket takes.
    pub(crate) fn write(&mut self, outer: &TcpStream) -> io::Result<usize> {
        let mut outer = outer;
        match self {
            Link::Hello(_) => Ok(0),
            Link::Tls(tls) => tls.write_tls(&mut outer),
            Link::FastCgi(_, _, out) | Link::ToHttps(_, out) => {
                let sent = outer.write(out)?;
                out.drain(..sent);
                Ok(sent)
            }
        }
    }

    /// Bytes of an answer.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Link::Tls(tls) => tls.writer().write_all(bytes),
            Link::FastCgi(state, _, out) => {
                state.answer(bytes, out);
                Ok(())
            }
            Link::Hello(_) | Link::ToHttps(..) => Ok(()),
        }
    }

    /// The answer is over; whether another request may come.
    pub(crate) fn answered(&mut self) -> bool {
        match self {
            Link::Tls(tls) => {
                tls.send_close_notify();
                false
            }
            Link::FastCgi(state, _, out) => state.is_busy() && state.end(out),
            Link::Hello(_) | Link::ToHttps(..) => false,
        }
    }

    /// The certificate of the client in DER; empty: it has shown none.
    pub(crate) fn certificate(&self) -> &[u8] {
        match self {
            Link::Tls(tls) => {
                tls.peer_certificates().and_then(|all| all.first()).map_or(&[][..], |first| first.as_ref())
            }
            _ => &[],
        }
    }

    /// Look at the socket once. What is for a worker is appended to `up`. An error of kind `InvalidData` says what is wrong
    /// with the client; what it is to hear of that is sent already.
    pub(crate) fn receive(
        &mut self,
        outer: &TcpStream,
        entrance: &Entrance,
        up: &mut Vec<u8>,
    ) -> io::Result<Got> {
        let mut source = Source::new(outer);
        let read = match self {
            Link::Hello(acceptor) => acceptor.read_tls(&mut source),
            Link::Tls(tls) => tls.read_tls(&mut source),
            Link::FastCgi(_, raw, _) | Link::ToHttps(raw, _) => source.append_to(raw),
        }?;
        let mut end = read == 0;
        if matches!(self, Link::Hello(_)) && read > 0 {
            self.greet(&source, entrance)?;
        }
        match self {
            Link::Hello(_) => {}
            Link::Tls(tls) => match tls.process_new_packets() {
                Ok(state) => {
                    let (at, more) = (up.len(), state.plaintext_bytes_to_read());
                    if more > 0 {
                        up.resize(at + more, 0);
                        tls.reader().read_exact(&mut up[at..])?;
                    }
                    end |= state.peer_has_closed();
                }
                Err(e) => {
                    // It says what it is in an alert.
                    let mut outer = outer;
                    let _ = tls.write_tls(&mut outer);
                    return Err(broken(e));
                }
            },
            Link::FastCgi(..) => end |= self.records(up)?,
            Link::ToHttps(raw, out) => {
                if out.is_empty() {
                    redirect::answer(raw, out);
                    end |= !out.is_empty();
                }
            }
        }
        Ok(Got { any: read > 0, empty: source.is_empty(), end })
    }

    /// The first message of TLS: by the name in it is decided how to go on.
    fn greet(&mut self, source: &Source<'_>, entrance: &Entrance) -> io::Result<()> {
        let (Link::Hello(acceptor), EntranceKind::Tls(tls)) = (&mut *self, &entrance.kind) else {
            return Ok(());
        };
        let mut outer = source.stream();
        let mut refused = |e: rustls::Error, mut alert: rustls::server::AcceptedAlert| {
            // It sends letters where a handshake begins with 22: it is told in words.
            if source.begins_like_http() {
                let _ = outer.write(&bad_request(PLAIN));
                return broken("plain HTTP on the port of HTTPS");
            }
            let _ = alert.write(&mut outer);
            broken(e)
        };
        let accepted = match acceptor.accept() {
            Ok(None) => return Ok(()),
            Ok(Some(accepted)) => accepted,
            Err((e, alert)) => return Err(refused(e, alert)),
        };
        let config = tls.config(accepted.client_hello().server_name());
        let mut tls = accepted.into_connection(config).map_err(|(e, alert)| refused(e, alert))?;
        // What waits is bounded by the client's pace: no more is taken from a worker before it is sent.
        tls.set_buffer_limit(None);
        *self = Link::Tls(Box::new(tls));
        Ok(())
    }

    /// Go on with records that have come; whether the server in front wants no answer any more.
    pub(crate) fn records(&mut self, up: &mut Vec<u8>) -> io::Result<bool> {
        let Link::FastCgi(state, raw, out) = self else { return Ok(false) };
        let mut at = 0;
        let mut abort = false;
        while let Some((used, heard)) = state.feed(&raw[at..], up, out).map_err(broken)? {
            at += used;
            abort |= heard == FastCgiEvent::Abort;
        }
        raw.drain(..at);
        Ok(abort)
    }
}
