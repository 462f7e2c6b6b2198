//! Words of the command line that are no options. As uWSGI reads them they are configuration files, by their end; here
//! also an address (`:8000`) or an application (`mysite.wsgi`, `hello.py`, `shop:create()`), as gunicorn and granian
//! take them.

use super::{Engine, Halt};
use crate::place::Place;

/// Where an application that is named by a word listens when nothing says so.
const DEFAULT_SOCKET: &[u8] = b"127.0.0.1:8000";

/// What makes a default superfluous.
const SOCKETS: [&[u8]; 7] =
    [b"socket", b"uwsgi-socket", b"http-socket", b"http11-socket", b"http", b"httprouter", b"zerg"];

/// The option that a word stands for; None: it is none that can be told. `there`: whether a file or directory of this
/// name exists.
fn option(word: &str, there: impl Fn(&str) -> bool) -> Option<&'static str> {
    let (name, rest) = word.split_once(':').map_or((word, None), |(name, rest)| (name, Some(rest)));
    if [".ini", ".xml", ".yaml", ".yml", ".json", ".js"].iter().any(|end| name.ends_with(end)) {
        return None;
    }
    let port = word.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if port {
        return Some("http-socket");
    }
    if name.ends_with(".py") || (name.ends_with(".wsgi") && (name.contains('/') || there(name))) {
        return Some("wsgi-file");
    }
    let identifier = |part: &str| {
        let first = part.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
        first && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    // A single name may be a slip: it has to be there, or to say which callable.
    let meant = rest.is_some() || name.contains('.') || there(name) || there(&format!("{name}.py"));
    (meant && rest != Some("") && name.split('.').all(identifier)).then_some("module")
}

impl Engine {
    /// Take a word; false: it is none that is known here.
    pub(super) fn take_word(&mut self, word: &[u8], place: &Place) -> Result<bool, Halt> {
        let there = |name: &str| std::path::Path::new(name).exists();
        let text = std::str::from_utf8(word).ok().filter(|_| !self.mode.compat);
        let Some(option) = text.and_then(|text| option(text, there)) else { return Ok(false) };
        self.add(option.into(), Some(word.to_vec()), place, false)?;
        self.word_app |= option != "http-socket";
        Ok(true)
    }

    /// After everything was read: an application named by a word alone listens somewhere.
    pub(super) fn listen_somewhere(&mut self, place: &Place) -> Result<(), Halt> {
        let given = self.out.entries.iter().any(|e| SOCKETS.contains(&e.key.as_slice()));
        if !self.word_app || given || self.env.contains_key(&b"LISTEN_FDS"[..]) {
            return Ok(());
        }
        self.add(b"http-socket".to_vec(), Some(DEFAULT_SOCKET.to_vec()), place, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expand::{Entry, Mode, expand};

    /// The options that a command line comes to.
    fn options(words: &[&str], env: &[(&str, &str)], compat: bool) -> Option<Vec<String>> {
        let words: Vec<Vec<u8>> = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        let env: Vec<_> = env.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        let (out, result) = expand(&words, &env, Mode { compat, ..Mode::default() });
        let text = |t: &[u8]| String::from_utf8_lossy(t).into_owned();
        let of = |e: &Entry| format!("{} = {}", text(&e.key), text(e.value.as_deref().unwrap_or_default()));
        result.is_ok().then(|| out.entries.iter().map(of).collect())
    }

    #[test]
    fn an_application_named_by_a_word_listens_where_others_do() {
        let of = |words: &[&str]| options(words, &[], false).unwrap();
        assert_eq!(of(&["hello.py"]), ["wsgi-file = hello.py", "http-socket = 127.0.0.1:8000"]);
        assert_eq!(of(&["mysite.wsgi", ":80"]), ["module = mysite.wsgi", "http-socket = :80"]);
        let given = ["socket = /run/x", "module = a:app"];
        assert_eq!(of(&["a:app", "--socket", "/run/x"]), given);
        assert_eq!(of(&["--module", "a"]), ["module = a"], "as on uWSGI");
        assert_eq!(options(&["a:app"], &[("LISTEN_FDS", "1")], false).unwrap(), ["module = a:app"]);
        for word in ["hello.py", ":8000", "mysite.wsgi", "conf"] {
            assert_eq!(options(&[word], &[], true), None, "observed on uWSGI 2.0.31: it ends with 1");
        }
        assert_eq!(options(&["start"], &[], false), None);
    }

    #[test]
    fn a_word_is_an_address_or_an_application() {
        let files = ["legacy.wsgi", "wsgi.py", "shop"];
        for (word, expected) in [
            (":8000", Some("http-socket")),
            ("127.0.0.1:8000", Some("http-socket")),
            ("localhost:80", Some("http-socket")),
            ("hello.py", Some("wsgi-file")),
            ("dir/hello.py:app", Some("wsgi-file")),
            ("legacy.wsgi", Some("wsgi-file")),
            ("apps/legacy.wsgi", Some("wsgi-file")),
            ("mysite.wsgi", Some("module")),
            ("mysite.wsgi:application", Some("module")),
            ("shop:create()", Some("module")),
            ("app:app", Some("module")),
            ("wsgi", Some("module")),
            ("shop", Some("module")),
            // Slips.
            ("start", None),
            ("8000", None),
            ("uwsgi.conf-old", None),
            ("conf/uwsgi", None),
            ("f.ini:dev", None),
            ("f.ini", None),
            ("app:", None),
            (":", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(option(word, |name| files.contains(&name)), expected, "{word:?}");
        }
    }
}
