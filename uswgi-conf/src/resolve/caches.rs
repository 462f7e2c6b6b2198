//! `cache2` and its older form `cache`: from `name=...,items=...` to the numbers of a cache. Pure.
//!
//! Keys and what they mean were observed on uWSGI 2.0.31: a switch is on when it is there, whatever its value.

use super::draft::Draft;
use super::value::written;
use crate::diag::shown;
use crate::expand::{Applied, placeholder};
use crate::startup::{CacheItem, CacheValue};
use uswgi_proto::shared::CacheSpec;

/// `key=value` pairs between commas; a backslash makes the next byte plain.
fn pairs(text: &str) -> Vec<(String, Option<String>)> {
    let mut all = Vec::new();
    let (mut key, mut value): (String, Option<String>) = (String::new(), None);
    let mut escaped = false;
    for c in text.chars() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            ',' if !escaped => all.push((std::mem::take(&mut key), value.take())),
            '=' if !escaped && value.is_none() => value = Some(String::new()),
            _ => value.as_mut().unwrap_or(&mut key).push(c),
        }
        escaped = false;
    }
    all.push((key, value));
    all.retain(|(k, v)| !k.is_empty() || v.is_some());
    all
}

/// Keys that change nothing here.
const HARMLESS: [&str; 9] = [
    "hash",
    "lastmod",
    "lazy",
    "lazy_expire",
    "sweep_on_full",
    "store_sync",
    "store_delete",
    "ignore_full",
    "use_sendfile",
];

/// One cache.
pub(super) fn cache2(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let mut spec = CacheSpec::new("", 0);
    let mut blocks = None;
    let mut named = false;
    for (key, value) in pairs(&text) {
        let text = value.clone().unwrap_or_default();
        let mut number = || {
            let n = placeholder::number(text.as_bytes());
            if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
                let message = format!("cache2: {key}={}: only {n} counts", shown(text.as_bytes()));
                d.said.warning(a, "number-rest", message).help =
                    Some("write a plain number: units are not read".into());
            }
            u64::try_from(n).unwrap_or(0)
        };
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        match key.as_str() {
            "name" => {
                named = value.is_some();
                spec.name = text;
            }
            "items" | "maxitems" | "max_items" => spec.items = small(number()),
            "blocksize" => spec.blocksize = number(),
            "blocks" => blocks = Some(small(number())),
            "hashsize" => spec.hashsize = small(number()),
            "keysize" => spec.keysize = small(number()),
            "math_initial" => spec.math_initial = placeholder::number(text.as_bytes()),
            "bitmap" => spec.bitmap = true,
            "purge_lru" | "lru" => spec.purge_lru = true,
            "clear_on_full" => spec.clear_on_full = true,
            "no_expire" => spec.no_expire = true,
            "ignore_full" => spec.ignore_full = true,
            "store" => refused(
                d,
                a,
                &key,
                "a cache lives in memory here: it survives reloads, not a restart; use redis for what must last",
            ),
            "node" | "nodes" | "sync" | "udp" | "udp_server" | "udp_servers" | "udpserver" | "udpservers" => {
                refused(
                    d,
                    a,
                    &key,
                    "a cache belongs to one instance here; use redis or memcached between machines",
                );
            }
            k if HARMLESS.contains(&k) => {}
            _ => {
                let message = format!("cache2 knows no {}; it is ignored", shown(key.as_bytes()));
                d.said.warning(a, "unknown-key", message).help = Some(
                    "its keys: name items blocksize blocks hashsize keysize bitmap purge_lru clear_on_full no_expire ignore_full math_initial".into(),
                );
            }
        }
    }
    spec.blocks = blocks.filter(|n| *n > 0).unwrap_or(spec.items);
    let wrong = if !named {
        Some("names no cache: add name=...".to_string())
    } else if spec.items == 0 {
        Some("holds nothing: add items=N".to_string())
    } else if spec.name.contains('@') {
        Some("has a name with @, which means another machine".to_string())
    } else {
        unfit(&spec)
    };
    match wrong {
        Some(wrong) => bad(d, a, &wrong),
        None if d.instance.shared.caches.iter().any(|c| c.name == spec.name) => {
            bad(d, a, "has the name of a cache before it, which would never be found");
        }
        None => d.instance.shared.caches.push(spec),
    }
}

/// Numbers that make no cache.
fn unfit(spec: &CacheSpec) -> Option<String> {
    let zero =
        [("blocksize", spec.blocksize), ("hashsize", spec.hashsize.into()), ("keysize", spec.keysize.into())];
    if let Some((key, _)) = zero.into_iter().find(|(_, n)| *n == 0) {
        return Some(format!("has {key}=0"));
    }
    if spec.blocks < spec.items {
        return Some(format!("has fewer blocks ({}) than items ({})", spec.blocks, spec.items));
    }
    None
}

fn bad(d: &mut Draft, a: &Applied, wrong: &str) {
    d.said.error(a, "bad-cache", format!("{} {wrong}", written(a))).help =
        Some("write cache2 = name=NAME,items=N".into());
}

fn refused(d: &mut Draft, a: &Applied, key: &str, instead: &str) {
    let said = if d.allowed {
        let message = format!("cache2: {key} is not supported and has no effect (allow-unsupported)");
        d.said.warning(a, "unsupported", message)
    } else {
        d.said.error(a, "unsupported", format!("cache2: {key} is not supported"))
    };
    said.help = Some(instead.into());
}

/// `add-cache-item = [CACHE ]NAME=VALUE`, `load-file-in-cache = [CACHE ]FILE`. The cache is the first one where none is named.
pub(super) fn filled(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let named = text.split_once(' ').filter(|(cache, _)| !cache.contains('='));
    let (cache, rest) = named.map_or(("", text.as_str()), |(cache, rest)| (cache, rest.trim_start()));
    let (key, value) = match (a.fact.name, rest.split_once('=')) {
        ("load-file-in-cache", _) => (rest, CacheValue::File(rest.into())),
        ("load-file-in-cache-gzip", _) => (rest, CacheValue::Compressed(rest.into())),
        (_, Some((key, value))) => (key, CacheValue::Text(value.into())),
        (_, None) => return d.said.bad(a, "is no item", "write NAME=VALUE, or CACHE NAME=VALUE"),
    };
    let item = CacheItem { option: written(a), cache: cache.into(), key: key.into(), value };
    d.items.push((item, a.clone()));
}

/// Give each item its cache.
fn fill(d: &mut Draft) {
    for (mut item, a) in std::mem::take(&mut d.items) {
        let caches = &d.instance.shared.caches;
        let found = caches.iter().find(|c| item.cache.is_empty() || c.name == item.cache);
        match found.map(|c| c.name.clone()) {
            Some(name) => {
                item.cache = name;
                d.instance.startup.items.push(item);
            }
            None if caches.is_empty() => {
                let message = format!("{} has no effect: there is no cache", item.option);
                d.said.warning(&a, "no-effect", message).help = Some("add cache2 = name=NAME,items=N".into());
            }
            None => {
                let what = format!("there is no cache {:?}", item.cache);
                d.said.bad(&a, &what, "name one of cache2, or none for the first");
            }
        }
    }
}

/// The older form: `cache = N` is a cache named `default`, in front of all others.
pub(super) fn finish(d: &mut Draft) {
    older(d);
    fill(d);
}

fn older(d: &mut Draft) {
    let Some(items) = d.cache_items.filter(|n| *n > 0) else { return };
    let mut spec = CacheSpec::new("default", u32::try_from(items).unwrap_or(u32::MAX));
    spec.blocksize = d.cache_blocksize.filter(|n| *n > 0).unwrap_or(spec.blocksize);
    spec.no_expire = d.cache_no_expire;
    d.instance.shared.caches.retain(|c| c.name != spec.name);
    d.instance.shared.caches.insert(0, spec);
}

#[cfg(test)]
mod tests {
    use crate::expand::{Mode, expand};
    use crate::resolve::{Resolved, resolve};
    use crate::startup::CacheValue;
    use uswgi_proto::shared::CacheSpec;

    fn resolved(args: &[&str]) -> Resolved {
        let args: Vec<Vec<u8>> = args.iter().map(|a| a.as_bytes().to_vec()).collect();
        let (e, result) = expand(&args, &[], Mode::default());
        assert!(result.is_ok());
        resolve(&e)
    }

    fn codes(args: &[&str]) -> Vec<&'static str> {
        let codes = resolved(args).diagnostics.into_iter().map(|d| d.code);
        codes.filter(|c| !matches!(*c, "no-socket" | "no-app")).collect()
    }

    #[test]
    fn a_cache_has_uwsgis_defaults_and_what_is_said() {
        let r = resolved(&[
            "--cache2",
            "name=a,items=100",
            "--cache2",
            "name=b\\,c,max_items=5,blocks=50,blocksize=100,bitmap=0,lru=0,hashsize=7,keysize=9,math_initial=-3",
            "--locks",
            "3",
        ]);
        let c = &r.instance.shared.caches;
        assert_eq!(c[0], CacheSpec::new("a", 100));
        assert_eq!((c[1].name.as_str(), c[1].items, c[1].blocks, c[1].blocksize), ("b,c", 5, 50, 100));
        assert_eq!((c[1].bitmap, c[1].purge_lru, c[1].hashsize, c[1].keysize), (true, true, 7, 9));
        assert_eq!((c[1].math_initial, r.instance.shared.locks), (-3, 3));
        // What is shown means the same when it is read.
        let again = resolved(&["--cache2", &crate::written::cache(&c[1])]);
        assert_eq!(again.instance.shared.caches[0], c[1]);
    }

    #[test]
    fn the_older_form_is_the_default_cache() {
        let r = resolved(&["--cache2", "name=x,items=5", "--cache", "10", "--cache-blocksize", "100"]);
        let c = &r.instance.shared.caches;
        assert_eq!((c[0].name.as_str(), c[0].items, c[0].blocksize), ("default", 10, 100));
        assert_eq!(c[1].name, "x");
    }

    #[test]
    fn what_a_cache_holds_from_the_start_is_in_it_or_said() {
        let two = ["--cache2", "name=a,items=5", "--cache2", "name=b,items=5"];
        let of = |args: &[&str]| resolved(&[&two[..], args].concat());
        let r = of(&[
            "--add-cache-item",
            "k=v w",
            "--add-cache-item",
            "b x=y=z",
            "--load-file-in-cache",
            "b f.html",
        ]);
        let items: Vec<_> = r
            .instance
            .startup
            .items
            .iter()
            .map(|i| (i.cache.as_str(), i.key.as_str(), i.value.clone()))
            .collect();
        let text = |t: &str| CacheValue::Text(t.into());
        assert_eq!(items[..2], [("a", "k", text("v w")), ("b", "x", text("y=z"))]);
        assert_eq!(items[2], ("b", "f.html", CacheValue::File("f.html".into())));
        let codes = |r: Resolved| r.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>();
        assert!(codes(of(&["--add-cache-item", "c k=v"])).contains(&"bad-value"));
        assert!(codes(of(&["--add-cache-item", "novalue"])).contains(&"bad-value"));
        assert!(codes(resolved(&["--add-cache-item", "k=v"])).contains(&"no-effect"));
    }

    #[test]
    fn what_makes_no_cache_is_said() {
        for wrong in [
            "items=4",
            "name=x",
            "name=x,items=0",
            "name=x,items=4,blocks=3",
            "name=x,items=4,hashsize=0",
            "name=x,items=4,keysize=0",
            "name=x@h,items=4",
        ] {
            assert_eq!(codes(&["--cache2", wrong]), ["bad-cache"], "{wrong}");
        }
        assert_eq!(codes(&["--cache2", "name=x,items=4,store=f"]), ["unsupported"]);
        assert_eq!(codes(&["--cache2", "name=x,items=4,nodes=h"]), ["unsupported"]);
        assert_eq!(codes(&["--cache2", "name=x,items=4,foo=1"]), ["unknown-key"]);
        assert_eq!(codes(&["--cache2", "name=x,items=4k"]), ["number-rest"]);
        assert_eq!(codes(&["--cache2", "name=x,items=4", "--cache2", "name=x,items=4"]), ["bad-cache"]);
        assert_eq!(codes(&["--cache2", "name=x,items=4,hash=murmur2,lazy_expire=1"]), [""; 0]);
        let allowed = resolved(&["--allow-unsupported", "--cache2", "name=x,items=4,store=f"]);
        assert_eq!(allowed.instance.shared.caches.len(), 1);
        assert!(
            allowed
                .diagnostics
                .iter()
                .all(|d| d.code != "unsupported" || d.severity == crate::diag::Severity::Warning)
        );
    }
}
