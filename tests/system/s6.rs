//! Under a real s6: the services of `examples/s6` as they stand there, with paths and user of this machine.

use nix::sys::signal::Signal;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use uswgi_tests::machine::{Machine, is_root};
use uswgi_tests::process::{self, Process};
use uswgi_tests::request::Address;
use uswgi_tests::server::{Door, wait_file};
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Request, paths, until};

/// Answers with its pid, and to `/name` once there is a file `name.go`.
const APP: &str = "import os, time\nprint('imported')\n\
def application(environ, start_response):\n    start_response('200 OK', [])\n    name = environ['PATH_INFO'].strip('/')\n\
\x20   if name:\n        name = 'FOLDER/' + name\n        with open(name + '.in', 'w') as f:\n            f.write('held')\n\
\x20       while not os.path.exists(name + '.go'):\n            time.sleep(0.01)\n    return [b'%d' % os.getpid()]\n";

/// One service, supervised.
struct Supervised {
    machine: Machine,
    folder: PathBuf,
    name: String,
    scan: Process,
}

fn copy(machine: &Machine, from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(machine, &path, &to);
            continue;
        }
        let own_user = if is_root() { "s6-setuidgid nobody" } else { "" };
        let text =
            machine.moved(&fs::read_to_string(&path).unwrap()).replace("s6-setuidgid mysite", own_user);
        fs::write(&to, text).unwrap();
        fs::set_permissions(&to, fs::metadata(&path).unwrap().permissions()).unwrap();
    }
}

fn run(tool: &str, args: &[&str], folder: &Path) -> Output {
    let mut command = process::command(paths::tool(tool));
    command.args(args).arg(folder);
    process::run(command, PATIENCE)
}

impl Supervised {
    fn start(name: &str) -> Supervised {
        let machine = Machine::new();
        let app = APP.replace("FOLDER", &machine.dir.join("run/mysite").display().to_string());
        fs::write(machine.dir.join("srv/mysite/mysite/wsgi.py"), app).unwrap();
        let example = paths::root().join("examples");
        let ini = fs::read_to_string(example.join("nginx/uwsgi.ini")).unwrap();
        fs::write(machine.dir.join("etc/uwsgi/mysite.ini"), machine.moved(&ini)).unwrap();
        let folder = machine.dir.join("service").join(name);
        copy(&machine, &example.join("s6").join(name), &folder);
        let mut command = process::command(paths::tool("s6-svscan"));
        command.arg(machine.dir.join("service"));
        let scan = Process::start(command, &machine.dir.join("scan.log"));
        until("the supervisor", || run("s6-svok", &[], &folder).status.success().then_some(()));
        Supervised { machine, folder, name: name.into(), scan }
    }

    /// What s6-svstat says of these fields.
    fn state(&self, fields: &str) -> String {
        let out = run("s6-svstat", &["-o", fields], &self.folder);
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap().trim().into()
    }

    #[track_caller]
    fn svc(&self, args: &[&str]) {
        let out = run("s6-svc", args, &self.folder);
        assert!(out.status.success(), "{out:?}");
    }

    fn run_folder(&self) -> PathBuf {
        self.machine.dir.join("run/mysite")
    }

    /// Wait until the request of that name is in the application.
    fn held(&self, name: &str) {
        wait_file(&self.run_folder().join(format!("{name}.in")));
    }

    fn let_go(&self, name: &str) {
        fs::write(self.run_folder().join(format!("{name}.go")), "").unwrap();
    }

    fn log(&self) -> String {
        let log = self.machine.dir.join("var/log").join(&self.name).join("current");
        fs::read_to_string(log).unwrap_or_default()
    }

    /// Wait for a line that came through the pipe to the logger.
    fn wait_log(&self, part: &str) {
        until(&format!("{part:?} in the log"), || self.log().contains(part).then_some(()));
    }

    /// The end of s6, and with it of the service.
    fn end(mut self) {
        self.scan.signal(Signal::SIGTERM);
        self.scan.wait();
        self.scan.wait_gone(PATIENCE);
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let scan = fs::read_to_string(self.machine.dir.join("scan.log")).unwrap_or_default();
            eprintln!("---- s6-svscan\n{scan}---- log\n{}----", self.log());
        }
    }
}

#[test]
fn the_files_of_the_services_can_be_executed() {
    for file in
        ["mysite/run", "mysite/log/run", "mysite/data/check", "mysite-worker/run", "mysite-worker/log/run"]
    {
        let mode = fs::metadata(paths::root().join("examples/s6").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{file}");
    }
}

#[test]
fn a_worker_alone_serves_restarts_and_ends_with_every_request_answered() {
    let service = Supervised::start("mysite-worker");
    let socket = service.run_folder().join("http.sock");
    let door = Door::Http(Address::Unix(socket.clone()));
    let answer = |what: &str| until(what, || door.try_ask(&Request::get("/")).ok()).expect(200).text();
    let first = answer("the first answer");
    assert_eq!(service.state("up,pid"), format!("true {first}"), "s6 supervises the worker itself");
    service.wait_log("imported");
    service.wait_log("GET / => generated");

    // Down: of three that the kernel has accepted one is in the application; nobody comes in any more, and all are answered.
    let mut waiting = vec![door.sent(&Request::get("/a"))];
    service.held("a");
    waiting.extend((0..2).map(|_| door.sent(&Request::get("/"))));
    service.svc(&["-d"]);
    until("the end of the socket", || {
        std::os::unix::net::UnixStream::connect(&socket).is_err().then_some(())
    });
    assert_eq!(service.state("up,wantedup"), "true false");
    service.let_go("a");
    for mut stream in waiting {
        stream.flush().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains(&first), "{text}");
    }
    until("the end of the worker", || (service.state("up") == "false").then_some(()));
    assert_eq!(service.state("wantedup,exitcode,signal"), "false 0 NA");

    service.svc(&["-u"]);
    let second = answer("an answer of the next one");
    assert_ne!(second, first);
    // Restarted in the middle of a request: that is answered by who has it, what comes later by the next one.
    let held = door.ask_later(Request::get("/b"));
    service.held("b");
    service.svc(&["-r"]);
    until("the end of the socket", || {
        std::os::unix::net::UnixStream::connect(&socket).is_err().then_some(())
    });
    service.let_go("b");
    assert_eq!(held.join().unwrap().unwrap().expect(200).text(), second);
    let third = answer("an answer after the restart");
    assert_ne!(third, second);
    assert_eq!(service.state("up,wantedup,pid"), format!("true true {third}"));
    service.end();
}

#[test]
fn a_master_is_ready_when_s6_says_so_reloads_restarts_and_stops() {
    let service = Supervised::start("mysite");
    let door = Door::Uwsgi(Address::Unix(service.run_folder().join("uwsgi.sock")));
    let ready = run("s6-svwait", &["-U", "-t", "60000"], &service.folder);
    assert!(ready.status.success(), "{ready:?}");
    let first = door.get("/").expect(200).text();
    assert_eq!(service.state("up,ready"), "true true");
    service.wait_log("imported");
    service.wait_log("ready: generation 1, 4 of 4 workers accept");

    service.svc(&["-h"]);
    service.wait_log("generation 2 serves");
    assert_ne!(door.get("/").expect(200).text(), first);
    assert_eq!(service.state("up,ready"), "true true", "a reload is no restart");

    let master = service.state("pid");
    service.svc(&["-wR", "-T", "60000", "-r"]);
    door.get("/").expect(200);
    assert_ne!(service.state("pid"), master);

    let held = door.ask_later(Request::get("/a"));
    service.held("a");
    service.svc(&["-d"]);
    until("the stop to begin", || {
        (service.log().matches("stopping: workers finish").count() == 2).then_some(())
    });
    service.let_go("a");
    held.join().unwrap().unwrap().expect(200);
    until("the end of the master", || (service.state("up") == "false").then_some(()));
    assert_eq!(service.state("wantedup,exitcode,signal"), "false 0 NA");
    assert!(
        !service.run_folder().join("uwsgi.sock").exists() && !service.run_folder().join("uwsgi.pid").exists()
    );
    service.end();
}
