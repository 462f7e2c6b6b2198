//! Connections that somebody else serves sooner or instead: while every thread is busy, while the worker is paused, and
//! when it leaves. Nothing is dropped here that could still be answered.

use super::{Duty, Native, ORPHAN_US};
use crate::connection::Conn;
use crate::engine::Leaving;
use crate::handover::{self, release};
use crate::interpreter::Interpreter;
use crate::sys::{self, Event};
use crate::token::Token;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use uswgi_proto::exit::Exit;

impl<I: Interpreter> Native<I> {
    pub(super) fn begin_leaving(&mut self, why: Leaving, now: u64) {
        if !self.engine.leave(why) {
            return;
        }
        if why == Leaving::Stop {
            // Who was accepted by the kernel, or waits to be taken from another worker, is answered.
            self.take_handed_over(now);
            for index in 0..self.engine.listeners.len() {
                while let Ok(Some(conn)) = self.engine.accept(index) {
                    self.read_on(conn, now);
                }
            }
        }
        self.engine.accept_off();
        self.engine.wake_sockets();
        if why == Leaving::HandOver {
            self.pass_on_woken(now);
        }
        if why >= Leaving::Stop {
            for l in &self.engine.listeners {
                sys::replace_by_nothing(l.fd.as_raw_fd());
            }
        }
        for conn in self.engine.unpark_where(|_| true) {
            release(&self.engine, conn);
        }
    }

    /// EPOLLEXCLUSIVE wakes one worker for a connection. When that was this one, and it stopped to accept before
    /// a thread had looked, nobody else knows of the connection: it goes where the others look.
    pub(super) fn pass_on_woken(&mut self, now: u64) {
        let most = self.engine.lanes.len() + 1;
        let mut conns: Vec<Conn> = std::iter::from_fn(|| handover::take(&self.engine)).take(most).collect();
        for index in (0..self.engine.listeners.len()).filter(|&i| self.engine.serves(i)) {
            let accepted = std::iter::from_fn(|| self.engine.accept(index).ok().flatten());
            conns.extend(accepted.take(most));
        }
        for conn in conns {
            if let Some(conn) = handover::give(&self.engine, conn) {
                self.read_on(conn, now);
            }
        }
    }

    fn take_handed_over(&mut self, now: u64) {
        while let Some(conn) = handover::take(&self.engine) {
            self.read_on(conn, now);
        }
    }

    /// Connections whose request is not whole go on in another worker, but for those that no message can hold: they
    /// stay, and their time runs on. A full queue is tried again.
    fn hand_over_readers(&mut self, now: u64) {
        for key in self.duties(|c, d| matches!(d, Duty::Read) && handover::fits(c)) {
            let Some((conn, duty)) = self.remove(key) else { continue };
            let deadline_us = conn.deadline_us;
            let Some(conn) = handover::give(&self.engine, conn) else { continue };
            self.hold(conn, duty, now, deadline_us);
            return;
        }
    }

    /// Whether the native thread may end.
    pub(super) fn leave(&mut self, now: u64) -> bool {
        if self.orphaned_us > 0 && now > self.orphaned_us + ORPHAN_US {
            sys::exit_now(Exit::MasterGone.code());
        }
        if self.engine.all_left.load(Ordering::SeqCst) {
            // Nobody is left to run them. (The threads leave only when there was nothing; what came since is
            // between two requests.)
            let reading = self.duties(|_, d| matches!(d, Duty::Read));
            reading.into_iter().for_each(|key| drop(self.remove(key)));
            while self.engine.any_whole() {
                drop(self.engine.take_whole());
            }
            drop(self.engine.unpark_where(|_| true));
        } else if self.engine.leaving() == Leaving::HandOver {
            self.hand_over_readers(now);
        } else {
            // A busy worker may have passed something on since.
            self.take_handed_over(now);
        }
        let busy = self.engine.lanes.iter().any(|t| t.sequence.load(Ordering::SeqCst) & 1 == 1);
        let quiet = self.conns.is_empty()
            && self.engine.parked() == 0
            && !self.engine.any_whole()
            && !self.engine.any_jobs()
            && !self.outbox.any();
        if quiet && !busy && !self.finished {
            self.finished = true;
            self.engine.finish();
        }
        self.finished && quiet && self.engine.all_left.load(Ordering::SeqCst)
    }

    fn duties(&self, which: impl Fn(&Conn, &Duty<I::Held>) -> bool) -> Vec<usize> {
        self.conns.iter().filter(|(_, (c, d))| which(c, d)).map(|(k, _)| k).collect()
    }

    /// Every thread is in a request: hand over what could be served.
    pub(super) fn pass_on(&mut self, now: u64) {
        let engine = &self.engine;
        // Connections of a socket that some workers have for themselves stay with them.
        let mapped = engine.settings.listeners.iter().any(|l| !l.workers.is_empty());
        if engine.settings.workers < 2 || engine.handover.is_none() || engine.is_leaving() || mapped {
            return;
        }
        let mut events = [Event { events: 0, u64: 0 }; 64];
        let mut tokens: Vec<Token> =
            self.engine.ready.wait(&mut events, 0).iter().map(|e| Token::decode(e.u64)).collect();
        while let Some(token) = self.engine.fetched() {
            tokens.push(token);
        }
        for token in tokens {
            if let Token::Conn { key, stamp } = token
                && let Some(conn) = self.engine.unpark(key, stamp)
                && let Some(conn) = handover::give(&self.engine, conn)
                && let Some(conn) = self.engine.park(conn, now)
            {
                release(&self.engine, conn);
            }
        }
        while self.engine.any_whole() {
            let Some(conn) = self.engine.take_whole() else { break };
            if let Some(conn) = handover::give(&self.engine, conn) {
                self.engine.deliver(conn);
                break;
            }
        }
    }
}
