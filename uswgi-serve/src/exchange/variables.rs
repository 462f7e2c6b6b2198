//! The variables of a request as it came, whatever its protocol: what an environ is made of (RFC 3875 section 4.1).
//! Nothing that was rewritten is here, and nothing that belongs to the server.

use super::Exchange;
use crate::request::loads_code;
use uswgi_proto::http::environ_name;
use uswgi_proto::settings::Protocol;
use uswgi_proto::span::Span;

/// Variables of an HTTP request that are not headers; the last two only where the peer has an address.
pub const FIXED: [&[u8]; 7] = [
    b"REQUEST_METHOD",
    b"REQUEST_URI",
    b"PATH_INFO",
    b"QUERY_STRING",
    b"SERVER_PROTOCOL",
    b"REMOTE_ADDR",
    b"REMOTE_PORT",
];

/// See [`Exchange::variables`].
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a> {
    protocol: Protocol,
    buffer: &'a [u8],
    fixed: [&'a [u8]; FIXED.len()],
    count: usize,
    fields: &'a [(Span, Span)],
}

/// A header of an HTTP request, or a variable of a packet.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    buffer: &'a [u8],
    spans: (Span, Span),
}

impl<'a> Field<'a> {
    /// Its name as it came.
    #[inline]
    pub fn name(&self) -> &'a [u8] {
        self.spans.0.of(self.buffer)
    }

    /// Bytes of the name.
    #[inline]
    pub fn name_length(&self) -> usize {
        self.spans.0.len()
    }

    /// Its value.
    #[inline]
    pub fn value(&self) -> &'a [u8] {
        self.spans.1.of(self.buffer)
    }

    /// Both with what stands between them. Of two fields whose names are as long the same bytes mean the same.
    #[inline]
    pub fn whole(&self) -> &'a [u8] {
        Span { start: self.spans.0.start, end: self.spans.1.end }.of(self.buffer)
    }
}

impl Exchange<'_> {
    /// All variables of the request as it came.
    #[inline]
    pub fn variables(&self) -> Variables<'_> {
        let Exchange { conn, request, .. } = self;
        let (protocol, buffer) = (conn.protocol, &conn.buffer[..]);
        match protocol {
            Protocol::Uwsgi | Protocol::Scgi | Protocol::ScgiNph => {
                Variables { protocol, buffer, fixed: Default::default(), count: 0, fields: &request.vars }
            }
            Protocol::Http => {
                let head = &request.head;
                let remote = conn.remote();
                let (address, port) = remote.unwrap_or_default();
                let fixed = [
                    head.method.of(buffer),
                    head.target.of(buffer),
                    &request.path,
                    head.query.of(buffer),
                    self.protocol(),
                    address,
                    port,
                ];
                let count = if remote.is_some() { FIXED.len() } else { FIXED.len() - 2 };
                Variables { protocol, buffer, fixed, count, fields: &head.headers }
            }
        }
    }
}

impl<'a> Variables<'a> {
    /// Values of the first [`FIXED`] ones; none of a packet.
    #[inline]
    pub fn fixed(&self) -> &[&'a [u8]] {
        &self.fixed[..self.count]
    }

    /// What comes behind them.
    #[inline]
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = Field<'a>> + ExactSizeIterator + use<'a> {
        let buffer = self.buffer;
        self.fields.iter().map(move |&spans| Field { buffer, spans })
    }

    /// Name and value of each that an application gets, by its name in the environ.
    pub fn each<E>(&self, mut f: impl FnMut(&[u8], &[u8]) -> Result<(), E>) -> Result<(), E> {
        FIXED.iter().zip(self.fixed()).try_for_each(|(name, value)| f(name, value))?;
        let mut room = Vec::new();
        for field in self.fields() {
            if let Some(name) = self.name(field.name(), &mut room) {
                f(name, field.value())?;
            }
        }
        Ok(())
    }

    /// How a field is called in the environ; None: no application gets it. `room` may be used for the name.
    pub fn name<'n>(&self, name: &'n [u8], room: &'n mut Vec<u8>) -> Option<&'n [u8]> {
        match self.protocol {
            Protocol::Http => environ_name(name, room).then_some(&room[..]),
            _ => (!is_reserved(name) && !loads_code(name)).then_some(name),
        }
    }
}

/// Whether a name belongs to the server: no client may set `wsgi.input` and its like.
pub fn is_reserved(name: &[u8]) -> bool {
    name.starts_with(b"wsgi.") || name.starts_with(b"uwsgi.") || name.starts_with(b"uswgi.")
}
