//! The deploy script of `examples/deploy`, under load: good code goes live without a lost request, broken code does not.

use nix::sys::signal::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use uswgi_tests::request::Address;
use uswgi_tests::temp::TempDir;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Load, Server, Site, paths, process, until};

fn script() -> PathBuf {
    paths::root().join("examples/deploy/deploy.sh")
}

/// A checkout with its origin, and an instance that serves from it.
struct Deployed {
    dir: TempDir,
    server: Server,
}

impl Deployed {
    fn git(dir: &Path, words: &[&str]) -> String {
        let mut git = process::command(paths::tool("git"));
        git.arg("-C").arg(dir).args(["-c", "user.name=t", "-c", "user.email=t@example.org"]).args(words);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        process::good(git, PATIENCE)
    }

    fn app(version: &str) -> String {
        format!(
            "VERSION = b'{version}'\ndef application(environ, start_response):\n    start_response('200 OK', [('Content-Length', str(len(VERSION)))])\n    return [VERSION]\n"
        )
    }

    fn new() -> Deployed {
        let dir = TempDir::new();
        let (origin, site) = (dir.join("origin"), dir.join("site"));
        fs::create_dir(&origin).unwrap();
        let port = paths::free_port();
        let ini = format!(
            "[uwsgi]\nhttp-socket = 127.0.0.1:{port}\nchdir = %d\nmodule = app\nhome = {}\nworkers = 2\nthreads = 2\n\
             reload-mercy = 20\npidfile = {}\nenv = PYTHONDONTWRITEBYTECODE=1\n",
            paths::pythons()[0].1.display(),
            dir.join("site.pid").display()
        );
        fs::write(origin.join("uwsgi.ini"), ini).unwrap();
        fs::write(origin.join("app.py"), Deployed::app("one")).unwrap();
        Deployed::git(&origin, &["init", "--quiet"]);
        Deployed::git(&origin, &["add", "."]);
        Deployed::git(&origin, &["commit", "--quiet", "-m", "one"]);
        Deployed::git(dir.path(), &["clone", "--quiet", "origin", "site"]);
        let start = Site::new().arg("--ini").arg(site.join("uwsgi.ini").display());
        Deployed { dir, server: start.at_http(Address::Port(port)).start() }
    }

    fn commit(&self, text: &str) {
        let origin = self.dir.join("origin");
        fs::write(origin.join("app.py"), text).unwrap();
        Deployed::git(&origin, &["commit", "--quiet", "-am", "more"]);
    }

    /// Run the script; its exit code and what it said.
    fn deploy(&self) -> (Option<i32>, String) {
        let mut script = process::command(self::script());
        let path = std::env::var("PATH").unwrap_or_default();
        script.arg(self.dir.join("site")).env("PATH", format!("{}:{path}", paths::bin_dir().display()));
        script.env("PYTHONDONTWRITEBYTECODE", "1");
        let out = process::run(script, PATIENCE);
        (
            out.status.code(),
            String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned(),
        )
    }
}

#[test]
fn a_deploy_without_downtime() {
    assert!(fs::read_to_string(script()).unwrap().lines().count() <= 10);
    let deployed = Deployed::new();
    let load = Load::start(&deployed.server.doors(), 4, "/");
    load.wait_more(50);
    deployed.commit(&Deployed::app("two"));
    let (code, said) = deployed.deploy();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        deployed.server.get("/").expect(200).text(),
        "two",
        "after exit 0 every worker runs the new code"
    );
    load.wait_more(50);
    // Code that does not import, and code that imports and is no application.
    for broken in ["import a_module_that_is_not_there\n", "application = None\n"] {
        deployed.commit(broken);
        let (code, said) = deployed.deploy();
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("serves on"), "{said}");
        assert_eq!(deployed.server.get("/").expect(200).text(), "two");
        load.wait_more(50);
    }
    let log = deployed.server.log();
    assert!(!log.contains("a_module_that_is_not_there"), "the broken code reached the instance: {log}");
    deployed.commit(&Deployed::app("three"));
    let (code, said) = deployed.deploy();
    assert_eq!(code, Some(0), "{said}");
    let seen = load.stop();
    assert!(seen.failures.is_empty(), "{:?}", &seen.failures[..seen.failures.len().min(5)]);
    assert!(["one", "two"].iter().all(|v| seen.bodies.contains_key(*v)), "{:?}", seen.bodies);
    // Whoever starts after a refused deploy meets the code that served, not the broken one.
    deployed.commit("broken(\n");
    assert_eq!(deployed.deploy().0, Some(1));
    let before = deployed.server.worker_pids();
    before
        .iter()
        .copied()
        .chain(deployed.server.template())
        .for_each(|pid| process::send(pid, Signal::SIGKILL));
    let replaced = || deployed.server.worker_pids().iter().any(|pid| !before.contains(pid)).then_some(());
    until("other workers", replaced);
    assert_eq!(deployed.server.get("/").expect(200).text(), "three");
}
