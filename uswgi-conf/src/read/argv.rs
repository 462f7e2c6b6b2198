//! The command line, as getopt_long reads it with permutation: options anywhere, then the words.
//! Abbreviations are taken when only one option fits. A switch takes a truth (`--master=false`), as it does in
//! a file; uWSGI's command line refuses every value there. Pure, one step at a time, because an option may
//! declare others while it is read.

use crate::options::{self, Arg, FACTS, Fact, Kind};

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An option by its full name, with its argument.
    Option(Vec<u8>, Option<Vec<u8>>),
    /// A word that is no option.
    Word(Vec<u8>),
}

/// What is wrong with a command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgvError {
    /// Nothing has this name.
    #[error("unknown option --{0}")]
    Unknown(String),
    /// No option has this letter.
    #[error("unknown option -{0}")]
    UnknownLetter(char),
    /// More than one option begins like this.
    #[error("--{name} is not the whole name of an option: {}", candidates.join(", "))]
    Ambiguous {
        /// As written.
        name: String,
        /// What it may mean, the first few.
        candidates: Vec<String>,
    },
    /// `--name` at the end.
    #[error("option {0} needs a value")]
    Missing(String),
    /// `--name=value`.
    #[error("option --{0} takes no value on the command line")]
    Unwanted(String),
    /// `--name=value` of a switch.
    #[error("option --{0} takes true or false")]
    NoTruth(String),
}

/// What a switch takes here. (A file takes any word for true, as uWSGI does.)
const TRUTHS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "1", "0"];

/// Walks over the arguments.
pub struct Argv<'a> {
    args: &'a [Vec<u8>],
    next: usize,
    /// Letters left of a cluster like `-MT`.
    cluster: &'a [u8],
    words: Vec<&'a [u8]>,
    word: usize,
    ours: bool,
}

impl<'a> Argv<'a> {
    /// Over the arguments without the program's name. `ours`: uswgi's own options are known too.
    pub fn new(args: &'a [Vec<u8>], ours: bool) -> Argv<'a> {
        Argv { args, next: 0, cluster: &[], words: Vec::new(), word: 0, ours }
    }

    /// The next option, then the words. `declared`: names from declare-option so far.
    pub fn step(&mut self, declared: &[Vec<u8>]) -> Result<Option<Item>, ArgvError> {
        if let [letter, rest @ ..] = self.cluster {
            return self.short(*letter, rest).map(Some);
        }
        while let Some(arg) = self.args.get(self.next) {
            self.next += 1;
            match arg.as_slice() {
                b"--" => {
                    self.words.extend(self.args[self.next..].iter().map(|a| a.as_slice()));
                    self.next = self.args.len();
                }
                [b'-', b'-', long @ ..] => return self.long(long, declared).map(Some),
                [b'-', letter, rest @ ..] => return self.short(*letter, rest).map(Some),
                word => self.words.push(word),
            }
        }
        let word = self.words.get(self.word).map(|w| Item::Word(w.to_vec()));
        self.word += 1;
        Ok(word)
    }

    fn short(&mut self, letter: u8, rest: &'a [u8]) -> Result<Item, ArgvError> {
        self.cluster = &[];
        let Some(fact) = FACTS.iter().find(|f| f.short == letter && f.usual && letter != 0) else {
            return Err(ArgvError::UnknownLetter(char::from(letter)));
        };
        let value = match fact.arg {
            Arg::No => {
                self.cluster = rest;
                None
            }
            Arg::Opt => (!rest.is_empty()).then(|| rest.to_vec()),
            Arg::Req if !rest.is_empty() => Some(rest.to_vec()),
            Arg::Req => Some(self.argument(|| format!("-{}", char::from(letter)))?),
        };
        Ok(Item::Option(fact.name.into(), value))
    }

    fn argument(&mut self, name: impl Fn() -> String) -> Result<Vec<u8>, ArgvError> {
        let arg = self.args.get(self.next).ok_or_else(|| ArgvError::Missing(name()))?;
        self.next += 1;
        Ok(arg.clone())
    }

    fn long(&mut self, text: &[u8], declared: &[Vec<u8>]) -> Result<Item, ArgvError> {
        let (name, value) = match text.iter().position(|&b| b == b'=') {
            Some(n) => (&text[..n], Some(text[n + 1..].to_vec())),
            None => (text, None),
        };
        let shown = || String::from_utf8_lossy(name).into_owned();
        let (full, arg) = self.find(name, declared)?;
        let switch = || {
            std::str::from_utf8(&full).ok().and_then(|n| self.exact(n)).is_some_and(|f| f.kind == Kind::Bool)
        };
        let value = match (arg, value) {
            (Arg::No, Some(said)) if self.ours && switch() => {
                if !TRUTHS.iter().any(|word| said.eq_ignore_ascii_case(word.as_bytes())) {
                    return Err(ArgvError::NoTruth(shown()));
                }
                Some(said)
            }
            (Arg::No, Some(_)) => return Err(ArgvError::Unwanted(shown())),
            (Arg::Req, None) => Some(self.argument(|| format!("--{}", shown()))?),
            (_, value) => value,
        };
        Ok(Item::Option(full, value))
    }

    fn find(&self, name: &[u8], declared: &[Vec<u8>]) -> Result<(Vec<u8>, Arg), ArgvError> {
        let text = || String::from_utf8_lossy(name).into_owned();
        if let Some(fact) = std::str::from_utf8(name).ok().and_then(|n| self.exact(n)) {
            return Ok((fact.name.into(), fact.arg));
        }
        if declared.iter().any(|d| d == name) {
            return Ok((name.to_vec(), Arg::Req));
        }
        let fits: Vec<&Fact> =
            FACTS.iter().filter(|f| f.usual && f.name.as_bytes().starts_with(name)).collect();
        let declared: Vec<&Vec<u8>> = declared.iter().filter(|d| d.starts_with(name)).collect();
        match (fits.as_slice(), declared.as_slice()) {
            ([], []) => Err(ArgvError::Unknown(text())),
            ([], [one]) => Ok(((*one).clone(), Arg::Req)),
            // Names with one short letter are one option to getopt.
            ([first, rest @ ..], [])
                if rest.iter().all(|f| first.short != 0 && f.short == first.short && f.arg == first.arg) =>
            {
                Ok((first.name.into(), first.arg))
            }
            _ => {
                let candidates = fits.iter().take(4).map(|f| format!("--{}", f.name)).collect();
                Err(ArgvError::Ambiguous { name: text(), candidates })
            }
        }
    }

    fn exact(&self, name: &str) -> Option<&'static Fact> {
        let own = || self.ours.then(|| options::own(name)).flatten();
        options::fact(name).filter(|f| f.usual).or_else(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Vec<String>, ArgvError> {
        read_as(args, true)
    }

    fn read_as(args: &[&str], ours: bool) -> Result<Vec<String>, ArgvError> {
        let args: Vec<Vec<u8>> = args.iter().map(|a| a.as_bytes().to_vec()).collect();
        let mut argv = Argv::new(&args, ours);
        let mut out = Vec::new();
        while let Some(item) = argv.step(&[b"my-own".to_vec()])? {
            let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
            out.push(match item {
                Item::Option(name, None) => text(name),
                Item::Option(name, Some(value)) => format!("{}={}", text(name), text(value)),
                Item::Word(word) => format!("<{}>", text(word)),
            });
        }
        Ok(out)
    }

    #[test]
    fn options_come_first_and_words_last() {
        let got = read(&["a.ini", "-p", "4", "b.ini", "--master", "--", "-M", "--x"]).unwrap();
        assert_eq!(got, ["processes=4", "master", "<a.ini>", "<b.ini>", "<-M>", "<--x>"]);
    }

    #[test]
    fn letters_cluster_and_optional_values_are_attached() {
        assert_eq!(
            read(&["-MTp4", "-C664", "-C", "664"]).unwrap(),
            ["master", "enable-threads", "processes=4", "chmod-socket=664", "chmod-socket", "<664>"]
        );
        assert_eq!(
            read(&["--mule", "x", "--mule=y", "-wapp", "--chdir="]).unwrap(),
            ["mule", "mule=y", "module=app", "chdir=", "<x>"]
        );
        assert_eq!(
            read(&["-p", "-3", "-", "--my-own", "v", "--allow-unsupported"]).unwrap(),
            ["processes=-3", "my-own=v", "allow-unsupported", "<->"]
        );
    }

    #[test]
    fn a_switch_takes_a_truth_and_nothing_else() {
        assert_eq!(
            read(&["--die-on-term=false", "--vacu=YES", "--master=0", "-M", "--need-app=false"]).unwrap(),
            ["die-on-term=false", "vacuum=YES", "master=0", "master", "need-app=false"]
        );
        assert_eq!(read(&["--die-on-term=flase"]), Err(ArgvError::NoTruth("die-on-term".into())));
        assert_eq!(read(&["--die-on-term="]), Err(ArgvError::NoTruth("die-on-term".into())));
        assert_eq!(read(&["--version=1"]), Err(ArgvError::Unwanted("version".into())));
        // Where the command line is read as uWSGI reads it.
        assert_eq!(read_as(&["--master=false"], false), Err(ArgvError::Unwanted("master".into())));
    }

    #[test]
    fn abbreviations_must_be_unique() {
        assert_eq!(
            read(&["--process", "4", "--vacu", "--xm", "f"]).unwrap(),
            ["processes=4", "vacuum", "xmlconfig=f"]
        );
        assert!(matches!(read(&["--proc", "4"]), Err(ArgvError::Ambiguous { .. })));
        assert_eq!(read(&["--nope"]), Err(ArgvError::Unknown("nope".into())));
        assert_eq!(read(&["--max_requests", "5"]), Err(ArgvError::Unknown("max_requests".into())));
        assert_eq!(read(&["-9"]), Err(ArgvError::UnknownLetter('9')));
        assert_eq!(read(&["--chdir"]), Err(ArgvError::Missing("--chdir".into())));
    }
}
