//! What runs around vassals: hooks, commands that know addresses, other programs in the place of `uswgi-master`. Where nothing else is
//! said, both programs do the same, and are asked side by side.

use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use uswgi_tests::request::Address;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Realm, Request, http, paths, process, until};

const BOTH: [&str; 2] = ["uswgi-emperor", "uwsgi"];

/// The Emperor of this name.
fn emperor(name: &str) -> PathBuf {
    if name == "uwsgi" { paths::uwsgi() } else { paths::command(name) }
}

/// Start one of the two over the realm's folder.
fn rule(realm: &mut Realm, name: &str, options: &[&str]) {
    let mut command = process::command(emperor(name));
    command.arg("--emperor").arg(realm.folder()).args(options);
    realm.start(command);
}

/// End one of the two: the original cuts what runs, and leaves by itself.
fn leave(realm: &mut Realm, name: &str) {
    match name {
        "uwsgi" => {
            realm.signal(Signal::SIGTERM);
            realm.wait();
        }
        _ => realm.stop(),
    }
}

/// A vassal that both can run.
fn text(realm: &Realm, name: &str) -> String {
    let (socket, app) = (realm.socket(name), realm.dir.join("small.py"));
    fs::write(
        &app,
        "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'ok']\n",
    )
    .unwrap();
    format!(
        "[uwsgi]\nmaster = true\nneed-app = true\nhttp-socket = {}\nwsgi-file = {}\n",
        socket.display(),
        app.display()
    )
}

fn write(realm: &Realm, name: &str) {
    fs::write(realm.file(name), text(realm, name)).unwrap();
}

fn asked(address: &Path) -> Option<u16> {
    http::ask(&Address::Unix(address.into()), &Request::get("/")).ok().map(|reply| reply.status)
}

fn serves(address: &Path) {
    until(&format!("an answer at {}", address.display()), || asked(address).filter(|&s| s == 200));
}

/// A shell script.
fn script(realm: &Realm, name: &str, lines: &str) -> String {
    let path = realm.dir.join(name);
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn hooks_of_vassals_and_the_emperor_run_as_on_uwsgi() {
    let mut all = Vec::new();
    for name in BOTH {
        let mut realm = Realm::new();
        write(&realm, "a");
        let said = realm.dir.join("said");
        let say = script(
            &realm,
            "say.sh",
            &format!(
                "echo \"$# $* dir=$UWSGI_VASSALS_DIR in=$(pwd) config=$UWSGI_VASSAL_CONFIG pid=$UWSGI_VASSAL_PID uid=$UWSGI_VASSAL_UID gid=$UWSGI_VASSAL_GID foo=$FOO\" >>{}",
                said.display()
            ),
        );
        let of = |word: &str| format!("{say} {word}");
        let hook = |word: &str| format!("exec:{say} {word}");
        let ini = realm.dir.join("emperor.ini");
        let lines = format!(
            "[uwsgi]\nemperor = {}\nexec-as-vassal = {}\nhook-as-vassal = {}\nhook-as-vassal = putenv:FOO=vassals\nexec-as-vassal = {}\nexec-as-emperor = {}\nhook-as-emperor = exec:false\nexec-as-emperor = false\nexec-as-emperor = {}\nhook-emperor-start = {}\nvassals-start-hook = {say}\n",
            realm.folder().display(),
            of("exec-vassal"),
            hook("hook-vassal"),
            of("exec-vassal-2"),
            of("exec-emperor"),
            of("exec-emperor-2"),
            hook("start"),
        );
        fs::write(&ini, lines).unwrap();
        let mut command = process::command(emperor(name));
        command.arg("--ini").arg(&ini);
        realm.start(command);
        serves(&realm.socket("a"));
        let read = || fs::read_to_string(&said).unwrap_or_default();
        let told = until("all of them", || {
            let all = read();
            (all.lines().count() == 7 && all.contains("exec-emperor-2")).then_some(all)
        });
        if name != "uwsgi" {
            assert!(told.contains(&format!("pid={} ", realm.master("a"))), "{told}");
        }
        let folder = realm.folder().display().to_string();
        let line = |l: &str| {
            let words = l.split(' ').filter(|w| !w.starts_with("pid=") || *w == "pid=");
            words.collect::<Vec<_>>().join(" ").replace(&folder, "FOLDER")
        };
        let lines: Vec<String> = told.lines().map(line).collect();
        assert!(lines[0].starts_with("1 start "), "before anything: {told}");
        // Both kinds run beside each other: each in its own order.
        let of = |what: &str| lines.iter().filter(|l| l.contains(what)).cloned().collect::<Vec<_>>();
        assert_eq!((of("a.ini dir").len(), of("vassal dir").len()), (1, 2), "{told}");
        let mut vassal = lines.clone();
        vassal.retain(|l| l.contains("vassal") && !l.contains("emperor") || l.contains("a.ini dir"));
        all.push((vassal, of("emperor")));
        leave(&mut realm, name);
    }
    assert_eq!(all[0], all[1]);
    assert!(all[0].0[0].starts_with("1 a.ini"), "{:?}", all[0]);
    assert!(all[0].0[3].ends_with("foo=vassals"), "{:?}", all[0]);
    assert!(all[0].1[0].contains("config=a.ini uid="), "{:?}", all[0]);
}

#[test]
fn a_hook_that_fails_fails_its_vassal_or_the_start() {
    for name in BOTH {
        for hook in [["--hook-as-vassal", "exec:false"], ["--exec-as-vassal", "exit 3"]] {
            let mut realm = Realm::new();
            write(&realm, "a");
            rule(&mut realm, name, &hook);
            match name {
                "uwsgi" => realm.wait_log("[emperor] curse the uwsgi instance a.ini"),
                _ => realm.wait_log("vassal a.ini: it does not start (exited with code 1)"),
            };
            assert_eq!(asked(&realm.socket("a")), None);
            leave(&mut realm, name);
        }
        let mut realm = Realm::new();
        write(&realm, "a");
        rule(&mut realm, name, &["--hook-emperor-start", "exec:false"]);
        assert_eq!(realm.wait().code(), Some(1), "{name}");
        assert!(!realm.socket("a").exists());
    }
}

#[test]
fn steps_of_any_instance_run_in_the_emperor_and_work_of_one_is_refused() {
    let mut realm = Realm::new();
    write(&realm, "a");
    let said = realm.dir.join("said");
    let say = |word: &str| format!("echo {word} >>{}", said.display());
    let (asap, user, end) = (say("asap"), say("user"), say("end"));
    realm.rule(&["--exec-asap", &asap, "--exec-as-user", &user, "--exec-as-user-atexit", &end]);
    serves(&realm.socket("a"));
    realm.stop();
    assert_eq!(fs::read_to_string(&said).unwrap(), "asap\nuser\nend\n");
    for words in [["--attach-daemon", "sleep 9"], ["--cron2", "minute=1 x"], ["--exec-pre-app", "x"]] {
        let mut command = process::command(paths::command("uswgi-emperor"));
        command.arg(realm.folder()).args(words);
        let out = process::run(command, PATIENCE);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(
            out.status.code() == Some(1) && text.contains("into a file of its own among the vassals"),
            "{text}"
        );
    }
}

#[test]
fn a_command_knows_the_address_as_on_uwsgi() {
    for name in BOTH {
        let mut realm = Realm::new();
        let door = |n: &str| realm.dir.join(&format!("{n}.door"));
        let asked_for = realm.dir.join("asked");
        let doors = [door("a"), door("c")];
        let command = script(
            &realm,
            "address.sh",
            &format!(
                "echo \"$# $* in=$(pwd)\" >>{}\ncase \"$2\" in\na.ini) printf '{}\\nmore\\n';;\nc.ini) echo {}; exit 3;;\nesac",
                asked_for.display(),
                doors[0].display(),
                doors[1].display()
            ),
        ) + " word";
        // b has no address: it starts at once. The others have no socket of their own.
        write(&realm, "b");
        for n in ["a", "c"] {
            let own = text(&realm, n);
            let own: Vec<&str> = own.lines().filter(|l| !l.starts_with("http-socket")).collect();
            fs::write(realm.file(n), own.join("\n") + "\nprotocol = http\nsocket-protocol = http\n").unwrap();
        }
        rule(&mut realm, name, &["--emperor-on-demand-exec", &command]);
        serves(&realm.socket("b"));
        until("the doors", || doors.iter().all(|d| d.exists()).then_some(()));
        for d in &doors {
            assert_eq!(fs::metadata(d).unwrap().permissions().mode() & 0o777, 0o666);
        }
        // A touch asks nobody again.
        realm.touch("a");
        if name != "uwsgi" {
            assert!(realm.masters("a").is_empty());
            serves(&doors[0]);
            serves(&doors[1]);
            realm.wait_log("vassal c.ini serves");
        }
        let mut lines: Vec<String> =
            fs::read_to_string(&asked_for).unwrap().lines().map(String::from).collect();
        lines.sort();
        let folder = realm.folder().display().to_string();
        let expected = ["a", "b", "c"].map(|n| format!("2 word {n}.ini in={folder}"));
        assert_eq!(lines, expected, "{name}");
        leave(&mut realm, name);
        if name != "uwsgi" {
            assert!(doors.iter().all(|d| !d.exists()), "nothing is left behind");
        }
    }
}

/// On uWSGI the Emperor waits for the command, and a name is a part of what the shell reads.
#[test]
fn a_command_that_says_nothing_holds_up_its_vassal_alone_and_a_name_is_no_command() {
    let mut realm = Realm::new();
    let go = realm.dir.join("go");
    nix::unistd::mkfifo(&go, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let command =
        script(&realm, "slow.sh", &format!("case \"$1\" in slow.ini) read x <{};; esac", go.display()));
    write(&realm, "slow");
    let evil = "x;touch owned;.ini";
    fs::write(realm.folder().join(evil), text(&realm, "evil")).unwrap();
    realm.rule(&["--emperor-on-demand-exec", &command]);
    write(&realm, "quick");
    serves(&realm.socket("quick"));
    serves(&realm.socket("evil"));
    assert!(!realm.folder().join("owned").exists() && !realm.dir.join("owned").exists());
    assert!(!realm.socket("slow").exists());
    // One that goes away while it is asked for is heard of no more.
    write(&realm, "gone");
    serves(&realm.socket("gone"));
    fs::write(&go, "x\n").unwrap();
    serves(&realm.socket("slow"));
    realm.stop();
}

#[test]
fn other_programs_become_vassals_in_uwsgis_order() {
    for name in BOTH {
        let real = if name == "uwsgi" { paths::uwsgi() } else { paths::command("uswgi-master") };
        let mut realm = Realm::new();
        write(&realm, "a");
        let said = realm.dir.join("said");
        let wrapper = |n: &str| {
            let lines = format!("echo \"{n} $*\" >>{}\nexec {} \"$@\"", said.display(), real.display());
            script(&realm, n, &lines)
        };
        let (one, two) = (wrapper("one"), wrapper("two"));
        for (options, expected) in [
            (vec!["--emperor-wrapper", &one], "one --ini a.ini"),
            (
                vec![
                    "--emperor-wrapper-override",
                    "/no/such",
                    "--emperor-wrapper-override",
                    &two,
                    "--emperor-wrapper",
                    &one,
                ],
                "two --ini a.ini",
            ),
            (vec!["--emperor-wrapper", "/no/such", "--emperor-wrapper-fallback", &two], "two --ini a.ini"),
        ] {
            rule(&mut realm, name, &options);
            serves(&realm.socket("a"));
            let told = fs::read_to_string(&said).unwrap();
            assert_eq!(told.trim(), expected, "{name}: {options:?}");
            fs::remove_file(&said).unwrap();
            leave(&mut realm, name);
            let _ = fs::remove_file(realm.socket("a"));
        }
    }
}

/// Whether a vassal that fails is tried again soon or late is the throttle's; a touch tries at once here, and is not heard there; a good
/// one that comes meanwhile waits for nobody.
#[test]
fn a_touch_is_heard_while_a_vassal_is_throttled_and_nobody_else_waits() {
    for name in BOTH {
        let mut realm = Realm::new();
        let bad = text(&realm, "bad")
            .replace("wsgi-file", "module = nothing_of_this_name\nset-placeholder = unused");
        fs::write(realm.file("bad"), &bad).unwrap();
        rule(&mut realm, name, &["--emperor-throttle", "60000", "--emperor-max-throttle", "60000"]);
        let failed = if name == "uwsgi" {
            "[emperor] curse the uwsgi instance bad.ini"
        } else {
            "vassal bad.ini: it does not start"
        };
        // uWSGI tries it twice before it waits.
        let tries = if name == "uwsgi" { 2 } else { 1 };
        realm.wait_times(failed, tries);
        if name == "uwsgi" {
            realm.wait_log("[emperor] removed uwsgi instance bad.ini");
        }
        write(&realm, "good");
        serves(&realm.socket("good"));
        // It is whole now.
        write(&realm, "bad");
        match name {
            "uwsgi" => {
                let deaf = uswgi_tests::wait::stays(std::time::Duration::from_secs(8), || {
                    asked(&realm.socket("bad")).is_none()
                });
                assert!(deaf, "the original hears of it: say so in MIGRATING\n{}", realm.log());
            }
            _ => serves(&realm.socket("bad")),
        }
        assert_eq!(asked(&realm.socket("good")), Some(200));
        leave(&mut realm, name);
    }
}

#[test]
fn without_a_blacklist_each_try_is_as_far_from_the_last() {
    let mut realm = Realm::new();
    fs::write(
        realm.file("bad"),
        text(&realm, "bad").replace("wsgi-file", "module = nothing_here\nset-placeholder = unused"),
    )
    .unwrap();
    realm.rule(&["--emperor-no-blacklist", "--emperor-freq", "1"]);
    realm
        .wait_times("vassal bad.ini: it does not start (exited with code 22); it is tried again in 1.0 s", 3);
    realm.stop();
    // No wait at all would be a loop that never rests.
    realm.rule(&["--emperor-throttle", "0", "--emperor-max-throttle", "0"]);
    realm.wait_log("it is tried again in 3.0 s");
    realm.stop();
}
