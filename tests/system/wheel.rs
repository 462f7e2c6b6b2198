//! The source distribution builds one wheel, and the wheel serves on every CPython of the machine, each time with
//! nothing but the virtualenv that it was installed into.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use uswgi_tests::temp::{TempDir, names};
use uswgi_tests::{Site, paths, process};

/// A release build on a machine that is busy otherwise: 23 minutes were seen.
const LONG: Duration = Duration::from_secs(3600);

fn good(command: Command) -> String {
    process::good(command, LONG)
}

/// A folder beside the build that the tests run, so that a second run finds its release build.
fn kept(name: &str) -> PathBuf {
    let dir = paths::bin_dir().join("../wheel").join(name);
    fs::create_dir_all(&dir).unwrap();
    fs::canonicalize(dir).unwrap()
}

/// Where `make wheel` has its tools.
fn tools() -> PathBuf {
    kept("maker")
}

/// A target of the Makefile in this folder, what it makes into another one: the one file there.
fn made(target: &str, folder: &Path, into: &Path) -> PathBuf {
    let python = fs::canonicalize(paths::venv().join("bin/python")).unwrap();
    let mut make = process::command(paths::tool("make"));
    make.arg("-s").arg("-C").arg(folder).arg(target).env("CARGO_TARGET_DIR", kept("target"));
    // What is in it and where it runs is tried, not its speed: optimised it takes three times as long to build.
    let quick = [("LTO", "off"), ("OPT_LEVEL", "0"), ("DEBUG", "0"), ("CODEGEN_UNITS", "16")];
    make.envs(quick.map(|(name, value)| (format!("CARGO_PROFILE_RELEASE_{name}"), value)));
    let set = [("PYTHON", &python), ("WHEEL_VENV", &tools()), ("DIST", &into.to_path_buf())];
    make.args(set.map(|(name, value)| format!("{name}={}", value.display())));
    good(make);
    let found = names(into);
    assert_eq!(found.len(), 1, "{found:?}");
    into.join(&found[0])
}

/// The wheel that is built from a source distribution, unpacked always at the same place, for cargo's sake.
fn wheel(sdist: &Path, into: &Path) -> PathBuf {
    let source = kept("source");
    fs::remove_dir_all(&source).unwrap();
    fs::create_dir(&source).unwrap();
    let mut tar = process::command(paths::tool("tar"));
    tar.args(["-x", "--strip-components=1", "-f"]).arg(sdist).arg("-C").arg(&source);
    good(tar);
    made("wheel", &source, into)
}

/// Prints the METADATA of a wheel.
const METADATA: &str = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); \
    print(*(z.read(n).decode() for n in z.namelist() if n.endswith('/METADATA')))";

#[test]
fn the_sdist_makes_a_wheel_that_serves_on_every_python() {
    let dir = TempDir::new();
    let sdist = made("sdist", &paths::root(), &dir.join("sdist"));
    let wheel = wheel(&sdist, &dir.join("wheel"));
    let python = tools().join("bin/python");
    // auditwheel gives that name where nothing asks for a newer glibc; what is built without its care asks for 2.34.
    let name = wheel.file_name().unwrap().to_string_lossy().into_owned();
    let tag = format!("-cp39-abi3-manylinux_2_28_{}.whl", std::env::consts::ARCH);
    assert!(name.ends_with(&tag), "{name}");
    let mut unzip = process::command(&python);
    unzip.args(["-c", METADATA]).arg(&wheel);
    let metadata = good(unzip);
    for line in ["Name: uswgi", "Requires-Python: >=3.9", "License-Expression: MIT OR Apache-2.0", "# uswgi"]
    {
        assert!(metadata.lines().any(|l| l == line), "{line}: {metadata}");
    }
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
