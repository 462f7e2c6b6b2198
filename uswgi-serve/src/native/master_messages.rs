//! What the master says to a worker that serves, or is about to.

use super::Native;
use crate::control::FromMaster;
use crate::engine::Leaving;
use crate::interpreter::Interpreter;
use crate::say;
use std::io;
use std::os::fd::AsRawFd;
use uswgi_proto::control::{ToMaster, ToWorker};

impl<I: Interpreter> Native<I> {
    /// Everything that was said so far.
    pub(super) fn catch_up(&mut self, now: u64) {
        while self.control(now) {}
    }

    /// One message; whether there was one.
    pub(super) fn control(&mut self, now: u64) -> bool {
        let Some(control) = &self.engine.control else { return false };
        match control.receive(false) {
            Ok(FromMaster::Message(ToWorker::Retire { hand_over }, _)) => {
                self.begin_leaving(if hand_over { Leaving::HandOver } else { Leaving::Stop }, now);
            }
            Ok(FromMaster::Message(ToWorker::Ping, _)) => control.send(&ToMaster::Alive),
            Ok(FromMaster::Message(ToWorker::Accept { on }, _)) if !self.engine.is_leaving() => {
                if on {
                    let _ = self.engine.accept_on();
                } else {
                    self.engine.forget_rest();
                    self.engine.accept_off();
                    self.pass_on_woken(now);
                }
            }
            Ok(FromMaster::Message(ToWorker::AppSignal { signal }, _)) => self.engine.signal(signal),
            Ok(FromMaster::Message(ToWorker::ReopenLogs, files)) => {
                files.first().into_iter().for_each(crate::log::reopen)
            }
            Ok(FromMaster::Message(..)) => {}
            Ok(FromMaster::Nothing) => return false,
            Err(e) if e.kind() == io::ErrorKind::Other => say!("the master said something strange: {e}"),
            Ok(FromMaster::Gone) | Err(_) => {
                self.epoll.delete(control.as_raw_fd());
                if !self.finished {
                    say!("the master is gone; finishing what is here and ending");
                }
                self.orphaned_us = now;
                self.begin_leaving(Leaving::Orphaned, now);
                return false;
            }
        }
        true
    }
}
