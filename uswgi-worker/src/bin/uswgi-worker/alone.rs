//! Settings of a worker without a master: `--check` and `--serve`.

use nix::sys::memfd::{MFdFlags, memfd_create};
use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use uswgi_proto::settings::{
    App, AppSource, Application, ListenerSettings, Protocol, Role, WorkerSettings, env as contract,
};

/// What the command line says of it.
#[derive(Default)]
pub(crate) struct Alone {
    app: Option<(Role, String)>,
    chdir: Option<String>,
    pythonpath: Vec<String>,
    protocol: Option<Protocol>,
    threads: Option<u32>,
    pub(crate) no_django_preload: bool,
}

impl Alone {
    /// One option with its value.
    pub(crate) fn take(&mut self, name: &str, value: &OsStr) -> Result<(), String> {
        let text = value.to_str().ok_or_else(|| format!("{name} {value:?} is not UTF-8"))?.to_string();
        match name {
            "--chdir" => self.chdir = Some(text),
            "--pythonpath" => self.pythonpath.push(text),
            "--threads" => match text.parse() {
                Ok(n) if n > 0 => self.threads = Some(n),
                _ => return Err(format!("--threads {text}: a number from 1 on is needed")),
            },
            "--protocol" => {
                self.protocol = Some(match text.as_str() {
                    "http" => Protocol::Http,
                    "uwsgi" => Protocol::Uwsgi,
                    "scgi" => Protocol::Scgi,
                    _ => return Err(format!("--protocol {text}: it is http, uwsgi or scgi")),
                });
            }
            "--check" => self.app = Some((Role::Check, text)),
            _ => self.app = Some((Role::Worker, text)),
        }
        Ok(())
    }

    /// Whether this is `--check`.
    pub(crate) fn checks(&self) -> bool {
        matches!(self.app, Some((Role::Check, _)))
    }

    /// The settings document in a descriptor that survives exec; None when a master gives it.
    pub(crate) fn settings(&self) -> Result<Option<OwnedFd>, String> {
        let Some((role, app)) = &self.app else { return Ok(None) };
        let count: usize = env::var(contract::LISTEN_FDS).ok().and_then(|n| n.parse().ok()).unwrap_or(0);
        if *role == Role::Worker && count == 0 {
            return Err("--serve needs inherited sockets (LISTEN_FDS), as systemd or s6 give them; \
                        to listen on an address, run uswgi-master --http-socket ADDRESS"
                .into());
        }
        let settings = self.document(*role, app, count);
        let text = serde_json::to_vec(&settings).map_err(|e| e.to_string())?;
        let fd =
            memfd_create(c"uswgi-settings", MFdFlags::empty()).map_err(|e| format!("memfd_create: {e}"))?;
        let mut file = File::from(fd);
        file.write_all(&text).and_then(|()| file.rewind()).map_err(|e| format!("settings: {e}"))?;
        Ok(Some(file.into()))
    }

    /// Whether an app is a path. Django's `mysite.wsgi` is a module, unless there is such a file.
    fn is_file(&self, name: &str) -> bool {
        let there = || Path::new(self.chdir.as_deref().unwrap_or_default()).join(name).is_file();
        name.contains('/') || name.ends_with(".py") || (name.ends_with(".wsgi") && there())
    }

    fn document(&self, role: Role, app: &str, sockets: usize) -> WorkerSettings {
        let protocol = self.protocol.unwrap_or(Protocol::Http);
        let source = if self.is_file(app.split(':').next().unwrap_or_default()) {
            AppSource::File(app.into())
        } else {
            AppSource::Module(app.into())
        };
        WorkerSettings {
            worker_id: u32::from(role == Role::Worker),
            threads: self.threads.unwrap_or(1),
            app: Application {
                chdir: self.chdir.as_ref().map(PathBuf::from),
                pythonpath: self.pythonpath.clone(),
                apps: vec![App { mountpoint: String::new(), source }],
                django_preload: !self.no_django_preload,
                ..Application::default()
            },
            listeners: (0..sockets)
                .map(|i| ListenerSettings {
                    name: format!("fd://{}", i + 3),
                    protocol,
                    workers: Vec::new(),
                    proxied: false,
                    front: Default::default(),
                })
                .collect(),
            ..WorkerSettings::alone(role)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_from_a_module() {
        let source = |app: &str| Alone::default().document(Role::Check, app, 0).app.apps[0].source.clone();
        assert_eq!(source("a.b:c"), AppSource::Module("a.b:c".into()));
        assert_eq!(source("site/app.wsgi"), AppSource::File("site/app.wsgi".into()));
        assert_eq!(source("app.py:make()"), AppSource::File("app.py:make()".into()));
        assert_eq!(source("mysite.wsgi"), AppSource::Module("mysite.wsgi".into()));
    }

    #[test]
    fn wrong_values_are_refused() {
        let mut alone = Alone::default();
        assert!(alone.take("--threads", OsStr::new("0")).is_err());
        assert!(alone.take("--protocol", OsStr::new("ftp")).is_err());
        alone.take("--serve", OsStr::new("app")).unwrap();
        assert!(alone.settings().is_err(), "no sockets were inherited");
    }
}
