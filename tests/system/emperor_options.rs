//! The Emperor's modes: tyrant, on demand, heartbeat, what dies with it; and its statistics.
//!
//! Observed on uWSGI 2.0.31: a tyrant refuses files of root ("invalid permissions", each scan) and takes those that anybody can write
//! to; its vassals have no supplementary groups. A vassal on demand gets its socket, goes back to waiting after die-on-idle, and its
//! stats have the address as `on_demand`. One that is not heard within emperor-required-heartbeat is killed.

use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Need, Realm, lacks, paths, process, until};

const NOBODY: u32 = 65534;
const DAEMON: u32 = 1;

/// `Uid` or `Gid` (real, effective, saved, of the file system), or `Groups` of a process.
fn identity(pid: i32, what: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(what)?.strip_prefix(':')).unwrap();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_tyrants_vassals_are_their_files_owners() {
    if lacks(Need::Root) {
        return;
    }
    let mut realm = Realm::new();
    mode(realm.dir.path(), 0o777);
    // A socket that is left behind is its user's, and nobody else may replace it.
    let python = format!("home = {}\nvacuum = true\n", paths::public_venv().display());
    for name in ["mine", "roots", "open", "his"] {
        realm.write(name, &python);
    }
    for (name, uid) in [("mine", NOBODY), ("open", NOBODY), ("his", DAEMON)] {
        chown(realm.file(name), Some(uid), Some(uid)).unwrap();
    }
    mode(&realm.file("open"), 0o666);
    realm.rule(&["--emperor-tyrant", "--emperor-freq", "1"]);
    realm.serves(&["mine", "his"]);
    realm.wait_log("vassal roots.ini does not start: its file is of user 0 and group 0 with mode 644: it would run as root; chown it to the user");
    realm.wait_log("vassal open.ini does not start: its file is of user 65534 and group 65534 with mode 666: anybody could say");
    for (name, uid) in [("mine", NOBODY), ("his", DAEMON)] {
        let pid = realm.master(name);
        let all = [uid; 4].map(|n| n.to_string()).join(" ");
        assert_eq!(
            (identity(pid, "Uid"), identity(pid, "Gid"), identity(pid, "Groups")),
            (all.clone(), all, String::new())
        );
        realm.get(name, "/hello").expect(200);
    }
    // It is heard although it is another user's: a reload, without waiting for a look.
    realm.touch("mine");
    realm.wait_log("vassal mine.ini has reloaded");
    // What is mended starts; what gets another owner is that one's.
    mode(&realm.file("open"), 0o640);
    realm.serves(&["open"]);
    let before = realm.master("mine");
    chown(realm.file("mine"), Some(DAEMON), Some(DAEMON)).unwrap();
    realm.wait_times("vassal mine.ini serves", 2);
    assert_ne!(realm.master("mine"), before);
    assert_eq!(identity(realm.master("mine"), "Uid"), [DAEMON; 4].map(|n| n.to_string()).join(" "));
    assert_eq!(realm.log().matches("roots.ini does not start").count(), 1, "said once");
    realm.stop();
}

#[test]
fn a_tyrant_is_root_and_stays_it() {
    if lacks(Need::Root) {
        return;
    }
    let mut realm = Realm::new();
    mode(realm.dir.path(), 0o777);
    // As Fedora's /etc/uwsgi.ini has it.
    let ini = realm.dir.join("uwsgi.ini");
    let text = format!(
        "[uwsgi]\nuid = {DAEMON}\ngid = {DAEMON}\npidfile = {}\nemperor = {}\nstats = {}\nchmod-socket = 660\nemperor-tyrant = true\ncap = setgid,setuid\n",
        realm.dir.join("uwsgi.pid").display(),
        realm.folder().display(),
        realm.dir.join("stats.sock").display()
    );
    fs::write(&ini, text).unwrap();
    realm.write("a", &format!("home = {}\n", paths::public_venv().display()));
    chown(realm.file("a"), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = process::command(paths::command("uswgi-master"));
    command.arg("--ini").arg(&ini);
    realm.start(command);
    realm.serves(&["a"]);
    realm.wait_log("the emperor stays root");
    assert_eq!(fs::read_to_string(realm.dir.join("uwsgi.pid")).unwrap().trim(), realm.pid().to_string());
    assert_eq!(stats(&realm.dir.join("stats.sock"))["emperor_tyrant"], 1);
    realm.stop();
    assert!(!realm.dir.join("uwsgi.pid").exists() && !realm.dir.join("stats.sock").exists());
    // Without root it cannot be one.
    let mut command = process::command(paths::command("uswgi-emperor"));
    command.arg(realm.folder()).arg("--emperor-tyrant");
    std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
    let out = process::run(command, PATIENCE);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(1) && text.contains("emperor-tyrant needs root"), "{text}");
}

fn stats(path: &Path) -> Value {
    let mut text = String::new();
    UnixStream::connect(path).unwrap().read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn statistics_have_uwsgis_names() {
    let mut realm = Realm::new();
    realm.write("a", "");
    fs::write(realm.file("bad"), realm.text("bad") + "module = nothing_of_this_name\n").unwrap();
    let socket = realm.dir.join("stats.sock");
    realm.rule(&["--emperor-stats", &socket.display().to_string(), "--emperor-throttle", "3600000"]);
    realm.serves(&["a"]);
    realm.wait_log("vassal bad.ini: it does not start");
    let all = stats(&socket);
    let names = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    // Read from the real program, in this order.
    assert_eq!(
        names(&all),
        [
            "version",
            "pid",
            "uid",
            "gid",
            "cwd",
            "emperor",
            "emperor_tyrant",
            "throttle_level",
            "vassals",
            "blacklist"
        ]
    );
    let a = &all["vassals"][0];
    assert_eq!(
        names(a)[..20],
        [
            "id",
            "pid",
            "born",
            "last_mod",
            "last_heartbeat",
            "loyal",
            "ready",
            "accepting",
            "last_loyal",
            "last_ready",
            "last_accepting",
            "first_run",
            "last_run",
            "cursed",
            "zerg",
            "on_demand",
            "uid",
            "gid",
            "monitor",
            "respawns"
        ]
    );
    assert_eq!((a["id"].as_str(), a["pid"].as_i64()), (Some("a.ini"), Some(realm.master("a").into())));
    assert_eq!((&a["ready"], &a["accepting"], &a["loyal"]), (&1.into(), &1.into(), &0.into()));
    assert!(a["born"].as_i64() > Some(1_600_000_000) && a["last_ready"].as_i64() >= a["born"].as_i64());
    let bad = &all["blacklist"][0];
    assert_eq!(names(bad), ["id", "throttle_level", "attempt", "first_attempt", "last_attempt"]);
    assert_eq!((bad["id"].as_str(), bad["attempt"].as_i64()), (Some("bad.ini"), Some(1)));
    assert!(bad["throttle_level"].as_i64() > Some(100_000), "{bad}");
    realm.stop();
    assert!(!socket.exists());
}

#[test]
fn one_on_demand_starts_with_the_first_request_and_goes_back_to_sleep() {
    let mut realm = Realm::new();
    let at = realm.socket("a");
    fs::write(realm.folder().join("a.ini.socket"), format!("{}\n", at.display())).unwrap();
    realm.write("a", "idle = 1\ndie-on-idle = true\n");
    realm.write("b", "");
    let socket = realm.dir.join("stats.sock");
    realm.rule(&[
        "--emperor-on-demand-extension",
        ".socket",
        "--emperor-stats",
        &socket.display().to_string(),
    ]);
    realm.serves(&["b"]);
    assert!(realm.masters("a").is_empty(), "{}", realm.log());
    let asleep = stats(&socket)["vassals"][0].clone();
    assert_eq!((asleep["on_demand"].as_str(), asleep["pid"].as_i64()), (at.to_str(), Some(-1)));
    assert_eq!(fs::metadata(&at).unwrap().permissions().mode() & 0o777, 0o666);
    // The first one is answered, and so is everybody who comes while it goes to sleep.
    for round in 1..4 {
        realm.get("a", "/hello").expect(200);
        realm.wait_times("vassal a.ini serves", round);
        realm.wait_times("vassal a.ini waits until somebody connects", round);
        assert!(realm.masters("a").is_empty());
    }
    realm.get("b", "/hello").expect(200);
    fs::remove_file(realm.file("a")).unwrap();
    until("the end of its socket", || (!at.exists()).then_some(()));
    realm.stop();
}

#[test]
fn a_folder_of_sockets_is_for_all_and_a_broken_one_makes_no_loop() {
    let mut realm = Realm::new();
    let doors = realm.dir.join("doors");
    fs::create_dir(&doors).unwrap();
    // Without an address of its own: it gets that of the door, and speaks what `protocol` says.
    let text = realm.text("a").replace("http-socket = ", "protocol = http\nset-placeholder = unused=");
    fs::write(realm.file("a"), &text).unwrap();
    fs::write(realm.file("bad"), text + "module = nothing_of_this_name\n").unwrap();
    realm.rule(&[
        "--emperor-on-demand-directory",
        &doors.display().to_string(),
        "--emperor-throttle",
        "3600000",
    ]);
    let door = |name: &str| doors.join(format!("{name}.socket"));
    until("the sockets", || (door("a").exists() && door("bad").exists()).then_some(()));
    assert!(realm.masters("a").is_empty() && realm.masters("bad").is_empty());
    // A socket has its name before it listens.
    let waits = until("the door to be open", || UnixStream::connect(door("bad")).ok());
    realm.wait_log("vassal bad.ini: it does not start");
    let ask = |name: &str| {
        let address = uswgi_tests::request::Address::Unix(door(name));
        uswgi_tests::http::ask(&address, &uswgi_tests::Request::get("/hello"))
    };
    ask("a").unwrap().expect(200);
    assert_eq!(realm.log().matches("vassal bad.ini: it does not start").count(), 1);
    // Whoever waits is answered once it is mended.
    let text = realm.text("bad").replace("http-socket = ", "protocol = http\nset-placeholder = unused=");
    fs::write(realm.file("bad"), text).unwrap();
    realm.serves(&["bad"]);
    drop(waits);
    ask("bad").unwrap().expect(200);
    realm.stop();
}

#[test]
fn a_heart_that_stops_is_replaced() {
    let mut realm = Realm::new();
    realm.write("a", "heartbeat = 1\n");
    realm.write("b", "");
    realm.rule(&["--emperor-required-heartbeat", "3"]);
    realm.serves(&["a", "b"]);
    let (a, b) = (realm.master("a"), realm.master("b"));
    // Of one that beats more is seen than its start.
    until("some beats", || {
        realm.signal(Signal::SIGUSR1);
        (realm.log().matches("vassal a.ini: serving").count() > 20).then_some(())
    });
    assert_eq!(realm.master("a"), a);
    process::send(a, Signal::SIGSTOP);
    process::send(b, Signal::SIGSTOP);
    realm.wait_log("vassal a.ini: no heartbeat for 3 s: killed");
    realm.wait_times("vassal a.ini serves", 2);
    assert_eq!(realm.master("b"), b, "it has promised nothing");
    process::send(b, Signal::SIGCONT);
    realm.stop();
}

#[test]
fn vassals_end_with_a_killed_emperor_where_that_is_wanted() {
    let mut realm = Realm::new();
    realm.write("a", "");
    realm.rule(&["--emperor-die-with", "stop"]);
    realm.serves(&["a"]);
    // A touch and a reload are not the end.
    realm.touch("a");
    realm.wait_log("vassal a.ini has reloaded");
    realm.get("a", "/hello").expect(200);
    let mut left = realm.kill();
    left.wait_gone(PATIENCE);
    assert!(realm.masters("a").is_empty());
    assert!(realm.log().contains("uswgi-master: stopping: workers finish what they have"), "{}", realm.log());
}

/// `uswgi-ctl emperor`, of this realm: what it says, and its exit code.
fn ctl(realm: &Realm, words: &[&str]) -> (Option<i32>, String) {
    let mut command = process::command(paths::command("uswgi-ctl"));
    command.args(["--pid", &realm.pid().to_string(), "emperor"]).args(words);
    let out = process::run(command, PATIENCE);
    (out.status.code(), String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned())
}

#[test]
fn uswgi_ctl_lists_reloads_and_stops_vassals() {
    let mut realm = Realm::new();
    realm.write("a", "");
    fs::write(realm.file("bad"), realm.text("bad") + "module = nothing_of_this_name\n").unwrap();
    realm.rule(&["--emperor-throttle", "3600000", "--emperor-max-throttle", "3600000"]);
    realm.serves(&["a"]);
    realm.wait_log("vassal bad.ini: it does not start");
    let (pid, worker) = (realm.master("a"), realm.get("a", "/pid").text());
    let (code, text) = ctl(&realm, &["list"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with(&format!("emperor {}: 2 vassals\n", realm.pid())), "{text}");
    assert!(text.contains(&format!("a.ini: serving, pid {pid}, 0 respawns")), "{text}");
    assert!(text.contains("bad.ini: waiting, no process, 1 respawns: it does not start"), "{text}");
    let (code, text) = ctl(&realm, &["metrics"]);
    let line = format!("uswgi_vassal_serves{{emperor=\"{}\",vassal=\"a.ini\"}} 1", realm.pid());
    assert!(
        code == Some(0) && text.contains(&line) && text.contains("uswgi_vassal_requests_total"),
        "{text}"
    );
    // It is found by itself too, beside others of this machine.
    let mut all = process::command(paths::command("uswgi-ctl"));
    all.args(["--json", "emperor", "list"]);
    let all: Value = serde_json::from_str(&process::good(all, PATIENCE)).unwrap();
    let ours = all.as_array().unwrap().iter().find(|e| e["pid"] == realm.pid()).unwrap();
    assert_eq!(ours["vassals"][0]["path"].as_str(), realm.file("a").to_str());
    let (code, text) = ctl(&realm, &["status", "a.ini"]);
    assert!(
        code == Some(0) && text.contains("vassal       a.ini: serving") && text.contains("generation"),
        "{text}"
    );
    // Its own reload, and what that says.
    let (code, text) = ctl(&realm, &["reload", "a.ini", "--wait"]);
    assert!(code == Some(0) && text.contains("reloaded: "), "{text}");
    assert_ne!(realm.get("a", "/pid").text(), worker);
    let (code, text) = ctl(&realm, &["reload", "bad.ini", "--wait"]);
    assert!(code == Some(1) && text.contains("bad.ini: waiting"), "{text}");
    let (code, text) = ctl(&realm, &["stop", "a.ini", "--wait"]);
    assert!(code == Some(0) && text.contains("a.ini: stopped, no process"), "{text}");
    assert!(realm.masters("a").is_empty());
    let (code, text) = ctl(&realm, &["reload", "a.ini", "--wait"]);
    assert!(code == Some(0) && text.contains("a.ini: serving"), "{text}");
    realm.get("a", "/hello").expect(200);
    let (code, text) = ctl(&realm, &["stop", "nobody.ini"]);
    assert!(code == Some(1) && text.contains("there is no vassal nobody.ini"), "{text}");
    assert_eq!(ctl(&realm, &["stop"]).0, Some(2));
    realm.stop();
}

#[test]
fn the_service_manager_hears_how_many_serve() {
    let mut realm = Realm::new();
    realm.write("a", "");
    fs::write(realm.file("bad"), realm.text("bad") + "module = nothing_of_this_name\n").unwrap();
    let path = realm.dir.join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = process::command(paths::command("uswgi-emperor"));
    command.arg(realm.folder()).args(["--emperor-throttle", "3600000"]).env("NOTIFY_SOCKET", &path);
    realm.start(command);
    let mut said = Vec::new();
    let wanted = "STATUS=1 of 2 vassals serve; failing: bad.ini";
    while !said.iter().any(|text: &String| text.contains(wanted)) {
        let mut text = [0; 4096];
        let n = socket.recv(&mut text).unwrap();
        said.push(String::from_utf8_lossy(&text[..n]).into_owned());
    }
    // Nobody but the Emperor speaks to it: READY is its own from the first.
    let own = format!("MAINPID={}\n", realm.pid());
    assert!(said.iter().all(|text| text.contains("READY=1") && text.contains(&own)), "{said:?}");
    realm.stop();
}
