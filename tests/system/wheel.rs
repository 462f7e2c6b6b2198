//! The source distribution builds one wheel, and the wheel serves on every CPython of the machine, each time with
//! nothing but the virtualenv that it was installed into.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use uswgi_tests::temp::{TempDir, names};
use uswgi_tests::{Site, paths, process};

/// A release build on a slow machine.
const LONG: Duration = Duration::from_secs(1500);

fn good(command: Command) -> String {
    process::good(command, LONG)
}

/// A folder beside the build that the tests run, so that a second run finds its release build.
fn kept(name: &str) -> PathBuf {
    let dir = paths::bin_dir().join("../wheel").join(name);
    fs::create_dir_all(&dir).unwrap();
    fs::canonicalize(dir).unwrap()
}

/// A python with what `pyproject.toml` wants for a build.
fn tools() -> PathBuf {
    let venv = kept("tools");
    let python = venv.join("bin/python");
    if !venv.join(".ready").exists() {
        let mut make = process::command(fs::canonicalize(paths::venv().join("bin/python")).unwrap());
        make.args(["-m", "venv", "--clear"]).arg(&venv);
        good(make);
        let mut pip = process::command(&python);
        pip.args(["-m", "pip", "install", "-q", "--disable-pip-version-check"]);
        pip.args(["setuptools>=77", "setuptools-rust>=1.10", "wheel"]);
        good(pip);
        fs::write(venv.join(".ready"), "").unwrap();
    }
    python
}

/// The source distribution of this checkout.
fn sdist(python: &Path, into: &Path) -> PathBuf {
    let mut make = process::command(python);
    make.current_dir(paths::root()).arg("-c");
    make.arg("import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])").arg(into);
    good(make);
    let found = names(into);
    assert_eq!(found.len(), 1, "{found:?}");
    into.join(&found[0])
}

/// The wheel that is built from it, unpacked always at the same place, for cargo's sake.
fn wheel(python: &Path, sdist: &Path, into: &Path) -> PathBuf {
    let source = kept("source");
    fs::remove_dir_all(&source).unwrap();
    fs::create_dir(&source).unwrap();
    let mut tar = process::command(paths::tool("tar"));
    tar.args(["-x", "--strip-components=1", "-f"]).arg(sdist).arg("-C").arg(&source);
    good(tar);
    let mut pip = process::command(python);
    pip.args([
        "-m",
        "pip",
        "wheel",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "-w",
    ]);
    pip.arg(into).arg(&source).env("CARGO_TARGET_DIR", kept("target"));
    good(pip);
    let found = names(into);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("-cp39-abi3-"), "{found:?}");
    into.join(&found[0])
}

#[test]
fn the_sdist_makes_a_wheel_that_serves_on_every_python() {
    let dir = TempDir::new();
    let python = tools();
    let sdist = sdist(&python, &dir.join("sdist"));
    let wheel = wheel(&python, &sdist, &dir.join("wheel"));
    for (tag, other) in paths::pythons() {
        let venv = dir.join(&format!("venv-{tag}"));
        let mut make = process::command(fs::canonicalize(other.join("bin/python")).unwrap());
        make.args(["-m", "venv", "--without-pip"]).arg(&venv);
        good(make);
        let pip = |words: &[&str]| {
            let mut pip = process::command(&python);
            pip.args(["-m", "pip", "--disable-pip-version-check", "--python"]).arg(venv.join("bin/python"));
            good({
                pip.args(words);
                pip
            })
        };
        pip(&["install", "-q", "--no-index", &wheel.display().to_string()]);
        for name in ["uswgi-master", "uswgi-emperor", "uswgi-worker", "uswgi-ctl", "uswgi-conf"] {
            assert!(venv.join("bin").join(name).exists(), "{tag}: {name} is not installed");
        }
        assert!(!venv.join("bin/uwsgi").exists(), "an alias that nobody asked for");
        // Type checkers find the modules that the worker brings.
        let lib =
            fs::read_dir(venv.join("lib")).unwrap().flatten().next().unwrap().path().join("site-packages");
        for stubs in ["uwsgi-stubs", "uwsgidecorators-stubs"] {
            assert!(lib.join(stubs).join("__init__.pyi").exists(), "{tag}: {stubs} is not installed");
        }
        assert!(venv.join("share/man/man8/uswgi-master.8").exists(), "{tag}: no man pages");
        // No home: a master in a virtualenv uses that virtualenv.
        let site = Site::new().app("probe").both().program(venv.join("bin/uswgi-master"));
        let server = site.start();
        for door in server.doors() {
            assert_eq!(door.get("/hello").expect(200).text(), "hello", "{tag}");
        }
        assert_eq!(server.get("/python").json()["prefix"].as_str(), venv.to_str(), "{tag}");
        drop(server);
        pip(&["uninstall", "-q", "-y", "uswgi"]);
        let mut find = process::command("/usr/bin/find");
        find.arg(&venv).args(["-name", "*uswgi*"]);
        assert_eq!(good(find), "", "{tag}: left behind");
    }
}

#[test]
fn home_wins_over_the_virtualenv_of_the_master() {
    // A virtualenv that holds the commands, as pip makes one, and another one that the configuration names.
    let pythons = paths::pythons();
    let dir = TempDir::new();
    let venv = dir.join("venv");
    let mut make = process::command(fs::canonicalize(pythons[0].1.join("bin/python")).unwrap());
    make.args(["-m", "venv", "--without-pip"]).arg(&venv);
    good(make);
    for name in ["uswgi-master", "uswgi-worker", "libuswgi_worker.so"] {
        process::install(&paths::command(name), &venv.join("bin").join(name));
    }
    let prefix = |site: Site| {
        let server = site.program(venv.join("bin/uswgi-master")).start();
        server.get("/python").json()["prefix"].as_str().map(PathBuf::from)
    };
    assert_eq!(prefix(Site::new().app("probe").both()), Some(venv.clone()));
    for (_, other) in &pythons {
        assert_eq!(prefix(Site::new().app("probe").both().home(other)), Some(other.clone()));
    }
    let other = &pythons[pythons.len() - 1].1;
    assert_eq!(
        prefix(Site::new().app("probe").both().env("VIRTUAL_ENV", other.display())),
        Some(other.clone())
    );
}
