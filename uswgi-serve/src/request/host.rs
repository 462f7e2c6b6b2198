//! The one Host of a request by the uwsgi protocol. It decides nothing about a request over HTTP: two of them are refused there.

use uswgi_proto::span::Span;

/// Drop all but the last `HTTP_HOST` of the `hosts` that came. Two are no list (RFC 9110 section 7.2): web servers send
/// them where a line of a site's own stands below `include uwsgi_params`, as Debian's file has one too. The last counts,
/// observed on uWSGI 2.0.31.
pub(super) fn keep_last(vars: &mut Vec<(Span, Span)>, buffer: &[u8], mut hosts: usize) {
    if hosts > 1 {
        vars.retain(|(name, _)| {
            let earlier = hosts > 1 && name.of(buffer) == b"HTTP_HOST";
            hosts -= usize::from(earlier);
            !earlier
        });
    }
}
