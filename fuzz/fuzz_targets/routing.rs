//! Any text as rules, any variables as a request: no panic, an end, and never a line break in what becomes a head.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uswgi_proto::routing::{
    CachedItem, Draw, PathIs, RouteChain, RouteEffect, RouteFlow, RouteLine, RouteTable, RouteWorld,
};

struct World<'a>(Vec<(Vec<u8>, Vec<u8>)>, &'a [u8]);

impl RouteWorld for World<'_> {
    fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        self.0.iter().rev().find(|(n, _)| n == name).map_or(Some(self.1), |(_, value)| Some(value))
    }
    fn set(&mut self, name: &[u8], value: &[u8]) {
        self.0.push((name.to_vec(), value.to_vec()));
    }
    fn status(&self) -> u16 {
        500
    }
    fn micros(&self) -> u64 {
        u64::MAX
    }
    fn fact(&self, key: &[u8]) -> Vec<u8> {
        key.to_vec()
    }
    fn mime(&self, path: &[u8]) -> Vec<u8> {
        path.to_vec()
    }
    fn look(&self, path: &[u8], _: PathIs) -> bool {
        path.len() % 2 == 0
    }
    fn changed(&self, path: &[u8]) -> Option<i64> {
        path.first().map(|b| i64::from(*b) << 56)
    }
    fn cached(&self, _: &[u8], key: &[u8]) -> Option<CachedItem> {
        let expires = key.first().map(|b| i64::from(*b) << 56);
        (key.len() % 2 == 0).then(|| CachedItem { value: key.to_vec(), expires })
    }

    fn draw(&self, _: Draw) -> u64 {
        u64::MAX
    }

    fn call(&mut self, words: &[Vec<u8>]) -> Option<Vec<u8>> {
        (words.len() % 2 == 0).then(|| words.concat())
    }

    fn metric(&self, name: &[u8]) -> Option<i64> {
        (name.len() % 2 == 0).then_some(-1)
    }

    fn knows(&self, _: &str, user: &[u8], password: &[u8]) -> bool {
        user == password
    }
    fn act(&mut self, effect: RouteEffect<'_>) -> RouteFlow {
        let plain = |line: &[u8]| assert!(!line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
        match effect {
            RouteEffect::AddHeader(line) => plain(line),
            RouteEffect::ClearHeaders(_, line) => plain(line),
            RouteEffect::Answer(answer) => {
                plain(&answer.status_text);
                assert_eq!(answer.lines.iter().filter(|b| **b == b'\n').count() as u32, answer.count);
            }
            RouteEffect::File { status_text, .. } => {
                plain(status_text);
                return RouteFlow::Failed;
            }
            _ => {}
        }
        RouteFlow::Done
    }
}

fuzz_target!(|data: &[u8]| {
    let (text, subject) = data.split_at(data.iter().position(|b| *b == 0).unwrap_or(data.len()));
    let Ok(text) = std::str::from_utf8(text) else { return };
    let lines: Vec<RouteLine> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(option, text)| RouteLine { option: option.into(), text: text.into() })
        .collect();
    let Ok(table) = RouteTable::compile(&lines) else { return };
    let mut world = World(Vec::new(), subject);
    for (chain, _) in RouteChain::ALL {
        table.run(chain, &mut world);
    }
});
