//! What each action does.

use super::action::{Credentials, RouteAction, frames};
use super::pattern::RouteGroups;
use super::run::Fields;
use super::values;
use super::{RouteChain, RouteEffect, RouteEnd, RouteFlow, RouteWorld, WholeAnswer};
use crate::{http, reason};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What comes behind an action.
pub(super) enum Onward {
    Next,
    GoTo(Vec<u8>),
    End(RouteEnd),
}

pub(super) const ANSWERED: Onward = Onward::End(RouteEnd::Answered);

impl RouteAction {
    pub(super) fn run<W: RouteWorld>(
        &self,
        groups: &RouteGroups,
        chain: RouteChain,
        fields: &mut Fields<'_, W>,
    ) -> Onward {
        let text = |wording: &super::Wording, world: &W| wording.fill(groups, world);
        match self {
            RouteAction::Variable(name, value) => {
                let value = text(value, fields.world);
                fields.keep(name);
                fields.world.set(name, &value);
                return Onward::Next;
            }
            RouteAction::Arithmetic(sum) => {
                let Some(value) = sum.result(groups, fields.world) else {
                    fields.world.act(RouteEffect::Close);
                    return ANSWERED;
                };
                fields.keep(sum.variable());
                fields.world.set(sum.variable(), &value);
                return Onward::Next;
            }
            RouteAction::Field(name, value) => {
                let value = text(value, fields.world);
                fields.set(name.as_bytes(), &value);
                return Onward::Next;
            }
            RouteAction::Rewrite { last, to } => {
                let to = text(to, fields.world);
                rewrite(&to, fields);
                return if *last { Onward::End(RouteEnd::Served) } else { Onward::Next };
            }
            RouteAction::FixPath => {
                let script = fields.world.variable(b"SCRIPT_NAME").map_or(0, <[u8]>::len);
                let path = fields.field(b"PATH_INFO");
                let rest = path.get(script..).unwrap_or_default().to_vec();
                fields.set(b"PATH_INFO", &rest);
                return Onward::Next;
            }
            RouteAction::BasicAuth { realm, who, next } => return basic_auth(realm, who, *next, fields),
            RouteAction::Balance(balance) => {
                let value = balance.choose(groups, fields.world);
                fields.keep(balance.variable());
                fields.world.set(balance.variable(), &value);
                return Onward::Next;
            }
            RouteAction::Call(call) => return call.run(groups, fields),
            _ => {}
        }
        let world = &mut *fields.world;
        match self {
            RouteAction::Continue => return Onward::End(RouteEnd::Served),
            RouteAction::Nothing => {}
            RouteAction::Break(status) => {
                return self.end(chain, status, false, world);
            }
            RouteAction::Return(status) => {
                return self.end(chain, status, true, world);
            }
            RouteAction::GoTo(label) => return Onward::GoTo(text(label, world)),
            RouteAction::Log(line) => drop(world.act(RouteEffect::Log(&text(line, world)))),
            RouteAction::NoLine => drop(world.act(RouteEffect::NoLine)),
            RouteAction::LogVariable(name, value) => {
                world.act(RouteEffect::LogVariable(name, &text(value, world)));
            }
            RouteAction::Variable(..)
            | RouteAction::Field(..)
            | RouteAction::Rewrite { .. }
            | RouteAction::FixPath
            | RouteAction::Balance(_)
            | RouteAction::Arithmetic(_)
            | RouteAction::Call(_)
            | RouteAction::BasicAuth { .. } => {}
            RouteAction::Gzip => drop(world.act(RouteEffect::Gzip)),
            RouteAction::Deadline(seconds) => {
                let seconds = super::condition::number(&text(seconds, world));
                if let Some(seconds) = u32::try_from(seconds).ok().filter(|s| *s > 0) {
                    world.act(RouteEffect::Deadline(seconds));
                }
            }
            RouteAction::App(at) => drop(world.act(RouteEffect::App(&text(at, world)))),
            RouteAction::Title(title) => drop(world.act(RouteEffect::Title(&text(title, world)))),
            RouteAction::Stored(item, what) => return super::stored::run(item, what, groups, world),
            RouteAction::Metric(name, math, value) => {
                return super::stored::metric(name, *math, value, groups, world);
            }
            RouteAction::Scheme(scheme) => drop(world.act(RouteEffect::Scheme(&text(scheme, world)))),
            RouteAction::AddHeader(line) => {
                let line = text(line, world);
                let line = one_line(&line);
                if !line.trim_ascii().is_empty() && !frames(line) {
                    world.act(RouteEffect::AddHeader(line));
                }
            }
            RouteAction::Expires { of_file, when } => {
                let when = text(when, world);
                let second = match of_file {
                    true => world.changed(&when),
                    false => Some(values::places(&when)),
                };
                match second {
                    Some(second) => {
                        let line = format!("Expires: {}", values::http_date(second));
                        world.act(RouteEffect::AddHeader(line.as_bytes()));
                    }
                    None => {
                        world.act(RouteEffect::Close);
                        return ANSWERED;
                    }
                }
            }
            RouteAction::RemoveHeader(name) => {
                let name = text(name, world);
                if !frames(&name) {
                    world.act(RouteEffect::RemoveHeader(&name));
                }
            }
            RouteAction::ClearHeaders(status) => {
                let status = text(status, world);
                match code(&status) {
                    Some(code) => drop(world.act(RouteEffect::ClearHeaders(code, one_line(&status)))),
                    None => {
                        world.act(RouteEffect::Close);
                        return ANSWERED;
                    }
                }
            }
            RouteAction::Chdir(path) => {
                if world.act(RouteEffect::Chdir(&text(path, world))) == RouteFlow::Failed {
                    world.act(RouteEffect::Close);
                    return ANSWERED;
                }
            }
            RouteAction::Signal(number) => drop(world.act(RouteEffect::Signal(&text(number, world)))),
            RouteAction::Alarm(alarm, message) => {
                world.act(RouteEffect::Alarm(&text(alarm, world), &text(message, world)));
            }
            RouteAction::Redirect { permanent, to } => {
                let to = text(to, world);
                let mut lines = b"Location: ".to_vec();
                lines.extend_from_slice(one_line(&to));
                lines.extend_from_slice(b"\r\n");
                let (status, body): (u16, &[u8]) =
                    if *permanent { (301, b"Moved Permanently") } else { (302, b"Moved") };
                return answer(world, status, None, lines, body.into());
            }
            RouteAction::File { order, next } => {
                let (path, status_text) = (text(&order.path, world), text(&order.status, world));
                let content_type = order.content_type.as_ref().map(|t| text(t, world));
                let Some(status) = code(&status_text) else {
                    world.act(RouteEffect::Close);
                    return ANSWERED;
                };
                let (status_text, content_type) =
                    (one_line(&status_text), content_type.as_deref().map(one_line));
                let effect = RouteEffect::File { path: &path, status, status_text, content_type };
                return file(effect, *next, chain, world);
            }
            RouteAction::Static { path, next } => {
                return file(RouteEffect::Static(&text(path, world)), *next, chain, world);
            }
        }
        Onward::Next
    }

    /// The end of a chain with a status.
    fn end<W: RouteWorld>(&self, chain: RouteChain, status: &[u8], body: bool, world: &mut W) -> Onward {
        let status = one_line(status);
        let known = code(status);
        let reason = known.map(reason::reason).filter(|r| !r.is_empty());
        match (known, reason) {
            _ if status.is_empty() && chain != RouteChain::Request => drop(world.act(RouteEffect::NoBody)),
            (Some(code), Some(reason)) if body => {
                let text = [status, b" ", reason.as_bytes()].concat();
                return answer(
                    world,
                    code,
                    Some(text),
                    b"Content-Type: text/plain\r\n".to_vec(),
                    reason.into(),
                );
            }
            (Some(code), reason) if !body => {
                let text = match reason {
                    Some(reason) if status.len() == 3 => [status, b" ", reason.as_bytes()].concat(),
                    _ => status.to_vec(),
                };
                let lines = b"Content-Type: text/plain\r\n".to_vec();
                return answer(world, code, Some(text), lines, Vec::new());
            }
            _ => drop(world.act(RouteEffect::Close)),
        }
        ANSWERED
    }
}

pub(super) fn answer<W: RouteWorld>(
    world: &mut W,
    status: u16,
    status_text: Option<Vec<u8>>,
    lines: Vec<u8>,
    body: Vec<u8>,
) -> Onward {
    let status_text =
        status_text.unwrap_or_else(|| format!("{status} {}", reason::reason(status)).into_bytes());
    let count = lines.iter().filter(|b| **b == b'\n').count() as u32;
    world.act(RouteEffect::Answer(WholeAnswer { status, status_text, lines, count, body }));
    ANSWERED
}

fn file<W: RouteWorld>(effect: RouteEffect<'_>, next: bool, chain: RouteChain, world: &mut W) -> Onward {
    match world.act(effect) {
        RouteFlow::Done => ANSWERED,
        RouteFlow::Failed if next => Onward::Next,
        RouteFlow::Failed => {
            // An answer that the application has given keeps its head, as on uWSGI: the client finds its body cut.
            world.act(if chain == RouteChain::Request { RouteEffect::Close } else { RouteEffect::NoBody });
            ANSWERED
        }
    }
}

/// What of a text may stand in a line of a head: all up to a byte that would end it (RFC 9110 section 5.5).
fn one_line(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|b| matches!(b, b'\r' | b'\n' | 0)).unwrap_or(text.len());
    &text[..end]
}

/// The code that a status begins with.
pub(super) fn code(status: &[u8]) -> Option<u16> {
    let digits = status.get(..3).filter(|d| d.iter().all(u8::is_ascii_digit))?;
    let code = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (matches!(status.get(3), None | Some(b' ')) && (200..=599).contains(&code)).then_some(code)
}

/// The path is decoded; the query is put in front of what there was.
fn rewrite<W: RouteWorld>(to: &[u8], fields: &mut Fields<'_, W>) {
    let at = to.iter().position(|b| *b == b'?');
    let (path, added) = (&to[..at.unwrap_or(to.len())], at.map(|at| &to[at + 1..]));
    let mut decoded = Vec::new();
    if !path.is_empty() && http::decode_path(path, &mut decoded).is_err() {
        decoded = path.to_vec();
    }
    fields.set(b"PATH_INFO", &decoded);
    if let Some(added) = added {
        let before = fields.field(b"QUERY_STRING");
        let query = if before.is_empty() { added.to_vec() } else { [added, b"&", before].concat() };
        fields.set(b"QUERY_STRING", &query);
    }
}

fn basic_auth<W: RouteWorld>(
    realm: &[u8],
    who: &Credentials,
    next: bool,
    fields: &mut Fields<'_, W>,
) -> Onward {
    let world = &mut *fields.world;
    let said = world.variable(b"HTTP_AUTHORIZATION").and_then(|said| said.strip_prefix(b"Basic "));
    if let Some(said) = said {
        let said = STANDARD.decode(said.trim_ascii()).unwrap_or_default();
        let at = said.iter().position(|b| *b == b':');
        let may = at.is_some_and(|at| match who {
            Credentials::These(these) => same(these, &said),
            Credentials::File(file) => world.knows(file, &said[..at], &said[at + 1..]),
        });
        if may {
            fields.set(b"REMOTE_USER", &said[..at.unwrap_or(0)]);
            return Onward::Next;
        }
        if next {
            return Onward::Next;
        }
    }
    let mut lines = b"WWW-Authenticate: Basic realm=\"".to_vec();
    lines.extend_from_slice(one_line(realm));
    lines.extend_from_slice(b"\"\r\n");
    let text = b"401 Authorization Required".to_vec();
    answer(world, 401, Some(text), lines, b"Unauthorized".to_vec())
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}
