//! The few words of HTTP that the stats server speaks: one request, one answer, closed. Pure.
#![forbid(unsafe_code)]

/// Largest head of a request.
const LARGEST: usize = 8 * 1024;

pub(crate) const JSON: &str = "application/json";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// The JSON text: every path that is none of the others, as uWSGI looks at none.
    Stats,
    Metrics,
    Health,
    Ready,
}

/// What the bytes of a client say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageRequest {
    /// The head is not whole.
    More,
    Page {
        page: Page,
        /// HEAD.
        head_only: bool,
    },
    /// Refused with this status.
    Bad(u16),
}

pub(crate) fn asked(bytes: &[u8]) -> PageRequest {
    let whole = bytes.windows(4).any(|w| w == b"\r\n\r\n") || bytes.windows(2).any(|w| w == b"\n\n");
    if !whole {
        return if bytes.len() > LARGEST { PageRequest::Bad(431) } else { PageRequest::More };
    }
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|&b| b == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return PageRequest::Bad(400);
    };
    if !version.starts_with(b"HTTP/1.") {
        return PageRequest::Bad(400);
    }
    let head_only = match method {
        b"GET" => false,
        b"HEAD" => true,
        _ => return PageRequest::Bad(405),
    };
    let path = target.split(|&b| b == b'?').next().unwrap_or_default();
    let page = match path {
        b"/metrics" => Page::Metrics,
        b"/healthz" => Page::Health,
        b"/readyz" => Page::Ready,
        _ => Page::Stats,
    };
    PageRequest::Page { page, head_only }
}

/// Head and body of an answer.
pub(crate) fn answer(status: u16, kind: &str, body: &str, head_only: bool) -> Vec<u8> {
    let (reason, length) = (uswgi_proto::reason::reason(status), body.len());
    let mut text = format!(
        "HTTP/1.0 {status} {reason}\r\nConnection: close\r\nAccess-Control-Allow-Origin: *\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    if !head_only {
        text.push_str(body);
    }
    text.into_bytes()
}

/// The answer to a request that is none.
pub(crate) fn refusal(status: u16) -> Vec<u8> {
    answer(status, TEXT, &format!("{}\n", uswgi_proto::reason::reason(status)), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> PageRequest {
        asked(text.as_bytes())
    }

    #[test]
    fn paths_choose_the_page() {
        for (path, want) in [
            ("/", Page::Stats),
            ("/stats.json", Page::Stats),
            ("/metrics", Page::Metrics),
            ("/metrics?a=1", Page::Metrics),
            ("/metricsx", Page::Stats),
            ("/healthz", Page::Health),
            ("/readyz", Page::Ready),
        ] {
            let found = page(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
            assert_eq!(found, PageRequest::Page { page: want, head_only: false }, "{path}");
        }
        let head = PageRequest::Page { page: Page::Ready, head_only: true };
        assert_eq!(page("HEAD /readyz HTTP/1.0\n\n"), head);
    }

    #[test]
    fn what_is_no_request_is_refused_and_half_of_one_waited_for() {
        assert_eq!(page("GET / HTTP/1.1\r\nHost"), PageRequest::More);
        assert_eq!(page(&"x".repeat(LARGEST + 1)), PageRequest::Bad(431));
        for (text, status) in [
            ("POST / HTTP/1.1\r\n\r\n", 405),
            ("GET /\r\n\r\n", 400),
            ("GET / HTTP/2\r\n\r\n", 400),
            ("\n\n", 400),
            ("\u{0}\u{1} \n\n", 400),
        ] {
            assert_eq!(page(text), PageRequest::Bad(status), "{text:?}");
        }
    }

    #[test]
    fn an_answer_has_its_length() {
        let text = String::from_utf8(answer(503, TEXT, "no\n", false)).unwrap();
        assert!(
            text.starts_with("HTTP/1.0 503 Service Unavailable\r\n")
                && text.ends_with("Content-Length: 3\r\n\r\nno\n")
        );
        assert!(answer(200, JSON, "{}", true).ends_with(b"\r\n\r\n"));
    }
}
