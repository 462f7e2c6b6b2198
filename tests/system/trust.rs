//! What the documents promise about the code, counted: unsafe blocks, licences, the oldest Rust, circles of imports.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use uswgi_tests::temp::TempDir;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{paths, process};

/// Rust files of the four tools and their contract, by their path from the checkout.
fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(paths::root()).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("uswgi-") {
            collect(&entry.path(), &mut found);
        }
    }
    found
}

fn collect(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(paths::root()).unwrap().display().to_string();
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// Blocks, functions and implementations that are unsafe; a type of a C function is none.
fn unsafe_blocks(text: &str) -> usize {
    let code = text.lines().map(|l| l.split("//").next().unwrap_or_default());
    let starts = |rest: &str| ["{", "impl ", "fn ", "extern \"C\" {"].iter().any(|s| rest.starts_with(s));
    code.map(|l| l.match_indices("unsafe ").filter(|(i, w)| starts(&l[i + w.len()..])).count()).sum()
}

#[test]
fn every_unsafe_block_is_in_the_inventory() {
    let text = fs::read_to_string(paths::root().join("docs/UNSAFE.md")).unwrap();
    let sources = sources();
    assert!(sources.len() > 150, "{}", sources.len());
    let everything: String = sources.values().cloned().collect::<String>() + &tests();
    let mut listed = BTreeMap::new();
    for row in text.lines().filter(|l| l.starts_with("| uswgi-")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [file, blocks, _, why, tests] = cells[..] else { panic!("five columns: {row}") };
        assert!(why.len() > 5, "{row}");
        listed.insert(file.to_string(), blocks.parse::<usize>().unwrap());
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for test in named {
            assert!(everything.contains(&format!("fn {test}()")), "{file}: there is no test {test}");
        }
    }
    let found: BTreeMap<String, usize> = sources
        .iter()
        .filter(|(name, _)| name.contains("/src/"))
        .map(|(name, text)| (name.clone(), unsafe_blocks(text)))
        .filter(|(_, n)| *n > 0)
        .collect();
    assert_eq!(found, listed, "left: in the code, right: in docs/UNSAFE.md");
}

fn tests() -> String {
    let mut found = BTreeMap::new();
    collect(&paths::root().join("tests"), &mut found);
    found.into_values().collect()
}

#[test]
fn unsafe_is_counted() {
    assert_eq!(unsafe_blocks("let x = unsafe { a() } + unsafe { b() };\nunsafe impl Send for X {}"), 3);
    assert_eq!(
        unsafe_blocks("// unsafe { }\n#![forbid(unsafe_code)]\ntype F = unsafe extern \"C\" fn();"),
        0
    );
}

/// What cargo says about every package in Cargo.lock.
fn packages() -> Vec<serde_json::Value> {
    let mut cargo = process::command(paths::tool("cargo"));
    cargo.current_dir(paths::root()).args(["metadata", "--locked", "--offline", "--format-version", "1"]);
    let out = process::run(cargo, PATIENCE);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    text["packages"].as_array().unwrap().clone()
}

#[test]
fn every_dependency_may_be_used() {
    let allowed = [
        "MIT",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-3-Clause",
        "ISC",
        "Unicode-3.0",
        "Zlib",
        "CC0-1.0",
    ];
    let packages = packages();
    assert!(packages.len() > 50, "{}", packages.len());
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        if let Some(from) = package["source"].as_str() {
            assert!(
                from.starts_with("registry+https://github.com/rust-lang/crates.io-index"),
                "{name}: {from}"
            );
        }
        // Its licence is in a file, and is the MIT licence.
        if name == "libyaml-safer" {
            continue;
        }
        // Of its files alone, and said in README.md and deny.toml.
        if name == "inferno" {
            assert_eq!(package["license"], "CDDL-1.0");
            continue;
        }
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name} names no licence"));
        // One of several suffices, unless they are joined by AND.
        let every = licence.replace(['(', ')'], "");
        let good = every.split(" AND ").all(|part| {
            part.split(" OR ").flat_map(|p| p.split('/')).any(|choice| allowed.contains(&choice.trim()))
        });
        assert!(good, "{name}: {licence}");
    }
}

#[test]
fn licences_and_bans_hold_by_cargo_deny() {
    let mut deny = process::command(paths::tool("cargo-deny"));
    deny.current_dir(paths::root()).args(["--offline", "check", "licenses", "bans", "sources"]);
    let out = process::run(deny, PATIENCE);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn the_oldest_rust_is_the_same_everywhere() {
    let root = fs::read_to_string(paths::root().join("Cargo.toml")).unwrap();
    let version = root.split("rust-version = \"").nth(1).and_then(|t| t.split('"').next()).unwrap();
    for package in packages() {
        let (name, wants) = (package["name"].as_str().unwrap(), package["rust_version"].as_str());
        if package["source"].is_null() {
            assert_eq!(wants, Some(version), "{name}");
        }
        // 1.88 and 1.88.0 are the same.
        let numbers = |v: &str| {
            let mut all: Vec<u32> = v.split('.').map(|n| n.parse().unwrap_or(0)).collect();
            all.resize(3, 0);
            all
        };
        assert!(numbers(wants.unwrap_or("1.0")) <= numbers(version), "{name} wants {wants:?}");
    }
    let readme = fs::read_to_string(paths::root().join("README.md")).unwrap();
    assert!(readme.contains(&format!("Rust {version}")), "README.md does not say Rust {version}");
}

/// A crate of files that each import the next one, in every way in which Rust names things; the last imports the first.
fn ring(folder: &Path, files: usize) {
    let source = folder.join("ring/src");
    fs::create_dir_all(source.join("f0")).unwrap();
    fs::write(folder.join("ring/Cargo.toml"), "[package]\nname = \"ring\"\n").unwrap();
    let mods: String = (0..files).map(|i| format!("mod f{i};\n")).collect();
    // What is only handed on makes no circle, and a declaration neither.
    fs::write(source.join("lib.rs"), format!("{mods}pub use f1::Thing as Handed;\n")).unwrap();
    for i in 0..files {
        let next = (i + 1) % files;
        let import = match i {
            0 => "mod below;".into(),
            1 => format!("use {{crate::{{f{next}::{{self, Other as O}}}}, std::io}};"),
            2 => format!("fn f() {{ crate::f{next}::f(\"{{\") }}"),
            3 => format!("use super::f{next}::*;"),
            _ => format!("fn f() -> char {{ super :: f{next} :: g(); '\"' }}"),
        };
        // None of these is an import of a circle.
        let none = "// use crate::f0::X;\n/* crate::f0::f() */ const S: &str = \"crate::f0::f\";\n\
                    #[cfg(test)]\nmod tests { use super::*; use crate::lib::X; }\n";
        fs::write(source.join(format!("f{i}.rs")), format!("{import}\n{none}")).unwrap();
    }
    // Two names of one place, the second through the root.
    fs::write(source.join("f0/below.rs"), "use crate::Handed;\n").unwrap();
}

/// What tests/circles.py says of a workspace.
fn circles(folder: &Path, larger: &[&str]) -> (bool, String) {
    let mut script = process::command(paths::tool("python3"));
    script
        .arg(paths::root().join("tests/circles.py"))
        .args(["--most", "6", "--folder"])
        .arg(folder)
        .args(larger);
    let out = process::run(script, PATIENCE);
    (
        out.status.success(),
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr),
    )
}

#[test]
fn a_circle_of_seven_files_is_found() {
    for (files, last, passes) in [(7, "f6.rs", false), (6, "f5.rs", true)] {
        let dir = TempDir::new();
        ring(dir.path(), files);
        // f0 names nobody but its child, which closes nothing.
        assert_eq!(circles(dir.path(), &[]), (true, String::new()), "{files}");
        fs::write(dir.join("ring/src/f0.rs"), "use crate::Handed;\n").unwrap();
        let (good, told) = circles(dir.path(), &[]);
        assert_eq!(good, passes, "{told}");
        if !passes {
            assert!(told.contains("ring: 7 files import each other, 6 may:\n    f0.rs -> f1.rs\n"), "{told}");
            assert!(told.contains(&format!("    {last} -> f0.rs\n")), "{told}");
        }
        let (good, told) = circles(dir.path(), &["ring=8"]);
        assert!(good && told.contains("lower its limit of 8"), "{told}");
    }
    let empty = TempDir::new();
    assert!(!circles(empty.path(), &[]).0, "nothing was looked at");
}
