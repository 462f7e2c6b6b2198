//! A site to be served: a temporary folder with an application, a configuration, and where it will listen.

use crate::paths;
use crate::request::Address;
use crate::server::{Failure, Server};
use crate::temp::TempDir;
use crate::until;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Configuration under construction.
pub struct Site {
    /// Holds everything of this site.
    pub dir: TempDir,
    pub(crate) lines: Vec<(String, String)>,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// Where it will speak HTTP.
    pub http: Option<Address>,
    pub(crate) uwsgi: Option<Address>,
    pub(crate) listener: Option<OwnedFd>,
    pub(crate) user: Option<(u32, u32)>,
    pub(crate) program: Option<PathBuf>,
}

impl Default for Site {
    fn default() -> Self {
        Site::new()
    }
}

impl Site {
    /// An empty site: only its pidfile is set.
    pub fn new() -> Site {
        let dir = TempDir::new();
        for folder in ["app", "hold"] {
            let path = dir.join(folder);
            fs::create_dir_all(&path).expect("folder of the site");
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("mode of a folder");
        }
        let pidfile = dir.join("uwsgi.pid").display().to_string();
        let mut lines = vec![("pidfile".to_string(), pidfile)];
        if paths::original().is_some() {
            // What the original needs to behave as ours does by default.
            for (k, v) in [("master", "true"), ("die-on-term", "true"), ("need-app", "true")] {
                lines.push((k.into(), v.into()));
            }
        }
        Site {
            dir,
            lines,
            args: Vec::new(),
            env: Vec::new(),
            http: None,
            uwsgi: None,
            listener: None,
            user: None,
            program: None,
        }
    }

    /// The probe application on a unix uwsgi socket and an HTTP port, one worker, in a bare virtualenv.
    pub fn probe() -> Site {
        Site::new().app("probe").home(&paths::pythons()[0].1).both()
    }

    /// Put an application of tests/apps into the site and load it.
    pub fn app(self, name: &str) -> Site {
        let site = self.file(name);
        let chdir = site.dir.join("app").display().to_string();
        let hold = format!("HOLD_DIR={}", site.dir.join("hold").display());
        site.option("chdir", chdir).option("env", hold).option("module", name)
    }

    /// Put an application of tests/apps into the site, and no more.
    pub fn file(self, name: &str) -> Site {
        let from = paths::root().join("tests/apps").join(format!("{name}.py"));
        fs::copy(&from, self.dir.join("app").join(format!("{name}.py")))
            .unwrap_or_else(|e| panic!("{}: {e}", from.display()));
        self
    }

    /// Write a file of the application.
    pub fn source(self, name: &str, text: &str) -> Site {
        fs::write(self.dir.join("app").join(name), text).expect("source of the application");
        self
    }

    /// The virtualenv.
    pub fn home(self, venv: &Path) -> Site {
        self.without("home").option("home", venv.display())
    }

    /// Listen on a unix socket with uwsgi and on a port with HTTP.
    pub fn both(self) -> Site {
        self.unix().http()
    }

    /// Listen on a unix socket with uwsgi.
    pub fn unix(mut self) -> Site {
        let path = self.dir.join("uwsgi.sock");
        self.uwsgi = Some(Address::Unix(path.clone()));
        self.option("socket", path.display())
    }

    /// Listen on a port with uwsgi.
    pub fn tcp(mut self) -> Site {
        let port = paths::free_port();
        self.uwsgi = Some(Address::Port(port));
        self.option("socket", format!("127.0.0.1:{port}"))
    }

    /// Listen on a port with HTTP.
    pub fn http(mut self) -> Site {
        let port = paths::free_port();
        self.http = Some(Address::Port(port));
        self.option("http-socket", format!("127.0.0.1:{port}"))
    }

    /// The port that [`Site::http`] chose.
    pub fn http_port(&self) -> u16 {
        match self.http {
            Some(Address::Port(port)) => port,
            _ => panic!("no HTTP port was asked for"),
        }
    }

    /// One more line of the configuration.
    pub fn option(mut self, key: &str, value: impl ToString) -> Site {
        self.lines.push((key.into(), value.to_string()));
        self
    }

    /// Without the lines of this option.
    pub fn without(mut self, key: &str) -> Site {
        self.lines.retain(|(k, _)| k != key);
        self
    }

    /// One more word of the command line.
    pub fn arg(mut self, word: impl ToString) -> Site {
        self.args.push(word.to_string());
        self
    }

    /// A variable in the environment of the server.
    pub fn env(mut self, key: &str, value: impl ToString) -> Site {
        self.env.push((key.into(), value.to_string()));
        self
    }

    /// Hand a listening socket over as descriptor 5.
    pub fn descriptor_5(mut self, listener: impl Into<OwnedFd>) -> Site {
        self.listener = Some(listener.into());
        self
    }

    /// Start it as this user and group.
    pub fn run_as(mut self, uid: u32, gid: u32) -> Site {
        self.user = Some((uid, gid));
        self
    }

    /// Another build of the server.
    pub fn program(mut self, path: PathBuf) -> Site {
        self.program = Some(path);
        self
    }

    /// Where it speaks HTTP, for sockets that the test names itself.
    pub fn at_http(mut self, address: Address) -> Site {
        self.http = Some(address);
        self
    }

    /// Where it speaks uwsgi, for sockets that the test names itself.
    pub fn at_uwsgi(mut self, address: Address) -> Site {
        self.uwsgi = Some(address);
        self
    }

    /// Where the configuration is written.
    pub fn ini(&self) -> PathBuf {
        self.dir.join("uwsgi.ini")
    }

    /// Its text.
    pub fn text(&self) -> String {
        let lines: Vec<String> = self.lines.iter().map(|(k, v)| format!("{k} = {v}")).collect();
        format!("[uwsgi]\n{}\n", lines.join("\n"))
    }

    /// Start it and wait until it serves; panics with its log when it does not.
    pub fn start(self) -> Server {
        Server::start(self)
    }

    /// Start the original with the same options, and wait until it listens for HTTP.
    #[track_caller]
    pub fn original(self) -> Server {
        let server = Server::begin(self.option("die-on-term", "true").program(paths::uwsgi()));
        let address = server.http.clone().expect("no HTTP");
        until("the original to listen", || address.connect().ok());
        server
    }

    /// Start it, expecting that it refuses: its status and what it said.
    pub fn refused(self) -> Failure {
        Server::refused(self)
    }
}
