//! Who looks at a file hears of everything in it: what is wrong does not hide the rest.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let path = std::env::temp_dir().join(format!("uswgi-look-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        File(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn conf(args: &[&str], file: &File, env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_uswgi-conf"));
    command.args(args).arg(&file.0).envs(env.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn show_prints_the_rest_beside_what_is_wrong() {
    for (name, lines, wrong) in [
        ("refused", "async = 10\nmodule = a", "async is not supported"),
        ("socketless", "module = a", "there is no socket"),
        ("include", "socket = :1\nini = /no/such/file.ini\nmodule = a", "cannot read /no/such/file.ini"),
        ("nested", "socket = :1\nmodule = a\nif-env = PATH\nif-env = PATH", "cannot be nested"),
        ("placeholder", "socket = :1\nmodule = a\nset-placeholder = nothing", "needs name=value"),
        ("endless", "socket = :1\nmodule = a\nx = y%(x)", "never ends"),
        ("strict", "strict = true\nsocket = :1\nmodule = a\nnothing = 1", "unknown option"),
    ] {
        let file = File::new(&format!("{name}.ini"), &format!("[uwsgi]\n{lines}\nthreads = 3\n"));
        let out = conf(&["show"], &file, &[]);
        assert_eq!(out.status.code(), Some(1), "{name}: {out:?}");
        assert!(text(&out.stderr).contains(wrong), "{name}: {}", text(&out.stderr));
        let shown = text(&out.stdout);
        assert!(shown.contains("threads = 3 "), "{name}: {shown}");
        assert!(shown.contains("module = a "), "{name}: {shown}");
    }
    let whole = File::new("whole.ini", "[uwsgi]\nsocket = :1\nmodule = a\n");
    assert_eq!(conf(&["show"], &whole, &[]).status.code(), Some(0));
    let broken = File::new("broken.xml", "<uwsgi><a>");
    assert_eq!(conf(&["show"], &broken, &[]).status.code(), Some(1));
    let ends = File::new("ends.ini", "[uwsgi]\nexit = 3\n");
    assert!(text(&conf(&["show"], &ends, &[]).stderr).contains("asks to end at once, with exit code 3"));
}

/// Lint took away every variable that begins with UWSGI_, and said that it is not set.
#[test]
fn variables_of_the_environment_are_those_of_the_server() {
    let lines = "[uwsgi]\nsocket = 127.0.0.1:$(UWSGI_PORT)\nmodule = a\nharakiri = 9\nuid = 1\ngid = 1\n";
    let file = File::new("variable.ini", lines);
    let out = conf(&["lint", "--no-system"], &file, &[("UWSGI_PORT", "8001")]);
    assert!(out.status.success(), "{}", text(&out.stdout));
    let shown = conf(&["show"], &file, &[("UWSGI_PORT", "8001"), ("UWSGI_THREADS", "7")]);
    assert!(text(&shown.stdout).contains("socket = 127.0.0.1:8001 "), "{shown:?}");
    // An option of the environment is none of the file.
    assert!(text(&shown.stdout).contains("threads = 1 "), "{shown:?}");
    let unset = conf(&["lint", "--no-system"], &file, &[]);
    assert!(text(&unset.stdout).contains("unset-variable"), "{unset:?}");
}
