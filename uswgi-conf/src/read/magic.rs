//! Magic variables: `%c` anywhere in the text of a file, replaced before its syntax is looked at. A `%`
//! before any byte without a meaning disappears together with that byte, a line end included, as in
//! uWSGI; lint is where people are told. Pure; it never asks the system.

/// Bytes that mean something after a `%`; before any other byte both disappear.
pub const MEANINGFUL: &[u8] = b"opsdcnexijOPSDCNEXIJ0123456789vVhktTuUgGb[%(";

/// Texts for `%c`, by byte. `%%` and `%(` are not in it: they are syntax.
#[derive(Debug, Clone)]
pub struct Magic {
    table: Vec<Option<Vec<u8>>>,
}

impl Default for Magic {
    fn default() -> Self {
        Magic { table: vec![None; 256] }
    }
}

impl Magic {
    /// Set what `%c` stands for.
    pub fn set(&mut self, c: u8, text: impl Into<Vec<u8>>) {
        self.table[c as usize] = Some(text.into());
    }

    /// Let `%c` stand for nothing.
    pub fn clear(&mut self, c: u8) {
        self.table[c as usize] = None;
    }

    /// What `%c` stands for.
    pub fn get(&self, c: u8) -> &[u8] {
        self.table[c as usize].as_deref().unwrap_or_default()
    }

    /// The variables of a file for the lower-case letters, copied to their upper-case twins.
    pub fn remember_first(&mut self) {
        for c in *b"odspcenxij" {
            self.table[c.to_ascii_uppercase() as usize] = self.table[c as usize].clone();
        }
    }
}

/// A text with its magic variables replaced, which still knows where every byte came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The text.
    pub text: Vec<u8>,
    /// (offset in the new text, offset in the old one, whether the bytes are the old ones).
    jumps: Vec<(usize, usize, bool)>,
    /// Offsets in the old text where lines start.
    lines: Vec<usize>,
}

impl Replaced {
    /// Replace the magic variables of a text.
    pub fn new(old: &[u8], magic: &Magic) -> Replaced {
        let mut text = Vec::with_capacity(old.len());
        let mut jumps = vec![(0, 0, true)];
        let mut i = 0;
        while i < old.len() {
            let Some(next) = old[i..].iter().position(|&b| b == b'%') else {
                text.extend_from_slice(&old[i..]);
                break;
            };
            text.extend_from_slice(&old[i..i + next]);
            i += next;
            match old.get(i + 1) {
                Some(b'(') => {
                    text.extend_from_slice(b"%(");
                    i += 2;
                }
                c => {
                    jumps.push((text.len(), i, false));
                    match c {
                        Some(b'%') => text.push(b'%'),
                        Some(&c) => text.extend_from_slice(magic.get(c)),
                        None => {}
                    }
                    i += 2;
                    jumps.push((text.len(), i, true));
                }
            }
        }
        let lines = std::iter::once(0)
            .chain(old.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1))
            .collect();
        Replaced { text, jumps, lines }
    }

    /// A text in which nothing is replaced.
    pub fn verbatim(text: &[u8]) -> Replaced {
        let lines = std::iter::once(0)
            .chain(text.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1))
            .collect();
        Replaced { text: text.to_vec(), jumps: vec![(0, 0, true)], lines }
    }

    /// Line and column, both from 1, of an offset of the new text in the old one.
    pub fn position(&self, offset: usize) -> (u32, u32) {
        let at = self.jumps.partition_point(|j| j.0 <= offset).saturating_sub(1);
        let (new, old, same) = self.jumps[at];
        let old = if same { old + (offset - new) } else { old };
        let line = self.lines.partition_point(|&start| start <= old).saturating_sub(1);
        let number = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        (number(line), number(old - self.lines[line]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> String {
        let mut magic = Magic::default();
        magic.set(b'n', "name");
        magic.set(b'd', "/dir/");
        String::from_utf8(Replaced::new(text.as_bytes(), &magic).text).unwrap()
    }

    #[test]
    fn letters_are_replaced_and_the_rest_disappears() {
        assert_eq!(replaced("%d%n.sock"), "/dir/name.sock");
        assert_eq!(replaced("100%% %(x) %"), "100% %(x) ");
        assert_eq!(replaced("a = 100%\nb = 1\n"), "a = 100b = 1\n");
        assert_eq!(replaced("%Y-%m 50%;"), "- 50");
        assert_eq!(replaced("%%(a) %%%(a)"), "%(a) %%(a)");
    }

    #[test]
    fn positions_are_those_of_the_written_text() {
        let mut magic = Magic::default();
        magic.set(b'd', "a very long path");
        let r = Replaced::new(b"k = %d/x\nb = 2\nc%\nd = 3\n", &magic);
        let at = |needle: &[u8]| {
            let o = r.text.windows(needle.len()).position(|w| w == needle).unwrap();
            r.position(o)
        };
        assert_eq!(at(b"k ="), (1, 1));
        assert_eq!(at(b"very"), (1, 5));
        assert_eq!(at(b"/x"), (1, 7));
        assert_eq!(at(b"b ="), (2, 1));
        assert_eq!(at(b"d = 3"), (4, 1));
        assert_eq!(r.position(r.text.len()).0, 5);
    }
}
