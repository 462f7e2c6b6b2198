//! The Emperor: vassals come, change and go with their files, and outlive it.
//!
//! Observed on uWSGI 2.0.31 (the rest beside the code): a touch reloads a vassal in place, with its pid; a removed file stops it, and
//! cuts a running request; TERM, INT and QUIT of the Emperor stop all vassals and cut requests; HUP reloads all of them; a moved
//! folder changes nothing; one that fails is waited for longer and longer, and a touch meanwhile is not heard.

use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::time::Duration;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Need, Realm, Request, lacks, paths, process, until};

#[test]
fn vassals_come_change_and_go_with_their_files() {
    let mut realm = Realm::new();
    realm.write("a", "");
    realm.rule(&[]);
    realm.serves(&["a"]);
    realm.get("a", "/hello").expect(200);
    // One more, while it runs.
    realm.write("b", "");
    realm.serves(&["b"]);
    let (master, worker) = (realm.master("b"), realm.get("b", "/pid").text());
    // In place, by its own reload.
    realm.touch("b");
    realm.wait_log("vassal b.ini has reloaded");
    assert_eq!(realm.master("b"), master);
    realm.answers_anew("b", &worker);
    // Its file goes: a request that runs is answered (uWSGI cuts it).
    let door = realm.socket("b");
    let held = std::thread::spawn(move || {
        uswgi_tests::http::ask(&uswgi_tests::request::Address::Unix(door), &Request::get("/hold?name=x"))
    });
    until("the request", || realm.dir.join("hold/x.started").exists().then_some(()));
    fs::remove_file(realm.file("b")).unwrap();
    realm.wait_log("vassal b.ini: its file is gone, it stops gracefully");
    assert!(!realm.log().contains("vassal b.ini has stopped"));
    fs::write(realm.dir.join("hold/x.go"), "").unwrap();
    held.join().unwrap().unwrap().expect(200);
    realm.wait_log("vassal b.ini has stopped");
    realm.get("a", "/hello").expect(200);
    realm.stop();
}

#[test]
fn what_does_not_load_changes_nothing_and_is_reported() {
    let mut realm = Realm::new();
    realm.write("a", "");
    realm.rule(&[]);
    realm.serves(&["a"]);
    realm.write("a", "module = nothing_of_this_name\n");
    realm.wait_log("vassal a.ini was not reloaded and serves on as before: ");
    realm.get("a", "/hello").expect(200);
    realm.write("a", "no-such-option-at-all\nworkers = many\nsocket = unix:/x\n");
    realm.wait_times("vassal a.ini was not reloaded", 2);
    realm.get("a", "/hello").expect(200);
    realm.write("a", "");
    realm.wait_log("vassal a.ini has reloaded");
    realm.stop();
}

#[test]
fn one_that_fails_is_waited_for_and_a_touch_tries_at_once() {
    let mut realm = Realm::new();
    realm.write("good", "");
    fs::write(realm.file("bad"), realm.text("bad") + "module = nothing_of_this_name\n").unwrap();
    // An hour: nothing but the touch can be what tries it again.
    realm.rule(&["--emperor-throttle", "3600000", "--emperor-max-throttle", "3600000"]);
    realm.serves(&["good"]);
    realm.wait_log("vassal bad.ini: it does not start (exited with code 22); it is tried again in 3600.0 s");
    realm.write("bad", "");
    realm.serves(&["bad"]);
    realm.get("bad", "/hello").expect(200);
    realm.stop();
}

#[test]
fn a_killed_master_is_started_again() {
    let mut realm = Realm::new();
    realm.write("a", "");
    realm.write("b", "");
    realm.rule(&[]);
    realm.serves(&["a", "b"]);
    let (a, b) = (realm.master("a"), realm.master("b"));
    process::send(a, Signal::SIGKILL);
    realm.wait_log(&format!("vassal a.ini: pid {a} has ended (was killed by SIGKILL); it is started again"));
    realm.wait_times("vassal a.ini serves", 2);
    realm.get("a", "/hello").expect(200);
    assert_ne!(realm.master("a"), a);
    assert_eq!(realm.master("b"), b);
    realm.stop();
}

#[test]
fn vassals_outlive_a_killed_emperor_and_the_next_one_takes_them_over() {
    let mut realm = Realm::new();
    for name in ["a", "b", "c", "d"] {
        realm.write(name, "");
    }
    realm.rule(&[]);
    realm.serves(&["a", "b", "c", "d"]);
    let before = ["a", "b", "c"].map(|name| realm.master(name));
    let worker = realm.get("a", "/pid").text();
    let left = realm.kill();
    realm.get("a", "/hello").expect(200);
    // Meanwhile one is touched, one goes, one dies, and one comes.
    let later = std::time::SystemTime::now() + Duration::from_secs(3);
    fs::File::open(realm.file("b")).unwrap().set_modified(later).unwrap();
    fs::remove_file(realm.file("c")).unwrap();
    process::send(realm.master("d"), Signal::SIGKILL);
    realm.write("e", "");
    realm.rule(&[]);
    realm.serves(&["d", "e"]);
    realm.wait_log(&format!("vassal a.ini runs already (pid {}): it is taken over", before[0]));
    realm.wait_log("vassal b.ini has reloaded");
    until("the end of c", || realm.masters("c").is_empty().then_some(()));
    assert_eq!((realm.master("a"), realm.master("b")), (before[0], before[1]));
    assert_eq!(realm.get("a", "/pid").text(), worker, "not even its workers are others");
    // They are this one's now: touched, killed, stopped.
    realm.touch("a");
    realm.wait_log("vassal a.ini has reloaded");
    process::send(before[0], Signal::SIGKILL);
    realm.serves(&["a"]);
    realm.stop();
    for name in ["a", "b", "c", "d", "e"] {
        assert_eq!(realm.masters(name), BTreeSet::new(), "{name}");
    }
    drop(left);
}

#[test]
fn there_is_one_emperor_of_a_folder() {
    let mut realm = Realm::new();
    realm.write("a", "");
    realm.rule(&[]);
    realm.serves(&["a"]);
    let link = realm.dir.join("link");
    symlink(realm.folder(), &link).unwrap();
    let mut second = process::command(paths::command("uswgi-emperor"));
    second.arg(&link);
    let out = process::run(second, PATIENCE);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    let expected = format!("an emperor with pid {} watches over {} already", realm.pid(), link.display());
    assert_eq!(out.status.code(), Some(1));
    assert!(text.contains(&expected), "{text}");
    realm.get("a", "/hello").expect(200);
    realm.stop();
}

#[test]
fn every_spelling_of_the_option_makes_one() {
    let mut realm = Realm::new();
    realm.write("a", "");
    let folder = realm.folder().display().to_string();
    let ini = realm.dir.join("emperor.ini");
    // As Debian's /etc/uwsgi-emperor/emperor.ini has it.
    let text = format!(
        "[uwsgi]\nautoload = true\nmaster = true\nworkers = 2\nno-orphans = true\nlog-date = true\nemperor = {folder}\n"
    );
    fs::write(&ini, text).unwrap();
    let ini = ini.display().to_string();
    let glob = format!("glob://{folder}/*.ini");
    for words in [
        &["--emperor", &folder][..],
        &["--ini", &ini],
        &["--emperor=dir://vassals"],
        &["--emperor", &glob],
        &["--emperor", "vassals/*.ini"],
        &["--set", &format!("emperor={folder}")],
    ] {
        let mut command = process::command(paths::command("uswgi-master"));
        command.args(words);
        realm.start(command);
        let pid = realm.pid();
        until("the vassal to serve", || realm.log().contains("serves (pid").then_some(()));
        realm.get("a", "/hello").expect(200);
        assert_eq!(realm.pid(), pid);
        realm.stop();
    }
    let mut command = process::command(paths::command("uswgi-emperor"));
    command.args([&folder, "--glob", "*.ini"]);
    realm.start(command);
    until("the vassal to serve", || realm.log().contains("serves (pid").then_some(()));
    realm.stop();
    let serves =
        [["--emperor", &folder, "--http-socket", "127.0.0.1:0"], ["--emperor", &folder, "--module", "x"]];
    for words in serves {
        let mut command = process::command(paths::command("uswgi-master"));
        let out = process::run(
            {
                command.args(words);
                command
            },
            PATIENCE,
        );
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(1) && text.contains("an emperor serves nothing itself"), "{text}");
    }
}

/// start-stop-daemon, as Debian's scripts of init use it, stops and reloads only what runs the file of `/usr/bin/uwsgi` and has its
/// name; with another program behind `emperor` a stop found its vassals, killed them, and said that all was well.
#[test]
fn it_is_the_program_that_was_started() {
    let mut realm = Realm::new();
    realm.write("a", "");
    let link = realm.dir.join("uwsgi");
    symlink(paths::command("uswgi-master"), &link).unwrap();
    let mut command = process::command(&link);
    command.args(["--emperor", &realm.folder().display().to_string(), "--workers", "2"]);
    realm.start(command);
    realm.serves(&["a"]);
    let pid = realm.pid();
    assert_eq!(fs::read_to_string(format!("/proc/{pid}/comm")).unwrap(), "uwsgi\n");
    assert_eq!(
        fs::read_link(format!("/proc/{pid}/exe")).unwrap(),
        fs::canonicalize(paths::command("uswgi-master")).unwrap()
    );
    assert!(realm.log().contains("uswgi-emperor: vassal a.ini serves"), "{}", realm.log());
    realm.stop();
}

#[test]
fn hup_reloads_all_and_the_configuration() {
    let mut realm = Realm::new();
    let ini = realm.dir.join("emperor.ini");
    let folder = realm.folder();
    let write = |lines: &str| fs::write(&ini, format!("[uwsgi]\nemperor = {}\n{lines}", folder.display()));
    write("").unwrap();
    realm.write("a", "");
    let mut command = process::command(paths::command("uswgi-emperor"));
    command.arg(&ini);
    realm.start(command);
    realm.serves(&["a"]);
    let worker = realm.get("a", "/pid").text();
    write("vassals-set = env=GIVEN=yes\n").unwrap();
    realm.signal(Signal::SIGHUP);
    realm.wait_log("vassal a.ini has reloaded");
    realm.answers_anew("a", &worker);
    // What is handed over counts for who starts from now on.
    realm.write("b", "");
    realm.serves(&["b"]);
    assert!(has_variable(realm.master("b"), "GIVEN=yes"));
    write("no-such = x\nworkers = [\nemperor-freq = -3\n").unwrap();
    realm.signal(Signal::SIGHUP);
    realm.wait_log("the configuration of before stays in force");
    realm.wait_times("vassal a.ini has reloaded", 2);
    realm.stop();
}

/// Whether a worker of this master has the variable.
fn has_variable(master: i32, variable: &str) -> bool {
    let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children")).unwrap_or_default();
    let wanted = format!("{variable}\0");
    children.split_whitespace().any(|pid| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.windows(wanted.len()).any(|w| w == wanted.as_bytes())
    })
}

#[test]
fn a_folder_that_goes_away_takes_nobody_with_it() {
    let mut realm = Realm::new();
    realm.write("a", "");
    realm.rule(&["--emperor-freq", "1"]);
    realm.serves(&["a"]);
    let (folder, away) = (realm.folder(), realm.dir.join("away"));
    fs::rename(&folder, &away).unwrap();
    realm.wait_log("cannot be looked at");
    let master = realm.master("a");
    fs::create_dir(&folder).unwrap();
    // Made anew, and empty: now the file is gone indeed.
    realm.wait_log("vassal a.ini has stopped");
    assert!(!process::alive(master));
    fs::remove_dir(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    realm.wait_times("vassal a.ini serves", 2);
    realm.stop();
}

/// Others can write into the environment of their own master what they like.
#[test]
fn a_strangers_master_passes_for_nobodys_vassal_and_that_of_a_tyrant_for_its_own() {
    if lacks(Need::Root) {
        return;
    }
    let mut realm = Realm::new();
    fs::set_permissions(realm.dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let python = format!("home = {}\n", paths::public_venv().display());
    realm.write("a", &python);
    let other = realm.text("a").replace("a.sock", "other.sock") + &python;
    fs::write(realm.dir.join("other.ini"), other).unwrap();
    let mut stranger = process::command(paths::command("uswgi-master"));
    stranger.arg("--ini").arg(realm.dir.join("other.ini"));
    stranger.env("USWGI_EMPEROR", realm.folder()).env("USWGI_VASSAL", realm.file("a")).uid(65534).gid(65534);
    let stranger = process::Process::start(stranger, &realm.dir.join("stranger.log"));
    until("the stranger", || (realm.masters("a").len() == 1).then_some(()));
    realm.rule(&[]);
    realm.serves(&["a"]);
    assert!(!realm.log().contains("taken over"), "{}", realm.log());
    realm.get("a", "/hello").expect(200);
    realm.stop();
    drop(stranger);
    // One that the Emperor itself has started as somebody else.
    std::os::unix::fs::chown(realm.file("a"), Some(65534), Some(65534)).unwrap();
    let _ = fs::remove_file(realm.socket("a"));
    realm.rule(&["--emperor-tyrant"]);
    realm.serves(&["a"]);
    let master = realm.master("a");
    let left = realm.kill();
    realm.rule(&["--emperor-tyrant"]);
    realm.wait_log(&format!("vassal a.ini runs already (pid {master}): it is taken over"));
    realm.stop();
    drop(left);
}
