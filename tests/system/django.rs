//! The example project: behind nginx over a unix and a TCP socket, behind Apache, and over HTTP alone.

use std::fs;
use std::path::Path;
use uswgi_tests::proxy::Proxy;
use uswgi_tests::request::{Address, Body};
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Reply, Request, Server, Site, http, paths, process};

/// The example project with its own database, ready to start.
pub(crate) fn site() -> Site {
    let site = Site::new().home(&paths::venv());
    let project = paths::root().join("examples/django");
    let data = site.dir.join("app");
    let manage = |args: &[&str]| {
        let mut command = process::command(paths::venv().join("bin/python"));
        command.current_dir(&project).arg("manage.py").args(args);
        command
            .env("DEMO_DATA", &data)
            .env("DJANGO_SUPERUSER_PASSWORD", "secret")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let out = process::run(command, PATIENCE);
        assert!(out.status.success(), "manage.py {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    };
    manage(&["migrate", "-v", "0"]);
    manage(&["collectstatic", "-v", "0", "--noinput"]);
    manage(&["createsuperuser", "--noinput", "--username", "admin", "--email", "admin@example.org"]);
    let static_map = format!("/static={}", data.join("static-root").display());
    site.option("chdir", project.display())
        .option("module", "demo.wsgi")
        .option("env", format!("DEMO_DATA={}", data.display()))
        .option("env", "PYTHONDONTWRITEBYTECODE=1")
        .option("static-map", static_map)
        .option("workers", 2)
        .option("threads", 2)
}

/// The browser: it keeps cookies.
struct Browser<'a> {
    address: &'a Address,
    cookies: Vec<(String, String)>,
}

impl Browser<'_> {
    fn new(address: &Address) -> Browser<'_> {
        Browser { address, cookies: Vec::new() }
    }

    fn ask(&mut self, mut request: Request) -> Reply {
        if !self.cookies.is_empty() {
            let all: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
            request = request.header("Cookie", &all.join("; "));
        }
        let reply = http::ask(self.address, &request).unwrap_or_else(|e| panic!("{}: {e}", request.target));
        for line in reply.all("Set-Cookie") {
            let (name, value) =
                line.split(';').next().unwrap_or_default().split_once('=').unwrap_or_default();
            self.cookies.retain(|(k, _)| k != name);
            self.cookies.push((name.into(), value.into()));
        }
        reply
    }

    fn token(&mut self, target: &str) -> String {
        let page = self.ask(Request::get(target)).expect(200).text();
        let at = page.find("csrfmiddlewaretoken").unwrap_or_else(|| panic!("no token: {page}"));
        page[at..].split("value=\"").nth(1).and_then(|v| v.split('"').next()).unwrap_or_default().to_string()
    }
}

/// What a visitor of the site does.
fn visit(address: &Address) {
    let mut browser = Browser::new(address);
    // A form with a CSRF token; without it, 403.
    let message = "Grüße & <b>\u{1f600}";
    browser.ask(Request::form("/", &[("author", "x"), ("text", "y")])).expect(403);
    let token = browser.token("/");
    let form = Request::form("/", &[("csrfmiddlewaretoken", &token), ("author", "Ada"), ("text", message)]);
    assert_eq!(browser.ask(form).expect(302).header("Location"), Some("/"));
    let page = browser.ask(Request::get("/")).expect(200).text();
    assert!(page.contains("Grüße &amp; &lt;b&gt;\u{1f600}"), "{page}");
    // A session.
    for n in 1..=3 {
        assert_eq!(browser.ask(Request::get("/visits")).expect(200).json()["visits"], n);
    }
    // The admin: its login, its pages.
    browser.ask(Request::get("/admin/")).expect(302);
    let token = browser.token("/admin/login/");
    let fields = [
        ("csrfmiddlewaretoken", token.as_str()),
        ("username", "admin"),
        ("password", "secret"),
        ("next", "/admin/"),
    ];
    browser.ask(Request::form("/admin/login/?next=/admin/", &fields)).expect(302);
    let page = browser.ask(Request::get("/admin/guestbook/message/")).expect(200).text();
    assert!(page.contains("Ada"), "{page}");
    // An upload through the form.
    let token = browser.token("/upload");
    let content = Body::Pattern(3 << 20);
    let mut body = format!("--B\r\nContent-Disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n{token}\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n").into_bytes();
    content
        .pieces(|p| {
            body.extend(p);
            Ok(())
        })
        .unwrap();
    body.extend(b"\r\n--B--\r\n");
    let reply = browser
        .ask(Request::post("/upload", body).header("Content-Type", "multipart/form-data; boundary=B"))
        .expect(200)
        .json();
    assert_eq!(
        (reply["size"].as_u64(), reply["sha256"].as_str()),
        (Some(3 << 20), Some(content.sha256().as_str()))
    );
    // 50 MB.
    let request = Request::post_pattern("/upload/raw", 50_000_000);
    let sum = request.body.as_ref().unwrap().sha256();
    assert_eq!(browser.ask(request).expect(200).json()["sha256"], sum);
    // A streamed download.
    let reply = browser.ask(Request::get("/download/20")).expect(200);
    let expected = |i: usize| ((i / 65536) % 256) as u8;
    assert!(
        reply.body.len() == 20 << 20 && reply.body.iter().enumerate().all(|(i, &b)| b == expected(i)),
        "{} bytes",
        reply.body.len()
    );
    // Errors.
    browser.ask(Request::get("/boom")).expect(500);
    browser.ask(Request::get("/nowhere")).expect(404);
    let head = http::ask(address, &Request::new("HEAD", "/")).unwrap().expect(200);
    assert_eq!(head.body.len(), 0);
}

/// Paths and headers arrive as they were meant.
fn echo(address: &Address, slashes: bool) {
    let ask = |request: Request| http::ask(address, &request).unwrap().expect(200).json();
    let e = ask(Request::get("/echo/caf%C3%A9%20au%20lait/%E2%82%AC?a=1&a=2&b=%C3%A9+x"));
    assert_eq!(e["rest"], "café au lait/€");
    assert_eq!(e["get"], serde_json::json!({"a": ["1", "2"], "b": ["é x"]}));
    assert_eq!(e["query"], "a=1&a=2&b=%C3%A9+x");
    if slashes {
        assert_eq!(ask(Request::get("/echo/a%2Fb"))["rest"], "a/b");
    }
    let long = "v".repeat(3000);
    let e = ask(Request::get("/echo/h")
        .header("X-Multi", "one")
        .header("X-Multi", "two")
        .header("X-Long", &long)
        .header("Cookie", "k=v"));
    let multi = e["headers"]["X-Multi"].as_str().unwrap_or_default().replace(' ', "");
    assert!(
        multi == "one,two" || (paths::original().is_some() && multi == "two"),
        "repeated headers: {multi:?}"
    );
    assert_eq!(e["headers"]["X-Long"].as_str(), Some(long.as_str()));
    assert_eq!(e["cookies"]["k"], "v");
}

fn behind(server: &Server, proxy: &Proxy, slashes: bool) {
    visit(&proxy.address);
    echo(&proxy.address, slashes);
    let log = server.log();
    assert!(log.contains("on purpose"), "the failing page is logged: {log}");
}

#[test]
fn behind_nginx_over_a_unix_socket() {
    let server = site().unix().option("chmod-socket", "666").start();
    behind(&server, &Proxy::nginx(&server, ""), true);
}

#[test]
fn behind_nginx_over_tcp() {
    let server = site().tcp().start();
    behind(&server, &Proxy::nginx(&server, ""), true);
    // Without nginx's buffers the upload and the download meet the server's own pace.
    let proxy = Proxy::nginx(&server, "uwsgi_buffering off; uwsgi_request_buffering off;");
    visit(&proxy.address);
}

#[test]
fn behind_apache() {
    let server = site().tcp().start();
    // mod_proxy_uwsgi answers %2F itself, with an error.
    behind(&server, &Proxy::apache(&server), false);
    let server = site().unix().option("chmod-socket", "666").start();
    let proxy = Proxy::apache(&server);
    echo(&proxy.address, false);
}

#[test]
fn alone_over_http() {
    if paths::original().is_some() {
        return;
    }
    let server = site().http().start();
    let address = server.http.clone().unwrap();
    visit(&address);
    echo(&address, true);
    let css = server.get("/static/admin/css/base.css").expect(200);
    assert!(css.header("Content-Type").unwrap_or_default().starts_with("text/css"), "{css:?}");
    let on_disk = fs::read(server.dir.join("app/static-root/admin/css/base.css")).unwrap();
    assert_eq!(css.body, on_disk);
}

#[test]
fn the_example_serves_as_it_is() {
    if paths::original().is_some() {
        return;
    }
    let project = paths::root().join("examples/django");
    let text = fs::read_to_string(project.join("uwsgi.ini")).unwrap();
    assert!(text.contains("set-placeholder = port=8000"), "{text}");
    // The very file, its virtualenv, port and pidfile changed as a user would on the command line.
    let site = site().http();
    let port = site.http_port();
    let data = site.dir.join("app");
    let pidfile = site.dir.join("uwsgi.pid");
    let words = [
        "--set-placeholder".into(),
        format!("port={port}"),
        "--ini".into(),
        project.join("uwsgi.ini").display().to_string(),
        "--home".into(),
        paths::venv().display().to_string(),
        "--pidfile".into(),
        pidfile.display().to_string(),
        "--env".into(),
        format!("DEMO_DATA={}", data.display()),
    ];
    let site = words.iter().fold(site, |site, word: &String| site.arg(word));
    let server = site.start();
    server.get("/").expect(200);
    assert_eq!(server.workers().len(), 2);
    assert!(!Path::new(&project.join("uwsgi.pid")).exists());
}
