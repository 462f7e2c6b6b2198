//! `warmup` and its kin: what a worker asks itself before it accepts.

use super::draft::Draft;
use super::value::{Said, written};
use crate::expand::{Applied, Expansion};
use uswgi_proto::settings::Warmup;

/// Give an option's value to the draft. False: it is none of these.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let (said, warmup) = (&mut d.said, &mut d.instance.warmup);
    match a.fact.name {
        "warmup" => warmup.paths.extend(path(said, a)),
        "warmup-header" => warmup.headers.extend(header(said, a)),
        "warmup-expect" => warmup.expect = expect(said, a).unwrap_or(Warmup::default().expect),
        "warmup-timeout" => {
            let n = said.number32(a).unwrap_or(Warmup::default().timeout);
            if n == 0 {
                let message = format!("{}: a request of the warm-up needs some time", written(a));
                said.error(a, "bad-number", message).help = Some("write seconds, from 1 on".into());
            }
            warmup.timeout = n.max(1);
        }
        "reload-watch" => d.instance.reload_watch = said.number32(a),
        "keep-previous" => d.instance.keep_previous = said.number32(a).unwrap_or(d.instance.keep_previous),
        _ => return false,
    }
    true
}

fn path(said: &mut Said, a: &Applied) -> Option<String> {
    let text = said.filled(a)?;
    if !text.starts_with('/') {
        said.bad(a, "a path is needed", "begin it with a slash, as /healthz");
        return None;
    }
    if text.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'#' || !b.is_ascii()) {
        said.bad(a, "no client would send that path", "write other characters as %20 (in a file %%20)");
        return None;
    }
    Some(text)
}

fn header(said: &mut Said, a: &Applied) -> Option<String> {
    let text = said.filled(a)?;
    let good = text.split_once(':').is_some_and(|(name, value)| {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^`|~".contains(&b);
        !name.is_empty() && name.bytes().all(token) && !value.bytes().any(|b| b < b' ' && b != b'\t')
    });
    if !good {
        said.bad(a, "it is no header of a request", "write Name: value, as Host: example.org");
    }
    good.then_some(text)
}

/// `200-399`, `204`, or several with commas.
fn expect(said: &mut Said, a: &Applied) -> Option<Vec<(u16, u16)>> {
    let text = said.filled(a)?;
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (u16, u16) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        (100 <= from && from <= to && to <= 599).then_some((from, to))
    };
    let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
    if ranges.is_none() {
        said.bad(a, "these are no status codes", "write ranges between 100 and 599, as 200-399 or 200,301");
    }
    ranges
}

/// What has no effect without another option.
pub(super) fn finish(d: &mut Draft, expansion: &Expansion) {
    let given = |name: &str| expansion.applied.iter().rfind(|a| a.fact.name == name);
    let more = ["warmup-header", "warmup-expect", "warmup-timeout"];
    if let Some(a) = more.into_iter().find_map(given).filter(|_| given("warmup").is_none()) {
        let message = format!("{} has no effect without warmup", a.fact.name);
        d.said.warning(a, "no-effect", message).help = Some("add warmup = /PATH".into());
    }
    if !d.instance.lazy_apps {
        return;
    }
    let kept = [("reload-watch", d.instance.reload_watch), ("keep-previous", Some(d.instance.keep_previous))];
    if let Some(a) =
        kept.into_iter().filter(|(_, n)| n.is_some_and(|n| n > 0)).find_map(|(name, _)| given(name))
    {
        let message =
            format!("{} has no effect with lazy-apps: no template has the code of before", a.fact.name);
        d.said.warning(a, "no-effect", message).help = Some("remove lazy-apps".into());
    }
}
