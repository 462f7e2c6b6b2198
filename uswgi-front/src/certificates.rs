//! Certificates and keys as files: read and checked, with a sentence for each way in which they cannot serve.

use crate::ciphers;
use crate::spec::{Identity, NameRule, TlsSettings};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What HTTP is called in a handshake (RFC 7301, section 6). A client that wants only HTTP/2 is told so.
const SPOKEN: [&[u8]; 2] = [b"http/1.1", b"http/1.0"];

/// A certificate that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file that cannot be read.
    #[error("cannot read {what} {path}: {source}{help}", help = help(.source))]
    Read {
        /// Which of the files.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else is in it.
    #[error("{path} holds no {what} in PEM (it begins with -----BEGIN)")]
    Empty {
        /// What it should hold.
        what: &'static str,
        /// Its path.
        path: PathBuf,
    },
    /// A key with a passphrase.
    #[error(
        "the key {path} is encrypted, and nobody is there to type its passphrase: openssl pkey -in {path} -out FILE writes it without"
    )]
    Encrypted {
        /// Its path.
        path: PathBuf,
    },
    /// The key of another certificate.
    #[error(
        "the key {key} does not belong to the certificate {certificate}: the first certificate of the file has to be the server's own"
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// What is in it cannot be used.
    #[error(
        "{path} cannot be used: {why}; certificates have keys of RSA (2048 bits or more), ECDSA (P-256, P-384) or Ed25519"
    )]
    Unusable {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// No cipher is left.
    #[error(
        "the ciphers {0:?} allow none of those that are served, which are the ECDHE suites of TLS 1.2 with AES-GCM or ChaCha20; remove the list, or write HIGH"
    )]
    Ciphers(String),
    /// A pattern of `sni-regexp`.
    #[error("sni-regexp: {0}")]
    Pattern(#[from] regex::Error),
}

fn help(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "; it is read as the user of the start, and at a reload as the user that the instance has become"
        }
        _ => "",
    }
}

/// How TLS is spoken on a socket: one way for each name.
pub struct TlsEntrance {
    default: Arc<ServerConfig>,
    names: BTreeMap<String, Arc<ServerConfig>>,
    patterns: Vec<(regex::Regex, Arc<ServerConfig>)>,
    /// What it was made of.
    source: MadeOf,
}

/// Every file with what was in it, and the words around: where they are the same, so is the way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MadeOf {
    identity: Identity,
    settings: TlsSettings,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl fmt::Debug for TlsEntrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.source.identity)
    }
}

impl PartialEq for TlsEntrance {
    fn eq(&self, other: &TlsEntrance) -> bool {
        self.source == other.source
    }
}

/// Reads files, each once.
#[derive(Default)]
struct PemReader(BTreeMap<PathBuf, Vec<u8>>);

impl PemReader {
    fn read(&mut self, what: &'static str, path: &Path) -> Result<&[u8], CertificateError> {
        if !self.0.contains_key(path) {
            let read = std::fs::read(path);
            let bytes = read.map_err(|source| CertificateError::Read { what, path: path.into(), source })?;
            self.0.insert(path.into(), bytes);
        }
        Ok(&self.0[path])
    }

    fn certificates(
        &mut self,
        what: &'static str,
        path: &Path,
    ) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
        let bytes = self.read(what, path)?;
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
        let all = all.map_err(|e| CertificateError::Unusable { path: path.into(), why: e.to_string() })?;
        if all.is_empty() {
            return Err(CertificateError::Empty { what: "certificate", path: path.into() });
        }
        Ok(all)
    }

    fn key(&mut self, path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
        let bytes = self.read("the key", path)?;
        let encrypted = bytes.windows(9).any(|w| w == b"ENCRYPTED");
        PrivateKeyDer::from_pem_slice(bytes).map_err(|_| match encrypted {
            true => CertificateError::Encrypted { path: path.into() },
            false => CertificateError::Empty { what: "private key", path: path.into() },
        })
    }

    /// One way to speak TLS.
    fn config(&mut self, identity: &Identity) -> Result<Arc<ServerConfig>, CertificateError> {
        let unusable = |path: &Path, why: &dyn fmt::Display| CertificateError::Unusable {
            path: path.into(),
            why: why.to_string(),
        };
        let Identity { certificate, key, .. } = identity;
        let chain = self.certificates("the certificate", certificate)?;
        let list = identity.ciphers.as_deref();
        let provider = Arc::new(
            ciphers::provider(list)
                .ok_or_else(|| CertificateError::Ciphers(list.unwrap_or_default().into()))?,
        );
        let signing = self.key(key)?;
        let signing = provider.key_provider.load_private_key(signing).map_err(|e| unusable(key, &e))?;
        let own = CertifiedKey::new(chain, signing);
        match own.keys_match() {
            Ok(()) => {}
            Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(CertificateError::Mismatch {
                    certificate: certificate.clone(),
                    key: key.clone(),
                });
            }
            Err(e) => return Err(unusable(certificate, &e)),
        }
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| unusable(certificate, &e))?;
        let builder = match &identity.clients {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for root in self.certificates("the certificates for clients", path)? {
                    roots.add(root).map_err(|e| unusable(path, &e))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if identity.required { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build().map_err(|e| unusable(path, &e))?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
        config.alpn_protocols = SPOKEN.map(<[u8]>::to_vec).into();
        // A client comes back without a handshake of its own, whichever thread has it.
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(|e| unusable(key, &e))?;
        config.send_tls13_tickets = 1;
        Ok(Arc::new(config))
    }
}

/// The identities in a folder, by name.
fn in_folder(settings: &TlsSettings) -> Result<Vec<(String, Identity)>, CertificateError> {
    let Some(folder) = &settings.folder else { return Ok(Vec::new()) };
    let failed = |source| CertificateError::Read { what: "the folder sni-dir", path: folder.clone(), source };
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|e| e == "crt")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            let clients = path.with_extension("ca");
            let identity = Identity {
                key: path.with_extension("key"),
                ciphers: settings.folder_ciphers.clone(),
                clients: Some(clients).filter(|path| path.exists()),
                required: false,
                certificate: path.clone(),
            };
            all.push((name.to_ascii_lowercase(), identity));
        }
    }
    Ok(all)
}

impl TlsEntrance {
    /// Read every file of a socket, and check it.
    pub fn read(identity: &Identity, settings: &TlsSettings) -> Result<TlsEntrance, CertificateError> {
        let mut reader = PemReader::default();
        let default = reader.config(identity)?;
        let (mut names, mut patterns) = (BTreeMap::new(), Vec::new());
        for (name, identity) in in_folder(settings)? {
            names.insert(name, reader.config(&identity)?);
        }
        for (rule, identity) in &settings.names {
            let config = reader.config(identity)?;
            match rule {
                NameRule::Is(name) => {
                    names.insert(name.to_ascii_lowercase(), config);
                }
                NameRule::Matches(pattern) => patterns.push((regex::Regex::new(pattern)?, config)),
            }
        }
        let source = MadeOf { identity: identity.clone(), settings: settings.clone(), files: reader.0 };
        Ok(TlsEntrance { default, names, patterns, source })
    }

    /// How to speak with a client that asks for this name: its own way, one whose pattern matches, or that of the socket.
    pub(crate) fn config(&self, name: Option<&str>) -> Arc<ServerConfig> {
        let Some(name) = name.map(str::to_ascii_lowercase) else { return self.default.clone() };
        let matching = || self.patterns.iter().find(|(pattern, _)| pattern.is_match(&name)).map(|(_, c)| c);
        self.names.get(&name).or_else(matching).unwrap_or(&self.default).clone()
    }

    pub(crate) fn is_verbose(&self) -> bool {
        self.source.settings.verbose
    }
}

#[cfg(test)]
pub(crate) mod tests;
