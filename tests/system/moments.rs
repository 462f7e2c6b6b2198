//! Stop signals at random moments of a start and of a reload: the instance ends, and nothing of it is left: no process, socket, pidfile,
//! FIFO, and no daemon that it had started.
//!
//! `USWGI_TEST_MOMENTS` says how many (`make soak`: 500, from another seed each time); some are part of the tests.

use nix::sys::signal::Signal;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use uswgi_tests::wait::stays;
use uswgi_tests::{Server, Site};

/// What is there without an instance, and what it may leave.
const STAYS: [&str; 6] = ["app", "hold", "log", "tasks", "uwsgi.ini", "app.log"];

fn site(lazy: bool) -> Site {
    let site = Site::probe().option("workers", 2).option("vacuum", "true").option("lazy-apps", lazy);
    let at = |name: &str| site.dir.join(name).display().to_string();
    let (fifo, stats, tasks, log) = (at("fifo"), at("stats.sock"), at("tasks"), at("app.log"));
    std::fs::create_dir(&tasks).unwrap();
    let site = site.option("master-fifo", fifo).option("stats", stats).option("spooler", tasks);
    site.option("logto", log).option("attach-daemon", "exec sleep 1000").option("reload-mercy", 10)
}

/// xorshift64.
fn below(seed: &mut u64, n: u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed % n
}

/// The stop signals of which this process, and so what it starts, is not deaf: a shell makes what it puts into the background ignore
/// INT and QUIT, and one that comes before the instance has looked is lost then.
fn heard() -> Vec<Signal> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|l| l.strip_prefix("SigIgn:")).unwrap().trim();
    let ignored = u64::from_str_radix(ignored, 16).unwrap();
    let signals = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT];
    signals.into_iter().filter(|s| ignored & (1 << (*s as i32 - 1)) == 0).collect()
}

#[test]
fn a_stop_at_any_moment_leaves_nothing() {
    let count = std::env::var("USWGI_TEST_MOMENTS").ok().and_then(|n| n.parse::<u64>().ok());
    let mut seed = match count {
        Some(_) => std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1,
        None => 20_261_130,
    };
    println!("seed {seed}");
    let mut early = 0;
    let count = count.unwrap_or(30);
    for round in 0..count {
        let reload = round % 2 == 1;
        let server = Server::begin(site(below(&mut seed, 3) == 0));
        let mut server = if reload { server.ready() } else { server };
        // About as long as a start takes; a reload is quicker.
        let moment = Duration::from_micros(below(&mut seed, if reload { 250_000 } else { 400_000 }));
        if reload {
            server.signal(Signal::SIGHUP);
        }
        stays(moment, || true);
        let heard = heard();
        let signal = heard[below(&mut seed, heard.len() as u64) as usize];
        server.signal(signal);
        let status = server.wait();
        server.wait_gone();
        let told = format!("round {round} (reload: {reload}), {signal} after {moment:?}");
        // Before its first steps it is a program like any other, and has made nothing.
        let unborn = !reload && status.signal() == Some(signal as i32);
        early += u64::from(unborn);
        assert!(unborn || status.code() == Some(0), "{told}: {status}\n{}", server.log());
        let left: Vec<_> = server.dir.names().into_iter().filter(|n| !STAYS.contains(&n.as_str())).collect();
        assert!(left.is_empty(), "{told} left {left:?}\n{}", server.log());
    }
    println!("{count} stops, {early} of them before the instance was one");
    assert!(early * 4 < count, "{early} of {count} signals came before anything happened");
}
