//! Passwords in files of htpasswd(1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// Users of a file whose hashes are of another kind, so that nobody comes in by their names.
pub fn unknown_hashes(text: &[u8]) -> Vec<String> {
    let user = |line: &[u8]| {
        let line = line.trim_ascii_end();
        let at = line.iter().position(|b| *b == b':')?;
        let known = line[at + 1..].starts_with(b"{SHA}") || line.starts_with(b"#");
        (!known).then(|| String::from_utf8_lossy(&line[..at]).escape_debug().to_string())
    };
    text.split(|b| *b == b'\n').filter_map(user).collect()
}

/// Whether a password has this hash: `{SHA}` (htpasswd -s).
pub fn is_password(hash: &[u8], password: &[u8]) -> bool {
    hash.strip_prefix(b"{SHA}").is_some_and(|hash| hash == STANDARD.encode(Sha1::digest(password)).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sha_1_lets_somebody_in_and_the_others_are_known_by_name() {
        let text =
            b"a:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\nb:rl0uE0e2WKB0.\r\n# c:x\n\nno colon\nd:$apr1$x$y\n";
        assert_eq!(unknown_hashes(text), ["b", "d"]);
        assert!(is_password(b"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", b"password"));
        assert!(!is_password(b"rl0uE0e2WKB0.", b"password"));
    }
}
