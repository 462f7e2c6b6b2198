//! What the rules of a request have said of its answer. Plain data.

use crate::asker::Asker;
use crate::shape::Shape;

/// What the rules of a request have said of its answer.
#[derive(Debug, Default)]
pub(crate) struct Ruled {
    /// Lines behind those of the application, each with its end.
    pub(crate) added: Vec<u8>,
    pub(super) remove: Vec<Vec<u8>>,
    /// The variables of the request, where rules look at its answer.
    pub(super) variables: Vec<(Vec<u8>, Vec<u8>)>,
    /// Seconds that it may take, where it has no earlier deadline.
    pub(crate) deadline: Option<u32>,
    /// What becomes of the body on its way.
    pub(crate) shape: Option<Box<Shape>>,
    /// The rules of answers have been asked.
    pub(crate) asked: bool,
}

impl Ruled {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.remove.is_empty()
            && self.variables.is_empty()
            && self.deadline.is_none()
            && self.shape.is_none()
    }

    /// The value of a variable; of several the last counts.
    pub(super) fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        self.variables.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    pub(super) fn add(&mut self, line: &[u8]) {
        self.added.extend_from_slice(line);
        self.added.extend_from_slice(b"\r\n");
    }

    /// The body is compressed, unless something is against it; `taken`: its client says that it takes it.
    pub(super) fn gzip(&mut self, taken: bool) {
        self.shape.get_or_insert_default().gzip(taken);
    }

    /// The body goes into a cache, too.
    pub(super) fn keep(&mut self, cache: &[u8], key: &[u8], seconds: u64) {
        self.shape.get_or_insert_default().keep(cache, key, seconds);
    }

    /// Lines of a head, without those that were taken away.
    pub(crate) fn without_removed(&self, out: &mut Vec<u8>, from: usize) {
        if self.remove.is_empty() {
            return;
        }
        let lines = out.split_off(from);
        for line in lines.split_inclusive(|b| *b == b'\n') {
            let name = line.split(|b| *b == b':').next().unwrap_or_default();
            if !self.remove.iter().any(|gone| gone.eq_ignore_ascii_case(name)) {
                out.extend_from_slice(line);
            }
        }
    }
}

impl Asker for Ruled {
    fn method(&self) -> &[u8] {
        self.variable(b"REQUEST_METHOD").unwrap_or_default()
    }

    fn path(&self) -> &[u8] {
        self.variable(b"PATH_INFO").unwrap_or_default()
    }

    fn uri(&self) -> &[u8] {
        self.variable(b"REQUEST_URI").unwrap_or_default()
    }

    fn header(&self, name: &str) -> Vec<u8> {
        let name = format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_"));
        let all: Vec<&[u8]> = self
            .variables
            .iter()
            .filter(|(n, _)| n == name.as_bytes())
            .map(|(_, value)| value.as_slice())
            .collect();
        all.join(&b", "[..])
    }
}
