//! The certificate that a client has shown in its handshake, as requests on its connection say it: with the names that uWSGI
//! 2.0.31 gives it (observed there).

#![forbid(unsafe_code)]

use uswgi_proto::certificate;

/// See above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    der: Box<[u8]>,
    subject: String,
    /// Made when a request wants it.
    pem: Option<String>,
}

impl ClientCertificate {
    /// From DER; none of no bytes.
    pub(crate) fn new(der: &[u8]) -> Option<Box<ClientCertificate>> {
        let subject = certificate::subject(der).unwrap_or_default();
        (!der.is_empty()).then(|| Box::new(ClientCertificate { der: der.into(), subject, pem: None }))
    }

    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// The variables of a request; `export`: the certificate in PEM is one (`https-export-cert`).
    pub(crate) fn variables(&mut self, export: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all = vec![
            (b"HTTPS_CLIENT_CERTIFICATE".to_vec(), self.der.to_vec()),
            (b"HTTPS_DN".to_vec(), self.subject.clone().into_bytes()),
        ];
        if export {
            let pem = self.pem.get_or_insert_with(|| certificate::pem(&self.der));
            all.push((b"HTTPS_CC".to_vec(), pem.clone().into_bytes()));
        }
        all
    }
}
