//! Every rule on a file that breaks it and one that does not.

use super::*;

fn report(text: &str, system: bool) -> Report {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("uswgi-lint-{}-{n}.ini", std::process::id()));
    std::fs::write(&file, text).unwrap();
    let env = [(b"HOME".to_vec(), b"/home/u".to_vec())];
    let report = lint(file.to_str().unwrap().as_bytes(), &env, Options { allow: Allow::default(), system });
    std::fs::remove_file(&file).unwrap();
    report
}

/// Codes with their lines.
fn codes(text: &str) -> Vec<(&'static str, u32)> {
    report(text, false).diagnostics.iter().map(|d| (d.code, d.origin.line)).collect()
}

const GOOD: &str =
    "[uwsgi]\nsocket = 127.0.0.1:8001\nmodule = app\nuid = www-data\ngid = www-data\nharakiri = 30\n";

#[test]
fn a_good_file_is_clean() {
    assert_eq!(codes(GOOD), []);
}

#[test]
fn each_rule_finds_its_line() {
    for (line, code) in [
        ("buffer_size = 4096", "underscore"),
        ("harakari = 30", "unknown-option"),
        ("= 5", "unknown-option"),
        ("processes = 4 ; four", "inline-comment"),
        ("chdir = /tmp # here", "inline-comment"),
        ("vacuum = true ; yes", "inline-comment"),
        ("chdir = \"/tmp\"", "quotes"),
        ("vacuum = none", "odd-boolean"),
        ("limit-as = 512M", "number-rest"),
        ("http-keepalive = true", "not-a-number"),
        ("daemonize = true", "file-named-true"),
        ("chmod-socket = 666", "open-socket"),
        ("chmod-socket = 0666", "bad-mode"),
        ("processes = abc", "bad-number"),
        ("http-socket = unix:/run/a.sock", "bad-socket"),
        ("http-socket = 8000", "socket-name"),
        ("shared-socket = :1", "no-effect"),
        ("fastrouter = :4040", "unsupported"),
        ("gevent = 1", "bad-number"),
        ("gevent = 10\nthreads = 2", "two-engines"),
        ("asgi = true\nthreads = 2", "two-engines"),
        ("gevent-monkey-patch = true", "no-gevent"),
        ("cheaper = 2", "cheaper-too-high"),
        ("env = A", "env-removes"),
        ("env = A = b", "env-spaces"),
        ("static-map = /s = /srv", "map-spaces"),
        ("die-on-term = false", "term-reloads"),
        ("reload-mercy = 10", "mercy-below-harakiri"),
        ("reload-mercy = 0", "no-mercy"),
        ("chdir = %(nope)/x", "unresolved-placeholder"),
        ("chdir = $(NOPE)/x", "unset-variable"),
        ("listen = %(processes)", "unresolved-placeholder"),
        ("chdir = 50%", "percent-joins"),
        ("mode = 50%;", "percent-eaten"),
        ("if-env = HOME", "open-block"),
        ("if-hostname-match = x", "dead-condition"),
        ("[uwsgi] ; main", "section-name"),
        ("[ uwsgi ]", "section-name"),
        ("[UWSGI]", "section-name"),
        ("[uwsgi", "section-name"),
        ("harakiri = 40", "overridden"),
        ("http-socket = /tmp/a.sock", "tmp-socket"),
        ("pidfile = /tmp/a.pid", "tmp-pidfile"),
        ("socket = :3031", "public-socket"),
        ("buffer-size = 70000", "clamped"),
        ("buffer-size = 32k", "small-buffer"),
        ("plugins = php", "no-plugin"),
        ("max-worker-lifetime = 5", "bad-lifetime"),
        ("exit = 1", "exits"),
        ("ini = nope.ini", "unreadable"),
        ("vacuum = true", "idle-vacuum"),
        ("procname = x", "no-effect"),
        ("add-header = \"X: y\"", "bad-value"),
        ("wsgi-file = other.py", "dead-app"),
        ("mount = /=other.py", "dead-app"),
        ("mount = /x=a.py\nmount = /x=b:c", "dead-app"),
        ("daemonize = /var/log/a.log\nlogto = /var/log/b.log", "no-effect"),
    ] {
        let found = codes(&format!("{GOOD}{line}\n# end\n"));
        assert!(found.iter().any(|(c, _)| *c == code), "{line:?}: want {code}, found {found:?}");
        assert!(codes::find(code).is_some(), "{code} has no explanation");
    }
}

/// Where the line of a finding is, and what it says to do.
fn told(line: &str, code: &str) -> Option<(u32, String)> {
    let found = report(&format!("{GOOD}{line}\n"), false).diagnostics;
    found.into_iter().find(|d| d.code == code).map(|d| (d.origin.line, d.to_string()))
}

#[test]
fn an_app_that_is_never_opened_is_told_at_its_line() {
    let (line, text) = told("processes = 2\nwsgi-file = other.py", "dead-app").unwrap();
    assert_eq!(line, 8);
    assert!(text.contains("other.py is not opened where app loads"), "{text}");
    for fine in ["mount = /x=other.py", "wsgi-file =", "module = other", "mount = /a=a.py\nmount = /b=b.py"] {
        assert_eq!(told(fine, "dead-app"), None, "{fine}");
    }
}

/// Each unset variable is one finding, and the right one.
#[test]
fn what_is_not_known_is_said_once() {
    for line in [
        "processes = $(NOPE)",
        "http-socket = 127.0.0.1:$(PORT)",
        "static-map = $(MAP)",
        "max-requests = %(nope)",
    ] {
        let found = codes(&format!("{GOOD}{line}\n"));
        let unknown = |c: &str| matches!(c, "unset-variable" | "unresolved-placeholder");
        assert_eq!(found.iter().filter(|(c, line)| unknown(c) && *line == 7).count(), 1, "{line}: {found:?}");
        assert!(found.iter().all(|(c, _)| unknown(c) || *c == "overridden"), "{line}: {found:?}");
    }
}

#[test]
fn a_slip_is_told_with_the_line_that_was_meant() {
    for (line, code, help) in [
        ("env NAME=x", "unknown-option", "write env = NAME=x"),
        ("static-map /s = /d", "unknown-option", "write static-map = /s=/d"),
        ("chmod-socket 660", "unknown-option", "write chmod-socket = 660"),
        ("threads: 4", "unknown-option", "write threads = 4"),
        ("strict-mode = true", "unknown-option", "did you mean \"strict\"?"),
        ("base = /x\nchdir = %(bsae)/y", "unresolved-placeholder", "did you mean %(base)?"),
    ] {
        let (_, text) = told(line, code).unwrap();
        assert!(text.ends_with(help) || text.contains(&format!("{help}\n")), "{line}: {text}");
    }
    let text = format!("{GOOD}chmod-socket 660\nstatic-map /s = /d\n");
    let mut now = text.into_bytes();
    for _ in 0..fix::ROUNDS {
        let r = report(&String::from_utf8_lossy(&now), false);
        now = fix::apply(&r.files[0].0, &now, &r.diagnostics).0;
    }
    let now = String::from_utf8(now).unwrap();
    assert!(now.contains("chmod-socket = 660\nstatic-map = /s = /d\n"), "{now}");
}

#[test]
fn a_socket_that_no_web_server_can_open_is_told() {
    let told = |lines: &str| {
        let text = format!("[uwsgi]\nsocket = /run/m/u.sock\nmodule = app\nharakiri = 30\n{lines}\n");
        let found = report(&text, false).diagnostics;
        found.iter().find(|d| d.code == "closed-socket").map(|d| d.severity)
    };
    let users = "uid = mysite\ngid = mysite\n";
    for lines in ["", "chmod-socket = 660", "chmod-socket = 644"] {
        assert_eq!(told(lines), Some(Severity::Note), "{lines:?}, root's if root starts it");
        let with_uid = told(&format!("{users}{lines}"));
        let grouped = lines.contains("660");
        assert_eq!(with_uid, (!grouped).then_some(Severity::Warning), "{lines:?}");
    }
    assert_eq!(told("uid = mysite\nchmod-socket = 660"), Some(Severity::Warning), "the group is root's");
    assert_eq!(told("uid = mysite\ngid = 0\nchmod-socket = 660"), Some(Severity::Warning));
    for fine in ["uid = www-data\ngid = www-data", "chmod-socket = 666", "chown-socket = mysite:www-data"] {
        assert_eq!(told(fine), None, "{fine}");
    }
}

#[test]
fn what_is_fine_is_left_alone() {
    for line in [
        "log-format = \"%(uri)\" %(status) ; x",
        "env = A=\"b c\"",
        "vacuum = false",
        "set-placeholder = base=/srv\nchdir = %(base)/a",
        "base = /srv\nchdir = x%(base)",
        "processes = %(%k * 2)",
        "set-ph = a=%d %n %% 100%%",
        "; 50%; of\n# 20% x",
        "route = ^/x log:a;b # c\nallow-unsupported = true",
        "touch-reload = /a\ntouch-reload = /b",
        "mount = /a=a.py\nmount = /b=b:c",
        "if-env = HOME\nthreads = 2\nendif =",
        "master = true\nenable-threads = true\nsingle-interpreter = true\nthunder-lock = true",
        "cheaper = 0\ngevent-monkey-patch = false",
        "gevent = 100\ngevent-monkey-patch = true",
    ] {
        let found: Vec<_> = codes(&format!("{GOOD}{line}\n"))
            .into_iter()
            .filter(|(c, _)| !matches!(*c, "unsupported"))
            .collect();
        assert_eq!(found, [], "{line}");
    }
}

#[test]
fn repairs_remove_what_they_repair() {
    let text = format!(
        "{GOOD}buffer_size = 9000\nprocesses = 4 ; four\nchdir = / # top\nhttp-socket = unix:///run/a\n"
    );
    let r = report(&text, false);
    let (fixed, count) = fix::apply(&r.files[0].0, text.as_bytes(), &r.diagnostics);
    let fixed = String::from_utf8(fixed).unwrap();
    assert_eq!(count, 4);
    assert!(
        fixed
            .ends_with("buffer-size = 9000\n; four\nprocesses = 4\n# top\nchdir = /\nhttp-socket = /run/a\n"),
        "{fixed}"
    );
    let again = report(&fixed, false);
    assert_eq!(codes(&fixed), []);
    assert_eq!(fix::apply(&again.files[0].0, fixed.as_bytes(), &again.diagnostics).1, 0);
}

#[test]
fn a_repair_that_lays_bare_another_is_followed_by_it() {
    let mut text = format!("{GOOD}http-socket = unix:/run/a ; c\n");
    for round in 0..fix::ROUNDS {
        let r = report(&text, false);
        let (fixed, count) = fix::apply(&r.files[0].0, text.as_bytes(), &r.diagnostics);
        assert_eq!(count > 0, round < 2, "round {round}: {text}");
        text = String::from_utf8(fixed).unwrap();
    }
    assert!(text.ends_with("; c\nhttp-socket = /run/a\n"), "{text}");
}

#[test]
fn a_value_that_was_changed_while_it_was_read_is_not_repaired() {
    let text = format!("{GOOD}set-ph = a=%%x ; c\nset-ph = u=unix:/run/a\nhttp-socket = %(u)\n");
    let r = report(&text, false);
    assert!(r.diagnostics.iter().any(|d| d.code == "inline-comment"));
    assert_eq!(fix::apply(&r.files[0].0, text.as_bytes(), &r.diagnostics).1, 0);
}

#[test]
fn paths_and_users_of_this_machine_are_looked_at() {
    let text = "[uwsgi]\nhttp-socket = /no/such/a.sock\nwsgi-file = nope.py\nchdir = /\nhome = /proc\nuid = no-such-user-x\ngid = no-such-group-x\npidfile = /no/dir/p\nstatic-map = /s=/no/such\nharakiri = 9\n";
    let found: Vec<_> = report(text, true).diagnostics.iter().map(|d| (d.code, d.origin.line)).collect();
    for want in
        [("path", 2), ("path", 3), ("no-venv", 5), ("no-user", 6), ("no-user", 7), ("path", 8), ("path", 9)]
    {
        assert!(found.contains(&want), "{want:?} in {found:?}");
    }
}

/// Root sees all of it; the user that it becomes does not.
#[test]
fn what_is_closed_to_the_user_is_named() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let root = std::env::temp_dir().join(format!("uswgi-lint-closed-{}", std::process::id()));
    for name in ["closed/venv/bin", "closed/site/static", "open/venv/bin", "open/site", "log"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    let mode = |name: &str, mode| {
        std::fs::set_permissions(root.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in ["", "open", "open/venv", "open/venv/bin", "open/site", "log"] {
        mode(name, 0o755);
    }
    std::fs::write(root.join("closed/python3"), "").unwrap();
    std::fs::write(root.join("open/site/app.py"), "").unwrap();
    std::fs::write(root.join("closed/venv/bin/python3"), "").unwrap();
    symlink("../../../closed/python3", root.join("open/venv/bin/python3")).unwrap();
    mode("closed", 0o700);
    let dir = root.display();
    // The number of nobody, whether or not there is such a user.
    let head = "[uwsgi]\nsocket = 127.0.0.1:8001\nuid = 65534\ngid = 65534\nharakiri = 30\n";
    let found = |rest: &str| -> Vec<(&'static str, u32)> {
        let text = format!("{head}{}", rest.replace("DIR", &dir.to_string()));
        report(&text, true).diagnostics.iter().map(|d| (d.code, d.origin.line)).collect()
    };
    for (rest, expected) in [
        ("chdir = DIR/closed/site\nmodule = app\n", &[("closed-path", 6)][..]),
        ("chdir = DIR/open/site\nmodule = app\n", &[]),
        ("module = app\nhome = DIR/closed/venv\n", &[("home-unreadable", 7)]),
        ("module = app\nhome = DIR/open/venv\n", &[("home-unreadable", 7)]),
        ("wsgi-file = DIR/open/site/app.py\n", &[]),
        ("module = app\nstatic-map = /s=DIR/closed/site/static\n", &[("closed-path", 7)]),
        ("module = app\nstatic-map = /s=DIR/none\n", &[("path", 7)]),
        ("module = app\nspooler = DIR/closed/tasks\n", &[("closed-spooler", 7)]),
        ("module = app\nspooler = DIR/log\n", &[("closed-spooler", 7)]),
        ("module = app\nspooler = DIR/none/tasks\n", &[("path", 7)]),
        ("module = app\nmule = DIR/none.py\nmule = pkg.module:main\n", &[("path", 7)]),
        ("module = app\nlogto = DIR/log/a.log\n", &[]),
        ("module = app\nlogto = DIR/log/a.log\nlog-maxsize = 5000\n", &[("rotation-denied", 7)]),
    ] {
        assert_eq!(found(rest), expected, "{rest}");
    }
    mode("log", 0o777);
    assert_eq!(found("module = app\nspooler = DIR/log\nspooler-external = DIR/log/tasks\n"), []);
    assert_eq!(found("module = app\nlogto = DIR/log/a.log\nlog-maxsize = 5000\n"), []);
    mode("open/site/app.py", 0o600);
    let owner = std::os::unix::fs::MetadataExt::uid(&root.metadata().unwrap());
    let file = found("wsgi-file = DIR/open/site/app.py\n");
    assert_eq!(file, if owner == 65534 { vec![] } else { vec![("closed-path", 6)] });
    mode("closed", 0o755);
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn a_file_that_cannot_be_read_is_told_from_one_with_errors() {
    let env = [];
    let options = Options { allow: Allow::default(), system: false };
    assert!(lint(b"/no/such.ini", &env, options).unreadable);
    assert!(lint(b"/", &env, options).unreadable);
    assert!(!report("[uwsgi]\nini = nope.ini\n", false).unreadable);
    for (text, help) in [
        ("", "empty"),
        ("\u{feff}[uwsgi]\nx=1\n", "byte order"),
        ("[uwsgi]\rx=1\r", "CR"),
        ("[other]\n", "FILE:SECTION"),
        ("x\n", "below a line"),
    ] {
        let said =
            report(text, false).diagnostics.iter().find(|d| d.code == "no-section").map(ToString::to_string);
        assert!(said.as_ref().is_some_and(|s| s.contains(help)), "{text:?}: {said:?}");
    }
}

#[test]
fn a_jail_is_looked_into_and_what_stays_outside_is_named() {
    let root = std::env::temp_dir().join(format!("uswgi-lint-jail-{}", std::process::id()));
    for name in ["etc", "run", "srv", "venv/bin"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    std::fs::write(root.join("etc/passwd"), "only-here:x:4242:4242::/:/bin/false\n").unwrap();
    // It leads somewhere from inside only.
    std::os::unix::fs::symlink("/opt/python/bin/python3", root.join("venv/bin/python3")).unwrap();
    let jail = root.display();
    let good = format!(
        "[uwsgi]\nchroot = {jail}\nuid = only-here\ngid = root\nharakiri = 9\nchdir = /srv\nhome = /venv\nmodule = app\nsocket = /run/a.sock\n"
    );
    let found = |text: &str| -> Vec<(&'static str, u32)> {
        let found = report(text, true).diagnostics;
        found.iter().map(|d| (d.code, d.origin.line)).filter(|(c, _)| *c != "closed-socket").collect()
    };
    let incomplete = |text: &str| found(text).iter().filter(|(c, _)| *c == "jail-incomplete").count();
    assert_eq!(found(&good), [("jail-config", 2), ("jail-incomplete", 2), ("jail-incomplete", 2)]);
    assert_eq!(incomplete(&format!("{good}memory-report = true\n")), 3);
    let more = "vacuum = true\npidfile = /run/a.pid\nlogto = /var/a.log\nlog-maxsize = 5\nhome = /no/venv\n";
    let said = found(&format!("{good}{more}"));
    for want in [("jail-leftover", 11), ("jail-leftover", 12), ("path", 14)] {
        assert!(said.contains(&want), "{want:?} in {said:?}");
    }
    // The socket is made inside, so it can be removed; with chown-socket uWSGI makes it outside.
    assert!(!said.contains(&("jail-leftover", 9)), "{said:?}");
    assert!(found(&format!("{good}vacuum = true\nchown-socket = root\n")).contains(&("jail-leftover", 9)));
    let below =
        good.replace("a.sock\n", "a.sock\nvacuum = true\n") + &format!("pidfile = {jail}/run/a.pid\n");
    assert!(!found(&below).iter().any(|(c, _)| *c == "jail-leftover"));
    assert!(found(&good.replace("uid = only-here\n", "")).contains(&("jail-root", 2)));
    assert!(found(&good.replace(&jail.to_string(), "/no/such/jail")).contains(&("path", 2)));
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn users_of_a_password_file_who_cannot_come_in_are_named() {
    let file = std::env::temp_dir().join(format!("uswgi-users-{}", std::process::id()));
    let said = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let all = report(&format!("{GOOD}route = ^/ basicauth:here,{}\n", file.display()), true);
        let of = all.diagnostics.into_iter().filter(|d| d.code == "password-hash");
        of.map(|d| d.message).collect::<Vec<_>>()
    };
    let good = "a:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n";
    let found = said(&format!("{good}b:$apr1$x$y\nc:rl0uE0e2WKB0.\n"));
    assert!(found.len() == 1 && found[0].contains("of b, c lets nobody in"), "{found:?}");
    assert!(said(good).is_empty());
    std::fs::remove_file(&file).unwrap();
}
