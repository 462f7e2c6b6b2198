//! Options with a form of their own: sockets, mounts, maps, headers, log files. Each reads one value into
//! the draft; rules between options are `finish`'s.

use super::address;
use super::draft::Draft;
use super::shared_sockets::{self, Reference};
use super::value::written;
use crate::diag::Fix;
use crate::expand::Applied;
use crate::instance::Socket;
use std::path::PathBuf;
use uswgi_front::plan::FrontSpec;
use uswgi_proto::settings::{App, AppSource, Protocol};

pub(super) fn socket(d: &mut Draft, a: &Applied, protocol: Protocol) {
    if let Some(name) = d.said.text(a) {
        listen(d, a, &name, protocol, FrontSpec::None);
    }
}

/// A socket at this address.
pub(super) fn listen(d: &mut Draft, a: &Applied, name: &str, protocol: Protocol, front: FrontSpec) {
    let parsed = match shared_sockets::reference(name) {
        // Its address is known when every shared socket is.
        Some(Some(number)) if number < d.shared_sockets.len() => {
            d.references.push(Reference { socket: d.instance.sockets.len(), number });
            Ok((d.shared_sockets[number].0.clone(), None))
        }
        Some(_) => Err(address::no_shared_socket()),
        None => address::parse(name),
    };
    match parsed {
        Ok((address, warning)) => {
            if let Some(warning) = warning {
                d.said.warning(a, "socket-name", format!("{}: {warning}", a.fact.name));
            }
            let origin = a.place.value().origin();
            let socket = Socket {
                name: name.into(),
                address,
                protocol,
                front,
                early: false,
                workers: Vec::new(),
                proxied: false,
                origin,
            };
            d.instance.sockets.push(socket);
            d.follows.push(a.fact.name == "socket");
        }
        Err(e) => bad_address(d, a, e),
    }
}

/// Seconds for which a client is waited for. 0 stands for nothing here: it is said, and the default stays.
pub(super) fn wait(d: &mut Draft, a: &Applied) -> Option<u32> {
    let seconds = d.said.number32(a)?;
    if seconds == 0 {
        let message = format!("{} has no effect: nobody answers in no time", written(a));
        d.said.warning(a, "no-effect", message).help =
            Some("write a number of seconds, or remove the line".into());
    }
    (seconds > 0).then_some(seconds)
}

pub(super) fn stats(d: &mut Draft, a: &Applied) {
    let Some(name) = d.said.text(a) else { return };
    match address::parse(&name) {
        Ok((address, warning)) => {
            if let Some(warning) = warning {
                d.said.warning(a, "socket-name", format!("{}: {warning}", a.fact.name));
            }
            d.instance.stats.push(address);
        }
        Err(e) => bad_address(d, a, e),
    }
}

pub(super) fn bad_address(d: &mut Draft, a: &Applied, e: address::BadAddress) {
    let code = if e.unsupported { "unsupported" } else { "bad-socket" };
    let place = a.place.value();
    let said = d.said.error(a, code, format!("{} {}", written(a), e.message));
    said.help = Some(e.help);
    if let (Some(width), true) = (e.drop, place.column > 0) {
        let expect = a.value.as_deref().map_or(String::new(), |v| String::from_utf8_lossy(v).into_owned());
        let width = u32::try_from(width).unwrap_or(0);
        said.fix = Some(Fix { from: place.column, width, expect, text: String::new(), before: None });
    }
}

pub(super) fn protocol(d: &mut Draft, a: &Applied) {
    match a.value.as_deref().unwrap_or_default() {
        b"uwsgi" => d.protocol = Some(Protocol::Uwsgi),
        b"http" | b"http11" => d.protocol = Some(Protocol::Http),
        b"scgi" => d.protocol = Some(Protocol::Scgi),
        b"scgi-nph" => d.protocol = Some(Protocol::ScgiNph),
        b"fastcgi" => (d.protocol, d.fastcgi) = (Some(Protocol::Scgi), true),
        b"fastcgi-nph" => (d.protocol, d.fastcgi) = (Some(Protocol::ScgiNph), true),
        _ => {
            let message = format!("{} is not supported", written(a));
            d.said.error(a, "unsupported", message).help =
                Some("the protocols are uwsgi, http, scgi, scgi-nph, fastcgi and fastcgi-nph".into());
        }
    }
}

pub(super) fn env(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    match text.split_once('=') {
        Some((name, value)) => {
            if name.is_empty() || name.contains('\0') {
                d.said.error(a, "bad-value", format!("{} has no name", written(a)));
                return;
            }
            if name.ends_with(' ') || value.starts_with(' ') {
                let message = format!("{}: the spaces around = belong to the name and the value", written(a));
                d.said.warning(a, "env-spaces", message).help =
                    Some(format!("write env = {}={}", name.trim(), value.trim()));
            }
            d.instance.env.push((name.into(), Some(value.into())));
        }
        None => {
            let message = format!("{} has no =: the variable is removed", written(a));
            d.said.warning(a, "env-removes", message).help =
                Some("write NAME=value, or unenv to say it".into());
            d.instance.env.push((text, None));
        }
    }
}

/// The variables of a folder: of `early-envdir` at its place, of `envdir` after all of `env` (observed on uWSGI 2.0.31).
pub(super) fn envdir(d: &mut Draft, a: &Applied) {
    let folder = a.value.as_deref().unwrap_or_default();
    let read =
        crate::envdir::read(crate::envdir::folder(folder)).map_err(|e| e.to_string()).and_then(|all| {
            let text =
                |bytes| String::from_utf8(bytes).map_err(|_| "a name or a value is not UTF-8".to_string());
            let pairs = all.into_iter().map(|(name, value)| Ok((text(name)?, value.map(text).transpose()?)));
            pairs.collect::<Result<Vec<_>, String>>()
        });
    match read {
        Ok(all) if a.fact.name == "envdir" => d.envdir.extend(all),
        Ok(all) => d.instance.env.extend(all),
        Err(why) => {
            let help = "each file of the folder is a variable: its name, and its text as the value";
            d.said.error(a, "bad-envdir", format!("{}: {why}", written(a))).help = Some(help.into());
        }
    }
}

pub(super) fn pythonpath(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let is_pattern = text.bytes().any(|b| b"*?[".contains(&b));
    match is_pattern.then(|| crate::glob::glob(text.as_bytes())).flatten() {
        Some(all) => d
            .instance
            .app
            .pythonpath
            .extend(all.into_iter().map(|p| String::from_utf8_lossy(&p).into_owned())),
        None => d.instance.app.pythonpath.push(text),
    }
}

pub(super) fn mount(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let Some((point, app)) = text.split_once('=') else {
        let message = format!("{} names no app", written(a));
        d.said.error(a, "bad-mount", message).help =
            Some("write /path=app.py or /path=module:callable".into());
        return;
    };
    let (point, app) = (point.trim(), app.trim());
    let file = [".py", ".wsgi"].iter().any(|e| app.ends_with(e)) || app.contains('/');
    let host = point.split_once('|').filter(|_| d.by_host);
    if app.is_empty() || (point.contains('|') && host.is_none()) {
        // As on uWSGI, where the second form needs its virtual hosting.
        let (what, form) = match app.is_empty() {
            true => ("no app stands behind =", "write /path=app.py or /path=module:callable"),
            false => ("hosts are told apart with vhost alone", "add vhost = true, or take HOST| out"),
        };
        d.said.warning(a, "bad-mount", format!("{} mounts nothing: {what}", written(a))).help =
            Some(form.into());
        return;
    }
    let source = if file { AppSource::File(app.into()) } else { AppSource::Module(app.into()) };
    let mut mountpoint = host.map_or(point, |(_, path)| path).trim_end_matches('/').to_string();
    if !mountpoint.is_empty() && !mountpoint.starts_with('/') {
        mountpoint.insert(0, '/');
    }
    if let Some((host, _)) = host {
        mountpoint = format!("{}|{mountpoint}", host.trim());
    }
    d.mounts.push(App { mountpoint, source });
}

pub(super) fn workers(d: &mut Draft, a: &Applied) {
    if a.value.as_deref() == Some(b"auto") {
        d.instance.workers = u32::try_from(crate::system::cpus()).unwrap_or(1);
        return;
    }
    let before = d.said.0.len();
    match d.said.number32(a) {
        Some(0) => {
            // One message about it is enough.
            d.said.0.truncate(before);
            let message = format!("{}: there must be at least one worker", written(a));
            d.said.error(a, "bad-number", message).help =
                Some("write a number from 1, or auto for one a CPU".into());
        }
        // More than the scoreboard has slots for is the master's to refuse.
        number => d.instance.workers = number.unwrap_or(1),
    }
}

pub(super) fn threads(d: &mut Draft, a: &Applied) {
    match d.said.number32(a) {
        Some(0) => {
            let message = format!("{}: one thread runs", written(a));
            d.said.warning(a, "bad-number", message);
            d.instance.threads = 1;
        }
        number => d.instance.threads = number.unwrap_or(1),
    }
}

pub(super) fn buffer_size(d: &mut Draft, a: &Applied) {
    let Some(n) = d.said.number(a) else { return };
    if n == 0 {
        return;
    }
    if n > 65535 {
        let message = format!("{}: 65535 is the most", written(a));
        d.said.warning(a, "clamped", message);
    } else if n < 1024 {
        let message = format!("{}: heads of {n} bytes are too small for most requests", written(a));
        d.said.warning(a, "small-buffer", message).help =
            Some("the number counts bytes; remove the line for the default of 65535".into());
    }
    d.instance.limits.buffer_size = u32::try_from(n.min(65535)).unwrap_or(65535);
}

/// The master keeps its scoreboard at descriptor 100, and needs some beside it.
const LEAST_FD: u64 = 128;

pub(super) fn max_fd(d: &mut Draft, a: &Applied) {
    let n = d.said.number(a).unwrap_or(0);
    if n > 0 && n < LEAST_FD {
        let message = format!("{}: a process needs at least {LEAST_FD} descriptors", written(a));
        d.said.error(a, "bad-number", message).help =
            Some("each connection takes one: max-fd = 4096, or leave it away".into());
        return;
    }
    d.instance.max_fd = n;
}

pub(super) fn forwarded_allow(d: &mut Draft, a: &Applied) {
    let peers = peers(d, a);
    d.forwarded_allow.extend(peers);
}

/// A list of peers, as it is written; None: it is none, and that was said.
pub(super) fn peers(d: &mut Draft, a: &Applied) -> Option<String> {
    let text = d.said.filled(a)?;
    match uswgi_proto::trust::Trust::parse(&text) {
        Ok(_) => Some(text),
        Err(why) => {
            let help = "write addresses, networks as 10.0.0.0/8, unix, loopback, private, none or *, with commas between";
            d.said.error(a, "bad-value", format!("{}: {why}", written(a))).help = Some(help.into());
            None
        }
    }
}

pub(super) fn header(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.filled(a) else { return };
    let good = text.split_once(':').is_some_and(|(name, value)| {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        !name.is_empty() && name.bytes().all(token) && !value.bytes().any(|b| b < b' ' && b != b'\t')
    });
    if good {
        d.instance.headers.add.push(text);
    } else {
        let message = format!("{} is no header", written(a));
        d.said.error(a, "bad-value", message).help = Some("write Name: value, without quotes".into());
    }
}

pub(super) fn log_file(d: &mut Draft, a: &Applied) -> Option<PathBuf> {
    let text = d.said.filled(a)?;
    if let Some((host, port)) = text.rsplit_once(':')
        && !port.is_empty()
        && port.bytes().all(|b| b.is_ascii_digit())
        && !host.contains('/')
    {
        let message = format!("{}: logging to a UDP address is not supported", written(a));
        d.said.error(a, "unsupported", message).help = Some(format!("write logger = socket:{text}"));
        return None;
    }
    if matches!(text.as_str(), "true" | "1" | "yes" | "on" | "false" | "0" | "no" | "off") {
        let message = format!(
            "{}: the value is the name of the log file, so a file named {text:?} is written",
            written(a)
        );
        d.said.warning(a, "file-named-true", message).help =
            Some("write the path of the log file, or remove the line".into());
    }
    Some(text.into())
}

/// `harakiri-graceful-signal`: a number that is a signal.
pub(super) fn harakiri_signal(d: &mut Draft, a: &Applied) {
    let Some(n) = d.said.number32(a) else { return };
    if (1..=64).contains(&n) && n != 9 && n != 19 {
        d.instance.harakiri.signal = n as i32;
    } else if n != 0 {
        let message = format!("{} is no signal that a process can handle", written(a));
        d.said.error(a, "bad-number", message).help = Some("write a number, as 10 for SIGUSR1".into());
    }
}
