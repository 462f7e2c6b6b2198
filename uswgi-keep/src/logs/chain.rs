//! Which logger gets a text, and in which form. Pure: it names outputs by number and never writes.
//!
//! The rules are uWSGI's: `log-drain` drops, then `log-filter` keeps; a text that routes match goes to
//! their loggers only; every other one goes to the loggers without a name; where there is none, to the log that
//! the instance would have without loggers. Request lines take part in the same game unless they have loggers
//! of their own.
#![forbid(unsafe_code)]

use super::encode::Encoder;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use uswgi_proto::logs::routing::{LogRouting, Stream};

/// The output that every instance has.
pub const DEFAULT: usize = 0;

/// Loggers and rules for one kind of texts.
struct Chain {
    /// Whether it names the logger, its output, what is done to its texts.
    loggers: Vec<(bool, usize, Vec<Encoder>)>,
    /// Pattern, index of a logger.
    routes: Vec<(Regex, usize)>,
    /// For the default output.
    plain: Vec<Encoder>,
}

/// All rules.
pub struct Routes {
    messages: Chain,
    requests: Option<Chain>,
    filters: Option<RegexSet>,
    drains: Option<RegexSet>,
}

fn pattern(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).unicode(false).build()
}

fn set(patterns: &[String]) -> Result<Option<RegexSet>, regex::Error> {
    if patterns.is_empty() {
        Ok(None)
    } else {
        RegexSetBuilder::new(patterns).unicode(false).build().map(Some)
    }
}

impl Chain {
    /// The outputs of its loggers count from `first`.
    fn new(stream: &Stream, first: usize) -> Result<Chain, regex::Error> {
        let encoders = |name: Option<&str>| -> Vec<Encoder> {
            let meant = stream.encoders.iter().filter(|e| e.logger.is_none() || e.logger.as_deref() == name);
            meant.filter_map(|e| Encoder::compile(&e.encoding)).collect()
        };
        let loggers = stream.loggers.iter().enumerate();
        let loggers =
            loggers.map(|(i, l)| (l.name.is_some(), first + i, encoders(l.name.as_deref()))).collect();
        let mut routes = Vec::new();
        for route in &stream.routes {
            let named =
                |l: &uswgi_proto::logs::routing::Logger| l.name.as_deref() == Some(route.logger.as_str());
            for (i, _) in stream.loggers.iter().enumerate().filter(|(_, l)| named(l)) {
                routes.push((pattern(&route.pattern)?, i));
            }
        }
        Ok(Chain { loggers, routes, plain: encoders(None) })
    }

    fn deliver(&self, text: &[u8], now: (i64, u32), put: &mut impl FnMut(usize, &[u8])) {
        let encoded = |encoders: &[Encoder]| {
            encoders.iter().fold(text.to_vec(), |text, encoder| encoder.apply(&text, now))
        };
        let mut give = |(_, output, encoders): &(bool, usize, Vec<Encoder>)| match encoders.as_slice() {
            [] => put(*output, text),
            some => put(*output, &encoded(some)),
        };
        let mut routed = false;
        for (_, logger) in self.routes.iter().filter(|(pattern, _)| pattern.is_match(text)) {
            give(&self.loggers[*logger]);
            routed = true;
        }
        if routed {
            return;
        }
        let mut plain = true;
        for logger in self.loggers.iter().filter(|(named, ..)| !named) {
            give(logger);
            plain = false;
        }
        if plain {
            match self.plain.as_slice() {
                [] => put(DEFAULT, text),
                some => put(DEFAULT, &encoded(some)),
            }
        }
    }
}

impl Routes {
    /// The outputs are: the default one, those of the message loggers in order, those of the request loggers.
    pub fn new(logs: &LogRouting) -> Result<Routes, regex::Error> {
        let requests = match logs.requests.loggers.is_empty() {
            true => None,
            false => Some(Chain::new(&logs.requests, DEFAULT + 1 + logs.messages.loggers.len())?),
        };
        Ok(Routes {
            messages: Chain::new(&logs.messages, DEFAULT + 1)?,
            requests,
            filters: set(&logs.filters)?,
            drains: set(&logs.drains)?,
        })
    }

    /// Give a text, without its line break, to `put` with the number of each output it goes to.
    pub fn deliver(&self, request: bool, text: &[u8], now: (i64, u32), mut put: impl FnMut(usize, &[u8])) {
        if let (true, Some(chain)) = (request, &self.requests) {
            return chain.deliver(text, now, &mut put);
        }
        let dropped = self.drains.as_ref().is_some_and(|set| set.is_match(text))
            || self.filters.as_ref().is_some_and(|set| !set.is_match(text));
        if !dropped {
            self.messages.deliver(text, now, &mut put);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_proto::logs::routing::{self, Encoding, Logger, LoggerTarget, Route};

    fn logger(name: &str) -> Logger {
        Logger { name: (!name.is_empty()).then(|| name.into()), target: LoggerTarget::Stdio }
    }

    fn stream(loggers: &[&str], routes: &[(&str, &str)]) -> Stream {
        Stream {
            loggers: loggers.iter().map(|l| logger(l)).collect(),
            encoders: Vec::new(),
            routes: routes.iter().map(|(l, p)| Route { logger: (*l).into(), pattern: (*p).into() }).collect(),
        }
    }

    fn go(logs: &LogRouting, request: bool, text: &str) -> Vec<(usize, String)> {
        let mut all = Vec::new();
        let put = |output, text: &[u8]| all.push((output, String::from_utf8_lossy(text).into_owned()));
        Routes::new(logs).unwrap().deliver(request, text.as_bytes(), (0, 0), put);
        all
    }

    fn to(logs: &LogRouting, request: bool, text: &str) -> Vec<usize> {
        go(logs, request, text).into_iter().map(|(output, _)| output).collect()
    }

    #[test]
    fn routes_win_and_the_rest_goes_to_the_nameless() {
        let logs = LogRouting {
            messages: stream(&["", "a", "b", ""], &[("a", "^x"), ("b", "y$"), ("ghost", "z")]),
            requests: stream(&["r"], &[("r", " 500 ")]),
            ..LogRouting::default()
        };
        assert_eq!(to(&logs, false, "plain"), [1, 4]);
        assert_eq!(to(&logs, false, "x"), [2]);
        assert_eq!(to(&logs, false, "x y"), [2, 3]);
        assert_eq!(to(&logs, false, "z"), [1, 4]);
        assert_eq!(to(&logs, true, "GET 500 a"), [5]);
        // No nameless request logger: the log of the instance.
        assert_eq!(to(&logs, true, "x"), [DEFAULT]);
        assert_eq!(to(&LogRouting::default(), true, "x"), [DEFAULT]);
    }

    #[test]
    fn filters_keep_and_drains_drop() {
        let logs = LogRouting {
            filters: vec!["keep".into()],
            drains: vec!["noise".into()],
            ..LogRouting::default()
        };
        assert_eq!(to(&logs, false, "keep me"), [DEFAULT]);
        assert_eq!(to(&logs, true, "keep noise"), [0; 0]);
        assert_eq!(to(&logs, false, "other"), [0; 0]);
        let apart = LogRouting { requests: stream(&[""], &[]), ..logs };
        assert_eq!(
            to(&apart, true, "noise"),
            [1],
            "request lines with loggers of their own are no part of it"
        );
    }

    #[test]
    fn encoders_are_for_all_or_for_one() {
        let encoder = |logger: Option<&str>, text: &str| routing::EncoderSpec {
            logger: logger.map(Into::into),
            encoding: Encoding::Prefix(text.into()),
        };
        let mut messages = stream(&["", "a"], &[("a", "x")]);
        messages.encoders = vec![encoder(None, "1"), encoder(Some("a"), "2")];
        let logs = LogRouting { messages, ..LogRouting::default() };
        assert_eq!(go(&logs, false, "-"), [(1, "1-".to_string())]);
        assert_eq!(go(&logs, false, "x"), [(2, "21x".to_string())]);
        let mut messages = stream(&[], &[]);
        messages.encoders = vec![encoder(None, "1")];
        assert_eq!(
            go(&LogRouting { messages, ..LogRouting::default() }, true, "r"),
            [(DEFAULT, "1r".to_string())]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_matched_too() {
        let logs = LogRouting { drains: vec!["^a.c$".into()], ..LogRouting::default() };
        let mut count = 0;
        Routes::new(&logs).unwrap().deliver(false, b"a\xffc", (0, 0), |_, _| count += 1);
        assert_eq!(count, 0);
    }
}
