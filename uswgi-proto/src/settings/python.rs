//! What a configuration says of Python around the application: names of modules, imports, exceptions after which a worker
//! is replaced, how it ends.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Python around the application.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PythonSettings {
    /// Second names of modules, each with the module or the path of a file, before anything else is imported
    /// (`pymodule-alias`, then `post-pymodule-alias`).
    pub aliases: Vec<(String, String)>,
    /// The same behind those (`post-pymodule-alias`).
    pub late_aliases: Vec<(String, String)>,
    /// Modules imported in every process, before `Application::imports` (`shared-import`).
    pub shared_imports: Vec<String>,
    /// Value of `sys.executable` (`py-executable`).
    pub executable: Option<String>,
    /// KiB of the stack of each thread that runs requests; 0: the system's (`thread-stacksize`).
    pub stack_kib: u32,
    /// A worker ends without a hook of the application and without Python's own end (`skip-atexit`).
    pub skip_atexit: bool,
    /// A worker ends without Python's own end (`skip-atexit-teardown`).
    pub skip_teardown: bool,
    /// Start of the path of a socket for each worker that prints its stacks (`py-tracebacker`).
    pub tracebacker: Option<PathBuf>,
    /// Mode of that socket (`chmod-socket`); None: as the umask says.
    pub tracebacker_mode: Option<u32>,
    /// Exceptions after which a worker is replaced.
    pub reload_on: ReloadOnException,
}

/// Exceptions of an application after which its worker is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReloadOnException {
    /// All of them (`reload-on-exception`).
    pub any: bool,
    /// Classes: `KeyError`, or with the module, as `builtins.KeyError` (`reload-on-exception-type`).
    pub types: Vec<String>,
    /// Texts: what `str()` gives (`reload-on-exception-value`).
    pub values: Vec<String>,
    /// Class and text, as `builtins.KeyError: 'a'`, with or without the module (`reload-on-exception-repr`).
    pub reprs: Vec<String>,
}

impl ReloadOnException {
    /// Whether there are any.
    pub fn is_used(&self) -> bool {
        self.any || !(self.types.is_empty() && self.values.is_empty() && self.reprs.is_empty())
    }

    /// Whether an exception of this class (by its module and name) with this text is one of them.
    pub fn matches(&self, module: &str, class: &str, text: &str) -> bool {
        let full = format!("{module}.{class}");
        let is_class = |name: &str| name == class || name == full;
        let is_both = |repr: &String| {
            repr.strip_suffix(text).and_then(|name| name.strip_suffix(": ")).is_some_and(is_class)
        };
        self.any
            || self.types.iter().any(|name| is_class(name))
            || self.values.iter().any(|value| value == text)
            || self.reprs.iter().any(is_both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_known_by_its_class_its_text_or_both() {
        let one = |what: &str| vec![what.to_string()];
        let none = ReloadOnException::default();
        assert!(!none.is_used() && !none.matches("builtins", "KeyError", "'a'"));
        assert!(ReloadOnException { any: true, ..none.clone() }.matches("m", "C", ""));
        for (types, matches) in
            [("KeyError", true), ("builtins.KeyError", true), ("Key", false), ("'a'", false)]
        {
            let on = ReloadOnException { types: one(types), ..none.clone() };
            assert!(on.is_used());
            assert_eq!(on.matches("builtins", "KeyError", "'a'"), matches, "{types}");
        }
        for (value, matches) in [("boom", true), ("boo", false), ("", false)] {
            let on = ReloadOnException { values: one(value), ..none.clone() };
            assert_eq!(on.matches("builtins", "ValueError", "boom"), matches, "{value}");
        }
        for (repr, matches) in [
            ("ValueError: boom", true),
            ("builtins.ValueError: boom", true),
            ("ValueError:boom", false),
            ("ValueError: oom", false),
            ("KeyError: boom", false),
        ] {
            let on = ReloadOnException { reprs: one(repr), ..none.clone() };
            assert_eq!(on.matches("builtins", "ValueError", "boom"), matches, "{repr}");
        }
    }
}
