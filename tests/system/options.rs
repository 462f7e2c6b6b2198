//! Where the app comes from, where it is served, and the options that most files hold.

use std::fs;
use uswgi_tests::request::Address;
use uswgi_tests::server::Door;
use uswgi_tests::{Request, Server, Site, paths, process};

/// The probe's folder and environment, without `module`.
fn bare() -> Site {
    Site::probe().without("module")
}

fn serves(site: Site) -> Server {
    let server = site.start();
    for door in server.doors() {
        assert_eq!(door.get("/hello").expect(200).text(), "hello");
    }
    server
}

#[test]
fn every_way_to_name_the_app() {
    serves(bare().option("module", "probe"));
    serves(bare().option("module", "probe:application"));
    serves(bare().option("module", "probe:factory()"));
    serves(bare().option("wsgi", "probe"));
    serves(bare().option("module", "probe").option("callable", "application"));
    serves(
        bare()
            .source("other.py", "from probe import application as app")
            .option("module", "other")
            .option("callable", "app"),
    );
    serves(bare().option("wsgi-file", "probe.py"));
    serves(bare().option("file", "probe.py"));
    let absolute = bare();
    let path = absolute.dir.join("app/probe.py").display().to_string();
    serves(absolute.option("wsgi-file", path));
    serves(
        bare().source("my-site.wsgi", "from probe import application").option("wsgi-file", "my-site.wsgi"),
    );
    let site = bare().option("module", "pkg.sub.wsgi");
    fs::create_dir_all(site.dir.join("app/pkg/sub")).unwrap();
    fs::write(site.dir.join("app/pkg/sub/wsgi.py"), "from probe import application").unwrap();
    serves(site);
}

#[test]
fn pythonpath_and_chdir() {
    let site = Site::probe().without("chdir");
    let path = site.dir.join("app").display().to_string();
    let server = serves(site.option("pythonpath", path));
    assert_eq!(server.get("/ids").json()["cwd"].as_str(), server.dir.path().to_str());
    let server = serves(Site::probe());
    assert_eq!(server.get("/ids").json()["cwd"].as_str(), server.dir.join("app").to_str());
}

#[test]
fn env_is_there_before_python_starts() {
    let site = Site::probe().option("env", "MY_SETTING=a b=c").option("env", "PYTHONHASHSEED=0");
    let server = site
        .option("env", "PYTHONPATH=/some/where")
        .option("env", "PYTHONUTF8=1")
        .env("REMOVED", "1")
        .option("env", "REMOVED")
        .start();
    let python = server.get("/python").expect(200).json();
    assert_eq!(python["env"]["MY_SETTING"], "a b=c");
    assert_eq!(python["env"].get("REMOVED"), None);
    assert!(python["path"].as_array().unwrap().iter().any(|p| p == "/some/where"), "{python}");
    for name in python["env"].as_object().unwrap().keys() {
        assert!(!name.starts_with("USWGI_") || name == "USWGI_TEST_MARK", "{name} leaks into the app");
    }
}

#[test]
fn the_interpreter_without_home() {
    let venv = paths::pythons()[0].1.clone();
    let server = serves(Site::probe().without("home").env("VIRTUAL_ENV", venv.display()));
    assert_eq!(server.get("/python").json()["prefix"].as_str(), venv.to_str());
    let path = format!("{}:/usr/bin:/bin", venv.join("bin").display());
    let server = serves(Site::probe().without("home").env("PATH", path));
    assert_eq!(server.get("/python").json()["prefix"].as_str(), venv.to_str());
    for name in ["virtualenv", "venv", "pyhome"] {
        serves(Site::probe().without("home").option(name, venv.display()));
    }
}

#[test]
fn the_command_line_and_the_name_of_the_file() {
    let site = Site::probe();
    let ini = site.ini().display().to_string();
    serves(site.arg(ini));
    // Command line alone.
    let site = Site::probe();
    let mut words = Vec::new();
    for line in site.text().lines().skip(1) {
        let (key, value) = line.split_once(" = ").unwrap();
        words.push(format!("--{key}"));
        words.push(value.to_string());
    }
    serves(words.iter().fold(site, |site, word| site.arg(word)));
    // Later on the command line wins over the file.
    let site = Site::probe();
    let ini = site.ini().display().to_string();
    let server = serves(site.arg("--ini").arg(ini).arg("--processes").arg("3"));
    assert_eq!(server.worker_pids().len(), 3);
}

#[test]
fn placeholders_and_magic_variables() {
    let site = Site::probe()
        .without("chdir")
        .option("base", "%d")
        .option("chdir", "%(base)app")
        .option("set-placeholder", "n=2");
    let server = serves(
        site.option("workers", "%(n)")
            .option("env", "WHERE=%p-%n-$(FROM_OUTSIDE)")
            .env("FROM_OUTSIDE", "out"),
    );
    assert_eq!(server.worker_pids().len(), 2);
    let env = server.get("/python").json()["env"]["WHERE"].as_str().unwrap().to_string();
    assert_eq!(env, format!("{}-uwsgi-out", server.dir.join("uwsgi.ini").display()));
}

#[test]
fn another_file_is_included() {
    let site = Site::probe();
    let other = site.dir.join("other.ini");
    fs::write(&other, "[uwsgi]\nworkers = 2\nthreads = 2\n").unwrap();
    let server = serves(site.option("ini", other.display()));
    assert_eq!(server.worker_pids().len(), 2);
}

#[test]
fn options_without_an_effect_here_do_no_harm() {
    let server = serves(
        Site::probe()
            .option("master", "false")
            .option("enable-threads", "true")
            .option("single-interpreter", "true")
            .option("die-on-term", "true")
            .option("need-app", "true")
            .option("plugins", "python3")
            .option("thunder-lock", "true")
            .option("strict", "true")
            .option("set-placeholder", "a=b"),
    );
    assert!(!server.log().to_lowercase().contains("error"), "{}", server.log());
}

#[test]
fn sockets_of_every_kind() {
    let port = |n: u16| Door::Uwsgi(Address::Port(n));
    let hello = |door: &Door| assert_eq!(door.get("/hello").expect(200).text(), "hello", "{door:?}");
    let (a, b, c, d) = (paths::free_port(), paths::free_port(), paths::free_port(), paths::free_port());
    let abstract_name = format!("uswgi-test-{}-{a}", std::process::id());
    let handed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let e = handed.local_addr().unwrap().port();
    let site = Site::probe()
        .option("socket", format!(":{a}"))
        .option("uwsgi-socket", format!("[::1]:{b}"))
        .option("socket", format!("localhost:{c}"))
        .option("socket", format!("@{abstract_name}"))
        .option("socket", "relative.sock")
        .option("socket", "fd://5")
        .option("http", format!("127.0.0.1:{d}"))
        .descriptor_5(handed);
    let server = site.start();
    for door in server.doors() {
        hello(&door);
    }
    hello(&port(a));
    hello(&Door::Uwsgi(Address::Tcp(format!("[::1]:{b}"))));
    hello(&Door::Uwsgi(Address::Tcp(format!("localhost:{c}"))));
    hello(&Door::Uwsgi(Address::Abstract(abstract_name)));
    hello(&Door::Uwsgi(Address::Unix(server.dir.join("relative.sock"))));
    hello(&port(e));
    hello(&Door::Http(Address::Port(d)));
    server.reload();
    hello(&port(e));
    hello(&port(a));
}

#[test]
fn static_map_serves_files() {
    let site = Site::probe();
    let root = site.dir.join("files");
    fs::create_dir_all(root.join("deep")).unwrap();
    fs::write(root.join("a.css"), "body {}").unwrap();
    fs::write(root.join("deep/b.bin"), vec![1u8; 200_000]).unwrap();
    fs::write(site.dir.join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink("../secret", root.join("link")).unwrap();
    let server = site.option("static-map", format!("/static={}", root.display())).start();
    for door in server.doors() {
        let css = door.get("/static/a.css").expect(200);
        assert_eq!((css.text().as_str(), css.header("Content-Length")), ("body {}", Some("7")));
        assert!(css.header("Content-Type").unwrap_or_default().starts_with("text/css"), "{css:?}");
        let modified = css.header("Last-Modified").expect("Last-Modified").to_string();
        assert_eq!(
            door.ask(&Request::get("/static/a.css").header("If-Modified-Since", &modified)).status,
            304
        );
        assert_eq!(door.get("/static/deep/b.bin").expect(200).body, vec![1u8; 200_000]);
        let head = door.ask(&Request::new("HEAD", "/static/a.css")).expect(200);
        assert_eq!((head.header("Content-Length"), head.body.len()), (Some("7"), 0));
        // What is not there, or is outside, goes to the app, which knows it not.
        for target in [
            "/static/none",
            "/static/../secret",
            "/static/%2e%2e/secret",
            "/static/link",
            "/statica.css",
            "/static/deep",
        ] {
            let reply = door.get(target);
            assert!(reply.status == 404 || reply.status == 400, "{target}: {reply:?}");
            assert!(!reply.text().contains("secret"), "{target}");
        }
    }
}

#[test]
fn stats_gives_the_known_json() {
    let port = paths::free_port();
    let server = Site::probe().option("workers", 2).option("stats", format!("127.0.0.1:{port}")).start();
    for _ in 0..5 {
        server.get("/hello").expect(200);
    }
    let mut stream = Address::Port(port).connect().unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let stats: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(stats["pid"].as_i64(), Some(server.pid().into()));
    let workers = stats["workers"].as_array().unwrap();
    assert_eq!(workers.len(), 2);
    assert_eq!(workers.iter().map(|w| w["requests"].as_u64().unwrap()).sum::<u64>(), 5);
    for key in [
        "id",
        "pid",
        "accepting",
        "exceptions",
        "harakiri_count",
        "status",
        "rss",
        "last_spawn",
        "respawn_count",
        "tx",
        "avg_rt",
        "cores",
    ] {
        assert!(workers[0].get(key).is_some(), "{key}: {text}");
    }
    assert_eq!(stats["sockets"].as_array().unwrap().len(), 2);
}

#[test]
fn a_refused_option_says_what_to_use_instead() {
    let failure = Site::probe().option("subscribe-to", "10.0.0.1:4040").refused();
    assert_eq!(failure.code, Some(1), "{failure:?}");
    assert!(failure.text.contains("subscribe-to") && failure.text.contains("uwsgi.ini:"), "{failure:?}");
}

#[test]
fn help_and_version() {
    for name in ["uswgi-master", "uswgi-ctl", "uswgi-conf"] {
        for word in ["--help", "--version"] {
            let mut command = process::command(paths::command(name));
            command.arg(word);
            let out = process::run(command, uswgi_tests::wait::PATIENCE);
            assert_eq!(out.status.code(), Some(0), "{name} {word}: {out:?}");
            assert!(!out.stdout.is_empty() && out.stderr.is_empty(), "{name} {word}: {out:?}");
        }
        // A closed pipe is no crash.
        let mut shell = process::command("/bin/sh");
        shell.arg("-c").arg(format!("'{}' --help | true", paths::command(name).display()));
        let out = process::run(shell, uswgi_tests::wait::PATIENCE);
        assert!(!String::from_utf8_lossy(&out.stderr).contains("panicked"), "{name}: {out:?}");
    }
}
