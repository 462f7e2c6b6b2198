//! Magic variables where a person probably meant a percent sign: passwords, addresses with escaped bytes, formats of dates.
//! Looks at one line; what `%` eats is the business of `text`. Pure.

use crate::read::magic::MEANINGFUL;

/// Parts of names of variables whose values are random: nothing in them is a file's name.
const SECRETS: [&str; 6] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "PRIVATE_KEY"];

/// The percent signs of a line as its reader takes them, each with the byte behind it: offset, and that byte unless the line ends.
pub(super) fn signs(line: &[u8]) -> impl Iterator<Item = (usize, Option<u8>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let here = at + line.get(at..)?.iter().position(|&b| b == b'%')?;
        at = here + 2;
        Some((here, line.get(here + 1).copied()))
    })
}

/// Where a `%c` of a line is replaced (an offset), and why that is probably not meant.
pub(super) fn replaced(line: &[u8]) -> Vec<(usize, &'static str)> {
    let (mut places, mut eats) = (Vec::new(), false);
    for (here, next) in signs(line) {
        match next {
            // Placeholders and colours are nothing that a value has by chance.
            None | Some(b'%' | b'(' | b'[') => {}
            Some(c) if MEANINGFUL.contains(&c) => places.push(here),
            Some(_) => eats = true,
        }
    }
    let value = line.iter().position(|b| matches!(b, b'=' | b':')).map_or(line.len(), |n| n + 1);
    let secret = names_secret(line);
    let address = line[value..].windows(3).position(|w| w == b"://").map(|n| value + n);
    let why = |here: usize| {
        let escape = line.get(here + 1..here + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        match address {
            Some(start) if start < here && escape => Some("it looks like an escaped byte of a URL"),
            _ if secret => Some("it stands in a secret"),
            _ if eats => Some("others of the line mean nothing, as in a format of a date or of a log"),
            _ => None,
        }
    };
    places.into_iter().filter(|&here| value <= here).filter_map(|here| Some((here, why(here)?))).collect()
}

/// Whether the line sets a variable whose name says that it is a secret (`env = DB_PASSWORD=...`), or an option of that name.
fn names_secret(line: &[u8]) -> bool {
    let mut parts = line.splitn(3, |b| *b == b'=');
    let name = |part: Option<&[u8]>| part.map(|p| String::from_utf8_lossy(p).to_ascii_uppercase());
    let names = [name(parts.next()), name(parts.next().filter(|_| parts.next().is_some()))];
    names.iter().flatten().any(|n| SECRETS.iter().any(|secret| n.contains(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(line: &str) -> usize {
        replaced(line.as_bytes()).len()
    }

    #[test]
    fn what_is_probably_meant_is_told_of() {
        for (line, found) in [
            ("env = DB_PASSWORD=abc%den", 1),
            ("env = DATABASE_URL=postgres://u:p%40s%3A@h/db", 2),
            ("my-secret = x%dy%n", 2),
            ("env = DATE=%Y-%m-%d", 1),
            ("log-format = %h %l %u %t \"%r\"", 3),
            ("  token: a%d", 1),
        ] {
            assert_eq!(count(line), found, "{line}");
        }
    }

    #[test]
    fn what_people_use_magic_variables_for_is_not() {
        for line in [
            "socket = /run/%n.sock",
            "chdir = %d",
            "pidfile = %d%n.pid",
            "env = DJANGO_SETTINGS_MODULE=%n.settings",
            "log-format = %(addr) %(uri) on %h",
            "env = DB_PASSWORD=abc%%den",
            "env = URL=http://%h/x",
            "secrets-file = /etc/x%%n",
            "env = URL=%d0://x",
            "; nothing",
            "%n = 1",
            "x = %",
        ] {
            assert_eq!(count(line), 0, "{line}");
        }
    }
}
