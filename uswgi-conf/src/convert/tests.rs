//! Reading back what was written, on examples and on random entries; units on their forms.

use super::*;
use crate::instance::Instance;
use proptest::prelude::*;

fn keys_values(pairs: &[Pair]) -> Vec<(String, String)> {
    let t = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    pairs.iter().map(|p| (t(&p.key), t(&p.value))).collect()
}

fn pair(key: &str, value: &str) -> Pair {
    Pair { key: key.into(), value: value.into(), line: 1, column: 1, value_column: 0 }
}

const ALL: [Syntax; 4] = [Syntax::Ini, Syntax::Xml, Syntax::Yaml, Syntax::Json];

#[test]
fn a_file_survives_every_syntax() {
    let text = b"[uwsgi]\n; first\nsocket = /run/%n.sock\nmaster = true\nbare\n# a -- b\nenv = A=\"b\" <c> & d\nenv = B=1\nlog-format = %(uri) 100%% x\nchdir = %(base)/a:b\n; end\n";
    let raw = read(Syntax::Ini, text, None).unwrap();
    assert_eq!(raw.comments.len(), 3);
    for to in ALL {
        let out = text::write(&raw, to).unwrap();
        let back = read(to, &out, None).unwrap();
        assert_eq!(
            text::meaning(&back.pairs),
            text::meaning(&raw.pairs),
            "{to:?}: {}",
            String::from_utf8_lossy(&out)
        );
        if matches!(to, Syntax::Ini | Syntax::Yaml) {
            assert_eq!(back.comments, raw.comments, "{to:?}");
        }
    }
}

#[test]
fn comments_of_xml_are_kept() {
    let text = b"<uwsgi>\n  <!-- first -->\n  <master>true</master>\n  <!-- two\n       lines -->\n  <threads>2</threads>\n</uwsgi>\n";
    let raw = read(Syntax::Xml, text, None).unwrap();
    let want = [(0, "first".to_string()), (1, "two".into()), (1, "lines".into())];
    assert_eq!(raw.comments, want);
    let ini = String::from_utf8(text::write(&raw, Syntax::Ini).unwrap()).unwrap();
    assert!(ini.find("first").unwrap() < ini.find("master").unwrap(), "{ini}");
    assert!(ini.find("lines").unwrap() < ini.find("threads").unwrap(), "{ini}");
}

#[test]
fn what_disappears_is_left_out_before_it_does_harm() {
    let raw = read(Syntax::Ini, b"[uwsgi]\na = 100%\nb = 1\nc = 5%<\nd = x%", None).unwrap();
    assert_eq!(
        keys_values(&raw.pairs),
        [("a".into(), "100b = 1".into()), ("c".into(), "5".into()), ("d".into(), "x".into())]
    );
}

#[test]
fn a_section_that_is_asked_for_stands_in_its_place() {
    let text = b"[uwsgi]\na = 1\nini = :base\n; last\nz = %x\n[base]\n; of base\nb = %x %%x\nini = :more\n[more]\nc = %x\n";
    let raw = read(Syntax::Ini, text, None).unwrap();
    let said =
        |raw: &Raw| keys_values(&raw.pairs).into_iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
    assert_eq!(said(&raw), ["a=1", "b=base %%x", "c=more", "z=%x"]);
    assert_eq!(raw.comments, [(1, "of base".into()), (3, "last".into())]);
    let raw = read(Syntax::Ini, text, Some("base")).unwrap();
    assert_eq!(said(&raw), ["b=base %%x", "c=more"]);
    // Of another file it stays, and a section that is not there has no entries.
    let raw = read(Syntax::Ini, b"[uwsgi]\nini = o.ini\nini = :base\n[base]\nb = 1\n", None).unwrap();
    assert_eq!(said(&raw), ["ini=o.ini", "ini=:base"]);
    assert_eq!(said(&read(Syntax::Ini, b"[uwsgi]\nini = :no\na = 1\n", None).unwrap()), ["a=1"]);
    let yaml = b"uwsgi:\n  yml: :base\n  a: 1\nbase:\n  b: 2\n";
    assert_eq!(said(&read(Syntax::Yaml, yaml, None).unwrap()), ["b=2", "a=1"]);
    let xml = b"<r><uwsgi><xml>:base</xml></uwsgi><uwsgi id=\"base\"><b>2</b></uwsgi></r>";
    assert!(read(Syntax::Xml, xml, None).is_err(), "the first <uwsgi> is both");
    for bad in [
        "[uwsgi]\nini = :uwsgi\n",
        "[uwsgi]\nif-env = A\nini = :b\nendif =\n[b]\n",
        "[uwsgi]\nif-env = A\nini = o.ini\nendif =\nini = :b\n[b]\n",
        "[uwsgi]\nset = ini=:b\n[b]\n",
    ] {
        assert!(read(Syntax::Ini, bad.as_bytes(), None).is_err(), "{bad}");
    }
}

#[test]
fn yaml_is_what_the_library_and_the_reader_of_lines_both_see() {
    let text = "[uwsgi]\nmaster =\nsocket = :8000\nchdir = %(base)/x\nlog-format = [%(pid)] \"a\"\nprocesses = %k\nstats = %N\nif-env = A\nendif =\nenv =\n";
    let raw = read(Syntax::Ini, text.as_bytes(), None).unwrap();
    let out = String::from_utf8(text::write(&raw, Syntax::Yaml).unwrap()).unwrap();
    assert_eq!(
        out,
        "uwsgi:\n  master: true\n  socket: :8000\n  set: chdir=%(base)/x\n  set: log-format=[%(pid)] \"a\"\n  processes: %k\n  set: stats=%N\n  if-env: A\n  endif: 1\n  set: env=\n"
    );
    for value in ["a # b", "a#b", "a: b", "x:", "a\u{85}b"] {
        let raw = Raw { pairs: vec![pair("mode", value)], comments: Vec::new() };
        assert!(text::write(&raw, Syntax::Yaml).is_err(), "{value:?}");
    }
}

/// `processes: %k` is no YAML before `%k` is replaced.
#[test]
fn variables_at_the_start_of_a_value_of_yaml_are_read() {
    let raw = read(Syntax::Yaml, b"uwsgi:\n  processes: %k\n  a: \"50%% %d\"\n", None).unwrap();
    assert_eq!(keys_values(&raw.pairs), [("processes".into(), "%k".into()), ("a".into(), "50%% %d".into())]);
}

/// `%[` is the character ESC, which no document of XML or YAML may hold.
#[test]
fn no_control_character_is_written() {
    let text = "[uwsgi]\n; \u{1b}[1m %[ a%%b \u{7}\u{85}\na = 1\n";
    let raw = read(Syntax::Ini, text.as_bytes(), None).unwrap();
    for to in [Syntax::Xml, Syntax::Yaml] {
        let out = String::from_utf8(text::write(&raw, to).unwrap()).unwrap();
        assert!(!out.chars().any(|c| c.is_control() && c != '\n'), "{out:?}");
        assert!(out.contains("%%[ a%%b"), "{out}");
    }
    let raw = Raw { pairs: vec![pair("log-format", "%[[1m")], comments: Vec::new() };
    for to in [Syntax::Xml, Syntax::Yaml, Syntax::Json] {
        assert!(text::write(&raw, to).is_err());
    }
}

#[test]
fn a_percent_sign_without_its_other_half_is_refused() {
    for value in ["5%", "%-m", "%%%"] {
        let raw = Raw { pairs: vec![pair("a", value)], comments: Vec::new() };
        for to in ALL {
            assert!(text::write(&raw, to).is_err(), "{to:?}: {value}");
        }
    }
}

#[test]
fn what_a_target_cannot_hold_is_refused() {
    let raw = |pairs: Vec<Pair>| Raw { pairs, comments: Vec::new() };
    assert!(text::write(&raw(vec![pair(&"\u{1}".repeat(300), "x")]), Syntax::Yaml).is_err(), "escapes count");
    assert!(text::write(&raw(vec![pair("a", " x")]), Syntax::Ini).is_err());
    // In an ini file it is a section of no file at all.
    assert!(text::write(&raw(vec![pair("js", ":x")]), Syntax::Json).is_err());
    assert!(text::write(&raw(vec![pair("js", "a.json"), pair("js", ":x")]), Syntax::Json).is_ok());
    assert!(text::write(&raw(vec![pair("a", "x\ny")]), Syntax::Ini).is_err());
    assert!(text::write(&raw(vec![pair("a b", "x")]), Syntax::Xml).is_err());
    let blocks = vec![pair("if-env", "A"), pair("endif", ""), pair("if-env", "B"), pair("endif", "")];
    assert!(text::write(&raw(blocks.clone()), Syntax::Json).is_err());
    assert!(text::write(&raw(blocks.clone()), Syntax::Yaml).is_ok());
    assert!(command::env(&blocks).is_err());
    let apart = vec![pair("env", "A=1"), pair("vacuum", "true"), pair("env", "B=1")];
    assert!(text::write(&raw(apart), Syntax::Json).is_ok());
}

#[test]
fn a_command_line_means_the_same() {
    let pairs = [
        pair("socket", ":1"),
        pair("vacuum", "true"),
        pair("lazy-apps", "no"),
        pair("my", "it's"),
        pair("env", "A=b c"),
    ];
    assert_eq!(
        command::cli(&pairs).unwrap(),
        "--socket=:1 \\\n  --vacuum \\\n  --set=lazy-apps=no \\\n  '--set=my=it'\\''s' \\\n  '--env=A=b c'\n"
    );
    assert_eq!(
        command::env(&pairs[..3]).unwrap(),
        "UWSGI_SOCKET=:1\nUWSGI_VACUUM=true\nUWSGI_LAZY_APPS=no\n"
    );
    assert!(command::env(&[pair("a", "1"), pair("a", "2")]).is_err());
}

#[test]
fn hardening_hides_nothing_that_the_file_names() {
    let hardened = |file: &str, options: &[(&str, &str)]| {
        let options = options.iter().map(|(n, v)| (n.to_string(), Some(v.to_string()))).collect();
        let instance = Instance { options, ..Instance::default() };
        let unit =
            unit::systemd(&instance, &unit::Start { file: file.into(), section: None, programs: None });
        let has = |name: &str| unit.lines().any(|l| l.starts_with(name));
        (has("PrivateTmp="), has("ProtectSystem="))
    };
    let file = "/srv/a.ini";
    assert_eq!(hardened(file, &[("socket", "/run/a.sock"), ("static-map", "/s=/usr/share/s")]), (true, true));
    assert_eq!(hardened(file, &[("socket", "/tmp/a.sock")]), (false, true));
    assert_eq!(hardened(file, &[("logger", "one file:/var/tmp/a.log")]), (false, true));
    assert_eq!(hardened(file, &[("touch-reload", "/tmp/r")]), (false, true));
    assert_eq!(hardened(file, &[("socket", "/usr/local/site/a.sock")]), (true, false));
    assert_eq!(hardened(file, &[("pidfile", "/etc/uwsgi/a.pid")]), (true, false));
    assert_eq!(hardened("/tmp/a.ini", &[]), (false, true));
}

proptest! {
    #[test]
    fn random_entries_survive(items in proptest::collection::vec(("[a-z][a-z0-9-]{0,8}", "[ -~\u{e9}\u{4e2d}]{0,12}"), 0..8)) {
        let pairs: Vec<Pair> = items.iter().map(|(k, v)| pair(k, &v.replace('%', "%%"))).collect();
        let raw = Raw { pairs, comments: Vec::new() };
        for to in ALL {
            if let Ok(out) = text::write(&raw, to) {
                let back = read(to, &out, None);
                if raw.pairs.is_empty() && to == Syntax::Yaml {
                    continue;
                }
                let back = back.unwrap_or_else(|e| panic!("{to:?}: {e}: {}", String::from_utf8_lossy(&out)));
                let sorted = |raw: &Raw| {
                    let mut all = text::meaning(&raw.pairs);
                    if to == Syntax::Json { all.sort_by(|a, b| a.0.cmp(&b.0)) }
                    all
                };
                prop_assert_eq!(sorted(&back), sorted(&raw), "{:?}", to);
            }
        }
    }

    #[test]
    fn random_command_lines_survive(items in proptest::collection::vec(("[a-z]{1,6}", "[ -#&'*-~]{0,10}"), 0..6)) {
        let pairs: Vec<Pair> = items.iter().map(|(k, v)| pair(&format!("zz-{k}"), v)).collect();
        let words: Vec<Vec<u8>> = command::words(&pairs).unwrap().into_iter().map(String::into_bytes).collect();
        let (out, result) = crate::expand::expand(&words, &[], crate::expand::Mode { compat: true, ..Default::default() });
        prop_assert!(result.is_ok());
        let got: Vec<_> = out.entries.iter().filter(|e| e.key != b"set").map(|e| (e.key.clone(), e.value.clone())).collect();
        let want: Vec<_> = pairs.iter().map(|p| (p.key.clone(), Some(p.value.clone()))).collect();
        prop_assert_eq!(got, want);
    }
}
