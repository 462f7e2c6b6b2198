//! One request on its connection, as a gateway, the access log and the static files see it.

#![forbid(unsafe_code)]

mod variables;

use crate::connection::Conn;
use crate::engine::Engine;
use crate::mounts::Mounts;
use crate::request::{Body, Request};
use std::sync::Arc;
use uswgi_proto::settings::Protocol;
use uswgi_proto::span::Span;
use uswgi_proto::websocket::{self, HandshakeError};

pub use variables::{FIXED, Field, Variables, is_reserved};

/// Under this name a rule rewrites the scheme; it is the server's own, so no application gets it as a variable.
pub(crate) const SCHEME: &[u8] = b"wsgi.url_scheme";

/// Under this name a rule names the application (`setapp`).
pub(crate) const APP: &[u8] = b"uwsgi.app";

/// A request and the connection that it came on. What it says is asked here, whatever the protocol.
pub struct Exchange<'a> {
    /// The worker that runs it.
    pub engine: &'a Arc<Engine>,
    /// Number of the lane in which it runs.
    pub lane: usize,
    /// Where it came from, and where its answer goes.
    pub conn: &'a mut Conn,
    /// Its head.
    pub request: &'a mut Request,
}

impl Exchange<'_> {
    /// The request's method.
    pub fn method(&self) -> &[u8] {
        self.request.known.method.of(&self.conn.buffer)
    }

    /// Give a variable another value than the client sent, for everybody who asks from here on; the request's bytes and
    /// its method stay what they are.
    pub fn rewrite(&mut self, name: &[u8], value: &[u8]) {
        self.request.rewritten.push((name.to_vec(), value.to_vec()));
    }

    /// Take a mount point of so many bytes off the path, as SCRIPT_NAME, for everybody who asks from here on.
    pub fn mount(&mut self, mounted: usize) {
        let (point, rest) = self.path().split_at(mounted);
        let (point, rest) = (point.to_vec(), rest.to_vec());
        self.rewrite(b"SCRIPT_NAME", &point);
        self.rewrite(b"PATH_INFO", &rest);
    }

    /// The same for the mount point that the path is at or below, once for a request.
    pub(crate) fn place(&mut self, mounts: &Mounts) {
        let mounted = mounts.point_of(self.path());
        if mounted > 0 {
            self.mount(mounted);
        }
        self.request.placed = true;
    }

    /// Whether its mount point was taken off its path.
    pub fn is_placed(&self) -> bool {
        self.request.placed
    }

    /// What was rewritten, in its order.
    pub fn rewritten(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.request.rewritten
    }

    /// Forget all but the first `count` of what was rewritten.
    pub fn take_back(&mut self, count: usize) {
        self.request.rewritten.truncate(count);
    }

    pub(crate) fn over(&self, name: &[u8]) -> Option<&[u8]> {
        let all = &self.request.rewritten;
        all.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    /// PATH_INFO, decoded.
    pub fn path(&self) -> &[u8] {
        if let Some(path) = self.over(b"PATH_INFO") {
            return path;
        }
        match self.conn.protocol {
            Protocol::Http => &self.request.path,
            _ => self.request.known.path.of(&self.conn.buffer),
        }
    }

    /// SCRIPT_NAME as a server in front gave it.
    pub fn script(&self) -> &[u8] {
        if let Some(script) = self.over(b"SCRIPT_NAME") {
            return script;
        }
        self.request.known.script.of(&self.conn.buffer)
    }

    /// The host that is asked: HTTP_HOST, or else SERVER_NAME.
    pub fn host(&self) -> &[u8] {
        let named = |name| self.variable(name).filter(|value| !value.is_empty());
        named(b"HTTP_HOST").or_else(|| named(b"SERVER_NAME")).unwrap_or_default()
    }

    /// The mount point of the application that a rule has named; None: none has.
    pub fn named_app(&self) -> Option<&[u8]> {
        if self.request.rewritten.is_empty() { None } else { self.over(APP) }
    }

    /// REQUEST_URI, as it was sent, or as a rule has set it.
    pub fn uri(&self) -> &[u8] {
        self.named(b"REQUEST_URI", self.request.known.uri)
    }

    /// The method that the application and the log see; [`Exchange::method`] is the one that was sent.
    pub fn shown_method(&self) -> &[u8] {
        self.named(b"REQUEST_METHOD", self.request.known.method)
    }

    /// A variable that may be rewritten, with where it stands.
    pub(crate) fn named(&self, name: &[u8], stands: Span) -> &[u8] {
        self.over(name).unwrap_or_else(|| stands.of(&self.conn.buffer))
    }

    /// As uWSGI decides: UWSGI_SCHEME, X-Forwarded-Proto, X-Forwarded-SSL, HTTPS = on or 1. The forwarded ones only from
    /// peers that are believed.
    pub fn is_https(&self) -> bool {
        if let Some(scheme) = self.over(SCHEME) {
            return scheme.eq_ignore_ascii_case(b"https");
        }
        let (buffer, known) = (&self.conn.buffer, &self.request.known);
        let is = |span: Span| span.of(buffer).eq_ignore_ascii_case(b"https");
        let on = |span: Span| {
            let value = span.of(buffer);
            value == b"1" || value.eq_ignore_ascii_case(b"on")
        };
        self.conn.secure
            || is(known.scheme)
            || on(known.https)
            || (is(known.forwarded_proto) || on(known.forwarded_ssl))
                && self.engine.trust.allows(self.conn.peer.ip())
    }

    /// Whether it asks for a WebSocket (RFC 6455 section 4.2.1), over either protocol.
    pub fn asks_websocket(&self) -> bool {
        let upgrade = self.request.known.upgrade.of(&self.conn.buffer);
        !upgrade.is_empty()
            && matches!(self.request.body, None | Some(Body::None))
            && self.protocol() != b"HTTP/1.0"
            && websocket::is_asked(self.method(), upgrade, &self.header("connection"))
    }

    /// Whether it may have one, and what has to be answered to its key.
    pub fn websocket_key(&self) -> Result<String, HandshakeError> {
        // It takes what comes behind a 101 for the body of an answer, in chunks (2.4.71).
        if self.conn.protocol == Protocol::Uwsgi
            && self.variable(b"SERVER_SOFTWARE").is_some_and(|name| name.starts_with(b"Apache"))
        {
            return Err(HandshakeError::Carrier);
        }
        let key = self.header("sec-websocket-key");
        websocket::check(&self.header("sec-websocket-version"), &key)?;
        Ok(websocket::accept_key(&key))
    }

    /// Bytes that came behind its head, which has no body; they are no request.
    pub fn take_behind(&mut self) -> Vec<u8> {
        let head = self.request.head_length.min(self.conn.buffer.len());
        let behind = self.conn.buffer.split_off(head);
        // It may stay for days.
        self.conn.buffer.shrink_to_fit();
        self.request.head.headers.shrink_to_fit();
        self.request.vars.shrink_to_fit();
        behind
    }

    /// Protocol of the request as it was said.
    pub fn protocol(&self) -> &[u8] {
        match (self.conn.protocol, self.request.head.minor) {
            (Protocol::Http, 0) => b"HTTP/1.0",
            (Protocol::Http, _) => b"HTTP/1.1",
            _ => self.request.known.protocol.of(&self.conn.buffer),
        }
    }

    /// Value of a request variable by its CGI name. Of a repeated one the last of a uwsgi packet counts, and the first
    /// of HTTP headers.
    pub fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        if let Some(value) = self.over(name) {
            return Some(value);
        }
        let variables = self.variables();
        if self.conn.protocol != Protocol::Http {
            return variables.fields().rev().find(|field| field.name() == name).map(|field| field.value());
        }
        if let Some(fixed) = FIXED.iter().position(|f| *f == name) {
            return variables.fixed().get(fixed).copied();
        }
        let server = || self.engine.listeners.get(usize::from(self.conn.listener)).map(|l| &l.server);
        let header = match name {
            b"SERVER_NAME" => return server().map(|s| s.0.as_bytes()),
            b"SERVER_PORT" => return server().map(|s| s.1.as_bytes()),
            b"HTTPS" => return self.conn.secure.then_some(b"on"),
            b"CONTENT_TYPE" | b"CONTENT_LENGTH" => name,
            _ => name.strip_prefix(b"HTTP_")?,
        };
        variables.fields().find(|field| is_variable(field.name(), header)).map(|field| field.value())
    }

    /// Value of a header field by its name in lower case; repeated ones joined by commas (RFC 9110 section 5.3), none is
    /// empty.
    pub fn header(&self, name: &str) -> Vec<u8> {
        let name = name.as_bytes();
        let is = |n: &[u8]| match self.conn.protocol {
            Protocol::Http => n.eq_ignore_ascii_case(name),
            _ => n.strip_prefix(b"HTTP_").is_some_and(|rest| is_variable(name, rest)),
        };
        let mut value = Vec::new();
        for field in self.variables().fields().filter(|field| is(field.name())) {
            if !value.is_empty() {
                value.extend_from_slice(b", ");
            }
            value.extend_from_slice(field.value());
        }
        value
    }
}

/// Whether a header field of this name becomes the variable `HTTP_` + `variable` (RFC 3875 section 4.1.18).
fn is_variable(header: &[u8], variable: &[u8]) -> bool {
    header.len() == variable.len()
        && header.iter().zip(variable).all(|(h, v)| match h {
            b'-' => matches!(v, b'_' | b'-'),
            // Such a header is passed on to nobody: it would be taken for the one with a dash.
            b'_' => false,
            h => h.eq_ignore_ascii_case(v),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Conn;
    use crate::request::{Need, examine};
    use crate::testing::{Parts, connection, packet, settings};

    fn parsed(conn: &mut Conn, request: &mut Request, bytes: &[u8]) {
        conn.buffer.clear();
        conn.buffer.extend_from_slice(bytes);
        assert!(matches!(examine(conn, request, &settings()), Need::Run));
    }

    #[test]
    fn what_is_rewritten_counts_until_it_is_taken_back_and_never_for_the_next_request() {
        let engine = Parts::new(settings()).engine();
        let http = b"GET /old HTTP/1.1\r\nHost: h\r\n\r\n".to_vec();
        let uwsgi = packet(0, &[("REQUEST_METHOD", "GET"), ("PATH_INFO", "/old"), ("HTTP_HOST", "h")]);
        for (protocol, bytes) in [(Protocol::Http, http), (Protocol::Uwsgi, uwsgi)] {
            let ((mut conn, _client), mut request) = (connection(protocol), Request::default());
            parsed(&mut conn, &mut request, &bytes);
            let mut x = Exchange { engine: &engine, lane: 0, conn: &mut conn, request: &mut request };
            assert_eq!(
                (x.path(), x.script(), x.variable(b"PATH_INFO")),
                (&b"/old"[..], &b""[..], Some(x.path()))
            );
            x.rewrite(b"PATH_INFO", b"/new");
            x.rewrite(b"SCRIPT_NAME", b"/at");
            x.rewrite(b"PATH_INFO", b"/newer");
            assert_eq!(
                (x.path(), x.script(), x.variable(b"PATH_INFO")),
                (&b"/newer"[..], &b"/at"[..], Some(x.path()))
            );
            assert_eq!((x.method(), x.variable(b"HTTP_HOST")), (&b"GET"[..], Some(&b"h"[..])));
            x.take_back(1);
            assert_eq!((x.path(), x.script(), x.rewritten().len()), (&b"/new"[..], &b""[..], 1));
            parsed(&mut conn, &mut request, &bytes);
            let x = Exchange { engine: &engine, lane: 0, conn: &mut conn, request: &mut request };
            assert_eq!((x.path(), x.rewritten().len()), (&b"/old"[..], 0));
        }
    }

    /// What [`Variables::each`] gives.
    fn each(x: &Exchange<'_>) -> Vec<(String, String)> {
        let (mut all, text) = (Vec::new(), |b: &[u8]| String::from_utf8_lossy(b).into_owned());
        let Ok(()) = x.variables().each(|name, value| {
            all.push((text(name), text(value)));
            Ok::<_, std::convert::Infallible>(())
        });
        all
    }

    #[test]
    fn an_application_gets_every_variable_once_by_its_name_and_none_of_the_servers_own() {
        let engine = Parts::new(settings()).engine();
        let ((mut conn, _client), mut request) = (connection(Protocol::Http), Request::default());
        let bytes = b"GET /a%20b?c HTTP/1.1\r\nHost: h\r\nX-A:  v\r\nx_a: forged\r\nProxy: p\r\nContent-Type: t\r\n\r\n";
        parsed(&mut conn, &mut request, bytes);
        let x = Exchange { engine: &engine, lane: 0, conn: &mut conn, request: &mut request };
        let expected = [
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_URI", "/a%20b?c"),
            ("PATH_INFO", "/a b"),
            ("QUERY_STRING", "c"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("HTTP_HOST", "h"),
            ("HTTP_X_A", "v"),
            ("CONTENT_TYPE", "t"),
        ];
        assert_eq!(each(&x), expected.map(|(n, v)| (n.to_string(), v.to_string())));
        for (name, value) in expected {
            assert_eq!(x.variable(name.as_bytes()), Some(value.as_bytes()), "{name}");
        }
        // The peer of a unix socket has no address.
        for name in ["REMOTE_ADDR", "HTTP_X_B", "HTTP_PROXY_", "x-a"] {
            assert_eq!(x.variable(name.as_bytes()), None, "{name}");
        }
        let wholes: Vec<_> = x.variables().fields().map(|f| f.whole()).collect();
        assert_eq!(wholes[..2], [&b"Host: h"[..], b"X-A:  v"]);
        assert_eq!(x.header("x-a"), b"v");
    }

    #[test]
    fn a_packet_sets_nothing_of_the_server_and_loads_no_code() {
        let engine = Parts::new(settings()).engine();
        let ((mut conn, _client), mut request) = (connection(Protocol::Uwsgi), Request::default());
        let vars = [
            ("REQUEST_METHOD", "GET"),
            ("HTTP_A", "1"),
            ("wsgi.input", "x"),
            ("uwsgi.core", "x"),
            ("uswgi.disconnected", "x"),
            ("UWSGI_FILE", "x"),
            ("UWSGI_SCHEME", "https"),
            ("HTTP_A", "2"),
        ];
        parsed(&mut conn, &mut request, &packet(0, &vars));
        let x = Exchange { engine: &engine, lane: 0, conn: &mut conn, request: &mut request };
        let expected =
            [("REQUEST_METHOD", "GET"), ("HTTP_A", "1"), ("UWSGI_SCHEME", "https"), ("HTTP_A", "2")];
        assert_eq!(each(&x), expected.map(|(n, v)| (n.to_string(), v.to_string())));
        assert_eq!((x.variable(b"HTTP_A"), x.header("a")), (Some(&b"2"[..]), b"1, 2".to_vec()));
        assert!(x.variables().fixed().is_empty() && x.variables().fields().len() == vars.len());
    }
}
