//! Files of `basicauth` rules: whether their users could come in. Reads the files, as whoever runs lint.

use crate::diag::Diagnostic;
use crate::instance::Instance;
use std::path::Path;
use uswgi_proto::routing::{RouteTable, unknown_hashes};

/// Read them, where their names are known.
pub(super) fn check(i: &Instance, known: fn(&Path) -> bool, out: &mut Vec<Diagnostic>) {
    let Ok(table) = RouteTable::compile(&i.routes) else { return };
    for file in table.password_files().filter(|file| known(Path::new(file))) {
        let message = match std::fs::read(file) {
            Err(e) => format!("basicauth: {file} cannot be read, so nobody comes in: {e}"),
            Ok(text) => match &unknown_hashes(&text)[..] {
                [] => continue,
                users => format!("basicauth: {file}: the password of {} lets nobody in", users.join(", ")),
            },
        };
        let help = "write each password anew with htpasswd -s FILE NAME (SHA-1)";
        out.push(Diagnostic::warning("password-hash", message).help(help));
    }
}
