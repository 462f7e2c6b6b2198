//! Rules, ready for use, and how a chain of them is gone through.

use super::act::Onward;
use super::action::{Credentials, RouteAction};
use super::condition::RouteCondition;
use super::pattern::{RouteGroups, RoutePattern};
use super::{Looks, RouteChain, RouteEffect, RouteEnd, RouteError, RouteLine, RouteWorld};

#[derive(Debug, Clone)]
enum Test {
    Matches(&'static [u8], RoutePattern),
    If(RouteCondition, bool),
    Status(u16),
    Always,
}

#[derive(Debug, Clone)]
enum Rule {
    Label(Vec<u8>),
    Do(Test, RouteAction),
}

/// The rules of a site, compiled.
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    chains: [Vec<Rule>; 4],
}

impl RouteTable {
    /// Compile rules; those that are none count from 0.
    pub fn compile(lines: &[RouteLine]) -> Result<RouteTable, (usize, RouteError)> {
        let mut table = RouteTable::default();
        for (at, line) in lines.iter().enumerate() {
            let (chain, rule) = rule(line).map_err(|e| (at, e))?;
            table.chains[chain as usize].push(rule);
        }
        Ok(table)
    }

    /// A table that answers nobody.
    pub fn closed() -> RouteTable {
        let mut table = RouteTable::default();
        table.chains[0].push(Rule::Do(Test::Always, RouteAction::Break(Vec::new())));
        table
    }

    /// Whether a chain has rules.
    pub fn has(&self, chain: RouteChain) -> bool {
        !self.chains[chain as usize].is_empty()
    }

    /// Whether a rule gives requests a deadline.
    pub fn sets_deadlines(&self) -> bool {
        self.has_action(|action| matches!(action, RouteAction::Deadline(_)))
    }

    /// Whether a rule calls functions of the application.
    pub fn calls_functions(&self) -> bool {
        self.has_action(|action| matches!(action, RouteAction::Call(_)))
    }

    fn has_action(&self, is: impl Fn(&RouteAction) -> bool) -> bool {
        self.chains.iter().flatten().any(|rule| matches!(rule, Rule::Do(_, action) if is(action)))
    }

    /// Files of passwords.
    pub fn password_files(&self) -> impl Iterator<Item = &str> {
        self.chains.iter().flatten().filter_map(|rule| match rule {
            Rule::Do(_, RouteAction::BasicAuth { who: Credentials::File(file), .. }) => Some(file.as_str()),
            _ => None,
        })
    }

    /// Go through a chain.
    pub fn run<W: RouteWorld>(&self, chain: RouteChain, world: &mut W) -> RouteEnd {
        let mut goal: Option<Vec<u8>> = None;
        let mut world = Fields { world, kept: Vec::new() };
        let world = &mut world;
        for rule in &self.chains[chain as usize] {
            let (test, action) = match rule {
                Rule::Label(name) => {
                    if goal.as_ref() == Some(name) {
                        goal = None;
                    }
                    continue;
                }
                Rule::Do(..) if goal.is_some() => continue,
                Rule::Do(test, action) => (test, action),
            };
            let mut groups = RouteGroups::default();
            if !test.holds(&mut groups, world) {
                continue;
            }
            match action.run(&groups, chain, world) {
                Onward::Next => {}
                Onward::GoTo(label) => goal = Some(label),
                Onward::End(end) => return end,
            }
        }
        match goal {
            // uWSGI finds out when it jumps, and breaks.
            Some(_) => {
                world.world.act(RouteEffect::Trouble("goto: no such label is still to come"));
                world.world.act(RouteEffect::Close);
                RouteEnd::Answered
            }
            None => RouteEnd::Served,
        }
    }
}

fn rule(line: &RouteLine) -> Result<(RouteChain, Rule), RouteError> {
    let (chain, looks) =
        super::option(&line.option).ok_or(RouteError::Form("route = PATTERN ACTION:ARGUMENT"))?;
    let two = |form| line.text.split_once(' ').ok_or(RouteError::Form(form));
    let action = |text| RouteAction::read(text).and_then(|action| in_time(action, chain));
    let rule = match looks {
        Looks::Label => Rule::Label(line.text.clone().into()),
        Looks::Always => Rule::Do(Test::Always, action(&line.text)?),
        Looks::Variable(variable) => {
            let (pattern, what) = two("PATTERN ACTION:ARGUMENT")?;
            let what = action(what)?;
            Rule::Do(Test::Matches(variable, RoutePattern::compile(pattern)?), what)
        }
        Looks::If { negated } => {
            let (condition, what) = two("CONDITION:SUBJECT ACTION:ARGUMENT")?;
            let what = action(what)?;
            Rule::Do(Test::If(RouteCondition::read(condition)?, negated), what)
        }
        Looks::Status => {
            let (status, what) = two("STATUS ACTION:ARGUMENT")?;
            let status = super::condition::number(status.as_bytes());
            Rule::Do(Test::Status(u16::try_from(status).unwrap_or(0)), action(what)?)
        }
    };
    Ok((chain, rule))
}

/// What comes too late in a chain is refused there.
fn in_time(action: RouteAction, chain: RouteChain) -> Result<RouteAction, RouteError> {
    let name = match action {
        _ if chain == RouteChain::Request => return Ok(action),
        RouteAction::Gzip if chain == RouteChain::Final => "gzip",
        RouteAction::Stored(_, ref what) if chain == RouteChain::Final && what.is_of_a_body() => "cachestore",
        RouteAction::Deadline(_) => "harakiri",
        RouteAction::App(_) => "setapp",
        RouteAction::Call(_) => "rpc",
        RouteAction::Arithmetic(_) => "arithmetic",
        RouteAction::File { .. } if chain == RouteChain::Final => "file",
        RouteAction::Static { .. } if chain == RouteChain::Final => "static",
        RouteAction::BasicAuth { .. } => "basicauth",
        RouteAction::Rewrite { .. } | RouteAction::FixPath => "rewrite",
        RouteAction::Chdir(_) => "chdir",
        RouteAction::Scheme(_) => "setscheme",
        RouteAction::RemoveHeader(_) => "delheader",
        _ => return Ok(action),
    };
    Err(RouteError::NotHere(name.into(), "it comes too late behind the application: write it as route"))
}

impl Test {
    fn holds<W: RouteWorld>(&self, groups: &mut RouteGroups, world: &Fields<'_, W>) -> bool {
        match self {
            Test::Always => true,
            Test::Status(status) => world.world.status() == *status,
            Test::If(condition, negated) => condition.holds(groups, world.world) != *negated,
            Test::Matches(variable, pattern) => {
                let subject = world.field(variable);
                if !pattern.matches(subject) {
                    return false;
                }
                if let Some(found) = pattern.groups(subject) {
                    *groups = found;
                }
                true
            }
        }
    }
}

/// The fields of a request that patterns look at: its variables, but for those that `addvar` has changed since.
pub(super) struct Fields<'w, W> {
    pub(super) world: &'w mut W,
    kept: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<W: RouteWorld> Fields<'_, W> {
    pub(super) fn field(&self, name: &[u8]) -> &[u8] {
        let kept = self.kept.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_slice());
        kept.or_else(|| self.world.variable(name)).unwrap_or_default()
    }

    pub(super) fn keep(&mut self, name: &[u8]) {
        if super::is_field(name) && !self.kept.iter().any(|(n, _)| n == name) {
            self.kept.push((name.into(), self.field(name).into()));
        }
    }

    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) {
        self.kept.retain(|(n, _)| n != name);
        self.world.set(name, value);
    }
}
