//! A request and its surroundings as rules see them: what they ask, and what they want done.

use super::PathIs;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeAnswer {
    /// Code.
    pub status: u16,
    /// Code and reason.
    pub status_text: Vec<u8>,
    /// Header lines, each with its end.
    pub lines: Vec<u8>,
    /// Number of `lines`.
    pub count: u32,
    /// Body.
    pub body: Vec<u8>,
}

/// A calculation with a number that is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteMath {
    /// This is it from now on.
    Set,
    /// Plus.
    Add,
    /// Minus.
    Sub,
    /// Times.
    Mul,
    /// Divided by.
    Div,
}

/// What the surroundings of a request have to do for a rule.
#[derive(Debug)]
pub enum RouteEffect<'a> {
    /// A line for the log.
    Log(&'a [u8]),
    /// No line for the request.
    NoLine,
    /// A variable of the request's line.
    LogVariable(&'a [u8], &'a [u8]),
    /// The scheme that the application sees.
    Scheme(&'a [u8]),
    /// A line for the head of the answer, without its end.
    AddHeader(&'a [u8]),
    /// A header that the application may not give.
    RemoveHeader(&'a [u8]),
    /// Another status, and no header of before.
    ClearHeaders(u16, &'a [u8]),
    /// Another working directory.
    Chdir(&'a [u8]),
    /// A signal of the application.
    Signal(&'a [u8]),
    /// An alarm, and what it says.
    Alarm(&'a [u8], &'a [u8]),
    /// This answer, and no other.
    Answer(WholeAnswer),
    /// The connection is closed without a word.
    Close,
    /// The answer has no body.
    NoBody,
    /// A file with a status (code and text) and a type; without one, by its name.
    File {
        /// Which.
        path: &'a [u8],
        /// Code.
        status: u16,
        /// Code and reason.
        status_text: &'a [u8],
        /// Its type; None: by its name.
        content_type: Option<&'a [u8]>,
    },
    /// A file as `static-map` serves them.
    Static(&'a [u8]),
    /// An item of a cache gets a value.
    CacheSet {
        /// Name of the cache; empty: the first.
        cache: &'a [u8],
        /// Name of the item.
        key: &'a [u8],
        /// What it becomes.
        value: &'a [u8],
        /// For how long; 0: for good.
        seconds: u64,
    },
    /// An item of a cache is a number, and changes.
    CacheMath {
        /// Name of the cache; empty: the first.
        cache: &'a [u8],
        /// Name of the item.
        key: &'a [u8],
        /// How.
        math: RouteMath,
        /// By how much.
        n: i64,
        /// For how long; 0: for good.
        seconds: u64,
    },
    /// A number of the application changes.
    Metric {
        /// Its name.
        name: &'a str,
        /// How.
        math: RouteMath,
        /// By how much.
        n: i64,
    },
    /// The body goes compressed to a client that takes it so.
    Gzip,
    /// The body goes into a cache too, once it is whole.
    Keep {
        /// Name of the cache; empty: the first.
        cache: &'a [u8],
        /// Name of the item.
        key: &'a [u8],
        /// For how long; 0: for good.
        seconds: u64,
    },
    /// Seconds that the request may take from now on, where it has no earlier deadline.
    Deadline(u32),
    /// The application that is mounted there.
    App(&'a [u8]),
    /// Another title for the process.
    Title(&'a [u8]),
    /// Something that went wrong.
    Trouble(&'static str),
}

/// How it goes on behind an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteFlow {
    /// It is done.
    Done,
    /// It cannot be done: no such file.
    Failed,
}

/// How a chain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteEnd {
    /// The request goes on.
    Served,
    /// It has its answer, which the surroundings were told.
    Answered,
}

/// A number that is another one each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    /// The next one.
    InTurn,
    /// Any.
    Random,
}

/// An item of a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedItem {
    /// What it holds.
    pub value: Vec<u8>,
    /// When it goes, in seconds since 1970; None: it stays.
    pub expires: Option<i64>,
}

/// A request and its surroundings, as rules see them.
pub trait RouteWorld {
    /// A variable of the request as it is now.
    fn variable(&self, name: &[u8]) -> Option<&[u8]>;
    /// Give a variable another value.
    fn set(&mut self, name: &[u8], value: &[u8]);
    /// Status of the answer; 500 before there is one.
    fn status(&self) -> u16;
    /// Microseconds since 1970.
    fn micros(&self) -> u64;
    /// `${uwsgi[key]}` but for the status.
    fn fact(&self, key: &[u8]) -> Vec<u8>;
    /// The type of a file of this name, if somebody knows one.
    fn mime(&self, path: &[u8]) -> Vec<u8>;
    /// Whether a path is something.
    fn look(&self, path: &[u8], is: PathIs) -> bool;
    /// When a file was changed last, in seconds since 1970.
    fn changed(&self, path: &[u8]) -> Option<i64>;
    /// Whether somebody is in a file of htpasswd(1).
    fn knows(&self, file: &str, user: &[u8], password: &[u8]) -> bool;
    /// An item of a cache (of the first, without a name), if there is one.
    fn cached(&self, cache: &[u8], key: &[u8]) -> Option<CachedItem>;
    /// A number of the application.
    fn metric(&self, name: &[u8]) -> Option<i64>;
    /// A number that is another one each time.
    fn draw(&self, draw: Draw) -> u64;
    /// Run a function of the application; None: there is none, or it gave nothing.
    fn call(&mut self, words: &[Vec<u8>]) -> Option<Vec<u8>>;
    /// Do something.
    fn act(&mut self, effect: RouteEffect<'_>) -> RouteFlow;
}
