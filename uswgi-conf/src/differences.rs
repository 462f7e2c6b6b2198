//! The rules of the configuration language that are changed on purpose, each with its reason: one list,
//! for `explain differences`, the documentation and the tests. What stands here must be true of `expand`
//! or `resolve`; everything else follows uWSGI 2.0.31 to the byte.

#![forbid(unsafe_code)]

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Difference {
    /// What uWSGI 2.0.31 does.
    pub uwsgi: &'static str,
    /// What happens here.
    pub here: &'static str,
    /// Why.
    pub why: &'static str,
}

const fn d(uwsgi: &'static str, here: &'static str, why: &'static str) -> Difference {
    Difference { uwsgi, here, why }
}

/// The list.
#[rustfmt::skip]
pub static DIFFERENCES: &[Difference] = &[
    d("pip's build reads YAML with a small reader inside: no lists, `#` cuts anywhere", "YAML is read as builds with libyaml do; a file that they refuse is read by the lines, with a warning", "one file must mean one thing; lint says where the two differ"),
    d("an include cycle crashes", "an error with the chain of files", "a crash says nothing"),
    d("`a = x%(a)` eats all memory", "an error with the line", "a start must end"),
    d("a nested XML element crashes", "an error with the line", "a crash says nothing"),
    d("files, pipes and loops of any size are read", "files up to 16 MiB, pipes silent for up to 5 s, loops up to 100,000 rounds, 200,000 entries", "a start must end, in bounded memory"),
    d("--stop, --reload, --pause signal the pid in a file, whoever that is (an empty file: the caller's process group)", "refused: uswgi-ctl does it, and looks at the process first", "signalling strangers"),
    d("`call://`, `sym://`, `section://`, `data://` read from the program itself", "an error", "there is no such program here"),
    d("an unknown name is kept without a word", "kept, and said at start and by lint when nothing refers to it", "misspelt options were ignored for years"),
    d("a known option that cannot work is ignored or fails later", "refused with its line; --allow-unsupported turns that into a warning", "nothing is dropped in silence"),
    d("`workers = abc` means none", "an error", "nothing would be served"),
    d("two chmod-socket are shifted into each other", "the last one counts", "nobody means 0664660"),
    d("`socket = unix:/path` listens where nobody can reach it", "an error that says what to write", "the server seemed to run"),
    d("a switch takes no value on the command line, although it does in a file", "--master=false is read as master = false", "one option has one form"),
    d("a word of the command line is a configuration file, or an error", "also an address (`:8000`), a file (`hello.py`) or a module (`mysite.wsgi`, `shop:create()`); an application named so listens on 127.0.0.1:8000 where nothing says where", "other servers are started so"),
    d("need-plugin ends even where the plugin is built in", "a warning in the server; `expand` follows uWSGI", "files from Debian name python3 there"),
    d("buffer-size 4096, socket-timeout 4, max-vars 64 by default", "65535, 30, 128", "cookies and slow clients"),
    d("without an app every request gets an error", "an error at start; need-app = false restores it", "a deploy must fail loudly"),
    d("reload-mercy does not bound workers", "it does; worker-reload-mercy wins where both are given", "that is how it is used and documented"),
    d("TERM reloads unless die-on-term is set", "TERM stops; die-on-term = false restores it", "service managers send TERM to stop"),
];

/// The list as text.
pub fn text() -> String {
    DIFFERENCES
        .iter()
        .map(|d| format!("uWSGI: {}\n here: {}\n  why: {}\n\n", d.uwsgi, d.here, d.why))
        .collect()
}
