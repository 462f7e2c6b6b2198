//! `http-to-https`: whatever is asked for, the answer is its address with HTTPS, as uWSGI 2.0.31 gives it (301, the host
//! without a port).

use uswgi_proto::http::{self, Head, Limits, Progress};

/// Bytes of a head.
const MOST: usize = 16 * 1024;

/// Write the answer to a request that is whole.
pub(super) fn answer(request: &[u8], out: &mut Vec<u8>) {
    let limits = Limits { max_head: MOST, max_headers: 128, max_line: MOST, path_as_host: false };
    let mut head = Head::default();
    let to = match http::parse(request, &limits, &mut head) {
        Ok(Progress::Partial) => return,
        Ok(Progress::Complete) => address(request, &head),
        Err(_) => None,
    };
    let (status, field) = match to {
        Some(to) => ("301 Moved Permanently", format!("Location: {to}\r\n")),
        None => ("400 Bad Request", String::new()),
    };
    let text = format!("HTTP/1.1 {status}\r\n{field}Content-Length: 0\r\nConnection: close\r\n\r\n");
    out.extend_from_slice(text.as_bytes());
}

/// Where to go.
fn address(request: &[u8], head: &Head) -> Option<String> {
    let text = |span: uswgi_proto::span::Span| std::str::from_utf8(span.of(request)).ok();
    let host = text(head.authority.or(head.host)?)?;
    // The colons of an IPv6 address stand in brackets.
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let (path, query) = (text(head.path)?, text(head.query)?);
    let path = if path.is_empty() { "/" } else { path };
    let mark = if query.is_empty() { "" } else { "?" };
    (!host.is_empty() && path.starts_with('/')).then(|| format!("https://{host}{path}{mark}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(request: &str) -> String {
        let mut out = Vec::new();
        answer(request.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_request_is_sent_elsewhere_once_it_is_whole() {
        let to = |request: &str| {
            let text = said(request);
            let line = text.lines().find_map(|line| line.strip_prefix("Location: "));
            line.map_or(text.clone(), str::to_string)
        };
        assert_eq!(said("GET /x HTTP/1.1\r\nHost: a\r\n"), "");
        assert_eq!(to("GET /x/y?z=1 HTTP/1.1\r\nHost: a.example:8080\r\n\r\n"), "https://a.example/x/y?z=1");
        assert_eq!(
            to("POST /p HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 3\r\n\r\nabc"),
            "https://[::1]/p"
        );
        assert_eq!(to("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), "https://b/");
        for bad in ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: \r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n"]
        {
            assert!(said(bad).starts_with("HTTP/1.1 400 "), "{bad:?}: {}", said(bad));
        }
    }
}
