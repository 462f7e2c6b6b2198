//! The seam to what runs requests, and the loop of a lane over it.
//!
//! A gateway runs one exchange after another in its lane, with whatever lock its language needs; everything around
//! that (waiting, receiving, parsing, files, books) is done here, without the lock.

#![forbid(unsafe_code)]

use crate::connection::Conn;
use crate::dispatcher::{Dispatcher, Next};
use crate::engine::Engine;
use crate::exchange::Exchange;
use crate::outbox::Outbox;
use crate::response::Response;
use crate::send_queue::Held;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uswgi_proto::scoreboard::ThreadState;

/// What runs the requests of one lane.
pub trait Gateway {
    /// Why a lane cannot begin.
    type Error;

    /// How its interpreter keeps objects as output ([`crate::interpreter::Interpreter::Held`]).
    type Held: Held;

    /// The lane begins, in the place in which it will run. Gives its identifier in the interpreter.
    fn start(&mut self) -> Result<u64, Self::Error>;

    /// Run one request: exactly one answer has to be given to `response`.
    fn run(&mut self, exchange: &mut Exchange<'_>, response: Box<Response<Self::Held>>) -> Ran<Self::Held>;

    /// The wait for a request was interrupted by a signal.
    fn signal(&mut self);

    /// Run the handler of a signal of the application.
    fn app_signal(&mut self, number: u8);

    /// Do what needs no lock, the lock released meanwhile.
    fn unlocked<T: Send>(&mut self, f: impl FnOnce() -> T + Send) -> T;
}

/// A request whose application is done, and what has to be known to finish it.
pub struct Ran<H> {
    /// Its answer; what is staged in it is still to be sent.
    pub response: Box<Response<H>>,
    /// Position of the application in the configuration; None: there was none.
    pub app: Option<usize>,
    /// The request was read to its end.
    pub whole: bool,
    /// Bytes that came behind it.
    pub leftover: Vec<u8>,
    /// Memory that held its body.
    pub spare: Vec<u8>,
    /// How often the application gave something, and once for the call.
    pub switches: u32,
}

/// The calling thread runs this lane; `ident` is what the interpreter calls it.
fn adopt(engine: &Engine, lane: usize, ident: u64) {
    engine.lanes[lane].adopt(ident);
    if let Some(slot) = engine.lane_slot(lane) {
        slot.tid.store(engine.lanes[lane].id(), Ordering::Relaxed);
        slot.state.store(ThreadState::Idle as u32, Ordering::Relaxed);
    }
}

/// Serve in a lane until told to leave. Runs in the lane, with the gateway's lock held.
pub fn run_lane<G: Gateway>(
    outbox: &Arc<Outbox<G::Held>>,
    lane: usize,
    gateway: &mut G,
) -> Result<(), G::Error> {
    let engine = &outbox.engine;
    adopt(engine, lane, gateway.start()?);
    let mut dispatcher = Dispatcher::new(outbox, lane);
    let mut previous = None;
    loop {
        match gateway.unlocked(|| dispatcher.next(previous.take())) {
            Next::Run(mut conn) => {
                let _taken_back = outbox.lent[lane].guard();
                let (mut exchange, response) = dispatcher.begin(&mut conn);
                let ran = gateway.run(&mut exchange, response);
                previous = Some((conn, ran));
            }
            Next::Signal => gateway.signal(),
            Next::AppSignal(number) => gateway.app_signal(number),
            Next::Leave => return Ok(()),
        }
    }
}

/// What a lane that was asked has found.
pub enum Polled {
    /// A request, whole: [`SharedLane::run`].
    Run(Conn),
    /// Run the handler of this signal of the application; the lane is free for it.
    AppSignal(u8),
    /// Nothing now.
    Nothing,
    /// The worker leaves: no lane is wanted any more.
    Leave,
}

/// A lane that shares its thread with the others of its worker. It is asked and never waits; whoever asks watches
/// [`crate::engine::Engine::ready_fd`] in the loop of that thread.
pub struct SharedLane<H> {
    outbox: Arc<Outbox<H>>,
    number: usize,
    dispatcher: Dispatcher<H>,
}

impl<H: Held> SharedLane<H> {
    /// The lane of this number; `ident` is the interpreter's identifier of the thread, which is the calling one.
    pub fn new(outbox: &Arc<Outbox<H>>, number: usize, ident: u64) -> SharedLane<H> {
        let engine = &outbox.engine;
        adopt(engine, number, ident);
        SharedLane { outbox: outbox.clone(), number, dispatcher: Dispatcher::new(outbox, number) }
    }

    /// Its number.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The next request that is whole. With `look` the ready epoll is asked, else only what an earlier look has fetched.
    pub fn poll(&mut self, look: bool) -> Polled {
        match self.dispatcher.poll(look) {
            Next::Run(conn) => Polled::Run(conn),
            Next::Signal => Polled::Nothing,
            Next::AppSignal(number) => {
                self.give_up();
                Polled::AppSignal(number)
            }
            Next::Leave => Polled::Leave,
        }
    }

    /// The request that it has found is not run: it is free again.
    pub fn give_up(&mut self) {
        self.dispatcher.mark(false);
    }

    /// The request that it has found begins, and goes on until [`SharedLane::end`].
    pub fn begin<'a>(&'a mut self, conn: &'a mut Conn) -> (Exchange<'a>, Box<Response<H>>) {
        self.dispatcher.begin(conn)
    }

    /// The request on this connection is over; exactly one answer was given.
    pub fn end(&mut self, conn: Conn, ran: Ran<H>) {
        self.dispatcher.leave_off(conn, ran);
    }

    /// What the request that has begun says.
    pub fn exchange<'a>(&'a mut self, conn: &'a mut Conn) -> Exchange<'a> {
        self.dispatcher.exchange(conn)
    }

    /// Run a request that this lane has found; exactly one answer has to be given to the response.
    pub fn run(&mut self, mut conn: Conn, run: impl FnOnce(&mut Exchange<'_>, Box<Response<H>>) -> Ran<H>) {
        let taken_back = self.outbox.lent[self.number].guard();
        let (mut exchange, response) = self.dispatcher.begin(&mut conn);
        let ran = run(&mut exchange, response);
        drop(taken_back);
        self.dispatcher.leave_off(conn, ran);
    }
}

#[cfg(test)]
mod tests;
