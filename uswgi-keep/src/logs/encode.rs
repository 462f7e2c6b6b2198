//! `log-encoder`: what a logger's lines look like. Compiled once; pure, but for the calendar.
//!
//! Encoders work on a text without its line break, and every line that is written ends in exactly one. (On
//! uWSGI `suffix` comes after the line break, and `format` without `nl` glues lines together.)
#![forbid(unsafe_code)]

use crate::sys;
use uswgi_proto::logs::escape::{Style, escape};
use uswgi_proto::logs::routing::Encoding;

/// A compiled encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoder {
    /// Text in front.
    Prefix(Vec<u8>),
    /// Text behind.
    Suffix(Vec<u8>),
    /// Parts, and how values are escaped (None: not at all).
    Format(Vec<EncoderPart>, Option<Style>),
}

/// A piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncoderPart {
    /// Stands for itself.
    Text(Vec<u8>),
    /// The text; with a line break behind it.
    Message(bool),
    /// Seconds since the epoch.
    Unix,
    /// Microseconds since the epoch.
    Micros,
    /// Local time.
    Strftime(String),
}

impl Encoder {
    /// Compile. None: it does nothing here.
    pub fn compile(encoding: &Encoding) -> Option<Encoder> {
        match encoding {
            Encoding::Prefix(text) => Some(Encoder::Prefix(text.clone().into_bytes())),
            Encoding::Suffix(text) => Some(Encoder::Suffix(text.clone().into_bytes())),
            Encoding::Newline => None,
            Encoding::Format(text) => Some(Encoder::Format(parts(text), None)),
            Encoding::Json(text) => Some(Encoder::Format(parts(text), Some(Style::Json))),
        }
    }

    /// Apply to a text, at this time (seconds and microseconds).
    pub fn apply(&self, text: &[u8], now: (i64, u32)) -> Vec<u8> {
        match self {
            Encoder::Prefix(prefix) => [prefix, text].concat(),
            Encoder::Suffix(suffix) => [text, suffix].concat(),
            Encoder::Format(parts, style) => {
                let mut out = Vec::with_capacity(text.len() + 64);
                for part in parts {
                    let value = match part {
                        // The user's own: where JSON is wanted, it is JSON already.
                        EncoderPart::Text(text) => {
                            out.extend_from_slice(text);
                            continue;
                        }
                        EncoderPart::Message(false) => text.to_vec(),
                        EncoderPart::Message(true) => [text, b"\n"].concat(),
                        EncoderPart::Unix => now.0.to_string().into_bytes(),
                        EncoderPart::Micros => format!("{}{:06}", now.0, now.1).into_bytes(),
                        EncoderPart::Strftime(format) => sys::strftime(now.0, format).into_bytes(),
                    };
                    match style {
                        Some(style) => escape(&value, usize::MAX, *style, &mut out),
                        None => out.extend_from_slice(&value),
                    }
                }
                out
            }
        }
    }
}

fn parts(format: &str) -> Vec<EncoderPart> {
    let mut parts = Vec::new();
    let mut rest = format;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        if start > 0 {
            parts.push(EncoderPart::Text(rest.as_bytes()[..start].to_vec()));
        }
        match &rest[start + 2..start + length] {
            "msg" => parts.push(EncoderPart::Message(false)),
            "msgnl" => parts.push(EncoderPart::Message(true)),
            "unix" => parts.push(EncoderPart::Unix),
            "micros" => parts.push(EncoderPart::Micros),
            // An unknown name stays empty, as on uWSGI; lint has said so.
            name => parts.extend(name.strip_prefix("strftime:").map(|f| EncoderPart::Strftime(f.into()))),
        }
        rest = &rest[start + length + 1..];
    }
    if !rest.is_empty() {
        parts.push(EncoderPart::Text(rest.as_bytes().to_vec()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(encodings: &[Encoding], text: &str) -> String {
        let encoders = encodings.iter().filter_map(Encoder::compile);
        let out = encoders.fold(text.as_bytes().to_vec(), |text, e| e.apply(&text, (1_795_445_428, 12)));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_encoder_does_its_work_in_order() {
        let e = |f: fn(String) -> Encoding, text: &str| f(text.into());
        assert_eq!(run(&[e(Encoding::Prefix, "<1> "), e(Encoding::Suffix, " END")], "hi"), "<1> hi END");
        let format = "${unix} ${micros} ${strftime:%Y} [${msg}]${nope} ${msgnl}.";
        assert_eq!(
            run(&[e(Encoding::Format, format), Encoding::Newline], "hi"),
            "1795445428 1795445428000012 2026 [hi] hi\n."
        );
        let json = run(&[e(Encoding::Json, "{\"m\":\"${msg}\",\"t\":\"${strftime:%Y \"x\"}\"}")], "a\"\n\\b");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((value["m"].as_str(), value["t"].as_str()), (Some("a\"\n\\b"), Some("2026 \"x\"")));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_json_encoder(text: Vec<u8>) {
            let encoder = Encoder::compile(&Encoding::Json("{\"m\":\"${msg}\",\"n\":${unix}}".into())).unwrap();
            let value: serde_json::Value = serde_json::from_slice(&encoder.apply(&text, (5, 0))).unwrap();
            prop_assert_eq!(&value["n"], &serde_json::json!(5));
        }

        #[test]
        fn any_format_compiles(format: String, text: Vec<u8>) {
            Encoder::compile(&Encoding::Format(format)).unwrap().apply(&text, (0, 0));
        }
    }
}
