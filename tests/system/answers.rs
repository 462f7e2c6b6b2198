//! What is done with answers, and what caches hold from the start on, beside the original.

use std::fs;
use uswgi_tests::{Request, Server, Site, paths};

const APP: &str = r#"
import uwsgi
def application(environ, start_response):
    if environ["PATH_INFO"] == "/boom":
        raise ValueError("boom")
    if environ["PATH_INFO"] == "/cache":
        start_response("200 OK", [])
        keys = ("foo", "page.html", "x")
        return [repr([uwsgi.cache_get(k) for k in keys] + [uwsgi.cache_get("foo", "b")]).encode()]
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("X-One", "1"), ("X-Two", "a"), ("x-two", "b")])
    return [b"own"]
"#;

fn site() -> Site {
    let site =
        Site::new().source("app.py", APP).http().option("master", "true").option("wsgi-file", "app.py");
    let chdir = site.dir.join("app");
    fs::write(chdir.join("page.html"), "<h1>ours</h1>\n").unwrap();
    site.option("chdir", chdir.display())
}

fn ours(site: Site) -> Server {
    site.home(&paths::pythons()[0].1).start()
}

#[test]
fn headers_go_and_are_remembered() {
    let removing = || {
        site()
            .option("rem-header", "x-one")
            .option("del-header", "X-TWO")
            .option("add-header", "X-One: added")
    };
    for server in [removing().original(), ours(removing())] {
        let reply = server.get("/a").expect(404);
        assert_eq!((reply.all("X-One"), reply.all("X-Two")), (vec!["added"], vec![]), "{:?}", reply.headers);
        assert_eq!(reply.header("Content-Type"), Some("text/plain"));
    }
    let remembering = || {
        site()
            .option("collect-header", "x-one SEEN")
            .option("pull-header", "X-Two PULLED")
            .option("final-route-run", "log:{${SEEN} ${PULLED}}")
            .option("log-format", "<%(uri) %(var.SEEN) %(var.PULLED) %(var.REQUEST_METHOD)>")
    };
    for server in [remembering().original(), ours(remembering())] {
        let reply = server.get("/a").expect(404);
        assert_eq!((reply.header("X-One"), reply.header("X-Two")), (Some("1"), None));
        // Of two lines of one name the last counts.
        server.wait_log("</a 1 b GET>");
        server.wait_log("{1 b}");
    }
}

#[test]
fn errors_of_the_server_have_a_page_and_those_of_the_app_stay() {
    let paged = |site: Site| {
        let page = site.dir.join("app/page.html").display().to_string();
        site.option("error-page-500", "/no/such/page")
            .option("error-page-500", &page)
            .option("error-page-404", page)
    };
    let none = || paged(site()).without("wsgi-file").option("need-app", "false");
    for server in [none().original(), ours(none())] {
        let reply = server.get("/a").expect(500);
        assert_eq!(
            (reply.text().as_str(), reply.header("Content-Type")),
            ("<h1>ours</h1>\n", Some("text/html"))
        );
        assert!(server.ask(&Request::new("HEAD", "/a")).expect(500).body.is_empty());
    }
    let server = ours(paged(site()));
    assert_eq!(server.get("/boom").expect(500).text(), "<h1>ours</h1>\n");
    assert_eq!(server.get("/a").expect(404).text(), "own");
}

#[test]
fn caches_hold_what_the_configuration_says() {
    let filled = |more: &str| {
        site()
            .option("cache2", "name=a,items=10")
            .option("cache2", "name=b,items=4")
            .option("add-cache-item", "x=1 2")
            .option("add-cache-item", "b foo=bar")
            .option(more, "page.html")
    };
    let told = |server: &Server| server.get("/cache").expect(200).text();
    // A space in the value is one behind a cache's name to the original.
    let plain = ours(filled("load-file-in-cache"));
    assert_eq!(told(&plain), r"[None, b'<h1>ours</h1>\n', b'1 2', b'bar']");
    let compressed = told(&ours(filled("load-file-in-cache-gzip")));
    assert!(compressed.contains(r"b'\x1f\x8b\x08"), "{compressed}");
    let same = || {
        site()
            .option("cache2", "name=b,items=4")
            .option("add-cache-item", "b foo=bar")
            .option("load-file-in-cache", "page.html")
    };
    assert_eq!(told(&same().original()), told(&ours(same())));
    let failure = filled("load-file-in-cache")
        .option("load-file-in-cache", "nope")
        .home(&paths::pythons()[0].1)
        .refused();
    assert!(failure.code == Some(1) && failure.text.contains("nope: No such file"), "{failure:?}");
}
