//! Texts around every file that is read (`inject-before`, `inject-after`): one text of several, before magic
//! variables and syntax, in which every line still has its own place.

use super::{Engine, Halt};
use crate::diag::Diagnostic;
use crate::place::{Place, Source};
use crate::read::source::{self, SourceError};
use std::rc::Rc;

/// What is put around the files that are read from now on: names, in order.
#[derive(Debug, Default)]
pub(super) struct Injected {
    /// In front of each.
    pub(super) before: Vec<Vec<u8>>,
    /// Behind each.
    pub(super) after: Vec<Vec<u8>>,
}

/// A text that is put together.
pub(super) struct Joined {
    pub(super) text: Vec<u8>,
    /// Whose the lines are from some line on, and how many lines stand in front of that text.
    parts: Vec<(Rc<Source>, u32, u32)>,
}

impl Joined {
    fn add(&mut self, source: Rc<Source>, text: &[u8]) {
        let above = self.text.iter().filter(|b| **b == b'\n').count();
        let above = u32::try_from(above).unwrap_or(u32::MAX);
        // A line that two texts share is the first one's.
        let shared = self.text.last().is_some_and(|b| *b != b'\n');
        self.parts.push((source, above.saturating_add(1 + u32::from(shared)), above));
        self.text.extend_from_slice(text);
    }

    /// The place of a line of the whole.
    pub(super) fn place(&self, line: u32, column: u32, value_column: u32) -> Option<Place> {
        let part = self.parts.iter().rfind(|(_, from, _)| *from <= line).or(self.parts.first());
        part.map(|(source, _, above)| Place {
            source: source.clone(),
            line: line.saturating_sub(*above),
            column,
            value_column,
        })
    }
}

impl Engine {
    /// The text of a file with what is injected around it.
    pub(super) fn joined(
        &mut self,
        source: &Rc<Source>,
        text: Vec<u8>,
        place: &Place,
    ) -> Result<Joined, Halt> {
        let mut out = Joined { text: Vec::new(), parts: Vec::new() };
        for name in self.inject.before.clone() {
            self.injected(&mut out, &name, place)?;
        }
        out.add(source.clone(), &text);
        self.remember_text(source, text);
        for name in self.inject.after.clone() {
            self.injected(&mut out, &name, place)?;
        }
        Ok(out)
    }

    fn injected(&mut self, out: &mut Joined, name: &[u8], place: &Place) -> Result<(), Halt> {
        match source::read(name, self.mode.allow) {
            Ok(text) => {
                let source = self.source_of(name, place);
                out.add(source.clone(), &text);
                self.remember_text(&source, text);
                Ok(())
            }
            Err(e @ SourceError::NotAllowed { .. }) => {
                self.out.warnings.push(Diagnostic::warning("left-out", e.to_string()).at(place));
                Ok(())
            }
            Err(e) => {
                let message = format!("{e}, which is injected into every file");
                Err(Diagnostic::error("unreadable", message).at(place).into())
            }
        }
    }

    /// Keep a text for the lines that messages show.
    fn remember_text(&mut self, source: &Source, text: Vec<u8>) {
        if !self.out.files.iter().any(|(name, _)| *name == source.name) {
            self.out.files.push((source.name.clone(), text));
        }
    }
}
