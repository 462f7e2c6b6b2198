//! Bad input through the binary: an error with its place or a correct result, in bounded time and memory,
//! and never a panic.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let dir = std::env::temp_dir().join(format!("uswgi-hostile-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Place(dir)
    }

    fn with(self, file: &str, text: impl AsRef<[u8]>) -> Place {
        fs::write(self.0.join(file), text).unwrap();
        self
    }

    /// Run with 1 GiB of address space; the time is measured.
    fn run(&self, args: &[&str]) -> (Output, Duration) {
        let started = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v 1048576; exec \"$0\" \"$@\""]).arg(env!("CARGO_BIN_EXE_uswgi-conf"));
        command.args(args).current_dir(&self.0).stdin(Stdio::null()).arg0("sh");
        let out = command.output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!said.contains("panicked") && out.status.code().is_some(), "{args:?}: {said}");
        (out, started.elapsed())
    }

    /// Lint and expand: both must end soon with one of the codes and say `want` on some stream.
    fn refused(&self, file: &str, want: &str) {
        for args in [&["lint", "--no-system", file][..], &["expand", "--ini", file], &["show", file]] {
            let (out, time) = self.run(args);
            let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
            assert!(!out.status.success(), "{args:?} took it: {said}");
            assert!(said.contains(want), "{args:?}: {want:?} is not in {said}");
            assert!(time < Duration::from_secs(20), "{args:?}: {time:?}");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn files_that_are_none() {
    let p = Place::new("files");
    p.refused("nope.ini", "no such file");
    p.refused(".", "a directory");
    fs::File::create(p.0.join("huge.ini")).unwrap().set_len(100 << 20).unwrap();
    p.refused("huge.ini", "larger than 16 MiB");
    assert!(Command::new("mkfifo").arg(p.0.join("fifo.ini")).status().unwrap().success());
    p.refused("fifo.ini", "nobody writes");
    p.refused("/dev/zero", "larger than");
}

#[test]
fn configurations_that_never_end() {
    let p = Place::new("endless")
        .with("cycle.ini", "[uwsgi]\nini = b.ini\n")
        .with("b.ini", "[uwsgi]\nini = cycle.ini\n")
        .with("self.ini", "[uwsgi]\nmode = x\nini = :uwsgi\n")
        .with("grow.ini", "[uwsgi]\na = x%(a)\n")
        .with("both.ini", "[uwsgi]\na = x%(b)\nb = y%(a)\n")
        .with("loop.ini", "[uwsgi]\nfor-times = 2000000000\nmode = %(_)\nendfor =\n")
        .with("late.ini", "[uwsgi]\ninherit = late.ini\n")
        .with("many.ini", format!("[uwsgi]\nfor-times = 90000\n{}", "mode = %(_)\n".repeat(1000)));
    p.refused("cycle.ini", "includes itself");
    p.refused("self.ini", "includes itself");
    p.refused("grow.ini", "refers to itself");
    p.refused("both.ini", "refers to itself");
    p.refused("loop.ini", "too many");
    p.refused("late.ini", "includes itself");
    p.refused("many.ini", "entries");
}

#[test]
fn bytes_of_all_kinds() {
    let mut noise: Vec<u8> = Vec::new();
    let mut state = 1u32;
    for _ in 0..200_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.push((state >> 24) as u8);
    }
    let p = Place::new("bytes")
        .with("noise.ini", [b"[uwsgi]\n".as_slice(), &noise].concat())
        .with("nul.ini", b"[uwsgi]\nmode = a\0b\nchdir = /\n")
        .with("latin.ini", b"[uwsgi]\nchdir = /caf\xe9\n");
    p.run(&["lint", "--no-system", "noise.ini"]);
    p.run(&["show", "noise.ini"]);
    let (out, _) = p.run(&["expand", "--ini", "nul.ini"]);
    assert!(String::from_utf8_lossy(&out.stdout).contains("[\"mode\", \"a\"], [\"chdir\", \"/\"]"));
    let (out, _) = p.run(&["expand", "--ini", "latin.ini"]);
    assert!(String::from_utf8_lossy(&out.stdout).contains("/caf\\udce9"));
    for syntax in ["xml", "yaml", "json"] {
        let name = format!("noise.{syntax}");
        fs::write(p.0.join(&name), &noise).unwrap();
        let (out, _) = p.run(&["lint", "--no-system", &name]);
        assert!(!out.status.success());
    }
}

#[test]
fn strangers_files_run_nothing() {
    let p = Place::new("stranger").with(
        "a.ini",
        "[uwsgi]\nmode = x@(exec://touch ran)\nini = exec://touch ran\nresolve = a=localhost\n",
    );
    for args in [
        &["lint", "a.ini"][..],
        &["show", "a.ini"],
        &["convert", "a.ini", "--to", "systemd"],
        &["convert", "a.ini", "--to", "cli"],
    ] {
        p.run(args);
        assert!(!p.0.join("ran").exists(), "{args:?} ran a command");
    }
    p.run(&["show", "--allow-exec", "a.ini"]);
    assert!(p.0.join("ran").exists(), "--allow-exec allows it");
}

#[test]
fn a_thousand_files_take_a_thousand_times_one() {
    let p = Place::new("many");
    let text = format!(
        "[uwsgi]\n{}",
        "socket = 127.0.0.1:3031\nenv = A=b\n; comment\nset-placeholder = x=1\n".repeat(125)
    );
    let names: Vec<String> = (0..200).map(|i| format!("{i}.ini")).collect();
    for name in &names {
        fs::write(p.0.join(name), &text).unwrap();
    }
    let lint = |names: &[String]| {
        let mut args = vec!["lint", "--no-system", "--format", "json"];
        args.extend(names.iter().map(String::as_str));
        p.run(&args).1
    };
    let (few, many) = (lint(&names[..20]), lint(&names));
    assert!(many < few * 20 + Duration::from_secs(1), "20 files: {few:?}, 200 files: {many:?}");
}

#[test]
fn nobody_reads_the_output() {
    let p = Place::new("pipe");
    let script = format!("{} options --json | true", env!("CARGO_BIN_EXE_uswgi-conf"));
    let out = Command::new("bash")
        .args(["-c", &format!("set -o pipefail; {script}")])
        .current_dir(&p.0)
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&out.stderr).contains("panicked"));
}
