//! `uswgi-ctl` and an Emperor: a screen of vassals, and what one of them logs.

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Realm, paths, process, until};

/// `uswgi-ctl` of this realm: exit code, output, errors.
fn ctl(realm: &Realm, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = process::command(paths::command("uswgi-ctl"));
    command.args(["--pid", &realm.pid().to_string()]).args(words);
    let out = process::run(command, PATIENCE);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

#[test]
fn top_has_a_line_for_each_vassal() {
    let mut realm = Realm::new();
    realm.write("a", "workers = 2\n");
    fs::write(realm.file("bad"), realm.text("bad") + "module = nothing_of_this_name\n").unwrap();
    realm.rule(&["--emperor-throttle", "3600000"]);
    realm.serves(&["a"]);
    realm.wait_log("vassal bad.ini: it does not start");
    for _ in 0..5 {
        realm.get("a", "/hello").expect(200);
    }
    let (code, text, errors) = ctl(&realm, &["top", "--count", "1", "--interval", "0.1"]);
    assert_eq!(code, Some(0), "{errors}");
    let head = format!("emperor {}: 1 of 2 vassals serve, 1 with a problem", realm.pid());
    assert!(text.starts_with(&head), "{text}");
    let line = |name: &str| {
        let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        line.split_whitespace().map(String::from).collect::<Vec<_>>()
    };
    let a = line("a.ini");
    let pid = realm.master("a").to_string();
    assert_eq!((a[1].as_str(), a[2].as_str(), a[3].as_str(), a[6].as_str()), ("serving", &*pid, "2/2", "5"));
    assert!(
        line("bad.ini").join(" ").starts_with("bad.ini waiting - - - - - - - 1 it does not start"),
        "{text}"
    );
    let (code, text, _) = ctl(&realm, &["--json", "top", "--sort", "requests"]);
    let all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!((&all["vassals"][0]["id"], &all["vassals"][0]["requests"]), (&"a.ini".into(), &5.into()));
    assert!(
        all["vassals"][0]["rss_bytes"].as_u64() > Some(1 << 20) && all["vassals"][1]["busy"].is_null(),
        "{all}"
    );
    let (code, text, _) = ctl(&realm, &["top", "--filter", "does not start", "--interval", "0.1"]);
    assert!(code == Some(0) && text.contains("bad.ini") && !text.contains("\na.ini"), "{text}");
    // An instance has the screen of an instance.
    let mut command = process::command(paths::command("uswgi-ctl"));
    command.args(["--pid", &pid, "top", "--count", "1", "--interval", "0.1"]);
    assert!(process::good(command, PATIENCE).contains("WORKER"));
    realm.stop();
}

#[test]
fn tail_follows_what_a_vassal_logs_past_its_rotation_to_its_end() {
    let mut realm = Realm::new();
    let dir = realm.dir.path().to_path_buf();
    let log = |name: &str| dir.join(format!("{name}.log"));
    for name in ["a", "collected"] {
        let lines = match name {
            "a" => format!("logto2 = {}\nlog-format = asked %(uri)\n", log(name).display()),
            _ => format!("logger = file:{}\nlog-format = asked %(uri)\n", log(name).display()),
        };
        realm.write(name, &lines);
    }
    realm.write("plain", "");
    realm.rule(&[]);
    realm.serves(&["a", "collected", "plain"]);
    for name in ["a", "collected"] {
        for n in 0..30 {
            realm.get(name, &format!("/hello?before={n}")).expect(200);
        }
        until("the last line", || {
            fs::read_to_string(log(name)).unwrap().contains("before=29\n").then_some(())
        });
        let vassal = format!("{name}.ini");
        let (code, text, errors) = ctl(&realm, &["emperor", "tail", &vassal, "--past", "-n", "2"]);
        assert_eq!(
            (code, text.as_str()),
            (Some(0), "asked /hello?before=28\nasked /hello?before=29\n"),
            "{errors}"
        );
        // Followed.
        let mut command = process::command(paths::command("uswgi-ctl"));
        command.args(["--pid", &realm.pid().to_string(), "--json", "emperor", "tail", &vassal, "-n", "1"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = |wanted: &str| loop {
            let line = lines.next().unwrap_or_else(|| panic!("{wanted}: it has ended")).unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(line["vassal"].as_str(), Some(&*vassal));
            assert_eq!(line["file"].as_str(), log(name).to_str());
            if line["line"].as_str().unwrap() == wanted {
                break;
            }
        };
        next("asked /hello?before=29");
        realm.get(name, "/hello?now").expect(200);
        next("asked /hello?now");
        let master = realm.master(name).to_string();
        let mut rotate = process::command(paths::command("uswgi-ctl"));
        rotate.args(["--pid", &master, "logs", "rotate"]);
        process::good(rotate, PATIENCE);
        realm.get(name, "/hello?later").expect(200);
        next("asked /hello?later");
        // To its end.
        fs::remove_file(realm.file(name)).unwrap();
        realm.wait_log(&format!("vassal {name}.ini has stopped"));
        assert!(child.wait().unwrap().success());
    }
    // One that writes where everybody does.
    let (code, text, errors) = ctl(&realm, &["emperor", "tail", "plain.ini", "--past", "-n", "1000"]);
    assert!(code == Some(0) && errors.contains("has no log of its own"), "{errors}");
    assert!(text.contains("vassal plain.ini serves"), "{text}");
    let (code, _, errors) = ctl(&realm, &["emperor", "tail", "a.ini"]);
    assert!(code == Some(1) && errors.contains("there is no vassal a.ini"), "{errors}");
    assert_eq!(ctl(&realm, &["emperor", "tail"]).0, Some(2));
    realm.stop();
}

#[test]
fn tail_says_where_the_log_is_that_is_no_file() {
    let mut realm = Realm::new();
    realm.write("a", "");
    fs::write(realm.file("bad"), realm.text("bad") + "module = nothing_of_this_name\n").unwrap();
    let mut command = process::command("/bin/sh");
    let emperor = paths::command("uswgi-emperor");
    let line =
        format!("{} {} --emperor-pidfile e.pid 2>&1 | cat", emperor.display(), realm.folder().display());
    command.args(["-c", &line]);
    realm.start(command);
    realm.serves(&["a"]);
    realm.wait_log("vassal bad.ini: it does not start");
    let pid = fs::read_to_string(realm.dir.join("e.pid")).unwrap();
    for (vassal, said) in [("a.ini", "which is no file"), ("bad.ini", "has no process (waiting)")] {
        let mut command = process::command(paths::command("uswgi-ctl"));
        command.args(["--pid", pid.trim(), "emperor", "tail", vassal]);
        let out = process::run(command, PATIENCE);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(1) && text.contains(said), "{text}");
    }
    process::send(pid.trim().parse().unwrap(), nix::sys::signal::Signal::SIGTERM);
    realm.wait();
}
