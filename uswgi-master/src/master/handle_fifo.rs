//! Carries out the letters of `master-fifo`.
#![forbid(unsafe_code)]

use super::Master;
use crate::fifo::{FifoCommand, command};
use crate::supervisor::Event;
use uswgi_keep::log;

impl Master<'_> {
    /// Letters are there: some of them. More of them wake the loop again.
    pub(crate) fn read_fifo(&mut self) {
        for letter in self.fifo.letters() {
            let from = format!("master-fifo: {}", letter as char);
            match command(letter) {
                Some(FifoCommand::Slot(slot)) => self.fifo.choose(slot, &self.events),
                Some(FifoCommand::Order(request)) => self.order_unheard(&from, request),
                Some(FifoCommand::SendAway) => self.operate(Event::SendAway),
                Some(FifoCommand::Refused(why)) => log::line(format_args!("{from} refused: {why}")),
                None => {}
            }
        }
    }
}
