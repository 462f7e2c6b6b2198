//! Expansion: from a command line and an environment to the ordered list of entries that uWSGI would
//! hold, in its order: environment, options, words, then `$()`, `@()`, `%()`, then every option is
//! applied in list order. Nothing here knows what an option is good for.
//!
//! * `passes`: the three passes over all values.
//! * `placeholder`: markers inside values, and arithmetic.
//! * `logic`: `if-*` and `for*` blocks.
//! * `load`: files, and the magic variables of each.
//! * `inject`: texts around every file.
//! * `apply`: options that act on the configuration itself.
//! * `forgive`: errors beside which the rest is still of use.
//! * `check`: values that uWSGI itself refuses.

#![forbid(unsafe_code)]

mod apply;
pub(crate) use apply::truth;
mod check;
mod forgive;
mod inject;
mod load;
mod logic;
mod own;
mod passes;
pub mod placeholder;
mod words;

use crate::diag::{Diagnostic, shown};
use crate::options::{self, Fact};
use crate::place::{Place, Source};
use crate::read::argv::{Argv, Item};
use crate::read::magic::Magic;
pub use crate::read::source::Allow;
pub use own::own_entries;
use std::collections::HashMap;
use std::rc::Rc;
use uswgi_proto::exit::{Exit, ExitWith};

/// Entries a configuration may have: `for-times = 999999999` must not eat the machine.
const MAX_ENTRIES: usize = 200_000;

/// Environment options that uWSGI keeps for itself.
pub(crate) const NOT_OPTIONS: [&[u8]; 8] = [
    b"UWSGI_RELOADS",
    b"UWSGI_VASSALS_DIR",
    b"UWSGI_EMPEROR_FD",
    b"UWSGI_BROODLORD_NUM",
    b"UWSGI_EMPEROR_FD_CONFIG",
    b"UWSGI_EMPEROR_PROXY",
    b"UWSGI_JAIL_PID",
    b"UWSGI_ORIGINAL_PROC_NAME",
];

/// How to expand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mode {
    /// Exactly uWSGI: our own options are unknown, and values that it refuses at once are refused.
    pub compat: bool,
    /// What sources may do.
    pub allow: Allow,
    /// A file by itself, for who looks at it: variables of the environment are there, options in it are not, and an error
    /// is a diagnostic beside the rest.
    pub look: bool,
}

/// One entry of the list.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Bytes of the key.
    pub key: Vec<u8>,
    /// Bytes of the value; None: given without one on the command line.
    pub value: Option<Vec<u8>>,
    /// Where it stands.
    pub place: Place,
    /// Its setter ran, or it is a placeholder that was declared as one.
    pub recognised: bool,
    /// The value as it was before expansion, where that differs.
    pub written: Option<Vec<u8>>,
    /// Some value refers to it as `%(key)`, or a block asks for it.
    pub used: bool,
}

/// One run of an option's setter, in order.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The option.
    pub fact: &'static Fact,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Where it stands.
    pub place: Place,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Expansion {
    /// The list.
    pub entries: Vec<Entry>,
    /// Setters in the order they ran.
    pub applied: Vec<Applied>,
    /// What `print` and `iprint` said.
    pub printed: Vec<u8>,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
    /// Files that were read, in order: name and text.
    pub files: Vec<(String, Vec<u8>)>,
    /// The block that is still open at the end, and where it was opened.
    pub open_block: Option<(&'static str, Place)>,
}

/// Why expansion stopped.
#[derive(Debug)]
pub enum Halt {
    /// An error.
    Error(Box<Diagnostic>),
    /// An option asked to print and end: text, and how the program ends.
    Exit(Vec<u8>, ExitWith),
}

impl From<Diagnostic> for Halt {
    fn from(d: Diagnostic) -> Halt {
        Halt::Error(Box::new(d))
    }
}

/// Expand a command line (without the program's name) in an environment.
pub fn expand(args: &[Vec<u8>], env: &[(Vec<u8>, Vec<u8>)], mode: Mode) -> (Expansion, Result<(), Halt>) {
    let mut engine = Engine::new(env, mode);
    let result = engine.run(args, env);
    (engine.out, result)
}

struct Engine {
    /// Entries are listed and nothing acts, but the first file.
    only_read: bool,
    mode: Mode,
    env: HashMap<Vec<u8>, Vec<u8>>,
    out: Expansion,
    logic: Option<logic::Block>,
    /// A block is emitting an entry: it is added as it is.
    emitting: bool,
    strict: bool,
    blacklist: Option<Vec<u8>>,
    whitelist: Option<Vec<u8>>,
    declared: Vec<(Vec<u8>, Vec<u8>)>,
    magic: Magic,
    first_remembered: bool,
    /// How many files deep that were named without their kind: in them no file is the first.
    included: u32,
    inject: inject::Injected,
    /// The last file of each format, for `:section`.
    last_file: HashMap<&'static str, Vec<u8>>,
    shared_sockets: usize,
    asked: Vec<Vec<u8>>,
    /// First entry of each key.
    first: HashMap<Vec<u8>, usize>,
    dirty: bool,
    /// A word has named the application.
    word_app: bool,
}

impl Engine {
    fn new(env: &[(Vec<u8>, Vec<u8>)], mode: Mode) -> Engine {
        Engine {
            only_read: false,
            mode,
            env: env.iter().rev().cloned().collect(),
            out: Expansion::default(),
            logic: None,
            emitting: false,
            strict: false,
            blacklist: None,
            whitelist: None,
            declared: Vec::new(),
            magic: load::constants(),
            first_remembered: false,
            included: 0,
            inject: inject::Injected::default(),
            last_file: HashMap::new(),
            shared_sockets: 0,
            asked: Vec::new(),
            first: HashMap::new(),
            dirty: false,
            word_app: false,
        }
    }

    fn run(&mut self, args: &[Vec<u8>], env: &[(Vec<u8>, Vec<u8>)]) -> Result<(), Halt> {
        let place = Place::of(&Source::root("environment"));
        let look = self.mode.look;
        for (name, value) in env.iter().filter(|_| !look) {
            if let Some(key) = name.strip_prefix(b"UWSGI_")
                && !NOT_OPTIONS.contains(&name.as_slice())
            {
                let key =
                    key.iter().map(|b| if *b == b'_' { b'-' } else { b.to_ascii_lowercase() }).collect();
                self.add(key, Some(value.clone()), &place, false)?;
            }
        }
        let place = Place::of(&Source::root("command line"));
        let mut argv = Argv::new(args, !self.mode.compat);
        loop {
            let declared: Vec<Vec<u8>> = self.declared.iter().map(|(n, _)| n.clone()).collect();
            match argv.step(&declared).map_err(|e| self.bad_argv(&e, &place))? {
                None => break,
                Some(Item::Option(key, value)) => self.add(key, value, &place, false)?,
                Some(Item::Word(word)) if word.starts_with(b"[") => {}
                Some(Item::Word(word)) if self.take_word(&word, &place)? => {}
                Some(Item::Word(word)) => {
                    self.load_by_extension(&word, &place).map_err(|e| forgive::detached(e, args, &word))?;
                }
            }
        }
        self.listen_somewhere(&place)?;
        self.out.open_block = self.logic.as_ref().map(logic::Block::opened);
        self.pass(b'$')?;
        self.pass(b'@')?;
        self.pass(b'%')?;
        self.configure()?;
        if self.asked.is_empty() {
            return Ok(());
        }
        let asked = std::mem::take(&mut self.asked);
        let text = asked.iter().filter_map(|key| self.value_of(key)).flat_map(|v| [&v[..], b"\n"].concat());
        Err(Halt::Exit(text.collect(), Exit::Ok.into()))
    }

    fn bad_argv(&self, error: &crate::read::argv::ArgvError, place: &Place) -> Halt {
        use crate::read::argv::ArgvError::Unknown;
        let mut d = Diagnostic::error("command-line", error.to_string()).at(place);
        if let Unknown(name) = error {
            d = match options::nearest(name) {
                Some(near) => d.help(format!("did you mean --{near}?")),
                None => d.help("`uswgi-conf options` lists all names; placeholders are set with --set-placeholder name=value"),
            };
        }
        d.into()
    }

    /// Append an entry, through the block that is open, if any. An immediate option acts at once.
    fn add(&mut self, key: Vec<u8>, value: Option<Vec<u8>>, place: &Place, done: bool) -> Result<(), Halt> {
        self.listed(&key, place)?;
        if !self.emitting && !self.only_read {
            if matches!(key.as_slice(), b"end" | b"endfor" | b"endif" | b"end-if" | b"end-for") {
                self.logic = None;
            }
            if let Some(block) = self.logic.clone() {
                self.emitting = true;
                let result = self.through(&block, &key, value.as_deref(), place);
                self.emitting = false;
                return result;
            }
        }
        if self.out.entries.len() >= MAX_ENTRIES {
            let message = format!("more than {MAX_ENTRIES} entries");
            return Err(Diagnostic::error("too-large", message).at(place).help("is a loop too long?").into());
        }
        let id = self.out.entries.len();
        self.first.entry(key.clone()).or_insert(id);
        self.out.entries.push(Entry {
            key: key.clone(),
            value: value.clone(),
            place: place.clone(),
            recognised: done,
            written: None,
            used: false,
        });
        self.dirty = true;
        if done || (self.only_read && id > 0) {
            return Ok(());
        }
        match self.fact(&key) {
            Some(fact) if fact.immediate => {
                self.out.entries[id].recognised = true;
                let applied = self.apply(fact, value, place);
                if let Some(stored) = self.forgive(applied)? {
                    self.out.entries[id].value = Some(stored);
                }
            }
            Some(_) => {}
            // A declared option acts at once, before anything is expanded.
            None => {
                if let Some((_, template)) = self.declared.iter().find(|(n, _)| *n == key).cloned() {
                    self.out.entries[id].recognised = true;
                    self.apply_declared(&template, value.as_deref(), place)?;
                }
            }
        }
        Ok(())
    }

    fn listed(&self, key: &[u8], place: &Place) -> Result<(), Halt> {
        let has = |list: &Vec<u8>| list.split(|&b| b == b' ').any(|n| n == key);
        let refuse = |what: &str| {
            let message = format!("option {:?} is {what}", shown(key));
            Err(Diagnostic::error("not-listed", message).at(place).into())
        };
        if self.blacklist.as_ref().is_some_and(has) {
            return refuse("in the blacklist");
        }
        if self.whitelist.as_ref().is_some_and(|list| !has(list)) {
            return refuse("not in the whitelist");
        }
        Ok(())
    }

    /// The facts of a key that is an option.
    fn fact(&self, key: &[u8]) -> Option<&'static Fact> {
        let name = std::str::from_utf8(key).ok()?;
        if self.mode.compat {
            return options::fact(name).filter(|f| f.usual);
        }
        options::fact(name).or_else(|| options::own(name))
    }

    /// Value of the first entry with a key.
    fn value_of(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.first.get(key).and_then(|&i| self.out.entries[i].value.clone())
    }

    /// Apply every option that was not applied yet, in list order, from the start again whenever one adds
    /// entries.
    fn configure(&mut self) -> Result<(), Halt> {
        let mut i = 0;
        self.dirty = false;
        while i < self.out.entries.len() {
            let entry = &self.out.entries[i];
            if entry.recognised {
                i += 1;
                continue;
            }
            let (key, value, place) = (entry.key.clone(), entry.value.clone(), entry.place.clone());
            if let Some(fact) = self.fact(&key) {
                self.out.entries[i].recognised = true;
                let applied = self.apply(fact, value, &place);
                if let Some(stored) = self.forgive(applied)? {
                    self.out.entries[i].value = Some(stored);
                }
            } else if let Some((_, template)) = self.declared.iter().find(|(n, _)| *n == key).cloned() {
                self.out.entries[i].recognised = true;
                self.apply_declared(&template, value.as_deref(), &place)?;
            } else if self.strict {
                self.forgive(Err(self.unknown(&key, &place)))?;
                self.out.entries[i].recognised = true;
            }
            i = if self.dirty { 0 } else { i + 1 };
            self.dirty = false;
        }
        Ok(())
    }

    fn unknown(&self, key: &[u8], place: &Place) -> Halt {
        let mut d =
            Diagnostic::error("unknown-option", format!("unknown option {:?} (strict is on)", shown(key)))
                .at(place)
                .width(key.len());
        if let Some(near) = std::str::from_utf8(key).ok().and_then(options::nearest) {
            d = d.help(format!("did you mean {near:?}?"));
        } else {
            d = d.help("declare placeholders with set-placeholder = name=value");
        }
        d.into()
    }

    fn source_of(&self, name: &[u8], from: &Place) -> Rc<Source> {
        Source::included(&String::from_utf8_lossy(name), from)
    }
}

#[cfg(test)]
mod tests;
