//! Properties over random input: no reader panics, expansion ends and is the same twice, repairs are
//! idempotent.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use uswgi_conf::expand::{Allow, Mode, expand};
use uswgi_conf::lint::{self, Options, fix};
use uswgi_conf::read::magic::{Magic, Replaced};
use uswgi_conf::read::{ini, json, xml, yaml};

struct File(PathBuf);

impl File {
    fn new(text: &[u8]) -> File {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("uswgi-property-{}-{n}.ini", std::process::id()));
        std::fs::write(&path, text).unwrap();
        File(path)
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.to_str().unwrap().into()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Lines that look like a configuration: names, values with markers, blocks, comments.
fn lines() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "a",
        "b",
        "mode",
        "chdir",
        "processes",
        "buffer_size",
        "harakari",
        "socket",
        "http-socket",
        "vacuum",
        "for",
        "for-times",
        "if-env",
        "if-opt",
        "endif",
        "set",
        "set-ph",
        "declare-option",
        "strict",
        "chmod-socket",
        "env",
        "mount",
        "module",
        "static-map",
        "listen",
        "limit-as",
        "stats",
        "logger",
        "plugins",
        "uid",
        "=",
        "[x",
        ";",
    ]);
    let piece = prop::sample::select(vec![
        "x",
        "1",
        " ",
        "%",
        "%%",
        "%n",
        "%(a)",
        "%(b)",
        "%(a + 2)",
        "$(HOME)",
        "$(NO)",
        "=",
        " ; c",
        " # c",
        "\"",
        "unix:/a",
        ":80",
        "127.0.0.1:1",
        "/p",
        "true",
        "off",
        "-5",
        "99999999999",
        "\u{e9}",
        "(",
        ")",
        "@",
        "%(_)",
    ]);
    let line = (name, prop::collection::vec(piece, 0..5)).prop_map(|(n, v)| format!("{n} = {}", v.concat()));
    prop::collection::vec(line, 0..12).prop_map(|l| format!("[uwsgi]\n{}\n", l.join("\n")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn readers_take_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut magic = Magic::default();
        magic.set(b'd', "/x/");
        let text = Replaced::new(&bytes, &magic);
        for offset in 0..=text.text.len() {
            text.position(offset);
        }
        ini::read(&text, b"uwsgi");
        let _ = (xml::read(&text, None), yaml::read(&text, b"uwsgi"), json::read(&text, b"uwsgi"));
    }

    #[test]
    fn readers_take_what_looks_like_their_syntax(text in "[<>/a-z&;:\"'\\[\\]{}, \\-\n\t!?#*=1-9]{0,120}") {
        for head in ["", "<uwsgi>", "uwsgi:\n  ", "{\"uwsgi\": {"] {
            let text = Replaced::new(format!("{head}{text}").as_bytes(), &Magic::default());
            let _ = (xml::read(&text, Some(b"a")), yaml::read(&text, b"uwsgi"), json::read(&text, b"uwsgi"));
        }
    }

    #[test]
    fn expansion_ends_and_is_the_same_twice(text in lines(), compat in any::<bool>()) {
        let file = File::new(text.as_bytes());
        let args = [b"--ini".to_vec(), file.bytes()];
        let env = [(b"HOME".to_vec(), b"/home/u".to_vec())];
        let once = || {
            let (out, result) = expand(&args, &env, Mode { compat, ..Mode::default() });
            let entries: Vec<_> = out.entries.into_iter().map(|e| (e.key, e.value, e.recognised)).collect();
            (entries, result.is_ok())
        };
        prop_assert_eq!(once(), once());
    }

    #[test]
    fn repairs_are_idempotent_and_lint_has_places(text in lines()) {
        let file = File::new(text.as_bytes());
        let options = Options { allow: Allow::default(), system: false };
        let report = lint::lint(&file.bytes(), &[], options);
        let count = text.lines().count();
        for d in &report.diagnostics {
            prop_assert!(d.origin.line as usize <= count, "{d}");
            prop_assert!(lint::codes::find(d.code).is_some(), "{}", d.code);
        }
        let name = file.0.to_str().unwrap();
        let mut fixed = text.into_bytes();
        let mut found = report.diagnostics;
        let mut left = 1;
        for _ in 0..=fix::ROUNDS {
            (fixed, left) = fix::apply(name, &fixed, &found);
            std::fs::write(&file.0, &fixed).unwrap();
            found = lint::lint(&file.bytes(), &[], options).diagnostics;
            if left == 0 {
                break;
            }
        }
        prop_assert_eq!(left, 0, "never done: {}", String::from_utf8_lossy(&fixed));
    }
}
