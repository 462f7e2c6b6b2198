//! Lists of ciphers as OpenSSL takes them (ciphers(1)). They cannot be followed in general: here there are the suites of
//! rustls, all of them authenticated and with forward secrecy. A list that names suites of these and nothing else chooses
//! among those of TLS 1.2 (TLS 1.3 is not the list's business, as with OpenSSL); one with words like HIGH allows all; one that
//! allows none is refused.

use rustls::crypto::{CryptoProvider, ring};
use rustls::{CipherSuite, SupportedCipherSuite};

/// OpenSSL's names of the suites of TLS 1.2.
const NAMES: [(&str, CipherSuite); 6] = [
    ("ECDHE-ECDSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

/// Words that stand for some of them; several joined by `+` for those that are in all.
const WORDS: [&str; 20] = [
    "HIGH",
    "DEFAULT",
    "ALL",
    "COMPLEMENTOFDEFAULT",
    "SECURE128",
    "SECURE256",
    "FIPS",
    "SUITEB128",
    "ECDHE",
    "EECDH",
    "KECDHE",
    "KEECDH",
    "AESGCM",
    "AES",
    "AES128",
    "AES256",
    "CHACHA20",
    "ECDSA",
    "AECDSA",
    "ARSA",
];

/// Whether a word in a list stands for some of the suites.
fn is_ours(word: &str) -> bool {
    let upper = word.to_ascii_uppercase();
    upper.split('+').all(|part| WORDS.contains(&part) || matches!(part, "SHA256" | "SHA384" | "TLSV1.2"))
}

/// The suites that a list allows; None: none of ours.
fn allowed(list: &str) -> Option<Vec<SupportedCipherSuite>> {
    let all = ring::DEFAULT_CIPHER_SUITES.to_vec();
    let words: Vec<&str> = list.split([':', ',', ' ', ';']).filter(|word| !word.is_empty()).collect();
    let wanted: Vec<&str> =
        words.iter().filter(|word| !word.starts_with(['!', '-', '+', '@'])).copied().collect();
    if wanted.is_empty() || wanted.iter().any(|word| is_ours(word) || word.starts_with("TLS_")) {
        return Some(all);
    }
    let named: Vec<CipherSuite> =
        NAMES.iter().filter(|(name, _)| wanted.contains(name)).map(|(_, suite)| *suite).collect();
    let keep = |suite: &SupportedCipherSuite| suite.tls13().is_some() || named.contains(&suite.suite());
    (!named.is_empty()).then(|| all.into_iter().filter(keep).collect())
}

/// What encrypts, as far as a list allows it; None: it allows nothing that there is.
pub(crate) fn provider(list: Option<&str>) -> Option<CryptoProvider> {
    let cipher_suites = allowed(list.unwrap_or_default())?;
    Some(CryptoProvider { cipher_suites, ..ring::default_provider() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_allow_all_some_or_none() {
        let count = |list: &str| allowed(list).map(|all| all.len());
        for list in
            ["", "HIGH", "HIGH:!aNULL:!MD5", "EECDH+AESGCM:AES256+EECDH", "ALL:!ADH:@STRENGTH", "!SSLv3"]
        {
            assert_eq!(count(list), Some(9), "{list}");
        }
        assert_eq!(count("ECDHE-RSA-AES128-GCM-SHA256"), Some(3 + 1));
        assert_eq!(count("ECDHE-RSA-AES128-GCM-SHA256:RC4-SHA:ECDHE-ECDSA-AES256-GCM-SHA384"), Some(3 + 2));
        for list in ["RC4-SHA", "AES128-SHA:AES256-SHA", "LOW", "kRSA"] {
            assert_eq!(count(list), None, "{list}");
        }
    }
}
