//! A process of an instance, as it is named on the command line and the screen: `worker 2`, `spooler 1`, `mule 3`. Pure.

use crate::error::CtlError;
use uswgi_proto::background::{Aide, AideKind};

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProcessClass {
    /// It runs requests.
    Worker,
    /// It runs tasks of a folder.
    Spooler,
    /// It runs a script, or waits for messages.
    Mule,
}

impl ProcessClass {
    /// All, in the order in which they are shown.
    pub const ALL: [ProcessClass; 3] = [ProcessClass::Worker, ProcessClass::Spooler, ProcessClass::Mule];

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            ProcessClass::Worker => "worker",
            ProcessClass::Spooler => "spooler",
            ProcessClass::Mule => "mule",
        }
    }
}

/// A process by its number, or of a worker number the two that there are during a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// What it is for.
    pub kind: ProcessClass,
    /// From 1, within its kind.
    pub number: u32,
}

impl Process {
    /// The worker of this number.
    pub const fn worker(number: u32) -> Process {
        Process { kind: ProcessClass::Worker, number }
    }

    /// That it is not there. It may be there again a moment later, so it is no matter of the command line.
    pub fn is_not_there(self) -> CtlError {
        CtlError::Refused(format!("there is no {self} now; `uswgi-ctl workers` shows who is there"))
    }
}

impl From<Aide> for Process {
    fn from(aide: Aide) -> Process {
        let kind = match aide.kind {
            AideKind::Spooler => ProcessClass::Spooler,
            AideKind::Mule => ProcessClass::Mule,
        };
        Process { kind, number: aide.number }
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.number)
    }
}

/// Processes that are meant: all, those of a kind, or one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meant {
    /// None: of any kind.
    pub kind: Option<ProcessClass>,
    /// None: of any number.
    pub number: Option<u32>,
}

impl Meant {
    /// Of words that were typed: none, `2` or `worker 2`, `mule`, `mule 3`.
    ///
    /// # Errors
    /// Something else was typed: a matter of the command line.
    pub fn typed(words: &[&str]) -> Result<Meant, CtlError> {
        let kind = |word: &str| ProcessClass::ALL.into_iter().find(|k| k.name() == word);
        let number = |word: &str| word.parse::<u32>().ok().filter(|n| *n > 0);
        let (kind, number) = match *words {
            [] => (None, None),
            [word] if kind(word).is_some() => (kind(word), None),
            [word] => (Some(ProcessClass::Worker), number(word)),
            [first, second] if kind(first).is_some() => (kind(first), number(second)),
            _ => (None, None),
        };
        // What is not understood leaves a number out that was typed.
        let typed = words.len()
            - usize::from(words.first().is_some_and(|w| ProcessClass::ALL.iter().any(|k| k.name() == *w)));
        if typed == usize::from(number.is_some()) {
            return Ok(Meant { kind, number });
        }
        Err(CtlError::Usage(format!(
            "'{}' names no process: a number is that of a worker, others are `mule 1` and `spooler 1`, as `workers` shows them",
            words.join(" ")
        )))
    }

    /// Whether this one is.
    pub fn has(self, process: Process) -> bool {
        self.kind.is_none_or(|k| k == process.kind) && self.number.is_none_or(|n| n == process.number)
    }

    /// That there is none.
    pub fn nobody(self) -> CtlError {
        match (self.kind, self.number) {
            (Some(kind), Some(number)) => Process { kind, number }.is_not_there(),
            (kind, _) => CtlError::Refused(format!("no {} runs", kind.map_or("worker", ProcessClass::name))),
        }
    }
}

impl From<Process> for Meant {
    fn from(process: Process) -> Meant {
        Meant { kind: Some(process.kind), number: Some(process.number) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_typed_as_it_is_shown() {
        let meant = |kind, number| Meant { kind, number };
        for (words, wanted) in [
            ("", Meant::default()),
            ("2", meant(Some(ProcessClass::Worker), Some(2))),
            ("worker 2", meant(Some(ProcessClass::Worker), Some(2))),
            ("mule", meant(Some(ProcessClass::Mule), None)),
            ("spooler 11", meant(Some(ProcessClass::Spooler), Some(11))),
        ] {
            let words: Vec<&str> = words.split_whitespace().collect();
            assert_eq!(Meant::typed(&words).unwrap(), wanted, "{words:?}");
        }
        for words in ["0", "-1", "x", "mule x", "mule 0", "1 2", "1 mule", "mule mule", "mule 1 2", "Mule 1"]
        {
            let typed: Vec<&str> = words.split_whitespace().collect();
            let why = Meant::typed(&typed).unwrap_err().to_string();
            assert!(why.contains(&format!("'{words}' names no process")), "{why}");
        }
        let mule = Process { kind: ProcessClass::Mule, number: 3 };
        assert!(Meant::from(mule).has(mule) && !Meant::from(mule).has(Process::worker(3)));
        assert!(Meant::from(mule).nobody().to_string().contains("there is no mule 3 now"));
    }
}
