//! What one front process does: which sockets it takes connections from, and what is spoken there.

use crate::certificates::{CertificateError, TlsEntrance};
use crate::spec::{Identity, TlsSettings};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use uswgi_proto::settings::Protocol;

/// Who speaks with the clients of a socket, if workers do not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum FrontSpec {
    /// Workers do.
    #[default]
    None,
    /// TLS, and HTTP in it.
    Tls(Box<Identity>),
    /// FastCGI.
    FastCgi,
    /// HTTP, answered with the same address by HTTPS.
    ToHttps,
}

/// One socket of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entrance {
    /// Its index among the sockets of the instance.
    pub listener: u16,
    /// As configured.
    pub name: String,
    /// What is spoken.
    pub kind: EntranceKind,
    /// What workers get.
    pub protocol: Protocol,
    /// Connections may begin with a header of the PROXY protocol.
    pub proxied: bool,
}

/// What is spoken on a socket.
#[derive(Debug, Clone, PartialEq)]
pub enum EntranceKind {
    /// TLS.
    Tls(Arc<TlsEntrance>),
    /// FastCGI.
    FastCgi,
    /// HTTP, for as long as a redirect takes.
    ToHttps,
}

impl EntranceKind {
    /// What a socket needs, its files read; None: nothing of this.
    pub fn read(spec: &FrontSpec, settings: &TlsSettings) -> Result<Option<EntranceKind>, CertificateError> {
        Ok(Some(match spec {
            FrontSpec::None => return Ok(None),
            FrontSpec::Tls(identity) => EntranceKind::Tls(Arc::new(TlsEntrance::read(identity, settings)?)),
            FrontSpec::FastCgi => EntranceKind::FastCgi,
            FrontSpec::ToHttps => EntranceKind::ToHttps,
        }))
    }

    /// Whether every client that fails is said (`ssl-verbose`).
    pub(crate) fn is_verbose(&self) -> bool {
        matches!(self, EntranceKind::Tls(entrance) if entrance.is_verbose())
    }

    /// What it is called in the log.
    pub fn spoken(&self) -> &'static str {
        match self {
            EntranceKind::Tls(_) => "TLS",
            EntranceKind::FastCgi => "FastCGI",
            EntranceKind::ToHttps => "HTTP to HTTPS",
        }
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq)]
pub struct FrontPlan {
    /// Sockets; none: no such process is needed.
    pub entrances: Vec<Entrance>,
    /// Whose headers of the PROXY protocol count (`forwarded-allow-ips`).
    pub trusted: String,
    /// How long a client may take nothing, or be silent before its first request.
    pub patience: Duration,
    /// Loops.
    pub threads: usize,
}
