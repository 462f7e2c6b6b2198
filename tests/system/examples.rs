//! What stands in `examples/` works as it stands there: only paths, ports and users are those of the machine. (Django
//! has a room of its own.)

use nix::sys::signal::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use uswgi_tests::machine::{Machine, is_root};
use uswgi_tests::process::{self, Process};
use uswgi_tests::proxy::Proxy;
use uswgi_tests::request::Address;
use uswgi_tests::server::Door;
use uswgi_tests::temp::TempDir;
use uswgi_tests::wait::PATIENCE;
use uswgi_tests::{Need, Request, Server, Site, lacks, need, paths, until};

fn example(name: &str) -> PathBuf {
    paths::root().join("examples").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(example(name)).unwrap()
}

#[track_caller]
fn good(command: Command) -> String {
    process::good(command, PATIENCE)
}

/// Start an example with the words that a user would type: its port and pidfile, and its virtualenv.
fn start(folder: &str, venv: &Path) -> Server {
    let site = Site::new().http();
    let (port, pidfile) = (site.http_port(), site.dir.join("uwsgi.pid"));
    let words = [
        "--set-placeholder".to_string(),
        format!("port={port}"),
        "--ini".into(),
        example(folder).join("uwsgi.ini").display().to_string(),
        "--home".into(),
        venv.display().to_string(),
        "--pidfile".into(),
        pidfile.display().to_string(),
        "--env".into(),
        "PYTHONDONTWRITEBYTECODE=1".into(),
    ];
    let site = words.iter().fold(site, |site, word| site.arg(word));
    site.start()
}

#[test]
fn flask() {
    let server = start("flask", &paths::venv());
    assert_eq!(server.get("/").expect(200).text(), "Hello from Flask\n");
    let form = server.ask(&Request::form("/form", &[("a", "1"), ("a", "2")])).expect(200);
    assert_eq!(form.json()["fields"]["a"], serde_json::json!(["1", "2"]));
    assert_eq!(server.get("/stream").expect(200).text().lines().count(), 1000);
}

#[test]
fn web_py() {
    let server = start("webpy", &paths::venv());
    assert_eq!(server.get("/").expect(200).text(), "Hello from web.py\n");
    assert_eq!(server.ask(&Request::form("/form", &[("name", "Zoë")])).expect(200).text(), "name is Zoë\n");
}

#[test]
fn two_apps_by_mount() {
    let server = start("mounts", &paths::pythons()[0].1);
    assert!(server.get("/").expect(200).text().contains("Front"));
    assert!(server.get("/apiary").expect(200).text().contains("Front"), "a prefix ends with its segment");
    for (target, path) in [("/api/status", "/status"), ("/api/", "/"), ("/api", "")] {
        let seen = server.get(target).expect(200).json();
        assert_eq!(seen, serde_json::json!({"mounted_at": "/api", "path": path}), "{target}");
    }
}

#[test]
fn static_files() {
    let server = start("static", &paths::pythons()[0].1);
    assert!(server.get("/").expect(200).text().contains("From Python"));
    let css = server.get("/static/style.css").expect(200);
    assert_eq!(css.text(), read("static/files/style.css"));
    assert!(css.header("Content-Type").is_some_and(|t| t.starts_with("text/css")), "{css:?}");
    assert_eq!(server.get("/robots.txt").expect(200).text(), read("static/public/robots.txt"));
    assert!(
        server.get("/static/../app.py").text().contains("From Python")
            || server.get("/static/../app.py").status >= 400
    );
}

fn visits(proxy: &Proxy) {
    let reply = proxy.get("/anything").expect(200);
    assert_eq!(reply.text(), "my site");
    assert_eq!(proxy.get("/static/a.css").expect(200).text(), "b {}");
    let sent = Request::post_pattern("/", 300_000);
    assert_eq!(proxy.ask(&sent).expect(200).text(), "my site");
}

#[test]
fn nginx_site() {
    let machine = Machine::new();
    let server = machine.serve("");
    assert_eq!(server.workers().len(), 4);
    visits(&Proxy::nginx_site(&machine.moved(&read("nginx/site.conf"))));
}

/// Connections that somebody has with a unix socket of this path (proc_net_unix(5): state 03 is connected).
fn connected(path: &Path) -> usize {
    let table = fs::read_to_string("/proc/net/unix").unwrap();
    let path = path.display().to_string();
    table.lines().filter(|l| l.contains(" 03 ") && l.ends_with(&path)).count()
}

/// The site that keeps its connections, and the one that uswgi-conf makes of its configuration.
#[test]
fn nginx_site_over_http() {
    let machine = Machine::new();
    let server = machine.serve_http(&read("nginx-http/uwsgi.ini"));
    assert_eq!(server.workers().len(), 4);
    let mut conf = process::command(paths::command("uswgi-conf"));
    conf.args(["convert", "--to", "nginx"]).arg(machine.dir.join("etc/uwsgi/mysite.ini"));
    let made = good(conf);
    assert!(made.contains("keepalive_timeout 59s;"), "{made}");
    let socket = machine.dir.join("run/mysite/uwsgi.sock");
    for (name, site) in [("site.conf", machine.moved(&read("nginx-http/site.conf"))), ("made", made)] {
        assert_eq!(connected(&socket), 0, "{name}: nobody is there yet");
        let proxy = Proxy::nginx_site(&site);
        for _ in 0..20 {
            assert_eq!(proxy.get("/anything").expect(200).text(), "my site");
        }
        assert!(matches!(connected(&socket), 1..=4), "{name}: they are kept: {}", connected(&socket));
        // A kept connection goes on to who comes next, or ends without a lost request.
        let before = server.workers();
        let mut reload = process::command(paths::command("uswgi-ctl"));
        reload.arg("--pidfile").arg(machine.dir.join("run/mysite/uwsgi.pid")).args(["reload", "--wait"]);
        good(reload);
        for _ in 0..20 {
            assert_eq!(proxy.get("/anything").expect(200).text(), "my site");
        }
        assert!(server.workers().iter().all(|w| !before.contains(w)));
        drop(proxy);
        until("nginx is gone, and its connections", || (connected(&socket) == 0).then_some(()));
    }
    let proxy = Proxy::nginx_site(&machine.moved(&read("nginx-http/site.conf")));
    visits(&proxy);
    server.wait_log("] 127.0.0.1 () {");
}

#[test]
fn apache_site() {
    let machine = Machine::new();
    let _server = machine.serve("");
    visits(&Proxy::apache_site(&machine.moved(&read("apache/site.conf"))));
}

#[test]
fn systemd_unit() {
    let machine = Machine::new();
    let unit = machine.dir.join("mysite.service");
    fs::write(&unit, machine.moved(&read("systemd/mysite.service"))).unwrap();
    let mut verify = process::command(paths::tool("systemd-analyze"));
    verify.args(["verify", "--man=no"]).arg(&unit);
    // Findings go to stderr; the exit code is 0 for many of them.
    assert_eq!(good(verify).trim(), "");
}

#[test]
fn supervisor_program() {
    let machine = Machine::new();
    let here = machine.dir.path().display();
    let ini = machine.moved(&read("nginx/uwsgi.ini"));
    // supervisord makes the user itself here.
    let ini: String = ini
        .lines()
        .filter(|l| !["uid", "gid", "chown"].iter().any(|k| l.starts_with(k)))
        .map(|l| format!("{l}\n"))
        .collect();
    fs::write(machine.dir.join("etc/uwsgi/mysite.ini"), ini).unwrap();
    let mut program = machine.moved(&read("supervisor/mysite.conf"));
    assert!(program.contains("user=mysite"));
    program = program.replace("user=mysite", if is_root() { "user=nobody" } else { "; as who started it" });
    let text = format!(
        "[supervisord]\nnodaemon=true\nlogfile={here}/sv.log\npidfile={here}/sv.pid\nchildlogdir={here}\n\
         [unix_http_server]\nfile={here}/sv.sock\n[supervisorctl]\nserverurl=unix://{here}/sv.sock\n\
         [rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n{program}"
    );
    let conf = machine.dir.join("sv.conf");
    fs::write(&conf, text).unwrap();
    let mut command = process::command(paths::tool("supervisord"));
    command.arg("-c").arg(&conf);
    let mut daemon = Process::start(command, &machine.dir.join("out.log"));
    let door = Door::Uwsgi(Address::Unix(machine.dir.join("run/mysite/uwsgi.sock")));
    until("the site", || {
        assert!(
            daemon.ended().is_none(),
            "{}",
            fs::read_to_string(machine.dir.join("out.log")).unwrap_or_default()
        );
        door.try_ask(&Request::get("/")).ok()
    });
    let mut stop = process::command(paths::tool("supervisorctl"));
    stop.arg("-c").arg(&conf).args(["stop", "mysite"]);
    assert!(good(stop).contains("stopped"));
    let log = fs::read_to_string(machine.dir.join("var/log/mysite.log")).unwrap();
    assert!(log.contains("stopping: workers finish what they have"), "{log}");
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
    daemon.wait_gone(PATIENCE);
}

/// Instructions of a Dockerfile: words joined over line ends, without comments.
fn instructions(text: &str) -> Vec<(String, String)> {
    let joined = text
        .lines()
        .filter(|l| !l.trim_start().starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("\\\n", " ");
    let lines = joined.lines().filter(|l| !l.trim().is_empty());
    lines
        .map(|l| l.trim().split_once(' ').expect("an instruction has arguments"))
        .map(|(k, v)| (k.into(), v.trim().into()))
        .collect()
}

/// `["a", "b"]` behind an instruction.
fn words(text: &str) -> Vec<String> {
    serde_json::from_str(&text[text.find('[').expect("a list, so that no shell is process 1")..]).unwrap()
}

#[test]
fn dockerfile() {
    let all = instructions(&read("docker/Dockerfile"));
    let known = ["FROM", "RUN", "COPY", "WORKDIR", "USER", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "CMD"];
    for (name, _) in &all {
        assert!(known.contains(&name.as_str()), "{name}");
    }
    let image = all.rsplitn(2, |(name, _)| name == "FROM").next().unwrap();
    let last = |wanted: &str| {
        let at = image.iter().rposition(|(name, _)| name == wanted).unwrap_or_else(|| panic!("no {wanted}"));
        (at, image[at].1.clone())
    };
    // Not root, and from there on to the end.
    let (user, who) = last("USER");
    assert!(
        who.parse::<u32>().is_ok_and(|uid| uid > 0),
        "USER {who}: a number can be checked by runAsNonRoot"
    );
    assert!(image[user..].iter().all(|(name, _)| name != "RUN" && name != "COPY"));
    assert_eq!(last("STOPSIGNAL").1, "SIGTERM");
    // Everything that is copied stands beside the file, but the checkout.
    for (_, what) in image.iter().filter(|(name, what)| name == "COPY" && !what.contains("--from")) {
        let mut files: Vec<&str> = what.split_whitespace().collect();
        files.pop();
        files
            .iter()
            .for_each(|f| assert!(example("docker").join(f).exists(), "{f} is not beside the Dockerfile"));
    }
    if lacks(Need::PidNamespace) {
        return;
    }
    // CMD and HEALTHCHECK, as a container runs them: process 1 of its own namespace, in the folder.
    let cmd = words(&last("CMD").1);
    let health = words(&last("HEALTHCHECK").1);
    assert_eq!((cmd[0].as_str(), health[0].as_str()), ("uswgi-master", "uswgi-ctl"));
    let dir = TempDir::new();
    for name in ["app.py", "uwsgi.ini"] {
        fs::copy(example("docker").join(name), dir.join(name)).unwrap();
    }
    let port = paths::free_port();
    let ini = fs::read_to_string(dir.join("uwsgi.ini")).unwrap();
    assert!(ini.contains("http-socket = :8000"));
    fs::write(dir.join("uwsgi.ini"), ini.replace(":8000", &format!("127.0.0.1:{port}"))).unwrap();
    // A folder of the commands and of python, as in the image.
    let path = format!("{}:{}", paths::bin_dir().display(), paths::public_venv().join("bin").display());
    let mut run = process::command(paths::tool("unshare"));
    run.args(need::PID_NAMESPACE).args(&cmd);
    run.env("PATH", format!("{path}:/usr/bin:/bin")).current_dir(dir.path());
    let mut container = Process::start(run, &dir.join("log"));
    let door = Door::Http(Address::Port(port));
    let log = || fs::read_to_string(dir.join("log")).unwrap_or_default();
    until("the site in its own namespace", || {
        assert!(container.ended().is_none(), "{}", log());
        door.try_ask(&Request::get("/")).ok()
    });
    assert_eq!(door.get("/").expect(200).text(), "Hello from Docker\n");
    assert!(log().contains("pid 1:"), "it is not process 1: {}", log());
    // The health check, inside the same namespaces.
    let inner = until("process 1", || {
        let children = format!("/proc/{0}/task/{0}/children", container.pid());
        fs::read_to_string(children).ok()?.split_whitespace().next()?.parse::<i32>().ok()
    });
    let check = || {
        let mut enter = process::command(paths::tool("nsenter"));
        enter.args(["--preserve-credentials", "--user", "--pid", "--mount", "--target", &inner.to_string()]);
        enter.args(&health).env("PATH", format!("{path}:/usr/bin:/bin"));
        process::run(enter, PATIENCE).status.code()
    };
    // The master hears of a worker a moment after the first client may.
    until("the health check", || (check() == Some(0)).then_some(()));
    process::send(inner, Signal::SIGSTOP);
    assert_eq!(check(), Some(0), "the health check needs no answer of the master");
    process::send(inner, Signal::SIGCONT);
    // docker stop.
    process::send(inner, Signal::SIGTERM);
    container.wait();
    container.wait_gone(PATIENCE);
    assert!(log().contains("stopped"), "{}", log());
}

#[test]
fn kubernetes_manifest() {
    let text = read("kubernetes/site.yaml");
    let number = |key: &str| -> u32 {
        let rest = text.split(&format!("{key}: ")).nth(1).unwrap_or_else(|| panic!("no {key}"));
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    let ini = read("docker/uwsgi.ini");
    let option = |key: &str| -> u32 {
        let line = ini
            .lines()
            .find_map(|l| l.strip_prefix(&format!("{key} = ")))
            .unwrap_or_else(|| panic!("no {key}"));
        line.parse().unwrap()
    };
    let pause: u32 =
        text.split("\"--shutdown-delay\", \"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
    assert!(number("terminationGracePeriodSeconds") > pause + option("reload-mercy"));
    assert!(number("timeoutSeconds") > option("harakiri"), "the probe would be quicker than harakiri");
    assert_eq!(text.matches("[uswgi-ctl, --quiet, ping]").count(), 2);
    let uid = read("docker/Dockerfile").split("USER ").nth(1).unwrap().lines().next().unwrap().to_string();
    assert_eq!(number("runAsUser").to_string(), uid);
    // Its arguments stand in the place of the image's CMD, and do what the manifest says.
    let list = |text: &str, start: &str| -> Vec<String> {
        words(
            text.lines().find(|l| l.trim_start().starts_with(start)).unwrap_or_else(|| panic!("no {start}")),
        )
    };
    let (args, cmd) = (list(&text, "args:"), list(&read("docker/Dockerfile"), "CMD"));
    assert!(args.starts_with(&cmd), "{args:?} is not what the image starts: {cmd:?}");
    let dir = TempDir::new();
    fs::copy(example("docker").join("app.py"), dir.join("app.py")).unwrap();
    let own = format!("127.0.0.1:{}", paths::free_port());
    fs::write(dir.join("uwsgi.ini"), ini.replace(":8000", &own)).unwrap();
    let mut run = process::command(paths::command(&args[0]));
    run.args(&args[1..]).current_dir(dir.path());
    let mut site = Process::start(run, &dir.join("log"));
    let says = |what: &str| {
        let log = || fs::read_to_string(dir.join("log")).unwrap_or_default();
        until(what, || log().contains(what).then_some(()));
    };
    says("ready: generation 1");
    site.signal(Signal::SIGTERM);
    says(&format!("the stop begins in {pause} s (shutdown-delay)"));
    site.signal(Signal::SIGINT);
    assert_eq!(site.wait().code(), Some(0));
    // The schema of Kubernetes, strictly: no field that it does not know.
    let mut validate = process::command(paths::kubernetes_validate());
    validate.arg("--strict").arg(paths::root().join("examples/kubernetes/site.yaml"));
    let said = process::run(validate, PATIENCE);
    let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let both = text_of(&said.stdout) + &text_of(&said.stderr);
    assert!(said.status.success() && both.matches("passed").count() == 2, "{both}");
    // It is YAML, read by the reader of uswgi-conf: two documents.
    let dir = TempDir::new();
    for (i, document) in text.split("\n---\n").enumerate() {
        let file = dir.join(&format!("{i}.yaml"));
        fs::write(&file, format!("uwsgi:\n  env: YAML=1\n{document}")).unwrap();
        let mut conf = process::command(paths::command("uswgi-conf"));
        conf.args(["convert", "--to", "env"]).arg(&file);
        assert!(good(conf).contains("YAML=1"), "document {i}");
    }
}
