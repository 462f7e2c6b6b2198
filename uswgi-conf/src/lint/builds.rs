//! YAML files that the two kinds of uWSGI builds read differently: with libyaml (Debian, and here), and
//! with the small reader inside (pip). Pure.

use crate::diag::Diagnostic;
use crate::instance::Origin;
use crate::read::magic::{Magic, Replaced};
use crate::read::{lines, yaml};

/// Say so where the two differ first.
pub(super) fn check(name: &str, bytes: &[u8], out: &mut Vec<Diagnostic>) {
    if !(name.ends_with(".yaml") || name.ends_with(".yml")) {
        return;
    }
    let text = Replaced::new(bytes, &Magic::default());
    let Ok(document) = yaml::read(&text, b"uwsgi") else { return };
    let theirs = lines::read(&text, b"uwsgi").pairs;
    let same = |i: usize| {
        let ours = document.pairs.get(i).map(|p| (&p.key, &p.value));
        ours == theirs.get(i).map(|p| (&p.key, &p.value))
    };
    let Some(first) = (0..document.pairs.len().max(theirs.len())).find(|i| !same(*i)) else { return };
    let (line, what) = match (document.pairs.get(first), theirs.get(first)) {
        (Some(p), Some(_)) => (p.line, "reads another value"),
        (Some(p), None) => (p.line, "does not see this and what follows"),
        _ => (0, "sees more"),
    };
    let message =
        format!("builds of uWSGI without libyaml (pip's) read this file differently: here theirs {what}");
    let mut d =
        Diagnostic::warning("yaml-builds", message).help("keep to plain `key: value` lines, or use ini");
    d.origin = Origin { source: name.into(), line, column: u32::from(line > 0) };
    out.push(d);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differs(text: &str) -> Option<u32> {
        let mut out = Vec::new();
        check("a.yaml", text.as_bytes(), &mut out);
        out.first().map(|d| d.origin.line)
    }

    #[test]
    fn differences_are_found_where_they_begin() {
        assert_eq!(differs("uwsgi:\n  a: 1\n  b: x\n"), None);
        assert_eq!(differs("uwsgi:\n  a: 1\n  s:\n    - x\n  b: 2\n"), Some(4));
        assert_eq!(differs("uwsgi:\n  a: \"x\"\n"), Some(2));
        assert_eq!(differs("uwsgi:\n  a: x#y\n"), Some(2));
        assert_eq!(differs("uwsgi:\n  a: 1 # one\n  b: 2\n"), None);
        assert_eq!(differs("other:\n  a: 1\n"), None);
        assert_eq!(differs("uwsgi:\n  a : 1\n  b:\t2\n"), None);
        assert_eq!(differs("---\nuwsgi: # x\n\n# y\n  a: 1\n \t\n  b: x\n"), None);
    }
}
