//! docs/OPERATING.md and docs/MIGRATING.md are complete: every verb, exit code, number and message of the log; every
//! option that people use most.

use std::collections::BTreeSet;
use std::fs;
use uswgi_proto::exit::Exit;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Site, paths, process};

fn document(name: &str) -> String {
    fs::read_to_string(paths::root().join("docs").join(name)).unwrap()
}

/// The first cells of the rows below a heading, without their quotes; several names in one cell are several.
fn first_cells(text: &str, heading: &str) -> Vec<String> {
    let rest =
        text.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no heading {heading}"));
    let rows = rest.split("\n## ").next().unwrap().lines().filter(|l| l.starts_with("| "));
    let cells = rows.skip(1).map(|l| l[2..].split(" | ").next().unwrap().trim().to_string());
    cells.flat_map(|c| c.split(", ").map(|n| n.trim_matches('`').to_string()).collect::<Vec<_>>()).collect()
}

#[test]
fn every_verb_of_uswgi_ctl() {
    let mut help = process::command(paths::command("uswgi-ctl"));
    help.arg("--help");
    let help = String::from_utf8(process::run(help, PATIENCE).stdout).unwrap();
    let list = help.split("Commands:\n").nth(1).unwrap().lines();
    let verbs = list.take_while(|l| l.starts_with("  ")).filter(|l| !l.starts_with("   "));
    let known: BTreeSet<String> = verbs.map(|l| l.split_whitespace().next().unwrap().to_string()).collect();
    let rows = first_cells(&document("OPERATING.md"), "Verbs of uswgi-ctl");
    let written = rows.iter().map(|c| c.split_whitespace().next().unwrap().to_string());
    let mut written: BTreeSet<String> = written.collect();
    written.insert("help".into());
    assert_eq!(known, written);
}

#[test]
fn every_exit_code() {
    let rows = first_cells(&document("OPERATING.md"), "Exit codes of every tool");
    let codes: Vec<String> = Exit::ALL.iter().map(|e| e.code().to_string()).collect();
    assert_eq!(rows, codes);
}

#[test]
fn every_number() {
    let server = Site::probe().start();
    server.get("/hello").expect(200);
    let out = server.ctl(&["metrics"]);
    let text = String::from_utf8(out.stdout).unwrap();
    let families = text.lines().filter_map(|l| l.strip_prefix("# TYPE "));
    let families = families.map(|l| l.split(' ').next().unwrap().to_string());
    // Those of uwsgi_exporter keep its names, and are documented there.
    let families: BTreeSet<String> = families.filter(|f| f.starts_with("uswgi_")).collect();
    assert!(families.len() > 15, "{text}");
    let written: BTreeSet<String> = first_cells(&document("OPERATING.md"), "Numbers").into_iter().collect();
    assert_eq!(families, written, "left: uswgi-ctl metrics, right: docs/OPERATING.md");
}

/// String literals of a piece of Rust, without tests and comments.
fn literals(text: &str) -> Vec<String> {
    let code: String =
        text.lines().filter(|l| !l.trim_start().starts_with("//")).map(|l| format!("{l}\n")).collect();
    let mut found = Vec::new();
    let mut chars = code.char_indices().peekable();
    let mut open: Option<String> = None;
    while let Some((_, c)) = chars.next() {
        match (&mut open, c) {
            (Some(text), '\\') => match chars.next() {
                // A line that goes on: its indentation is none of the text.
                Some((_, '\n')) => while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                Some((_, 'n')) => text.push('\n'),
                Some((_, c)) => text.push(c),
                None => {}
            },
            (Some(_), '"') => found.extend(open.take()),
            (Some(text), c) => text.push(c),
            (None, '"') => open = Some(String::new()),
            // Characters, and lifetimes, which have no end.
            (None, '\'') => {
                let rest: String = chars.clone().take(3).map(|(_, c)| c).collect();
                let length = if rest.starts_with('\\') { 3 } else { 2 };
                if rest.chars().nth(length - 1) == Some('\'') {
                    chars.by_ref().take(length).for_each(drop);
                }
            }
            (None, _) => {}
        }
    }
    found
}

/// What is fixed in a format string, the longest piece of it.
fn fixed(literal: &str) -> String {
    let mut pieces = vec![String::new()];
    let mut depth = 0;
    for c in literal.lines().next().unwrap_or_default().chars() {
        match c {
            '{' => {
                depth += 1;
                pieces.push(String::new());
            }
            '}' => depth -= 1,
            c if depth == 0 => pieces.last_mut().unwrap().push(c),
            _ => {}
        }
    }
    pieces.into_iter().map(|p| p.trim().to_string()).max_by_key(String::len).unwrap_or_default()
}

/// The arguments of every call that writes to the log.
fn calls(text: &str) -> Vec<&str> {
    let starts = ["say!(", "log::line(", "self.log(", "complain("];
    let mut found = Vec::new();
    for start in starts {
        for (at, _) in text.match_indices(start) {
            let mut depth = 0;
            let end = text[at..].char_indices().find(|(_, c)| {
                depth += i32::from(*c == '(') - i32::from(*c == ')');
                *c == ')' && depth == 0
            });
            found.push(&text[at..at + end.map_or(0, |(i, _)| i)]);
        }
    }
    found
}

/// The fixed words of every message that master and worker write by themselves.
fn messages() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let crates = ["uswgi-master/src", "uswgi-emperor/src", "uswgi-worker/src", "uswgi-serve/src"];
    let mut folders: Vec<_> = crates.iter().map(|c| paths::root().join(c)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    folders.push(path);
                }
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            // The supervisor builds its lines before it gives them away.
            let pure = path.components().any(|c| c.as_os_str() == "supervisor" || c.as_os_str() == "court");
            let all =
                if pure { literals(text) } else { calls(text).into_iter().flat_map(literals).collect() };
            found.extend(all.iter().map(|l| fixed(l)).filter(|l| l.contains(' ') && l.len() > 11));
        }
    }
    found
}

#[test]
fn every_message_of_the_log() {
    let text = document("OPERATING.md");
    let part = text.split("\n## Messages of the log\n").nth(1).unwrap();
    let messages = messages();
    assert!(messages.len() > 40, "{messages:#?}");
    let missing: Vec<&String> = messages.iter().filter(|m| !part.contains(m.as_str())).collect();
    assert!(missing.is_empty(), "docs/OPERATING.md says nothing about: {missing:#?}");
}

#[test]
fn literals_and_their_fixed_words() {
    let text = "a(\"one {x} two three\\\n   four\", 'b', '\\n', \"\"); // \"no\"\nfn f<'a>() { \"last\" }";
    assert_eq!(literals(text), ["one {x} two threefour", "", "no", "last"]);
    assert_eq!(fixed("{} was {x:?} killed by"), "killed by");
    assert_eq!(calls("say!(\"a ({})\", f(x)); more"), ["say!(\"a ({})\", f(x)"]);
}

#[test]
fn the_options_that_people_use_most() {
    let mut options = process::command(paths::command("uswgi-conf"));
    options.args(["options", "--json"]);
    let out = process::run(options, PATIENCE);
    let all: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let text = document("MIGRATING.md");
    let part = text.split("\n## The options that people use most\n").nth(1).unwrap();
    let rows: Vec<Vec<&str>> = part
        .lines()
        .filter(|l| l.starts_with("| `"))
        .map(|l| l.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 120);
    for row in rows {
        let name = row[0].trim_matches('`');
        let option =
            all.as_array().unwrap().iter().find(|o| o["name"] == name).unwrap_or_else(|| panic!("{name}"));
        let status = match option["status"].as_str().unwrap() {
            "supported" => "does it",
            "harmless" => "no effect needed",
            "noticed" => "no effect, said at start",
            _ => "refused",
        };
        assert_eq!(row[2], status, "{name}; run: cargo run -p uswgi-man");
        let why = option["reason"].as_str().unwrap();
        let what = if why.is_empty() { option["help"].as_str().unwrap() } else { why };
        assert_eq!(
            row[3].replace("\\|", "|"),
            what.trim_end_matches('.'),
            "{name}; run: cargo run -p uswgi-man"
        );
    }
}
