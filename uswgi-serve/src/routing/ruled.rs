//! What the rules of a request have said of its answer. Plain data.

/// What the rules of a request have said of its answer.
#[derive(Debug, Default)]
pub(crate) struct Ruled {
    /// Lines behind those of the application, each with its end.
    pub(crate) added: Vec<u8>,
    pub(super) remove: Vec<Vec<u8>>,
    /// The variables of the request, where rules look at its answer.
    pub(super) variables: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Ruled {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.remove.is_empty() && self.variables.is_empty()
    }

    pub(super) fn add(&mut self, line: &[u8]) {
        self.added.extend_from_slice(line);
        self.added.extend_from_slice(b"\r\n");
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
