//! Reading back what was written, on examples and on random entries; units on their forms.

use super::*;
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
    let text = b"[uwsgi]\n; first\nsocket = /run/%n.sock\nmaster = true\nbare\n# a -- b\nenv = A=\"b\" <c> & d\nenv = B=1\nlog-format = %(uri) 100%% #x\nchdir = %(base)/a: b\n; end\n";
    let raw = read(Syntax::Ini, text, None).unwrap();
    assert_eq!(raw.comments.len(), 3);
    for to in ALL {
        let out = text::write(&raw, to).unwrap();
        let back = read(to, &out, None).unwrap();
        assert_eq!(
            keys_values(&back.pairs),
            keys_values(&raw.pairs),
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
fn a_percent_sign_whose_other_half_was_syntax_is_refused() {
    let raw = read(Syntax::Yaml, b"uwsgi:\n  a: [x, a:%[x, y]\n", None).unwrap();
    for to in ALL {
        assert!(text::write(&raw, to).is_err(), "{to:?}: {:?}", raw.pairs);
    }
}

#[test]
fn what_a_target_cannot_hold_is_refused() {
    let raw = |pairs: Vec<Pair>| Raw { pairs, comments: Vec::new() };
    assert!(text::write(&raw(vec![pair(&"\u{1}".repeat(300), "x")]), Syntax::Yaml).is_err(), "escapes count");
    assert!(text::write(&raw(vec![pair("a", " x")]), Syntax::Ini).is_err());
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
                let sort = |mut v: Vec<(String, String)>| { if to == Syntax::Json { v.sort_by(|a, b| a.0.cmp(&b.0)) } v };
                prop_assert_eq!(sort(keys_values(&back.pairs)), sort(keys_values(&raw.pairs)), "{:?}", to);
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
