//! `uswgi-conf expand` against what the real uWSGI 2.0.31 made of the same input: the recorded cases
//! beside the checkout where they are there, and always the corpus of `corpus.rs`.
//!
//! The few rules changed on purpose, and what expansion alone cannot decide, stand in two lists here,
//! each with its reason; everything else must agree to the byte.

#![allow(clippy::unwrap_used)]

mod corpus;

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Rules changed on purpose: a prefix of the case's name, and why.
const ON_PURPOSE: [(&str, &str); 3] = [
    (
        "yaml-embedded-",
        "the reader inside pip's build drops lists and cuts at any # in silence: libyaml is followed",
    ),
    (
        "yaml-libyaml-tabs",
        "a build with libyaml ends; read by the line with a warning, as pip's build reads it",
    ),
    ("cli-reload-empty-pidfile", "signals the caller's process group: refused"),
];

/// Outcomes that start-up decides, not the configuration language: `load` or the master has them.
const DECIDED_LATER: [(&str, &str); 10] = [
    ("run-fallback-config", "load: unsupported"),
    ("run-no-socket", "load: no-socket"),
    ("socket-bad-protocol", "load: unsupported"),
    ("run-cheaper-too-high", "cheaper has no effect here"),
    ("run-unknown-user", "the master looks users up"),
    ("run-bad-mount", "load: bad-mount"),
    ("run-exec-asap-output", "the master runs the steps of its start"),
    ("run-bind-bad-address", "the master binds"),
    ("run-unix-dir-missing", "the master binds"),
    ("run-wsgi-file-missing", "the worker loads the app"),
];

fn run(args: &[String], dir: &Path, env: &[(String, String)], stdin: Option<&Path>) -> Output {
    // env(1) keeps the order of the variables, which std::process::Command sorts.
    let mut command = Command::new("env");
    command.args(["-i", "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/home/u", "USER=root"]);
    command.args(["LANG=C.UTF-8", "LC_ALL=C.UTF-8"]);
    command.args(env.iter().map(|(k, v)| format!("{k}={v}")));
    command.arg(env!("CARGO_BIN_EXE_uswgi-conf")).arg("expand").args(args).current_dir(dir);
    command.stdin(match stdin {
        Some(file) => Stdio::from(fs::File::open(file).unwrap()),
        None => Stdio::null(),
    });
    command.output().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::write(&target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

fn words(line: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quote = None;
    for c in line.trim().chars() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            (' ', None) => out.push(String::new()),
            (c, _) => out.last_mut().unwrap().push(c),
        }
    }
    out
}

/// The text of a result with numbers and ports that change replaced, by the case's own table of (regular
/// expression, replacement). Only the few forms that the cases use are understood.
fn steady(text: &str, table: Option<&str>) -> String {
    let mut text = text.to_string();
    for line in table.unwrap_or("").lines().filter(|l| !l.is_empty()) {
        let (pattern, to) = line.split_once('\t').unwrap();
        if let Some(key) = pattern.strip_suffix(", \"\\d+\"") {
            let start = format!("{key}, \"");
            if let Some(at) = text.find(&start) {
                let from = at + start.len();
                let end = from + text[from..].find('"').unwrap();
                if text[from..end].bytes().all(|b| b.is_ascii_digit()) {
                    text.replace_range(at..=end, to);
                }
            }
        }
    }
    text
}

/// One case: None when it agrees.
fn differs(name: &str, from: &Path, work: &Path) -> Option<String> {
    copy(from, work);
    let read = |file: &str| fs::read_to_string(work.join(file)).ok();
    if work.join("setup.sh").exists() {
        assert!(Command::new("sh").arg("setup.sh").current_dir(work).status().unwrap().success());
    }
    let expected: Value = lossless(&fs::read(work.join("expected.json")).unwrap());
    let args: Vec<String> = words(&read("cmd").unwrap()).split_off(1);
    let env: Vec<(String, String)> = read("env")
        .unwrap_or_default()
        .lines()
        .filter_map(|l| l.split_once('=').map(|(k, v)| (k.to_string(), v.to_string())))
        .collect();
    let stdin = work.join("stdin");
    let out = run(&args, work, &env, stdin.exists().then_some(stdin.as_path()));
    let code = i64::from(out.status.code().unwrap_or(-1));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!said.contains("panicked"), "{name}: {said}");
    if expected["outcome"] != "config" {
        let wanted = expected["exit_code"].as_i64().unwrap();
        let stdout = expected["stdout"].as_str().unwrap_or("");
        let printed = stdout.is_empty() || String::from_utf8_lossy(&out.stdout) == stdout;
        return (code != wanted || !printed).then(|| format!("{name}: exit {code}, not {wanted}: {said}"));
    }
    let table = read("volatile");
    let shown = |options: &Value, recognised: &Value| {
        steady(&format!("{options} {recognised}").replace("\",\"", "\", \""), table.as_deref())
    };
    let want = shown(&expected["options"], &expected["recognised"]);
    let place = work.to_str().unwrap();
    let got = lossless(String::from_utf8_lossy(&out.stdout).replace(place, "@CASE@").as_bytes());
    let got = shown(&got["options"], &got["recognised"]);
    (code != 0 || got != want).then(|| format!("{name}:\n  want {want}\n  got  {got}\n  {said}"))
}

/// serde_json refuses lone surrogates, which stand for bytes that are no UTF-8.
fn lossless(text: &[u8]) -> Value {
    let text = String::from_utf8_lossy(text).replace("\\udc", "<byte>");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

#[test]
fn recorded_cases_give_the_recorded_result() {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/uwsgi/cases");
    if !all.is_dir() {
        eprintln!("no recorded cases beside the checkout: the corpus alone is run");
        return;
    }
    // Three components deep from the root: what %0, %1 and %2 of a case were recorded with.
    let root = std::env::temp_dir().join("uwsgi-oracle");
    fs::create_dir_all(&root).unwrap();
    let (mut agreed, mut left, mut bad) = (0, 0, Vec::new());
    for entry in fs::read_dir(&all).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        let Some((number, short)) = name.split_once('-').filter(|_| path.is_dir()) else { continue };
        assert!(number.bytes().all(|b| b.is_ascii_digit()), "{name}");
        let work = root.join(&name);
        let _ = fs::remove_dir_all(&work);
        let difference = differs(&name, &path, &work);
        fs::remove_dir_all(&work).unwrap();
        let on_purpose = ON_PURPOSE.iter().any(|(p, _)| short.starts_with(p));
        let later = DECIDED_LATER.iter().any(|(p, _)| short == *p);
        match difference {
            None => agreed += 1,
            Some(_) if on_purpose || later => left += 1,
            Some(text) => bad.push(text),
        }
    }
    assert!(bad.is_empty(), "{} of {} differ:\n{}", bad.len(), agreed + bad.len(), bad.join("\n"));
    assert!(agreed >= 300, "only {agreed} cases were found to agree, {left} left out");
}

#[test]
fn the_corpus_gives_its_result() {
    let mut bad = Vec::new();
    for case in corpus::CORPUS {
        let work = std::env::temp_dir().join(format!("uswgi-corpus-{}-{}", std::process::id(), case.name));
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(&work).unwrap();
        for (file, text) in case.files {
            fs::write(work.join(file), text).unwrap();
        }
        let args: Vec<String> = case.args.iter().map(|a| a.to_string()).collect();
        let env: Vec<_> = case.env.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let out = run(&args, &work, &env, None);
        let got: Value = serde_json::from_slice(&out.stdout).unwrap_or(Value::Null);
        let got = match got["options"].as_array() {
            Some(entries) if out.status.success() => entries
                .iter()
                .map(|e| match e[1].as_str() {
                    Some(v) => format!("{}={v}", e[0].as_str().unwrap()),
                    None => e[0].as_str().unwrap().to_string(),
                })
                .collect::<Vec<_>>()
                .join("|"),
            _ => format!("exit {}", out.status.code().unwrap_or(-1)),
        };
        fs::remove_dir_all(&work).unwrap();
        if got != case.want {
            bad.push(format!(
                "{}: want {}, got {got}: {}",
                case.name,
                case.want,
                String::from_utf8_lossy(&out.stderr)
            ));
        }
    }
    assert!(corpus::CORPUS.len() >= 40);
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// Cases that the real program accepts, and that do not mean what they say: errors are right there.
const MEANS_SOMETHING_ELSE: [(&str, &str); 7] = [
    ("ini-empty-value", "no workers, and a directory without a name"),
    ("ini-value-with-equals", "`=3` workers are none"),
    ("int-abc", "`abc` workers are none"),
    ("json-empty-string", "no workers"),
    ("socket-comma", "two addresses are one that does not exist"),
    ("xml-app-indented", "a mount without a callable loads nothing"),
    ("yaml-embedded-", "the reader inside pip's build; no YAML to anybody else"),
];

/// The configuration file that a command line names, if it names one.
fn file_of(args: &[String]) -> Option<&String> {
    let is_file = |w: &&String| {
        let path = w.split(':').next().unwrap_or_default();
        [".ini", ".xml", ".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end))
            && !w.starts_with('-')
    };
    args.iter().rfind(is_file)
}

#[test]
fn what_the_real_program_accepts_and_means_is_no_error_to_lint() {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/uwsgi/cases");
    if !all.is_dir() {
        eprintln!("no recorded cases beside the checkout: there is nothing to compare with");
        return;
    }
    let (mut looked, mut bad) = (0, Vec::new());
    for entry in fs::read_dir(&all).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        let Some((_, short)) = name.split_once('-').filter(|_| path.is_dir()) else { continue };
        let expected = lossless(&fs::read(path.join("expected.json")).unwrap());
        let args = words(&fs::read_to_string(path.join("cmd")).unwrap());
        let Some(file) = file_of(&args).filter(|_| expected["outcome"] == "config") else { continue };
        let work = std::env::temp_dir().join(format!("uswgi-lint-{}-{name}", std::process::id()));
        copy(&path, &work);
        if work.join("setup.sh").exists() {
            assert!(Command::new("sh").arg("setup.sh").current_dir(&work).status().unwrap().success());
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_uswgi-conf"));
        command
            .args(["lint", "--no-system", "--level", "error", "--format", "json", file])
            .current_dir(&work);
        let variables = fs::read_to_string(work.join("env")).unwrap_or_default();
        command.envs(variables.lines().filter_map(|l| l.split_once('=')));
        let out = command.output().unwrap();
        fs::remove_dir_all(&work).unwrap();
        looked += 1;
        if out.status.code() != Some(0) && !MEANS_SOMETHING_ELSE.iter().any(|(p, _)| short.starts_with(p)) {
            bad.push(format!("{name}: {}", String::from_utf8_lossy(&out.stdout)));
        }
    }
    assert!(bad.is_empty(), "{} of {looked} are refused:\n{}", bad.len(), bad.join("\n"));
    assert!(looked >= 200, "only {looked} cases were looked at");
}
