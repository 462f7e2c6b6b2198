//! Small configurations, one for each option or combination, beside the original: the cases of tests/configs with a dozen
//! requests each. What uWSGI 2.0.31 answered stands in answers.json there. Where we answer otherwise, differences.txt has
//! the reason and here.json the answer. After a change of the cases:
//! `cargo test -p uswgi-tests --test system -- --ignored configs::record --test-threads 1`.

mod case;

use case::{Case, Prepared, folder};
use nix::sys::signal::Signal;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use uswgi_proto::scoreboard::InstanceState;
use uswgi_tests::authority::Authority;
use uswgi_tests::wait::stays;
use uswgi_tests::{Request, Server, http, paths, until};

const FILES: [&str; 6] = ["files", "life", "python", "routing", "sockets", "static"];

/// How a case ended, and what its hooks had written then, is the answer to no request.
const END: &str = "the end";

/// Answers by `file / case / request`.
type Answers = BTreeMap<String, String>;

fn authority() -> Authority {
    let ca = Authority::new();
    ca.sign("localhost");
    ca.sign("other.example");
    ca
}

/// Whether it serves. False: it has ended.
fn serves(server: &mut Server, ours: bool) -> bool {
    until("the case to serve or to end", || {
        if server.ended().is_some() {
            return Some(false);
        }
        let running = match ours {
            true => {
                let state = server.instance().map(|i| i.board.header().state.load(Relaxed));
                state == Some(InstanceState::Running as u32)
            }
            false => {
                let log =
                    server.log() + &fs::read_to_string(server.dir.join("other.log")).unwrap_or_default();
                ["spawned uWSGI worker 1", "cheap mode"].iter().any(|said| log.contains(said))
            }
        };
        running.then_some(true)
    })
}

/// How it ends, and wait until it has. Threads of the original keep it now and then from doing so.
fn end(server: &mut Server, served: bool, ours: bool) -> String {
    if served && server.ended().is_none() {
        server.signal(Signal::SIGINT);
        if !ours && stays(Duration::from_secs(10), || server.ended().is_none()) {
            server.signal(Signal::SIGKILL);
        }
    }
    let code = server.wait().code();
    server.wait_gone();
    match code {
        // Without a master the original ends with other codes.
        Some(0) => "ended well".into(),
        _ if served && !ours => "ended well".into(),
        code => format!("ended {code:?}"),
    }
}

/// Everything that a case answers.
fn run(case: &Case, ca: &Authority, ours: bool) -> Answers {
    let Prepared { site, port, via, places } = case.prepare(ca, ours);
    let site = if ours { site } else { site.program(paths::uwsgi()) };
    let named = |text: String| places.iter().fold(text, |t, (value, word)| t.replace(value, word));
    let trace = site.dir.join("trace");
    let mut server = Server::begin(site);
    let mut answers = Answers::new();
    let served = serves(&mut server, ours);
    if served {
        for (number, line) in case.requests.iter().enumerate() {
            let request = Request::read(line).header("Connection", "close");
            let answer = match via.ask(port, &request) {
                Ok(bytes) => named(http::essence(&bytes, !line.starts_with("HEAD"))),
                Err(e) => e.kind().to_string(),
            };
            // One that is asked twice may answer in two ways.
            let again = case.requests[..number].iter().filter(|l| *l == line).count();
            let line = if again > 0 { format!("{line} again") } else { line.clone() };
            answers.insert(format!("{} / {line}", case.key), answer);
        }
    }
    let end = end(&mut server, served, ours);
    let trace = named(fs::read_to_string(trace).unwrap_or_default());
    answers.insert(format!("{} / {END}", case.key), format!("{end}\n{trace}"));
    answers
}

/// Texts are written once, as most cases share them.
fn write(name: &str, answers: &Answers) {
    let texts: Vec<_> = answers.values().collect::<BTreeSet<_>>().into_iter().collect();
    let number = |text: &String| texts.binary_search(&text).unwrap();
    let by_key: BTreeMap<_, _> = answers.iter().map(|(key, text)| (key, number(text))).collect();
    let text = serde_json::to_string_pretty(&json!({ "texts": texts, "answers": by_key })).unwrap();
    fs::write(folder().join(name), text + "\n").unwrap();
}

fn recorded(name: &str) -> Answers {
    let text = fs::read_to_string(folder().join(name)).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let by_key = all["answers"].as_object().unwrap();
    let text = |number: &serde_json::Value| all["texts"][number.as_u64().unwrap() as usize].as_str().unwrap();
    by_key.iter().map(|(key, number)| (key.clone(), text(number).to_string())).collect()
}

/// Lines of differences.txt that are no reasons: `file / case / request`, where `*` stands for anything.
fn patterns() -> Vec<String> {
    let text = fs::read_to_string(folder().join("differences.txt")).unwrap();
    text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')).map(String::from).collect()
}

fn matches(pattern: &str, key: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = key.strip_prefix(first) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn compare(file: &str) {
    let (theirs, here) = (recorded("answers.json"), recorded("here.json"));
    let reasons = patterns();
    let ca = authority();
    let mut wrong = String::new();
    for case in case::read(file) {
        for (key, answer) in run(&case, &ca, true) {
            let original = theirs.get(&key).unwrap_or_else(|| panic!("not recorded: {key}"));
            let known = here.get(&key);
            if known.is_some() && !reasons.iter().any(|p| matches(p, &key)) {
                wrong = format!(
                    "{wrong}{key}\n  is in here.json, and no line of differences.txt has its reason\n"
                );
            }
            let want = known.unwrap_or(original);
            if answer != *want {
                let said = if known.is_some() { "here before" } else { "uWSGI" };
                wrong = format!("{wrong}{key}\n  {said} {want:?}\n  here now {answer:?}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn files_and_command_lines() {
    compare("files");
}

#[test]
fn hooks_limits_and_caches() {
    compare("life");
}

#[test]
fn the_app_and_what_surrounds_it() {
    compare("python");
}

#[test]
fn routing_beside_other_options() {
    compare("routing");
}

#[test]
fn sockets_and_headers() {
    compare("sockets");
}

#[test]
fn static_files() {
    compare("static");
}

/// The list is whole, and nothing in it has become like the original.
#[test]
fn each_difference_has_a_reason_and_is_one() {
    let (theirs, here) = (recorded("answers.json"), recorded("here.json"));
    let cases = FILES.iter().map(|file| case::read(file).len()).sum::<usize>();
    assert!(cases >= 250 && theirs.len() >= 3000, "{cases} cases, {} answers", theirs.len());
    for (key, answer) in &here {
        assert_ne!(theirs.get(key), Some(answer), "{key} is no difference");
    }
    for pattern in patterns() {
        assert!(here.keys().any(|key| matches(&pattern, key)), "{pattern}: there is no such difference");
    }
}

/// The recorded answers are those of the original that is here: one case in twenty.
#[test]
fn the_original_answers_as_it_did() {
    let (theirs, ca) = (recorded("answers.json"), authority());
    let all = FILES.iter().flat_map(|file| case::read(file));
    for case in all.step_by(20) {
        for (key, answer) in run(&case, &ca, false) {
            assert_eq!(Some(&answer), theirs.get(&key), "{key}");
        }
    }
}

/// Of the cases whose names have this in them.
fn chosen() -> Vec<Case> {
    let part = std::env::var("CASE").unwrap_or_default();
    FILES.iter().flat_map(|file| case::read(file)).filter(|case| case.key.contains(&part)).collect()
}

fn answers_of(ours: bool) -> Answers {
    let ca = authority();
    chosen().iter().flat_map(|case| run(case, &ca, ours)).collect()
}

/// Keeps the answers of before for cases that are not chosen.
fn update(name: &str, new: Answers) {
    let keys: Vec<_> = chosen().into_iter().map(|c| c.key + " / ").collect();
    let mut all = if folder().join(name).exists() { recorded(name) } else { Answers::new() };
    all.retain(|key, _| !keys.iter().any(|k| key.starts_with(k)));
    all.extend(new);
    write(name, &all);
}

/// Writes answers.json anew; with `CASE=text`, for cases with this in their names.
#[test]
#[ignore = "it makes what the other tests compare with"]
fn record_1_the_original() {
    update("answers.json", answers_of(false));
}

/// Writes here.json anew.
#[test]
#[ignore = "it makes what the other tests compare with"]
fn record_2_what_differs() {
    let theirs = recorded("answers.json");
    let mut ours = answers_of(true);
    ours.retain(|key, answer| theirs.get(key) != Some(answer));
    update("here.json", ours);
}
