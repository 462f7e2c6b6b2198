//! One Django project (tests/apps/delivery.py) directly, behind nginx and behind Apache: files that the server in front sends, ranges,
//! streams, async views, uploads, sub-paths, schemes and languages. The same requests to the original with the same file.

use std::fs;
use uswgi_tests::proxy::Proxy;
use uswgi_tests::request::{Address, Body};
use uswgi_tests::{Reply, Request, Server, Site, http, paths, until};

const NAME: &str = "gr%C3%BC%C3%9Fe%20%E2%82%AC.txt";

fn content() -> Vec<u8> {
    (0..1_000_000usize).map(|i| ((i * 7 + i / 256) % 256) as u8).collect()
}

/// The project with its files; `lines` say how it is loaded.
fn site(lines: &[(&str, &str)]) -> Site {
    let site = Site::new().file("delivery").home(&paths::venv()).both();
    let app = site.dir.join("app").display().to_string();
    let files = site.dir.join("app/files");
    fs::create_dir_all(&files).unwrap();
    fs::write(files.join("big.bin"), content()).unwrap();
    fs::write(files.join("grüße €.txt"), "grüße").unwrap();
    let site = site.option("chdir", app).option("threads", 2).option("chmod-socket", "666");
    lines.iter().fold(site, |site, (name, value)| site.option(name, value))
}

/// nginx in front of both sockets, each location with what `more` says, and the files in a location of its own.
fn nginx(server: &Server, at: &str, pass: &str) -> Proxy {
    let (files, port) = (server.dir.join("app/files"), server.http_port());
    let socket = server.dir.join("uwsgi.sock");
    let pass = pass
        .replace("UWSGI", &format!("include uwsgi_params; uwsgi_pass unix:{}", socket.display()))
        .replace("HTTP:", &format!("http://127.0.0.1:{port}"));
    Proxy::nginx_site(&format!(
        "server {{ listen 80; client_max_body_size 0; location /protected/ {{ internal; alias {}/; }}\n\
         location {at} {{ {pass} }} }}\n",
        files.display()
    ))
}

/// What does not depend on the server: framing, dates and validators are left out.
fn essence(reply: &Reply, dir: &str) -> String {
    const LEFT_OUT: [&str; 7] =
        ["date", "server", "connection", "content-length", "transfer-encoding", "etag", "last-modified"];
    let mut fields: Vec<_> = reply
        .headers
        .iter()
        .map(|(name, value)| format!("{}: {value}", name.to_lowercase()))
        .filter(|line| !LEFT_OUT.contains(&line.split(':').next().unwrap_or_default()))
        .collect();
    fields.sort();
    let body = if reply.body.len() < 1000 {
        reply.text()
    } else {
        let body = Body::Bytes(reply.body.clone());
        format!("{} bytes, {}", body.len(), body.sha256())
    };
    format!("{} {fields:?} {body}", reply.status).replace(dir, "DIR")
}

/// The requests, each with what it is told, over one door.
fn told(server: &Server, door: &Address, requests: &[Request]) -> Vec<(String, String)> {
    let dir = server.dir.path().display().to_string();
    let ask = |request: &Request| {
        let reply = http::ask(door, request).unwrap_or_else(|e| panic!("{}: {e}", request.target));
        let what = format!("{} {} {:?}", request.method, request.target, request.headers);
        (what, essence(&reply, &dir))
    };
    requests.iter().map(ask).collect()
}

fn get(target: &str) -> Request {
    Request::get(target).header("Host", "shop.example")
}

/// Over every door both servers tell the same.
fn same(lines: &[(&str, &str)], doors: &[(&str, &str)], requests: &[Request]) {
    let ask = |server: &Server| {
        until("an answer", || server.door().try_ask(&get("/")).ok());
        let mut all = told(server, server.http.as_ref().unwrap(), requests);
        for (at, pass) in doors {
            let proxy = nginx(server, at, pass);
            let told = told(server, &proxy.address, requests);
            all.extend(told.into_iter().map(|(what, told)| (format!("{pass}: {what}"), told)));
        }
        all
    };
    let (original, ours) = (ask(&site(lines).original()), ask(&site(lines).start()));
    for ((what, theirs), (_, ours)) in original.iter().zip(&ours) {
        assert_eq!(ours, theirs, "{what}");
    }
    assert_eq!(ours.len(), requests.len() * (doors.len() + 1));
}

fn requests() -> Vec<Request> {
    let file = format!("/file/{NAME}");
    let ranged = |target: &str, range: &str| get(target).header("Range", range);
    let mut all = vec![
        get("/where/a%20b/gr%C3%BC%C3%9Fe?q=%C3%A9&x=1+2"),
        get("/where/a%2Fb;c=%F0%9F%98%80"),
        get("/where/%FF%25"),
        get("/where/a%3Fb%23c"),
        get("/where/s").header("X-Forwarded-Proto", "https"),
        get("/where/s").header("X-Forwarded-Proto", "https").header("X-Forwarded-Host", "shop.example:8443"),
        get("/where/s").header("X-Forwarded-Proto", "http"),
        get("/away/gr%C3%BC%C3%9Fe"),
        get("/page/caf%C3%A9/").header("Accept-Language", "de"),
        get("/de/page/caf%C3%A9/"),
        get(&format!("{file}?save")),
        Request { method: "HEAD".into(), ..get(&file) },
        get("/memory"),
        get("/stream"),
        get("/astream"),
        get("/later/me"),
        get("/inside/me"),
        get("/where/x/").header("If-None-Match", "*"),
        get(&format!("/accel/{NAME}")),
        get("/accel/none"),
        get("/sendfile/big.bin"),
        ranged("/accel/big.bin", "bytes=5-9"),
        ranged("/part/big.bin", "bytes=10-19"),
        ranged("/file/big.bin", "bytes=1000-1999"),
        ranged("/memory", "bytes=0-9"),
    ];
    let mut form = b"--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"gr\xc3\xbc\xc3\x9fe.bin\"\r\nContent-Type: x/y\r\n\r\n".to_vec();
    form.extend(content().repeat(5));
    form.extend(b"\r\n--B\r\nContent-Disposition: form-data; name=\"w\"\r\n\r\n\xc3\xbc\r\n--B--\r\n");
    all.push(Request::post("/upload", form).header("Content-Type", "multipart/form-data; boundary=B"));
    all.push(Request::post_pattern("/body", 20_000_000));
    all
}

#[test]
fn files_streams_and_uploads_are_what_they_are_on_the_original() {
    let ranges = "UWSGI; uwsgi_force_ranges on;";
    let proxied = "proxy_pass HTTP:; proxy_set_header Host $http_host; proxy_request_buffering off;";
    same(&[("module", "delivery")], &[("/", "UWSGI;"), ("/", proxied), ("/", ranges)], &requests());
}

#[test]
fn what_the_project_gives_arrives() {
    let server = site(&[("module", "delivery")]).start();
    let proxies = [nginx(&server, "/", "UWSGI;"), nginx(&server, "/", "proxy_pass HTTP:;")];
    let direct = server.http.clone().unwrap();
    for door in [&direct, &proxies[0].address, &proxies[1].address] {
        let ask = |request: &Request| http::ask(door, request).unwrap();
        let seen =
            ask(&get("/where/gr%C3%BC%C3%9Fe").header("X-Forwarded-Proto", "https")).expect(200).json();
        assert_eq!((&seen["name"], &seen["secure"]), (&"grüße".into(), &true.into()), "{seen}");
        let away = ask(&get("/away/gr%C3%BC%C3%9Fe")).expect(302);
        assert_eq!(away.header("Location"), Some("/where/gr%C3%BC%C3%9Fe?q=gr%C3%BC%C3%9Fe"));
        assert_eq!(ask(&get("/file/big.bin")).expect(200).body, content());
        // From where the application stands in its file; the original sends as many bytes from its beginning.
        let half = ask(&get("/half/big.bin")).expect(200);
        assert!(half.body == content()[500_000..], "{} bytes", half.body.len());
        assert_eq!(ask(&get("/stream")).expect(200).body.len(), 208_890);
        assert_eq!(ask(&get("/later/x")).json()["both"][0], "x");
    }
    for proxy in &proxies {
        let whole = proxy.get("/accel/big.bin").expect(200);
        assert!(whole.body == content() && whole.header("Content-Type") == Some("application/x-own"));
        let part = proxy.ask(&get("/accel/big.bin").header("Range", "bytes=5-9")).expect(206);
        assert_eq!(part.body, content()[5..10]);
        assert_eq!(proxy.get(&format!("/accel/{NAME}")).expect(200).text(), "grüße");
    }
}

#[test]
fn apache_sends_the_files_that_x_sendfile_names() {
    let server = site(&[("module", "delivery")]).start();
    let (socket, files) = (server.dir.join("uwsgi.sock"), server.dir.join("app/files"));
    let apache = Proxy::apache_site(&format!(
        "LoadModule xsendfile_module /usr/lib/apache2/modules/mod_xsendfile.so\n\
         XSendFile on\nXSendFilePath {}\nProxyPass / unix:{}|uwsgi://site/\n",
        files.display(),
        socket.display()
    ));
    let whole = apache.get("/sendfile/big.bin").expect(200);
    assert!(whole.body == content() && whole.header("X-Sendfile").is_none(), "{:?}", whole.headers);
    let part = apache.ask(&get("/sendfile/big.bin").header("Range", "bytes=5-9")).expect(206);
    assert_eq!(part.body, content()[5..10]);
    assert_eq!(apache.get("/where/caf%C3%A9").json()["name"], "café");
}

/// uWSGI's documents: a header of the application names the file, a rule of the server sends it.
#[test]
fn a_rule_sends_the_files_that_x_sendfile_names() {
    let rule = "empty:${X_SENDFILE} static:${X_SENDFILE}";
    let lines = [
        ("module", "delivery"),
        ("collect-header", "X-Sendfile X_SENDFILE"),
        ("response-route-if-not", rule),
        ("log-format", "%(method) %(uri) %(status) %(rsize) of %(var.X_SENDFILE)"),
    ];
    let server = site(&lines).start();
    let proxy = nginx(&server, "/", "UWSGI;");
    for door in [server.http.as_ref().unwrap(), &proxy.address] {
        let ask = |request: &Request| http::ask(door, request).unwrap();
        let whole = ask(&get("/sendfile/big.bin")).expect(200);
        assert!(whole.body == content() && whole.header("X-Sendfile").is_none(), "{:?}", whole.headers);
        let part = ask(&get("/sendfile/big.bin").header("Range", "bytes=5-9")).expect(206);
        assert_eq!(part.body, content()[5..10]);
        let tag = whole.header("ETag").unwrap().to_string();
        ask(&get("/sendfile/big.bin").header("If-None-Match", &tag)).expect(304);
        ask(&get("/where/x")).expect(200);
    }
    // Two requests on one connection: the body of the application is not behind the file.
    let mut kept = http::Connection::open(server.http.as_ref().unwrap()).unwrap();
    for _ in 0..2 {
        assert_eq!(kept.ask(&get("/sendfile/big.bin")).unwrap().expect(200).body.len(), 1_000_000);
    }
    let line =
        format!("GET /sendfile/big.bin 200 1000000 of {}/app/files/big.bin", server.dir.path().display());
    server.wait_log(&line);
    http::ask(server.http.as_ref().unwrap(), &get("/sendfile/none")).unwrap_err();
    server.wait_log("a rule of a response names");
}

#[test]
fn a_project_below_a_path_knows_it_however_it_is_said() {
    let requests: Vec<Request> = [
        "/sub/where/gr%C3%BC%C3%9Fe%20x",
        "/sub/away/caf%C3%A9",
        "/sub",
        "/sub/",
        "/sub/page/x/",
        "/sub/de/page/x",
        "/sub//where/x",
        "/s%75b/where/z",
        "/sub/accel/big.bin",
    ]
    .map(get)
    .into();
    let script = "UWSGI; uwsgi_param SCRIPT_NAME /sub;";
    let mount = [("mount", "/sub=delivery.py"), ("manage-script-name", "true")];
    let proxied = "proxy_pass HTTP:; proxy_set_header Host $http_host;";
    same(&mount, &[("/sub", "UWSGI;"), ("/sub", proxied), ("/sub", script)], &requests);
    let forced = [("module", "delivery"), ("env", "DELIVERY_PREFIX=/sub")];
    let cut = "proxy_pass HTTP:/; proxy_set_header Host $http_host;";
    // "/sub" itself is nginx's redirect, with a port that differs.
    let below: Vec<Request> = requests.iter().filter(|r| r.target != "/sub").cloned().collect();
    same(&forced, &[("/sub/", cut)], &below);
    same(&[("module", "delivery"), ("route-run", "fixpathinfo:")], &[("/sub", script)], &requests);
    // What all of them mean.
    let server = site(&mount).start();
    let seen = server.get("/sub/where/caf%C3%A9").expect(200).json();
    assert_eq!((&seen["script_name"], &seen["path_info"]), (&"/sub".into(), &"/where/café".into()));
    assert_eq!(seen["there"], "/sub/where/caf%C3%A9");
}
