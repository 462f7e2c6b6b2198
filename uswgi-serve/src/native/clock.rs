//! What the native thread does because time has passed: the progress of busy threads, pieces that were lent, time-outs,
//! memory. Nothing of it runs while there is nothing to look at.

use super::linger::gets_on;
use super::{Duty, Native, REQUEST_US, SECOND_US, TICK_US};
use crate::background::LentState;
use crate::connection::Conn;
use crate::engine::Job;
use crate::event_loop::EventLoop;
use crate::harakiri;
use crate::interpreter::Interpreter;
use crate::log::{self, Fault};
use crate::loop_pace::{LoopSeen, OFTEN_US};
use crate::rate::is_too_slow;
use crate::stall::{self, Doing};
use crate::{answer, backlog, limited_say, loop_lag, sys};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;
use uswgi_proto::scoreboard::Restart;
use uswgi_proto::settings::Protocol;

/// How long pieces of an answer may wait for others.
const TOGETHER_US: u64 = 2_000;
/// How often a socket that took no more is tried again while its application makes more.
const FULL_US: u64 = 5_000;

impl<I: Interpreter> Native<I> {
    /// Whatever is due by now.
    pub(super) fn timers(&mut self, now: u64) {
        if self.engine.has_deadlines() {
            harakiri::check(&self.engine, &self.interpreter, now);
        }
        if self.engine.lending.load(Ordering::Acquire) {
            self.send_lent(now);
        }
        let mut looks = self.slow.due_us.is_some_and(|due| now >= due);
        let watched = self.engine.watched.load(Ordering::Acquire);
        let due = match self.rest_due_us {
            0 => now >= self.last_tick_us + TICK_US && watched,
            rest_us => now >= rest_us || watched,
        };
        if due {
            self.last_tick_us = now;
            self.tick(now);
            looks = true;
        }
        if looks && self.engine.settings.lanes.slow_ms > 0 {
            self.slow.look(&self.engine, now);
        }
        if now >= self.last_second_us + SECOND_US {
            self.last_second_us = now;
            self.every_second(now);
        }
    }

    /// Send what the threads have lent, some time after the first of it came.
    fn send_lent(&mut self, now: u64) {
        if self.lent_due_us == 0 {
            self.lent_due_us = now + TOGETHER_US;
        }
        if now < self.lent_due_us {
            return;
        }
        let lent = &self.outbox.lent;
        match lent.iter().map(|l| l.send()).max() {
            Some(LentState::Pieces) => self.lent_due_us = now + TOGETHER_US,
            Some(LentState::Full) => self.lent_due_us = now + FULL_US,
            Some(LentState::Nothing) | None => {
                // A thread that lends something from here on turns it on again, or is seen here.
                self.lent_due_us = 0;
                self.engine.lending.store(false, Ordering::SeqCst);
                if lent.iter().any(|l| l.is_waiting()) {
                    self.engine.lending.store(true, Ordering::SeqCst);
                }
            }
        }
    }

    /// Look whether the Python threads get on. When none is idle, others get what is ready here.
    fn tick(&mut self, now: u64) {
        let engine = self.engine.clone();
        if let Some(event_loop) = &engine.event_loop {
            return self.tick_loop(event_loop, now);
        }
        let sequences = || engine.lanes.iter().map(|cell| cell.sequence.load(Ordering::SeqCst));
        // It passes nothing on.
        let alone = engine.settings.workers < 2;
        let (states, threads) = (&mut self.states, &engine.lanes);
        let ran_us = |i: usize| if alone { 0 } else { sys::ran_us(threads[i].id()).unwrap_or(0) };
        let doing = |i: usize| if alone { Doing::Sleeps } else { doing(&mut states[i], threads[i].id()) };
        let seen = self.stalls.look(sequences(), ran_us, doing);
        backlog::look(&self.engine, now);
        self.unmeasured |= seen.moved;
        if seen.all_stuck {
            self.pass_on(now);
        } else if seen.any_idle && !seen.moved {
            // A thread that begins a request from here on turns it on again.
            self.engine.watched.store(false, Ordering::SeqCst);
            if self.stalls.has_moved(sequences()) {
                self.engine.watched.store(true, Ordering::SeqCst);
            }
        }
    }

    /// The same where one thread runs all lanes: what waits here is better off elsewhere while no lane is free, or while
    /// one of them keeps the loop from turning.
    fn tick_loop(&mut self, event_loop: &EventLoop, now: u64) {
        let engine = self.engine.clone();
        let sequences = || engine.lanes.iter().map(|cell| cell.sequence.load(Ordering::SeqCst));
        let bearable_us = u64::from(engine.settings.lanes.lag_warn_ms) * 1_000;
        if std::mem::take(&mut self.rest_due_us) > 0 && engine.watched.load(Ordering::Acquire) {
            self.pace.woken();
        }
        let seen = self.stalls.look(sequences(), |_| 0, |_| Doing::Sleeps);
        backlog::look(&self.engine, now);
        self.unmeasured |= seen.moved;
        if seen.any_idle && !seen.moved && sequences().all(|sequence| sequence & 1 == 0) {
            // A lane that begins a request from here on turns it on again.
            self.engine.watched.store(false, Ordering::SeqCst);
            if self.stalls.has_moved(sequences()) {
                self.engine.watched.store(true, Ordering::SeqCst);
            }
            return;
        }
        let full = !seen.any_idle && sys::readable(engine.ready_fd());
        if full && !self.said_full {
            let (all, kind) = (engine.lanes.len(), engine.settings.lanes.kind.plural());
            limited_say!(Fault::Ours, engine, "all {all} {kind} have a request, and others wait");
        }
        self.said_full = full || (self.said_full && !seen.any_idle);
        let look = event_loop.look(now, bearable_us, engine.slot().map(|slot| &slot.lag));
        if seen.all_stuck || look.blocked {
            self.pass_on(now);
        }
        if let Some(late_us) = look.late_us {
            loop_lag::tell(&engine, &self.interpreter, late_us);
        }
        let loop_seen = LoopSeen {
            stirs: seen.moved || look.blocked || full,
            asked: event_loop.is_asked(),
            ran_us: engine.loop_lane().and_then(|lane| sys::ran_us(lane.id())).unwrap_or(0),
        };
        let pause = self.pace.after(loop_seen, now);
        self.rest_until(now + pause, now);
    }

    /// Look at the loop again then, or before when somebody calls.
    fn rest_until(&mut self, due_us: u64, now: u64) {
        if due_us <= now + OFTEN_US {
            return self.engine.watched.store(true, Ordering::SeqCst);
        }
        self.rest_due_us = due_us;
        self.engine.watched.store(false, Ordering::SeqCst);
        // A lane that begins a request from here on turns it on again.
        if self.stalls.has_moved(self.engine.lanes.iter().map(|lane| lane.sequence.load(Ordering::SeqCst))) {
            self.engine.watched.store(true, Ordering::SeqCst);
        }
    }

    fn every_second(&mut self, now: u64) {
        self.engine.accept_again(now);
        // Idle connections whose time is over. One that has sent something meanwhile waits for a busy thread.
        for conn in self.engine.unpark_where(|c| c.deadline_us <= now) {
            if sys::readable(conn.raw()) {
                self.engine.submit(Job::Read(conn));
            }
        }
        let patience = [Protocol::Uwsgi, Protocol::Http].map(|p| self.patience(p));
        let late: Vec<usize> = self
            .conns
            .iter()
            .filter(|(_, (c, d))| {
                c.deadline_us <= now
                    || matches!(d, Duty::Read)
                        && match &c.spool {
                            Some(spool) => is_too_slow(spool.length, now.saturating_sub(c.since_us)),
                            None => now > c.since_us + REQUEST_US,
                        }
            })
            .map(|(k, _)| k)
            .collect();
        for key in late {
            if let Some((conn, duty)) = self.conns.get_mut(key)
                && gets_on(conn, duty, now)
            {
                conn.deadline_us = now + patience[usize::from(conn.protocol == Protocol::Http)];
                continue;
            }
            match self.remove(key) {
                Some((conn, Duty::Read)) if !conn.buffer.is_empty() => self.too_late(&conn),
                Some((_, Duty::Write { .. })) => self.write_error(),
                _ => {}
            }
        }
        log::tell_left_out();
        self.unmeasured = false;
        self.memory(now);
    }

    /// A client did not send its request in time.
    fn too_late(&self, conn: &Conn) {
        limited_say!(
            Fault::Client,
            self.engine,
            "a client did not complete its request in time ({} bytes had come)",
            conn.buffer.len()
        );
        self.read_error();
        if conn.protocol == Protocol::Http {
            if let Some(slot) = self.engine.slot() {
                slot.count_answer(408);
            }
            let _ = sys::send2(conn.raw(), &answer::error(408, conn.asks_head()), b"");
        }
    }

    /// Memory for the scoreboard and the limits.
    pub(super) fn memory(&self, now: u64) {
        let Some((vsz, rss)) = sys::memory() else { return };
        if let Some(slot) = self.engine.slot() {
            slot.vsz.store(vsz, Ordering::Relaxed);
            slot.rss.store(rss, Ordering::Relaxed);
            slot.connections.store((self.conns.len() + self.engine.parked()) as u64, Ordering::Relaxed);
        }
        let settings = &self.engine.settings;
        if self.engine.lived(now) >= u64::from(settings.recycling.min_worker_lifetime) {
            if settings.recycling.reload_on_rss > 0 && rss > settings.recycling.reload_on_rss {
                self.engine.ask_replacement(Restart::Rss);
            }
            if settings.recycling.reload_on_as > 0 && vsz > settings.recycling.reload_on_as {
                self.engine.ask_replacement(Restart::AddressSpace);
            }
        }
    }
}

/// What a thread of this process does. The file stays open; without it (a jail may be without /proc) it sleeps.
fn doing(file: &mut Option<File>, thread: i32) -> Doing {
    if file.is_none() {
        *file = File::open(format!("/proc/self/task/{thread}/stat")).ok();
    }
    // The state comes soon behind the name, which has at most 64 bytes.
    let mut text = [0; 128];
    let length = file.as_ref().and_then(|f| f.read_at(&mut text, 0).ok()).unwrap_or(0);
    stall::doing(&String::from_utf8_lossy(&text[..length]))
}
