//! Both programs read the same table: from a command line, and from a file that `convert` has written. The real one prints
//! its own with `show-config`.

use std::path::Path;
use std::time::Duration;
use uswgi_tests::temp::TempDir;
use uswgi_tests::{paths, process};

/// What the real program reads from a command line, as `name = value` lines; None: it ended before.
fn theirs(args: &[&str], dir: &Path) -> Option<String> {
    let mut command = process::command(paths::uwsgi());
    command.arg("--show-config").args(args).current_dir(dir).stdin(std::process::Stdio::null());
    let out = process::run(command, Duration::from_secs(20));
    let text = [out.stdout, out.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let (_, rest) = text.split_once("[uwsgi]\nshow-config = true\n")?;
    Some(rest.split_once(";end of configuration")?.0.into())
}

/// What we read from it, in the same form.
fn ours(args: &[&str], dir: &Path) -> Option<String> {
    let mut command = process::command(paths::command("uswgi-conf"));
    command.arg("expand").args(args).current_dir(dir);
    let out = process::run(command, Duration::from_secs(20));
    let read: serde_json::Value = serde_json::from_slice(&out.stdout).ok()?;
    let line =
        |o: &serde_json::Value| Some(format!("{} = {}\n", o[0].as_str()?, o[1].as_str().unwrap_or("true")));
    read["options"].as_array()?.iter().map(line).collect()
}

/// `%N` and its like are of the first file that an option names by its kind. Below a positional word, `include` and
/// `inherit` no file is the first; what has no path (a command) leaves them to the next; the small letters stay then.
#[test]
fn the_first_file_is_the_one_that_is_the_first_there() {
    let dir = TempDir::new();
    let letters = "%n %s %d %x %o | %N %S %D %X %O %P %C %E %I %J";
    let file = |name: &str, rest: &str| {
        let text = format!("[uwsgi]\n{} = {letters}\n{rest}\n", &name[..1]);
        std::fs::write(dir.join(name), text).unwrap();
    };
    file("a.ini", "");
    file("b.ini", "ini = c.ini:dev");
    file("c.ini", "[dev]\nd = %n %N %x %X");
    file("e.ini", "include = b.ini\nini = a.ini");
    file("i.ini", "inherit = b.ini");
    file("k.ini", "ini = :dev\nz = %n %N %x %X\n[dev]\nd = %n %N %x %X");
    std::fs::write(dir.join("x.xml"), format!("<uwsgi><x>{letters}</x><ini>b.ini</ini></uwsgi>")).unwrap();
    std::fs::write(dir.join("y.yaml"), format!("uwsgi:\n  y: {letters}\n  ini: b.ini\n")).unwrap();
    for args in [
        &["b.ini"][..],
        &["--ini", "b.ini"],
        &["--include", "b.ini"],
        &["--include", "b.ini", "--ini", "a.ini"],
        &["--ini", "a.ini", "--include", "b.ini"],
        &["b.ini", "--ini", "a.ini"],
        &["--ini", "a.ini", "--ini", "b.ini"],
        &["e.ini"],
        &["--ini", "e.ini"],
        &["i.ini"],
        &["--ini", "i.ini"],
        &["--inherit", "b.ini", "--ini", "a.ini"],
        &["k.ini", "a.ini"],
        &["--ini", "k.ini"],
        &["--ini", "k.ini:dev", "--ini", "a.ini"],
        &["x.xml"],
        &["--xml", "x.xml"],
        &["y.yaml", "k.ini"],
        &["--yaml", "y.yaml"],
        &["--set", "ini=k.ini", "--ini", "a.ini"],
        &["--ini", "exec://cat b.ini", "--ini", "a.ini"],
        &["--ini", "a.ini", "--ini", "exec://cat b.ini"],
        &["--include", "b.ini", "--ini", "exec://cat a.ini", "--ini", "a.ini"],
    ] {
        let want = theirs(args, dir.path());
        assert!(want.is_some(), "{args:?}");
        assert_eq!(ours(args, dir.path()), want, "{args:?}");
    }
}

/// `inject-before` and `inject-after`: texts around every file that is read from there on, whatever its syntax.
#[test]
fn injected_texts_are_read_around_every_file() {
    let dir = TempDir::new();
    for (name, text) in [
        ("before", "[uwsgi]\nbase = /srv\n"),
        ("after", "tail = %n|%(base)\n"),
        ("open.xml", "<uwsgi><a>1</a>"),
        ("close.xml", "<b>%n</b></uwsgi>"),
        ("tail.yaml", "  b: 2\n"),
        ("b.yaml", "uwsgi:\n  a: 1\n"),
        ("plain", "mid = %n\n"),
        ("o.ini", "[uwsgi]\nown = 1\n"),
        ("line.ini", "[uwsgi]\nown = 1"),
        ("inside.ini", "[uwsgi]\ninject-after = after\nini = o.ini\nq = 1\n"),
        ("section.ini", "[uwsgi]\ninject-after = after\nini = :x\n[x]\nk = 1\n"),
        ("more", "inject-after = after\n"),
    ] {
        std::fs::write(dir.join(name), text).unwrap();
    }
    for args in [
        &["--inject-before", "before", "--ini", "plain"][..],
        &["--inject-before", "before", "--inject-after", "after", "--ini", "o.ini"],
        &["--inject-before", "before", "--inject-after", "after", "o.ini"],
        &["--inject-before", "before", "--inject-before", "after", "--ini", "plain"],
        &["--inject-after", "after", "--inject-after", "plain", "--ini", "line.ini"],
        &["--ini", "o.ini", "--inject-after", "after", "--ini", "o.ini"],
        &["--inject-after", "close.xml", "--xml", "open.xml"],
        &["--inject-after", "tail.yaml", "--yaml", "b.yaml"],
        &["--inject-after", "exec://cat after", "--ini", "exec://cat o.ini"],
        &["--inject-after", "after", "--set", "w=x@(o.ini)"],
        &["--inject-after", "more", "--ini", "o.ini", "--ini", "o.ini"],
        &["inside.ini"],
        &["section.ini"],
        &["--inject-before", "nothing", "--ini", "o.ini"],
    ] {
        assert_eq!(ours(args, dir.path()), theirs(args, dir.path()), "{args:?}");
    }
}
