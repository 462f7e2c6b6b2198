//! Applying an option: those that act on the configuration itself act here; all others are noted for
//! `resolve`, in order.

use super::load::Format;
use super::{Applied, Engine, Halt, check};
use crate::diag::{Diagnostic, shown};
use crate::options::{Fact, Kind};
use crate::place::Place;
use uswgi_proto::exit::{Exit, ExitWith};

/// A boolean as uWSGI reads it: true unless it is exactly one of the false words.
pub(crate) fn truth(value: Option<&[u8]>) -> bool {
    match value {
        None => true,
        Some(v) => {
            !(v == b"0" || ["false", "off", "no"].iter().any(|w| v.eq_ignore_ascii_case(w.as_bytes())))
        }
    }
}

impl Engine {
    /// Run the setter of an option. Gives the text that the entry keeps, where the setter changes it.
    pub(super) fn apply(
        &mut self,
        fact: &'static Fact,
        value: Option<Vec<u8>>,
        place: &Place,
    ) -> Result<Option<Vec<u8>>, Halt> {
        let bytes = value.as_deref().unwrap_or_default();
        let error = |code, message: String| Halt::from(Diagnostic::error(code, message).at(&place.value()));
        if self.mode.compat {
            check::refused_by_uwsgi(fact, value.as_deref(), &mut self.shared_sockets).map_err(|message| {
                error("bad-value", format!("{} = {}: {message}", fact.name, shown(bytes)))
            })?;
        }
        match (fact.kind, fact.name) {
            (Kind::Config, "ini") => return self.load_option(Format::Ini, bytes, place),
            (Kind::Config, "ini-paste" | "ini-paste-logged") => {
                let kept = self.load_option(Format::Ini, bytes, place)?;
                self.out.applied.push(Applied { fact, value, place: place.clone() });
                return Ok(kept);
            }
            (Kind::Config, "xml" | "xmlconfig") => return self.load_option(Format::Xml, bytes, place),
            (Kind::Config, "yaml" | "yml") => return self.load_option(Format::Yaml, bytes, place),
            (Kind::Config, "json" | "js") => return self.load_option(Format::Json, bytes, place),
            (Kind::Config, "include" | "inherit") => self.load_by_extension(bytes, place)?,
            (Kind::Config, "config") => {
                let message = format!("--config cannot load {:?}", shown(bytes));
                let d = Diagnostic::error("unreadable", message).at(&place.value());
                return Err(d.help("name the file with --ini, --xml, --yaml or --json").into());
            }
            (Kind::Set, name) => self.set(name, bytes, place)?,
            (Kind::Declare, _) => self.declare(bytes, place)?,
            (Kind::Resolve, _) => self.lookup_host(bytes, place)?,
            (Kind::Logic, name) => self.open_block(name, bytes, place)?,
            (Kind::End, _) => {}
            (Kind::Clear, "end-blacklist") => self.blacklist = None,
            (Kind::Clear, _) => self.whitelist = None,
            (_, "inject-before") => self.inject.before.push(bytes.to_vec()),
            (_, "inject-after") => self.inject.after.push(bytes.to_vec()),
            (_, "blacklist") => self.blacklist = Some(bytes.to_vec()),
            (_, "whitelist") => self.whitelist = Some(bytes.to_vec()),
            (_, "strict") => self.strict = truth(value.as_deref()),
            (_, "print" | "iprint") => {
                self.out.printed.extend_from_slice(bytes);
                self.out.printed.push(b'\n');
            }
            (Kind::Exit, _) => {
                // Without a value: 1 on the command line, 0 in a file, where it is empty.
                let code = value.as_deref().map_or(1, super::placeholder::number);
                return Err(Halt::Exit(Vec::new(), ExitWith::Number((code & 0xff) as u8)));
            }
            (_, "version") => return Err(Halt::Exit(crate::help::version().into_bytes(), Exit::Ok.into())),
            (_, "help" | "usage") => {
                return Err(Halt::Exit(crate::help::help().into_bytes(), Exit::Ok.into()));
            }
            (_, "early-envdir") => {
                // What cannot be read is said by `resolve`, which reads it too.
                for (name, value) in crate::envdir::read(crate::envdir::folder(bytes)).unwrap_or_default() {
                    match value {
                        Some(value) => self.env.insert(name, value),
                        None => self.env.remove(&name),
                    };
                }
                self.out.applied.push(Applied { fact, value, place: place.clone() });
            }
            (_, "get") => self.asked.push(bytes.to_vec()),
            _ => self.out.applied.push(Applied { fact, value, place: place.clone() }),
        }
        Ok(None)
    }

    /// `set`, `set-placeholder`, `set-ph`: an entry of its own.
    fn set(&mut self, option: &str, text: &[u8], place: &Place) -> Result<(), Halt> {
        let Some(n) = text.iter().position(|&b| b == b'=') else {
            let message = format!("{option} needs name=value, not {:?}", shown(text));
            return Err(Diagnostic::error("bad-value", message).at(&place.value()).into());
        };
        let (name, value) = (&text[..n], &text[n + 1..]);
        let placeholder = option != "set";
        if placeholder && self.fact(name).is_some() {
            let message = format!("{option}: {:?} is an option, no placeholder", shown(name));
            let d = Diagnostic::error("bad-value", message).at(&place.value());
            return Err(d.help("write the option itself, or use another name").into());
        }
        let at = Place {
            column: if place.value_column > 0 { place.value_column } else { place.column },
            value_column: 0,
            ..place.clone()
        };
        self.add(name.to_vec(), Some(value.to_vec()), &at, placeholder)
    }

    fn declare(&mut self, text: &[u8], place: &Place) -> Result<(), Halt> {
        let Some(n) = text.iter().position(|&b| b == b'=') else {
            let message = format!("declare-option needs name=option=value, not {:?}", shown(text));
            return Err(Diagnostic::error("bad-value", message).at(&place.value()).into());
        };
        self.declared.push((text[..n].to_vec(), text[n + 1..].to_vec()));
        Ok(())
    }

    /// Run the targets of a declared option.
    pub(super) fn apply_declared(
        &mut self,
        template: &[u8],
        value: Option<&[u8]>,
        place: &Place,
    ) -> Result<(), Halt> {
        let arguments: Vec<&[u8]> =
            value.unwrap_or_default().split(|&b| b == b' ').filter(|a| !a.is_empty()).collect();
        for target in template.split(|&b| b == b';') {
            let target = numbered(target, &arguments);
            let (name, value) = match target.iter().position(|&b| b == b'=') {
                Some(n) => (&target[..n], Some(target[n + 1..].to_vec())),
                None => (target.as_slice(), None),
            };
            match self.fact(name) {
                Some(fact) => {
                    self.apply(fact, value, place)?;
                }
                None if self.strict => return Err(self.unknown(name, place)),
                None => {}
            }
        }
        Ok(())
    }

    /// `resolve = name=host`: an entry with the host's address.
    fn lookup_host(&mut self, text: &[u8], place: &Place) -> Result<(), Halt> {
        use std::net::ToSocketAddrs;
        let refuse = |message: String| Halt::from(Diagnostic::error("bad-value", message).at(&place.value()));
        let Some(n) = text.iter().position(|&b| b == b'=') else {
            return Err(refuse(format!("resolve needs name=host, not {:?}", shown(text))));
        };
        let host = shown(&text[n + 1..]);
        if !self.mode.allow.fetch {
            let message = format!("{host} is not looked up: this command fetches only with --allow-fetch");
            self.out.warnings.push(Diagnostic::warning("left-out", message).at(place));
            return Ok(());
        }
        let address = (host.as_str(), 0).to_socket_addrs().ok().and_then(|mut all| all.find(|a| a.is_ipv4()));
        let Some(address) = address else {
            return Err(refuse(format!("resolve: there is no host {host:?}")));
        };
        self.add(text[..n].to_vec(), Some(address.ip().to_string().into_bytes()), place, true)
    }
}

/// `$1`, `$2`... of a template. What has no argument stays.
fn numbered(template: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut i = 0;
    while i < template.len() {
        let digits = template[i + 1..].iter().take(2).take_while(|b| b.is_ascii_digit()).count();
        let number = super::placeholder::number(&template[i + 1..i + 1 + digits]);
        match usize::try_from(number).ok().and_then(|n| n.checked_sub(1)).and_then(|n| arguments.get(n)) {
            Some(argument) if template[i] == b'$' && digits > 0 => {
                out.extend_from_slice(argument);
                i += 1 + digits;
            }
            _ => {
                out.push(template[i]);
                i += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn false_words_are_exact() {
        for v in ["false", "FALSE", "Off", "no", "0"] {
            assert!(!truth(Some(v.as_bytes())), "{v}");
        }
        for v in ["", "n", "none", "00", "\"false\"", "false;", "disabled", "false "] {
            assert!(truth(Some(v.as_bytes())), "{v}");
        }
        assert!(truth(None));
    }

    #[test]
    fn templates_are_numbered_from_one() {
        let args: [&[u8]; 2] = [b"one", b"two"];
        assert_eq!(numbered(b"a=$1-$2-$3$", &args), b"a=one-two-$3$");
        assert_eq!(numbered(b"$$1", &args), b"$one");
    }
}
