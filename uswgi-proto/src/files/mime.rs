//! Types by the ending of a name: files in the form of /etc/mime.types, and a few types that every site has
//! where such a file is missing.

use std::collections::HashMap;

const COMMON: &str = "text/html html htm
text/css css
text/javascript js mjs
text/plain txt
text/xml xml
application/json json map
application/manifest+json webmanifest
application/pdf pdf
application/wasm wasm
application/zip zip
font/ttf ttf
font/otf otf
font/woff woff
font/woff2 woff2
image/avif avif
image/gif gif
image/jpeg jpg jpeg
image/png png
image/svg+xml svg
image/webp webp
image/x-icon ico
audio/mpeg mp3
video/mp4 mp4
video/webm webm
";

/// Endings (lower case) and their types.
#[derive(Debug, Clone, Default)]
pub struct Types(HashMap<String, String>);

impl Types {
    /// The types that are built in.
    pub fn common() -> Types {
        let mut types = Types::default();
        types.add(COMMON);
        types
    }

    /// Add the text of a file: lines `TYPE ending ending...`; a later line wins.
    pub fn add(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            // A header would end at a line break; words of a file hold none, nor may they hold other controls.
            let Some(kind) =
                words.next().filter(|k| k.contains('/') && !k.bytes().any(|b| b < 0x21 || b == 0x7f))
            else {
                continue;
            };
            for ending in words {
                self.0.insert(ending.to_ascii_lowercase(), kind.to_string());
            }
        }
    }

    /// Type of a file name (bytes, its last part).
    pub fn of(&self, name: &[u8]) -> Option<&str> {
        let dot = name.iter().rposition(|&b| b == b'.').filter(|&at| at > 0)?;
        let ending = std::str::from_utf8(&name[dot + 1..]).ok()?;
        self.0.get(&ending.to_ascii_lowercase()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_by_ending() {
        let mut types = Types::common();
        types.add("# comment\nx-site/own own OWN2 # more\ntext/x-css\tcss\nnonsense foo\n\n");
        for (name, kind) in [
            ("a.html", Some("text/html")),
            ("a.b.PNG", Some("image/png")),
            ("a.own", Some("x-site/own")),
            ("a.own2", Some("x-site/own")),
            ("a.css", Some("text/x-css")),
            ("a.foo", None),
            ("html", None),
            (".html", None),
            ("a.", None),
            ("", None),
        ] {
            assert_eq!(types.of(name.as_bytes()), kind, "{name}");
        }
        assert_eq!(types.of(b"a.\xff"), None);
    }
}
