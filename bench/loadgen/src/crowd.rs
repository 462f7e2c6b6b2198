//! Connections that are there to be a burden: idle ones, and ones that send or read a byte a second.

use crate::args::Args;
use crate::client::Stream;
use crate::request;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

struct Slow {
    stream: Option<Stream>,
    sent: usize,
    reads: bool,
}

/// All of them.
pub struct Crowd {
    idle: Vec<Stream>,
    slow: Vec<Slow>,
    head: Vec<u8>,
    next: Instant,
}

impl Crowd {
    /// Open them. Idle ones have had one whole answer.
    pub fn open(args: &Args, request: &[u8]) -> std::io::Result<Crowd> {
        let mut idle = Vec::with_capacity(args.idle);
        let mut buffer = vec![0; 64 * 1024];
        // A server that keeps one connection for each thread answers the next when it gives one up.
        let patience = Duration::from_secs(30);
        for n in 0..args.idle {
            let mut stream = Stream::connect(&args.to)?;
            stream.write(request)?;
            let mut fds = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX))?;
            match stream.read(&mut buffer) {
                Ok(n) if n > 0 => idle.push(stream),
                _ => {
                    return Err(std::io::Error::other(format!(
                        "{n} connections had an answer, the next one none within 30 s"
                    )));
                }
            }
        }
        let big = request::request(args, &args.slow_path).map_err(std::io::Error::other)?;
        let mut slow = Vec::with_capacity(args.slow_in + args.slow_out);
        for i in 0..args.slow_in + args.slow_out {
            let mut stream = Stream::connect(&args.to)?;
            let reads = i >= args.slow_in;
            if reads {
                stream.write(&big)?;
            }
            slow.push(Slow { stream: Some(stream), sent: 0, reads });
        }
        Ok(Crowd { idle, slow, head: request.to_vec(), next: Instant::now() })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.idle.len() + self.slow.len()
    }

    /// How many the server has not closed.
    pub fn alive(&mut self) -> usize {
        let mut byte = [0];
        let open = |s: &mut Stream| !matches!(s.read(&mut byte), Ok(0));
        self.idle.iter_mut().map(open).filter(|o| *o).count()
            + self.slow.iter().filter(|s| s.stream.is_some()).count()
    }

    /// A byte more, once a second.
    pub fn trickle(&mut self, now: Instant) {
        if self.slow.is_empty() || now < self.next {
            return;
        }
        self.next = now + Duration::from_secs(1);
        for slow in &mut self.slow {
            let Some(stream) = &mut slow.stream else { continue };
            let result = if slow.reads {
                stream.read(&mut [0])
            } else {
                // Never whole: the last byte is kept back.
                let at = slow.sent.min(self.head.len() - 2);
                slow.sent += 1;
                stream.write(&self.head[at..=at])
            };
            match result {
                Ok(0) => slow.stream = None,
                Err(e) if e.kind() != ErrorKind::WouldBlock => slow.stream = None,
                _ => {}
            }
        }
    }
}
