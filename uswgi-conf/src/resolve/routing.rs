//! Rules of internal routing (`route` and its kin). Each is compiled here once, so that a bad one stops the start and not a
//! request.

use super::draft::Draft;
use super::value::written;
use crate::expand::Applied;
use uswgi_proto::routing::{RouteError, RouteLine, RouteTable, is_route};

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
