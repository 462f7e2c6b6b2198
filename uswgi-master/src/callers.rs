//! Sockets that the master watches while there is no worker, so that somebody who connects wakes one.
//!
//! What is watched is held here, not looked up: a socket may be that of several generations, and one that stayed watched after
//! its generation has gone would wake the master for ever, as it takes no connection. It must never accept.
#![forbid(unsafe_code)]

use crate::events::{Events, Woken};
use crate::log;
use crate::sockets::Listener;
use std::os::fd::AsFd;
use std::rc::Rc;

/// The sockets that are watched.
#[derive(Default)]
pub(crate) struct Callers {
    generation: Option<u64>,
    watched: Vec<Rc<Listener>>,
}

impl Callers {
    /// Watch the sockets of this generation, and no others; None: no sockets.
    pub(crate) fn watch(&mut self, generation: Option<u64>, wanted: &[Rc<Listener>], events: &Events) {
        if generation == self.generation {
            return;
        }
        self.generation = generation;
        self.keep(|l| wanted.iter().any(|w| Rc::ptr_eq(w, l)), events);
        for l in wanted {
            if self.watched.iter().any(|w| Rc::ptr_eq(w, l)) {
                continue;
            }
            if let Err(e) = events.watch(l.fd.as_fd(), Woken::Listeners, false) {
                log::line(format_args!("{} cannot be watched: {e}", l.shown));
            }
            self.watched.push(l.clone());
        }
    }

    /// Let go of the others: their generation is gone, and nobody else may hold what is to be closed.
    pub(crate) fn keep(&mut self, needed: impl Fn(&Rc<Listener>) -> bool, events: &Events) {
        self.watched.retain(|l| {
            let stays = needed(l);
            if !stays {
                events.forget(l.fd.as_fd());
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::{self, tests::instance};
    use std::net::TcpStream;
    use std::time::{Duration, Instant};
    use uswgi_conf::instance::{Address, Origin, Socket};
    use uswgi_proto::settings::Protocol;

    fn listener() -> Rc<Listener> {
        let address = Address::Tcp { host: "127.0.0.1".into(), port: 0 };
        let origin = Origin { source: String::new(), line: 0, column: 0 };
        let socket = Socket { name: "s".into(), address, protocol: Protocol::Uwsgi, origin };
        Rc::new(sockets::bind(&socket, &instance()).unwrap())
    }

    /// With a byte, as the kernel may keep a connection without one to itself.
    fn call(l: &Listener) -> TcpStream {
        let mut client = TcpStream::connect(&l.shown).unwrap();
        std::io::Write::write_all(&mut client, b"x").unwrap();
        client
    }

    fn woken(events: &Events, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if events.wait(Some(until)).unwrap().contains(&Woken::Listeners) {
                return true;
            }
        }
        false
    }

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(200);

    #[test]
    fn a_socket_of_two_generations_is_forgotten_when_the_first_one_has_gone() {
        let events = Events::new().unwrap();
        let mut callers = Callers::default();
        let (shared, dropped) = (listener(), listener());
        callers.watch(Some(1), &[shared.clone(), dropped.clone()], &events);
        let client = call(&shared);
        assert!(woken(&events, LONG));
        // The reload that follows ends before anybody is asked what is to be watched.
        callers.keep(|l| Rc::ptr_eq(l, &shared), &events);
        assert_eq!(Rc::strong_count(&dropped), 1, "it can be closed");
        callers.watch(Some(2), std::slice::from_ref(&shared), &events);
        assert!(woken(&events, LONG), "it is watched still");
        callers.watch(None, &[], &events);
        assert!(!woken(&events, SHORT), "nobody takes the connection: this would never end");
        assert_eq!(Rc::strong_count(&shared), 1);
        drop(client);
    }

    #[test]
    fn a_socket_that_is_named_twice_is_watched_once() {
        let events = Events::new().unwrap();
        let mut callers = Callers::default();
        let both = listener();
        callers.watch(Some(1), &[both.clone(), both.clone()], &events);
        assert_eq!(Rc::strong_count(&both), 2);
        let client = call(&both);
        assert!(woken(&events, LONG));
        callers.watch(None, &[], &events);
        assert!(!woken(&events, SHORT));
        drop(client);
    }
}
