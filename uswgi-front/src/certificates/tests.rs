use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;
use tempfile::TempDir;

/// A folder with an authority, and certificates that it has signed.
pub(crate) struct Folder(pub(crate) TempDir, CertifiedIssuer<'static, KeyPair>);

impl Folder {
    pub(crate) fn new() -> Folder {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = Folder(tempfile::tempdir().unwrap(), authority);
        folder.write("ca.pem", &folder.1.pem());
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// `NAME.crt` and `NAME.key`.
    pub(crate) fn sign(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_string()]).unwrap();
        self.write(&format!("{name}.crt"), &params.signed_by(&key, &self.1).unwrap().pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
        self.identity(&format!("{name}.crt"), &format!("{name}.key"))
    }

    fn identity(&self, certificate: &str, key: &str) -> Identity {
        Identity {
            certificate: self.path(certificate),
            key: self.path(key),
            ciphers: None,
            clients: None,
            required: false,
        }
    }

    fn wrong(&self, identity: &Identity) -> String {
        TlsEntrance::read(identity, &TlsSettings::default()).map(|_| ()).unwrap_err().to_string()
    }
}

#[test]
fn every_way_in_which_a_certificate_cannot_serve_is_one_sentence() {
    let folder = Folder::new();
    let (good, other) = (folder.sign("a.example"), folder.sign("b.example"));
    folder.write("empty", "no PEM\n");
    folder.write("odd", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    folder.write(
        "locked",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    folder.write(
        "old",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    );
    let with = |certificate: &str, key: &str| folder.wrong(&folder.identity(certificate, key));
    let text = with("missing.crt", "a.example.key");
    assert!(text.starts_with("cannot read the certificate /") && text.contains("missing.crt"), "{text}");
    assert!(with("a.example.crt", "missing.key").starts_with("cannot read the key /"));
    assert!(with("empty", "a.example.key").contains("empty holds no certificate in PEM"));
    assert!(with("a.example.crt", "a.example.crt").contains("holds no private key in PEM"));
    for locked in ["locked", "old"] {
        let text = with("a.example.crt", locked);
        assert!(text.contains("is encrypted") && text.contains("openssl pkey -in /"), "{text}");
    }
    assert!(with("a.example.crt", "b.example.key").contains("does not belong to the certificate"));
    assert!(with("odd", "a.example.key").contains("cannot be used"), "{}", with("odd", "a.example.key"));
    let bad = Identity { clients: Some(folder.path("empty")), ..good.clone() };
    assert!(folder.wrong(&bad).contains("holds no certificate"));
    let bad = Identity { ciphers: Some("RC4-SHA".into()), ..good.clone() };
    assert!(folder.wrong(&bad).contains("\"RC4-SHA\" allow none"), "{}", folder.wrong(&bad));
    let bad = TlsSettings { folder: Some(folder.path("nowhere")), ..TlsSettings::default() };
    assert!(TlsEntrance::read(&good, &bad).unwrap_err().to_string().contains("sni-dir"));
    assert!(TlsEntrance::read(&other, &TlsSettings::default()).is_ok());
}

#[test]
fn a_name_chooses_and_the_same_files_are_the_same_door() {
    let folder = Folder::new();
    let [default, exact, pattern] = ["a.example", "b.example", "c.example"].map(|name| folder.sign(name));
    let sub = folder.path("dir");
    fs::create_dir(&sub).unwrap();
    for end in ["crt", "key"] {
        fs::copy(folder.path(&format!("c.example.{end}")), sub.join(format!("D.example.{end}"))).unwrap();
    }
    let settings = TlsSettings {
        names: vec![
            (NameRule::Is("B.example".into()), exact),
            (NameRule::Matches("^x[0-9]+\\.".into()), pattern),
        ],
        folder: Some(sub),
        ..TlsSettings::default()
    };
    let entrance = TlsEntrance::read(&default, &settings).unwrap();
    let is_default = |name| Arc::ptr_eq(&entrance.config(name), &entrance.default);
    assert!(is_default(None) && is_default(Some("a.example")) && is_default(Some("y1.example")));
    for name in ["b.example", "B.EXAMPLE", "x12.example", "d.example"] {
        assert!(!is_default(Some(name)), "{name}");
    }
    assert!(TlsEntrance::read(&default, &settings).unwrap() == entrance);
    folder.sign("b.example");
    assert!(
        TlsEntrance::read(&default, &settings).unwrap() != entrance,
        "a renewed certificate is another one"
    );
}
