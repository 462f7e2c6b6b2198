//! What `convert --to systemd|supervisor|nginx` writes, read by its real consumer.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

const CONFIGS: [&str; 3] = [
    "[uwsgi]\nsocket = /run/site/app.sock\npidfile = /run/site/app.pid\nchdir = /srv/site\nmodule = mysite.wsgi\nharakiri = 30\nstatic-map = /static=/srv/site/static\nstatic-map2 = /media=pub\nlimit-post = 10485760\n",
    "[uwsgi]\nhttp-socket = :8000\nwsgi-file = my app.py\nuid = nobody\ngid = nogroup\ndaemonize = /var/log/app.log\n",
    "[uwsgi]\nsocket = [::1]:3031\nmodule = a.b:c\nworkers = auto\nreload-mercy = 5\n",
];

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let dir = std::env::temp_dir().join(format!("uswgi-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        // An installation of its own, where a service manager's PATH does not lead.
        fs::create_dir_all(dir.join("bin dir")).unwrap();
        symlink(env!("CARGO_BIN_EXE_uswgi-conf"), dir.join("bin dir/uswgi-conf")).unwrap();
        for program in ["uswgi-master", "uswgi-ctl"] {
            symlink("/bin/true", dir.join("bin dir").join(program)).unwrap();
        }
        Place(dir)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn convert(dir: &Path, text: &str, to: &str) -> String {
    convert_from(dir, "app.ini", text, to)
}

fn convert_from(dir: &Path, name: &str, text: &str, to: &str) -> String {
    let file = dir.join(name.split(':').next().unwrap());
    fs::write(&file, text).unwrap();
    let out = Command::new(dir.join("bin dir/uswgi-conf"))
        .args(["convert", "--to", to])
        .arg(dir.join(name))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// A program that a check needs; its absence is a failure, not a skip.
fn need(program: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    std::env::split_paths(&path)
        .map(|d| d.join(program))
        .find(|p| p.is_file())
        .unwrap_or_else(|| panic!("{program} is not installed; tests/setup.sh (make test) installs it"))
}

#[test]
fn systemd_takes_the_units() {
    let analyze = need("systemd-analyze");
    let place = Place::new("unit");
    for (i, text) in CONFIGS.iter().enumerate() {
        let unit = place.0.join(format!("uswgi-{i}.service"));
        fs::write(&unit, convert(&place.0, text, "systemd")).unwrap();
        let out = Command::new(&analyze).args(["verify", "--man=no"]).arg(&unit).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        // It also talks about units of the machine; only lines about ours count.
        let ours: Vec<&str> = said.lines().filter(|l| l.contains("uswgi-")).collect();
        assert!(out.status.success() && ours.is_empty(), "{said}");
    }
}

/// The value of a directive.
fn line<'t>(unit: &'t str, name: &str) -> Option<&'t str> {
    unit.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('='))
}

#[test]
fn a_service_starts_this_file_with_these_programs_where_it_stands() {
    let place = Place::new("start");
    let dir = place.0.display().to_string();
    for (name, text, option) in [
        ("a.ini", "[uwsgi]\nsocket = :1\nmodule = a\n", "--ini"),
        ("a.ini:live", "[live]\nsocket = :1\nmodule = a\n", "--ini"),
        ("a.xml", "<uwsgi><socket>:1</socket><module>a</module></uwsgi>", "--xml"),
        ("a.yml", "uwsgi:\n  socket: :1\n  module: a\n", "--yaml"),
        ("a.json", "{\"uwsgi\": {\"socket\": \":1\", \"module\": \"a\"}}", "--json"),
    ] {
        let want = format!("\"{dir}/bin dir/uswgi-master\" {option} {dir}/{name}");
        let unit = convert_from(&place.0, name, text, "systemd");
        assert_eq!(line(&unit, "ExecStart"), Some(want.as_str()), "{unit}");
        assert_eq!(line(&unit, "WorkingDirectory"), Some(dir.as_str()));
        let program = convert_from(&place.0, name, text, "supervisor");
        assert_eq!(line(&program, "command"), Some(want.as_str()), "{program}");
        assert_eq!(line(&program, "directory"), Some(dir.as_str()));
    }
}

#[test]
fn nginx_takes_the_server_blocks() {
    let nginx = need("nginx");
    let place = Place::new("nginx");
    for text in CONFIGS {
        let dir = place.0.display();
        let block = convert(&place.0, text, "nginx").replace("listen 80", "listen 127.0.0.1:0");
        fs::write(place.0.join("uwsgi_params"), "uwsgi_param QUERY_STRING $query_string;\n").unwrap();
        let conf = format!(
            "pid {dir}/nginx.pid; error_log {dir}/error.log; events {{}} http {{ access_log off; {}\n{block} }}\n",
            ["client_body", "proxy", "uwsgi", "fastcgi", "scgi"]
                .map(|t| format!("{t}_temp_path {dir}/{t};"))
                .join(" ")
        );
        fs::write(place.0.join("nginx.conf"), conf.replace("127.0.0.1:0", "127.0.0.1:18999")).unwrap();
        let out = Command::new(&nginx).arg("-t").arg("-c").arg(place.0.join("nginx.conf")).output().unwrap();
        assert!(out.status.success(), "{}{block}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn supervisor_takes_the_programs() {
    let supervisord = need("supervisord");
    let place = Place::new("supervisor");
    for text in CONFIGS {
        let file = place.0.join("supervisord.conf");
        let program = convert(&place.0, text, "supervisor");
        fs::write(&file, format!("[supervisord]\nlogfile=/dev/null\n{program}")).unwrap();
        let script = "import sys\nfrom supervisor.options import ServerOptions\no = ServerOptions()\no.realize(['-c', sys.argv[1]])\np = o.process_group_configs[0].process_configs[0]\nimport shlex\nprint(shlex.split(p.command), p.directory)\n";
        // The python that supervisord itself runs under has its package.
        let shebang = fs::read_to_string(&supervisord).unwrap();
        let python = shebang.lines().next().unwrap().trim_start_matches("#!").trim().to_string();
        let out = Command::new(python).args(["-c", script]).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let dir = place.0.display();
        let want = format!("['{dir}/bin dir/uswgi-master', '--ini', '{dir}/app.ini'] {dir}\n");
        assert_eq!(said, want);
    }
}
