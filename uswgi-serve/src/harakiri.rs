//! Deadlines of requests: when one has passed, the native thread answers 504 if nothing was answered yet, logs where the
//! lanes stand, interrupts the lane, and asks for a successor when it does not come out within the grace time.
//! Who answers is decided in [`crate::lane`].

use crate::engine::Engine;
use crate::interpreter::Interpreter;
use crate::lane::Claim;
use crate::sync::lock;
use crate::{answer, log, say, sys};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uswgi_proto::scoreboard::Restart;
use uswgi_proto::scoreboard::layout::add;
use uswgi_proto::sock_diag;

/// A helper is about to take the stacks.
static HELPER: AtomicBool = AtomicBool::new(false);

fn grace_us(engine: &Engine) -> u64 {
    u64::from(engine.settings.harakiri.grace.max(1)) * 1_000_000
}

/// Tell the application by the signal of the settings; false: there is none, or nobody to handle it.
fn announce(signal: i32) -> bool {
    signal != 0 && sys::is_handled(signal) && {
        sys::signal_main(signal);
        true
    }
}

/// Nobody waits for the lane of a request that is late (`harakiri-queue-threshold`): no socket has more connections in its
/// queue than may wait.
fn few_wait(engine: &Engine) -> bool {
    let threshold = engine.settings.harakiri.queue;
    threshold > 0
        && !engine
            .listeners
            .iter()
            .any(|l| sock_diag::queue_of(l.fd.as_fd()).is_some_and(|q| q.waiting > threshold))
}

/// Act on every deadline that has passed. Native thread only.
pub(crate) fn check(engine: &Arc<Engine>, interpreter: &impl Interpreter, now_us: u64) {
    for (i, cell) in engine.lanes.iter().enumerate() {
        let mut flight = lock(&cell.flight);
        if flight.claim == Claim::Idle {
            continue;
        }
        if flight.give_up_us == 0 && now_us >= flight.deadline_us {
            if few_wait(engine) {
                // It is looked at again in a second; the master goes by the same time.
                flight.deadline_us = now_us + 1_000_000;
                if let Some(slot) = engine.lane_slot(i) {
                    slot.deadline_us.store(flight.deadline_us, Ordering::Relaxed);
                }
                continue;
            }
            if !std::mem::replace(&mut flight.announced, true) && announce(engine.settings.harakiri.signal) {
                flight.deadline_us = now_us + grace_us(engine);
                drop(flight);
                let signal = engine.settings.harakiri.signal;
                say!("HARAKIRI: thread {i} is beyond its time; the application is told by signal {signal}");
                continue;
            }
            flight.give_up_us = now_us + grace_us(engine);
            flight.raise = true;
            let answered = flight.claim == Claim::App;
            if !answered {
                if let Some(slot) = engine.slot() {
                    slot.count_answer(504);
                }
                // The socket buffer is empty, so this takes it all or the peer is gone.
                let _ = sys::send2(
                    flight.client.fd,
                    &answer::error_as(flight.client.protocol, 504, flight.client.head_only),
                    b"",
                );
                flight.claim = Claim::TimedOut;
            }
            sys::shutdown(flight.client.fd, libc::SHUT_RDWR);
            drop(flight);
            overdue(engine, interpreter, i, answered);
        } else if flight.give_up_us > 0 && now_us >= flight.give_up_us && !flight.given_up {
            flight.given_up = true;
            drop(flight);
            say!("HARAKIRI: thread {i} did not come out of its request; this worker is replaced");
            engine.ask_replacement(Restart::Harakiri);
        }
    }
}

fn overdue(engine: &Arc<Engine>, interpreter: &impl Interpreter, thread: usize, answered: bool) {
    let mut request = String::from("(unknown request)");
    let mut seconds = u64::from(engine.settings.harakiri.seconds);
    if let Some(slot) = engine.lane_slot(thread) {
        // A request may have a deadline of its own.
        let (from, to) = (slot.started_us.load(Ordering::Relaxed), slot.deadline_us.load(Ordering::Relaxed));
        seconds = if from > 0 && to > from { (to - from) / 1_000_000 } else { seconds };
        add(&slot.harakiri, 1);
        if let Some(line) = slot.request.read() {
            request = format!(
                "{} {} from {}",
                log::shown(line.method.as_bytes(), 16),
                log::shown(line.uri.as_bytes(), 256),
                log::shown(line.remote.as_bytes(), 48)
            );
        }
    }
    say!(
        "HARAKIRI: {request} ran longer than {seconds} s on {} {thread}; {}",
        engine.settings.lanes.kind.singular(),
        if answered { "its answer had begun and is cut" } else { "answered 504" }
    );
    interrupt(engine, interpreter, thread);
}

/// Log the stacks, then interrupt the thread: from a helper thread, since this one never takes the GIL.
fn interrupt(engine: &Arc<Engine>, interpreter: &impl Interpreter, thread: usize) {
    if HELPER.swap(true, Ordering::AcqRel) {
        // The helper that runs looks at every thread when it has the GIL.
        return;
    }
    let (shared, own) = (engine.clone(), interpreter.clone());
    let spawned =
        std::thread::Builder::new().name("uswgi-harakiri".into()).stack_size(256 * 1024).spawn(move || {
            sys::block_signals();
            let busy: Vec<u64> = shared.lanes.iter().filter(|t| t.in_flight()).map(|t| t.ident()).collect();
            let text = own.stacks(move |ident| busy.contains(&ident));
            HELPER.store(false, Ordering::Release);
            match text {
                Some(text) => say!("HARAKIRI: where the requests stand:\n{text}"),
                None => {
                    say!("HARAKIRI: the stacks are not to be had: something holds the GIL without a break")
                }
            }
            own.interrupt(&shared);
        });
    if spawned.is_err() {
        HELPER.store(false, Ordering::Release);
        say!("HARAKIRI: no thread could be started to interrupt thread {thread}");
        interpreter.interrupt_at_once(engine);
    }
}
