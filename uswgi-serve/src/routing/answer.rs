//! What rules want of an answer: headers that a rule of the request has added or taken away, and the rules of `error-route` and
//! `response-route`, which look at every head when it is made.

use super::ruled::Ruled;
use super::{htpasswd, stored, world};
use crate::asker::Asker;
use crate::engine::Engine;
use crate::exchange::Exchange;
use crate::log::{self, Fault};
use crate::response::{AppHead, each_remembered};
use crate::static_files::FileAnswer;
use crate::{limited_say, say, sys};
use std::sync::Arc;
use uswgi_proto::files::encoding::accepts_gzip;
use uswgi_proto::routing::{
    CachedItem, Draw, PathIs, RouteChain, RouteEffect, RouteEnd, RouteFlow, RouteWorld, WholeAnswer,
};

/// What rules make of a head.
pub(crate) enum Ruling {
    /// It is sent.
    Send,
    /// It is sent without a body.
    NoBody,
    /// This is sent instead.
    Instead(WholeAnswer),
    /// A file is sent instead.
    File(FileAnswer),
    /// The connection is closed.
    Close,
}

/// Keep the variables of a request: when its head is made, the application has it.
pub(super) fn remember(ruled: &mut Ruled, exchange: &Exchange<'_>) {
    let all = &mut ruled.variables;
    let Ok(()) = exchange.variables().each(|name, value| {
        all.push((name.into(), value.into()));
        Ok::<_, std::convert::Infallible>(())
    });
    all.extend_from_slice(exchange.rewritten());
}

/// Go through the rules for a head that is about to be sent.
pub(crate) fn rule(ruled: &mut Ruled, engine: &Engine, lane: usize, head: &mut Arc<AppHead>) -> Ruling {
    let Some(routing) = &engine.routing else { return Ruling::Send };
    if !routing.at_answers {
        return Ruling::Send;
    }
    let mut world = AnswerWorld { engine, lane, ruled, head, ruling: Ruling::Send };
    for chain in [RouteChain::Error, RouteChain::Response] {
        if chain == RouteChain::Response {
            world.remember_headers();
        }
        if routing.table.run(chain, &mut world) == RouteEnd::Answered {
            break;
        }
    }
    world.ruling
}

struct AnswerWorld<'w> {
    engine: &'w Engine,
    lane: usize,
    ruled: &'w mut Ruled,
    head: &'w mut Arc<AppHead>,
    ruling: Ruling,
}

impl AnswerWorld<'_> {
    /// The headers that become variables (`collect-header`, `pull-header`): those of `response-route` see them, for
    /// `error-route` they come too late, as on uWSGI. The log has them also where another answer takes their place.
    fn remember_headers(&mut self) {
        let (ruled, notes) = (&mut *self.ruled, &self.engine.lanes[self.lane].notes);
        each_remembered(&self.head.lines, &self.engine.settings.answers, |name, value| {
            ruled.variables.push((name.into(), value.into()));
            notes.remember(name, value);
        });
    }

    fn no_file(&self, path: &[u8]) -> RouteFlow {
        let path = log::shown(path, 400);
        limited_say!(Fault::Ours, self.engine, "a rule of a response names {path:?}, which is no file");
        RouteFlow::Failed
    }
}

impl RouteWorld for AnswerWorld<'_> {
    fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        self.ruled.variable(name)
    }

    fn set(&mut self, name: &[u8], value: &[u8]) {
        self.ruled.variables.push((name.into(), value.into()));
    }

    fn status(&self) -> u16 {
        self.head.status
    }

    fn micros(&self) -> u64 {
        sys::realtime_us()
    }

    fn fact(&self, key: &[u8]) -> Vec<u8> {
        world::fact(self.engine, key)
    }

    fn mime(&self, path: &[u8]) -> Vec<u8> {
        world::kind(self.engine, path).into()
    }

    fn look(&self, path: &[u8], is: PathIs) -> bool {
        world::look(path, is)
    }

    fn changed(&self, path: &[u8]) -> Option<i64> {
        world::changed(path)
    }

    fn knows(&self, file: &str, user: &[u8], password: &[u8]) -> bool {
        htpasswd::knows(self.engine, file, user, password)
    }

    fn cached(&self, cache: &[u8], key: &[u8]) -> Option<CachedItem> {
        stored::cached(self.engine, cache, key)
    }

    fn metric(&self, name: &[u8]) -> Option<i64> {
        stored::metric(self.engine, name)
    }

    fn draw(&self, draw: Draw) -> u64 {
        world::draw(draw)
    }

    fn call(&mut self, _: &[Vec<u8>]) -> Option<Vec<u8>> {
        None
    }

    fn act(&mut self, effect: RouteEffect<'_>) -> RouteFlow {
        let notes = &self.engine.lanes[self.lane].notes;
        match effect {
            RouteEffect::Log(line) => say!("{}", log::shown(line, 4096)),
            RouteEffect::NoLine => notes.change(|said| said.leave_out = true),
            RouteEffect::LogVariable(name, value) => notes.change(|said| {
                said.variables.retain(|(n, _)| n != name);
                said.variables.push((name.into(), value.into()));
            }),
            RouteEffect::AddHeader(line) => self.ruled.add(line),
            RouteEffect::ClearHeaders(status, text) => {
                self.ruled.added.clear();
                *self.head = Arc::new(AppHead { status, status_text: text.into(), ..AppHead::default() });
            }
            RouteEffect::CacheSet { .. } | RouteEffect::CacheMath { .. } | RouteEffect::Metric { .. } => {
                return stored::change(self.engine, &effect);
            }
            RouteEffect::Signal(number) => world::signal(self.engine, number),
            RouteEffect::Alarm(name, message) => world::alarm(self.engine, name, message),
            RouteEffect::Answer(answer) => self.ruling = Ruling::Instead(answer),
            RouteEffect::NoBody => self.ruling = Ruling::NoBody,
            RouteEffect::Close => self.ruling = Ruling::Close,
            RouteEffect::Trouble(what) => say!("a rule of a response: {what}"),
            RouteEffect::Gzip => {
                let taken = accepts_gzip(self.variable(b"HTTP_ACCEPT_ENCODING").unwrap_or_default());
                self.ruled.gzip(taken);
            }
            RouteEffect::Keep { cache, key, seconds } => self.ruled.keep(cache, key, seconds),
            RouteEffect::Title(text) => world::title(text),
            // Too late: the application has the request, and has given its headers.
            RouteEffect::Scheme(_) | RouteEffect::RemoveHeader(_) => {}
            RouteEffect::Chdir(_) | RouteEffect::Deadline(_) | RouteEffect::App(_) => {
                return RouteFlow::Failed;
            }
            RouteEffect::File { path, status, status_text, content_type } => {
                let by_name = || world::kind(self.engine, path).as_bytes();
                let kind = content_type.unwrap_or_else(by_name);
                match world::file(path, status, status_text, kind) {
                    Some(found) => self.ruling = Ruling::File(found),
                    None => return self.no_file(path),
                }
            }
            RouteEffect::Static(_) if !matches!(self.ruled.method(), b"GET" | b"HEAD") => {
                return RouteFlow::Failed;
            }
            RouteEffect::Static(path) => match world::static_file(self.engine, self.ruled, path) {
                Ok(Some(found)) => self.ruling = Ruling::File(found),
                Ok(None) => return self.no_file(path),
                Err(e) => {
                    let path = log::shown(path, 400);
                    limited_say!(Fault::Ours, self.engine, "{path:?} of a rule of a response: {e}");
                    return RouteFlow::Failed;
                }
            },
        }
        RouteFlow::Done
    }
}
