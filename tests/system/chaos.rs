//! Everything at random, and then the books are checked: every request that was sent is answered, or belonged to a
//! worker that was killed, and none ran twice; nothing is left behind and the master has not grown.
//!
//! A short run from a fixed seed is part of the tests. `make soak` gives minutes (USWGI_TEST_MINUTES) and another seed.

mod apps;
mod talk;

use nix::sys::signal::Signal;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use uswgi_tests::http::Connection;
use uswgi_tests::process::{alive, send};
use uswgi_tests::server::Door;
use uswgi_tests::{Request, Server, Site, paths, until};

const CLIENTS: usize = 4;
const WORKERS: u32 = 3;
/// Actions of the short run.
const ACTIONS: u32 = 30;

/// xorshift64: the same sequence for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.below(of.len())]) }
    }
}

/// What a rage is about.
struct Arena {
    /// Requests that a worker may have at a time.
    lanes: usize,
    /// The application.
    app: &'static str,
    /// Of the short run.
    seed: u64,
}

/// A request without a good answer.
struct Failure {
    id: u64,
    /// Who answered on this connection before.
    last: Option<i32>,
    error: String,
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request {} behind an answer of {:?}: {}", self.id, self.last, self.error)
    }
}

#[derive(Default)]
struct Books {
    good: HashSet<u64>,
    failures: Vec<Failure>,
}

struct Clients {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Books>>,
}

impl Clients {
    fn start(server: &Server) -> Clients {
        let (stop, done, ids) =
            (Arc::new(AtomicBool::new(false)), Arc::default(), Arc::new(AtomicU64::new(1)));
        let threads = server.doors().into_iter().flat_map(|door| std::iter::repeat_n(door, CLIENTS));
        let threads = threads
            .map(|door| {
                let (stop, done, ids) = (stop.clone(), Arc::clone(&done), ids.clone());
                std::thread::spawn(move || client(&door, &stop, &done, &ids))
            })
            .collect();
        Clients { stop, done, threads }
    }

    /// Until some more requests were answered, or a moment has passed: all may wait for one that stands still.
    fn go_on(&self, n: u64) {
        let (goal, begin) = (self.done.load(Ordering::Relaxed) + n, Instant::now());
        until("a moment", || {
            let enough = self.done.load(Ordering::Relaxed) >= goal;
            (enough || begin.elapsed() > Duration::from_secs(1)).then_some(())
        });
    }

    fn stop(self) -> Books {
        self.stop.store(true, Ordering::Relaxed);
        let mut books = Books::default();
        for thread in self.threads {
            let own = thread.join().unwrap();
            books.good.extend(own.good);
            books.failures.extend(own.failures);
        }
        books
    }
}

/// Every second one is for the second application.
fn request(id: u64) -> Request {
    let at = if id.is_multiple_of(2) { "" } else { "/second" };
    match id / 2 % 40 {
        0 => Request::get(&format!("{at}/slow?{id}")),
        1..=4 => Request::get(&format!("{at}/large?{id}")),
        5..=9 => Request::post_pattern(&format!("{at}/post?{id}"), id * 7919 % 100_000),
        10..=14 => Request::get(&format!("{at}/pieces?{id}")),
        _ => Request::get(&format!("{at}/?{id}")),
    }
}

/// Asks on one connection as long as it is kept, or on a new one each time (uwsgi).
fn client(door: &Door, stop: &AtomicBool, done: &AtomicU64, ids: &AtomicU64) -> Books {
    let mut books = Books::default();
    let mut kept: Option<(Connection, Option<i32>)> = None;
    while !stop.load(Ordering::Relaxed) {
        let id = ids.fetch_add(1, Ordering::Relaxed);
        let last = kept.as_ref().and_then(|(_, last)| *last);
        let reply = match door {
            Door::Uwsgi(_) => door.try_ask(&request(id)),
            Door::Http(address) => {
                let connection = match kept.take() {
                    Some((connection, _)) => Ok(connection),
                    None => Connection::open(address),
                };
                connection.and_then(|mut connection| {
                    let reply = connection.ask(&request(id))?;
                    if !reply.header("Connection").is_some_and(|v| v.eq_ignore_ascii_case("close")) {
                        kept = Some((connection, reply.text().trim().parse().ok()));
                    }
                    Ok(reply)
                })
            }
        };
        match reply
            .and_then(|r| if r.status == 200 { Ok(()) } else { Err(io::Error::other(format!("{r:?}"))) })
        {
            Ok(()) => {
                books.good.insert(id);
                done.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => books.failures.push(Failure { id, last, error: error.to_string() }),
        }
    }
    books
}

/// Anonymous memory in KiB, descriptors, mappings. Pages of the program's file come in when their code first runs, and are no leak.
fn usage(pid: i32) -> [usize; 3] {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap();
    let status = read("status");
    let anonymous = status.lines().find_map(|l| l.strip_prefix("RssAnon:")).unwrap();
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    [anonymous.trim().trim_end_matches(" kB").parse().unwrap(), descriptors, read("maps").lines().count()]
}

/// All workers are there and nobody else is.
fn settle(server: &Server) {
    let scaled = server.ctl(&["scale", &WORKERS.to_string()]);
    assert_eq!(scaled.status.code(), Some(0), "{scaled:?}");
    until("every worker, and no other", || {
        let workers = server.workers();
        let all = workers.len() == WORKERS as usize && server.worker_pids().len() == WORKERS as usize;
        all.then_some(())
    });
}

/// A reload of what does not load: it is refused, and what was there serves on.
fn break_and_mend(server: &Server, name: &str, broken: &str) {
    let path = server.dir.join(name);
    let good = fs::read_to_string(&path).unwrap();
    let put = |text: &str| {
        let new = path.with_extension("new~");
        fs::write(&new, text).and_then(|()| fs::rename(&new, &path)).unwrap();
    };
    put(broken);
    let out = server.ctl(&["reload", "--wait", "--timeout", "60"]);
    put(&good);
    assert_eq!(out.status.code(), Some(1), "{name}: {out:?}\n{}", server.log());
}

/// What a run does; the pids of the workers that it killed.
fn rage(server: &Server, clients: &Clients, dice: &mut Dice, go_on: &dyn Fn(u32) -> bool) -> HashSet<i32> {
    let mut killed = HashSet::new();
    let (mut n, mut said) = (0, Instant::now());
    while go_on(n) {
        n += 1;
        if said.elapsed() > Duration::from_secs(60) {
            said = Instant::now();
            let done = clients.done.load(Ordering::Relaxed);
            println!("{n} actions, {} killed, {done} answered", killed.len());
        }
        clients.go_on(dice.below(60) as u64);
        match dice.below(16) {
            0 | 1 => {
                let Some(pid) = dice.one_of(&server.worker_pids()) else { continue };
                killed.insert(pid);
                send(pid, Signal::SIGKILL);
                until("its end", || (!alive(pid)).then_some(()));
            }
            2 => server.template().into_iter().for_each(|pid| send(pid, Signal::SIGKILL)),
            3 => {
                let Some(pid) = dice.one_of(&server.worker_pids()) else { continue };
                stand_still(pid, clients);
            }
            4 => stand_still(server.pid(), clients),
            5 => server.signal(Signal::SIGHUP),
            6 | 7 => {
                let out = server.ctl(&["reload", "--wait", "--timeout", "60"]);
                assert_eq!(out.status.code(), Some(0), "reload in action {n}: {out:?}\n{}", server.log());
            }
            8 => break_and_mend(server, "app/chaos.py", apps::BROKEN),
            9 => break_and_mend(server, "uwsgi.ini", "[uwsgi]\nno-such-option = yes\n"),
            10 => {
                server.ctl(&["logs", "rotate"]);
            }
            11 => {
                server.ctl(&["pause"]);
                clients.go_on(20);
                server.ctl(&["resume"]);
            }
            12 => {
                // A kill as the operator does it.
                let ids: Vec<_> = server.workers().iter().map(|w| (w.id, w.pid)).collect();
                let Some((id, _)) = dice.one_of(&ids) else { continue };
                let of_seat: Vec<i32> =
                    server.workers().iter().filter(|w| w.id == id).map(|w| w.pid).collect();
                server.ctl(&["kill", &id.to_string()]);
                killed.extend(of_seat);
            }
            13 => {
                let to = (1 + dice.below(WORKERS as usize + 1)).to_string();
                // Not more than the scoreboard has room for: that is refused, and is no trouble.
                server.ctl(&["scale", &to]);
            }
            _ => {
                let ids: Vec<u32> = server.workers().iter().map(|w| w.id).collect();
                let Some(id) = dice.one_of(&ids) else { continue };
                server.ctl(&["retire", &id.to_string()]);
            }
        }
    }
    killed
}

fn stand_still(pid: i32, clients: &Clients) {
    send(pid, Signal::SIGSTOP);
    clients.go_on(20);
    send(pid, Signal::SIGCONT);
}

/// What the application wrote down: request, and who ran it.
fn ran(server: &Server) -> HashMap<u64, Vec<i32>> {
    let text = fs::read_to_string(server.dir.join("hold/ran")).unwrap();
    let mut ran: HashMap<u64, Vec<i32>> = HashMap::new();
    for line in text.lines() {
        let (id, pid) = line.split_once(' ').unwrap();
        ran.entry(id.parse().unwrap()).or_default().push(pid.parse().unwrap());
    }
    ran
}

fn balance(server: &Server, books: &Books, killed: &HashSet<i32>, lanes: usize) {
    let ran = ran(server);
    let twice: Vec<_> = ran.iter().filter(|(_, pids)| pids.len() > 1).collect();
    assert!(twice.is_empty(), "these requests ran more than once: {twice:?}");
    let missing: Vec<_> = books.good.iter().filter(|id| !ran.contains_key(*id)).collect();
    assert!(missing.is_empty(), "answered, but never run: {missing:?}");
    let dead = |pid: Option<i32>| pid.is_some_and(|pid| killed.contains(&pid));
    // Who never came to the application was parked in a worker, or on its way into one: a kept connection that had moved
    // since its last answer, or a new one that was accepted and not read yet.
    let (explained, others): (Vec<_>, Vec<_>) = books.failures.iter().partition(|f| match ran.get(&f.id) {
        Some(pids) => dead(pids.first().copied()),
        None => dead(f.last),
    });
    let ran_elsewhere: Vec<_> = others.iter().filter(|f| ran.contains_key(&f.id)).collect();
    assert!(ran_elsewhere.is_empty(), "lost in workers that nobody killed: {ran_elsewhere:?}");
    let most = killed.len() * lanes;
    assert!(
        others.len() <= most,
        "{} kills, {} lost without a reason: {others:?}",
        killed.len(),
        others.len()
    );
    assert!(explained.len() <= killed.len() * (lanes + CLIENTS), "{explained:?}");
}

#[test]
fn the_books_balance_after_a_rage_with_one_thread() {
    balanced(Site::probe(), &Arena { lanes: 1, app: apps::THREADS, seed: 20_261_127 });
}

#[test]
fn the_books_balance_after_a_rage_with_four_threads() {
    let site = Site::probe().option("threads", 4);
    balanced(site, &Arena { lanes: 4, app: apps::THREADS, seed: 20_261_129 });
}

#[test]
fn the_books_balance_after_a_rage_with_tasks() {
    let site = Site::probe().file("ws_echo").home(&paths::engines()).option("asgi", true);
    balanced(site, &Arena { lanes: 2 * CLIENTS, app: apps::TASKS, seed: 20_261_131 });
}

fn balanced(site: Site, arena: &Arena) {
    let minutes: Option<f64> = std::env::var("USWGI_TEST_MINUTES").ok().and_then(|m| m.parse().ok());
    let seed = match minutes {
        Some(_) => std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1,
        None => arena.seed,
    };
    println!("seed {seed}");
    let site = site.source("chaos.py", arena.app).source("second.py", arena.app).without("module");
    let mount = |at: &str, name: &str| format!("{at}={}", site.dir.join("app").join(name).display());
    let (first, second) = (mount("/", "chaos.py"), mount("/second", "second.py"));
    let log = site.dir.join("app.log").display().to_string();
    let site = site.option("mount", first).option("mount", second).option("logto", log);
    let site = site.option("workers", WORKERS).option("disable-logging", "true");
    let site = site.option("max-requests", 1500).option("min-worker-lifetime", 0);
    let mut server = site.option("reload-mercy", 30).option("vacuum", "true").start();
    settle(&server);
    let clients = Clients::start(&server);
    let silence = Arc::new(AtomicBool::new(arena.app != apps::TASKS));
    let talkers: Vec<_> = (0..2 * usize::from(arena.app == apps::TASKS))
        .map(|_| (server.http.clone().unwrap(), silence.clone()))
        .map(|(address, silence)| std::thread::spawn(move || talk::talk(&address, &silence)))
        .collect();
    clients.go_on(200);
    let mut dice = Dice(seed);
    // Ten actions first: what is allocated once is there then.
    let mut killed = rage(&server, &clients, &mut dice, &|n| n < 10);
    settle(&server);
    let before = usage(server.pid());
    let end = minutes.map(|m| Instant::now() + Duration::from_secs_f64(m * 60.0));
    killed.extend(rage(&server, &clients, &mut dice, &|n| match end {
        Some(end) => Instant::now() < end,
        None => n < ACTIONS,
    }));
    clients.go_on(200);
    let books = clients.stop();
    silence.store(true, Ordering::Relaxed);
    for talks in talkers.into_iter().map(|t| t.join().unwrap()) {
        println!("{} words, {} conversations told of the end, {} cut", talks.words, talks.told, talks.cut);
        assert!(talks.strange.is_empty(), "{:?}", talks.strange);
        assert!(talks.words > 0 && talks.cut <= killed.len() as u64, "{talks:?}, {} killed", killed.len());
    }
    settle(&server);
    let outcome = server.ctl(&["reload", "--wait", "--drain", "--timeout", "60"]);
    assert_eq!(outcome.status.code(), Some(0), "{outcome:?}");
    settle(&server);
    println!(
        "{} answered, {} reloads, {} killed, {} lost with them",
        books.good.len(),
        server.reloads_done(),
        killed.len(),
        books.failures.len()
    );
    balance(&server, &books, &killed, arena.lanes);
    assert!(books.good.len() > 500, "{}", books.good.len());
    // The template of before sleeps, unless it had been killed.
    until("one or two templates, the workers and nobody else", || {
        matches!(server.family().len() - WORKERS as usize, 2 | 3).then_some(())
    });
    let after = usage(server.pid());
    assert!(
        after[0] < before[0] + 1024,
        "the master grew: {before:?}, {after:?} (KiB, descriptors, mappings)"
    );
    assert!(after[1] <= before[1] + 2 && after[2] <= before[2] + 8, "{before:?}, {after:?}");
    server.stop(Signal::SIGTERM);
    for left in ["uwsgi.sock", "uwsgi.pid"] {
        assert!(!server.dir.join(left).exists(), "{left} is left");
    }
}
