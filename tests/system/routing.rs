//! Internal routing, beside the original: rule sets of tests/routing, each with its requests. What uWSGI 2.0.31 answered stands in
//! tests/routing/answers.json, each rule set on an instance of its own; here all of a file share one. After a change of the rule sets:
//! `cargo test -p uswgi-tests --test system -- --ignored routing::record`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use uswgi_tests::via::Via;
use uswgi_tests::{Request, Server, Site, http, paths};

/// A rule set and its requests.
#[derive(Clone)]
struct RuleSet {
    name: String,
    rules: Vec<String>,
    requests: Vec<String>,
}

const FILES: [&str; 9] =
    ["actions", "answers", "bodies", "conditions", "flow", "patterns", "responses", "stored", "wording"];

fn folder() -> PathBuf {
    paths::root().join("tests/routing")
}

/// The rule sets of a file; its first lines say how it is read.
fn rule_sets(file: &str) -> Vec<RuleSet> {
    let text = fs::read_to_string(folder().join(format!("{file}.rules"))).unwrap();
    let (mut common, mut sets) = (Vec::new(), Vec::<RuleSet>::new());
    let mut open = false;
    for line in text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with("# ")) {
        let short = |rule: String| RuleSet { name: line.into(), rules: vec![rule], requests: Vec::new() };
        match line.split_once(' ') {
            Some(("===", name)) => {
                sets.push(RuleSet { name: name.into(), rules: Vec::new(), requests: Vec::new() });
                open = true;
                continue;
            }
            Some((">", request)) if open => sets.last_mut().unwrap().requests.push(request.into()),
            Some((">", request)) => common.push(request.to_string()),
            Some(("?", condition)) => sets.push(short(format!("route-if = {condition} addheader:R: y"))),
            Some(("~", pattern)) => sets.push(short(format!("route = {pattern} addheader:R: [$1][$2]"))),
            Some(("$", text)) => sets.push(short(format!("route = ^/(\\w*)/?(.*) addheader:R: [{text}]"))),
            _ => sets.last_mut().unwrap().rules.push(line.into()),
        }
    }
    for set in sets.iter_mut().filter(|s| s.requests.is_empty()) {
        set.requests.clone_from(&common);
    }
    sets
}

/// A site with files for rules; `alone`: of one rule set, else each belongs to requests with its number.
fn site(sets: &[RuleSet], alone: bool) -> Site {
    let mut site = Site::new().file("routed").http();
    let files = site.dir.join("files");
    fs::create_dir_all(files.join("dd")).unwrap();
    let users = "bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\npln:plain\n";
    for (name, text) in
        [("f.txt", "text\n"), ("f.css", "css\n"), ("plain", "plain"), ("b.html", "<b>\n"), ("ht", users)]
    {
        fs::write(files.join(name), text).unwrap();
    }
    symlink("f.txt", files.join("l.txt")).unwrap();
    let app = site.dir.join("app/routed.py").display().to_string();
    site = site.option("wsgi-file", app).option("static-map", format!("/static={}", files.display()));
    for (name, value) in [
        ("cache2", "name=pages,items=50"),
        ("cache2", "name=more,items=10"),
        ("add-cache-item", "pages there=value"),
        ("add-cache-item", "pages there/a=of a"),
        ("collect-header", "X-Sendfile X_SENDFILE"),
        ("metric", "name=hits,initial_value=3"),
        ("metric", "name=size"),
        ("metric", "name=late"),
    ] {
        site = site.option(name, value);
    }
    for (number, set) in sets.iter().enumerate() {
        for chain in ["route", "error-route", "response-route"] {
            let of = |rule: &&String| {
                let name = rule.split(" = ").next().unwrap_or_default();
                name.strip_prefix(chain).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            };
            let rules: Vec<_> = set.rules.iter().filter(of).collect();
            if rules.is_empty() {
                continue;
            }
            let end = format!("end of {number}");
            if !alone {
                let other = format!("equal:${{HTTP_X_CASE}};{number} goto:{end}");
                site = site.option(&format!("{chain}-if-not"), other);
            }
            for rule in rules {
                let (name, text) = rule.split_once(" = ").unwrap();
                site = site.option(name, text.replace("DIR", &files.display().to_string()));
            }
            if !alone {
                site = site.option(&format!("{chain}-label"), end);
            }
        }
    }
    site
}

/// What is left of an answer where framing, dates and what one of the servers says of files do not count.
fn answer(server: &Server, line: &str, number: usize) -> String {
    let request = Request::read(line).header("X-Case", &number.to_string()).header("Connection", "close");
    let bytes = Via::Http.ask(server.http_port(), &request).unwrap();
    let files = server.dir.join("files").display().to_string();
    soon(http::essence(&bytes, !line.starts_with("HEAD"))).replace(&files, "DIR")
}

/// When an item of a cache expires is another time each time. Only one of the servers says what depends on what clients take.
fn soon(essence: String) -> String {
    let essence = essence.replace("\nVary: Accept-Encoding", "");
    match essence.find("\nExpires: ") {
        Some(at) if essence[at + 10..].get(12..16).is_some_and(|year| year >= "2026") => {
            format!("{}\nExpires: SOON{}", &essence[..at], &essence[at + 39..])
        }
        _ => essence,
    }
}

fn recorded() -> BTreeMap<String, String> {
    serde_json::from_str(&fs::read_to_string(folder().join("answers.json")).unwrap()).unwrap()
}

fn key(file: &str, set: &RuleSet, request: &str) -> String {
    format!("{file} / {} / {request}", set.name)
}

/// Each request of some rule sets that share an instance, by its key.
fn ask_all(server: &Server, file: &str, sets: &[RuleSet]) -> Vec<(String, String)> {
    let each = |(number, set): (usize, &RuleSet)| -> Vec<_> {
        set.requests.iter().map(|r| (key(file, set, r), answer(server, r, number))).collect()
    };
    sets.iter().enumerate().flat_map(each).collect()
}

fn compare(answers: Vec<(String, String)>, wanted: impl Fn(&str) -> String) {
    let mut wrong = String::new();
    for (key, answer) in answers {
        let want = wanted(&key);
        if answer != want {
            wrong = format!("{wrong}{key}\n  uWSGI {want:?}\n  here  {answer:?}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn rule_sets_answer_as_the_original_did() {
    let recorded = recorded();
    let (mut sets_seen, mut requests) = (0, 0);
    for file in FILES {
        let sets = rule_sets(file);
        let server = site(&sets, false).start();
        let answers = ask_all(&server, file, &sets);
        sets_seen += sets.len();
        requests += answers.len();
        compare(answers, |key| recorded.get(key).unwrap_or_else(|| panic!("not recorded: {key}")).clone());
    }
    assert_eq!(requests, recorded.len(), "what is recorded is asked");
    assert!(sets_seen >= 200 && requests >= 1000, "{sets_seen} rule sets, {requests} requests");
}

/// The recorded answers are those of the original that is here, for the rule sets that can share an instance there.
#[test]
fn a_file_of_rule_sets_answers_as_the_original_does() {
    let sets = rule_sets("actions");
    let (ours, original) = (site(&sets, false).start(), site(&sets, false).original());
    let theirs: BTreeMap<_, _> = ask_all(&original, "actions", &sets).into_iter().collect();
    compare(ask_all(&ours, "actions", &sets), |key| theirs[key].clone());
}

#[test]
fn users_with_hashes_of_another_kind_are_named_at_the_start() {
    let site = Site::new().file("routed").http();
    let file = site.dir.join("users");
    fs::write(&file, "bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\nann:rl0uE0e2WKB0.\n").unwrap();
    let app = site.dir.join("app/routed.py").display().to_string();
    let rule = format!("^/ basicauth:here,{}", file.display());
    let server = site.option("wsgi-file", app).option("route", rule).start();
    server.wait_log("passwords that are not of htpasswd -s (SHA-1) let nobody in: ann\n");
    // bob:password, ann:password
    for (said, status) in [("Ym9iOnBhc3N3b3Jk", 200), ("YW5uOnBhc3N3b3Jk", 401)] {
        let request = Request::get("/").header("Authorization", &format!("Basic {said}"));
        assert_eq!(server.ask(&request).status, status);
    }
}

const ASGI: &str = r#"
async def application(scope, receive, send):
    headers = [(n.decode(), v.decode()) for n, v in scope["headers"] if n.startswith(b"x-")]
    text = repr((scope["method"], scope["path"], scope["query_string"], scope["raw_path"], scope["client"], scope["scheme"], headers))
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})
"#;

#[test]
fn an_asgi_application_and_the_log_see_what_rules_have_set() {
    let server = Site::new()
        .source("ruled.py", ASGI)
        .http()
        .option("asgi", "true")
        .option("log-format", "L %(method) %(uri) %(addr) %(user) %(mine) %(status)")
        .option("route", "^/silent donotlog:")
        .option("route", "^/none return:404")
        .option("route-run", "addvar:HTTP_X_OLD=new ${HTTP_X_OLD}")
        .option("route-run", "addvar:HTTP_X_MORE=more")
        .option("route-run", "setmethod:PUT")
        .option("route-run", "setremoteaddr:192.0.2.9")
        .option("route-run", "setuser:bob")
        .option("route-run", "setscheme:https")
        .option("route-run", "seturi:/seen%%20here?x")
        .option("route-run", "rewrite:/to%%20path?q=1")
        .option("final-route-run", "logvar:mine=of ${REQUEST_METHOD}")
        .option("final-route-run", "log:final ${uwsgi[status]} ${PATH_INFO}");
    let chdir = server.dir.join("app").display().to_string();
    let server = server.option("chdir", chdir).option("module", "ruled").start();
    let ask = |path: &str| server.ask(&Request::get(path).header("X-Old", "old").header("X-Kept", "kept"));
    let reply = ask("/a?z");
    let wanted = "('PUT', '/to path', b'q=1&z', b'/seen%20here', ('192.0.2.9', ";
    assert_eq!((reply.status, reply.text().starts_with(wanted)), (201, true), "{reply:?}");
    let fields = "'https', [('x-old', 'new old'), ('x-more', 'more'), ('x-kept', 'kept')])";
    assert!(reply.text().ends_with(fields), "{}", reply.text());
    server.wait_log("L PUT /seen%20here?x 192.0.2.9 bob of PUT 201\n");
    server.wait_log("final 201 /to path\n");
    assert_eq!((ask("/silent").status, ask("/none").status), (201, 404));
    let log = server.wait_log("L GET /none 127.0.0.1 - of GET 404\n");
    assert!(log.contains("final 404 /none\n"), "{log}");
    assert_eq!(log.matches("\nL ").count(), 2, "donotlog: {log}");
}

/// Writes tests/routing/answers.json anew; with `RULES=text`, for files with this in their names.
#[test]
#[ignore = "it makes what the other tests compare with"]
fn record() {
    let part = std::env::var("RULES").unwrap_or_default();
    let mut all = recorded();
    for file in FILES.into_iter().filter(|file| file.contains(&part)) {
        all.retain(|key, _| !key.starts_with(&format!("{file} / ")));
        for set in rule_sets(file) {
            let sets = [set];
            let original = site(&sets, true).original();
            all.extend(ask_all(&original, file, &sets));
        }
    }
    let text = serde_json::to_string_pretty(&all).unwrap();
    fs::write(folder().join("answers.json"), text + "\n").unwrap();
}
