//! The Debian package: that `make deb` makes one, and what is in it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use uswgi_tests::temp::TempDir;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Site, paths, process};

fn dpkg_deb(words: &[&str], package: &str) -> String {
    let mut command = process::command(paths::tool("dpkg-deb"));
    command.arg(words[0]).arg(package).args(&words[1..]);
    process::good(command, PATIENCE)
}

#[test]
fn make_deb_packs_what_is_installed() {
    let dir = TempDir::new();
    let mut make = process::command(paths::tool("make"));
    make.args(["-s", "deb", "DEB_FLAGS=--fast", "DEB_REVISION=7"]).current_dir(paths::root());
    make.arg(format!("BUILT={}", paths::bin_dir().display()));
    make.arg(format!("DIST={}", dir.path().display()));
    let said = process::good(make, PATIENCE * 4);
    let package = said.lines().last().unwrap_or_default().trim().to_string();
    let field = |name: &str| dpkg_deb(&["--field", name], &package).trim().to_string();
    assert_eq!(field("Package"), "uswgi");
    assert_eq!(field("Version"), format!("{}-7", env!("CARGO_PKG_VERSION")));
    let depends = field("Depends");
    assert!(depends.contains("libc6 (>= 2.") && depends.contains("python3 (>= 3.9)"), "{depends}");

    // What it would put onto a machine; the parts find each other there.
    let root = dir.join("root");
    dpkg_deb(&["--extract", &root.display().to_string()], &package);
    let mode = |name: &str| {
        let meta = fs::metadata(root.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        meta.permissions().mode() & 0o7777
    };
    for name in ["uswgi-master", "uswgi-emperor", "uswgi-worker", "uswgi-ctl", "uswgi-conf"] {
        assert_eq!(mode(&format!("usr/bin/{name}")), 0o755);
        assert_eq!(mode(&format!("usr/share/bash-completion/completions/{name}")), 0o644);
        assert_eq!(mode(&format!("usr/share/zsh/vendor-completions/_{name}")), 0o644);
        assert_eq!(mode(&format!("usr/share/fish/vendor_completions.d/{name}.fish")), 0o644);
    }
    for page in fs::read_dir(paths::root().join("man")).unwrap().flatten() {
        let name = page.file_name().to_string_lossy().into_owned();
        let Some(section) = name.rsplit('.').next().filter(|s| s.parse::<u8>().is_ok()) else { continue };
        assert_eq!(mode(&format!("usr/share/man/man{section}/{name}.gz")), 0o644);
    }
    for unit in fs::read_dir(paths::root().join("systemd")).unwrap().flatten() {
        let name = unit.file_name().to_string_lossy().trim_end_matches(".in").to_string();
        let file = format!("usr/lib/systemd/system/{name}");
        assert_eq!(mode(&file), 0o644);
        assert!(!fs::read_to_string(root.join(&file)).unwrap().contains("@BINDIR@"), "{name}");
    }
    assert_eq!(mode("usr/lib/uswgi/uswgi_worker.abi3.so"), 0o644);
    assert_eq!(mode("usr/share/doc/uswgi/copyright"), 0o644);
    assert!(!root.join("usr/bin/uwsgi").exists(), "that is an alternative");
    let server = Site::probe().program(root.join("usr/bin/uswgi-master")).start();
    server.get("/hello").expect(200);
    drop(server);
    assert!(fs::metadata(&package).unwrap().len() < 30_000_000, "line tables are left out");

    // All below /etc is a file of the site's administrator from then on.
    let control = dir.join("control");
    dpkg_deb(&["--control", &control.display().to_string()], &package);
    let conffiles = fs::read_to_string(control.join("conffiles")).unwrap();
    let conffiles: BTreeSet<&str> = conffiles.lines().collect();
    assert_eq!(conffiles, BTreeSet::from(["/etc/uwsgi/emperor.ini", "/etc/uwsgi/vassals/README"]));
    for name in &conffiles {
        assert_eq!(mode(&name[1..]), 0o644);
    }
    let listed = dpkg_deb(&["--contents"], &package);
    let in_etc = listed.lines().filter(|l| l.starts_with('-') && l.contains(" ./etc/")).count();
    assert_eq!(in_etc, conffiles.len(), "{listed}");
    for name in ["postinst", "prerm", "postrm"] {
        let script = fs::read_to_string(control.join(name)).unwrap();
        let ours = fs::read_to_string(paths::root().join("packaging/deb/scripts").join(name)).unwrap();
        assert_eq!(script.trim(), ours.trim(), "{name}");
    }
    // uWSGI's own packages have 75, and 35 for its other builds.
    let script = fs::read_to_string(control.join("postinst")).unwrap();
    assert!(script.contains("/usr/bin/uwsgi uwsgi /usr/bin/uswgi-master 30 "), "{script}");
}
