//! The Emperor at random: vassals are touched, broken, mended, removed and added, they and it are killed, and those that
//! nobody touches lose nothing; in the end each is in the state that its file asks for.
//!
//! `USWGI_SOAK=1000` makes so many steps over 30 vassals, as `make soak` does with another seed each time; without it some steps are
//! made, the same ones on every run. The seed of a run stands in its output, and `USWGI_SEED` repeats it.

use nix::sys::signal::Signal;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use uswgi_tests::process::Process;
use uswgi_tests::request::Address;
use uswgi_tests::{Realm, Request, http, process, until};

/// Those that nobody touches.
const CALM: usize = 3;

struct Chance(u64);

impl Chance {
    /// Below `n`, by xorshift.
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// What is known of a vassal.
#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    Good(u64),
    Broken,
    Removed,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn version(n: u64) -> String {
    format!("add-header = X-Version: {n}\n")
}

/// Requests to the calm ones until they are told to stop: how many, and those that failed.
fn load(
    realm: &Realm,
    stop: &Arc<AtomicBool>,
    asked: &Arc<AtomicU64>,
) -> Vec<std::thread::JoinHandle<Vec<String>>> {
    let calm = (0..CALM).map(|n| realm.socket(&format!("calm{n}")));
    calm.map(|socket| {
        let (stop, asked) = (stop.clone(), asked.clone());
        std::thread::spawn(move || {
            let mut failed = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                match http::ask(&Address::Unix(socket.clone()), &Request::get("/hello")) {
                    Ok(reply) if reply.status == 200 => {}
                    Ok(reply) => failed.push(format!("{}: {}", socket.display(), reply.status)),
                    Err(e) => failed.push(format!("{}: {e}", socket.display())),
                }
                asked.fetch_add(1, Ordering::Relaxed);
            }
            failed
        })
    })
    .collect()
}

#[test]
fn random_operations_touch_nobody_else_and_end_as_the_files_say() {
    let steps = number("USWGI_SOAK", 60);
    let vassals = if steps > 100 { 30 - CALM } else { 7 };
    let seed = number("USWGI_SEED", 20_261_123);
    eprintln!("USWGI_SEED={seed} USWGI_SOAK={steps}");
    let mut chance = Chance(seed);
    let mut realm = Realm::new();
    let options = ["--emperor-throttle", "200", "--emperor-max-throttle", "400"];
    for n in 0..CALM {
        realm.write(&format!("calm{n}"), "");
    }
    let mut states = vec![State::Removed; vassals];
    realm.rule(&options);
    realm.serves(&["calm0", "calm1", "calm2"]);
    let calm = [0, 1, 2].map(|n| realm.master(&format!("calm{n}")));
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients = load(&realm, &stop, &asked);
    let mut killed: Vec<Process> = Vec::new();
    for step in 0..steps {
        let n = chance.below(vassals);
        let name = format!("v{n}");
        match (chance.below(12), states[n]) {
            (0..=3, _) => {
                realm.write(&name, &version(step));
                states[n] = State::Good(step);
            }
            (4 | 5, State::Good(_) | State::Broken) => realm.touch(&name),
            (6 | 7, _) => {
                realm.write(&name, "module = nothing_of_this_name\n");
                states[n] = State::Broken;
            }
            (8, State::Good(_) | State::Broken) => {
                fs::remove_file(realm.file(&name)).unwrap();
                states[n] = State::Removed;
            }
            (9 | 10, _) => realm.masters(&name).iter().for_each(|&pid| process::send(pid, Signal::SIGKILL)),
            (11, _) if chance.below(3) == 0 => {
                killed.push(realm.kill());
                realm.rule(&options);
                realm.wait_log("emperor of");
            }
            _ => {}
        }
        // Some steps come at once, others when something has happened.
        let before = asked.load(Ordering::Relaxed);
        let pause = [0, 1, 20, 100][chance.below(4)];
        until("requests meanwhile", || (asked.load(Ordering::Relaxed) >= before + pause).then_some(()));
    }
    for (n, state) in states.iter_mut().enumerate().filter(|(_, s)| **s == State::Broken) {
        realm.write(&format!("v{n}"), &version(steps + n as u64));
        *state = State::Good(steps + n as u64);
    }
    for (n, state) in states.iter().enumerate() {
        let name = format!("v{n}");
        match state {
            State::Good(wanted) => until(&format!("version {wanted} of {name}"), || {
                let reply = realm.try_get(&name, "/hello").ok()?;
                (reply.header("X-Version") == Some(&wanted.to_string())).then_some(())
            }),
            _ => until(&format!("the end of {name}"), || realm.masters(&name).is_empty().then_some(())),
        }
        if *state != State::Removed {
            until(&format!("one master of {name}"), || (realm.masters(&name).len() == 1).then_some(()));
        }
    }
    stop.store(true, Ordering::Relaxed);
    let failed: Vec<String> = clients.into_iter().flat_map(|c| c.join().unwrap()).collect();
    let total = asked.load(Ordering::Relaxed);
    assert!(
        failed.is_empty(),
        "{} of {total} requests failed: {:?}",
        failed.len(),
        &failed[..failed.len().min(5)]
    );
    assert!(total > steps, "{total}");
    assert_eq!([0, 1, 2].map(|n| realm.master(&format!("calm{n}"))), calm, "nobody has started them anew");
    realm.stop();
    drop(killed);
}
