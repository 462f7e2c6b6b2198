//! Numbers in variables: `+:VARIABLE,NUMBER`, `-:` and `*:`, as run on uWSGI 2.0.31. Without a number (no comma) it is 1, an empty one is 0.
//! A result is of 64 bits, and printed without a sign: 7 - 10 is 18446744073709551613. A variable that is not there ends the request without an
//! answer. Texts that are no numbers are read to their first other byte, where uWSGI makes digits of any byte.
#![forbid(unsafe_code)]

use super::condition::number;
use super::wording::Wording;
use super::{RouteError, RouteGroups, RouteMath, RouteWorld};

/// One calculation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arithmetic {
    by: RouteMath,
    variable: Vec<u8>,
    /// None: 1.
    value: Option<Wording>,
}

impl Arithmetic {
    /// Of an action's argument.
    pub(super) fn read(by: RouteMath, argument: &[u8]) -> Result<Arithmetic, RouteError> {
        let comma = argument.iter().position(|b| *b == b',').unwrap_or(argument.len());
        let value = argument.get(comma + 1..).map(Wording::read).transpose()?;
        Ok(Arithmetic { by, variable: argument[..comma].into(), value })
    }

    /// Which variable is changed.
    pub(super) fn variable(&self) -> &[u8] {
        &self.variable
    }

    /// What it becomes; None: it is not there.
    pub(super) fn result<W: RouteWorld>(&self, groups: &RouteGroups, world: &W) -> Option<Vec<u8>> {
        let before = number(world.variable(&self.variable)?);
        let value = self.value.as_ref().map_or(1, |text| number(&text.fill(groups, world)));
        let after = match self.by {
            RouteMath::Sub => before.wrapping_sub(value),
            RouteMath::Mul => before.wrapping_mul(value),
            _ => before.wrapping_add(value),
        };
        Some((after as u64).to_string().into_bytes())
    }
}
