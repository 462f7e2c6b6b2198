//! nginx, Apache and lighttpd in front of a server, each with a configuration of its own in a temporary folder.

use crate::machine::is_root;
use crate::paths::{free_port, tool};
use crate::process::{self, Process};
use crate::request::{Address, Reply, Request};
use crate::temp::TempDir;
use crate::wait::{PATIENCE, until};
use crate::{Server, http};
use std::fs;
use std::process::Command;

/// A web server in front.
pub struct Proxy {
    process: Process,
    dir: TempDir,
    /// Where it listens.
    pub address: Address,
}

/// How `uwsgi_pass` and `ProxyPass` name the server's socket.
fn backend(server: &Server) -> (String, String) {
    match server.uwsgi.as_ref().expect("a uwsgi socket") {
        Address::Port(port) => (format!("127.0.0.1:{port}"), format!("uwsgi://127.0.0.1:{port}/")),
        Address::Tcp(name) => (name.clone(), format!("uwsgi://{name}/")),
        Address::Unix(path) => {
            (format!("unix:{}", path.display()), format!("unix:{}|uwsgi://site/", path.display()))
        }
        Address::Abstract(_) | Address::Tls(_) => panic!("no uwsgi socket that nginx and Apache know"),
    }
}

/// What lighttpd speaks with the server behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// SCGI.
    Scgi,
    /// uwsgi, by the same module.
    Uwsgi,
    /// FastCGI.
    FastCgi,
}

/// What lighttpd is told of the server behind it.
pub struct Lighttpd {
    /// Where that listens on 127.0.0.1.
    pub port: u16,
    /// What it speaks there.
    pub behind: Behind,
    /// `fix-root-scriptname`.
    pub fix_root: bool,
}

impl Proxy {
    /// nginx with `uwsgi_pass`, its workers as www-data when this is root; `more` goes into the location.
    pub fn nginx(server: &Server, more: &str) -> Proxy {
        let pass = backend(server).0;
        Proxy::nginx_site(&format!(
            "server {{ listen 80; access_log off; client_max_body_size 0;\n\
             location / {{ include uwsgi_params; uwsgi_pass {pass}; {more} }} }}\n"
        ))
    }

    /// nginx with a file of sites-enabled, which listens on port 80 there and on a free one here. `nginx -t` must
    /// find it good.
    pub fn nginx_site(site: &str) -> Proxy {
        let dir = TempDir::new();
        let port = free_port();
        let here = dir.path().display();
        let user = if is_root() { "user www-data;" } else { "" };
        let params = fs::read_to_string("/etc/nginx/uwsgi_params").expect("nginx's uwsgi_params");
        fs::write(dir.join("uwsgi_params"), params).expect("uwsgi_params");
        fs::write(dir.join("site.conf"), site.replace("listen 80;", &format!("listen 127.0.0.1:{port};")))
            .expect("site.conf");
        let text = format!(
            "{user}\ndaemon off;\nmaster_process on;\nworker_processes 1;\npid {here}/nginx.pid;\nerror_log {here}/log info;\n\
             events {{ worker_connections 256; }}\nhttp {{\n access_log off;\n\
             client_body_temp_path {here}/b;\n proxy_temp_path {here}/p;\n fastcgi_temp_path {here}/f;\n uwsgi_temp_path {here}/u;\n scgi_temp_path {here}/s;\n\
             include {here}/site.conf;\n}}\n"
        );
        fs::write(dir.join("nginx.conf"), text).expect("nginx.conf");
        let command = || {
            let mut command = process::command(tool("nginx"));
            let (log, conf) = (dir.join("log"), dir.join("nginx.conf"));
            command.arg("-e").arg(log).arg("-c").arg(conf).arg("-p").arg(dir.path());
            command
        };
        let mut check = command();
        check.arg("-t");
        process::good(check, PATIENCE);
        let command = command();
        Proxy::begin(command, dir, port)
    }

    /// Apache with mod_proxy_uwsgi.
    pub fn apache(server: &Server) -> Proxy {
        let pass = backend(server).1;
        Proxy::apache_site(&format!("AllowEncodedSlashes NoDecode\nProxyPass / {pass}\n"))
    }

    /// Apache with a file of sites-enabled, which listens on port 80 there and on a free one here. `apache2 -t` must
    /// find it good.
    pub fn apache_site(site: &str) -> Proxy {
        let dir = TempDir::new();
        let port = free_port();
        let here = dir.path().display();
        let user = if is_root() { "User www-data\nGroup www-data" } else { "" };
        let modules = ["mpm_event", "authz_core", "alias", "proxy", "proxy_uwsgi", "proxy_fcgi"]
            .map(|m| format!("LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so"))
            .join("\n");
        let site = site.replace("<VirtualHost *:80>", &format!("<VirtualHost 127.0.0.1:{port}>"));
        let text = format!(
            "ServerRoot {here}\nServerName test.example\nPidFile {here}/pid\nDefaultRuntimeDir {here}\nMutex pthread\nErrorLog {here}/log\nLogLevel warn\n\
             Listen 127.0.0.1:{port}\n{modules}\n{user}\nStartServers 1\n{site}"
        );
        fs::write(dir.join("apache.conf"), text).expect("apache.conf");
        let mut check = process::command(tool("apache2"));
        check.arg("-t").arg("-f").arg(dir.join("apache.conf"));
        process::good(check, PATIENCE);
        let mut command = process::command(tool("apache2"));
        command.arg("-f").arg(dir.join("apache.conf")).arg("-DFOREGROUND");
        Proxy::begin(command, dir, port)
    }

    /// lighttpd with mod_scgi, which speaks uwsgi too, or mod_fastcgi.
    pub fn lighttpd(how: &Lighttpd) -> Proxy {
        let dir = TempDir::new();
        let port = free_port();
        let here = dir.path().display();
        let (module, protocol) = match how.behind {
            Behind::Scgi => ("scgi", ""),
            Behind::Uwsgi => ("scgi", "scgi.protocol = \"uwsgi\"\n"),
            Behind::FastCgi => ("fastcgi", ""),
        };
        let fix = if how.fix_root { "\"enable\"" } else { "\"disable\"" };
        let text = format!(
            "server.modules = (\"mod_{module}\")\nserver.document-root = \"{here}\"\nserver.bind = \"127.0.0.1\"\nserver.port = {port}\n\
             server.errorlog = \"{here}/log\"\nserver.upload-dirs = (\"{here}\")\n{protocol}\
             {module}.server = (\"/\" => ((\"host\" => \"127.0.0.1\", \"port\" => {}, \"check-local\" => \"disable\", \"fix-root-scriptname\" => {fix})))\n",
            how.port
        );
        fs::write(dir.join("lighttpd.conf"), text).expect("lighttpd.conf");
        let mut command = process::command(tool("lighttpd"));
        command.arg("-D").arg("-f").arg(dir.join("lighttpd.conf"));
        Proxy::begin(command, dir, port)
    }

    fn begin(command: Command, dir: TempDir, port: u16) -> Proxy {
        let mut process = Process::start(command, &dir.join("log"));
        let address = Address::Port(port);
        until("the web server in front to listen", || {
            if let Some(status) = process.ended() {
                panic!("it ended with {status}: {}", fs::read_to_string(dir.join("log")).unwrap_or_default());
            }
            address.connect().ok()
        });
        Proxy { process, dir, address }
    }

    /// Ask it.
    #[track_caller]
    pub fn ask(&self, request: &Request) -> Reply {
        http::ask(&self.address, request)
            .unwrap_or_else(|e| panic!("{} {}: {e}", request.method, request.target))
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.ask(&Request::get(target))
    }

    /// Its error log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- log of the web server in front\n{}----", self.log());
        }
    }
}
