//! Files of vassals: which count, when they do, and what a vassal is given.
//!
//! Observed on uWSGI 2.0.31: the order of a vassal's arguments, its directory, and what its hooks get; a FIFO, a folder and a broken link
//! are no vassals, without a word; an older time of a file is no touch.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};
use uswgi_tests::wait::{PATIENCE, stays};
use uswgi_tests::{Realm, paths, process, until};

#[test]
fn half_a_file_is_no_file() {
    let mut realm = Realm::new();
    realm.rule(&[]);
    realm.wait_log("emperor of");
    // Somebody writes slowly, as scp and editors do; each piece makes a notice.
    let text = realm.text("a");
    let mut file = fs::File::create(realm.file("a")).unwrap();
    let begin = Instant::now();
    for line in text.lines() {
        use std::io::Write;
        writeln!(file, "{line}").unwrap();
        // Not for long enough to rest.
        let next = Instant::now() + Duration::from_millis(40);
        until("a moment", || (Instant::now() >= next).then_some(()));
    }
    let written = begin.elapsed();
    drop(file);
    realm.serves(&["a"]);
    if written < Duration::from_millis(800) {
        // (On a machine that stood still meanwhile it may have rested.)
        assert!(!realm.log().contains("does not start"), "{}", realm.log());
    }
    realm.stop();
}

#[test]
fn what_is_no_file_is_said_once_and_harms_nobody() {
    let mut realm = Realm::new();
    let at = |name: &str| realm.folder().join(name);
    nix::unistd::mkfifo(&at("fifo.ini"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket.ini")).unwrap();
    symlink("loop.ini", at("loop.ini")).unwrap();
    fs::create_dir(at("folder.ini")).unwrap();
    fs::write(at("empty.ini"), "").unwrap();
    fs::write(at("binary.ini"), [0xff, 0xfe, 0x00, 0x01].repeat(1000)).unwrap();
    fs::write(at("huge.ini"), "x".repeat(10_000_000)).unwrap();
    fs::write(at("itself.ini"), "[uwsgi]\nini = itself.ini\n").unwrap();
    fs::write(at("new\nline \"quoted\".ini"), realm.text("odd")).unwrap();
    realm.write("a", "");
    realm.rule(&["--emperor-throttle", "3600000", "--emperor-max-throttle", "3600000"]);
    realm.serves(&["a"]);
    realm.wait_log("vassal new\\nline \"quoted\".ini serves");
    for (name, what) in [
        ("fifo.ini", "a FIFO"),
        ("socket.ini", "a socket"),
        ("loop.ini", "a link that cannot be followed"),
        ("folder.ini", "a folder"),
    ] {
        assert_eq!(
            realm.log().matches(&format!("{name} is no vassal: it is {what}")).count(),
            1,
            "{}",
            realm.log()
        );
    }
    for name in ["empty", "binary", "huge", "itself"] {
        realm.wait_log(&format!("vassal {name}.ini: it does not start"));
    }
    // Other changes do not say it again.
    realm.touch("a");
    realm.wait_log("vassal a.ini has reloaded");
    assert_eq!(realm.log().matches("fifo.ini is no vassal").count(), 1);
    assert!(realm.log().lines().filter(|l| l.contains("huge.ini")).all(|l| l.len() < 2000));
    realm.get("odd", "/hello").expect(200);
    realm.stop();
}

#[test]
fn links_that_are_swapped_count_and_the_past_does_not() {
    let mut realm = Realm::new();
    // As a config map is mounted.
    for version in ["v1", "v2"] {
        fs::create_dir(realm.dir.join(version)).unwrap();
        fs::write(realm.dir.join(version).join("a.ini"), realm.text("a")).unwrap();
    }
    symlink("v1", realm.dir.join("data")).unwrap();
    symlink("../data/a.ini", realm.file("a")).unwrap();
    realm.rule(&["--emperor-freq", "1"]);
    realm.serves(&["a"]);
    symlink("v2", realm.dir.join("data.new")).unwrap();
    fs::rename(realm.dir.join("data.new"), realm.dir.join("data")).unwrap();
    realm.wait_log("vassal a.ini has reloaded");
    let past = std::time::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    fs::File::open(realm.dir.join("v2/a.ini")).unwrap().set_modified(past).unwrap();
    assert!(stays(Duration::from_secs(2), || realm.log().matches("vassal a.ini reloads").count() == 1));
    realm.stop();
}

#[test]
fn what_a_vassal_is_given_is_what_uwsgi_gives() {
    let mut realm = Realm::new();
    realm.write("a", "");
    fs::write(realm.dir.join("before.ini"), "[uwsgi]\nprocname-prefix = before\n").unwrap();
    fs::write(realm.dir.join("after.ini"), "[uwsgi]\nprocname-prefix = %(foo)after\n").unwrap();
    let hook = realm.dir.join("hook.sh");
    let said = realm.dir.join("said");
    let script = format!(
        "#!/bin/sh\necho \"$# $1 $UWSGI_VASSALS_DIR $(pwd) ${{NOTIFY_SOCKET:-none}}\" >>{}\n",
        said.display()
    );
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    realm.rule(&[
        "--vassals-include-before",
        &realm.dir.join("before.ini").display().to_string(),
        "--vassals-include",
        "../after.ini",
        "--vassals-set",
        "foo=bar",
        "--vassals-start-hook",
        &hook.display().to_string(),
        "--vassals-stop-hook",
        &hook.display().to_string(),
    ]);
    realm.serves(&["a"]);
    let master = realm.master("a");
    let words = fs::read(format!("/proc/{master}/cmdline")).unwrap();
    let words: Vec<String> = words
        .split(|&b| b == 0)
        .map(|w| String::from_utf8_lossy(w).into_owned())
        .filter(|w| !w.is_empty())
        .collect();
    let before = realm.dir.join("before.ini").display().to_string();
    let expected = ["--include", &before, "--set", "foo=bar", "--ini", "a.ini", "--include", "../after.ini"];
    assert_eq!(words[1..], expected);
    assert_eq!(fs::read_link(format!("/proc/{master}/cwd")).unwrap(), realm.folder());
    let mut title = process::command(paths::command("uswgi-ctl"));
    title.args(["--pid", &master.to_string(), "config", "procname-prefix"]);
    assert!(process::good(title, PATIENCE).contains("barafter"));
    fs::remove_file(realm.file("a")).unwrap();
    realm.wait_log("vassal a.ini has stopped");
    let folder = realm.folder().display().to_string();
    let line = format!("1 a.ini {folder} {folder} none");
    until("both hooks", || {
        let text = fs::read_to_string(&said).unwrap_or_default();
        (text.lines().filter(|l| *l == line).count() == 2).then_some(())
    });
    realm.stop();
}

#[test]
fn monitors_of_other_kinds_are_refused_by_name() {
    for monitor in ["pg://dbname=x", "mongodb://h/x", "zmq://tcp://*:5252", "ldap://x", "amqp://x"] {
        let mut command = process::command(paths::command("uswgi-master"));
        command.args(["--emperor", monitor]);
        let out = process::run(command, PATIENCE);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(1), "{text}");
        assert!(text.contains(&format!("emperor = {monitor} is not supported")), "{text}");
        assert!(text.contains("one file a vassal into a folder"), "{text}");
    }
}
