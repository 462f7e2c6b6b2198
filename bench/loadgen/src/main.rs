//! A load generator that speaks uwsgi and HTTP: a number of clients on one thread, for some seconds.
//! It prints one JSON object and must spend as little as it can: client and server share a machine.
//!
//! * [`args`]: what to do.  * [`request`]: the bytes that are sent.  * [`client`]: one connection.
//! * [`answer`]: where an answer ends.  * [`crowd`]: idle and slow connections beside the clients.
//! * [`stats`]: what was seen.

#![forbid(unsafe_code)]

mod answer;
mod args;
mod client;
mod crowd;
mod request;
mod stats;

use client::{Client, Turn};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

fn main() -> std::process::ExitCode {
    let result = args::Args::parse(std::env::args().skip(1)).and_then(|args| run(&args));
    match result {
        Ok(json) => {
            println!("{json}");
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("loadgen: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run(args: &args::Args) -> Result<String, String> {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    let io = |what: &'static str| move |e: std::io::Error| format!("{what}: {e}");
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(|e| io("epoll")(e.into()))?;
    let request = request::bytes(args)?;
    let mut crowd = crowd::Crowd::open(args, &request).map_err(io("opening idle or slow connections"))?;
    if args.hold {
        // Whoever started us measures now, and closes our input when it is done.
        println!("{{\"held\": {}}}", crowd.len());
        let stdin = std::io::stdin();
        let closed = |ms: u8| {
            let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
            matches!(poll(&mut fds, PollTimeout::from(ms)), Ok(n) if n > 0)
        };
        while !closed(50) {
            crowd.trickle(Instant::now());
        }
    }
    let mut stats = stats::Stats::default();
    let mut clients: Vec<Client> = Vec::with_capacity(args.clients);
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(args.seconds);
    for id in 0..args.clients {
        let mut client = Client::new(args, &request, id);
        client.begin(&epoll, &mut stats);
        clients.push(client);
    }
    let mut events = vec![EpollEvent::empty(); 256];
    let mut done = args.clients == 0;
    while !done {
        let n = epoll.wait(&mut events, EpollTimeout::from(20u8)).unwrap_or(0);
        let now = Instant::now();
        done = now >= end;
        for event in &events[..n] {
            let client = &mut clients[event.data() as usize];
            if client.ready(&mut stats) == Turn::Over && !done {
                client.begin(&epoll, &mut stats);
            }
        }
        crowd.trickle(now);
    }
    for client in &clients {
        client.leave(&mut stats);
    }
    Ok(stats.json(begun.elapsed(), crowd.alive()))
}
