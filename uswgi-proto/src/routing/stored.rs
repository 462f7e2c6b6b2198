//! Actions on what the processes of an instance share: caches and numbers. Forms and results as observed on uWSGI 2.0.31.

use super::act::Onward;
use super::action::{RouteAction, bad};
use super::pattern::RouteGroups;
use super::wording::Wording;
use super::{RouteEffect, RouteEnd, RouteError, RouteFlow, RouteMath, RouteWorld, WholeAnswer};

/// An item of a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteItem {
    /// Name of the cache; none: the first.
    pub cache: Vec<u8>,
    /// Name of the item.
    pub key: Wording,
}

/// What is done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredAction {
    /// It is the answer; without it, the next rule.
    Answer {
        /// Its type; none: by its name, where somebody knows one.
        content_type: Option<Vec<u8>>,
        /// Its coding.
        encoding: Vec<u8>,
    },
    /// It becomes a variable of the request.
    Variable(Vec<u8>),
    /// It gets a value, for so many seconds (0: for good).
    Set(Wording, u64),
    /// It is a number, and changes.
    Calculate(RouteMath, Wording, u64),
    /// It becomes the body of the answer, for so many seconds (0: for good).
    Keep(u64),
}

impl StoredAction {
    /// Whether it comes before a body is sent, or too late.
    pub(super) fn is_of_a_body(&self) -> bool {
        matches!(self, StoredAction::Keep(_))
    }
}

/// Read one of a name; None: it is none of these.
pub(super) fn read(name: &str, argument: &str) -> Result<Option<RouteAction>, RouteError> {
    let math = |name: &str| match name {
        "inc" => Some(RouteMath::Add),
        "dec" => Some(RouteMath::Sub),
        "mul" => Some(RouteMath::Mul),
        "div" => Some(RouteMath::Div),
        _ => None,
    };
    if let Some(of) = name.strip_prefix("metric") {
        let Some(math) = math(of).or((of == "set").then_some(RouteMath::Set)) else { return Ok(None) };
        let (metric, value) = argument.split_once(',').unwrap_or((argument, ""));
        if metric.is_empty() || (value.is_empty() && !matches!(math, RouteMath::Add | RouteMath::Sub)) {
            return Err(bad("metric", "write metricinc:NAME or metricset:NAME,VALUE"));
        }
        let value = Wording::read(if value.is_empty() { b"1" } else { value.as_bytes() })?;
        return Ok(Some(RouteAction::Metric(metric.into(), math, value)));
    }
    let Some(of) = name.strip_prefix("cache") else { return Ok(None) };
    let action = match of {
        "" | "set" | "var" | "store" | "-store" => None,
        of => match math(of) {
            None => return Ok(None),
            some => some,
        },
    };
    let said = Said::read(argument)?;
    let value = || said.value.clone().ok_or_else(|| bad("cacheset", "write key=NAME,value=TEXT"));
    let what = match (of, action) {
        (_, Some(math)) => {
            let value = said.value.clone().map_or_else(|| Wording::read(b"1"), Ok)?;
            StoredAction::Calculate(math, value, said.expires)
        }
        ("set", _) => StoredAction::Set(value()?, said.expires),
        ("store" | "-store", _) => StoredAction::Keep(said.expires),
        ("var", _) => {
            let form = || bad("cachevar", "write key=NAME,var=VARIABLE");
            StoredAction::Variable(said.variable.clone().ok_or_else(form)?)
        }
        _ => StoredAction::Answer {
            content_type: match (&said.content_type, said.by_name) {
                (Some(kind), _) => Some(kind.clone()),
                (None, true) => None,
                (None, false) => Some(b"text/html".to_vec()),
            },
            encoding: said.encoding.clone(),
        },
    };
    let key = said.key.ok_or_else(|| bad("cache", "write key=NAME"))?;
    Ok(Some(RouteAction::Stored(RouteItem { cache: said.cache, key }, Box::new(what))))
}

/// `key=NAME,name=CACHE,...`.
#[derive(Default)]
struct Said {
    key: Option<Wording>,
    value: Option<Wording>,
    variable: Option<Vec<u8>>,
    cache: Vec<u8>,
    expires: u64,
    content_type: Option<Vec<u8>>,
    encoding: Vec<u8>,
    by_name: bool,
}

impl Said {
    fn read(argument: &str) -> Result<Said, RouteError> {
        let mut said = Said::default();
        for item in argument.split(',') {
            let (key, value) = item.split_once('=').unwrap_or((item, ""));
            match key {
                "key" => said.key = Some(Wording::read(value.as_bytes())?),
                "value" => said.value = Some(Wording::read(value.as_bytes())?),
                "var" => said.variable = Some(value.into()).filter(|v: &Vec<u8>| !v.is_empty()),
                "name" => said.cache = value.into(),
                "content_type" => said.content_type = Some(value.into()),
                "content_encoding" => said.encoding = value.into(),
                "expires" => {
                    let form = |_| bad("cache", format!("expires={value} is no number of seconds"));
                    said.expires = value.parse().map_err(form)?;
                }
                "mime" => said.by_name = true,
                // A length is known always, and nothing has to be taken off the lane: it is in memory.
                "no_content_length" | "no_cl" | "no_offload" => {}
                other => return Err(bad("cache", format!("there is no {other:?}"))),
            }
        }
        let lines = [said.content_type.as_deref().unwrap_or_default(), &said.encoding];
        match lines.iter().any(|text| text.contains(&b'\n')) {
            true => Err(bad("cache", "a line ends in it")),
            false => Ok(said),
        }
    }
}

/// Do it.
pub(super) fn run<W: RouteWorld>(
    item: &RouteItem,
    what: &StoredAction,
    groups: &RouteGroups,
    world: &mut W,
) -> Onward {
    let (cache, key) = (&item.cache[..], item.key.fill(groups, world));
    let done = match what {
        StoredAction::Answer { content_type, encoding } => {
            let Some(item) = world.cached(cache, &key) else { return Onward::Next };
            let kind = match content_type {
                Some(kind) => kind.clone(),
                None => {
                    Some(world.mime(&key)).filter(|m| !m.is_empty()).unwrap_or_else(|| b"text/html".into())
                }
            };
            let mut lines = [b"Content-Type: ", &kind[..], b"\r\n"].concat();
            let mut count = 1;
            if !encoding.is_empty() {
                lines.extend([b"Content-Encoding: ", &encoding[..], b"\r\n"].concat());
                count += 1;
            }
            if let Some(second) = item.expires {
                lines.extend(format!("Expires: {}\r\n", super::values::http_date(second)).as_bytes());
                count += 1;
            }
            let (status, status_text, body) = (200, b"200 OK".to_vec(), item.value);
            world.act(RouteEffect::Answer(WholeAnswer { status, status_text, lines, count, body }));
            return Onward::End(RouteEnd::Answered);
        }
        StoredAction::Variable(name) => {
            if let Some(item) = world.cached(cache, &key) {
                world.set(name, &item.value);
            }
            RouteFlow::Done
        }
        StoredAction::Set(value, seconds) => {
            let value = value.fill(groups, world);
            world.act(RouteEffect::CacheSet { cache, key: &key, value: &value, seconds: *seconds })
        }
        StoredAction::Keep(seconds) => world.act(RouteEffect::Keep { cache, key: &key, seconds: *seconds }),
        StoredAction::Calculate(math, value, seconds) => {
            let n = number(&value.fill(groups, world));
            world.act(RouteEffect::CacheMath { cache, key: &key, math: *math, n, seconds: *seconds })
        }
    };
    onward(done, world)
}

/// Change a number of the application (`metric`).
pub(super) fn metric<W: RouteWorld>(
    name: &str,
    math: RouteMath,
    value: &Wording,
    groups: &RouteGroups,
    world: &mut W,
) -> Onward {
    let n = number(&value.fill(groups, world));
    let done = world.act(RouteEffect::Metric { name, math, n });
    onward(done, world)
}

/// What cannot be done ends the request.
fn onward<W: RouteWorld>(done: RouteFlow, world: &mut W) -> Onward {
    match done {
        RouteFlow::Done => Onward::Next,
        RouteFlow::Failed => {
            world.act(RouteEffect::Close);
            Onward::End(RouteEnd::Answered)
        }
    }
}

fn number(text: &[u8]) -> i64 {
    std::str::from_utf8(text).ok().and_then(|t| t.trim().parse().ok()).unwrap_or(0)
}
