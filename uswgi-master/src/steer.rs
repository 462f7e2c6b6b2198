//! The steering socket: requests of `uswgi-ctl` (`uswgi_proto::steer` says what and how to get there).
//!
//! It must never act: `master/handle_steer` carries requests out.
#![forbid(unsafe_code)]

use crate::events::Woken;
use std::os::fd::OwnedFd;
use uswgi_keep::log;
use uswgi_keep::oneshot;
use uswgi_proto::scoreboard::ScoreboardError;
use uswgi_proto::steer::{Envelope, MAX_REQUEST, STEER_FD, STEER_VERSION};

/// The socket and who speaks to it.
pub type Server = oneshot::Server<Woken>;

/// What a client has said is no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It does not end.
    #[error("the request is longer than {MAX_REQUEST} bytes")]
    Long,
    /// It comes from a tool of another version, or from none.
    #[error(
        "this master speaks version {STEER_VERSION} of requests; use the uswgi-ctl of the running version"
    )]
    Version,
    /// Its verb or a value of it is unknown.
    #[error("this request is not understood: {0}")]
    Unknown(serde_json::Error),
}

/// Keep the number of the descriptor free of others until [`bind`].
pub fn reserve() -> Result<OwnedFd, ScoreboardError> {
    let failed = |source| ScoreboardError::Io { what: "keeping a descriptor for requests", source };
    oneshot::reserve(STEER_FD).map_err(failed)
}

/// Bind it, as the user that the master becomes. Without a directory for the moment in which it
/// has a name there is none, and the instance runs without it.
pub fn bind(place: OwnedFd) -> Server {
    oneshot::Server::bind(place, MAX_REQUEST, Woken::Steer).unwrap_or_else(|e| {
        log::line(format_args!(
            "no requests can be sent to this instance but signals: {e}; let its user write to /dev/shm or /tmp"
        ));
        deaf()
    })
}

/// There is none.
pub fn deaf() -> Server {
    oneshot::Server::deaf(Woken::Steer)
}

/// The request in what a client has said.
pub(crate) fn understood(said: &[u8]) -> Result<Envelope, RequestError> {
    if said.len() > MAX_REQUEST {
        return Err(RequestError::Long);
    }
    let version = serde_json::from_slice::<serde_json::Value>(said)
        .ok()
        .and_then(|v| v.get("version").and_then(serde_json::Value::as_u64));
    if version != Some(STEER_VERSION.into()) {
        return Err(RequestError::Version);
    }
    serde_json::from_slice(said).map_err(RequestError::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_said_is_more_than_refused() {
        let ping =
            |version: u32| format!(r#"{{"version":{version},"request":{{"verb":"ping"}}}}"#).into_bytes();
        let alone = format!(r#"{{"version":{STEER_VERSION}}}"#).into_bytes();
        let other = ping(STEER_VERSION + 1);
        for bad in [&b""[..], b"{", b"null", &alone, &other, b"\xff"] {
            assert!(understood(bad).is_err(), "{bad:?}");
        }
        assert!(understood(&vec![b' '; MAX_REQUEST + 1]).unwrap_err().to_string().contains("longer"));
        assert!(understood(&ping(STEER_VERSION)).is_ok());
    }
}
