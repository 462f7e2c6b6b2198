//! Rules of internal routing (`route` and its kin). Each is compiled here once, so that a bad one stops the start and not a
//! request.

use super::draft::Draft;
use super::value::written;
use crate::diag::Diagnostic;
use crate::expand::{Applied, Expansion};
use uswgi_proto::routing::{RouteError, RouteLine, RouteTable, is_route};
use uswgi_proto::settings::LaneKind;

/// Give a rule to the draft. False: it is none.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    if !is_route(a.fact.name) {
        return false;
    }
    if let Some(text) = d.said.text(a) {
        let line = RouteLine { option: a.fact.name.into(), text };
        match RouteTable::compile(std::slice::from_ref(&line)) {
            Ok(_) => d.instance.routes.push(line),
            Err((_, why)) => refuse(d, a, &why),
        }
    }
    true
}

fn refuse(d: &mut Draft, a: &Applied, why: &RouteError) {
    let (code, help) = match why {
        RouteError::NotHere(..) | RouteError::Function(..) => {
            ("unsupported", "take the rule out; docs/MIGRATING.md names the actions that are done here")
        }
        RouteError::Pattern(..) => {
            ("bad-pattern", "write a regular expression, that calls no part of itself")
        }
        _ => ("bad-value", "write OPTION = PATTERN ACTION:ARGUMENT, e.g. route = ^/old redirect:/new"),
    };
    let message = format!("{}: {why}", written(a));
    d.said.error(a, code, message).help = Some(help.into());
}

/// What does not go together with the kind of the lanes.
pub(super) fn finish(d: &mut Draft, expansion: &Expansion) {
    let kind = d.instance.lanes.kind;
    if kind == LaneKind::Threads || d.instance.routes.is_empty() {
        return;
    }
    for a in expansion.applied.iter().filter(|a| is_route(a.fact.name)) {
        let text = String::from_utf8_lossy(a.value.as_deref().unwrap_or_default()).into_owned();
        let line = RouteLine { option: a.fact.name.into(), text };
        if RouteTable::compile(&[line]).is_ok_and(|table| table.calls_functions()) {
            let message = format!(
                "{}: a rule calls no function where requests run in {}",
                written(a),
                if kind == LaneKind::Tasks { "tasks" } else { "greenlets" }
            );
            let help = "call it in the app, or run requests in threads: the loop would wait for it";
            d.said.0.push(Diagnostic::error("unsupported", message).at(&a.place.value()).help(help));
        }
    }
}
