//! The unit of systemd, the program of supervisor and the server block of nginx that fit an instance.
//! They are starting points: complete and valid, with the choices said in comments.

use super::Syntax;
use crate::instance::{Address, Instance};
use std::path::{Path, PathBuf};
use uswgi_proto::settings::Protocol;

/// What an instance is started from.
#[derive(Debug, Clone)]
pub struct Start {
    /// Its configuration file, absolute.
    pub file: PathBuf,
    /// The section of it, where one was named.
    pub section: Option<String>,
    /// Where `uswgi-master` and `uswgi-ctl` are; None: wherever PATH has them.
    pub programs: Option<PathBuf>,
}

impl Start {
    /// The command of the master without its program.
    fn arguments(&self) -> [String; 2] {
        let file = self.file.display().to_string();
        let option = Syntax::of(&file).option().to_string();
        [option, self.section.as_ref().map_or(file.clone(), |s| format!("{file}:{s}"))]
    }

    fn program(&self, name: &str) -> Option<String> {
        self.programs.as_ref().map(|dir| dir.join(name).display().to_string())
    }

    /// Where relative paths of the configuration start.
    fn directory(&self) -> String {
        self.file.parent().unwrap_or(Path::new("/")).display().to_string()
    }
}

/// A systemd unit. Type=notify, a reload that waits, and hardening that a Python app survives.
pub fn systemd(instance: &Instance, start: &Start) -> String {
    let name = name(instance);
    let file = start.file.display();
    let pidfile = instance.pidfile.as_ref().or(instance.pidfile2.as_ref());
    let mut out = format!(
        "# Made by uswgi-conf from {file}.\n[Unit]\nDescription=uswgi instance {name}\nAfter=network-online.target\nWants=network-online.target\n\n[Service]\nType=notify\nNotifyAccess=main\n"
    );
    if instance.daemonize.is_some() || instance.daemonize2.is_some() {
        out += "# daemonize must be removed from the configuration: systemd watches the process that it starts.\n";
    }
    // systemd looks for a bare name in directories of its own, where no virtual environment is.
    let program = |name: &str| match start.program(name) {
        Some(path) => escape(&path),
        None => format!("/usr/bin/env {name}"),
    };
    let [option, from] = start.arguments();
    out += "# Relative paths of the configuration start here.\n";
    out += &format!("WorkingDirectory={}\n", start.directory().replace('%', "%%"));
    out += &format!("ExecStart={} {option} {}\n", program("uswgi-master"), escape(&from));
    out += "# Waits until every worker of the new generation accepts; a broken app keeps the old one.\n";
    let ctl = program("uswgi-ctl");
    match pidfile {
        Some(p) => {
            let pidfile = escape(&p.display().to_string());
            out += &format!("ExecReload={ctl} --pidfile {pidfile} reload --wait\n");
        }
        None => {
            out += &format!(
                "ExecReload=/bin/kill -HUP $MAINPID\n# With a pidfile: ExecReload={ctl} --pidfile FILE reload --wait\n"
            )
        }
    }
    // The master waits for its workers within the mercy; systemd must wait a little longer.
    out += &format!(
        "KillMode=mixed\nTimeoutStopSec={}\nTimeoutStartSec=120\nRestart=on-failure\nRestartSec=2\n",
        instance.mercy + 10
    );
    out += "SyslogIdentifier=uswgi\nLimitNOFILE=65536\n";
    if let Some(dir) = runtime_directory(instance) {
        out += &format!("RuntimeDirectory={dir}\n");
        if instance.uid.is_some() {
            out += "# The instance drops to its uid by itself: let it own the directory with User= instead if you prefer.\n";
        }
    }
    out += "\n# Hardening; loosen what the app needs.\nNoNewPrivileges=yes\n";
    out += &match below(instance, start, &["/tmp", "/var/tmp"]) {
        None => "PrivateTmp=yes\n".to_string(),
        Some(value) => format!("# No PrivateTmp=: others have to find {value}.\n"),
    };
    out += &match below(instance, start, &["/usr", "/boot", "/efi", "/etc"]) {
        None => "ProtectSystem=full\n".to_string(),
        Some(value) => {
            format!(
                "# ProtectSystem=yes or full would make these read-only; {value} may have to be written.\n"
            )
        }
    };
    out += "ProtectControlGroups=yes\nProtectKernelModules=yes\nProtectKernelTunables=yes\nRestrictRealtime=yes\nRestrictSUIDSGID=yes\nLockPersonality=yes\n\n[Install]\nWantedBy=multi-user.target\n";
    out
}

/// A word of a command in a unit: `%` starts a specifier, `$` a variable.
fn escape(text: &str) -> String {
    let text = text.replace('%', "%%").replace('$', "$$");
    if text.contains([' ', '"', '\\', '\'', ';']) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text
    }
}

/// The first option that names something below one of these directories, as it was written; of files that are only read
/// those below a private /tmp count as well.
fn below(instance: &Instance, start: &Start, directories: &[&str]) -> Option<String> {
    let tmp = directories.contains(&"/tmp");
    let inside = |text: &str| {
        let mut paths = text.split([' ', '=', ':', ',', ';']).filter(|p| p.starts_with('/'));
        paths.any(|p| directories.iter().any(|d| Path::new(p).starts_with(d)))
    };
    let writes = |name: &str| {
        ["socket", "pidfile", "log", "daemonize", "stats", "fifo", "http"].iter().any(|w| name.contains(w))
    };
    let option = instance.options.iter().find_map(|(name, value)| {
        let value = value.as_deref().filter(|v| inside(v) && (tmp || writes(name)))?;
        Some(format!("{name} = {value}"))
    });
    let file = start.file.display().to_string();
    option.or_else(|| (tmp && inside(&file)).then_some(file))
}

fn runtime_directory(instance: &Instance) -> Option<String> {
    let paths = instance.sockets.iter().filter_map(|s| match &s.address {
        Address::Unix(p) => Some(p.clone()),
        _ => None,
    });
    let mut all = paths.chain(instance.pidfile.clone());
    let dir =
        all.find_map(|p| p.parent().and_then(|d| d.strip_prefix("/run").ok().map(Path::to_path_buf)))?;
    let first = dir.components().next()?.as_os_str().to_str()?.to_string();
    (!first.is_empty()).then_some(first)
}

/// A name for people: the directory or module of the app.
fn name(instance: &Instance) -> String {
    use uswgi_proto::settings::AppSource;
    let text = match instance.app.apps.first().map(|a| &a.source) {
        Some(AppSource::Module(m)) => m.split([':', '.']).next().unwrap_or_default().to_string(),
        Some(AppSource::File(f)) => {
            Path::new(f).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
        }
        Some(AppSource::Paste(_) | AppSource::Eval(_)) | None => String::new(),
    };
    let text: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    if text.is_empty() { "app".into() } else { text }
}

/// A program of supervisor. It stops with TERM, which stops gracefully here.
pub fn supervisor(instance: &Instance, start: &Start) -> String {
    let plain = |text: String| text.replace('%', "%%");
    // supervisor splits commands as a shell does, and looks for a bare name on its own PATH.
    let word = |text: &str| match text.contains([' ', '"', '\'', '\\', '#']) {
        true => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        false => text.to_string(),
    };
    let mut out = format!(
        "; Made by uswgi-conf from {}.\n[program:{}]\n",
        plain(start.file.display().to_string()),
        name(instance)
    );
    if instance.daemonize.is_some() || instance.daemonize2.is_some() {
        out += "; daemonize must be removed from the configuration: supervisor watches the process that it starts.\n";
    }
    let [option, from] = start.arguments();
    let program = start.program("uswgi-master").unwrap_or_else(|| "uswgi-master".into());
    out += &plain(format!("command={} {option} {}\n", word(&program), word(&from)));
    out += "; Relative paths of the configuration start here.\n";
    out += &plain(format!("directory={}\n", start.directory()));
    out += "autostart=true\nautorestart=true\n; Only what serves for this long counts as started.\nstartsecs=3\n";
    out += "; TERM and INT stop gracefully, within reload-mercy; supervisor waits a little longer.\nstopsignal=TERM\n";
    out += &format!("stopwaitsecs={}\n", instance.mercy + 10);
    out += "; The master ends its workers by itself: only it is signalled.\nstopasgroup=false\nkillasgroup=true\nredirect_stderr=true\n";
    out
}

/// A server block of nginx for the first socket that nginx can reach.
pub fn nginx(instance: &Instance) -> Result<String, String> {
    let socket =
        instance.sockets.iter().find(|s| matches!(s.address, Address::Tcp { .. } | Address::Unix(_)));
    let Some(socket) = socket else {
        return Err("there is no TCP or unix socket that nginx could reach".into());
    };
    let uwsgi = socket.protocol == Protocol::Uwsgi;
    let target = match &socket.address {
        Address::Unix(path) if path.is_absolute() => format!("unix:{}", path.display()),
        Address::Unix(path) => {
            return Err(format!("the socket {} must be an absolute path for nginx", path.display()));
        }
        Address::Tcp { host, port } => {
            let host = if matches!(host.as_str(), "" | "0.0.0.0" | "::") { "127.0.0.1" } else { host };
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
        }
        _ => String::new(),
    };
    let name = name(instance);
    // nginx must wait longer than the app may take.
    let wait = if instance.harakiri.seconds > 0 { instance.harakiri.seconds + 5 } else { 60 };
    // What stands above the upstream, and in it.
    let (above, within) = match instance.timeouts.keepalive {
        _ if uwsgi => (
            "# nginx reaches an http-socket cheaper, over connections that it keeps: docs/DEPLOYING.md has the figure, and this\n# command the lines when the configuration says http-socket in the place of socket.\n",
            String::new(),
        ),
        // Closed by nginx before the instance does it, or a request could meet the end.
        seconds @ 2.. => ("", format!("    keepalive 32;\n    keepalive_timeout {}s;\n", seconds - 1)),
        _ => ("", String::new()),
    };
    let mut out = format!(
        "{above}upstream {name} {{\n    server {target};\n{within}}}\n\nserver {{\n    listen 80;\n    server_name example.com;\n"
    );
    let body =
        if instance.limits.limit_post > 0 { instance.limits.limit_post.to_string() } else { "10m".into() };
    out += &format!("    client_max_body_size {body};\n");
    for map in &instance.static_files.maps {
        let prefix = format!("{}/", map.prefix.trim_end_matches('/'));
        if prefix == "/" || map.target.contains([' ', ';', '{', '}', '"']) {
            continue;
        }
        let target = absolute(instance, &map.target);
        let line = if map.keep_prefix {
            format!("root {target}")
        } else {
            format!("alias {}/", target.trim_end_matches('/'))
        };
        out += &format!("\n    location {prefix} {{\n        {line};\n    }}\n");
    }
    out += "\n    location / {\n";
    if uwsgi {
        out += &format!(
            "        include uwsgi_params;\n        uwsgi_param HTTP_HOST $host;\n        uwsgi_pass {name};\n        uwsgi_read_timeout {wait}s;\n"
        );
    } else {
        out += &format!(
            "        proxy_set_header Host $host;\n        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n        proxy_set_header X-Forwarded-Proto $scheme;\n        proxy_http_version 1.1;\n        proxy_set_header Connection \"\";\n        proxy_pass http://{name};\n        proxy_read_timeout {wait}s;\n"
        );
    }
    out += "    }\n}\n";
    Ok(out)
}

fn absolute(instance: &Instance, path: &str) -> String {
    match &instance.app.chdir {
        Some(base) if !path.starts_with('/') => base.join(path).display().to_string(),
        _ => path.to_string(),
    }
}
