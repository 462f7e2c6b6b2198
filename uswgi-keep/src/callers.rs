//! Listening sockets that a parent watches while nothing serves them, so that somebody who connects wakes it.
//!
//! What is watched is held here, not looked up: a socket may be that of several generations, and one that stayed watched after
//! its generation has gone would wake the parent for ever, as it takes no connection. It must never accept.
#![forbid(unsafe_code)]

use crate::events::{Events, Wake};
use crate::log;
use std::os::fd::AsFd;
use std::rc::Rc;

/// A listening socket, shared with whoever serves it otherwise.
pub trait Listening: AsFd {
    /// Its address, for messages.
    fn shown(&self) -> &str;
}

/// The sockets that are watched.
pub struct Callers<L> {
    generation: Option<u64>,
    watched: Vec<Rc<L>>,
}

impl<L> Default for Callers<L> {
    fn default() -> Self {
        Callers { generation: None, watched: Vec::new() }
    }
}

impl<L: Listening> Callers<L> {
    /// Watch the sockets of this generation, and no others; None: no sockets. Somebody who connects wakes the loop with `wake`,
    /// and goes on to do so until the connection is taken or the socket no more watched.
    pub fn watch<W: Wake>(&mut self, generation: Option<u64>, wanted: &[Rc<L>], wake: W, events: &Events<W>) {
        if generation == self.generation {
            return;
        }
        self.generation = generation;
        self.keep(|l| wanted.iter().any(|w| Rc::ptr_eq(w, l)), events);
        for l in wanted {
            if self.watched.iter().any(|w| Rc::ptr_eq(w, l)) {
                continue;
            }
            if let Err(e) = events.watch(l.as_fd(), wake, false) {
                log::line(format_args!("{} cannot be watched: {e}", l.shown()));
            }
            self.watched.push(l.clone());
        }
    }

    /// Let go of the others: their generation is gone, and nobody else may hold what is to be closed.
    pub fn keep<W: Wake>(&mut self, needed: impl Fn(&Rc<L>) -> bool, events: &Events<W>) {
        self.watched.retain(|l| {
            let stays = needed(l);
            if !stays {
                events.forget(l.as_fd());
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::tests::Woken;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::BorrowedFd;
    use std::time::{Duration, Instant};

    struct Listener(TcpListener, String);

    impl AsFd for Listener {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    impl Listening for Listener {
        fn shown(&self) -> &str {
            &self.1
        }
    }

    fn listener() -> Rc<Listener> {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let shown = socket.local_addr().unwrap().to_string();
        Rc::new(Listener(socket, shown))
    }

    /// With a byte, as the kernel may keep a connection without one to itself.
    fn call(l: &Listener) -> TcpStream {
        let mut client = TcpStream::connect(&l.1).unwrap();
        std::io::Write::write_all(&mut client, b"x").unwrap();
        client
    }

    fn woken(events: &Events<Woken>, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if events.wait(Some(until)).unwrap().contains(&WAKE) {
                return true;
            }
        }
        false
    }

    const WAKE: Woken = Woken::Other(9);
    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(200);

    #[test]
    fn a_socket_of_two_generations_is_forgotten_when_the_first_one_has_gone() {
        let events = Events::<Woken>::new().unwrap();
        let mut callers = Callers::default();
        let (shared, dropped) = (listener(), listener());
        callers.watch(Some(1), &[shared.clone(), dropped.clone()], WAKE, &events);
        let client = call(&shared);
        assert!(woken(&events, LONG));
        // The reload that follows ends before anybody is asked what is to be watched.
        callers.keep(|l| Rc::ptr_eq(l, &shared), &events);
        assert_eq!(Rc::strong_count(&dropped), 1, "it can be closed");
        callers.watch(Some(2), std::slice::from_ref(&shared), WAKE, &events);
        assert!(woken(&events, LONG), "it is watched still");
        callers.watch(None, &[], WAKE, &events);
        assert!(!woken(&events, SHORT), "nobody takes the connection: this would never end");
        assert_eq!(Rc::strong_count(&shared), 1);
        drop(client);
    }

    #[test]
    fn a_socket_that_is_named_twice_is_watched_once() {
        let events = Events::<Woken>::new().unwrap();
        let mut callers = Callers::default();
        let both = listener();
        callers.watch(Some(1), &[both.clone(), both.clone()], WAKE, &events);
        assert_eq!(Rc::strong_count(&both), 2);
        let client = call(&both);
        assert!(woken(&events, LONG));
        callers.watch(None, &[], WAKE, &events);
        assert!(!woken(&events, SHORT));
        drop(client);
    }
}
