//! What the `static-*` options say about one file. Order and meaning as observed on uWSGI 2.0.

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// Bytes that a compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;

/// What an expiry is chosen by. In this order, as uWSGI looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpiresOn {
    /// `static-expires`: path of the file.
    File,
    /// `static-expires-path-info`.
    PathInfo,
    /// `static-expires-uri`: path and query as they were sent.
    Uri,
    /// `static-expires-type`: the exact type.
    Type,
}

/// When copies of some files end to be good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expires {
    /// What the pattern is compared with.
    pub on: ExpiresOn,
    /// A regular expression, or a type.
    pub pattern: String,
    /// Seconds.
    pub seconds: u64,
    /// Counted from the file's last change instead of from now.
    pub from_mtime: bool,
}

impl Expires {
    /// Name of the option that says it.
    pub fn option(&self) -> &'static str {
        match (self.on, self.from_mtime) {
            (ExpiresOn::File, false) => "static-expires",
            (ExpiresOn::File, true) => "static-expires-mtime",
            (ExpiresOn::PathInfo, false) => "static-expires-path-info",
            (ExpiresOn::PathInfo, true) => "static-expires-path-info-mtime",
            (ExpiresOn::Uri, false) => "static-expires-uri",
            (ExpiresOn::Uri, true) => "static-expires-uri-mtime",
            (ExpiresOn::Type, false) => "static-expires-type",
            (ExpiresOn::Type, true) => "static-expires-type-mtime",
        }
    }

    /// Its value as one writes it.
    pub fn written(&self) -> String {
        let mark = if self.on == ExpiresOn::Type { '=' } else { ' ' };
        format!("{}{mark}{}", self.pattern, self.seconds)
    }
}

/// The options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticRules {
    /// Files that stand for their directory (`static-index`).
    pub index: Vec<String>,
    /// Endings that are left to the app (`static-skip-ext`).
    pub skip_suffixes: Vec<String>,
    /// Directories to which symlinks may lead (`static-safe`).
    pub safe: Vec<String>,
    /// Expires fields.
    pub expires: Vec<Expires>,
    /// Every file may have a copy beside it whose name ends in `.gz` (`static-gzip-all`).
    pub gzip_all: bool,
    /// Files below these directories may (`static-gzip-dir`).
    pub gzip_dirs: Vec<String>,
    /// Files with these endings may (`static-gzip-ext`).
    pub gzip_suffixes: Vec<String>,
    /// Files whose path matches may (`static-gzip`).
    pub gzip_patterns: Vec<String>,
    /// Files of types (`mime-file`); none: /etc/mime.types.
    pub mime_files: Vec<String>,
    /// Range fields count (`honour-range`).
    pub ranges: bool,
}

impl Default for StaticRules {
    fn default() -> StaticRules {
        StaticRules {
            index: Vec::new(),
            skip_suffixes: Vec::new(),
            safe: Vec::new(),
            expires: Vec::new(),
            gzip_all: false,
            gzip_dirs: Vec::new(),
            gzip_suffixes: Vec::new(),
            gzip_patterns: Vec::new(),
            mime_files: Vec::new(),
            ranges: true,
        }
    }
}

/// Compile a pattern; the text says why not. Bytes, no Unicode classes: names are bytes.
pub fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .unicode(false)
        .size_limit(PATTERN_SIZE)
        .build()
        .map_err(|e| e.to_string().lines().last().unwrap_or("no regular expression").trim().to_string())
}

enum Matcher {
    Pattern(Regex),
    Type(String),
}

/// The options, ready for use.
pub struct Rules {
    expires: Vec<(ExpiresOn, Matcher, u64, bool)>,
    skip: Vec<Vec<u8>>,
    gzip_all: bool,
    gzip_dirs: Vec<Vec<u8>>,
    gzip_suffixes: Vec<Vec<u8>>,
    gzip: Vec<Regex>,
}

/// A file and the request for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// Path of the file in the system, symlinks resolved; may be empty where [`Rules::needs_path`] is false.
    pub path: &'a [u8],
    /// PATH_INFO.
    pub path_info: &'a [u8],
    /// REQUEST_URI.
    pub uri: &'a [u8],
    /// Content-Type; empty: unknown.
    pub kind: &'a str,
    /// Last change, seconds since the epoch.
    pub modified: u64,
}

impl Rules {
    /// No rule at all.
    pub fn none() -> Rules {
        Rules {
            expires: Vec::new(),
            skip: Vec::new(),
            gzip_all: false,
            gzip_dirs: Vec::new(),
            gzip_suffixes: Vec::new(),
            gzip: Vec::new(),
        }
    }

    /// Compile them. The error names the pattern.
    pub fn compile(rules: &StaticRules) -> Result<Rules, String> {
        let compiled = |text: &str| pattern(text).map_err(|e| format!("{text:?} is no pattern: {e}"));
        let bytes = |list: &[String]| list.iter().map(|s| s.as_bytes().to_vec()).collect();
        let mut expires = Vec::new();
        for e in &rules.expires {
            let by = match e.on {
                ExpiresOn::Type => Matcher::Type(e.pattern.clone()),
                _ => Matcher::Pattern(compiled(&e.pattern)?),
            };
            expires.push((e.on, by, e.seconds, e.from_mtime));
        }
        expires.sort_by_key(|(on, _, _, from_mtime)| (*on, *from_mtime));
        Ok(Rules {
            expires,
            skip: bytes(&rules.skip_suffixes),
            gzip_all: rules.gzip_all,
            gzip_dirs: bytes(&rules.gzip_dirs),
            gzip_suffixes: bytes(&rules.gzip_suffixes),
            gzip: rules.gzip_patterns.iter().map(|p| compiled(p)).collect::<Result<_, _>>()?,
        })
    }

    /// Whether any rule looks at the path of the file.
    pub fn needs_path(&self) -> bool {
        let by_path = !self.gzip_dirs.is_empty() || !self.gzip_suffixes.is_empty() || !self.gzip.is_empty();
        !self.skip.is_empty()
            || (by_path && !self.gzip_all)
            || self.expires.iter().any(|(on, ..)| *on == ExpiresOn::File)
    }

    /// Whether a file is left to the app.
    pub fn skips(&self, path: &[u8]) -> bool {
        self.skip.iter().any(|s| path.ends_with(s))
    }

    /// Whether a compressed copy of a file is looked for.
    pub fn compresses(&self, path: &[u8]) -> bool {
        self.gzip_all
            || self.gzip_dirs.iter().any(|d| path.starts_with(d))
            || self.gzip_suffixes.iter().any(|s| path.ends_with(s))
            || self.gzip.iter().any(|p| p.is_match(path))
    }

    /// When copies of a file end to be good, seconds since the epoch. The first rule that holds decides.
    pub fn expires(&self, about: &About<'_>, now: u64) -> Option<u64> {
        let holds = |on: ExpiresOn, by: &Matcher| match (on, by) {
            (_, Matcher::Type(kind)) => kind == about.kind,
            (ExpiresOn::PathInfo, Matcher::Pattern(p)) => p.is_match(about.path_info),
            (ExpiresOn::Uri, Matcher::Pattern(p)) => p.is_match(about.uri),
            (_, Matcher::Pattern(p)) => p.is_match(about.path),
        };
        let (_, _, seconds, from_mtime) = self.expires.iter().find(|(on, by, ..)| holds(*on, by))?;
        Some((if *from_mtime { about.modified } else { now }).saturating_add(*seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expires(on: ExpiresOn, pattern: &str, seconds: u64, from_mtime: bool) -> Expires {
        Expires { on, pattern: pattern.into(), seconds, from_mtime }
    }

    #[test]
    fn the_first_expiry_in_the_order_of_uwsgi_counts() {
        let rules = StaticRules {
            expires: vec![
                expires(ExpiresOn::Type, "text/css", 5, false),
                expires(ExpiresOn::Uri, r"\?v=\d+$", 4, false),
                expires(ExpiresOn::PathInfo, "^/s/sub/", 3, false),
                expires(ExpiresOn::File, r"\.css$", 2, true),
                expires(ExpiresOn::File, r"/hot/.*\.css$", 1, false),
            ],
            ..StaticRules::default()
        };
        let rules = Rules::compile(&rules).unwrap();
        assert!(rules.needs_path());
        let at = |path: &str, path_info: &str, uri: &str, kind: &str| {
            let (path, path_info, uri) = (path.as_bytes(), path_info.as_bytes(), uri.as_bytes());
            rules.expires(&About { path, path_info, uri, kind, modified: 100 }, 1000)
        };
        assert_eq!(at("/r/hot/a.css", "/s/sub/a.css", "/s/sub/a.css?v=1", "text/css"), Some(1001));
        assert_eq!(at("/r/a.css", "/s/sub/a.css", "/s/sub/a.css?v=1", "text/css"), Some(102));
        assert_eq!(at("/r/a.js", "/s/sub/a.js", "/s/sub/a.js?v=1", "text/css"), Some(1003));
        assert_eq!(at("/r/a.js", "/s/a.js", "/s/a.js?v=1", "text/css"), Some(1004));
        assert_eq!(at("/r/a.js", "/s/a.js", "/s/a.js", "text/css"), Some(1005));
        assert_eq!(at("/r/a.js", "/s/a.js", "/s/a.js", "text/cs"), None);
        assert_eq!(at("/r/\u{e9}.css", "", "", ""), Some(102));
    }

    #[test]
    fn which_files_may_have_a_compressed_copy() {
        let with = |change: fn(&mut StaticRules)| {
            let mut rules = StaticRules::default();
            change(&mut rules);
            Rules::compile(&rules).unwrap()
        };
        assert!(!with(|_| ()).compresses(b"/r/a.css"));
        assert!(with(|r| r.gzip_all = true).compresses(b""));
        assert!(!with(|r| r.gzip_all = true).needs_path());
        let dir = with(|r| r.gzip_dirs = vec!["/r/css".into()]);
        assert!(dir.compresses(b"/r/css/a") && !dir.compresses(b"/r/js/css/a"));
        let suffix = with(|r| r.gzip_suffixes = vec![".css".into()]);
        assert!(suffix.compresses(b"/r/a.css") && !suffix.compresses(b"/r/a.css.map"));
        let pattern = with(|r| r.gzip_patterns = vec![r"^/r/.*\.js$".into()]);
        assert!(pattern.compresses(b"/r/a.js") && !pattern.compresses(b"/x/r/a.js"));
        let skip = with(|r| r.skip_suffixes = vec![".php".into()]);
        assert!(skip.skips(b"/r/a.php") && !skip.skips(b"/r/a.php5"));
    }

    #[test]
    fn a_bad_pattern_is_named() {
        for text in ["(", "a{999999999}", "(?=x)", r"(a)\1"] {
            let rules = StaticRules { gzip_patterns: vec![text.into()], ..StaticRules::default() };
            let error = Rules::compile(&rules).err().unwrap_or_else(|| panic!("{text} was taken"));
            assert!(error.contains(text.trim_end_matches('\\')) || error.contains("no pattern"), "{error}");
        }
    }
}
