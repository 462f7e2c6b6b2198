//! The `static-*` options: what is served without Python, and how. Patterns are compiled here once, so that a bad one
//! stops the start and not a request.

use super::draft::Draft;
use super::value::written;
use crate::expand::{Applied, truth};
use uswgi_proto::files::{Expires, ExpiresOn, rules};
use uswgi_proto::settings::StaticMap;

/// Give an option's value to the draft. False: it is none of these.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    match a.fact.name {
        "static-map" => static_map(d, a, false),
        "static-map2" => static_map(d, a, true),
        "check-static" | "static-check" => check_static(d, a),
        "static-index" => d.instance.static_files.rules.index.extend(d.said.filled(a)),
        "static-skip-ext" => d.instance.static_files.rules.skip_suffixes.extend(d.said.filled(a)),
        "static-safe" => d.instance.static_files.rules.safe.extend(d.said.filled(a)),
        "static-expires" => expires(d, a, ExpiresOn::File, false),
        "static-expires-mtime" => expires(d, a, ExpiresOn::File, true),
        "static-expires-path-info" => expires(d, a, ExpiresOn::PathInfo, false),
        "static-expires-path-info-mtime" => expires(d, a, ExpiresOn::PathInfo, true),
        "static-expires-uri" => expires(d, a, ExpiresOn::Uri, false),
        "static-expires-uri-mtime" => expires(d, a, ExpiresOn::Uri, true),
        "static-expires-type" => expires(d, a, ExpiresOn::Type, false),
        "static-expires-type-mtime" => expires(d, a, ExpiresOn::Type, true),
        "static-gzip-all" => d.instance.static_files.rules.gzip_all = truth(a.value.as_deref()),
        "static-gzip-dir" | "static-gzip-prefix" => {
            d.instance.static_files.rules.gzip_dirs.extend(d.said.filled(a))
        }
        "static-gzip-ext" | "static-gzip-suffix" => {
            d.instance.static_files.rules.gzip_suffixes.extend(d.said.filled(a))
        }
        "static-gzip" => {
            let text = d.said.filled(a).filter(|t| is_pattern(d, a, t));
            d.instance.static_files.rules.gzip_patterns.extend(text);
        }
        "mime-file" | "mimefile" => d.instance.static_files.rules.mime_files.extend(d.said.filled(a)),
        "honour-range" => d.instance.static_files.rules.ranges = truth(a.value.as_deref()),
        _ => return false,
    }
    true
}

fn static_map(d: &mut Draft, a: &Applied, keep_prefix: bool) {
    let Some(text) = d.said.filled(a) else { return };
    let Some((prefix, target)) = text.split_once('=') else {
        let message = format!("{} has no =", written(a));
        d.said.error(a, "bad-value", message).help = Some("write /path=directory".into());
        return;
    };
    if prefix.ends_with(' ') || target.starts_with(' ') {
        let message = format!("{}: uWSGI takes the spaces around = for part of the names", written(a));
        d.said.warning(a, "map-spaces", message).help =
            Some(format!("write {}={}", prefix.trim(), target.trim()));
    }
    let (prefix, target) = (prefix.trim().to_string(), target.trim().to_string());
    d.instance.static_files.maps.push(StaticMap { prefix, target, keep_prefix });
}

fn check_static(d: &mut Draft, a: &Applied) {
    let Some(target) = d.said.filled(a) else { return };
    d.check_static.push(StaticMap { prefix: "/".into(), target, keep_prefix: false });
}

fn is_pattern(d: &mut Draft, a: &Applied, text: &str) -> bool {
    let Err(why) = rules::pattern(text) else { return true };
    let message = format!("{}: {text:?} is no pattern: {why}", written(a));
    d.said.error(a, "bad-pattern", message).help =
        Some("write a regular expression without look-around and back-references".into());
    false
}

fn expires(d: &mut Draft, a: &Applied, on: ExpiresOn, from_mtime: bool) {
    let Some(text) = d.said.filled(a) else { return };
    let (mark, example) = match on {
        ExpiresOn::Type => ('=', "text/css=3600"),
        _ => (' ', r"\.css$ 3600"),
    };
    let parts = text.split_once(mark).map(|(pattern, n)| (pattern.to_string(), n.trim().parse().ok()));
    let Some((pattern, Some(seconds))) = parts else {
        let message = format!("{} does not end in a number of seconds", written(a));
        d.said.error(a, "bad-value", message).help = Some(format!("write {} = {example}", a.fact.name));
        return;
    };
    if on == ExpiresOn::Type || is_pattern(d, a, &pattern) {
        d.instance.static_files.rules.expires.push(Expires { on, pattern, seconds, from_mtime });
    }
}
