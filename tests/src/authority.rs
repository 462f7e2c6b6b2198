//! A certificate authority of a test's own, what it has signed, and clients that believe it.

use crate::request::Stream;
use crate::temp::TempDir;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The authority, with a folder for what it signs: `ca.pem`, `NAME.crt`, `NAME.key`.
pub struct Authority {
    dir: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A client of HTTPS on 127.0.0.1.
#[derive(Debug, Clone)]
pub struct TlsAddress {
    port: u16,
    name: String,
    config: Arc<ClientConfig>,
}

impl Default for Authority {
    fn default() -> Authority {
        Authority::new()
    }
}

impl Authority {
    /// A new one, in a folder that every user may read.
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Authority of a test");
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let dir = TempDir::new();
        fs::write(dir.join("ca.pem"), issuer.pem()).expect("ca.pem");
        Authority { dir, issuer }
    }

    /// A file of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Sign `NAME.crt` for a server of this name, anew: certificate and key as an option has them.
    pub fn sign(&self, name: &str) -> String {
        let mut params = CertificateParams::new(vec![name.to_string()]).expect("parameters");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "DE");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a signature");
        fs::write(self.path(&format!("{name}.crt")), certificate.pem()).expect("certificate");
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).expect("key");
        let [certificate, key] = ["crt", "key"].map(|end| self.path(&format!("{name}.{end}")));
        format!("{},{}", certificate.display(), key.display())
    }

    /// A client that asks for a name, and perhaps shows a certificate that was signed before.
    pub fn client(&self, port: u16, name: &str, shows: Option<&str>) -> TlsAddress {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match shows {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let chain = CertificateDer::from_pem_file(self.path(&format!("{name}.crt"))).expect("PEM");
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).expect("PEM");
                builder.with_client_auth_cert(vec![chain], key).expect("a pair")
            }
        };
        TlsAddress { port, name: name.into(), config: Arc::new(config) }
    }
}

impl TlsAddress {
    /// Connect, and let the handshake come with the first bytes.
    pub fn connect(&self) -> io::Result<TlsStream> {
        let socket = TcpStream::connect(("127.0.0.1", self.port))?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from(self.name.clone()).map_err(io::Error::other)?;
        let client = ClientConnection::new(self.config.clone(), name).map_err(io::Error::other)?;
        Ok(TlsStream(StreamOwned::new(client, socket)))
    }
}

/// A connection with TLS.
pub struct TlsStream(StreamOwned<ClientConnection, TcpStream>);

impl TlsStream {
    /// The certificate of the server, once something was read.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        self.0.conn.peer_certificates().map(|all| all[0].to_vec())
    }
}

impl io::Read for TlsStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl io::Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Stream for TlsStream {
    fn finish_sending(&self) -> io::Result<()> {
        self.0.sock.shutdown(std::net::Shutdown::Write)
    }

    fn patience(&self, limit: Duration) -> io::Result<()> {
        self.0.sock.patience(limit)
    }

    fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.0.sock)
    }
}
