//! Answers of our own: errors, pings. Bytes only; whoever owns the connection sends them.

/// Reason phrase of a status as IANA's registry has it (RFC 9110 section 15); empty, which RFC 9112 section 4 allows, for
/// one that is not in it.
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}

/// A whole answer that ends the connection; `head_only`: to a HEAD request, without its body (RFC 9110 section 9.3.2).
pub fn error(status: u16, head_only: bool) -> Vec<u8> {
    let reason = reason(status);
    let mut answer = format!("HTTP/1.1 {status} {reason}\r\nDate: ").into_bytes();
    crate::dates::http_date_now(&mut answer);
    let rest = format!(
        "\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        reason.len() + 5
    );
    answer.extend_from_slice(rest.as_bytes());
    if !head_only {
        answer.extend_from_slice(format!("{status} {reason}\n").as_bytes());
    }
    answer
}

/// The answer to a uwsgi ping (observed on uWSGI 2.0.31: modifier 100, no data, modifier2 1).
pub const PONG: [u8; 4] = [100, 0, 0, 1];

/// Before a body that the client holds back (RFC 9110 section 15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
