//! Sockets that the front serves: TLS, FastCGI, and HTTP that is sent to HTTPS. Reads no file.

use super::draft::Draft;
use super::forms::listen;
use super::value::written;
use crate::expand::Applied;
use uswgi_front::plan::FrontSpec;
use uswgi_front::spec::{Identity, NameRule};
use uswgi_proto::settings::Protocol;

const FORM: &str = "write ADDRESS,CERTIFICATE,KEY[,CIPHERS[,CLIENTS]]: files in PEM, and ! in front of CLIENTS where each has to show a certificate";

/// `https = ADDRESS,CERTIFICATE,KEY[,CIPHERS[,CLIENTS]]`.
pub(super) fn https(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.text(a) else { return };
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    match Identity::of(&parts[1..]) {
        Some(identity) => listen(d, a, parts[0], Protocol::Http, FrontSpec::Tls(Box::new(identity))),
        None => {
            d.said.error(a, "bad-certificate", format!("{} names no certificate and key", written(a))).help =
                Some(FORM.into());
        }
    }
}

/// `https2 = addr=ADDRESS,cert=FILE,key=FILE[,ciphers=LIST][,client_ca=FILE]`. Other keys are ignored, as uWSGI does.
pub(super) fn https2(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.text(a) else { return };
    let of = |key: &str| {
        let mut pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| name.trim() == key).map_or("", |(_, value)| value.trim())
    };
    let parts = [of("cert"), of("key"), of("ciphers"), of("client_ca")];
    match Identity::of(&parts) {
        Some(identity) if !of("addr").is_empty() => {
            let spoken = ["addr", "cert", "key", "ciphers", "client_ca", "session_context", "spdy"];
            for key in text.split(',').map(|pair| pair.split_once('=').map_or(pair, |(key, _)| key).trim()) {
                if !spoken.contains(&key) {
                    let message = format!("{}: {key} has no effect", written(a));
                    d.said.warning(a, "no-effect", message).help =
                        Some("the keys are addr, cert, key, ciphers and client_ca".into());
                }
            }
            listen(d, a, of("addr"), Protocol::Http, FrontSpec::Tls(Box::new(identity)));
        }
        _ => {
            let message = format!("{} names no address, certificate and key", written(a));
            d.said.error(a, "bad-certificate", message).help =
                Some("write addr=ADDRESS,cert=FILE,key=FILE[,ciphers=LIST][,client_ca=FILE]".into());
        }
    }
}

/// `sni = NAME CERTIFICATE,KEY[,CIPHERS[,CLIENTS]]`, and `sni-regexp` with a pattern.
pub(super) fn sni(d: &mut Draft, a: &Applied) {
    let Some(text) = d.said.text(a) else { return };
    let read = text.trim().split_once([' ', '\t']).and_then(|(name, files)| {
        let parts: Vec<&str> = files.trim().split(',').map(str::trim).collect();
        Some((name.to_string(), Identity::of(&parts)?))
    });
    let Some((name, identity)) = read else {
        d.said.error(a, "bad-certificate", format!("{} names no certificate and key", written(a))).help =
            Some("write NAME CERTIFICATE,KEY[,CIPHERS[,CLIENTS]]".into());
        return;
    };
    let rule = match a.fact.name {
        "sni" => NameRule::Is(name),
        _ => match regex::Regex::new(&name) {
            Ok(_) => NameRule::Matches(name),
            Err(e) => {
                d.said.error(a, "bad-pattern", format!("{}: {e}", written(a)));
                return;
            }
        },
    };
    d.instance.tls.names.push((rule, identity));
}

/// A socket of another protocol that workers do not speak.
pub(super) fn other(d: &mut Draft, a: &Applied) {
    let Some(name) = d.said.text(a) else { return };
    let (protocol, front) = match a.fact.name {
        "fastcgi-socket" => (Protocol::Scgi, FrontSpec::FastCgi),
        "fastcgi-nph-socket" => (Protocol::ScgiNph, FrontSpec::FastCgi),
        _ => (Protocol::Http, FrontSpec::ToHttps),
    };
    listen(d, a, &name, protocol, front);
}

/// Sockets that the front serves cannot be given to some workers: what it passes on, any worker takes.
pub(super) fn finish(d: &mut Draft) {
    for socket in &mut d.instance.sockets {
        if socket.front != FrontSpec::None && !std::mem::take(&mut socket.workers).is_empty() {
            let message =
                format!("map-socket has no effect on {}: any worker takes its connections", socket.name);
            d.said.0.push(crate::diag::Diagnostic::warning("no-effect", message));
        }
    }
}
