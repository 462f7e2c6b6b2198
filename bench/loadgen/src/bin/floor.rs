//! The least that a server on this machine can spend on a request: accept, receive, send, close (or receive and
//! send on a persistent connection), with an answer that is always the same. It parses nothing and runs nothing,
//! and must never be taken for a server.
//!
//! `page-us=N` computes for N microseconds of CPU before each answer, over a megabyte of memory as an application
//! would, and adds the time up in the file `spent`, as `django_app.py` does.
//!
//! `workers=N` are N processes with one listener, and persistent connections are dealt out one by one: a process that
//! has taken one goes to the end of the kernel's list of waiters.

#![forbid(unsafe_code)]

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{Backlog, listen};
use nix::time::{ClockId, clock_gettime};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};

const BACKLOG: i32 = 1024;
/// Connections accepted in a row, as uswgi does.
const MORE_ACCEPTS: usize = 8;
const LISTENER: u64 = u64::MAX;

fn main() -> std::process::ExitCode {
    match Args::parse().and_then(|args| run(&args)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("floor: {e}");
            std::process::ExitCode::FAILURE
        }
    }
}

struct Args {
    to: String,
    keep: bool,
    workers: usize,
    page_us: u64,
    spent: String,
    /// The listener is stdin.
    inherited: bool,
}

impl Args {
    fn parse() -> io::Result<Args> {
        let (to, spent) = (String::new(), String::new());
        let mut a = Args { to, keep: false, workers: 1, page_us: 0, spent, inherited: false };
        for arg in std::env::args().skip(1) {
            let bad = || io::Error::new(ErrorKind::InvalidInput, format!("{arg}: not known"));
            let (name, value) = arg.split_once('=').ok_or_else(bad)?;
            match name {
                "to" => a.to = value.into(),
                "protocol" => a.keep = value == "http",
                "listener" => a.inherited = value == "inherited",
                "workers" => a.workers = value.parse().map_err(|_| bad())?,
                "page-us" => a.page_us = value.parse().map_err(|_| bad())?,
                "spent" => a.spent = value.into(),
                _ => return Err(bad()),
            }
        }
        Ok(a)
    }
}

trait Connection: Read + Write + AsFd {
    fn never_wait(&self) -> io::Result<()>;
}

impl Connection for std::net::TcpStream {
    fn never_wait(&self) -> io::Result<()> {
        self.set_nodelay(true)?;
        self.set_nonblocking(true)
    }
}

impl Connection for std::os::unix::net::UnixStream {
    fn never_wait(&self) -> io::Result<()> {
        self.set_nonblocking(true)
    }
}

fn run(args: &Args) -> io::Result<()> {
    let inherited = || io::stdin().as_fd().try_clone_to_owned();
    if args.to.starts_with('/') {
        let listener = if args.inherited { inherited()?.into() } else { UnixListener::bind(&args.to)? };
        listener.set_nonblocking(true)?;
        serve_all(args, &listener, || listener.accept().map(|(s, _)| s))
    } else {
        let listener = if args.inherited { inherited()?.into() } else { TcpListener::bind(&args.to)? };
        listener.set_nonblocking(true)?;
        serve_all(args, &listener, || listener.accept().map(|(s, _)| s))
    }
}

fn serve_all<C: Connection>(
    args: &Args,
    listener: &impl AsFd,
    accept: impl Fn() -> io::Result<C>,
) -> io::Result<()> {
    if args.inherited {
        return serve(args, listener, accept);
    }
    // The library listens with a shorter queue; listening again makes it longer.
    listen(&listener, Backlog::new(BACKLOG)?)?;
    if args.workers == 1 {
        return serve(args, listener, accept);
    }
    let start = |_| -> io::Result<Child> {
        let listener: OwnedFd = listener.as_fd().try_clone_to_owned()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(std::env::args_os().skip(1))
            .arg("listener=inherited")
            .stdin(Stdio::from(listener))
            .spawn()
    };
    let workers = (0..args.workers).map(start).collect::<io::Result<Vec<_>>>()?;
    for mut worker in workers {
        worker.wait()?;
    }
    Err(io::Error::other("a worker ended"))
}

fn serve<C: Connection>(
    args: &Args,
    listener: &impl AsFd,
    accept: impl Fn() -> io::Result<C>,
) -> io::Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let waiting = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE, LISTENER);
    epoll.add(listener, waiting)?;
    let accepts = if args.keep && args.inherited { 1 } else { MORE_ACCEPTS };
    let mut page = Page::new(args)?;
    let mut buffer = vec![0; 65536];
    let mut open: Vec<Option<C>> = Vec::new();
    let mut events = [EpollEvent::empty(); 32];
    loop {
        let ready = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Ok(n) => n,
            Err(nix::Error::EINTR) => continue,
            Err(e) => return Err(e.into()),
        };
        for event in &events[..ready] {
            if event.data() == LISTENER {
                for _ in 0..accepts {
                    let mut connection = match accept() {
                        Ok(connection) => connection,
                        Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                        Err(e) => return Err(e),
                    };
                    if args.keep {
                        connection.never_wait()?;
                        let key = open.iter().position(Option::is_none).unwrap_or(open.len());
                        epoll.add(&connection, EpollEvent::new(EpollFlags::EPOLLIN, key as u64))?;
                        if args.inherited {
                            epoll.delete(listener)?;
                            epoll.add(listener, waiting)?;
                            std::thread::yield_now();
                        }
                        match open.get_mut(key) {
                            Some(place) => *place = Some(connection),
                            None => open.push(Some(connection)),
                        }
                    } else {
                        page.answer(&mut connection, &mut buffer);
                    }
                }
            } else if let Some(place) = open.get_mut(event.data() as usize)
                && let Some(connection) = place
                && !page.answer(connection, &mut buffer)
            {
                *place = None;
            }
        }
    }
}

/// The application's part.
struct Page {
    answer: Vec<u8>,
    memory: Vec<u8>,
    micros: i64,
    total_ns: u64,
    file: Option<File>,
}

impl Page {
    fn new(args: &Args) -> io::Result<Page> {
        let file = match &args.spent[..] {
            "" => None,
            path => Some(File::options().write(true).open(path)?),
        };
        let body = if args.page_us > 0 { "x".repeat(900) } else { "Hello, world!\n".into() };
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        let answer = [head.into_bytes(), body.into_bytes()].concat();
        Ok(Page { answer, memory: vec![1; 1 << 20], micros: args.page_us as i64, total_ns: 0, file })
    }

    /// False: the peer has gone.
    fn answer(&mut self, connection: &mut impl Connection, buffer: &mut [u8]) -> bool {
        match connection.read(buffer) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(e) => return e.kind() == ErrorKind::WouldBlock,
        }
        if self.micros > 0 {
            self.compute();
        }
        connection.write(&self.answer).is_ok()
    }

    fn compute(&mut self) {
        let now = || {
            clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
                .map_or(0, |t| t.tv_sec() * 1_000_000_000 + t.tv_nsec())
        };
        let begun = now();
        if let Some(file) = &self.file {
            // Of the requests before: writing is the application's time too.
            let _ = file.write_all_at(&self.total_ns.to_le_bytes(), 0);
        }
        let mut spent = 0;
        while spent < self.micros * 1000 {
            for line in self.memory.chunks_mut(64) {
                line[0] = line[0].wrapping_mul(31).wrapping_add(7);
            }
            spent = now() - begun;
        }
        self.total_ns += spent as u64;
    }
}
