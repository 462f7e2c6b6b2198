//! Processes that hammer one memory and are killed with SIGKILL at random moments: the others never see half a
//! value, never meet two holders of one lock, and never wait for the dead. Children are this very program, with the
//! memory as their standard input; each says what it did not like by its exit code.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use uswgi_shared::cache::{Cache, Math, Mode, Refused};
use uswgi_shared::locks::Taken;
use uswgi_shared::{CacheSpec, Shared, SharedSpec};

const CHILDREN: usize = 5;
const KILLS: usize = 400;
const PATIENCE: Duration = Duration::from_secs(60);

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }
}

/// A value that shows by itself whether it is whole: its length twice, then one byte again and again.
fn value(random: &mut Random) -> Vec<u8> {
    let length = 5 + random.below(3000);
    let mut v = vec![random.below(256) as u8; length as usize];
    v[..4].copy_from_slice(&(length as u32).to_le_bytes());
    v
}

fn whole(v: &[u8]) -> bool {
    v.len() >= 5 && v[..4] == (v.len() as u32).to_le_bytes() && v[4..].iter().all(|b| *b == v[4])
}

fn spec() -> SharedSpec {
    let mut plain = CacheSpec::new("plain", 40);
    plain.blocksize = 4096;
    plain.hashsize = 16;
    let mut bits = CacheSpec::new("bits", 40);
    (bits.blocksize, bits.blocks, bits.bitmap, bits.purge_lru) = (64, 600, true, true);
    let mut small = CacheSpec::new("small", 8);
    small.blocksize = 64;
    SharedSpec { locks: 2, caches: vec![plain, bits, small], ..SharedSpec::default() }
}

fn locked<T>(cache: &Cache, f: impl FnOnce(&mut uswgi_shared::cache::Locked<'_>) -> T) -> T {
    let before = Instant::now();
    loop {
        if let Some(mut l) = cache.lock_within(Duration::from_millis(100)) {
            return f(&mut l);
        }
        if before.elapsed() > PATIENCE {
            std::process::exit(12);
        }
    }
}

fn child(seed: u64) -> i32 {
    let Ok(shared) = Shared::adopt(std::io::stdin().as_fd()) else { return 10 };
    let mut random = Random(seed);
    loop {
        let cache = &shared.caches()[random.below(2) as usize];
        let key = [b'k', random.below(60) as u8];
        let (what, v) = (random.below(10), value(&mut random));
        let fine = locked(cache, |l| match what {
            0..=4 => l.store(&key, &v, random.below(3) as i64, Mode::Replace) != Err(Refused::Unfit),
            5..=7 => l.get(&key).map(|f| l.to_vec(f)).is_none_or(|v| whole(&v)),
            8 => {
                l.remove(&key);
                true
            }
            _ => l.keys().iter().all(|k| k.len() == 2 && k[0] == b'k'),
        });
        if !fine {
            return 11;
        }
        if let Some(code) = exclusive(&shared) {
            return code;
        }
        locked(&shared.caches()[2], |l| l.calculate(b"number", Math::Add, 1, 0).ok());
    }
}

/// Under lock 1 nobody else writes his name.
fn exclusive(shared: &Shared) -> Option<i32> {
    let me = std::process::id().to_le_bytes();
    let before = Instant::now();
    loop {
        match shared.locks().lock_within(1, Duration::from_millis(100)) {
            Some(Taken::Yes | Taken::FromTheDead(_)) => break,
            Some(Taken::Busy) if before.elapsed() < PATIENCE => {}
            _ => return Some(13),
        }
    }
    let small = &shared.caches()[2];
    locked(small, |l| l.store(b"holder", &me, 0, Mode::Replace).ok());
    std::hint::black_box((0..200).sum::<u64>());
    let mine = locked(small, |l| l.get(b"holder").map(|f| l.to_vec(f)));
    // None: whoever died in the middle of writing his name took the item with him.
    if mine.is_some_and(|m| m != me) {
        return Some(14);
    }
    if shared.locks().unlock(1) != Some(true) { Some(15) } else { None }
}

fn start(memory: &OwnedFd, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child", &seed.to_string()])
        .stdin(Stdio::from(memory.try_clone().unwrap()))
        .spawn()
        .unwrap()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|a| a == "child") {
        std::process::exit(child(args[2].parse().unwrap()));
    }
    let (shared, memory) = Shared::create(&spec()).unwrap();
    let mut random = Random(u64::from(std::process::id()));
    let mut children: Vec<Child> = (0..CHILDREN).map(|i| start(&memory, i as u64 * 7919 + 1)).collect();
    for round in 0..KILLS {
        std::thread::sleep(Duration::from_micros(random.below(4000)));
        let i = random.below(CHILDREN as u64) as usize;
        children[i].kill().unwrap();
        let status = children[i].wait().unwrap();
        assert_eq!(
            status.signal(),
            Some(9),
            "round {round}: a child ended with {status} instead of being killed"
        );
        children[i] = start(&memory, random.below(u64::MAX >> 34));
        for cache in shared.caches() {
            let broken = locked(cache, |l| l.inconsistency());
            assert_eq!(broken, None, "round {round}, cache {}", cache.spec().name);
        }
    }
    for mut c in children {
        c.kill().unwrap();
        assert_eq!(c.wait().unwrap().signal(), Some(9));
    }
    // Nobody is left: everything can be had at once.
    for i in 0..shared.locks().count() {
        assert!(matches!(shared.locks().try_lock(i), Some(Taken::Yes | Taken::FromTheDead(_))), "lock {i}");
        assert_eq!(shared.locks().unlock(i), Some(true));
    }
    let mut recovered = 0;
    for cache in shared.caches() {
        let mut l = cache.try_lock().expect("the mutex of a cache");
        assert_eq!(l.inconsistency(), None);
        for key in l.keys().into_iter().filter(|k| k[0] == b'k') {
            let v = l.get(&key).map(|f| l.to_vec(f)).unwrap();
            assert!(whole(&v), "{key:?}: half a value");
        }
        drop(l);
        recovered += cache.counters().recovered;
    }
    // Otherwise nothing was tried.
    assert!(recovered > 0, "nobody died inside a cache");
    println!("{KILLS} kills, {recovered} recoveries, {:?}", shared.caches()[1].counters());
}
