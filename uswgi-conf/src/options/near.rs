//! The nearest real option to a name that is none. Pure; it never decides what to do about it.

use super::{FACTS, row_is_ours};

/// Edit distance with transpositions (optimal string alignment), at most `limit`, else None.
fn distance(a: &[u8], b: &[u8], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let width = b.len() + 1;
    let mut before = vec![0usize; width];
    let mut last: Vec<usize> = (0..width).collect();
    let mut now = vec![0usize; width];
    for i in 1..=a.len() {
        now[0] = i;
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            now[j] = (last[j] + 1).min(now[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                now[j] = now[j].min(before[j - 2] + 1);
            }
        }
        // What comes stands on these two rows, and only grows.
        if last.iter().chain(&now).all(|&d| d > limit) {
            return None;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut now);
    }
    (last[b.len()] <= limit).then_some(last[b.len()])
}

/// How many letters may be wrong in a name of so many.
fn limit(length: usize) -> usize {
    match length {
        0..=4 => 1,
        5..=9 => 2,
        _ => 3,
    }
}

/// The name among others that a misspelt one most likely means.
pub fn nearest_of<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let limit = limit(name.len()).min(name.len() / 2);
    let near = names.filter_map(|n| Some((distance(name.as_bytes(), n.as_bytes(), limit)?, n)));
    near.min_by_key(|(d, _)| *d).map(|(_, n)| n)
}

/// The option that a misspelt name most likely means: `_` for `-`, another case, a beginning that only
/// one option has, or a few wrong letters.
pub fn nearest(name: &str) -> Option<&'static str> {
    if name.len() < 3 || name.len() > 64 {
        return None;
    }
    let plain = name.trim_start_matches('-').to_ascii_lowercase().replace(['_', ' '], "-");
    let known = || FACTS.iter().filter(|f| f.usual).map(|f| f.name).chain(row_is_ours());
    if let Some(same) = known().find(|n| *n == plain) {
        return Some(same);
    }
    let limit = limit(plain.len());
    let mut best: Option<(usize, usize, &'static str)> = None;
    for (order, n) in known().enumerate() {
        if let Some(d) = distance(plain.as_bytes(), n.as_bytes(), limit) {
            // A first letter is seldom wrong, and what people use most is what they mean.
            let rank = d * 4
                + usize::from(n.as_bytes().first() != plain.as_bytes().first()) * 2
                + usize::from(!super::is_common(n));
            if best.is_none_or(|(r, o, _)| (rank, order) < (r, o)) {
                best = Some((rank, order, n));
            }
        }
    }
    if best.is_none() && plain.len() >= 5 {
        let mut longer = known().filter(|n| n.starts_with(&plain) && super::is_common(n));
        if let (Some(only), None) = (longer.next(), longer.next()) {
            return Some(only);
        }
    }
    // An option with a word behind it: `strict-mode`.
    let begun = || {
        let begins = |n: &&str| n.len() >= 5 && plain.strip_prefix(*n).is_some_and(|r| r.starts_with('-'));
        known().filter(|n| super::is_common(n)).filter(begins).max_by_key(|n| n.len())
    };
    best.map(|(_, _, n)| n).or_else(begun)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_mistype_is_found() {
        for (wrong, right) in [
            ("harakari", "harakiri"),
            ("process", "processes"),
            ("guid", "gid"),
            ("buffer_size", "buffer-size"),
            ("max_requests", "max-requests"),
            ("chmod-sock", "chmod-socket"),
            ("Master", "master"),
            ("optmize", "optimize"),
            ("thread", "threads"),
            ("vaccum", "vacuum"),
            ("wsgi_file", "wsgi-file"),
            ("strict-mode", "strict"),
            ("vacuum_on_exit", "vacuum"),
        ] {
            assert_eq!(nearest(wrong), Some(right), "{wrong}");
        }
        for name in ["base", "project_name", "x", "", "domain-of-the-site", "my_app_dir"] {
            assert_eq!(nearest(name), None, "{name}");
        }
    }

    #[test]
    fn distance_counts_transpositions_once() {
        assert_eq!(distance(b"ab", b"ba", 2), Some(1));
        assert_eq!(distance(b"abc", b"abd", 2), Some(1));
        assert_eq!(distance(b"abc", b"xyz", 2), None);
        assert_eq!(distance(b"", b"ab", 2), Some(2));
    }
}
