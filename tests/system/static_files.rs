//! Static files: what uWSGI serves is served, what it must not serve is not, and HTTP's rules for copies and parts hold.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use uswgi_tests::http::Connection;
use uswgi_tests::server::Door;
use uswgi_tests::{Reply, Request, Server, Site, paths, until};

/// A site with a folder of files beside a folder that nobody may see.
fn site() -> (Site, PathBuf) {
    let site = Site::probe();
    let root = site.dir.join("files");
    fs::create_dir_all(root.join("sub/deep")).unwrap();
    fs::write(root.join("a.txt"), "hello\n").unwrap();
    fs::write(root.join("page.html"), "<b>").unwrap();
    fs::write(root.join("style.css"), "body{}").unwrap();
    fs::write(root.join("plain"), "no ending").unwrap();
    fs::write(root.join("empty.txt"), "").unwrap();
    fs::write(root.join("code.php"), "<?php").unwrap();
    fs::write(root.join("a b\u{e9}.txt"), "spaced").unwrap();
    fs::write(root.join("sub/index.html"), "index of sub").unwrap();
    fs::write(root.join("big.bin"), vec![7u8; 3 << 20]).unwrap();
    let out = site.dir.join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("secret.txt"), "secret").unwrap();
    (site, root)
}

fn served(door: &Door, target: &str) -> Option<String> {
    let reply = door.get(target);
    match reply.status {
        200 => Some(reply.text()),
        400 | 404 => None,
        other => panic!("{target}: {other}"),
    }
}

#[test]
fn maps_in_the_order_and_with_the_names_of_uwsgi() {
    let (site, root) = site();
    let other = site.dir.join("other");
    fs::create_dir_all(other.join("s")).unwrap();
    fs::write(other.join("s/a.txt"), "kept prefix").unwrap();
    fs::write(other.join("s/only2.txt"), "only there").unwrap();
    let checked = site.dir.join("checked");
    fs::create_dir_all(checked.join("s")).unwrap();
    fs::write(checked.join("s/first.txt"), "checked first").unwrap();
    fs::write(root.join("first.txt"), "not reached").unwrap();
    let server = site
        .option("static-map2", format!("/s={}", other.display()))
        .option("static-map", format!("/s={}", root.display()))
        .option("static-map", format!("/one={}", root.join("a.txt").display()))
        .option("check-static", checked.display())
        .option("static-index", "none.html")
        .option("static-index", "index.html")
        .option("static-skip-ext", ".php")
        .start();
    for door in server.doors() {
        let at = |target: &str| served(&door, target);
        let is = |text: &str| Some(text.to_string());
        assert_eq!(at("/s/a.txt"), is("hello\n"), "static-map goes before static-map2");
        assert_eq!(at("/s/only2.txt"), is("only there"));
        assert_eq!(at("/s/first.txt"), is("checked first"), "check-static goes before both");
        assert_eq!(at("/one"), is("hello\n"));
        assert_eq!(at("/s//a.txt"), is("hello\n"));
        assert_eq!(at("/s/a%20b%C3%A9.txt"), is("spaced"));
        assert_eq!(at("/s/sub"), is("index of sub"));
        assert_eq!(at("/s/sub/"), is("index of sub"));
        assert_eq!(at("/s/empty.txt"), is(""));
        for none in ["/s/sub/deep", "/s/", "/s/nowhere", "/s/a.txt/", "/s/a.txt/x", "/s/code.php"] {
            assert_eq!(at(none), None, "{none}");
        }
        let reply = door.ask(&Request::post("/s/a.txt", "x"));
        assert_eq!(reply.status, 404, "only GET and HEAD: {reply:?}");
        let kind = |target: &str| door.get(target).header("Content-Type").map(str::to_string);
        assert_eq!(kind("/s/a.txt").as_deref(), Some("text/plain"));
        assert_eq!(kind("/s/sub/").as_deref(), Some("text/html"));
        assert_eq!(kind("/s/plain"), None);
    }
    if paths::original().is_none() {
        assert_eq!(served(&server.door(), "/sa.txt"), None, "a prefix ends at a slash");
    }
}

#[test]
fn no_way_leads_out_of_the_root() {
    let (site, root) = site();
    let out = site.dir.join("out");
    let allowed = site.dir.join("allowed");
    fs::create_dir(&allowed).unwrap();
    fs::write(allowed.join("shared.txt"), "shared").unwrap();
    symlink("../out/secret.txt", root.join("link.txt")).unwrap();
    symlink("../out", root.join("dir")).unwrap();
    symlink(&out, root.join("absolute")).unwrap();
    symlink("/proc/self/root", root.join("magic")).unwrap();
    symlink("a.txt", root.join("inner.txt")).unwrap();
    symlink(root.join("a.txt"), root.join("inner-absolute.txt")).unwrap();
    symlink("sub/../a.txt", root.join("inner-dots.txt")).unwrap();
    symlink(&allowed, root.join("shared")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    nix::unistd::mkfifo(&root.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::write(site.dir.join("files.secret"), "secret").unwrap();
    let server = site
        .option("static-map", format!("/s={}", root.display()))
        .option("static-map2", format!("/files={}", root.parent().unwrap().display()))
        .option("static-safe", allowed.display())
        .start();
    let deep = format!("/s{}{}", "/..".repeat(40), out.join("secret.txt").display());
    for door in server.doors() {
        for target in [
            "/s/link.txt",
            "/s/dir/secret.txt",
            "/s/absolute/secret.txt",
            "/s/../out/secret.txt",
            "/s/%2e%2e/out/secret.txt",
            "/s/..%2fout/secret.txt",
            "/s/sub/../../out/secret.txt",
            "/s/sub/%2e%2e/%2e%2e/out/secret.txt",
            "/s/.%00./out/secret.txt",
            "/s/a.txt%00",
            "/s/a.txt%00.css",
            "/s\\..\\out\\secret.txt",
            "/s/magic/etc/hostname",
            "/s/loop",
            "/s/fifo",
            "/files/../out/secret.txt",
            "/files.secret",
            "/s.secret",
            &format!("/s/magic{}", out.join("secret.txt").display()),
            &format!("/s/{}", out.join("secret.txt").display()),
            &format!("/s/{}", "x".repeat(5000)),
            &deep,
        ] {
            let reply = door.get(target);
            assert!(matches!(reply.status, 400 | 404), "{target}: {reply:?}");
            assert!(!reply.text().contains("secret\n") && reply.text() != "secret", "{target}: {reply:?}");
        }
        for target in ["/s/inner.txt", "/s/inner-absolute.txt", "/s/inner-dots.txt", "/files/a.txt"] {
            assert_eq!(served(&door, target).as_deref(), Some("hello\n"), "{target}");
        }
        assert_eq!(served(&door, "/s/shared/shared.txt").as_deref(), Some("shared"));
    }
}

/// A link that is moved to and fro must never show what it must not.
#[test]
fn a_link_that_changes_all_the_time_shows_nothing() {
    let (site, root) = site();
    let out = site.dir.join("out");
    fs::create_dir(root.join("real")).unwrap();
    fs::write(root.join("real/secret.txt"), "public").unwrap();
    let server = site.option("static-map", format!("/s={}", root.display())).start();
    let door = server.door();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (good, bad, now) = (root.join("good"), root.join("bad"), root.join("now"));
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                symlink(root.join("real"), &good).unwrap();
                fs::rename(&good, &now).unwrap();
                symlink(&out, &bad).unwrap();
                fs::rename(&bad, &now).unwrap();
            }
        });
        let mut seen = 0;
        for _ in 0..3000 {
            let reply = door.get("/s/now/secret.txt");
            assert!(reply.status == 404 || reply.text() == "public", "{reply:?}");
            seen += u64::from(reply.status == 200);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(seen > 0, "the good one was seen too");
    });
}

fn head_of(reply: &Reply, name: &str) -> String {
    reply.header(name).unwrap_or_else(|| panic!("no {name}: {reply:?}")).to_string()
}

#[test]
fn copies_and_parts_follow_rfc_9110() {
    let (site, root) = site();
    let server = site.option("static-map", format!("/s={}", root.display())).start();
    for door in server.doors() {
        let ask = |fields: &[(&str, &str)]| {
            let request = fields.iter().fold(Request::get("/s/a.txt"), |r, (n, v)| r.header(n, v));
            door.ask(&request)
        };
        let whole = ask(&[]).expect(200);
        let (tag, date) = (head_of(&whole, "ETag"), head_of(&whole, "Last-Modified"));
        assert_eq!(whole.header("Accept-Ranges"), Some("bytes"));
        for (name, value) in [("If-None-Match", &tag), ("If-Modified-Since", &date)] {
            let reply = ask(&[(name, value)]);
            assert_eq!((reply.status, reply.body.len()), (304, 0), "{name}: {reply:?}");
            assert_eq!(head_of(&reply, "ETag"), tag);
            assert_eq!(reply.header("Content-Length"), None);
        }
        ask(&[("If-None-Match", "\"other\""), ("If-Modified-Since", &date)]).expect(200);
        ask(&[("If-Modified-Since", "Mon, 01 Jan 2001 00:00:00 GMT")]).expect(200);
        ask(&[("If-Match", "\"other\"")]).expect(412);
        for (range, text, said) in [
            ("bytes=0-1", "he", "0-1"),
            ("bytes=2-", "llo\n", "2-5"),
            ("bytes=-2", "o\n", "4-5"),
            ("bytes=0-99", "hello\n", "0-5"),
        ] {
            let reply = ask(&[("Range", range)]).expect(206);
            assert_eq!(
                (reply.text(), head_of(&reply, "Content-Range")),
                (text.into(), format!("bytes {said}/6"))
            );
            assert_eq!(head_of(&reply, "Content-Length"), text.len().to_string());
        }
        ask(&[("Range", "bytes=0-1"), ("If-Range", &tag)]).expect(206);
        ask(&[("Range", "bytes=0-1"), ("If-Range", "\"other\"")]).expect(200);
        assert_eq!(ask(&[("Range", "bytes=0-1,3-4")]).expect(200).text(), "hello\n");
        let reply = ask(&[("Range", "bytes=90-")]).expect(416);
        assert_eq!(head_of(&reply, "Content-Range"), "bytes */6");
        let head = door.ask(&Request::new("HEAD", "/s/a.txt").header("Range", "bytes=0-1")).expect(200);
        assert_eq!((head.header("Content-Length"), head.body.len()), (Some("6"), 0));
        let part = door.ask(&Request::get("/s/big.bin").header("Range", "bytes=1000000-2999999")).expect(206);
        assert_eq!(part.body, vec![7u8; 2_000_000]);
        assert_eq!(door.get("/s/big.bin").expect(200).body.len(), 3 << 20);
    }
    // A file that changes has another tag, also within the second.
    let tag = |server: &Server| head_of(&server.get("/s/a.txt"), "ETag");
    let before = tag(&server);
    fs::write(root.join("a.txt"), "hellO\n").unwrap();
    assert_ne!(tag(&server), before);
}

#[test]
fn ranges_can_be_switched_off() {
    let (site, root) = site();
    let server =
        site.option("static-map", format!("/s={}", root.display())).option("honour-range", "false").start();
    let reply = server.ask(&Request::get("/s/a.txt").header("Range", "bytes=0-1")).expect(200);
    assert_eq!((reply.text().as_str(), reply.header("Accept-Ranges")), ("hello\n", None));
}

#[test]
fn a_connection_goes_on_after_every_kind_of_answer() {
    let (site, root) = site();
    let server = site.option("static-map", format!("/s={}", root.display())).start();
    let mut kept = uswgi_tests::http::Connection::open(server.http.as_ref().unwrap()).unwrap();
    let tag = head_of(&server.get("/s/a.txt"), "ETag");
    let get = || Request::get("/s/a.txt");
    for (request, status) in [
        (get(), 200),
        (Request::new("HEAD", "/s/a.txt"), 200),
        (get().header("Range", "bytes=1-1"), 206),
        (get().header("If-None-Match", &tag), 304),
        (get().header("If-Match", "\"other\""), 412),
        (get().header("Range", "bytes=9-"), 416),
        (Request::get("/s/big.bin"), 200),
        (Request::get("/hello"), 200),
    ] {
        let reply = kept.ask(&request).unwrap();
        assert_eq!(reply.status, status, "{request:?}");
    }
}

fn gzip(path: &Path) {
    let status = std::process::Command::new(paths::tool("gzip")).arg("-k").arg(path).status().unwrap();
    assert!(status.success());
}

#[test]
fn compressed_copies_go_to_who_takes_them() {
    for (key, value) in [
        ("static-gzip-all", "true".to_string()),
        ("static-gzip", r"/files/.*\.css$".to_string()),
        ("static-gzip-ext", ".css".to_string()),
        ("static-gzip-dir", String::new()),
    ] {
        let (site, root) = site();
        let value = if value.is_empty() { format!("{}/", root.display()) } else { value };
        gzip(&root.join("style.css"));
        let packed = fs::read(root.join("style.css.gz")).unwrap();
        let server = site.option("static-map", format!("/s={}", root.display())).option(key, value).start();
        for door in server.doors() {
            let ask = |codings: &str| {
                door.ask(&Request::get("/s/style.css").header("Accept-Encoding", codings)).expect(200)
            };
            let plain = door.get("/s/style.css").expect(200);
            assert_eq!((plain.text().as_str(), plain.header("Content-Encoding")), ("body{}", None), "{key}");
            let gz = ask("br, gzip");
            assert_eq!((&gz.body, gz.header("Content-Encoding")), (&packed, Some("gzip")), "{key}");
            assert_eq!(gz.header("Content-Type"), Some("text/css"));
            for reply in [&plain, &gz] {
                assert_eq!(reply.header("Vary"), Some("Accept-Encoding"), "{key}: {reply:?}");
            }
            assert_ne!(plain.header("ETag"), gz.header("ETag"));
            assert_eq!(ask("gzip;q=0").text(), "body{}");
            assert_eq!(ask("identity").text(), "body{}");
            // No copy beside it: the file itself.
            let other = door.ask(&Request::get("/s/a.txt").header("Accept-Encoding", "gzip")).expect(200);
            assert_eq!((other.text().as_str(), other.header("Content-Encoding")), ("hello\n", None));
        }
    }
}

#[test]
fn expires_by_every_rule() {
    let (site, root) = site();
    let types = site.dir.join("types");
    fs::write(&types, "x-test/css css\n").unwrap();
    let server = site
        .option("static-map", format!("/s={}", root.display()))
        .option("mime-file", types.display())
        .option("static-expires-type", "x-test/css=100")
        .option("static-expires-type-mtime", "text/html=200")
        .option("static-expires", r"/a\.txt$ 300")
        .option("static-expires-mtime", r"/empty\.txt$ 400")
        .option("static-expires-uri", r"^/s/.*\?v=1$ 500")
        .option("static-expires-path-info", "^/s/sub/ 600")
        .option("static-index", "index.html")
        .start();
    for door in server.doors() {
        let expires = |target: &str| {
            let reply = door.get(target).expect(200);
            let read = |name: &str| reply.header(name).map(http_seconds);
            (read("Expires"), read("Last-Modified").unwrap())
        };
        for (target, seconds) in
            [("/s/style.css", 100), ("/s/a.txt", 300), ("/s/plain?v=1", 500), ("/s/sub/", 600)]
        {
            let begin = now();
            let at = expires(target).0.unwrap_or_else(|| panic!("{target} has no Expires"));
            // The server's clock is the kernel's coarse one.
            assert!((begin + seconds - 1..=now() + seconds).contains(&at), "{target}");
        }
        for (target, seconds) in [("/s/page.html", 200), ("/s/empty.txt", 400)] {
            let (at, modified) = expires(target);
            assert_eq!(at, Some(modified + seconds), "{target}");
        }
        assert_eq!(expires("/s/plain").0, None);
        assert_eq!(door.get("/s/style.css").header("Content-Type"), Some("x-test/css"));
    }
}

/// Seconds since the epoch.
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// Seconds of an HTTP date.
fn http_seconds(date: &str) -> u64 {
    let time = nix_date(date);
    u64::try_from(time).unwrap()
}

fn nix_date(date: &str) -> i64 {
    let out =
        std::process::Command::new(paths::tool("date")).args(["-u", "+%s", "-d", date]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().parse().unwrap_or_else(|e| panic!("{date}: {e}"))
}

#[test]
fn a_bad_rule_stops_the_start() {
    for (key, value, said) in [
        ("static-gzip", "(", "no pattern"),
        ("static-expires", "(a 5", "no pattern"),
        ("static-expires", "abc", "number of seconds"),
        ("static-expires-uri", "abc def", "number of seconds"),
        ("static-expires-type", "text/css", "number of seconds"),
        ("static-map", "/static", "no ="),
    ] {
        let failure = Site::probe().option(key, value).refused();
        assert_eq!(failure.code, Some(1), "{key} = {value}: {failure:?}");
        assert!(
            failure.text.contains(said) && failure.text.contains("uwsgi.ini:"),
            "{key} = {value}: {failure:?}"
        );
    }
}

#[test]
fn without_descriptors_a_file_is_not_taken_for_absent() {
    let (site, root) = site();
    let site = site.option("static-map", format!("/s={}", root.display()));
    let server = site.option("max-fd", 130).option("workers", 1).option("http-keepalive", 60).start();
    let address = server.http.clone().unwrap();
    let mut kept = Connection::open(&address).unwrap();
    assert_eq!(kept.ask(&Request::get("/s/a.txt")).unwrap().expect(200).text(), "hello\n");
    let full = || server.log().contains("Too many open files");
    let flood: Vec<_> = (0..1000)
        .map_while(|_| {
            let mut c = Connection::open(&address).unwrap();
            c.send(b"GET /hello HTTP/1.1\r\n").unwrap();
            (!full()).then_some(c)
        })
        .collect();
    server.wait_log("Too many open files");
    kept.ask(&Request::get("/s/a.txt")).unwrap().expect(503);
    server.wait_log("with 503: a static file cannot be opened");
    drop(flood);
    until("the file again", || {
        server.doors()[0].try_ask(&Request::get("/s/a.txt")).ok().filter(|r| r.status == 200)
    });
}

#[test]
fn a_file_of_tomorrow_was_modified_today() {
    let (site, root) = site();
    let tomorrow = std::time::SystemTime::now() + std::time::Duration::from_secs(86_400);
    fs::File::options().write(true).open(root.join("a.txt")).unwrap().set_modified(tomorrow).unwrap();
    let server = site.option("static-map", format!("/s={}", root.display())).start();
    for door in server.doors() {
        let begin = now() - 1;
        let reply = door.get("/s/a.txt").expect(200);
        let modified = http_seconds(reply.header("Last-Modified").unwrap());
        assert!((begin..=now()).contains(&modified), "{modified}");
        if let Some(date) = reply.header("Date") {
            assert!(modified <= http_seconds(date), "{reply:?}");
        }
    }
}
