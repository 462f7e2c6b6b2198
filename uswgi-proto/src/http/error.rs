//! Why a request head is refused, and with which status. No other place may map one to the other.

/// A request that is answered with an error, after which the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Not `METHOD SP target SP HTTP/x.y`.
    #[error("the request line is not 'METHOD target HTTP/1.1'")]
    RequestLine,
    /// The method is no token.
    #[error("the method holds a character that is not allowed")]
    Method,
    /// The target holds a character that is not allowed, or has a form that the method does not.
    #[error("the request target is malformed")]
    Target,
    /// Another major version.
    #[error("this HTTP version is not supported; HTTP/1.1 is")]
    Version,
    /// CONNECT is for proxies.
    #[error("CONNECT is not supported")]
    Connect,
    /// A line that ends with LF alone, or a CR without LF after it.
    #[error("a line of the head does not end with CR LF")]
    LineEnd,
    /// A header line that starts with white space.
    #[error("a folded header line (RFC 9112 section 5.2)")]
    Folded,
    /// The name is empty, is no token, or has white space before its colon.
    #[error("a header name is malformed")]
    HeaderName,
    /// A control character, NUL included.
    #[error("a header value holds a control character")]
    HeaderValue,
    /// HTTP/1.1 without Host, or more than one.
    #[error("the request needs exactly one Host header")]
    HostCount,
    /// It is no host and port.
    #[error("the Host header is malformed")]
    Host,
    /// Not one decimal number.
    #[error("Content-Length is not one decimal number")]
    ContentLength,
    /// The way of request smuggling.
    #[error("both Content-Length and Transfer-Encoding, or the latter twice or on HTTP/1.0")]
    Framing,
    /// Only `chunked` is there.
    #[error("only 'Transfer-Encoding: chunked' is supported")]
    TransferEncoding,
    /// Only `100-continue` is there.
    #[error("only 'Expect: 100-continue' is supported")]
    Expectation,
    /// The request line is longer than the limit.
    #[error("the request line is longer than the limit")]
    TargetTooLong,
    /// The head is longer than the limit.
    #[error("the request head is longer than the limit (buffer-size raises it)")]
    HeadTooLong,
    /// More header lines than the limit.
    #[error("more request headers than the limit (max-vars raises it)")]
    TooManyHeaders,
    /// A `%` without two hexadecimal digits, or `%00`.
    #[error("the path has a bad percent escape")]
    Escape,
    /// Servers in front resolve it to other paths.
    #[error("the path has a dot segment at an encoded or a doubled slash, which servers read differently")]
    Dots,
    /// A Content-Length of 2^63 or more.
    #[error("Content-Length is larger than any body can be")]
    BodyTooLong,
}

impl HttpError {
    /// Status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            HttpError::BodyTooLong => 413,
            HttpError::TargetTooLong => 414,
            HttpError::Expectation => 417,
            HttpError::HeadTooLong | HttpError::TooManyHeaders => 431,
            HttpError::Connect | HttpError::TransferEncoding => 501,
            HttpError::Version => 505,
            _ => 400,
        }
    }
}
