//! glob(3) for `for-glob` and `pythonpath`: `*`, `?` and `[...]` in any component, sorted, directories
//! marked with a final slash. It reads directories and nothing else.

#![forbid(unsafe_code)]

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Most names that are looked at.
const MAX_NAMES: usize = 100_000;

/// The paths that fit a pattern, or None when nothing does.
pub fn glob(pattern: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut found: Vec<Vec<u8>> = vec![if pattern.starts_with(b"/") { b"/".to_vec() } else { Vec::new() }];
    let parts: Vec<&[u8]> = pattern.split(|&b| b == b'/').filter(|p| !p.is_empty()).collect();
    let mut looked = 0;
    for (i, part) in parts.iter().enumerate() {
        let last = i + 1 == parts.len();
        let mut next = Vec::new();
        for base in &found {
            if !part.iter().any(|b| b"*?[".contains(b)) {
                let path = [base.as_slice(), part].concat();
                if path_of(&path).symlink_metadata().is_ok() {
                    next.push(path);
                }
                continue;
            }
            let dir = if base.is_empty() { Path::new(".") } else { path_of(base) };
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                looked += 1;
                let name = entry.file_name().into_vec();
                if (!name.starts_with(b".") || part.starts_with(b".")) && fits(part, &name) {
                    next.push([base.as_slice(), &name].concat());
                }
                if looked > MAX_NAMES {
                    break;
                }
            }
        }
        for path in &mut next {
            let dir = path_of(path).is_dir();
            if dir {
                path.push(b'/');
            }
        }
        if !last {
            next.retain(|p| p.ends_with(b"/"));
        }
        found = next;
    }
    found.sort();
    (!found.is_empty() && !parts.is_empty()).then_some(found)
}

fn path_of(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// Whether a name fits a pattern without slashes. Linear in both, whatever the pattern.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some(b'?') => Some(1),
            Some(b'[') => class(&pattern[p..], name[n]),
            Some(b'\\') if pattern.get(p + 1) == Some(&name[n]) => Some(2),
            Some(&c) if c == name[n] => Some(1),
            _ => None,
        };
        match (step, star) {
            (Some(used), _) => {
                p += used;
                n += 1;
            }
            (None, Some((after, at))) => {
                p = after;
                n = at + 1;
                star = Some((after, at + 1));
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

/// Length of a `[...]` that holds a byte.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = if negated { 2 } else { 1 };
    let Some(end) = pattern.iter().skip(first + 1).position(|&b| b == b']').map(|e| e + first + 1) else {
        return (byte == b'[').then_some(1);
    };
    let set = &pattern[first..end];
    let mut holds = false;
    let mut i = 0;
    while i < set.len() {
        if i + 2 < set.len() && set[i + 1] == b'-' {
            holds |= (set[i]..=set[i + 2]).contains(&byte);
            i += 3;
        } else {
            holds |= set[i] == byte;
            i += 1;
        }
    }
    (holds != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_the_shell() {
        for (p, n, want) in [
            ("*.py", "a.py", true),
            ("*.py", "a.pyc", false),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("\\*", "*", true),
            ("[", "[", true),
        ] {
            assert_eq!(fits(p.as_bytes(), n.as_bytes()), want, "{p} {n}");
        }
        let long = "a".repeat(5000);
        assert!(!fits("*a*a*a*a*a*a*b".as_bytes(), long.as_bytes()));
    }

    #[test]
    fn directories_get_a_slash_and_nothing_is_none() {
        assert_eq!(glob(b"/pro[c]"), Some(vec![b"/proc/".to_vec()]));
        assert_eq!(glob(b"/no/such/*"), None);
        assert_eq!(glob(b""), None);
    }
}
