//! Both programs read the same table: from a command line, and from a file that `convert` has written. The real one prints
//! its own with `show-config`.

use crate::real_files::generated;
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;
use uswgi_tests::temp::TempDir;
use uswgi_tests::{paths, process};

/// What the real program reads from a command line, as `name = value` lines; None: it ended before.
fn theirs(args: &[&str], dir: &Path) -> Option<String> {
    let mut command = process::command(paths::uwsgi());
    command
        .args(["--show-config", "--no-server"])
        .args(args)
        .current_dir(dir)
        .stdin(std::process::Stdio::null());
    let out = process::run(command, Duration::from_secs(20));
    let text = [out.stdout, out.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let (_, rest) = text.split_once("[uwsgi]\nshow-config = true\nno-server = true\n")?;
    Some(rest.split_once(";end of configuration")?.0.into())
}

/// What we read from it, in the same form.
fn ours(args: &[&str], dir: &Path) -> Option<String> {
    let mut command = process::command(paths::command("uswgi-conf"));
    command.arg("expand").args(args).current_dir(dir);
    let out = process::run(command, Duration::from_secs(20));
    listed(&out.stdout)
}

/// What `expand` has printed, as such lines.
fn listed(printed: &[u8]) -> Option<String> {
    let read: serde_json::Value = serde_json::from_slice(printed).ok()?;
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

/// A table without what a form adds: `set` beside what it names, the value of a block's end, a switch without one. A file
/// of JSON and an environment have an order of their own.
fn meaning(table: &str, file: &str, sorted: bool) -> Vec<String> {
    let ends = ["end", "endif", "endfor", "end-if", "end-for"];
    let switch = |name: &str| matches!(name, "master" | "vacuum" | "strict" | "lazy-apps");
    let line = |l: &str| {
        let (name, value) = l.split_once(" = ").unwrap_or((l, ""));
        match value.trim_end() {
            _ if ends.contains(&name) => name.into(),
            "" | "1" if switch(name) => format!("{name} = true"),
            value => format!("{name} = {value}"),
        }
    };
    // A section that was asked for stands in its place.
    let kept = |l: &&str| {
        !l.starts_with("ini = :")
            && !l.trim_end().is_empty()
            && !l.starts_with("set = ")
            && (file.is_empty() || !l.ends_with(file))
    };
    let mut all: Vec<String> = table.lines().filter(kept).map(line).collect();
    if sorted {
        all.sort();
    }
    all
}

fn convert(from: &Path, to: &str) -> Result<Vec<u8>, String> {
    let mut command = process::command(paths::command("uswgi-conf"));
    command.args(["convert", "--to", to]).arg(from);
    let out = process::run(command, Duration::from_secs(20));
    match out.status.success() {
        true => Ok(out.stdout),
        false => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
    }
}

/// Both programs by way of a shell, which reads what was written for it.
fn by_shell(text: &[u8], to: &str, dir: &Path) -> [Option<String>; 2] {
    let words = String::from_utf8_lossy(text).into_owned();
    let script = dir.join("start");
    let run = |start: &str| {
        let line = match to {
            "cli" => format!("exec {start} {words}"),
            _ => format!("set -a\n{words}\nexec {start}"),
        };
        std::fs::write(&script, line).unwrap();
        let mut command = process::command(Path::new("/bin/sh"));
        command.arg(&script).current_dir(dir).stdin(std::process::Stdio::null());
        process::run(command, Duration::from_secs(20))
    };
    let real = run(&format!("{} --show-config --no-server", paths::uwsgi().display()));
    let text = String::from_utf8_lossy(&[real.stdout, real.stderr].concat()).into_owned();
    let table = text.split_once("[uwsgi]\n").and_then(|(_, rest)| rest.split_once(";end of configuration"));
    let theirs = table.map(|(table, _)| table.replace("show-config = true\nno-server = true\n", ""));
    let mine = run(&format!("{} expand", paths::command("uswgi-conf").display()));
    [theirs, listed(&mine.stdout)]
}

/// What a file means, and what is written from it in every form that holds it: the number of forms.
#[track_caller]
fn survives(text: &str, kind: &str, dir: &Path) -> usize {
    let file = dir.join(format!("a.{kind}"));
    std::fs::write(&file, text).unwrap();
    let option = format!("--{kind}");
    let name = format!("a.{kind}");
    let Some(want) = ours(&[&option, &name], dir) else { return 0 };
    if matches!(kind, "ini" | "xml") {
        // What ends there is no configuration.
        let Some(read) = theirs(&[&option, &name], dir) else { return 0 };
        assert_eq!(read, want, "{text}");
    }
    let forms = ["ini", "xml", "yaml", "json", "cli", "env"];
    let all: Vec<_> = forms.iter().filter_map(|to| Some((*to, convert(&file, to).ok()?))).collect();
    for (to, written) in &all {
        let to = *to;
        let sorted = matches!(to, "json" | "env");
        let want = meaning(&want, &name, sorted);
        let said = || format!("{to}: {text}\n---\n{}", String::from_utf8_lossy(written));
        if matches!(to, "cli" | "env") {
            for read in by_shell(written, to, dir) {
                let read = read.unwrap_or_else(|| panic!("unread: {}", said()));
                assert_eq!(meaning(&read, "", sorted), want, "{}", said());
            }
            continue;
        }
        let name = format!("a.{to}");
        std::fs::write(dir.join(&name), written).unwrap();
        let option = format!("--{to}");
        let read = ours(&[&option, &name], dir).unwrap_or_else(|| panic!("unread: {}", said()));
        assert_eq!(meaning(&read, &name, sorted), want, "{}", said());
        // The build of pip reads no JSON.
        if to != "json" {
            let read = theirs(&[&option, &name], dir).unwrap_or_else(|| panic!("unread there: {}", said()));
            assert_eq!(meaning(&read, &name, sorted), want, "there, {}", said());
        }
    }
    all.len()
}

/// What `convert` writes means what the file means, to both programs; what a form cannot hold it refuses.
#[test]
fn what_convert_writes_both_read_as_the_file() {
    let name = prop::sample::select(vec![
        "socket",
        "chdir",
        "master",
        "vacuum",
        "processes",
        "env",
        "log-format",
        "mode",
        "base",
        "touch-reload",
        "if-env",
        "endif",
        "for",
        "endfor",
        "set",
        "set-placeholder",
        "static-map",
        "stats",
        "print",
    ]);
    let piece = prop::sample::select(vec![
        "a", "1", ":80", "/srv", " ", "\"", "'", "%%", "%n", "%k", "%(base)", "%(a b)", "$(HOME)", "#", ";",
        ": ", "-", "[", "]", "{", "&", "<b>", "*", "!", "|", "@x", "\\", "`", "\u{e9}", "true", "=", ",",
        "?", "~", "\t", "%[", "%", "--",
    ]);
    let line = (name, prop::collection::vec(piece, 0..4)).prop_map(|(n, v)| match n {
        "set" | "set-placeholder" => format!("{n} = zz={}", v.concat()),
        "for" | "if-env" => format!("{n} = HOME"),
        _ => format!("{n} = {}", v.concat()),
    });
    let texts = prop::collection::vec(line, 1..7)
        .prop_map(|l| format!("[uwsgi]\n; c %d %[ -- x\n{}\n", l.join("\n")));
    let dir = TempDir::new();
    let held: usize = generated(texts, 60).iter().map(|text| survives(text, "ini", dir.path())).sum();
    assert!(held > 150, "{held} forms");
}

/// Files of the kinds that people have: each form that holds one means the same to both.
#[test]
fn files_as_people_write_them_survive_too() {
    let dir = TempDir::new();
    for (kind, text, forms) in [
        (
            "ini",
            "[uwsgi]\nbase = /srv/%n\nchdir = %(base)\nmodule = site.wsgi:application\nmaster\nprocesses = %k\nsocket = %(base)/u.sock\nchmod-socket = 660\nvacuum = true\nlog-format = [%(ltime)] \"%(method) %(uri)\" %(status)\n",
            6,
        ),
        (
            "ini",
            "[uwsgi]\nini = :base\nsocket = :8000\n\n; what both have\n[base]\nmaster = true\nthreads = 2\nenv = STAGE=%x\n",
            4,
        ),
        (
            "ini",
            "[uwsgi]\nif-env = HOME\nenv = H=%(_)\nendif =\nfor = a b\nenv = %(_)=1\nendfor =\nstrict = true\n",
            4,
        ),
        (
            "ini",
            "# made by a tool, 100% right\n[uwsgi]\nhttp = 0.0.0.0:8000 ; all\nwsgi-file = app.py\nstatic-map = /static=%d/static\npy-autoreload = 1\n",
            6,
        ),
        ("ini", "[uwsgi]\nlog-format = %(addr) - # %(status)\nprint = a: b\n", 5),
        ("yaml", "uwsgi:\n  socket: \"@s\"\n  processes: %k\n  static-map: '/a=/b'\n  master: true\n", 6),
        (
            "yaml",
            "# one\nuwsgi:\n  http: :8080\n  env: [A=1, \"B=2 #\"]\n  die-on-term: true\nother:\n  a: b\n",
            4,
        ),
        (
            "xml",
            "<uwsgi>\n  <socket>/run/%n.sock</socket>\n  <master/>\n  <!-- a -- free one -->\n  <app mountpoint=\"/\">a:b</app>\n  <env>A=&lt;b&gt; c</env>\n</uwsgi>\n",
            0,
        ),
        (
            "xml",
            "<uwsgi>\n  <socket>/run/%n.sock</socket>\n  <master/>\n  <app mountpoint=\"/q\"><script>b</script></app>\n  <env>A=&lt;b&gt; c</env>\n</uwsgi>\n",
            6,
        ),
        (
            "json",
            "{\"uwsgi\": {\"socket\": [\":1\", \"/run/a b\"], \"processes\": 4, \"master\": true, \"vacuum\": false}}\n",
            5,
        ),
    ] {
        assert_eq!(survives(text, kind, dir.path()), forms, "{text}");
    }
}

/// As above, from files of the other kinds.
#[test]
fn what_is_converted_from_yaml_xml_and_json_survives_too() {
    let dir = TempDir::new();
    let name =
        || prop::sample::select(vec!["touch-reload", "chdir", "master", "processes", "env", "mode", "base"]);
    let value = prop::sample::select(vec![
        "a",
        "%k",
        "\"a b\"",
        "'it''s'",
        "\"%(base)/x\"",
        "[a, \"%d b\"]",
        "\n    - one\n    - 'two #'",
        "\"\"",
        "true",
        "/run/%n.sock",
        "a: b",
        "@x",
        "%(base)",
        "a#b",
        "\"tab\\t\"",
        "50%%",
        "|\n    text\n",
        "\"%[\"",
    ]);
    let texts = prop::collection::vec((name(), value), 1..5)
        .prop_map(|l| l.iter().fold("uwsgi:\n".to_string(), |t, (n, v)| t + &format!("  {n}: {v}\n")));
    let held: usize = generated(texts, 40).iter().map(|text| survives(text, "yaml", dir.path())).sum();
    assert!(held > 60, "{held} forms");
    let value = prop::sample::select(vec![
        "a",
        "%k",
        " a ",
        "&lt;%d&gt;",
        "&amp;&quot;",
        "<![CDATA[a<b]]>",
        "",
        "<!-- c -->x",
        "%%",
        "[x]",
        "#",
        "\u{e9}",
    ]);
    let texts = prop::collection::vec((name(), value), 1..5).prop_map(|l| {
        let inner: String = l.iter().map(|(n, v)| format!("  <{n}>{v}</{n}>\n")).collect();
        format!("<uwsgi>\n{inner}</uwsgi>\n")
    });
    let held: usize = generated(texts, 40).iter().map(|text| survives(text, "xml", dir.path())).sum();
    assert!(held > 60, "{held} forms");
    let value = prop::sample::select(vec![
        "\"a\"",
        "4",
        "true",
        "null",
        "[\"a\", \"b c\"]",
        "\"%k\"",
        "\"\"",
        "\"%(base)\"",
        "\"\\u00e9\"",
        "2.5",
        "\"#\"",
    ]);
    let texts = prop::collection::vec((name(), value), 1..5).prop_map(|l| {
        let inner: Vec<String> = l.iter().map(|(n, v)| format!("\"{n}\": {v}")).collect();
        format!("{{\"uwsgi\": {{{}}}}}\n", inner.join(", "))
    });
    let held: usize = generated(texts, 40).iter().map(|text| survives(text, "json", dir.path())).sum();
    assert!(held > 60, "{held} forms");
}
