//! How many workers an operator wants: `N`, `+N` or `-N`, as `uswgi-ctl scale` takes it. Pure.

use serde::{Deserialize, Serialize};

/// A number of workers, absolute or relative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleTo {
    /// So many.
    Workers(u32),
    /// So many more than are wanted now.
    More(u32),
    /// So many fewer.
    Fewer(u32),
}

/// A text that is no number of workers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no number of workers: write N, +N or -N, N from 1")]
pub struct BadScale(String);

impl std::str::FromStr for ScaleTo {
    type Err = BadScale;

    fn from_str(text: &str) -> Result<ScaleTo, BadScale> {
        let (kind, digits): (fn(u32) -> ScaleTo, &str) = match text.as_bytes().first() {
            Some(b'+') => (ScaleTo::More, &text[1..]),
            Some(b'-') => (ScaleTo::Fewer, &text[1..]),
            _ => (ScaleTo::Workers, text),
        };
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        match digits.parse() {
            Ok(n) if plain && n > 0 => Ok(kind(n)),
            _ => Err(BadScale(text.chars().take(40).collect())),
        }
    }
}

impl std::fmt::Display for ScaleTo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ScaleTo::Workers(n) => write!(f, "{n}"),
            ScaleTo::More(n) => write!(f, "+{n}"),
            ScaleTo::Fewer(n) => write!(f, "-{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        for text in ["1", "+3", "-2", "4294967295"] {
            assert_eq!(text.parse::<ScaleTo>().unwrap().to_string(), text);
        }
        for text in ["", "+", "-", "0", "+0", "++1", "--1", "1.5", "4294967296", "-1-", "\u{e9}", "+ 1"] {
            assert!(text.parse::<ScaleTo>().is_err(), "{text}");
        }
    }
}
