//! What a configuration says of TLS: files, names and ciphers. Reads nothing.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A certificate with its key, and whose certificates clients may show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The certificate and those between it and its root, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// A list of ciphers as OpenSSL takes it.
    pub ciphers: Option<String>,
    /// Certificates of those who sign certificates of clients.
    pub clients: Option<PathBuf>,
    /// A client without a certificate is refused (`!` in front of the file).
    pub required: bool,
}

/// What clients ask for by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NameRule {
    /// This one.
    Is(String),
    /// One that matches.
    Matches(String),
}

/// How TLS is spoken on the sockets of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TlsSettings {
    /// Identities by name (`sni`, `sni-regexp`), in order.
    pub names: Vec<(NameRule, Identity)>,
    /// A folder with `NAME.crt`, `NAME.key` and perhaps `NAME.ca` (`sni-dir`).
    pub folder: Option<PathBuf>,
    /// The ciphers of those (`sni-dir-ciphers`).
    pub folder_ciphers: Option<String>,
    /// Every failed handshake is said (`ssl-verbose`).
    pub verbose: bool,
}

impl Identity {
    /// What `ADDRESS` is followed by: certificate, key, and perhaps ciphers and clients.
    pub fn of(parts: &[&str]) -> Option<Identity> {
        let [certificate, key, rest @ ..] = parts else { return None };
        let filled = |i: usize| rest.get(i).copied().filter(|text| !text.is_empty());
        let clients = filled(1);
        (!certificate.is_empty() && !key.is_empty() && rest.len() <= 2).then(|| Identity {
            certificate: certificate.into(),
            key: key.into(),
            ciphers: filled(0).map(str::to_string),
            clients: clients.map(|path| path.trim_start_matches('!').into()),
            required: clients.is_some_and(|path| path.starts_with('!')),
        })
    }

    /// As it is written behind an address.
    pub fn written(&self) -> String {
        let mut text = format!("{},{}", self.certificate.display(), self.key.display());
        if self.ciphers.is_some() || self.clients.is_some() {
            text.push(',');
            text.push_str(self.ciphers.as_deref().unwrap_or_default());
        }
        if let Some(clients) = &self.clients {
            text.push_str(if self.required { ",!" } else { "," });
            text.push_str(&clients.display().to_string());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_written_as_it_was_read() {
        for text in ["a.crt,a.key", "a.crt,a.key,HIGH", "a.crt,a.key,HIGH,ca.pem", "a.crt,a.key,,!ca.pem"] {
            let parts: Vec<&str> = text.split(',').collect();
            assert_eq!(Identity::of(&parts).unwrap().written(), text);
        }
        for bad in ["", "a.crt", "a.crt,", ",a.key", "a,b,c,d,e"] {
            assert_eq!(Identity::of(&bad.split(',').collect::<Vec<_>>()), None, "{bad}");
        }
    }
}
