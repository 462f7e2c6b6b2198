//! Every command in README.md and docs/*.md is run as it stands there, on a machine as they describe it; every
//! configuration in them is read by lint.
//!
//! A fence says what it holds: `sh` or `console` is run by bash, which stops at the first command that fails; of `console` the
//! lines behind `$ ` are run, and the others have to appear in what they print (`...` stands for anything). `ini` goes
//! through `uswgi-conf lint`. What cannot be run has a comment above it, `<!-- not run: REASON -->`, and is listed
//! below; `<!-- exit: N -->` says how the last command ends, `<!-- lint: CODE -->` what lint finds.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Output;
use uswgi_tests::machine::Machine;
use uswgi_tests::process::Strays;
use uswgi_tests::proxy::Proxy;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Need, Server, lacks, paths, process};

/// Commands that are not run: their first line. Whoever adds one adds it here too.
const NOT_RUN: &[&str] = &[
    "make wheel",
    "make run",
    "make test",
    "uswgi-ctl --ini uwsgi.ini reload --canary --for 60s --max-5xx +0.5% && echo deployed",
    "make deb",
    "make wheel",
    "systemctl enable --now uswgi@mysite",
    "systemctl enable --now uswgi-emperor",
    "docker build -t site . && docker run -p 8000:8000 site",
];

/// A fenced block.
struct Block {
    file: String,
    line: usize,
    language: String,
    /// The comments above it: name, text.
    marks: Vec<(String, String)>,
    text: String,
}

impl Block {
    fn mark(&self, name: &str) -> Option<&str> {
        self.marks.iter().find(|(n, _)| n == name).map(|(_, text)| text.as_str())
    }

    fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

fn documents() -> Vec<PathBuf> {
    let mut all = vec![paths::root().join("README.md")];
    let docs = fs::read_dir(paths::root().join("docs")).unwrap().flatten().map(|e| e.path());
    all.extend(docs.filter(|p| p.extension().is_some_and(|e| e == "md")));
    all.sort();
    all
}

fn blocks(path: &PathBuf) -> Vec<Block> {
    let text = fs::read_to_string(path).unwrap();
    let file = path.strip_prefix(paths::root()).unwrap().display().to_string();
    let (mut found, mut marks, mut open): (Vec<Block>, Vec<(String, String)>, Option<Block>) =
        (Vec::new(), Vec::new(), None);
    for (i, line) in text.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            match open.take() {
                Some(block) => found.push(block),
                None => {
                    let marks = std::mem::take(&mut marks);
                    let (file, language) = (file.clone(), language.trim().to_string());
                    open = Some(Block { file, line: i + 1, language, marks, text: String::new() });
                }
            }
        } else if let Some(block) = &mut open {
            block.text += line;
            block.text.push('\n');
        } else if let Some(mark) = line.trim().strip_prefix("<!--").and_then(|l| l.strip_suffix("-->")) {
            let (name, text) = mark.split_once(':').unwrap_or((mark, ""));
            marks.push((name.trim().into(), text.trim().into()));
        } else if !line.trim().is_empty() {
            marks.clear();
        }
    }
    assert!(open.is_none(), "{file}: a fence is not closed");
    found
}

fn all_blocks() -> Vec<Block> {
    documents().iter().flat_map(blocks).collect()
}

/// The machine with its instance, which is a new one for each document, and where a block stopped it.
struct Desk {
    /// Before the folders: nothing is to run in them when they go.
    strays: Strays,
    machine: Machine,
    server: Option<Server>,
    document: String,
}

impl Desk {
    fn new() -> Desk {
        let strays = Strays::default();
        let desk = Desk { strays, machine: Machine::new(), server: None, document: String::new() };
        desk.prepare();
        desk
    }

    /// What the documents take for granted: the checkout of a site with its origin, and files to look at.
    fn prepare(&self) {
        let dir = &self.machine.dir;
        let site = dir.join("srv/mysite");
        process::install(&paths::root().join("examples/deploy/deploy.sh"), &site.join("deploy.sh"));
        let ini = "[uwsgi]\nchdir = %d\nmodule = mysite.wsgi\nhome = %dvenv\nhttp-socket = 127.0.0.1:8000\npidfile = /run/mysite/uwsgi.pid\nworkers = 2\n";
        fs::write(site.join("uwsgi.ini"), self.machine.paths_in(ini)).unwrap();
        fs::write(site.join("requirements.txt"), "").unwrap();
        fs::write(site.join("manage.py"), "import sys\nprint('manage', *sys.argv[1:])\n").unwrap();
        let old = "[uwsgi]\nmaster = true\nsocket = /run/mysite/uwsgi.sock\nchdir = /srv/mysite\nmodule = mysite.wsgi\nprocesess = 4\nharakiri = 30\nsubscribe-to = 10.0.0.1:4040\n";
        fs::write(site.join("old.ini"), self.machine.paths_in(old)).unwrap();
        let git = "git init -q . && git add -A && git -c user.name=t -c user.email=t@example.org commit -qm one && \
                   git clone -q --bare . ../origin.git && git remote add origin ../origin.git && git fetch -q && git branch -q -u origin/$(git branch --show-current)";
        fs::write(site.join(".gitignore"), "venv\n__pycache__\n").unwrap();
        let out = self.bash(git);
        assert!(out.status.success(), "{out:?}");
    }

    fn alive(&mut self, document: &str) {
        if self.document != document || self.server.as_mut().is_none_or(|s| s.ended().is_some()) {
            self.server = None;
            self.document = document.into();
            let more = "http-socket = 127.0.0.1:8000\n";
            self.server = Some(self.machine.serve(more));
        }
    }

    fn bash(&self, text: &str) -> Output {
        let mut bash = process::command(paths::tool("bash"));
        let path = std::env::var("PATH").unwrap_or_default();
        bash.args(["--norc", "-e", "-u", "-o", "pipefail", "-c", &self.machine.paths_in(text)]);
        bash.current_dir(self.machine.dir.join("srv/mysite"));
        bash.env("PATH", format!("{}:{path}", paths::bin_dir().display()));
        bash.env("USWGI", paths::root()).env("USWGI_BUILT", paths::bin_dir());
        bash.env("HOME", self.machine.dir.path()).env("GIT_CONFIG_NOSYSTEM", "1").env("COLUMNS", "100");
        self.strays.of(&mut bash);
        process::run(bash, PATIENCE)
    }

    /// A text with the paths as the documents write them.
    fn as_written(&self, text: &str) -> String {
        let here = self.machine.dir.path().display().to_string();
        text.replace(&here, "").replace(&format!(":{}", self.machine.port), ":8000")
    }
}

/// Lines of a console: the commands, and what they print.
fn console(text: &str) -> (String, Vec<String>) {
    let (mut commands, mut expected) = (String::new(), Vec::new());
    for line in text.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => commands += &format!("{command}\n"),
            None => expected.push(line.to_string()),
        }
    }
    (commands, expected)
}

/// Whether a line is this pattern; `...` stands for anything.
fn like(line: &str, pattern: &str) -> bool {
    let mut rest = line.trim();
    for (i, piece) in pattern.trim().split("...").enumerate() {
        match rest.find(piece) {
            Some(0) => rest = &rest[piece.len()..],
            Some(at) if i > 0 => rest = &rest[at + piece.len()..],
            _ => return false,
        }
    }
    rest.is_empty() || pattern.trim().ends_with("...")
}

#[test]
fn every_command_runs_as_it_stands() {
    let mut desk = Desk::new();
    let mut ran = 0;
    for block in all_blocks().iter().filter(|b| matches!(b.language.as_str(), "sh" | "console")) {
        if block.mark("not run").is_some() {
            continue;
        }
        desk.alive(&block.file);
        let (commands, expected) =
            if block.language == "console" { console(&block.text) } else { (block.text.clone(), Vec::new()) };
        let out = desk.bash(&commands);
        let text = String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned();
        let text = desk.as_written(&text);
        let wanted = block.mark("exit").map_or(0, |n| n.parse().expect("exit: a number"));
        assert_eq!(out.status.code(), Some(wanted), "{}\n{commands}\n{text}", block.place());
        let mut lines = text.lines();
        for pattern in expected.iter().filter(|l| !l.trim().is_empty() && l.trim() != "...") {
            assert!(
                lines.any(|line| like(line, pattern)),
                "{}: {pattern:?} is not, or not in its order, in what\n{commands}\nprints:\n{text}",
                block.place()
            );
        }
        ran += 1;
    }
    assert!(ran >= 10, "{ran}");
}

#[test]
fn a_block_that_fails_leaves_no_master_behind() {
    let desk = Desk::new();
    let out = desk.bash(
        "uswgi-master --http-socket 127.0.0.1:9100 --wsgi-file mysite/wsgi.py --pidfile left.pid --daemonize left.log\nfalse",
    );
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    let text = fs::read_to_string(desk.machine.dir.join("srv/mysite/left.pid")).unwrap();
    let pid: i32 = text.trim().parse().unwrap();
    assert!(process::alive(pid) && desk.strays.pids().contains(&pid), "{pid}");
    drop(desk);
    assert!(!process::alive(pid), "{pid}");
}

#[test]
fn what_is_not_run_is_known() {
    let blocks = all_blocks();
    let found: Vec<&str> = blocks
        .iter()
        .filter_map(|b| b.mark("not run").map(|why| (b, why)))
        .map(|(b, why)| {
            assert!(why.len() > 10, "{}: why?", b.place());
            let first = b.text.lines().next().unwrap_or_default();
            first.trim_start_matches("$ ").split("  ").next().unwrap_or_default().trim()
        })
        .collect();
    assert_eq!(found, NOT_RUN, "left: in the documents, right: in this file");
}

#[test]
fn every_fence_says_what_it_holds() {
    // Without a language: drawings.
    let known =
        ["", "sh", "console", "ini", "nginx", "apache", "systemd", "yaml", "dockerfile", "python", "json"];
    for block in all_blocks() {
        assert!(known.contains(&block.language.as_str()), "{}: {}", block.place(), block.language);
    }
}

#[test]
fn every_configuration_is_clean() {
    let machine = Machine::new();
    let mut seen = 0;
    for (i, block) in all_blocks().iter().filter(|b| b.language == "ini").enumerate() {
        let text = machine.moved(&block.text);
        let text = if text.contains("[uwsgi]") { text } else { format!("[uwsgi]\n{text}") };
        let file = machine.dir.join(&format!("{i}.ini"));
        fs::write(&file, text).unwrap();
        let mut lint = process::command(paths::command("uswgi-conf"));
        lint.args(["lint", "--no-system"]).arg(&file);
        // A piece of a configuration is none that could be started.
        if !block.text.contains("[uwsgi]") {
            lint.args(["--allow", "no-app", "--allow", "no-socket"]);
        }
        let out = process::run(lint, PATIENCE);
        let said = String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned();
        match block.mark("lint") {
            None => assert_eq!(out.status.code(), Some(0), "{}: {said}", block.place()),
            Some(code) => assert!(said.contains(code), "{}: {code} is not in {said}", block.place()),
        }
        seen += 1;
    }
    assert!(seen >= 2, "{seen}");
}

/// The first thing that people copy: what stands below "Behind nginx", with nginx as the user that it is on Debian.
#[test]
fn the_pair_of_the_readme_serves_behind_nginx_as_www_data() {
    if lacks(Need::Root) {
        return;
    }
    let of_readme = |language: &str, part: &str| -> String {
        let all = blocks(&paths::root().join("README.md"));
        let found = all.into_iter().find(|b| b.language == language && b.text.contains(part));
        found.unwrap_or_else(|| panic!("no {language} with {part:?} in README.md")).text
    };
    let machine = Machine::new();
    let server = machine.serve_file(&of_readme("ini", "socket = /run/mysite/uwsgi.sock"));
    let location = of_readme("nginx", "uwsgi_pass unix:/run/mysite/uwsgi.sock;");
    let proxy = Proxy::nginx_site(&machine.moved(&format!("server {{ listen 80;\n{location}}}\n")));
    assert_eq!(proxy.get("/").expect(200).text(), "my site");
    let nginx = fs::read_to_string(format!("/proc/{}/task/{0}/children", proxy.pid())).unwrap();
    let worker: i32 = nginx.split_whitespace().next().expect("a worker of nginx").parse().unwrap();
    let user = |pid: i32| fs::metadata(format!("/proc/{pid}")).unwrap().uid();
    let id = |name: &str| nix::unistd::User::from_name(name).unwrap().unwrap().uid.as_raw();
    assert_eq!(user(worker), id("www-data"));
    assert!(server.worker_pids().iter().all(|&pid| user(pid) == id("nobody")), "the application runs as uid");
}

#[test]
fn patterns_of_output() {
    assert!(like("worker 1: pid 77, ready", "worker 1: pid ..., ready"));
    assert!(like("worker 1: pid 77, ready", "worker..."));
    assert!(!like("worker 1: pid 77, ready", "worker 2..."));
    assert!(!like("worker 1: pid 77, ready", "worker 1: pid"));
}
