//! Functions of the application that rules call (`rpc`, `call`, `rpcret`, `rpcvar`): those that it has registered with
//! `uwsgi.register_rpc`. Forms and results as observed on uWSGI 2.0.31.

use super::act::{ANSWERED, Onward, answer};
use super::action::bad;
use super::pattern::RouteGroups;
use super::run::Fields;
use super::wording::Wording;
use super::{RouteEffect, RouteEnd, RouteError, RouteWorld};

/// Most arguments.
const MOST: usize = 255;

/// What becomes of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFor {
    /// It is the answer.
    Answer,
    /// Where there is one, no more rules.
    Flow,
    /// It becomes a variable of the request.
    Variable(Vec<u8>),
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteCall {
    /// The function's name and its arguments.
    words: Vec<Wording>,
    result: CallFor,
}

impl RouteCall {
    /// Read one of a name; None: it is none of these.
    pub(super) fn read(name: &str, argument: &str) -> Result<Option<RouteCall>, RouteError> {
        let mut words = argument.split(' ').filter(|word| !word.is_empty());
        let result = match name {
            "rpc" | "call" => CallFor::Answer,
            "rpcret" => CallFor::Flow,
            "rpcvar" => CallFor::Variable(words.next().unwrap_or_default().into()),
            _ => return Ok(None),
        };
        let all: Vec<&str> = words.collect();
        let form = match (&result, all.first()) {
            (_, None) | (CallFor::Variable(_), Some(&"")) => {
                Some("write rpc:FUNCTION ARGUMENT..., or rpcvar:VARIABLE FUNCTION")
            }
            (_, Some(function)) if function.contains('@') => {
                Some("functions of other instances are called by the app (uwsgi.rpc)")
            }
            _ if all.len() > MOST => Some("it takes 255 arguments at most"),
            _ => None,
        };
        if let Some(form) = form {
            return Err(bad("rpc", form));
        }
        let words = all.iter().map(|word| Wording::read(word.as_bytes())).collect::<Result<_, _>>()?;
        Ok(Some(RouteCall { words, result }))
    }

    pub(super) fn run<W: RouteWorld>(&self, groups: &RouteGroups, fields: &mut Fields<'_, W>) -> Onward {
        let words: Vec<Vec<u8>> = self.words.iter().map(|word| word.fill(groups, fields.world)).collect();
        let result = fields.world.call(&words);
        match (&self.result, result) {
            (CallFor::Variable(name), value) => {
                fields.keep(name);
                fields.world.set(name, &value.unwrap_or_default());
                Onward::Next
            }
            (CallFor::Answer, Some(body)) => answer(fields.world, 200, None, Vec::new(), body),
            (CallFor::Flow, Some(_)) => Onward::End(RouteEnd::Served),
            (CallFor::Answer | CallFor::Flow, None) => close(fields),
        }
    }
}

fn close<W: RouteWorld>(fields: &mut Fields<'_, W>) -> Onward {
    fields.world.act(RouteEffect::Close);
    ANSWERED
}
