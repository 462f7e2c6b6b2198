//! Internal routing: the rules of a site, and what they do to requests and answers. What a rule says is decided in
//! `uswgi_proto::routing`; here are its surroundings, the exchange and the answer. No interpreter's lock is needed.

#![forbid(unsafe_code)]

mod answer;
mod htpasswd;
pub(crate) mod keep;
mod request;
pub(crate) mod ruled;
mod stored;
mod users;
mod world;

use crate::say;
pub(crate) use answer::{Ruling, rule};
pub(crate) use request::ForRequest;
use std::sync::Arc;
use uswgi_proto::routing::{RouteChain, RouteTable};
use uswgi_proto::settings::WorkerSettings;

/// The rules of a site, ready for use.
pub(crate) struct Routing {
    pub(crate) table: Arc<RouteTable>,
    /// Some look at the head of an answer.
    at_answers: bool,
    /// Some look at requests that have their answer.
    pub(crate) at_end: bool,
}

impl Routing {
    /// None: there are no rules.
    pub(crate) fn new(settings: &WorkerSettings) -> Option<Routing> {
        if settings.routes.is_empty() {
            return None;
        }
        // The configuration was checked; a rule that is left out would be worse than none.
        let table = RouteTable::compile(&settings.routes)
            .inspect_err(|(_, e)| say!("requests are refused, as a rule cannot be read: {e}"))
            .unwrap_or_else(|_| RouteTable::closed());
        if settings.worker_id <= 1 {
            users::warn(&table);
        }
        Some(Routing {
            at_answers: table.has(RouteChain::Error) || table.has(RouteChain::Response),
            at_end: table.has(RouteChain::Final),
            table: Arc::new(table),
        })
    }
}
