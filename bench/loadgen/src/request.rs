//! The bytes of a request: a uwsgi packet with the variables that nginx sends, or an HTTP head.

use crate::args::{Args, Protocol};
use uswgi_proto::packet::{PacketHeader, push_var};

/// A whole request.
pub fn bytes(args: &Args) -> Result<Vec<u8>, String> {
    request(args, &args.path)
}

/// The same for another path.
pub fn request(args: &Args, path: &str) -> Result<Vec<u8>, String> {
    let headers: Vec<(String, String)> =
        (0..args.header_bytes / 64).map(|i| (format!("X-Bench-{i:03}"), "v".repeat(49))).collect();
    if args.protocol == Protocol::WebSocket {
        return Ok(handshake(path));
    }
    let method = if args.body > 0 { "POST" } else { "GET" };
    let mut out = match args.protocol {
        Protocol::Uwsgi => packet(method, path, args.body, &headers)?,
        Protocol::Http | Protocol::HttpClose | Protocol::WebSocket => head(method, path, args, &headers),
    };
    out.resize(out.len() + args.body, b'x');
    Ok(out)
}

/// The request for a WebSocket.
fn handshake(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: bench.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// A text of so many bytes (at most 125) as a client sends it: one masked frame. Its echo has four bytes less.
pub fn message(bytes: usize) -> Vec<u8> {
    let bytes = bytes.min(125);
    let mut frame = vec![0x81, 0x80 | bytes as u8, 1, 2, 3, 4];
    frame.extend((0..bytes).map(|i| b'x' ^ [1, 2, 3, 4][i % 4]));
    frame
}

fn head(method: &str, path: &str, args: &Args, headers: &[(String, String)]) -> Vec<u8> {
    let mut out = format!("{method} {path} HTTP/1.1\r\nHost: bench.example\r\n");
    if args.body > 0 {
        out.push_str(&format!("Content-Type: application/octet-stream\r\nContent-Length: {}\r\n", args.body));
    }
    if args.protocol == Protocol::HttpClose {
        out.push_str("Connection: close\r\n");
    }
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("\r\n");
    out.into_bytes()
}

fn packet(method: &str, path: &str, body: usize, headers: &[(String, String)]) -> Result<Vec<u8>, String> {
    let (path_info, query) = path.split_once('?').unwrap_or((path, ""));
    let (length, kind) =
        if body > 0 { (body.to_string(), "application/octet-stream") } else { (String::new(), "") };
    let mut block = Vec::new();
    let mut fits = true;
    let mut add = |name: &str, value: &str| fits &= push_var(&mut block, name.as_bytes(), value.as_bytes());
    for (name, value) in [
        ("QUERY_STRING", query),
        ("REQUEST_METHOD", method),
        ("CONTENT_TYPE", kind),
        ("CONTENT_LENGTH", &length),
        ("REQUEST_URI", path),
        ("PATH_INFO", path_info),
        ("DOCUMENT_ROOT", "/var/www/html"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_SCHEME", "http"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REMOTE_PORT", "40000"),
        ("SERVER_PORT", "80"),
        ("SERVER_NAME", "bench.example"),
        ("HTTP_HOST", "bench.example"),
        ("HTTP_USER_AGENT", "loadgen"),
        ("HTTP_ACCEPT", "*/*"),
    ] {
        add(name, value);
    }
    for (name, value) in headers {
        add(&format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_")), value);
    }
    if !fits {
        return Err("the request does not fit a uwsgi packet".into());
    }
    let size = u16::try_from(block.len()).map_err(|_| "the request does not fit a uwsgi packet")?;
    let mut out = PacketHeader { modifier1: 0, size, modifier2: 0 }.encode().to_vec();
    out.append(&mut block);
    Ok(out)
}
