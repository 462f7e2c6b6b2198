//! Errors beside which the rest of a configuration is still of use, to who looks at it; and slips of the command line.

use super::{Engine, Halt};
use crate::diag::shown;
use crate::options::{self, Arg};

impl Engine {
    /// What an option gave. For who only looks an error is a diagnostic, and the next option follows.
    pub(super) fn forgive(
        &mut self,
        applied: Result<Option<Vec<u8>>, Halt>,
    ) -> Result<Option<Vec<u8>>, Halt> {
        match applied {
            Err(Halt::Error(e)) if self.mode.look && !self.ends(e.code) => {
                self.out.warnings.push(*e);
                Ok(None)
            }
            applied => applied,
        }
    }

    /// After these there is nothing to go on with: no file, or one without an end.
    fn ends(&self, code: &str) -> bool {
        matches!(code, "too-large" | "include-cycle") || self.out.entries.len() <= 1
    }
}

/// A word that is nothing, behind an option whose value is attached: `--chmod-socket 660`.
pub(super) fn detached(halt: Halt, args: &[Vec<u8>], word: &[u8]) -> Halt {
    let before = args.windows(2).find(|two| two[1] == word).map(|two| two[0].as_slice());
    let name = before.and_then(|b| b.strip_prefix(b"--")).and_then(|b| std::str::from_utf8(b).ok());
    let takes = name.and_then(options::fact).filter(|f| f.arg == Arg::Opt);
    match (halt, takes) {
        (Halt::Error(mut e), Some(fact)) if e.code == "command-line" => {
            let (name, word) = (fact.name, shown(word));
            e.help = Some(format!("--{name} has its value attached: write --{name}={word}"));
            Halt::Error(e)
        }
        (halt, _) => halt,
    }
}
