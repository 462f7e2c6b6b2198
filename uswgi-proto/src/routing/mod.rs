//! Internal routing (`route`, `response-route`, `error-route`, `final-route` and their kin): rules are read and compiled
//! once, and evaluated over a [`RouteWorld`] that has the variables of a request.
//!
//! Pure: no socket, no file, no log. It must never panic whatever a rule or a request says, and every evaluation ends,
//! as `goto` only goes forward. Forms, names and results as observed on uWSGI 2.0.31.
#![forbid(unsafe_code)]

mod act;
mod action;
mod arithmetic;
mod balance;
mod calls;
mod condition;
mod password;
mod pattern;
mod pcre;
mod run;
mod stored;
#[cfg(test)]
mod tests;
mod values;
mod wording;
mod world;

pub use action::{Credentials, FileOrder, RouteAction};
pub use arithmetic::Arithmetic;
pub use balance::Balance;
pub use calls::{CallFor, RouteCall};
pub use condition::{PathIs, RouteCondition};
pub use password::{is_password, unknown_hashes};
pub use pattern::{RouteGroups, RoutePattern};
pub use run::RouteTable;
use serde::{Deserialize, Serialize};
pub use stored::{RouteItem, StoredAction};
pub use wording::Wording;
pub use world::{CachedItem, Draw, RouteEffect, RouteEnd, RouteFlow, RouteMath, RouteWorld, WholeAnswer};

/// When a rule is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteChain {
    /// Before the request is served (`route`).
    Request,
    /// When the head of an answer is made (`error-route`); uWSGI looks at these for every status.
    Error,
    /// The same, behind the rules of `error-route` (`response-route`).
    Response,
    /// When the answer is made (`final-route`).
    Final,
}

impl RouteChain {
    /// All, with what the names of their options begin with.
    pub const ALL: [(RouteChain, &'static str); 4] = [
        (RouteChain::Request, "route"),
        (RouteChain::Error, "error-route"),
        (RouteChain::Response, "response-route"),
        (RouteChain::Final, "final-route"),
    ];
}

/// A rule as the configuration has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteLine {
    /// The option's name, e.g. `response-route-if`.
    pub option: String,
    /// Its value.
    pub text: String,
}

/// What an option looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    /// At a variable, with a regular expression.
    Variable(&'static [u8]),
    /// At a condition.
    If { negated: bool },
    /// At the status of the answer.
    Status,
    /// At nothing.
    Always,
    /// It is a place to go to.
    Label,
}

/// Whether patterns can look at a variable.
pub(crate) fn is_field(name: &[u8]) -> bool {
    const FIELDS: [&[u8]; 8] = [
        b"PATH_INFO",
        b"HTTP_HOST",
        b"REQUEST_URI",
        b"QUERY_STRING",
        b"REMOTE_ADDR",
        b"HTTP_USER_AGENT",
        b"REMOTE_USER",
        b"HTTP_REFERER",
    ];
    FIELDS.contains(&name)
}

/// Chain and subject of an option's name; None: it is none of these.
pub(crate) fn option(name: &str) -> Option<(RouteChain, Looks)> {
    let (chain, rest) = RouteChain::ALL.iter().find_map(|&(chain, prefix)| {
        let rest = name.strip_prefix(prefix)?;
        Some((chain, if rest.is_empty() { rest } else { rest.strip_prefix('-')? }))
    })?;
    let looks = match rest {
        "" => Looks::Variable(b"PATH_INFO"),
        "host" => Looks::Variable(b"HTTP_HOST"),
        "uri" => Looks::Variable(b"REQUEST_URI"),
        "qs" => Looks::Variable(b"QUERY_STRING"),
        "remote-addr" => Looks::Variable(b"REMOTE_ADDR"),
        "user-agent" => Looks::Variable(b"HTTP_USER_AGENT"),
        "remote-user" => Looks::Variable(b"REMOTE_USER"),
        "referer" => Looks::Variable(b"HTTP_REFERER"),
        "if" => Looks::If { negated: false },
        "if-not" => Looks::If { negated: true },
        "status" => Looks::Status,
        "run" => Looks::Always,
        "label" => Looks::Label,
        _ => return None,
    };
    Some((chain, looks))
}

/// Whether an option is a rule of a chain.
pub fn is_route(name: &str) -> bool {
    option(name).is_some()
}

/// Why a rule is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Its parts are not there.
    #[error("the rule has not the form {0}")]
    Form(&'static str),
    /// Nobody has this action.
    #[error("there is no action {0:?}")]
    NoAction(String),
    /// uWSGI has this action.
    #[error("the action {0:?} is not supported: {1}")]
    NotHere(String, &'static str),
    /// Nobody has this condition.
    #[error("there is no condition {0:?}")]
    NoCondition(String),
    /// No regular expression.
    #[error("{0:?} is no pattern: {1}")]
    Pattern(String, String),
    /// What the action is to do has another form.
    #[error("{0}: {1}")]
    Argument(&'static str, String),
    /// uWSGI has this function.
    #[error("${{{0}[...]}} is not supported: {1}")]
    Function(String, &'static str),
}
