//! Loading files: sections, includes, and the magic variables of each file. Include cycles end with an
//! error that names the chain.

use super::{Engine, Halt};
use crate::diag::{Diagnostic, shown};
use crate::jail;
use crate::place::{Place, Source};
use crate::read::magic::{Magic, Replaced};
use crate::read::{Document, SyntaxError, ini, json, source, xml, yaml};
use crate::system;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// How deep files may include each other.
const MAX_DEPTH: u32 = 64;

/// Version of uWSGI whose language this is (`%V`).
const LANGUAGE_VERSION: &str = "2.0.31";

/// Syntax of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Ini,
    Xml,
    Yaml,
    Json,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::Ini => "ini",
            Format::Xml => "xml",
            Format::Yaml => "yaml",
            Format::Json => "json",
        }
    }
}

/// The magic variables that do not depend on a file.
pub(super) fn constants() -> Magic {
    let mut m = Magic::default();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    m.set(b'v', system::cwd());
    m.set(b'V', LANGUAGE_VERSION);
    m.set(b'h', system::hostname());
    m.set(b'k', system::cpus().to_string());
    m.set(b't', now.as_secs().to_string());
    m.set(b'T', now.as_micros().to_string());
    m.set(b'u', nix::unistd::getuid().to_string());
    m.set(b'U', system::user_name());
    m.set(b'g', nix::unistd::getgid().to_string());
    m.set(b'G', system::group_name());
    m.set(b'b', std::env::current_exe().map(|p| p.into_os_string().into_vec()).unwrap_or_default());
    m.set(b'[', *b"\x1b");
    m
}

/// The hash of `%j`: djb33x.
fn hash(text: &[u8]) -> u32 {
    text.iter().fold(5381u32, |h, &b| h.wrapping_mul(33) ^ u32::from(b))
}

/// `file:section`. The colon of `scheme://` does not count.
fn split_section(name: &[u8]) -> (&[u8], Option<&[u8]>) {
    let from = match source::scheme(name) {
        Some(_) => name.iter().rposition(|&b| b == b'/').unwrap_or(0),
        None => 0,
    };
    match name[from..].iter().rposition(|&b| b == b':') {
        Some(n) => (&name[..from + n], Some(&name[from + n + 1..])),
        None => (name, None),
    }
}

impl Engine {
    /// Load a file whose name says what it is.
    pub(super) fn load_by_extension(&mut self, name: &[u8], place: &Place) -> Result<(), Halt> {
        let ends = |list: &[&str]| list.iter().any(|e| name.ends_with(e.as_bytes()));
        let format = match () {
            () if ends(&[".ini"]) => Format::Ini,
            () if ends(&[".xml"]) => Format::Xml,
            () if ends(&[".yaml", ".yml"]) => Format::Yaml,
            () if ends(&[".json", ".js"]) => Format::Json,
            () => {
                let message = format!("{:?} is no option and no configuration file", shown(name));
                let help = "files end in .ini, .xml, .yaml, .yml or .json; name others with --ini FILE (a section with --ini FILE:SECTION); an application is app.py, pkg.mod or mod:callable, an address :8000";
                return Err(Diagnostic::error("command-line", message).at(place).help(help).into());
            }
        };
        self.file_magic(name, None, place)?;
        self.included += 1;
        let loaded = self.load_text(format, name, name, None, place);
        self.included -= 1;
        loaded
    }

    /// Load the file of an `ini =` and its like: `file`, `file:section`, `:section`. Gives the text that
    /// uWSGI keeps as the option's value, where it changes it.
    pub(super) fn load_option(
        &mut self,
        format: Format,
        argument: &[u8],
        place: &Place,
    ) -> Result<Option<Vec<u8>>, Halt> {
        let (file, section) = split_section(argument);
        let stored =
            (section.is_some() && matches!(format, Format::Xml | Format::Yaml)).then(|| file.to_vec());
        if file.is_empty() && section.is_some() {
            self.magic.set(b'x', section.unwrap_or_default());
        } else {
            self.file_magic(file, section, place)?;
        }
        // As observed: not below a positional word, `include` or `inherit`, and only a file that has a path.
        let has_path = file != b"-" && source::scheme(file).is_none();
        let first = !self.first_remembered && self.included == 0 && has_path;
        if first {
            self.magic.remember_first();
            self.first_remembered = true;
        }
        let name = if file.is_empty() {
            match self.last_file.get(format.name()) {
                Some(last) => last.clone(),
                None => {
                    let message = format!(
                        "{:?} names a section, but no {} file was read yet",
                        shown(argument),
                        format.name()
                    );
                    return Err(Diagnostic::error("unreadable", message).at(place).into());
                }
            }
        } else {
            file.to_vec()
        };
        if format == Format::Xml && section.is_some_and(<[u8]>::is_empty) {
            let message = format!("{}: the id behind the colon is empty", shown(argument));
            let d = Diagnostic::error("unreadable", message).at(&place.value());
            return Err(d.help("write FILE, or FILE:ID").into());
        }
        let section = section.filter(|s| !s.is_empty());
        self.load_text(format, &name, argument, section, place)?;
        if first && stored.is_none() {
            // As observed: with its section, from the next file on.
            self.magic.set(b'O', argument);
        }
        Ok(stored)
    }

    /// Set `%o %p %s %d ...` for a file.
    fn file_magic(&mut self, file: &[u8], section: Option<&[u8]>, place: &Place) -> Result<(), Halt> {
        self.magic.set(b'o', file);
        if file == b"-" || source::scheme(file).is_some() {
            // The others stay those of the file before, as in uWSGI.
            return Ok(());
        }
        for c in *b"psdcneij0123456789" {
            self.magic.clear(c);
        }
        self.magic.set(b'x', section.unwrap_or_default());
        let path = Path::new(std::ffi::OsStr::from_bytes(file));
        let unreadable = |e: std::io::Error| {
            let why = match e.kind() {
                std::io::ErrorKind::NotFound => "there is no such file".to_string(),
                std::io::ErrorKind::PermissionDenied => "permission denied".to_string(),
                _ => e.to_string(),
            };
            let mut d = Diagnostic::error("unreadable", format!("cannot read {}: {why}", shown(file)))
                .at(&place.value());
            if file.windows(2).any(|w| w == b"%(" || w == b"$(" || w == b"@(") {
                d = d.help("placeholders are not expanded in the name of a file; %d and its like are");
            } else if place.line > 0 && !file.starts_with(b"/") {
                d = d.help("the name is relative to the directory of the start, not to this file; write %d/NAME for that");
            }
            Halt::from(d)
        };
        let there = jail::seen(path);
        let link = there.symlink_metadata().map_err(unreadable)?.file_type().is_symlink();
        let full = if link {
            let cwd = system::cwd();
            if file.starts_with(b"/") { file.to_vec() } else { [&cwd, &b"/"[..], file].concat() }
        } else {
            jail::real(path).map_err(unreadable)?.into_os_string().into_vec()
        };
        let slash = full.iter().rposition(|&b| b == b'/').unwrap_or(0);
        let (dir, base) = (&full[..=slash], &full[slash + 1..]);
        let dot = base.iter().rposition(|&b| b == b'.');
        self.magic.set(b'p', full.as_slice());
        self.magic.set(b's', base);
        self.magic.set(b'n', &base[..dot.unwrap_or(base.len())]);
        self.magic.set(b'e', dot.map_or(&b""[..], |n| &base[n + 1..]));
        self.magic.set(b'd', dir);
        let parts: Vec<&[u8]> = dir.split(|&b| b == b'/').filter(|p| !p.is_empty()).collect();
        self.magic.set(b'c', *parts.last().unwrap_or(&&b""[..]));
        for (digit, part) in (b'0'..=b'9').zip(&parts) {
            self.magic.set(digit, *part);
        }
        self.magic.set(b'i', there.metadata().map(|m| m.ino().to_string()).unwrap_or_default());
        self.magic.set(b'j', format!("{:08X}", hash(&full).swap_bytes()));
        Ok(())
    }

    fn load_text(
        &mut self,
        format: Format,
        name: &[u8],
        written: &[u8],
        asked: Option<&[u8]>,
        place: &Place,
    ) -> Result<(), Halt> {
        let section = asked.unwrap_or(b"uwsgi");
        let source = self.source_of(name, place);
        if source.depth > MAX_DEPTH {
            let message =
                format!("{} includes itself, or files are more than {MAX_DEPTH} deep", shown(written));
            return Err(Diagnostic::error("include-cycle", message).at(place).into());
        }
        let old = match source::read(name, self.mode.allow) {
            Ok(old) => old,
            Err(e @ source::SourceError::NotAllowed { .. }) => {
                self.out.warnings.push(Diagnostic::warning("left-out", e.to_string()).at(place));
                return Ok(());
            }
            Err(e) => return Err(Diagnostic::error("unreadable", e.to_string()).at(&place.value()).into()),
        };
        self.last_file.insert(format.name(), name.to_vec());
        let joined = self.joined(&source, old, place)?;
        let at = |line, column, value| {
            let unknown = || Place { source: source.clone(), line, column, value_column: value };
            joined.place(line, column, value).unwrap_or_else(unknown)
        };
        let text = Replaced::new(&joined.text, &self.magic);
        let mut by_lines = false;
        let document = match format {
            Format::Ini => Ok(ini::read(&text, section)),
            Format::Xml => xml::read(&text, asked),
            Format::Yaml => yaml::read_or_lines(&text, section).map(|(document, refused)| {
                by_lines = refused.is_some();
                let said = refused.map(|e| said_by_lines(&document, &e, &at(e.line, e.column, 0)));
                self.out.warnings.extend(said);
                document
            }),
            Format::Json => json::read(&text, section),
        };
        let document = document
            .map_err(|e| Halt::from(Diagnostic::error(e.code, e.message).at(&at(e.line, e.column, 0))))?;
        if !document.found {
            let hidden = match text.text.as_slice() {
                [] => Some("the file is empty"),
                [0xef, 0xbb, 0xbf, ..] => {
                    Some("the file begins with a byte order mark: save it as UTF-8 without BOM")
                }
                t if t.contains(&b'\r') && !t.contains(&b'\n') => {
                    Some("lines end in CR alone: save it with line ends of Unix")
                }
                t if t.contains(&0) => Some("the file is binary, or UTF-16: save it as UTF-8"),
                _ => None,
            };
            self.section_missing(&document, section, &source, hidden);
        }
        if let Some((line, column)) = document.cut.filter(|_| !by_lines) {
            let message = "the rest of the file is left out: uWSGI stops reading at an anchor, a tag, or a text that is no option";
            self.out.warnings.push(Diagnostic::warning("yaml-cut", message).at(&at(line, column, 0)));
        }
        for pair in document.pairs {
            let place = at(pair.line, pair.column, pair.value_column);
            self.add(pair.key, Some(pair.value), &place, false)?;
        }
        Ok(())
    }

    /// `@(source)`: its text without one final line end.
    pub(super) fn content(&self, name: &[u8], place: &Place) -> Result<Option<Vec<u8>>, Halt> {
        match source::read(name, self.mode.allow) {
            Ok(mut text) => {
                if matches!(text.last(), Some(b'\n' | b'\r')) {
                    text.pop();
                }
                // uWSGI's values end at a NUL.
                if let Some(n) = text.iter().position(|&b| b == 0) {
                    text.truncate(n);
                }
                Ok(Some(text))
            }
            Err(source::SourceError::NotAllowed { .. }) => Ok(None),
            Err(e) => Err(Diagnostic::error("unreadable", e.to_string()).at(place).into()),
        }
    }

    fn section_missing(
        &mut self,
        document: &Document,
        section: &[u8],
        source: &std::rc::Rc<Source>,
        hidden: Option<&str>,
    ) {
        let wanted = shown(section);
        let message = format!("there is no section [{wanted}]");
        let mut d = Diagnostic::warning("no-section", message).at(&Place::of(source));
        let near = document.sections.iter().find(|s| {
            let plain = |b: &[u8]| String::from_utf8_lossy(b).trim().to_lowercase();
            plain(s).starts_with(&plain(section)) || plain(s).ends_with("uwsgi")
        });
        d = match (near, document.sections.as_slice()) {
            _ if hidden.is_some() => d.help(hidden.unwrap_or_default()),
            (Some(s), _) => d.help(format!(
                "[{}] is another one: the name must be exact, with nothing after it",
                shown(s)
            )),
            (None, []) => d.help(format!("put the options below a line [{wanted}]")),
            (None, all) => {
                let names: Vec<String> = all.iter().take(5).map(|s| format!("[{}]", shown(s))).collect();
                d.help(format!("the file has {}; choose one with FILE:SECTION", names.join(", ")))
            }
        };
        self.out.warnings.push(d);
    }
}

/// A YAML file that the library refuses, and what its lines say.
fn said_by_lines(document: &Document, e: &SyntaxError, at: &Place) -> Diagnostic {
    let pair = document.pairs.iter().find(|p| p.line == e.line);
    let here = match (pair, document.cut) {
        (Some(p), _) => format!("{} = {}", shown(&p.key), shown(&p.value)),
        (None, Some((line, _))) if line <= e.line => format!("nothing from line {line} on"),
        (None, _) => "no option".into(),
    };
    let rest = match document.cut {
        Some((line, _)) if pair.is_some() || line > e.line => format!(", and nothing from line {line} on"),
        _ => String::new(),
    };
    let message = format!(
        "{}; builds of uWSGI with libyaml refuse the file. It is read line by line, as pip's build does: this line is {here}{rest}",
        e.message
    );
    Diagnostic::warning("yaml-lines", message).at(at).help("use ini, which every build reads alike")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_split_off() {
        assert_eq!(split_section(b"f.ini"), (&b"f.ini"[..], None));
        assert_eq!(split_section(b"f.ini:dev"), (&b"f.ini"[..], Some(&b"dev"[..])));
        assert_eq!(split_section(b":dev"), (&b""[..], Some(&b"dev"[..])));
        assert_eq!(split_section(b"http://h:80/f.ini"), (&b"http://h:80/f.ini"[..], None));
        assert_eq!(split_section(b"http://h:80/f.ini:x"), (&b"http://h:80/f.ini"[..], Some(&b"x"[..])));
    }

    #[test]
    fn the_hash_is_djb33x() {
        assert_eq!(hash(b""), 5381);
        assert_eq!(hash(b"a"), 5381u32.wrapping_mul(33) ^ 97);
    }
}
