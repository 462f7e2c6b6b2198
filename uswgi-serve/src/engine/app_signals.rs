//! Signals of the application (`uwsgi.register_signal`) on their way to a lane: for any worker, whoever is free first, in a
//! queue that the master holds; for this one, from the native thread. It must never run a handler.

use super::Engine;
use crate::messages::take_signal;
use crate::sync::lock;
use crate::sys::WakeEvent;
use crate::token::Token;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use uswgi_proto::app_signals::{RaisedSignal, SignalMessage};
use uswgi_proto::control::ToMaster;

/// What a worker has of signals.
pub struct SignalInbox {
    /// The queue that all workers share; None: there is no master.
    shared: Option<OwnedFd>,
    own: Mutex<VecDeque<RaisedSignal>>,
    wake: WakeEvent,
}

impl SignalInbox {
    /// Over the queue of all workers.
    pub(super) fn new(shared: Option<OwnedFd>) -> io::Result<SignalInbox> {
        Ok(SignalInbox { shared, own: Mutex::default(), wake: WakeEvent::new(false)? })
    }

    /// The descriptor of the queue that all share.
    pub(super) fn shared_fd(&self) -> Option<RawFd> {
        self.shared.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// What to wait for: the queue of all workers, and this one's own.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.shared.as_ref().map(AsFd::as_fd).into_iter().chain([self.wake.as_fd()])
    }
}

impl Engine {
    /// Have the lanes look for signals of this worker.
    pub(super) fn listen_for_signals(&self) -> io::Result<()> {
        self.ready.add(self.signals.wake.as_raw_fd(), libc::EPOLLIN, Token::OwnSignals.encode())
    }

    /// A signal for this worker.
    pub fn signal(&self, signal: RaisedSignal) {
        lock(&self.signals.own).push_back(signal);
        self.signals.wake.set();
    }

    /// The next signal for this worker alone.
    pub fn take_own_signal(&self) -> Option<RaisedSignal> {
        let signal = {
            let mut own = lock(&self.signals.own);
            let signal = own.pop_front();
            if own.is_empty() {
                self.signals.wake.clear();
            }
            signal
        };
        signal.inspect(|s| self.has_taken(*s, false))
    }

    /// The next signal for any worker, unless another one was faster.
    pub fn take_shared_signal(&self) -> Option<RaisedSignal> {
        let signal = take_signal(self.signals.shared.as_ref()?.as_fd());
        signal.inspect(|s| self.has_taken(*s, true))
    }

    fn has_taken(&self, signal: RaisedSignal, shared: bool) {
        if let Some(slot) = self.slot() {
            slot.signals.fetch_add(1, Ordering::Relaxed);
        }
        if signal.told
            && let Some(control) = &self.control
        {
            let said = SignalMessage::Taken { number: signal.number, shared };
            control.send(&ToMaster::AppSignal { said });
        }
    }
}
