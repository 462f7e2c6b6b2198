//! One configuration of tests/configs: how it is read, and how it is made ready to run.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use uswgi_tests::authority::Authority;
use uswgi_tests::via::Via;
use uswgi_tests::{Site, paths};

/// What each case is asked, where it does not say `%only`.
const COMMON: [&str; 12] = [
    "GET /a%20b/c?x=1&y=z",
    "HEAD /a",
    "POST /body @@some body",
    "GET /status/404",
    "GET /s/f.txt",
    "GET /mnt/x/y?q",
    "GET /pieces",
    "GET /file",
    "GET /process",
    "GET /options",
    "GET /trace",
    "GET /none",
];

/// One configuration.
#[derive(Clone, Default)]
pub(super) struct Case {
    /// Its file and its name.
    pub(super) key: String,
    /// Its requests.
    pub(super) requests: Vec<String>,
    lines: Vec<String>,
    /// Lines for us alone.
    ours: Vec<String>,
    /// Without the lines that name the app and the socket.
    bare: bool,
    /// Every user may write into its folder.
    open: bool,
    via: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    files: Vec<(String, String)>,
    links: Vec<(String, String)>,
}

/// A case that is ready to run.
pub(super) struct Prepared {
    /// With everything in its folder.
    pub(super) site: Site,
    /// Where it will listen.
    pub(super) port: u16,
    /// What it will speak there.
    pub(super) via: Via,
    /// Places of this run, and their names in what is recorded.
    pub(super) places: Vec<(String, &'static str)>,
}

/// The folder of the cases.
pub(super) fn folder() -> PathBuf {
    paths::root().join("tests/configs")
}

/// The cases of a file.
pub(super) fn read(file: &str) -> Vec<Case> {
    let text = fs::read_to_string(folder().join(format!("{file}.cases"))).unwrap();
    let mut all = Vec::<Case>::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word == "===" {
            let requests = COMMON.map(String::from).into();
            all.push(Case { key: format!("{file} / {rest}"), requests, ..Case::default() });
            continue;
        }
        // What stands in front of the first one is a comment.
        let Some(case) = all.last_mut() else { continue };
        let two = |sign| rest.split_once(sign).map(|(a, b): (&str, &str)| (a.to_string(), b.to_string()));
        match word {
            "" => {}
            ">" => case.requests.push(rest.into()),
            "%only" => case.requests.clear(),
            "%bare" => case.bare = true,
            "%open" => case.open = true,
            "%via" => case.via = rest.into(),
            "%ours" => case.ours.push(rest.into()),
            "%args" => (case.bare, case.args) = (true, rest.split(' ').map(String::from).collect()),
            "%env" => case.env.extend(two('=')),
            "%link" => case.links.extend(two(' ')),
            "%file" => {
                let body: Vec<_> = lines.by_ref().take_while(|l| *l != "%end").collect();
                case.files.push((rest.into(), body.iter().map(|line| format!("{line}\n")).collect()));
            }
            _ => case.lines.push(line.into()),
        }
    }
    all
}

/// Put a file into a folder.
fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

impl Case {
    /// Make it ready for one of both programs.
    pub(super) fn prepare(&self, ca: &Authority, ours: bool) -> Prepared {
        let site = Site::new().file("configured");
        let (port, second) = (paths::free_port(), paths::free_port());
        let certificates = ca.path("ca.pem").parent().unwrap().display().to_string();
        let places = vec![
            (site.dir.path().display().to_string(), "{dir}"),
            (certificates.clone(), "{certs}"),
            (port.to_string(), "{port}"),
            (second.to_string(), "{port2}"),
        ];
        let pair = |name: &str| format!("{certificates}/{name}.crt,{certificates}/{name}.key");
        let (cert, other) = (pair("localhost"), pair("other.example"));
        let mut words = places.clone();
        words.extend([(cert.clone(), "{cert}"), (other, "{other}")]);
        words.extend(cert.split(',').map(String::from).zip(["{crt}", "{key}"]));
        words.push((format!("{certificates}/ca.pem"), "{ca}"));
        let filled =
            |text: &str| words.iter().fold(text.to_string(), |t, (value, word)| t.replace(word, value));
        self.fill(site.dir.path(), &filled);
        let mut text = String::from("[uwsgi]\nmaster = true\n");
        if !self.bare {
            text += "http-socket = 127.0.0.1:{port}\nwsgi-file = {dir}/app/configured.py\n";
        }
        for line in self.lines.iter().chain(self.ours.iter().filter(|_| ours)) {
            text += &format!("{line}\n");
        }
        put(&site.dir.join("case.ini"), &filled(&text));
        let words = match self.args.is_empty() {
            true => &["--ini".to_string(), "{dir}/case.ini".to_string()][..],
            false => &self.args,
        };
        let site = words.iter().fold(site, |site, word| site.arg(filled(word)));
        let site = self.env.iter().fold(site, |site, (name, value)| site.env(name, filled(value)));
        let via = match self.via.split_once(' ').unwrap_or((&self.via, "localhost")) {
            ("https", name) => Via::Tls(ca.client(port, name, None)),
            ("proxy1", _) => Via::Proxied,
            ("uwsgi", _) => Via::Uwsgi,
            ("scgi", _) => Via::Scgi,
            ("fastcgi", _) => Via::FastCgi,
            _ => Via::Http,
        };
        Prepared { site, port, via, places }
    }

    /// Its files and those that every case has.
    fn fill(&self, root: &Path, filled: &impl Fn(&str) -> String) {
        for (name, text) in [
            ("files/f.txt", "text\n"),
            ("files/f.css", "css\n"),
            ("files/dd/g.txt", "deep\n"),
            ("files/dd/index.html", "<i>\n"),
        ] {
            put(&root.join(name), text);
        }
        symlink("f.txt", root.join("files/l.txt")).unwrap();
        for (name, text) in &self.files {
            put(&root.join(name), &filled(text));
        }
        for (name, to) in &self.links {
            symlink(filled(to), root.join(name)).unwrap();
        }
        if self.open {
            fs::set_permissions(root, fs::Permissions::from_mode(0o777)).unwrap();
        }
    }
}
