//! Options about answers: `rem-header` and its kin, `error-page-403`, `-404`, `-500`.
//!
//! Observed on uWSGI 2.0.31: names count in any case, every header of a name goes, one of `add-header` stays, and static
//! files are answers like others.

use super::draft::Draft;
use crate::expand::Applied;
use uswgi_proto::settings::RememberedHeader;

/// Headers that say where a body ends: the server's own business.
const FRAMING: [&str; 4] = ["content-length", "transfer-encoding", "connection", "keep-alive"];

/// `rem-header = NAME`; `collect-header = NAME VARIABLE`.
pub(super) fn header(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let mut words = text.split_whitespace();
    let (name, variable) = (words.next().unwrap_or_default().to_string(), words.next().map(str::to_string));
    let removes = matches!(a.fact.name, "rem-header" | "del-header");
    let pull = a.fact.name == "pull-header";
    if (removes || pull) && FRAMING.iter().any(|f| name.eq_ignore_ascii_case(f)) {
        let message =
            format!("{} = {name} has no effect: the server says itself where a body ends", a.fact.name);
        d.said.warning(a, "no-effect", message).help = Some("remove the line".into());
        return;
    }
    let answers = &mut d.instance.answers;
    match variable {
        _ if removes => answers.remove.push(name),
        Some(variable) if words.next().is_none() => {
            answers.remember.push(RememberedHeader { name, variable, pull });
        }
        _ => d.said.bad(a, "names no variable", "write a header and a variable: X-User REMEMBERED_USER"),
    }
}

/// `error-page-STATUS = FILE`.
pub(super) fn page(d: &mut Draft, a: &Applied) {
    let Some(path) = d.said.filled(a) else { return };
    if let Some(status) = a.fact.name.strip_prefix("error-page-").and_then(|s| s.parse().ok()) {
        d.instance.answers.pages.push((status, path.into()));
    }
}
