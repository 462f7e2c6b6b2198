//! Certificates and keys of `https` and `sni`: whether they could be served. Reads the files, as whoever runs lint.

use crate::diag::Diagnostic;
use crate::instance::Instance;
use std::path::Path;
use uswgi_front::plan::{EntranceKind, FrontSpec};

/// Read them, where their names are known.
pub(super) fn check(i: &Instance, known: fn(&Path) -> bool, out: &mut Vec<Diagnostic>) {
    for socket in &i.sockets {
        let FrontSpec::Tls(identity) = &socket.front else { continue };
        if !known(&identity.certificate) || !known(&identity.key) {
            continue;
        }
        if let Err(e) = EntranceKind::read(&socket.front, &i.tls) {
            let mut d = Diagnostic::error("certificate", format!("{}: {e}", socket.name));
            d.origin = socket.origin.clone();
            out.push(d);
        }
    }
}
