//! Vassals' files that are no good: each is said, once a try, and nobody else hears of it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use uswgi_tests::request::Address;
use uswgi_tests::{Need, Realm, Request, http, lacks, paths, until};

/// An hour: a file that fails is tried again when it is touched, and not before.
const PATIENT: [&str; 4] = ["--emperor-throttle", "3600000", "--emperor-max-throttle", "3600000"];

/// Somebody who asks a vassal without a pause.
struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<Vec<String>>,
}

impl Load {
    fn on(realm: &Realm, name: &str) -> Load {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ends, counts, socket) = (stop.clone(), asked.clone(), realm.socket(name));
        let thread = std::thread::spawn(move || {
            let mut failed = Vec::new();
            while !ends.load(Ordering::Relaxed) {
                match http::ask(&Address::Unix(socket.clone()), &Request::get("/hello")) {
                    Ok(reply) if reply.status == 200 => {}
                    Ok(reply) => failed.push(reply.status.to_string()),
                    Err(e) => failed.push(e.to_string()),
                }
                counts.fetch_add(1, Ordering::Relaxed);
            }
            failed
        });
        Load { stop, asked, thread }
    }

    /// Nothing was lost.
    #[track_caller]
    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let failed = self.thread.join().unwrap();
        let asked = self.asked.load(Ordering::Relaxed);
        assert!(asked > 10 && failed.is_empty(), "{} of {asked}: {:?}", failed.len(), failed.first());
    }
}

#[test]
fn what_is_cut_off_starts_once_it_is_whole() {
    let mut realm = Realm::new();
    realm.write("calm", "");
    let text = realm.text("a");
    // Whoever wrote it was killed in the middle of a line.
    let part = "[uwsgi]\nhttp-soc";
    assert!(text.starts_with(part));
    fs::write(realm.file("a"), part).unwrap();
    // A name that is no text.
    let name = OsStr::from_bytes(b"n\xffot.ini");
    fs::write(realm.folder().join(name), realm.text("not")).unwrap();
    realm.rule(&PATIENT);
    realm.serves(&["calm"]);
    realm.wait_log("vassal a.ini: it does not start");
    realm.wait_log("vassal n\u{fffd}ot.ini serves");
    let calm = realm.master("calm");
    fs::write(realm.file("a"), &text).unwrap();
    realm.serves(&["a"]);
    realm.get("a", "/hello").expect(200);
    realm.get("not", "/hello").expect(200);
    // And while it serves: it serves on, and that is said once.
    fs::write(realm.file("a"), part).unwrap();
    realm.wait_log("vassal a.ini was not reloaded and serves on as before");
    realm.get("a", "/hello").expect(200);
    assert_eq!(realm.log().matches("vassal a.ini: it does not start").count(), 1);
    assert_eq!(realm.log().matches("vassal a.ini was not reloaded").count(), 1);
    assert_eq!(realm.master("calm"), calm);
    realm.stop();
}

#[test]
fn a_file_that_nobody_may_read_is_said_and_serves_when_it_may_be() {
    if lacks(Need::Root) {
        return;
    }
    let mut realm = Realm::new();
    fs::set_permissions(realm.dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let python = format!("home = {}\n", paths::public_venv().display());
    realm.write("closed", &python);
    realm.write("calm", &python);
    let mode = |mode| fs::set_permissions(realm.file("closed"), fs::Permissions::from_mode(mode)).unwrap();
    mode(0);
    let options = [&PATIENT[..], &["--uid", "65534", "--gid", "65534"]].concat();
    realm.rule(&options);
    realm.serves(&["calm"]);
    realm.wait_log("vassal closed.ini: it does not start");
    let log = realm.log();
    assert!(log.contains("closed.ini") && log.contains("permission denied"), "{log}");
    let mode = |mode| fs::set_permissions(realm.file("closed"), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    realm.touch("closed");
    realm.serves(&["closed"]);
    realm.get("closed", "/hello").expect(200);
    realm.stop();
}

#[test]
fn two_vassals_of_one_port_do_not_take_it_from_each_other() {
    let mut realm = Realm::new();
    let port = paths::free_port();
    let text = |realm: &Realm, name: &str| {
        let socket = format!("http-socket = {}", realm.socket(name).display());
        realm.text(name).replace(&socket, &format!("http-socket = 127.0.0.1:{port}"))
    };
    fs::write(realm.file("first"), text(&realm, "first")).unwrap();
    realm.rule(&PATIENT);
    realm.serves(&["first"]);
    let load = {
        let ask = move || http::ask(&Address::Port(port), &Request::get("/pid"));
        move || ask().map(|reply| reply.text())
    };
    let worker = load().unwrap();
    let master = realm.master("first");
    fs::write(realm.file("second"), text(&realm, "second")).unwrap();
    realm.wait_log("vassal second.ini: it does not start");
    let log = realm.log();
    assert!(log.contains(&format!("127.0.0.1:{port}")), "the port is named: {log}");
    assert_eq!((load().unwrap(), realm.master("first")), (worker, master));
    // Whoever has it gives it up, the other one is touched.
    fs::remove_file(realm.file("first")).unwrap();
    realm.wait_log("vassal first.ini has stopped");
    realm.touch("second");
    realm.serves(&["second"]);
    load().unwrap();
    assert_eq!(realm.log().matches("vassal second.ini: it does not start").count(), 1);
    realm.stop();
}

#[test]
fn a_file_that_changes_while_it_is_read_ends_as_it_was_written_last() {
    let mut realm = Realm::new();
    realm.write("calm", "");
    realm.write("a", "add-header = X-Version: 0\n");
    realm.rule(&PATIENT);
    realm.serves(&["calm", "a"]);
    let load = Load::on(&realm, "calm");
    let begin = load.asked.load(Ordering::Relaxed);
    // In place, cut and written in two pieces, again and again, while reloads of it run.
    let text = realm.text("a");
    for version in 1..=60 {
        use std::io::Write;
        let mut file = fs::File::create(realm.file("a")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        if version % 3 == 0 {
            until("a request", || (load.asked.load(Ordering::Relaxed) > begin + version).then_some(()));
        }
        writeln!(file, "add-header = X-Version: {version}").unwrap();
    }
    until("the last version", || {
        let reply = realm.try_get("a", "/hello").ok()?;
        (reply.header("X-Version") == Some("60")).then_some(())
    });
    load.end();
    realm.stop();
}

#[test]
fn a_thousand_files_at_once_and_their_end_touch_nobody() {
    const FILES: usize = 1000;
    let mut realm = Realm::new();
    realm.write("calm", "");
    realm.rule(&PATIENT);
    realm.serves(&["calm"]);
    let calm = realm.master("calm");
    let load = Load::on(&realm, "calm");
    // Whole at once: a folder of them is moved in name by name.
    let staged = realm.dir.join("staged");
    fs::create_dir(&staged).unwrap();
    for n in 0..FILES {
        fs::write(staged.join(format!("f{n}.ini")), "[uwsgi]\nno-such-option-at-all = 1\nstrict = true\n")
            .unwrap();
    }
    for n in 0..FILES {
        let name = format!("f{n}.ini");
        fs::rename(staged.join(&name), realm.folder().join(&name)).unwrap();
    }
    let failed = ": it does not start";
    uswgi_tests::wait::until_within(uswgi_tests::wait::PATIENCE * 4, "all of them tried", || {
        (realm.log().matches(failed).count() >= FILES).then_some(())
    });
    // One that comes now does not wait for any of them.
    realm.write("late", "");
    realm.serves(&["late"]);
    for n in 0..FILES {
        fs::remove_file(realm.file(&format!("f{n}"))).unwrap();
    }
    realm.wait_times(": its file is gone", FILES);
    let log = realm.log();
    assert_eq!((log.matches(failed).count(), log.matches(": its file is gone").count()), (FILES, FILES));
    assert_eq!(realm.master("calm"), calm);
    load.end();
    realm.stop();
}
