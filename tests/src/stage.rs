//! A copy of this machine's root directory that is written to at will: packages of distributions are unpacked into it and our programs
//! installed, so that what they have at fixed places runs there, in namespaces for mounts and pids. An overlay: nothing is copied, and
//! nothing reaches the machine. Needs root that may mount ([`Need::Mounts`](crate::Need)).

use crate::process::{self, Process};
use crate::temp::TempDir;
use crate::wait::{PATIENCE, until};
use crate::{Reply, Request, request::Address};
use crate::{http, paths};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

/// What makes the root directory of the new mount namespace, and stays as its process 1. `$1`: a folder, `$2`: the checkout, `$3`: what
/// was built; packages follow. Links of a merged /usr stay links. Who ends there is reaped by the kernel.
const MAKE: &str = r#"set -euo pipefail
dir=$1 checkout=$2 built=$3; shift 3
mount -t tmpfs -o mode=755 tmpfs "$dir"
mkdir "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" overlay "$dir/root"
root=$dir/root
for package in "$@"; do dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$root"; done
make -s -C "$checkout" install BUILT="$built" DESTDIR="$root" PREFIX=/usr UWSGI_ALIAS=1
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir "$root/run/lock"
cd "$root"; mkdir -p .old; pivot_root . .old; umount -l /.old
cd /
echo made
exec env --ignore-signal=CHLD sleep infinity
"#;

/// The machine, and its process 1.
pub struct Stage {
    outer: Process,
    init: i32,
    dir: TempDir,
}

impl Stage {
    /// With these packages of Debian, which tests/setup.sh has brought.
    pub fn new(packages: &[&str]) -> Stage {
        let dir = TempDir::new();
        let root = dir.join("stage");
        fs::create_dir(&root).expect("folder of the stage");
        let mut unshare = process::command(paths::tool("unshare"));
        unshare.args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]);
        unshare.args(["bash", "-c", MAKE, "stage"]).args([&root, &paths::root(), &paths::bin_dir()]);
        unshare.args(packages.iter().map(|name| paths::layout(name)));
        unshare.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        let log = dir.join("log");
        let mut outer = Process::start(unshare, &log);
        until("the machine of the packages", || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            assert!(outer.ended().is_none(), "{text}");
            text.ends_with("made\n").then_some(())
        });
        let children = format!("/proc/{0}/task/{0}/children", outer.pid());
        let children = fs::read_to_string(children).expect("children of unshare");
        let init = children.trim().parse().expect("one child of unshare");
        Stage { outer, init, dir }
    }

    /// A file of that machine, as it is seen from here.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.init))
    }

    /// A file there, whole at once, and the folders that lead to it.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folder on the machine");
        let new = path.with_extension("new~");
        fs::write(&new, text).and_then(|()| fs::rename(new, path)).expect("file on the machine");
    }

    /// What a file there holds; nothing when there is none.
    pub fn read(&self, path: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(path)).unwrap_or_default()).into_owned()
    }

    /// A script for the shell, as root in `/`: its exit code and what it said.
    pub fn sh(&self, script: &str) -> (Option<i32>, String) {
        let out = process::run(self.command(script), PATIENCE);
        let text = [&out.stdout[..], &out.stderr[..]].concat();
        (out.status.code(), String::from_utf8_lossy(&text).into_owned())
    }

    /// A script that has to end with 0; what it said.
    #[track_caller]
    pub fn good(&self, script: &str) -> String {
        let (code, text) = self.sh(script);
        assert_eq!(code, Some(0), "{script}: {text}");
        text
    }

    /// A script in the background; its output into this file of the machine's folder outside.
    pub fn start(&self, script: &str, log: &str) -> Process {
        self.start_with(script, log, Stdio::null())
    }

    /// The same with this standard input.
    pub fn start_with(&self, script: &str, log: &str, input: Stdio) -> Process {
        let mut command = self.command(script);
        command.stdin(input);
        Process::start(command, &self.dir.join(log))
    }

    /// What [`Stage::start`] has written.
    pub fn log(&self, log: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join(log)).unwrap_or_default()).into_owned()
    }

    fn command(&self, script: &str) -> std::process::Command {
        let mut nsenter = process::command(paths::tool("nsenter"));
        nsenter.args(["--target", &self.init.to_string(), "--mount", "--pid"]);
        nsenter.args(["env", "--chdir=/", "sh", "-c", script]);
        nsenter.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        nsenter
    }

    /// The answer of whoever speaks HTTP on this port: the network is the machine's own.
    #[track_caller]
    pub fn get(&self, port: u16, path: &str) -> Reply {
        until(&format!("an answer on port {port}"), || {
            http::ask(&Address::Port(port), &Request::get(path)).ok()
        })
        .expect(200)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // unshare takes process 1 with it, and that everything.
        self.outer.signal(nix::sys::signal::Signal::SIGKILL);
        self.outer.wait();
    }
}
