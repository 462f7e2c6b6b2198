//! Carries out the letters of `master-fifo`.
#![forbid(unsafe_code)]

use super::Master;
use crate::fifo::{Command, command};
use crate::supervisor::Event;
use uswgi_keep::log;

impl Master<'_> {
    /// Letters are there: some of them. More of them wake the loop again.
    pub(crate) fn read_fifo(&mut self) {
        for letter in self.fifo.letters() {
            let from = format!("master-fifo: {}", letter as char);
            match command(letter) {
                Some(Command::Slot(slot)) => self.fifo.choose(slot, &self.events),
                Some(Command::Order(request)) => self.order_unheard(&from, request),
                Some(Command::SendAway) => self.operate(Event::SendAway),
                Some(Command::Refused(why)) => log::line(format_args!("{from} refused: {why}")),
                None => {}
            }
        }
    }
}
