//! Requests that this server answers by itself: refusals, pings, signals and tasks. Sends what `answer` makes, and writes the books.

use crate::connection::Conn;
use crate::engine::{Engine, Job};
use crate::log::{self, Fault};
use crate::request::{Need, Refusal};
use crate::{answer, limited_say, sys};
use std::io;
use uswgi_proto::app_signals::{SignalMessage, TAKEN};
use uswgi_proto::control::ToMaster;
use uswgi_proto::trust::Trust;

/// What to answer when there is no memory for a request.
pub(crate) fn no_memory(error: &io::Error) -> Option<Need> {
    (error.kind() == io::ErrorKind::OutOfMemory).then(crate::request::no_memory)
}

/// Answer a ping or a refusal.
pub(crate) fn answer(engine: &Engine, conn: Conn, step: Need) {
    match step {
        Need::Ping => {
            let _ = sys::send2(conn.raw(), &answer::PONG, b"");
        }
        Need::Spool => spool(engine, &conn),
        Need::Signal(number) => signal(engine, &conn, number),
        Need::Refuse(Refusal { status, why }) => {
            let listener = engine.settings.listeners.get(usize::from(conn.listener));
            let name = listener.map_or("?", |l| l.name.as_str());
            let fault = if matches!(status, 500 | 503) { Fault::Ours } else { Fault::Client };
            let why = log::shown(why.as_bytes(), 400);
            limited_say!(fault, engine, "refused a request on {name} with {status}: {why}");
            if let Some(slot) = engine.slot() {
                // Before the answer: who has it finds it counted.
                slot.count_answer(status);
                // 503: there was no memory; the client is not at fault.
                if status != 503 {
                    slot.count_read_error();
                }
            }
            // An empty socket buffer takes it all, or the peer is gone.
            let _ = sys::send2(conn.raw(), &answer::error_as(conn.protocol, status, conn.asks_head()), b"");
            engine.submit(Job::Linger(conn));
        }
        Need::More | Need::Run => {}
    }
}

/// Raise a signal of the application for who may also call its functions; others get no answer. As on uWSGI it is taken
/// whether or not somebody has registered it.
fn signal(engine: &Engine, conn: &Conn, number: u8) {
    let peer = conn.peer.ip();
    let allowed = Trust::parse(&engine.settings.background.rpc.allow);
    match &engine.control {
        Some(control) if allowed.is_ok_and(|allowed| allowed.allows(peer)) => {
            control.send(&ToMaster::AppSignal { said: SignalMessage::Raise { number } });
            let _ = sys::send2(conn.raw(), &TAKEN, b"");
        }
        _ => {
            let peer = peer.map_or("a unix socket".into(), |ip| ip.to_string());
            let why = "it may not (rpc-allow-ips), or there is no master";
            limited_say!(Fault::Client, engine, "signal {number} from {peer} was not raised: {why}");
        }
    }
}

/// Answer a whole packet with a task.
fn spool(engine: &Engine, conn: &Conn) {
    let peer = conn.peer.ip();
    let taken = match &engine.spool_door {
        Some(door) => door.accept(peer, &conn.buffer),
        None => Err("there is no spool folder".into()),
    };
    if let Err(why) = &taken {
        let peer = peer.map_or("a unix socket".into(), |ip| ip.to_string());
        limited_say!(Fault::Client, engine, "a task from {peer} was not taken: {why}");
    }
    let _ = sys::send2(conn.raw(), &[255, 0, 0, u8::from(taken.is_ok())], b"");
}
