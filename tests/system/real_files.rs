//! Files as people write them: what serves on uWSGI serves here, and both read the same table from it. Each row was
//! found in public configurations; the real program stands beside it.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;
use uswgi_tests::request::Address;
use uswgi_tests::temp::TempDir;
use uswgi_tests::{Server, Site, paths, process, until};

const ONE: &str = "def application(e, s):\n    s('200 OK', [])\n    return [b'one']\n";
const TWO: &str = "def application(e, s):\n    s('200 OK', [])\n    return [b'two']\nother = application\n";

/// A site of two applications, `one` and `two`, and one that does not load.
fn site() -> Site {
    let site = Site::new();
    let app = site.dir.join("app").display().to_string();
    site.option("chdir", app)
        .http()
        .source("one.py", ONE)
        .source("two.py", TWO)
        .source("broken.py", "raise RuntimeError('broken')\n")
        .option("manage-script-name", "true")
}

/// With an interpreter for us; the original has its own inside.
fn ours(site: Site) -> Site {
    site.home(&paths::pythons()[0].1)
}

/// What both programs answer to these targets, as `status body`.
#[track_caller]
fn alike(make: impl Fn(Site) -> Site, wanted: &[(&str, &str)]) -> Server {
    let (theirs, ours) = (make(site()).original(), ours(make(site())).start());
    for (target, want) in wanted {
        for (name, server) in [("uWSGI", &theirs), ("uswgi", &ours)] {
            let reply = server.get(target);
            let body = if reply.status == 200 { reply.text().to_string() } else { reply.status.to_string() };
            assert_eq!(body, *want, "{name} {target}: {}", server.log());
        }
    }
    ours
}

#[test]
fn of_apps_with_one_mount_point_the_first_that_loads_serves() {
    let both = |s: Site| s.option("wsgi-file", "two.py").option("module", "one");
    let server = alike(both, &[("/", "one")]);
    assert!(server.log().contains("wsgi-file = two.py is not opened: its mount point is taken"));
    alike(|s| s.option("module", "one").option("wsgi-file", "broken.py"), &[("/", "one")]);
    let server = alike(|s| s.option("module", "broken").option("wsgi-file", "two.py"), &[("/", "two")]);
    assert!(server.log().contains("RuntimeError: broken"), "{}", server.log());
    alike(|s| s.option("module", "one").option("mount", "/=two:application"), &[("/", "one")]);
    let twice = |s: Site| s.option("module", "one").option("mount", "/x=two.py").option("mount", "/x=one.py");
    alike(twice, &[("/", "one"), ("/x", "two")]);
    let log = ours(site()).option("module", "broken").option("wsgi-file", "broken.py").refused();
    assert_eq!(log.code, Some(22), "{}", log.text);
}

#[test]
fn a_mounted_module_that_does_not_load_is_a_warning_beside_an_app_that_does() {
    for mount in ["/x=broken:application", "/x=two:nothing", "/x=nowhere", "/x="] {
        let server = alike(|s| s.option("module", "one").option("mount", mount), &[("/", "one")]);
        let log = server.log();
        assert!(log.contains("/x="), "{log}");
    }
    // A module without a callable is named `application`; there it is not loaded at all.
    let server = ours(site()).option("module", "one").option("mount", "/x=two").start();
    assert_eq!(server.get("/x").expect(200).text(), "two");
    // A file is what somebody has asked for: both end.
    for server in [ours(site()), site().program(paths::uwsgi())] {
        let end = server.option("module", "one").option("mount", "/x=broken.py").refused();
        assert_eq!(end.code, Some(22), "{}", end.text);
    }
    // Nothing is left that serves.
    assert_eq!(ours(site()).option("mount", "/x=broken").refused().code, Some(22));
}

#[test]
fn a_reload_brings_no_app_with_a_mount_that_has_stopped_loading() {
    let server = ours(site()).option("module", "one").option("mount", "/x=two:application").start();
    std::fs::write(server.dir.join("app/two.py"), "raise RuntimeError('broken')\n").unwrap();
    server.signal(nix::sys::signal::Signal::SIGHUP);
    server.wait_log("RuntimeError: broken");
    assert_eq!(server.get("/x").expect(200).text(), "two");
}

#[test]
fn an_import_may_be_a_file_and_may_fail() {
    let side = |s: Site| {
        let s = s.source("side.py", "import builtins\nbuiltins.SIDE = __name__\n");
        std::fs::create_dir_all(s.dir.join("app/sub")).unwrap();
        std::fs::write(s.dir.join("app/sub/more.py"), "import builtins\nbuiltins.MORE = __name__\n").unwrap();
        s.source(
            "names.py",
            "import builtins\ndef application(e, s):\n    s('200 OK', [])\n    return [(SIDE + ' ' + MORE).encode()]\n",
        )
        .option("module", "names")
    };
    let files = |s: Site| side(s).option("import", "side.py").option("import", "./sub/more.py");
    alike(files, &[("/", "side __sub_more")]);
    for bad in ["nowhere", "nowhere.py", "broken", "broken.py"] {
        let server = alike(|s| s.option("module", "one").option("import", bad), &[("/", "one")]);
        assert!(server.log().contains(&format!("cannot import {bad}")), "{}", server.log());
    }
}

/// uWSGI leaves it out there as well (observed: a HUP with a broken module of `import` and a broken mount serves without
/// both). Here neither takes the place of what worked.
#[test]
fn a_reload_brings_no_app_with_an_import_that_has_stopped_loading() {
    let server = ours(site()).option("module", "one").option("import", "two").start();
    std::fs::write(server.dir.join("app/two.py"), "raise RuntimeError('broken')\n").unwrap();
    server.signal(nix::sys::signal::Signal::SIGHUP);
    server.wait_log("reload failed, generation 1 serves on: cannot import two (import)");
    server.wait_log("RuntimeError: broken");
    assert_eq!(server.get("/").expect(200).text(), "one");
}

/// The table that the real program reads, as `name = value` lines, by its `show-config`.
fn table(kind: &str, file: &Path) -> Option<Vec<String>> {
    let mut command = process::command(paths::uwsgi());
    command.args(["--show-config", kind]).arg(file).stdin(std::process::Stdio::null());
    let out = process::run(command, Duration::from_secs(20));
    let text = [out.stdout, out.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let (_, rest) = text.split_once("uWSGI instance configuration\n")?;
    let (body, _) = rest.split_once(";end of configuration")?;
    Some(given(body, kind))
}

/// The lines of a table that the file has given.
fn given(table: &str, kind: &str) -> Vec<String> {
    let ours = ["[uwsgi]", ";", "show-config", &format!("{} = ", &kind[2..])];
    let kept = |l: &&str| !l.trim_end().is_empty() && !ours.iter().any(|begin| l.starts_with(begin));
    table.lines().filter(kept).map(|l| l.trim_end().to_string()).collect()
}

/// The table that we read, in the same form.
fn our_table(kind: &str, file: &Path) -> Option<Vec<String>> {
    let mut command = process::command(paths::command("uswgi-conf"));
    command.args(["expand", kind]).arg(file);
    let out = process::run(command, Duration::from_secs(20));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let read: serde_json::Value = serde_json::from_str(&text).ok()?;
    let options = read["options"].as_array()?.iter().skip(1);
    let line =
        |o: &serde_json::Value| Some(format!("{} = {}\n", o[0].as_str()?, o[1].as_str().unwrap_or("")));
    let table: Option<String> = options.map(line).collect();
    Some(given(&table?, kind))
}

pub(crate) fn generated<T>(strategy: impl Strategy<Value = T>, number: usize) -> Vec<T> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..number).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn yaml_that_the_library_refuses_is_read_by_the_lines_as_there() {
    let piece = prop::sample::select(vec![
        "  a",
        "  b",
        ": ",
        ":",
        "\n",
        "\n  c: ",
        "\n\td: ",
        "#",
        "- ",
        "x",
        "\"",
        "'",
        "1",
        " ",
        "http://x:1",
        "\n\n",
        "@",
        "&",
        "*",
        "{",
        "[",
        "!",
        "\n e: f: g\n",
        "`",
        "|",
    ]);
    let texts =
        prop::collection::vec(piece, 1..14).prop_map(|p| format!("uwsgi:\n  z: 1: 2\n{}", p.concat()));
    let dir = TempDir::new();
    let file = dir.join("a.yaml");
    for text in generated(texts, 200) {
        std::fs::write(&file, &text).unwrap();
        assert_eq!(our_table("--yaml", &file), table("--yaml", &file), "{text:?}");
    }
}

#[test]
fn an_app_of_xml_is_the_mount_that_it_is_there() {
    let child = prop::sample::select(vec![
        "<script>b</script>",
        "<module>m:x</module>",
        " ",
        "\n  ",
        "text",
        "<a/>",
        "<!--c-->",
        "<s><x>y</x></s>",
        "<![CDATA[d]]>",
    ]);
    let attribute = prop::sample::select(vec![
        "",
        " mountpoint=\"/q\"",
        " mountpoint=\"/\"",
        " domain=\"d\"",
        " id=\"k\"",
    ]);
    let texts = (attribute, prop::collection::vec(child, 0..4))
        .prop_map(|(a, c)| format!("<uwsgi><app{a}>{}</app><threads>2</threads></uwsgi>", c.concat()));
    let dir = TempDir::new();
    let file = dir.join("a.xml");
    for text in generated(texts, 120) {
        std::fs::write(&file, &text).unwrap();
        assert_eq!(our_table("--xml", &file), table("--xml", &file), "{text:?}");
    }
}

/// A start as systemd does it: the socket is descriptor 5, three are counted, two of them are not open.
fn activated(site: Site, listener: UnixListener) -> Server {
    let wrapper = site.dir.join("start");
    let master = paths::command("uswgi-master");
    let text = format!("#!/bin/sh\nLISTEN_PID=$$ LISTEN_FDS=3 exec {} \"$@\"\n", master.display());
    std::fs::write(&wrapper, text).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    site.descriptor_5(listener).program(wrapper).start()
}

#[test]
fn a_socket_that_systemd_holds_needs_no_option_and_may_have_one() {
    for named in [false, true] {
        let site = ours(Site::new().app("probe"));
        let path = site.dir.join("held.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let site = if named { site.option("socket", path.display()) } else { site };
        let server = activated(site.at_uwsgi(Address::Unix(path)), listener);
        assert_eq!(server.door().get("/hello").expect(200).text(), "hello");
        server.signal(nix::sys::signal::Signal::SIGHUP);
        until("the reload", || (server.reloads_done() == 1).then_some(()));
        assert_eq!(server.door().get("/hello").expect(200).text(), "hello", "after a reload");
    }
}

#[test]
fn a_limit_of_descriptors_that_may_not_be_raised_is_the_hard_one() {
    let site = Site::probe().option("max-fd", 900_000);
    // Inside of the limit that this shell gives, without the right to go beyond it.
    let wrapper = site.dir.join("start");
    let master = paths::command("uswgi-master").display().to_string();
    let drop = "setpriv --bounding-set -sys_resource --inh-caps -sys_resource";
    let text = format!("#!/bin/sh\nulimit -n 5000\nexec {drop} {master} \"$@\"\n");
    std::fs::write(&wrapper, text).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = site.program(wrapper).start();
    assert!(server.log().contains("5000 it is"), "{}", server.log());
}

/// Secrets as files: daemontools' envdir, and how Kubernetes mounts a secret.
#[test]
fn the_files_of_a_folder_are_variables() {
    let dir = TempDir::new();
    let folder = |name: &str, files: &[(&str, &[u8])]| {
        let folder = dir.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        files.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).unwrap());
        folder
    };
    let one = folder(
        "one",
        &[
            ("E_A", b"v1  \n\n"),
            ("E_LINES", b" lead\nin\n"),
            ("E_GONE", b""),
            ("E_NUL", b"a\0b"),
            (".E_H", b"x"),
        ],
    );
    std::fs::create_dir(one.join("E_DIR")).unwrap();
    let two = folder("two", &[("E_A", b"later")]);
    let text = "import os\nseen = repr(sorted((k, v) for k, v in os.environ.items() if k.startswith('E_')))\n\
        def application(e, s):\n    s('200 OK', [])\n    return [seen.encode()]\n";
    let site = |s: Site| s.source("env.py", text).option("wsgi-file", "env.py").env("E_GONE", "set");
    let lines = r"('E_LINES', ' lead\nin'), ('E_NUL', 'a')";
    let check = |options: &[(&str, String)], want: String| {
        alike(|s| options.iter().fold(site(s), |s, (k, v)| s.option(k, v)), &[("/", &want)]);
    };
    let (one, two) = (one.display().to_string(), two.display().to_string());
    // It wins over env wherever that stands, and the last folder wins.
    check(
        &[("envdir", one.clone()), ("env", "E_A=env".into()), ("env", "E_B=$(E_A)".into())],
        format!("[('E_A', 'v1'), ('E_B', '$(E_A)'), {lines}]"),
    );
    check(&[("envdir", one.clone()), ("envdir", two)], format!("[('E_A', 'later'), {lines}]"));
    // The early one is there before anything is expanded, and env wins.
    check(
        &[("env", "E_B=$(E_A)".into()), ("early-envdir", one.clone()), ("env", "E_NUL=env".into())],
        "[('E_A', 'v1'), ('E_B', 'v1'), ('E_LINES', ' lead\\nin'), ('E_NUL', 'env')]".into(),
    );
    std::fs::write(Path::new(&one).join("E=F"), "").unwrap();
    let failure = ours(site(self::site()).option("envdir", one)).refused();
    assert!(failure.text.contains("E=F: a name with = cannot be that of a variable"), "{failure:?}");
    let failure = ours(site(self::site()).option("envdir", "/nothing/here")).refused();
    assert!(failure.text.contains("envdir = /nothing/here: /nothing/here: No such file"), "{failure:?}");
}
