//! Conditions of `route-if` and `route-if-not`: `name:subject` or `name:subject;other`. Names and results as observed on
//! uWSGI 2.0.31: without its `;` a comparison is false.

use super::pattern::{RouteGroups, RoutePattern};
use super::wording::Wording;
use super::{RouteError, RouteWorld};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What a path is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathIs {
    /// Something is there.
    There,
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symlink.
    Link,
    /// Something that this process may run.
    Executable,
}

/// How two texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    StartsWith,
    EndsWith,
    Contains,
    Higher,
    Lower,
    HigherOrEqual,
    LowerOrEqual,
    Ipv4In,
    Ipv6In,
    Regexp,
}

/// A condition.
#[derive(Debug, Clone)]
pub enum RouteCondition {
    /// A path is something.
    Path(PathIs, Wording),
    /// A text is empty.
    Empty(Wording),
    /// Two texts are to each other as asked.
    #[allow(private_interfaces)]
    Two(Comparison, Wording, Wording),
    /// A text matches a pattern that is the same for every request.
    Matches(Wording, Box<RoutePattern>),
    /// Never so.
    Never,
}

impl RouteCondition {
    /// Read one.
    pub fn read(text: &str) -> Result<RouteCondition, RouteError> {
        use Comparison::*;
        let form = "CONDITION:SUBJECT ACTION:ARGUMENT";
        let (name, subject) = text.split_once(':').ok_or(RouteError::Form(form))?;
        let path = |is| Ok(RouteCondition::Path(is, Wording::read(subject.as_bytes())?));
        let comparison = match name {
            "exists" => return path(PathIs::There),
            "isfile" => return path(PathIs::File),
            "isdir" => return path(PathIs::Directory),
            "islink" => return path(PathIs::Link),
            "isexec" => return path(PathIs::Executable),
            "empty" => return Ok(RouteCondition::Empty(Wording::read(subject.as_bytes())?)),
            // No legion is lorded over here.
            "lord" => return Ok(RouteCondition::Never),
            "equal" | "isequal" | "eq" | "==" => Equal,
            "startswith" => StartsWith,
            "endswith" => EndsWith,
            "contains" | "contain" => Contains,
            "ishigher" | ">" => Higher,
            "islower" | "<" => Lower,
            "ishigherequal" | ">=" => HigherOrEqual,
            "islowerequal" | "<=" => LowerOrEqual,
            "ipv4in" => Ipv4In,
            "ipv6in" => Ipv6In,
            "regexp" | "re" => Regexp,
            _ => return Err(RouteError::NoCondition(name.into())),
        };
        let Some((one, other)) = subject.split_once(';') else { return Ok(RouteCondition::Never) };
        let (one, second) = (Wording::read(one.as_bytes())?, Wording::read(other.as_bytes())?);
        Ok(match comparison {
            // Holes in a pattern are none.
            Regexp => RouteCondition::Matches(one, Box::new(RoutePattern::compile(other)?)),
            comparison => RouteCondition::Two(comparison, one, second),
        })
    }

    /// Whether it is so; the groups of a pattern stand in `groups` then.
    pub(super) fn holds<W: RouteWorld + ?Sized>(&self, groups: &mut RouteGroups, world: &W) -> bool {
        match self {
            RouteCondition::Path(is, path) => world.look(&path.fill(groups, world), *is),
            RouteCondition::Empty(text) => text.fill(groups, world).is_empty(),
            RouteCondition::Two(comparison, one, other) => {
                let (one, other) = (one.fill(groups, world), other.fill(groups, world));
                compare(*comparison, &one, &other)
            }
            RouteCondition::Matches(subject, pattern) => {
                let found = pattern.groups(&subject.fill(groups, world));
                found.map(|found| *groups = found).is_some()
            }
            RouteCondition::Never => false,
        }
    }
}

fn compare(comparison: Comparison, one: &[u8], other: &[u8]) -> bool {
    match comparison {
        Comparison::Equal => one == other,
        Comparison::StartsWith => one.starts_with(other),
        Comparison::EndsWith => one.ends_with(other),
        // Nothing is contained nowhere.
        Comparison::Contains => !other.is_empty() && one.windows(other.len()).any(|piece| piece == other),
        Comparison::Higher => number(one) > number(other),
        Comparison::Lower => number(one) < number(other),
        Comparison::HigherOrEqual => number(one) >= number(other),
        Comparison::LowerOrEqual => number(one) <= number(other),
        Comparison::Ipv4In => ipv4_in(one, other),
        Comparison::Ipv6In => ipv6_in(one, other),
        Comparison::Regexp => false,
    }
}

/// The number that a text begins with, as strtol(3) reads it.
pub(super) fn number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let value = digits
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .try_fold(0i64, |n, b| n.checked_mul(10)?.checked_add(i64::from(b - b'0')))
        .unwrap_or(i64::MAX);
    if negative { -value } else { value }
}

/// Address and length of a network; no length is all of it.
fn network<T: std::str::FromStr>(text: &[u8], most: u32) -> Option<(T, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (address, length) = text.split_once('/').unwrap_or((text, ""));
    let length = if length.is_empty() { most } else { length.parse().ok()? };
    (length <= most).then_some((address.parse().ok()?, length))
}

fn ipv4_in(address: &[u8], of: &[u8]) -> bool {
    let Some((address, _)) = network::<Ipv4Addr>(address, 32) else { return false };
    let Some((base, length)) = network::<Ipv4Addr>(of, 32) else { return false };
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    u32::from(address) & mask == u32::from(base) & mask
}

fn ipv6_in(address: &[u8], of: &[u8]) -> bool {
    let Some((address, _)) = network::<Ipv6Addr>(address, 128) else { return false };
    let Some((base, length)) = network::<Ipv6Addr>(of, 128) else { return false };
    let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    u128::from(address) & mask == u128::from(base) & mask
}
