//! Files of passwords for `basicauth`: a line is `user:hash`, the first one of a user counts (observed on uWSGI 2.0.31).

use crate::log::Fault;
use crate::{engine::Engine, limited_say};

/// Whether somebody is in a file.
pub(super) fn knows(engine: &Engine, file: &str, user: &[u8], password: &[u8]) -> bool {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(e) => {
            limited_say!(Fault::Ours, engine, "basicauth: {file} cannot be read, so nobody comes in: {e}");
            return false;
        }
    };
    let hash = text.split(|b| *b == b'\n').find_map(|line| {
        let line = line.trim_ascii_end();
        let at = line.iter().position(|b| *b == b':')?;
        (&line[..at] == user).then(|| &line[at + 1..])
    });
    hash.is_some_and(|hash| uswgi_proto::routing::is_password(hash, password))
}
