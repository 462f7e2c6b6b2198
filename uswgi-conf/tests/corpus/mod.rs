//! Inputs with what uWSGI 2.0.31 makes of them, seen on the real program: for machines without the
//! recorded cases.

/// One input.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) files: &'static [(&'static str, &'static str)],
    pub(crate) args: &'static [&'static str],
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// `key=value|key`, or `exit N`.
    pub(crate) want: &'static str,
}

const fn ini(name: &'static str, files: &'static [(&'static str, &'static str)], want: &'static str) -> Case {
    Case { name, files, args: &["a.ini"], env: &[("STAGE", "live")], want }
}

const fn cli(name: &'static str, args: &'static [&'static str], want: &'static str) -> Case {
    Case { name, files: &[], args, env: &[("STAGE", "live")], want }
}

macro_rules! one {
    ($text:expr) => {
        &[("a.ini", concat!("[uwsgi]\n", $text))]
    };
}

pub(crate) const CORPUS: &[Case] = &[
    ini("plain", one!("socket = :1\nworkers=2\n"), "socket=:1|workers=2"),
    ini("comments", one!("; a\n # b\nvacuum = true ; c\n"), "vacuum=true ; c"),
    ini("bare", one!("master\nprocesses: 2\n"), "master=|processes: 2="),
    ini("quotes", one!("mode = \"a\"\nchdir = a\\\n  b = 1\n"), "mode=\"a\"|chdir=a\\|b=1"),
    ini("section-ends", one!("mode = a\n[x] = 1\nmode = b\n[uwsgi]\nmode = c\n"), "mode=a|mode=c"),
    ini("percent", one!("a = 50%\nb = 1\nc = 100%% x\n"), "a=50b = 1|c=100% x"),
    ini("magic", one!("mode = %n.%e %s\n"), "mode=a.ini a.ini"),
    ini("upper-is-empty", one!("mode = <%N>\n"), "mode=<>"),
    ini("placeholder", one!("base = /srv\nchdir = %(base)/a\n"), "base=/srv|chdir=/srv/a"),
    ini("forward", one!("chdir = x%(b)\nb = y%(c)\nc = 1\n"), "chdir=xy1|b=y1|c=1"),
    ini("first-wins", one!("a = 1\na = 2\nmode = m%(a)\n"), "a=1|a=2|mode=m1"),
    ini("unknown-stays", one!("log-format = %(uri) %(status)\n"), "log-format=%(uri) %(status)"),
    ini("starts-with", one!("mode = %(b)\nb = %(a)2\na = 1\n"), "mode=%(a)2|b=12|a=1"),
    ini("math", one!("n = 4\nmode = m%(n * 2 + 1)\n"), "n=4|mode=m9"),
    ini("math-order", one!("mode = m%(1 + 2 * 3)\n"), "mode=m9"),
    ini("math-joined", one!("mode = m%(1 ++ ++)\n"), "mode=m3"),
    ini("math-signs", one!("mode = m%(1 + -5 2)\n"), "mode=m12"),
    ini("math-pending", one!("mode = m%(1 * ++ 3)\n"), "mode=m23"),
    ini("env", one!("mode = $(STAGE)-$(NOPE)-$STAGE\n"), "mode=live-$(NOPE)-$STAGE"),
    ini(
        "set",
        one!("set = a=$(STAGE)\nset-ph = b=$(STAGE)\n"),
        "set=a=$(STAGE)|a=live|set-ph=b=$(STAGE)|b=$(STAGE)",
    ),
    ini("file", &[("a.ini", "[uwsgi]\nmode = x@(v)\n"), ("v", "text\n")], "mode=xtext"),
    ini("file-missing", one!("mode = x@(nope)\n"), "exit 1"),
    ini(
        "include",
        &[("a.ini", "[uwsgi]\nini = b.ini\nmode = a\n"), ("b.ini", "[uwsgi]\nmode = b\n")],
        "ini=b.ini|mode=b|mode=a",
    ),
    ini(
        "include-late",
        &[("a.ini", "[uwsgi]\ninherit = b.ini\nmode = a\n"), ("b.ini", "[uwsgi]\nmode = %(x)\nx = 1\n")],
        "inherit=b.ini|mode=a|mode=%(x)|x=1",
    ),
    ini(
        "include-xml",
        &[("a.ini", "[uwsgi]\ninclude = b.xml\n"), ("b.xml", "<uwsgi><p>1</p></uwsgi>")],
        "include=b.xml|p=1",
    ),
    ini("include-missing", one!("ini = nope.ini\n"), "exit 1"),
    ini("cycle", one!("ini = a.ini\n"), "exit 1"),
    ini("endless", one!("a = x%(a)\n"), "exit 1"),
    ini("if-env", one!("if-env = STAGE\nmode = %(_)\nendif =\n"), "if-env=STAGE|mode=live|endif="),
    ini(
        "if-env-value",
        one!("if-env = STAGE=test\nmode = x\nendif =\nmode = y\n"),
        "if-env=STAGE=test|endif=|mode=y",
    ),
    ini("if-nested", one!("if-env = STAGE\nif-env = HOME\n"), "exit 1"),
    ini(
        "if-opt",
        one!("mode = a\nif-opt = mode=a\nchdir = %(_)\nendif =\n"),
        "mode=a|if-opt=mode=a|chdir=a|endif=",
    ),
    ini(
        "for",
        one!("for = a b\nmode = %(_)\nchdir = %(_)\nendfor =\n"),
        "for=a b|mode=a|mode=b|chdir=a|chdir=b|endfor=",
    ),
    ini("for-times", one!("for-times = 2\nmode = %(_)\nendfor =\n"), "for-times=2|mode=1|mode=2|endfor="),
    ini("declare", one!("declare-option = app=mode=$1\napp = %(x)\n"), "declare-option=app=mode=$1|app=%(x)"),
    ini("strict", one!("strict = true\nbuffer_size = 1\n"), "exit 1"),
    ini("negative", one!("processes = -1\n"), "exit 1"),
    ini("chmod", one!("chmod-socket = 0660\n"), "exit 1"),
    ini("blacklist", one!("blacklist = mode\nmode = a\n"), "exit 1"),
    ini("bom", &[("a.ini", "\u{feff}[uwsgi]\nmode = a\n")], ""),
    ini("no-section", &[("a.ini", "mode = a\n")], ""),
    cli("permuted", &["--mode", "a", "--", "-p"], "exit 1"),
    cli("cluster", &["-MTp", "3", "-C664"], "master|enable-threads|processes=3|chmod-socket=664"),
    cli("short", &["--proces", "3", "--vacu"], "processes=3|vacuum"),
    cli("ambiguous", &["--proc", "3"], "exit 1"),
    cli("no-value", &["--master=no"], "exit 1"),
    cli("word", &["conf.txt"], "exit 1"),
    cli("exit", &["--exit=5"], "exit 5"),
];
