//! Which names are vassals, and with which option each is read. Pure.
//!
//! Observed on uWSGI 2.0.31: `.ini` `.xml` `.yml` `.yaml` `.json` `.js`, case counts, a name may begin with a dot or be nothing but
//! the ending; `a.ini~`, `a.ini.bak`, `a.INI`, `a.lua` are none.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Endings, and the option that reads such a file.
const ENDINGS: [(&str, &str); 6] = [
    (".ini", "--ini"),
    (".xml", "--xml"),
    (".yml", "--yaml"),
    (".yaml", "--yaml"),
    (".json", "--json"),
    (".js", "--json"),
];

/// The option with which a file of this name is read; None: it is no vassal. `extra`: endings of `emperor-extra-extension`, which are
/// read as ini (uWSGI gives them to `--config`, which reads only what a plugin knows).
pub fn option_of(name: &OsStr, extra: &[String]) -> Option<&'static str> {
    let name = name.as_bytes();
    let usual = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending.as_bytes()));
    let own = || extra.iter().any(|ending| !ending.is_empty() && name.ends_with(ending.as_bytes()));
    usual.map(|(_, option)| *option).or_else(|| own().then_some("--ini"))
}

/// A name in one line of a log: what does not print is escaped.
pub fn shown(name: &OsStr) -> String {
    let text = name.to_string_lossy();
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides_as_on_uwsgi() {
        let extra = vec![".conf".to_string(), "cfg".into()];
        for (name, option) in [
            ("a.ini", Some("--ini")),
            (".c.ini", Some("--ini")),
            (".ini", Some("--ini")),
            ("m m.ini", Some("--ini")),
            ("b.xml", Some("--xml")),
            ("c.yml", Some("--yaml")),
            ("d.yaml", Some("--yaml")),
            ("e.json", Some("--json")),
            ("f.js", Some("--json")),
            ("a.ini~", None),
            ("f.ini.bak", None),
            ("l.INI", None),
            ("d.txt", None),
            ("xini", None),
            ("n.lua", None),
            ("", None),
        ] {
            assert_eq!(option_of(name.as_ref(), &[]), option, "{name}");
        }
        assert_eq!(option_of("g.conf".as_ref(), &extra), Some("--ini"));
        assert_eq!(option_of("h.cfg".as_ref(), &extra), Some("--ini"));
        assert_eq!(option_of("h.cfgs".as_ref(), &extra), None);
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(shown(OsStr::from_bytes(b"a\n\xff b.ini")), "a\\n\u{fffd} b.ini");
    }
}
