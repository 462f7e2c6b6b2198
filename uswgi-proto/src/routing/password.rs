//! Passwords in files of htpasswd(1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// Whether a password has this hash: `{SHA}` (htpasswd -s).
pub fn is_password(hash: &[u8], password: &[u8]) -> bool {
    hash.strip_prefix(b"{SHA}").is_some_and(|hash| hash == STANDARD.encode(Sha1::digest(password)).as_bytes())
}
