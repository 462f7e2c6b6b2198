//! A machine as the documents and examples describe it: `/srv/mysite` with an application, `/run/mysite`, `/etc/uwsgi`
//! and `/var/log`, all of them below a temporary folder, and the user mysite, who is `nobody` here.

use crate::request::Address;
use crate::temp::TempDir;
use crate::{Server, Site, paths};
use std::fs;

/// Whether users can be changed.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The folders, and the ports that stand for 8000 and 9100.
pub struct Machine {
    /// Their root.
    pub dir: TempDir,
    /// What 8000 becomes.
    pub port: u16,
    /// What 9100 becomes.
    pub other: u16,
}

const APP: &str =
    "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'my site']\n";

impl Default for Machine {
    fn default() -> Self {
        Machine::new()
    }
}

impl Machine {
    /// The folders with an application, its virtualenv and a static file; nothing runs.
    pub fn new() -> Machine {
        let machine = Machine { dir: TempDir::new(), port: paths::free_port(), other: paths::free_port() };
        for folder in ["run/mysite", "srv/mysite/mysite", "srv/mysite/static", "etc/uwsgi", "var/log"] {
            fs::create_dir_all(machine.dir.join(folder)).expect("folder of the machine");
        }
        fs::write(machine.dir.join("srv/mysite/mysite/wsgi.py"), APP).expect("application");
        fs::write(machine.dir.join("srv/mysite/static/a.css"), "b {}").expect("static file");
        std::os::unix::fs::symlink(paths::public_venv(), machine.dir.join("srv/mysite/venv")).expect("venv");
        if is_root() {
            let nobody = nix::unistd::User::from_name("nobody").expect("users").expect("user nobody");
            nix::unistd::chown(&machine.dir.join("run/mysite"), Some(nobody.uid), None).expect("chown");
        }
        machine
    }

    /// A text with the paths and the ports of this machine.
    pub fn paths_in(&self, text: &str) -> String {
        let here = self.dir.path().display();
        let bin = format!("{}/uswgi-", paths::bin_dir().display());
        let mut text = text.replace("/usr/local/bin/uswgi-", &bin);
        for folder in ["/run/mysite", "/srv/mysite", "/etc/uwsgi", "/var/log"] {
            text = text.replace(folder, &format!("{here}{folder}"));
        }
        text.replace(":8000", &format!(":{}", self.port)).replace(":9100", &format!(":{}", self.other))
    }

    /// A configuration with the paths, the ports and the user of this machine.
    pub fn moved(&self, text: &str) -> String {
        let text = self.paths_in(text);
        if !is_root() {
            let mine = |l: &&str| !["uid", "gid", "chown-socket"].iter().any(|k| l.starts_with(k));
            return text.lines().filter(mine).map(|l| format!("{l}\n")).collect();
        }
        let has = |name: &str| nix::unistd::Group::from_name(name).is_ok_and(|g| g.is_some());
        let group = if has("nogroup") { "nogroup" } else { "nobody" };
        text.replace("gid = mysite", &format!("gid = {group}"))
            .replace("= mysite\n", "= nobody\n")
            .replace("= mysite:", "= nobody:")
    }

    /// The instance of `examples/nginx/uwsgi.ini`, with `more` lines at its end.
    pub fn serve(&self, more: &str) -> Server {
        let text = fs::read_to_string(paths::root().join("examples/nginx/uwsgi.ini")).expect("example");
        self.serve_file(&format!("{text}{more}"))
    }

    /// The instance of a configuration that listens on `/run/mysite/uwsgi.sock`.
    pub fn serve_file(&self, text: &str) -> Server {
        self.site(text).at_uwsgi(self.socket()).start()
    }

    /// The same, where it speaks HTTP there.
    pub fn serve_http(&self, text: &str) -> Server {
        self.site(text).at_http(self.socket()).start()
    }

    /// `/run/mysite/uwsgi.sock`.
    pub fn socket(&self) -> Address {
        Address::Unix(self.dir.join("run/mysite/uwsgi.sock"))
    }

    fn site(&self, text: &str) -> Site {
        let ini = self.dir.join("etc/uwsgi/mysite.ini");
        fs::write(&ini, self.moved(text)).expect("mysite.ini");
        Site::new().arg("--ini").arg(ini.display())
    }
}
