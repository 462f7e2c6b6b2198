//! `make install` and `make uninstall`: what they put where, that it serves from there, and that nothing is left.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use uswgi_tests::temp::TempDir;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Site, paths, process};

/// `make` in the checkout; what is installed is what the tests run.
fn make(words: &[&str]) -> String {
    make_from(&paths::bin_dir(), words)
}

/// `make` in the checkout; what is installed stands in `built`.
fn make_from(built: &Path, words: &[&str]) -> String {
    let mut make = process::command(paths::tool("make"));
    make.arg("-s").current_dir(paths::root()).args(words);
    make.arg(format!("BUILT={}", built.display()));
    process::good(make, PATIENCE)
}

/// Files and links below a folder, with their modes.
fn tree(root: &Path) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let (path, meta) = (entry.path(), entry.path().symlink_metadata().unwrap());
            if meta.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, meta.permissions().mode() & 0o7777);
            }
        }
    }
    found
}

fn serves(bin: &Path) {
    let server = Site::probe().program(bin.join("uswgi-master")).start();
    assert_eq!(server.get("/hello").expect(200).text(), "hello");
}

#[test]
fn everything_is_installed_serves_and_is_removed() {
    let dir = TempDir::new();
    let prefix = format!("PREFIX={}", dir.path().display());
    // What others have there stays.
    fs::create_dir_all(dir.join("bin")).unwrap();
    fs::write(dir.join("bin/other"), "").unwrap();
    let before = tree(dir.path());
    make(&["install", &prefix]);
    let after = tree(dir.path());
    for name in ["uswgi-master", "uswgi-emperor", "uswgi-worker", "uswgi-ctl", "uswgi-conf"] {
        assert_eq!(after.get(&format!("bin/{name}")), Some(&0o755), "{after:?}");
    }
    for page in fs::read_dir(paths::root().join("man")).unwrap().flatten() {
        let name = page.file_name().to_string_lossy().into_owned();
        let Some(section) = name.rsplit('.').next().filter(|s| s.parse::<u8>().is_ok()) else { continue };
        assert_eq!(after.get(&format!("share/man/man{section}/{name}")), Some(&0o644), "{name}: {after:?}");
    }
    for name in [
        "lib/uswgi/uswgi_worker.abi3.so",
        "lib/systemd/system/uswgi@.service",
        "lib/systemd/system/uswgi@.socket",
        "lib/systemd/system/uswgi-app@.service",
        "lib/systemd/system/uswgi-app@.socket",
        "lib/systemd/system/uswgi-emperor.service",
        "share/bash-completion/completions/uswgi-ctl",
        "share/zsh/site-functions/_uswgi-ctl",
        "share/fish/vendor_completions.d/uswgi-ctl.fish",
    ] {
        assert_eq!(after.get(name), Some(&0o644), "{name}: {after:?}");
    }
    assert!(!after.contains_key("bin/uwsgi"), "an alias that nobody asked for");
    serves(&dir.join("bin"));
    make(&["uninstall", &prefix]);
    assert_eq!(tree(dir.path()), before);
    assert!(!dir.join("lib/uswgi").exists());
}

/// Line tables are for debuggers, and most of the size. Whether this build has any is its profile's business
/// (`CARGO_PROFILE_DEV_DEBUG`), so some are put into copies of it.
#[test]
fn what_only_debuggers_read_is_left_out() {
    let dir = TempDir::new();
    let built = dir.join("built");
    fs::create_dir(&built).unwrap();
    fs::write(dir.join("table"), "a line table").unwrap();
    let add = format!(".debug_line={}", dir.join("table").display());
    let sections = |file: &Path| {
        let mut readelf = process::command(paths::tool("readelf"));
        readelf.args(["--section-headers", "--wide"]).arg(file);
        process::good(readelf, PATIENCE)
    };
    let parts =
        ["uswgi-master", "uswgi-emperor", "uswgi-worker", "uswgi-ctl", "uswgi-conf", "libuswgi_worker.so"];
    for name in parts {
        let mut objcopy = process::command(paths::tool("objcopy"));
        objcopy.args(["--remove-section", ".debug_line", "--add-section", &add]);
        process::good(
            {
                objcopy.arg(paths::bin_dir().join(name)).arg(built.join(name));
                objcopy
            },
            PATIENCE,
        );
        assert!(sections(&built.join(name)).contains(".debug_line"), "{name}");
    }
    make_from(&built, &["install", &format!("PREFIX={}", dir.path().display())]);
    for name in parts {
        let file = match name {
            "libuswgi_worker.so" => dir.join("lib/uswgi/uswgi_worker.abi3.so"),
            command => dir.join("bin").join(command),
        };
        let text = sections(&file);
        assert!(text.contains(".text") && !text.contains(".debug_line"), "{name}: {text}");
    }
}

#[test]
fn a_package_is_staged_below_destdir() {
    let dir = TempDir::new();
    let destdir = format!("DESTDIR={}", dir.path().display());
    make(&["install", &destdir, "PREFIX=/usr", "UNITDIR=/etc/systemd/system"]);
    let unit = fs::read_to_string(dir.join("etc/systemd/system/uswgi@.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/uswgi-master "), "{unit}");
    assert!(!unit.contains("@BINDIR@"), "{unit}");
    // It finds its parts below any folder.
    serves(&dir.join("usr/bin"));
    make(&["uninstall", &destdir, "PREFIX=/usr", "UNITDIR=/etc/systemd/system"]);
    assert_eq!(tree(dir.path()), BTreeMap::new());
}

#[test]
fn the_alias_is_asked_for() {
    let dir = TempDir::new();
    let prefix = format!("PREFIX={}", dir.path().display());
    make(&["install", &prefix, "UWSGI_ALIAS=1"]);
    let alias = dir.join("bin/uwsgi");
    // The other two are names in units of distributions.
    for name in ["uwsgi", "uwsgi_python3", "uwsgi-core"] {
        let alias = dir.join("bin").join(name);
        assert_eq!(fs::read_link(&alias).unwrap(), PathBuf::from("uswgi-master"));
        let server = Site::probe().program(alias).start();
        server.get("/hello").expect(200);
    }
    make(&["uninstall", &prefix]);
    assert_eq!(tree(dir.path()), BTreeMap::new());
    // Somebody else's uwsgi is not ours to remove.
    fs::write(&alias, "the original").unwrap();
    make(&["uninstall", &prefix]);
    assert!(alias.exists());
}

#[test]
fn the_units_are_what_systemd_wants() {
    let dir = TempDir::new();
    let prefix = format!("PREFIX={}", dir.path().display());
    make(&["install", &prefix]);
    let mut verify = process::command(paths::tool("systemd-analyze"));
    verify.args(["verify", "--man=no"]);
    let units = dir.join("lib/systemd/system");
    let names = [
        "uswgi@.service",
        "uswgi@.socket",
        "uswgi-app@.service",
        "uswgi-app@.socket",
        "uswgi-emperor.service",
    ];
    verify.args(names.map(|name| units.join(name)));
    // Findings go to stderr; the exit code is 0 for many of them.
    let text = process::good(verify, PATIENCE);
    assert_eq!(text.trim(), "");
    // A unit with a mistake is found: the check is one.
    let unit = units.join("uswgi@.service");
    let wrong = fs::read_to_string(&unit).unwrap().replace("KillMode=mixed", "KillMode=gently");
    fs::write(&unit, wrong).unwrap();
    let mut verify = process::command(paths::tool("systemd-analyze"));
    verify.args(["verify", "--man=no"]).arg(&unit);
    let out = process::run(verify, PATIENCE);
    assert!(String::from_utf8_lossy(&out.stderr).contains("gently"), "{out:?}");
}

/// `make run` and `make install` on a new clone: the packages of `make release` have all that is installed. The module was a
/// package of its own that the release did not build.
#[test]
fn a_release_builds_all_that_is_installed() {
    let mut make = process::command(paths::tool("make"));
    make.arg("-n").current_dir(paths::root()).arg("release");
    let plan = process::good(make, PATIENCE);
    let line = plan.lines().find(|l| l.contains(" build ")).expect("a build");
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |flag: &str| -> Vec<&str> {
        words.windows(2).filter(|pair| pair[0] == flag).map(|pair| pair[1]).collect()
    };
    let mut cargo = process::command(paths::tool("cargo"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(paths::root());
    let all: serde_json::Value = serde_json::from_str(&process::good(cargo, PATIENCE)).unwrap();
    let mut built = Vec::new();
    for package in all["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let chosen = match words.contains(&"--workspace") {
            true => !after("--exclude").contains(&name),
            false => after("-p").contains(&name),
        };
        for target in package["targets"].as_array().unwrap().iter().filter(|_| chosen) {
            let kind = target["kind"][0].as_str().unwrap();
            if ["bin", "cdylib"].contains(&kind) {
                built.push(target["name"].as_str().unwrap().to_string());
            }
        }
    }
    built.sort();
    assert_eq!(
        built,
        ["uswgi-conf", "uswgi-ctl", "uswgi-emperor", "uswgi-master", "uswgi-worker", "uswgi_worker"],
        "{line}"
    );
}
