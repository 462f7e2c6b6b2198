//! Regular expressions of rules: PCRE's, on bytes and without Unicode, as uWSGI compiles them.
//!
//! The crate regex runs them in linear time; what it does not know (look-around, back-references) the crate fancy-regex
//! does, with a bound on its steps beyond which a subject does not match. What neither knows is refused at the start.

use super::RouteError;
use regex::bytes::RegexBuilder;

/// Bytes that a compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;
/// Steps of a pattern with look-around or back-references.
const STEPS: usize = 100_000;
/// RouteGroups that `$0` to `$9` can name.
const GROUPS: usize = 10;

/// How a pattern calls a part of itself: its steps have no bound that is easy to see.
const CALLS: [&str; 5] = ["(?R)", "(?&", "(?P>", "\\g<", "\\g'"];

/// `(?1)`, `(?-1)`, `(?+1)`.
fn calls_by_number(text: &str) -> bool {
    text.split("(?").skip(1).any(|behind| {
        let number = behind.trim_start_matches(['+', '-']);
        number.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(')')
            && number.starts_with(|c: char| c.is_ascii_digit())
    })
}

#[derive(Debug, Clone)]
enum Engine {
    Linear(regex::bytes::Regex),
    Fancy(fancy_regex::Regex),
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct RoutePattern {
    engine: Engine,
    /// `$` may stand before a final line break too.
    ends: bool,
}

/// What the groups of a match hold; all empty where there was no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteGroups {
    subject: Vec<u8>,
    spans: [(usize, usize); GROUPS],
}

impl RouteGroups {
    /// Bytes of a group; one that took no part is empty.
    pub fn get(&self, group: usize) -> &[u8] {
        let (start, end) = self.spans.get(group).copied().unwrap_or_default();
        self.subject.get(start..end).unwrap_or_default()
    }
}

impl RoutePattern {
    /// Compile a pattern.
    pub fn compile(text: &str) -> Result<RoutePattern, RouteError> {
        // First: `(?R)` is a flag for the crate regex.
        if CALLS.iter().any(|call| text.contains(call)) || calls_by_number(text) {
            return Err(RouteError::Pattern(text.into(), "it calls a part of itself".into()));
        }
        let translated = super::pcre::translate(text);
        let ends = translated.contains('$');
        let linear = RegexBuilder::new(&translated).unicode(false).size_limit(PATTERN_SIZE).build();
        let why = match linear {
            Ok(regex) => return Ok(RoutePattern { engine: Engine::Linear(regex), ends }),
            Err(e) => e.to_string().lines().last().unwrap_or_default().trim().to_string(),
        };
        let fancy = fancy_regex::RegexBuilder::new(&translated)
            .backtrack_limit(STEPS)
            .delegate_size_limit(PATTERN_SIZE)
            .build();
        match fancy {
            Ok(regex) => Ok(RoutePattern { engine: Engine::Fancy(regex), ends }),
            Err(_) => Err(RouteError::Pattern(text.into(), why)),
        }
    }

    /// Whether a subject matches.
    pub fn matches(&self, subject: &[u8]) -> bool {
        match &self.engine {
            Engine::Linear(regex) => {
                regex.is_match(subject)
                    || self.shorter(subject).is_some_and(|shorter| regex.is_match(shorter))
            }
            Engine::Fancy(_) => self.groups(subject).is_some(),
        }
    }

    /// The groups of a subject that matches.
    pub fn groups(&self, subject: &[u8]) -> Option<RouteGroups> {
        self.find(subject).or_else(|| self.find(self.shorter(subject)?))
    }

    /// A subject without its final line break, before which `$` may stand too.
    fn shorter<'a>(&self, subject: &'a [u8]) -> Option<&'a [u8]> {
        if self.ends { subject.strip_suffix(b"\n") } else { None }
    }

    fn find(&self, subject: &[u8]) -> Option<RouteGroups> {
        let mut spans = [(0, 0); GROUPS];
        match &self.engine {
            Engine::Linear(regex) => {
                let found = regex.captures(subject)?;
                for (span, group) in spans.iter_mut().zip(found.iter()) {
                    *span = group.map_or((0, 0), |g| (g.start(), g.end()));
                }
            }
            Engine::Fancy(regex) => {
                // Each byte as the character of its number.
                let text: String = subject.iter().map(|b| char::from(*b)).collect();
                let found = regex.captures(&text).ok().flatten()?;
                let bytes = |at: usize| text.get(..at).map_or(0, |before| before.chars().count());
                for (span, group) in spans.iter_mut().zip(found.iter()) {
                    *span = group.map_or((0, 0), |g| (bytes(g.start()), bytes(g.end())));
                }
            }
        }
        Some(RouteGroups { subject: subject.to_vec(), spans })
    }
}
