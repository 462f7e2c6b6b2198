use super::*;
use crate::{Shared, SharedSpec};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn one(change: impl FnOnce(&mut CacheSpec)) -> Shared {
    let mut spec = CacheSpec::new("c", 4);
    spec.blocksize = 64;
    spec.keysize = 16;
    spec.hashsize = 3;
    change(&mut spec);
    Shared::create(&SharedSpec { caches: vec![spec], ..SharedSpec::default() }).unwrap().0
}

fn get(l: &mut Locked<'_>, key: &[u8]) -> Option<Vec<u8>> {
    l.get(key).map(|f| l.to_vec(f))
}

#[test]
fn what_is_stored_is_found_and_bounds_are_kept() {
    let s = one(|_| ());
    let mut l = s.caches()[0].try_lock().unwrap();
    assert_eq!(l.store(b"a", b"1", 0, Mode::Add), Ok(()));
    assert_eq!(l.store(b"a", b"2", 0, Mode::Add), Err(Refused::Exists));
    assert_eq!(get(&mut l, b"a").unwrap(), b"1");
    assert_eq!(l.store(b"a", b"22", 0, Mode::Replace), Ok(()));
    assert_eq!(get(&mut l, b"a").unwrap(), b"22");
    for (key, value) in [(&b""[..], &b"x"[..]), (b"x", b""), (&[7; 17], b"x")] {
        assert_eq!(l.store(key, value, 0, Mode::Replace), Err(Refused::Unfit));
    }
    assert_eq!(l.store(b"big", &[1; 65], 0, Mode::Replace), Err(Refused::TooLarge));
    assert_eq!(l.store(&[7; 16], &[1; 64], 0, Mode::Replace), Ok(()));
    assert!(l.remove(b"a") && !l.remove(b"a") && !l.exists(b"a"));
    for i in 0..3u8 {
        assert_eq!(l.store(&[i], b"x", 0, Mode::Add), Ok(()));
    }
    assert_eq!(l.store(b"more", b"x", 0, Mode::Add), Err(Refused::Full));
    assert_eq!(l.store(&[1], b"y", 0, Mode::Replace), Ok(()));
    assert_eq!(l.inconsistency(), None);
    l.clear();
    assert!(l.keys().is_empty());
    drop(l);
    let c = s.caches()[0].counters();
    assert_eq!((c.items, c.full, c.recovered), (0, 1, 0));
}

#[test]
fn numbers_count_as_they_do_on_uwsgi() {
    let s = one(|c| c.math_initial = 10);
    let mut l = s.caches()[0].try_lock().unwrap();
    assert_eq!(l.calculate(b"n", Math::Add, 1, 0), Ok(11));
    assert_eq!(l.calculate(b"n", Math::Mul, -3, 0), Ok(-33));
    assert_eq!(l.calculate(b"n", Math::Div, 2, 0), Ok(-16));
    assert_eq!(l.calculate(b"n", Math::Div, 0, 0), Ok(0));
    assert_eq!(l.calculate(b"n", Math::Sub, i64::MIN, 0), Ok(i64::MIN));
    assert_eq!(l.calculate(b"n", Math::Div, -1, 0), Ok(i64::MIN));
    l.store(b"three", b"abc", 0, Mode::Add).unwrap();
    assert_eq!(l.number(b"three"), 0);
    l.calculate(b"three", Math::Add, 1, 0).unwrap();
    assert_eq!(get(&mut l, b"three").unwrap(), b"bbc\0\0\0\0\0");
    l.store(b"nine", b"123456789", 0, Mode::Add).unwrap();
    l.calculate(b"nine", Math::Add, 1, 0).unwrap();
    assert_eq!(get(&mut l, b"nine").unwrap(), b"22345678");
}

#[test]
fn the_least_recently_used_goes_first() {
    let s = one(|c| c.purge_lru = true);
    let mut l = s.caches()[0].try_lock().unwrap();
    for i in 0..4u8 {
        l.store(&[i], b"x", 0, Mode::Add).unwrap();
    }
    assert!(l.exists(&[0]));
    l.store(&[1], b"y", 0, Mode::Replace).unwrap();
    l.store(&[4], b"x", 0, Mode::Add).unwrap();
    l.store(&[5], b"x", 0, Mode::Add).unwrap();
    let mut keys = l.keys();
    keys.sort();
    assert_eq!(keys, [[0], [1], [4], [5]]);
    assert_eq!(l.inconsistency(), None);
}

#[test]
fn an_item_lives_as_long_as_it_was_told() {
    let s = one(|_| ());
    let mut l = s.caches()[0].try_lock().unwrap();
    l.store(b"short", b"x", 5, Mode::Add).unwrap();
    l.store(b"long", b"x", i64::MAX, Mode::Add).unwrap();
    l.calculate(b"n", Math::Add, 1, 5).unwrap();
    // A negative time is over at once (django-uwsgi-cache says so for timeout=0).
    assert_eq!(l.store(b"over", b"x", -1, Mode::Add), Ok(()));
    assert!(!l.exists(b"over"));
    l.now_ms += 4999;
    assert!(l.exists(b"short") && l.exists(b"n"));
    // An update without a time makes it stay; counting does not prolong.
    l.store(b"short", b"y", 0, Mode::Replace).unwrap();
    l.calculate(b"n", Math::Add, 1, 100).unwrap();
    l.now_ms += 1;
    assert!(l.exists(b"short") && l.exists(b"long") && !l.exists(b"n"));
    // What has expired makes room.
    for i in 0..2u8 {
        l.store(&[i], b"x", 1, Mode::Add).unwrap();
    }
    assert_eq!(l.store(b"z", b"x", 0, Mode::Add), Err(Refused::Full));
    l.now_ms += 2000;
    assert_eq!(l.store(b"z", b"x", 0, Mode::Add), Ok(()));
    assert_eq!(l.keys().len(), 3);
    let s = one(|c| c.no_expire = true);
    let mut l = s.caches()[0].try_lock().unwrap();
    l.store(b"a", b"x", 1, Mode::Add).unwrap();
    l.now_ms += 10_000;
    assert!(l.exists(b"a"));
}

#[test]
fn clear_on_full_makes_room() {
    let s = one(|c| c.clear_on_full = true);
    let mut l = s.caches()[0].try_lock().unwrap();
    for i in 0..5u8 {
        l.store(&[i], b"x", 0, Mode::Add).unwrap();
    }
    assert_eq!(l.keys(), [[4]]);
}

/// Whatever stands in the memory: no panic, no endless loop, and order afterwards.
#[test]
fn damage_is_met_with_order() {
    let s = one(|c| (c.bitmap, c.purge_lru, c.blocks) = (true, true, 8));
    let cache = &s.caches()[0];
    let layout = cache.layout;
    let mut seed = 7u64;
    for round in 0..2000 {
        let mut l = cache.try_lock().unwrap();
        for i in 0..4u8 {
            let _ = l.store(&[i], &[i; 100][..1 + i as usize * 20], 0, Mode::Replace);
        }
        for _ in 0..6 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let at =
                layout.header + at::FRESH + (seed >> 33) as usize % (layout.data - layout.header - at::FRESH);
            if at < layout.buckets && at >= layout.header + 256 {
                continue;
            }
            let value = if seed & 1 == 0 { seed as u32 } else { (seed >> 40) as u32 % 6 };
            cache.region.word32(at & !3).store(value, Relaxed);
        }
        for i in 0..4u8 {
            let _ = l.get(&[i]).map(|f| l.to_vec(f));
            let _ = l.calculate(&[i], Math::Add, 1, 0);
        }
        l.recover();
        assert_eq!(l.inconsistency(), None, "round {round}");
        l.clear();
    }
}

#[derive(Debug, Clone)]
enum Op {
    Store(u8, usize, i64, bool),
    Get(u8),
    Exists(u8),
    Remove(u8),
    Count(u8, i64),
    Clear,
    Wait(u64),
    Die,
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..12u8;
    prop_oneof![
        6 => (key.clone(), 1..300usize, prop_oneof![Just(0), 1..20i64], any::<bool>())
            .prop_map(|(k, n, e, r)| Op::Store(k, n, e, r)),
        4 => key.clone().prop_map(Op::Get),
        1 => key.clone().prop_map(Op::Exists),
        2 => key.clone().prop_map(Op::Remove),
        2 => (key, any::<i64>()).prop_map(|(k, n)| Op::Count(k, n)),
        1 => Just(Op::Clear),
        1 => (0..9000u64).prop_map(Op::Wait),
        1 => Just(Op::Die),
    ]
}

proptest! {
    /// The cache against a map. Where there is no room the model cannot know what goes: with LRU it does.
    #[test]
    fn contents_are_those_of_the_model(ops in prop::collection::vec(op(), 1..120), bitmap: bool, lru: bool) {
        let s = one(|c| {
            c.items = 8;
            c.blocks = if bitmap { 40 } else { 8 };
            (c.bitmap, c.purge_lru, c.blocksize) = (bitmap, lru, if bitmap { 32 } else { 300 });
        });
        let cache = &s.caches()[0];
        // Key to value and end; the order of use beside.
        let mut model: BTreeMap<u8, (Vec<u8>, u64)> = BTreeMap::new();
        let mut used: Vec<u8> = Vec::new();
        let mut late = 0;
        for op in ops {
            let mut l = cache.try_lock().unwrap();
            l.now_ms += late;
            let now = l.now_ms;
            model.retain(|_, (_, end)| *end == 0 || *end > now);
            used.retain(|k| model.contains_key(k));
            let touch = |used: &mut Vec<u8>, k: u8| {
                used.retain(|u| *u != k);
                used.push(k);
            };
            match op {
                Op::Store(k, n, seconds, replace) => {
                    let value = vec![k ^ n as u8; n];
                    let mode = if replace { Mode::Replace } else { Mode::Add };
                    let had = model.contains_key(&k);
                    match l.store(&[k], &value, seconds, mode) {
                        Ok(()) => {
                            prop_assert!(replace || !had);
                            let end = if seconds == 0 { 0 } else { now + seconds as u64 * 1000 };
                            model.insert(k, (value, end));
                            touch(&mut used, k);
                        }
                        Err(Refused::Exists) => prop_assert!(had && !replace),
                        Err(Refused::Full) => prop_assert!(!lru || had || bitmap),
                        Err(e) => prop_assert!(false, "{e:?}"),
                    }
                }
                Op::Get(k) | Op::Exists(k) => {
                    prop_assert_eq!(get(&mut l, &[k]), model.get(&k).map(|(v, _)| v.clone()));
                    if model.contains_key(&k) {
                        touch(&mut used, k);
                    }
                }
                Op::Remove(k) => prop_assert_eq!(l.remove(&[k]), model.remove(&k).is_some()),
                Op::Count(k, n) => {
                    let before = model.get(&k).map(|(v, _)| {
                        let mut b = [0; 8];
                        let m = v.len().min(8);
                        b[..m].copy_from_slice(&v[..m]);
                        i64::from_le_bytes(b)
                    });
                    if let Ok(result) = l.calculate(&[k], Math::Add, n, 0) {
                        prop_assert_eq!(result, before.unwrap_or(0).wrapping_add(n));
                        let end = model.get(&k).map_or(0, |(_, e)| *e);
                        model.insert(k, (result.to_le_bytes().to_vec(), end));
                        touch(&mut used, k);
                    }
                }
                Op::Clear => {
                    l.clear();
                    model.clear();
                }
                Op::Wait(ms) => late += ms,
                Op::Die => l.recover(),
            }
            // What went to make room is gone from the model too, and was the oldest.
            let keys: Vec<u8> = l.keys().iter().map(|k| k[0]).collect();
            let gone: Vec<u8> = model.keys().copied().filter(|k| !keys.contains(k)).collect();
            if !lru {
                prop_assert!(gone.is_empty(), "{:?} went", gone);
            }
            for k in &gone {
                let place = used.iter().position(|u| u == k);
                let oldest_kept = used.iter().position(|u| keys.contains(u));
                prop_assert!(oldest_kept.is_none() || place < oldest_kept, "{k} went before an older one");
                model.remove(k);
            }
            used.retain(|k| keys.contains(k));
            prop_assert_eq!(keys.len(), model.len());
            prop_assert_eq!(l.inconsistency(), None);
        }
    }
}
