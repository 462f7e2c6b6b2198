//! Routes: what requests to one handler have in common. A method, and a path in which what looks like an identifier is
//! folded into `*`, so that ten thousand orders are one line of a profile.
//!
//! URIs come from strangers: a route is printable ASCII without blanks and semicolons, and never longer than [`LONGEST`].
#![forbid(unsafe_code)]

/// Bytes of a route that are kept.
pub const LONGEST: usize = 160;

/// Segments of a path that are kept.
const SEGMENTS: usize = 12;

/// The route of a request: its method, and its URI without query, identifiers folded.
pub fn fold(method: &str, uri: &str) -> String {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    // The absolute form of a request to a proxy.
    let path = match path.split_once("://") {
        Some((_, rest)) if !path.starts_with('/') => rest.find('/').map_or("/", |i| &rest[i..]),
        _ => path,
    };
    let mut route = String::with_capacity(path.len() + 8);
    push(&mut route, method);
    route.push(' ');
    for (i, segment) in path.split('/').enumerate() {
        if i > 0 {
            route.push('/');
        }
        if i > SEGMENTS {
            route.push_str("...");
            break;
        }
        match is_identifier(segment) {
            true => route.push('*'),
            false => push(&mut route, segment),
        }
    }
    if route.ends_with(' ') {
        route.push('/');
    }
    if route.len() > LONGEST {
        route.truncate(LONGEST - 3);
        route.push_str("...");
    }
    route
}

fn push(route: &mut String, text: &str) {
    route.extend(text.chars().map(|c| if c.is_ascii_graphic() && c != ';' { c } else { '?' }));
}

/// Whether a segment names a thing and not a kind of things: a number, a UUID, a hash, a token, an address, a date.
fn is_identifier(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        // A slug of words stays; what is escaped is somebody's text.
        return segment.contains('@') || segment.matches('%').count() >= 3;
    }
    let only = |f: fn(&u8) -> bool| bytes.iter().all(f);
    // 17, 2026-11-29, 1.5, -3
    if only(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.' | b',' | b':' | b'_')) {
        return true;
    }
    // a UUID, a commit, a hash
    if bytes.len() >= 8 && only(|b| b.is_ascii_hexdigit() || *b == b'-') {
        return true;
    }
    // a token: long, and digits all over it
    bytes.len() >= 16 && digits >= 3 || segment.contains('@') || digits * 2 > bytes.len() && bytes.len() > 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_names_one_thing_is_folded_and_what_names_a_kind_is_not() {
        for (uri, route) in [
            ("/", "GET /"),
            ("", "GET /"),
            ("/orders/17/lines?page=2", "GET /orders/*/lines"),
            ("/api/v2/users/", "GET /api/v2/users/"),
            ("/u/6f1f1d52-8a3e-4c1b-9d1e-0123456789ab", "GET /u/*"),
            ("/commit/9fceb02d0ae598e95dc970b74767f19372d61af8", "GET /commit/*"),
            ("/blog/2026/11/29/why-we-left", "GET /blog/*/*/*/why-we-left"),
            ("/static/app.css", "GET /static/app.css"),
            ("/s/dBjftJeZ4CVP-mB92K27uhbUJU1p1r_w", "GET /s/*"),
            ("/who/ada@example.org", "GET /who/*"),
            ("/python3/html5", "GET /python3/html5"),
            ("/facade/deadbeef", "GET /facade/deadbeef"),
            ("http://example.org/a/1", "GET /a/*"),
            ("/a;b c\u{e9}/x", "GET /a?b?c?/x"),
            ("/q/%D0%BF%D1%80%D0%B8", "GET /q/*"),
        ] {
            assert_eq!(fold("GET", uri), route, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn a_route_is_one_short_word_behind_its_method(uri in "\\PC{0,400}") {
            let route = fold("GET", &uri);
            prop_assert!(route.len() <= LONGEST, "{route}");
            prop_assert!(route.starts_with("GET "));
            prop_assert!(route[4..].bytes().all(|b| b.is_ascii_graphic() && b != b';'), "{route}");
        }
    }
}
