//! A uwsgi client: request packets as nginx makes them, or as nobody should.

use crate::http::parse_head;
use crate::request::{Address, Reply, Request};
use std::io::{self, Read, Write};

/// A packet of these variables.
pub fn packet(vars: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (key, value) in vars {
        block.extend((key.len() as u16).to_le_bytes());
        block.extend(key);
        block.extend((value.len() as u16).to_le_bytes());
        block.extend(value);
    }
    with_header(0, &block)
}

/// The four bytes of a header and a block.
pub fn with_header(modifier1: u8, block: &[u8]) -> Vec<u8> {
    let mut packet = vec![modifier1];
    packet.extend((block.len() as u16).to_le_bytes());
    packet.push(0);
    packet.extend(block);
    packet
}

/// What nginx with Debian's uwsgi_params sends for a request.
pub fn vars(request: &Request) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let length = request.body.as_ref().map(|b| b.len().to_string()).unwrap_or_default();
    let kind = request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("Content-Type"));
    let mut vars: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut add = |key: &str, value: Vec<u8>| vars.push((key.as_bytes().to_vec(), value));
    add("QUERY_STRING", query.into());
    add("REQUEST_METHOD", request.method.clone().into());
    add("CONTENT_TYPE", kind.map(|(_, v)| v.clone()).unwrap_or_default().into());
    add("CONTENT_LENGTH", length.into());
    add("REQUEST_URI", request.target.clone().into());
    add("PATH_INFO", unquote(path));
    add("DOCUMENT_ROOT", "/usr/share/nginx/html".into());
    add("SERVER_PROTOCOL", "HTTP/1.1".into());
    add("REQUEST_SCHEME", "http".into());
    add("REMOTE_ADDR", "127.0.0.1".into());
    add("REMOTE_PORT", "40000".into());
    add("SERVER_PORT", "80".into());
    add("SERVER_NAME", "test.example".into());
    if !request.has("Host") {
        add("HTTP_HOST", "test.example".into());
    }
    for (name, value) in &request.headers {
        let name = name.to_ascii_uppercase().replace('-', "_");
        if name != "CONTENT_TYPE" && name != "CONTENT_LENGTH" {
            add(&format!("HTTP_{name}"), value.chars().map(|c| c as u32 as u8).collect());
        }
    }
    vars
}

fn unquote(path: &str) -> Vec<u8> {
    let bytes = path.as_bytes();
    let mut out = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| path.get(i + 1..i + 3)).flatten();
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    out
}

/// Send raw bytes on a new connection, read up to its end. A reset counts as an end.
pub fn raw(address: &Address, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = address.connect()?;
    let sent = stream.write_all(bytes);
    let _ = stream.finish_sending();
    let mut reply = Vec::new();
    match stream.read_to_end(&mut reply) {
        Err(e) if e.kind() != io::ErrorKind::ConnectionReset => Err(e),
        _ if reply.is_empty() => sent.map(|()| reply),
        _ => Ok(reply),
    }
}

/// Send a request, read the reply up to the end of the connection.
pub fn ask(address: &Address, request: &Request) -> io::Result<Reply> {
    let mut stream = address.connect()?;
    send(&mut *stream, request)?;
    read_reply(&mut *stream)
}

/// Send a request on an open connection.
pub fn send(stream: &mut dyn crate::request::Stream, request: &Request) -> io::Result<()> {
    stream.write_all(&packet(&vars(request)))?;
    if let Some(body) = &request.body {
        // A server that answers early closes early: the reply counts.
        let _ = body.pieces(|piece| stream.write_all(piece));
    }
    Ok(())
}

/// Read a reply up to the end of the connection.
pub fn read_reply(stream: &mut dyn Read) -> io::Result<Reply> {
    let mut bytes = Vec::new();
    if let Err(e) = stream.read_to_end(&mut bytes)
        && bytes.is_empty()
    {
        return Err(e);
    }
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
        let what = format!("closed after {:?}", String::from_utf8_lossy(&bytes));
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
    };
    let mut reply = parse_head(&bytes[..end + 4])?;
    reply.body = bytes.split_off(end + 4);
    Ok(reply)
}
