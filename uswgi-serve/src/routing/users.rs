//! Who of the files of `basicauth` cannot come in, said at the start.

use crate::say;
use uswgi_proto::routing::{RouteTable, unknown_hashes};

/// Most names of one line.
const NAMES: usize = 5;

/// Say at the start who will not come in.
pub(super) fn warn(table: &RouteTable) {
    for file in table.password_files() {
        let text = match std::fs::read(file) {
            Ok(text) => text,
            Err(e) => {
                say!("basicauth: {file} cannot be read, so nobody comes in: {e}");
                continue;
            }
        };
        let unknown = unknown_hashes(&text);
        if !unknown.is_empty() {
            let mut names = unknown[..unknown.len().min(NAMES)].join(", ");
            if unknown.len() > NAMES {
                names = format!("{names} and {} more", unknown.len() - NAMES);
            }
            say!("basicauth: {file}: passwords that are not of htpasswd -s (SHA-1) let nobody in: {names}");
        }
    }
}
