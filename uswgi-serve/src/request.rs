//! The request at the start of a connection's buffer.
//!
//! [`examine`] decides, from bytes alone, what a connection needs next. It knows no Python, waits for
//! nothing, and the only things it changes are the decoded part of a chunked body and a body on its way to disk.

use crate::connection::{BODY_BUFFER, Chunks, Conn, Connection};
use crate::greeting::{self, Greeting};
use crate::{routing::ruled::Ruled, rpc, spool};
use uswgi_proto::app_signals;
use uswgi_proto::http::{self, Head, Limits, Progress};
use uswgi_proto::settings::{LaneKind, Protocol, WorkerSettings};
use uswgi_proto::{chunked::Decoder, packet, span::Span};
use uswgi_spool::task::MODIFIER1 as TASK;

/// Where the variables stand that the server itself needs. All spans are of the connection's buffer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    pub(crate) method: Span,
    pub(crate) uri: Span,
    pub(crate) query: Span,
    pub(crate) path: Span,
    pub(crate) script: Span,
    pub(crate) protocol: Span,
    pub(crate) remote: Span,
    pub(crate) user: Span,
    pub(crate) host: Span,
    pub(crate) agent: Span,
    pub(crate) referer: Span,
    pub(crate) forwarded: Span,
    pub(crate) scheme: Span,
    pub(crate) https: Span,
    pub(crate) forwarded_proto: Span,
    pub(crate) forwarded_ssl: Span,
    pub(crate) upgrade: Span,
}

/// A parsed request head. Reused from request to request: its vectors keep their memory.
#[derive(Default)]
pub struct Request {
    /// Of an HTTP request.
    pub head: Head,
    /// uwsgi variables.
    pub vars: Vec<(Span, Span)>,
    /// Decoded PATH_INFO of an HTTP request.
    pub path: Vec<u8>,
    pub(crate) known: Known,
    /// Variables that were rewritten since it was parsed, the last of a name counts.
    pub(crate) rewritten: Vec<(Vec<u8>, Vec<u8>)>,
    /// Its mount point was looked for, and is no part of PATH_INFO any more.
    pub(crate) placed: bool,
    /// What rules want of its answer; only where there are some.
    pub(crate) ruled: Option<Box<Ruled>>,
    /// Of a uwsgi packet.
    pub modifier1: u8,
    /// Argument of `modifier1`.
    pub modifier2: u8,
    /// Bytes of the head at the start of the buffer.
    pub head_length: usize,
    /// How its body comes; None: nobody knows yet.
    pub body: Option<Body>,
    /// Bytes of the body: as announced by Content-Length, or counted when a chunked one is whole.
    pub content_length: u64,
    pub(crate) keep_alive: bool,
    /// Variables that would make uWSGI load code.
    pub loading_vars: u32,
}

/// A request that is answered by the server itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub(crate) status: u16,
    /// For the log.
    pub why: String,
}

/// What a connection needs next.
#[derive(Debug)]
pub enum Need {
    /// More bytes.
    More,
    /// Run the application: [`Request`] is valid, `body` is set.
    Run,
    /// Answer with an error and close.
    Refuse(Refusal),
    /// Answer a uwsgi ping and close.
    Ping,
    /// Raise this signal of the application, answer and close.
    Signal(u8),
    /// A whole packet with a task: put it into its spool folder, answer and close.
    Spool,
}

pub(crate) fn refuse(status: u16, why: impl Into<String>) -> Need {
    Need::Refuse(Refusal { status, why: why.into() })
}

/// Look at what the buffer of a connection holds. While more is waited for, the head stays with the connection: no byte
/// of it is looked at twice.
pub(crate) fn examine(conn: &mut Conn, request: &mut Request, settings: &WorkerSettings) -> Need {
    if conn.buffer.len() < conn.needed {
        return Need::More;
    }
    if conn.greeting != Greeting::None
        && let Some(step) = greeting::take(conn)
    {
        return step;
    }
    if let Some(step) = go_on(conn) {
        return step;
    }
    let whole = conn.head.take().is_some_and(|head| {
        *request = *head;
        request.head_length > 0
    });
    if !whole {
        let parsed = match conn.protocol {
            Protocol::Http => http_head(conn, request, settings),
            Protocol::Uwsgi => packet_head(conn, request, settings),
            Protocol::Scgi | Protocol::ScgiNph => scgi::head(conn, request, settings),
        };
        if let Err(step) = parsed {
            return step;
        }
        request.rewritten.clear();
        request.placed = false;
    }
    let step = match conn.protocol {
        Protocol::Uwsgi | Protocol::Scgi | Protocol::ScgiNph => counted_body(conn, request, settings),
        Protocol::Http => {
            let head = &request.head;
            conn.expects = head.expect_continue && !conn.invited && conn.buffer.len() == request.head_length;
            if head.chunked {
                chunked_body(conn, request, settings)
            } else {
                counted_body(conn, request, settings)
            }
        }
    };
    if matches!(step, Need::More) {
        conn.keep_head(request);
    }
    step
}

/// Take in what came of a body that is on its way to memory or disk. None: there is none, or it has come as far as it
/// goes here.
fn go_on(conn: &mut Conn) -> Option<Need> {
    if conn.spool.is_some() {
        return spool::go_on(conn);
    }
    let head = conn.chunks.as_ref()?.head;
    if let Err(step) = take_chunks(conn, head) {
        return Some(step);
    }
    conn.chunks.as_ref().filter(|c| !c.decoder.done() && !c.is_full()).map(|_| Need::More)
}

/// Parse the head of an HTTP request, from where it stopped.
fn http_head(conn: &mut Conn, request: &mut Request, settings: &WorkerSettings) -> Result<(), Need> {
    let limits = Limits {
        max_head: settings.limits.buffer_size as usize,
        max_headers: settings.limits.max_vars as usize,
        max_line: settings.limits.buffer_size as usize,
        path_as_host: conn.peer.ip().is_none(),
    };
    match http::parse(&conn.buffer, &limits, &mut request.head) {
        Ok(Progress::Partial) => {
            request.head_length = 0;
            conn.keep_head(request);
            return Err(Need::More);
        }
        Ok(Progress::Complete) => {}
        Err(e) if packet::looks_like_uwsgi(&conn.buffer) => {
            return Err(refuse(
                e.status(),
                "this is a uwsgi request on an HTTP socket; use uwsgi_pass with `socket = `, proxy_pass with `http-socket = `",
            ));
        }
        Err(e) => return Err(refuse(e.status(), e.to_string())),
    }
    let Request { head, path, known, .. } = request;
    if let Err(e) = http::decode_path(head.path.of(&conn.buffer), path) {
        return Err(refuse(e.status(), e.to_string()));
    }
    *known = Known { method: head.method, uri: head.target, query: head.query, ..Known::default() };
    for &(name, value) in &head.headers {
        let slot = match name.len() {
            4 => (&mut known.host, "host"),
            7 if name.of(&conn.buffer)[0] | 0x20 == b'u' => (&mut known.upgrade, "upgrade"),
            7 => (&mut known.referer, "referer"),
            10 => (&mut known.agent, "user-agent"),
            15 if name.of(&conn.buffer)[12] | 0x20 == b's' => (&mut known.forwarded_ssl, "x-forwarded-ssl"),
            15 => (&mut known.forwarded, "x-forwarded-for"),
            17 => (&mut known.forwarded_proto, "x-forwarded-proto"),
            _ => continue,
        };
        // Of two schemes the nearest server's counts: it comes behind what a client may have sent.
        let says_scheme = matches!(name.len(), 15 | 17) && slot.1 != "x-forwarded-for";
        if (slot.0.is_empty() || says_scheme) && name.of(&conn.buffer).eq_ignore_ascii_case(slot.1.as_bytes())
        {
            *slot.0 = value;
        }
    }
    request.modifier1 = 0;
    request.modifier2 = 0;
    request.head_length = request.head.length;
    request.keep_alive = request.head.keep_alive;
    request.content_length = request.head.content_length.unwrap_or(0);
    Ok(())
}

/// Refuse a block of variables that is larger than `buffer-size` allows.
fn allowed(size: usize, settings: &WorkerSettings) -> Result<(), Need> {
    match settings.limits.buffer_size {
        most if size > most as usize => {
            Err(refuse(431, format!("the request head has {size} bytes, buffer-size allows {most}")))
        }
        _ => Ok(()),
    }
}

/// Read the variables of a uwsgi packet, once they are all there.
fn packet_head(conn: &mut Conn, request: &mut Request, settings: &WorkerSettings) -> Result<(), Need> {
    let Some(header) = packet::header(&conn.buffer) else { return Err(Need::More) };
    if packet::looks_like_http(&conn.buffer) {
        return Err(refuse(
            400,
            "this is an HTTP request on a uwsgi socket; use `http-socket = ` for HTTP, or uwsgi_pass instead of proxy_pass",
        ));
    }
    match header.modifier1 {
        0 | 30 => {}
        100 => return Err(Need::Ping),
        app_signals::MODIFIER1 => return Err(Need::Signal(header.modifier2)),
        rpc::MODIFIER1 if settings.lanes.kind != LaneKind::Tasks => {}
        TASK if !settings.background.folders.is_empty() => {}
        other => return Err(refuse(501, not_served(other, settings.lanes.kind))),
    }
    let size = usize::from(header.size);
    allowed(size, settings)?;
    let end = packet::HEADER_LEN + size;
    if conn.buffer.len() < end {
        conn.needed = end;
        return Err(Need::More);
    }
    if header.modifier1 == TASK {
        return Err(Need::Spool);
    }
    if header.modifier1 == rpc::MODIFIER1 {
        request.vars.clear();
        request.known = Known::default();
        (request.modifier1, request.modifier2, request.head_length) = (rpc::MODIFIER1, header.modifier2, end);
        (request.keep_alive, request.content_length, request.loading_vars) = (false, 0, 0);
        return Ok(());
    }
    let block = &conn.buffer[packet::HEADER_LEN..end];
    if size == 0 {
        return Err(refuse(400, "the uwsgi packet is empty"));
    }
    let max_vars = settings.limits.max_vars as usize;
    if let Err(e) = packet::vars(block, packet::HEADER_LEN as u32, max_vars, &mut request.vars) {
        return Err(refuse(e.status(), e.to_string()));
    }
    request.modifier1 = header.modifier1;
    request.modifier2 = header.modifier2;
    request.head_length = end;
    request.keep_alive = false;
    let content_length = know(&conn.buffer, request);
    request.content_length = leading_digits(content_length.of(&conn.buffer));
    Ok(())
}

/// uwsgi variables with a meaning for the server; gives the one of CONTENT_LENGTH. The last wins.
fn know(buffer: &[u8], request: &mut Request) -> Span {
    let (mut content_length, mut hosts) = (Span::default(), 0);
    let mut known = Known::default();
    request.loading_vars = 0;
    for &(key, value) in &request.vars {
        let name = key.of(buffer);
        match name.len() {
            5 if name == b"HTTPS" => known.https = value,
            9 if name == b"PATH_INFO" => known.path = value,
            9 if name == b"HTTP_HOST" => (hosts, known.host) = (hosts + 1, value),
            11 if name == b"SCRIPT_NAME" => known.script = value,
            11 if name == b"REQUEST_URI" => known.uri = value,
            11 if name == b"REMOTE_ADDR" => known.remote = value,
            11 if name == b"REMOTE_USER" => known.user = value,
            12 if name == b"QUERY_STRING" => known.query = value,
            12 if name == b"HTTP_REFERER" => known.referer = value,
            12 if name == b"HTTP_UPGRADE" => known.upgrade = value,
            12 if name == b"UWSGI_SCHEME" => known.scheme = value,
            14 if name == b"CONTENT_LENGTH" => content_length = value,
            14 if name == b"REQUEST_METHOD" => known.method = value,
            15 if name == b"SERVER_PROTOCOL" => known.protocol = value,
            15 if name == b"HTTP_USER_AGENT" => known.agent = value,
            20 if name == b"HTTP_X_FORWARDED_FOR" => known.forwarded = value,
            20 if name == b"HTTP_X_FORWARDED_SSL" => known.forwarded_ssl = value,
            22 if name == b"HTTP_X_FORWARDED_PROTO" => known.forwarded_proto = value,
            _ if loads_code(name) => request.loading_vars += 1,
            _ => {}
        }
    }
    host::keep_last(&mut request.vars, buffer, hosts);
    request.known = known;
    content_length
}

fn counted_body(conn: &mut Conn, request: &mut Request, settings: &WorkerSettings) -> Need {
    let length = request.content_length;
    if length > http::MAX_BODY {
        return refuse(413, http::HttpError::BodyTooLong.to_string());
    }
    if settings.limits.limit_post > 0 && length > settings.limits.limit_post {
        return refuse(
            413,
            format!("the body has {length} bytes, limit-post allows {}", settings.limits.limit_post),
        );
    }
    request.body = Some(if length == 0 {
        Body::None
    } else if settings.limits.post_buffering > 0 && length > settings.limits.post_buffering.max(BODY_BUFFER) {
        return spool::counted(conn, request, length);
    } else if length > BODY_BUFFER {
        Body::Stream(length)
    } else {
        let end = request.head_length + length as usize;
        if conn.buffer.len() < end {
            conn.needed = end;
            return Need::More;
        }
        Body::Buffered(length as usize)
    });
    Need::Run
}

/// There is no memory for the request (`limit-as`).
pub fn no_memory() -> Need {
    refuse(503, "there is no memory for the request (limit-as)")
}

/// Decode what is in the buffer behind the head, as long as it fits.
fn take_chunks(conn: &mut Conn, head: usize) -> Result<(), Need> {
    let Connection { chunks, buffer, .. } = &mut **conn;
    let Some(chunks) = chunks else { return Ok(()) };
    let room = (BODY_BUFFER as usize).saturating_sub(chunks.decoded.len());
    let raw = &buffer[head..];
    if chunks.decoded.try_reserve(raw.len().min(room)).is_err() {
        return Err(no_memory());
    }
    let used =
        chunks.decoder.feed(raw, &mut chunks.decoded, room).map_err(|e| refuse(e.status(), e.to_string()))?;
    buffer.drain(head..head + used);
    Ok(())
}

fn chunked_body(conn: &mut Conn, request: &mut Request, settings: &WorkerSettings) -> Need {
    if conn.spool.is_some() {
        return spool::chunked(conn, request);
    }
    let head = request.head_length;
    conn.chunks.get_or_insert_with(|| {
        Box::new(Chunks { head, decoder: Decoder::new(settings.limits.limit_post), decoded: Vec::new() })
    });
    if let Err(step) = take_chunks(conn, head) {
        return step;
    }
    let Some(chunks) = &conn.chunks else { return Need::More };
    if chunks.decoder.done() {
        request.content_length = chunks.decoded.len() as u64;
        request.body = Some(Body::Decoded);
        Need::Run
    } else if !chunks.is_full() {
        Need::More
    } else if settings.limits.post_buffering > 0 {
        spool::chunked(conn, request)
    } else {
        request.body = Some(Body::StreamChunks);
        Need::Run
    }
}

mod body;
mod host;
mod scgi;
mod texts;

pub use body::Body;
pub use texts::loads_code;
use texts::{leading_digits, not_served};

#[cfg(test)]
mod tests;
