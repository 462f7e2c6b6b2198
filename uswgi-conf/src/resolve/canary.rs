//! `canary-*`: the terms on which a new generation proves itself beside the old one.

use super::draft::Draft;
use super::value::{Said, written};
use crate::expand::{Applied, Expansion};
use uswgi_proto::canary::{self, Terms};

/// Give an option's value to the draft. False: it is none of these.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let (said, terms) = (&mut d.said, &mut d.instance.canary);
    let of = Terms::default();
    match a.fact.name {
        "canary-share" => terms.share = read(said, a, canary::share).unwrap_or(of.share),
        "canary-for" => terms.seconds = read(said, a, canary::seconds).unwrap_or(of.seconds),
        "canary-max-5xx" => terms.max_5xx = read(said, a, canary::max_5xx).unwrap_or(of.max_5xx),
        "canary-max-slower" => terms.max_slower = read(said, a, canary::max_slower).unwrap_or(of.max_slower),
        "canary-min-requests" => {
            terms.min_requests = read(said, a, canary::min_requests).unwrap_or(of.min_requests);
        }
        _ => return false,
    }
    true
}

fn read(said: &mut Said, a: &Applied, read: fn(&str) -> Result<u32, String>) -> Option<u32> {
    let text = said.filled(a)?;
    match read(&text) {
        Ok(n) => Some(n),
        Err(what) => {
            said.error(a, "bad-value", format!("{}: {what}", written(a)));
            None
        }
    }
}

/// What has no effect.
pub(super) fn finish(d: &mut Draft, expansion: &Expansion) {
    let given = expansion.applied.iter().rfind(|a| a.fact.name.starts_with("canary-"));
    if let Some(a) = given.filter(|_| d.instance.lazy_apps) {
        let message = format!("{} has no effect with lazy-apps: nothing could be taken back", a.fact.name);
        d.said.warning(a, "no-effect", message).help = Some("remove lazy-apps".into());
    }
}
