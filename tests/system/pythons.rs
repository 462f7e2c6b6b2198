//! The same build serves every CPython that the machine has, each in the virtualenv that `home` names.

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
fn the_module_links_no_libpython() {
    let module = paths::command("libuswgi_worker.so");
    let mut readelf = uswgi_tests::process::command(paths::tool("readelf"));
    readelf.arg("-d").arg(&module);
    let out = uswgi_tests::process::run(readelf, uswgi_tests::wait::PATIENCE);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && text.contains("NEEDED"), "{text}");
    assert!(!text.contains("libpython"), "{text}");
}
