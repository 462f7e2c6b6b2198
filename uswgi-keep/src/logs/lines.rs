//! From what an application writes, in whatever pieces, to whole texts: a line, or a traceback with all of
//! its lines. Pure.
#![forbid(unsafe_code)]

/// Longest line; the rest of a longer one is cut.
pub const MAX_LINE: usize = 64 * 1024;

/// Puts the pieces of one writer together.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
    /// Bytes of the current line that were cut.
    cut: usize,
    group: Vec<u8>,
    in_traceback: bool,
}

const TRACEBACK: &[u8] = b"Traceback (most recent call last):";

impl Lines {
    /// Bytes have come; whole texts go to `each`, without the line break at their end.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            self.keep(&bytes[..end]);
            self.end_line(&mut each);
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    /// The writer pauses or has ended: what forms a group so far is given.
    pub fn pause(&mut self, mut each: impl FnMut(&[u8])) {
        self.end_group(&mut each);
    }

    /// The writer has ended: the line that was begun is given too.
    pub fn finish(&mut self, mut each: impl FnMut(&[u8])) {
        if !self.line.is_empty() {
            self.end_line(&mut each);
        }
        self.end_group(&mut each);
    }

    /// Whether a group waits for its end.
    pub fn is_open(&self) -> bool {
        !self.group.is_empty()
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_LINE.saturating_sub(self.line.len());
        let (kept, over) = bytes.split_at(room.min(bytes.len()));
        self.line.extend_from_slice(kept);
        self.cut += over.len();
    }

    fn end_line(&mut self, each: &mut impl FnMut(&[u8])) {
        if self.cut > 0 {
            self.line.extend_from_slice(format!(" ...[{} more bytes cut]", self.cut).as_bytes());
            self.cut = 0;
        }
        let mut line = std::mem::take(&mut self.line);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if self.group.len() + line.len() > MAX_LINE {
            self.end_group(each);
        }
        if line.starts_with(TRACEBACK) {
            // Beneath "During handling of ..." it belongs to the one before.
            self.add(&line);
            self.in_traceback = true;
        } else if self.in_traceback && is_inside(&line) {
            self.add(&line);
        } else if self.in_traceback {
            // The exception itself is the last line; what follows it may still be a note about it.
            self.add(&line);
            self.in_traceback = false;
            self.end_group(each);
        } else {
            self.end_group(each);
            each(&line);
        }
        line.clear();
        self.line = line;
    }

    fn add(&mut self, line: &[u8]) {
        if !self.group.is_empty() {
            self.group.push(b'\n');
        }
        self.group.extend_from_slice(line);
    }

    fn end_group(&mut self, each: &mut impl FnMut(&[u8])) {
        self.in_traceback = false;
        if !self.group.is_empty() {
            each(&self.group);
            self.group.clear();
        }
    }
}

/// Lines between a traceback's first and its exception.
fn is_inside(line: &[u8]) -> bool {
    line.first().is_none_or(|b| *b == b' ' || *b == b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8], step: usize) -> Vec<String> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        let mut each = |t: &[u8]| all.push(String::from_utf8_lossy(t).into_owned());
        for piece in text.chunks(step) {
            lines.feed(piece, &mut each);
        }
        lines.finish(&mut each);
        all
    }

    #[test]
    fn pieces_become_lines_and_tracebacks_stay_whole() {
        let text = b"one\ntw\x00o\r\n\nTraceback (most recent call last):\n  File \"a\", line 1\n    x\nValueError: y\nnext\nend";
        let traceback = "Traceback (most recent call last):\n  File \"a\", line 1\n    x\nValueError: y";
        for step in [1, 3, 7, 1000] {
            assert_eq!(read(text, step), ["one", "tw\0o", "", traceback, "next", "end"], "step {step}");
        }
    }

    #[test]
    fn a_line_without_end_is_cut_and_costs_bounded_memory() {
        let mut text = vec![b'x'; 3 * MAX_LINE];
        text.extend_from_slice(b"\nnext\n");
        let all = read(&text, 5000);
        assert_eq!(all.len(), 2);
        assert!(all[0].ends_with(&format!(" ...[{} more bytes cut]", 2 * MAX_LINE)));
        assert_eq!(all[1], "next");
    }

    #[test]
    fn a_traceback_without_end_is_given_in_parts() {
        let mut text = b"Traceback (most recent call last):\n".to_vec();
        text.extend(b"  File\n".repeat(MAX_LINE / 4));
        let all = read(&text, 4096);
        assert!(all.len() > 1 && all.iter().all(|t| t.len() <= MAX_LINE), "{}", all.len());
    }

    proptest! {
        #[test]
        fn no_line_is_lost_or_changed(lines in prop::collection::vec("[^\r\n]{0,40}", 0..60), step in 1usize..50) {
            let text: String = lines.iter().map(|l| format!("{l}\n")).collect();
            let all = read(text.as_bytes(), step);
            let again: Vec<&str> = all.iter().flat_map(|t| t.split('\n')).collect();
            prop_assert_eq!(again, lines);
        }
    }
}
