//! The same build serves every CPython that the machine has, each in the virtualenv that `home` names.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use uswgi_proto::exit::Exit;
use uswgi_tests::temp::TempDir;
use uswgi_tests::{Request, Site, paths};

#[test]
fn every_cpython_serves() {
    if paths::original().is_some() {
        return;
    }
    for (tag, venv) in paths::pythons() {
        let server =
            Site::new().app("probe").home(&venv).both().option("workers", 2).option("threads", 2).start();
        for door in server.doors() {
            let python = door.get("/python").expect(200).json();
            let version: Vec<String> =
                python["version"].as_array().unwrap().iter().map(|n| n.to_string()).collect();
            assert!(tag.starts_with(&version.join(".")), "{tag} served by {version:?}");
            assert_eq!(python["prefix"].as_str(), venv.to_str(), "sys.prefix of {tag}");
            assert!(
                python["path"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|p| p.as_str().unwrap_or("").starts_with(venv.to_str().unwrap())),
                "{tag}: {python}"
            );
            let request = Request::post_pattern("/digest", 1 << 20);
            assert_eq!(
                door.ask(&request).expect(200).json()["sha256"],
                request.body.unwrap().sha256(),
                "{tag}"
            );
            door.get("/raise_before").expect(500);
            assert_eq!(door.get("/generator").expect(200).text(), "piece 0\npiece 1\npiece 2\n", "{tag}");
        }
    }
}

#[test]
fn which_python_runs_is_said_where_people_look() {
    if paths::original().is_some() {
        return;
    }
    for (tag, venv) in paths::pythons() {
        let version = tag.split('-').next().unwrap_or_default();
        let which = format!("Python {version} of {} (home)", venv.display());
        let server = Site::new().app("probe").home(&venv).both().option("workers", 2).start();
        let log = server.wait_log("ready: generation 1");
        let first: Vec<&str> = log.lines().take(3).collect();
        assert!(first.iter().any(|l| l.ends_with(&format!("generation 1 runs on {which}"))), "{log}");
        assert!(String::from_utf8_lossy(&server.ctl(&["status"]).stdout).contains(&which), "{which}");
        let json = server.ctl(&["--json", "status"]).stdout;
        let seen: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(seen["python"], which.as_str());
        server.reload();
        assert_eq!(server.log().matches(&which).count(), 1, "it is no news: {}", server.log());
        // A module that is missing is mostly missing in this Python alone.
        for lazy in [false, true] {
            let site = Site::new().app("probe").home(&venv).both().without("module");
            let site = site.source("wants.py", "import not_here_at_all\n").option("module", "wants");
            let failure = site.option("lazy-apps", lazy).refused();
            let line = format!("ModuleNotFoundError: No module named 'not_here_at_all', in {which}");
            assert!(failure.text.lines().any(|l| l == line), "{failure:?}");
        }
    }
}

#[test]
fn a_reload_onto_another_python_says_so() {
    if paths::original().is_some() || paths::pythons().len() < 2 {
        return;
    }
    let pythons = paths::pythons();
    let dir = TempDir::new();
    let home = dir.join("venv");
    symlink(&pythons[0].1, &home).unwrap();
    let server = Site::new().app("probe").home(&home).both().start();
    fs::remove_file(&home).unwrap();
    symlink(&pythons[1].1, &home).unwrap();
    server.reload();
    let version = pythons[1].0.split('-').next().unwrap_or_default();
    let which = format!("Python {version} of {} (home)", home.display());
    assert!(server.log().contains(&format!("generation 2 runs on {which}")), "{}", server.log());
    assert!(String::from_utf8_lossy(&server.ctl(&["status"]).stdout).contains(&which), "{which}");
}

#[test]
fn why_there_is_no_interpreter_stands_in_the_message() {
    if paths::original().is_some() {
        return;
    }
    let why = "there is no usable Python interpreter: home = ";
    let dir = TempDir::new();
    for lazy in [false, true] {
        // The launcher's own line is in that file.
        let site = Site::probe().without("home").option("home", "/nowhere/venv").option("lazy-apps", lazy);
        let log = dir.join("log");
        let failure = site.option("logto", log.display()).refused();
        assert_eq!(failure.code, Some(Exit::NoInterpreter.code()), "{failure:?}");
        let told = format!("{why}/nowhere/venv: there is no such directory");
        assert!(failure.text.contains(&told), "{failure:?}");
        assert!(fs::read_to_string(log).unwrap().contains(&told), "{failure:?}");
    }
    let home = dir.join("venv");
    symlink(paths::venv(), &home).unwrap();
    let server = Site::probe().home(&home).start();
    fs::remove_file(&home).unwrap();
    let out = server.ctl(&["reload", "--wait"]);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && told.contains(why), "{told}");
    // One that cannot be used says so itself: this one takes itself for free-threaded.
    let odd = dir.join("odd");
    fs::create_dir_all(odd.join("bin")).unwrap();
    let real = paths::venv().join("bin/python3");
    let script = format!(
        "#!/bin/sh\nexec {} -c 'import sys; sys.abiflags = \"t\"; exec(sys.argv[1])' \"$2\"\n",
        real.display()
    );
    fs::write(odd.join("bin/python3"), script).unwrap();
    fs::set_permissions(odd.join("bin/python3"), fs::Permissions::from_mode(0o755)).unwrap();
    let failure = Site::probe().home(&odd).refused();
    assert_eq!(failure.code, Some(Exit::NoInterpreter.code()), "{failure:?}");
    let start = "there is no usable Python interpreter: cannot use the interpreter ";
    assert!(failure.text.contains(start) && failure.text.contains("free-threaded build"), "{failure:?}");
}

#[test]
fn the_module_links_no_libpython() {
    let module = paths::command("libuswgi_worker.so");
    let mut readelf = uswgi_tests::process::command(paths::tool("readelf"));
    readelf.arg("-d").arg(&module);
    let out = uswgi_tests::process::run(readelf, uswgi_tests::wait::PATIENCE);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && text.contains("NEEDED"), "{text}");
    assert!(!text.contains("libpython"), "{text}");
}
