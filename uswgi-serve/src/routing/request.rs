//! The rules of `route`, before a request is served.

use super::answer::remember;
use super::ruled::Ruled;
use super::{Routing, htpasswd, stored, world};
use crate::exchange::{APP, Exchange, SCHEME};
use crate::log::{self, Fault};
use crate::request::Need;
use crate::static_files::{FileAnswer, no_answer};
use crate::{limited_say, say, sys};
use uswgi_proto::files::encoding::accepts_gzip;
use uswgi_proto::routing::{
    CachedItem, Draw, PathIs, RouteChain, RouteEffect, RouteEnd, RouteFlow, RouteWorld, WholeAnswer,
};

/// What becomes of a request.
pub(crate) enum ForRequest {
    /// It is served.
    Serve,
    /// A file is its answer.
    File(FileAnswer),
    /// This is its answer.
    Whole(WholeAnswer),
    /// Its connection is closed without a word.
    Close,
    /// Nobody can tell: it is refused.
    Refuse(Need),
}

/// A request as its rules see it.
struct RequestWorld<'w, 'x> {
    exchange: &'w mut Exchange<'x>,
    ruled: Ruled,
    becomes: ForRequest,
    status: u16,
}

impl Routing {
    /// Go through the rules for a request that is whole.
    pub(crate) fn request(&self, exchange: &mut Exchange<'_>) -> ForRequest {
        exchange.conn.name_peer();
        exchange.request.ruled = None;
        let mut world =
            RequestWorld { exchange, ruled: Ruled::default(), becomes: ForRequest::Close, status: 500 };
        let end = self.table.run(RouteChain::Request, &mut world);
        let RequestWorld { mut ruled, becomes, exchange, .. } = world;
        if self.at_answers {
            remember(&mut ruled, exchange);
        }
        if !ruled.is_empty() {
            exchange.request.ruled = Some(Box::new(ruled));
        }
        match end {
            RouteEnd::Served => ForRequest::Serve,
            RouteEnd::Answered => becomes,
        }
    }

    /// The rules for a request that has its answer.
    pub(crate) fn end(&self, exchange: &mut Exchange<'_>, status: u16) {
        let notes = &exchange.engine.lanes[exchange.lane].notes;
        for header in &exchange.engine.settings.answers.remember {
            let name = header.variable.as_bytes();
            let mut seen = None;
            notes.variable(name, |value| seen = Some(value.to_vec()));
            if let Some(value) = seen {
                exchange.rewrite(name, &value);
            }
        }
        let (ruled, becomes) = (Ruled::default(), ForRequest::Close);
        let mut world = RequestWorld { exchange, ruled, becomes, status };
        self.table.run(RouteChain::Final, &mut world);
    }
}

impl RouteWorld for RequestWorld<'_, '_> {
    fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        self.exchange.variable(name)
    }

    fn set(&mut self, name: &[u8], value: &[u8]) {
        if !name.is_empty() {
            self.exchange.rewrite(name, value);
        }
    }

    fn status(&self) -> u16 {
        self.status
    }

    fn micros(&self) -> u64 {
        sys::realtime_us()
    }

    fn fact(&self, key: &[u8]) -> Vec<u8> {
        world::fact(self.exchange.engine, key)
    }

    fn mime(&self, path: &[u8]) -> Vec<u8> {
        world::kind(self.exchange.engine, path).into()
    }

    fn look(&self, path: &[u8], is: PathIs) -> bool {
        world::look(path, is)
    }

    fn changed(&self, path: &[u8]) -> Option<i64> {
        world::changed(path)
    }

    fn knows(&self, file: &str, user: &[u8], password: &[u8]) -> bool {
        htpasswd::knows(self.exchange.engine, file, user, password)
    }

    fn cached(&self, cache: &[u8], key: &[u8]) -> Option<CachedItem> {
        stored::cached(self.exchange.engine, cache, key)
    }

    fn metric(&self, name: &[u8]) -> Option<i64> {
        stored::metric(self.exchange.engine, name)
    }

    fn draw(&self, draw: Draw) -> u64 {
        world::draw(draw)
    }

    fn call(&mut self, words: &[Vec<u8>]) -> Option<Vec<u8>> {
        world::call(self.exchange.engine, words)
    }

    fn act(&mut self, effect: RouteEffect<'_>) -> RouteFlow {
        let engine = self.exchange.engine;
        let notes = &engine.lanes[self.exchange.lane].notes;
        match effect {
            RouteEffect::Log(line) => say!("{}", log::shown(line, 4096)),
            RouteEffect::NoLine => notes.change(|said| said.leave_out = true),
            RouteEffect::LogVariable(name, value) => notes.change(|said| {
                said.variables.retain(|(n, _)| n != name);
                said.variables.push((name.into(), value.into()));
            }),
            RouteEffect::Scheme(scheme) => {
                self.exchange.rewrite(b"UWSGI_SCHEME", scheme);
                self.exchange.rewrite(SCHEME, scheme);
            }
            RouteEffect::AddHeader(line) => self.ruled.add(line),
            RouteEffect::RemoveHeader(name) => self.ruled.remove.push(name.into()),
            // The application says its own.
            RouteEffect::ClearHeaders(..) | RouteEffect::NoBody => {}
            RouteEffect::Gzip => self.ruled.gzip(accepts_gzip(&self.exchange.header("accept-encoding"))),
            RouteEffect::Keep { cache, key, seconds } => self.ruled.keep(cache, key, seconds),
            RouteEffect::Deadline(seconds) => self.ruled.deadline = Some(seconds),
            RouteEffect::App(at) => {
                self.exchange.rewrite(b"UWSGI_APPID", at);
                self.exchange.rewrite(APP, at);
            }
            RouteEffect::Title(text) => world::title(text),
            RouteEffect::Chdir(path) => {
                if let Err(e) = std::env::set_current_dir(world::path(path)) {
                    let path = log::shown(path, 400);
                    limited_say!(Fault::Ours, engine, "chdir:{path} of a rule failed: {e}");
                    return RouteFlow::Failed;
                }
            }
            RouteEffect::CacheSet { .. } | RouteEffect::CacheMath { .. } | RouteEffect::Metric { .. } => {
                return stored::change(engine, &effect);
            }
            RouteEffect::Signal(number) => world::signal(engine, number),
            RouteEffect::Alarm(name, message) => world::alarm(engine, name, message),
            RouteEffect::Answer(answer) => self.becomes = ForRequest::Whole(answer),
            RouteEffect::Close => self.becomes = ForRequest::Close,
            RouteEffect::File { path, status, status_text, content_type } => {
                let by_name = || world::kind(engine, path).as_bytes();
                let kind = content_type.unwrap_or_else(by_name);
                let Some(found) = world::file(path, status, status_text, kind) else {
                    return RouteFlow::Failed;
                };
                self.becomes = ForRequest::File(found);
            }
            RouteEffect::Static(_) if !matches!(self.exchange.method(), b"GET" | b"HEAD") => {
                return RouteFlow::Failed;
            }
            RouteEffect::Static(path) => match world::static_file(engine, self.exchange, path) {
                Ok(Some(found)) => self.becomes = ForRequest::File(found),
                Ok(None) => return RouteFlow::Failed,
                Err(e) => self.becomes = ForRequest::Refuse(no_answer(&e)),
            },
            RouteEffect::Trouble(what) => {
                let uri = log::shown(self.exchange.uri(), 400);
                limited_say!(Fault::Ours, engine, "{uri}: {what}");
            }
        }
        RouteFlow::Done
    }
}
