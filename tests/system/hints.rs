//! What people get wrong in the first hour, and the line that says what was meant.

use nix::sys::signal::Signal;
use std::time::Duration;
use uswgi_proto::exit::Exit;
use uswgi_tests::server::Server;
use uswgi_tests::wait::until;
use uswgi_tests::{Request, Site, paths, process};

/// A start that fails because of its application: what was said.
#[track_caller]
fn no_app(site: Site) -> String {
    let failure = site.refused();
    assert_eq!(failure.code, Some(Exit::AppFailed.code()), "{failure:?}");
    failure.text
}

fn site() -> Site {
    let site = Site::new().home(&paths::pythons()[0].1).http();
    let app = site.dir.join("app").display().to_string();
    site.option("chdir", app)
}

/// On uWSGI each of them loads, and every request fails.
#[test]
fn an_asgi_application_is_named_as_such_when_it_is_loaded() {
    for text in [
        "async def application(scope, receive, send):\n    pass\n",
        "class A:\n    async def __call__(self, scope, receive, send):\n        pass\napplication = A()\n",
        "import functools\nasync def f(x, scope, receive, send):\n    pass\napplication = functools.partial(f, 1)\n",
    ] {
        let said = no_app(site().source("asgi.py", text).option("module", "asgi"));
        assert!(said.contains("is an ASGI application"), "{said}");
    }
    // A class is called to make an answer; that its instances are called too says nothing.
    let text = "class application:\n    def __init__(self, e, s):\n        s('200 OK', [])\n    def __iter__(self):\n        return iter([b'x'])\n";
    site().source("fine.py", text).option("module", "fine").start().get("/").expect(200);
}

#[test]
fn a_file_that_is_named_as_a_module_is_told_with_the_option_for_files() {
    for name in ["hello.py", "hello.py:app", "sub/hello"] {
        let said = no_app(site().source("hello.py", "app = application = None\n").option("module", name));
        let file = name.split(':').next().unwrap();
        assert!(said.contains(&format!("{file} is a file: use wsgi-file = {file}")), "{said}");
    }
}

#[test]
fn a_file_that_is_not_there_is_one_line() {
    for name in ["nowhere.py", "/no/where.py", "nowhere.py:app"] {
        let said = no_app(site().option("wsgi-file", name));
        let file = name.split(':').next().unwrap();
        let line = said.lines().find(|l| l.contains("there is no file")).unwrap_or_else(|| panic!("{said}"));
        assert!(
            line.contains(&format!(
                "cannot load the application (wsgi-file = {name}): there is no file {file}"
            )),
            "{said}"
        );
        assert!(!said.contains("Traceback"), "{said}");
    }
}

/// `uswgi-ctl stacks` was told, where the verb is stack.
#[test]
fn commands_that_the_option_table_tells_of_are_there() {
    let said = |program: &str, args: &[&str]| {
        let mut command = process::command(paths::command(program));
        command.args(args);
        String::from_utf8_lossy(&process::run(command, Duration::from_secs(20)).stdout).into_owned()
    };
    let table = said("uswgi-conf", &["options", "--json"]);
    let mut seen = 0;
    for program in ["uswgi-ctl", "uswgi-conf"] {
        let help = said(program, &["--help"]);
        for told in table.split(&format!("{program} ")).skip(1) {
            let verb = told.split(|c: char| !c.is_ascii_lowercase()).next().unwrap();
            let is_verb = !verb.is_empty() && !matches!(verb, "and" | "have" | "do" | "does");
            seen += usize::from(is_verb);
            assert!(!is_verb || help.contains(&format!("\n  {verb} ")), "{program} {verb}");
        }
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn a_word_behind_an_option_whose_value_is_attached_is_told_how_to_write_it() {
    let mut command = process::command(paths::command("uswgi-master"));
    command.args(["--http-socket", ":0", "--chmod-socket", "660"]);
    let out = process::run(command, Duration::from_secs(20));
    assert_eq!(out.status.code(), Some(Exit::Usage.code()));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("write --chmod-socket=660"), "{said}");
}

/// On uWSGI the lines go to the logger; here they went to the file of `daemonize`.
#[test]
fn a_logger_beside_daemonize_has_the_lines() {
    let site = Site::probe();
    let (log, own) = (site.dir.join("daemon.log"), site.dir.join("own.log"));
    let site = site.option("daemonize", log.display()).option("logger", format!("file:{}", own.display()));
    let server = Server::begin(site);
    let pid = until("the instance", || server.pidfile());
    let has = |what: &str| std::fs::read_to_string(&own).is_ok_and(|text| text.contains(what));
    until("ready", || has("uswgi-master: ready").then_some(()));
    server.door().ask(&Request::get("/hello")).expect(200);
    until("the request's line", || has("GET /hello").then_some(()));
    process::send(pid, Signal::SIGTERM);
    until("the end", || (!process::alive(pid)).then_some(()));
}
