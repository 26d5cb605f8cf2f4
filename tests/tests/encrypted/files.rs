//! Files of certificates: each fault is told with its file, and what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use earmark_adapters::clock::SystemClock;
use earmark_adapters::http::{Encryption, EncryptionFiles};

use crate::authority::Authority;
use crate::site::Site;

#[test]
fn a_file_that_can_not_be_used_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let authority = Authority::new();
    let (own, other) = (authority.sign(), authority.sign());
    for (name, text) in [
        ("cert.pem", own.pem()),
        ("key.pem", own.key_pem()),
        ("other.pem", other.key_pem()),
        ("chain.pem", format!("{}{}", own.pem(), authority.pem())),
        ("reversed.pem", format!("{}{}", authority.pem(), own.pem())),
        ("ca.pem", authority.pem()),
        ("empty.pem", String::new()),
        (
            "nonsense.pem",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_owned(),
        ),
        (
            "no_certificate.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
        ),
        (
            "locked.pem",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned(),
        ),
        ("large.pem", "x".repeat(2 * 1024 * 1024)),
    ] {
        fs::write(path(name), text).expect("it is written");
    }
    let opened = |certificate: &str, key: &str, client_ca: Option<&str>| {
        let files = EncryptionFiles {
            certificate: path(certificate),
            key: path(key),
            client_ca: client_ca.map(path),
        };
        Encryption::open(files, Arc::new(SystemClock::new()))
            .err()
            .map(|why| why.to_string())
    };
    for certificate in ["cert.pem", "chain.pem"] {
        assert_eq!(opened(certificate, "key.pem", None), None);
        assert_eq!(opened(certificate, "key.pem", Some("ca.pem")), None);
    }
    for (certificate, key, client_ca, words) in [
        (
            "none.pem",
            "key.pem",
            None,
            ["http.tls_certificate", "none.pem", "can't be read"],
        ),
        (
            "cert.pem",
            "none.pem",
            None,
            ["http.tls_key", "none.pem", "can't be read"],
        ),
        (
            "cert.pem",
            "key.pem",
            Some("none.pem"),
            ["http.tls_client_ca", "none.pem", "can't be read"],
        ),
        (
            "large.pem",
            "key.pem",
            None,
            ["http.tls_certificate", "large.pem", "more than 1 MiB"],
        ),
        (
            "empty.pem",
            "key.pem",
            None,
            ["http.tls_certificate", "empty.pem", "has no certificate"],
        ),
        (
            "key.pem",
            "cert.pem",
            None,
            ["http.tls_certificate", "key.pem", "has no certificate"],
        ),
        (
            "nonsense.pem",
            "key.pem",
            None,
            ["http.tls_certificate", "nonsense.pem", "is no PEM file"],
        ),
        (
            "no_certificate.pem",
            "key.pem",
            None,
            ["http.tls_certificate", "no_certificate.pem", "ask for it again"],
        ),
        (
            "cert.pem",
            "empty.pem",
            None,
            ["http.tls_key", "empty.pem", "has no private key"],
        ),
        (
            "cert.pem",
            "cert.pem",
            None,
            ["http.tls_key", "cert.pem", "has no private key"],
        ),
        (
            "cert.pem",
            "locked.pem",
            None,
            ["http.tls_key", "locked.pem", "not encrypted itself"],
        ),
        (
            "cert.pem",
            "other.pem",
            None,
            ["other.pem", "cert.pem", "belong together"],
        ),
        (
            "reversed.pem",
            "key.pem",
            None,
            ["key.pem", "reversed.pem", "before those that have signed it"],
        ),
        (
            "cert.pem",
            "key.pem",
            Some("empty.pem"),
            ["http.tls_client_ca", "empty.pem", "has no certificate"],
        ),
        (
            "cert.pem",
            "key.pem",
            Some("no_certificate.pem"),
            ["http.tls_client_ca", "no_certificate.pem", "can't be used"],
        ),
    ] {
        let why = opened(certificate, key, client_ca).expect("a fault");
        assert!(words.iter().all(|word| why.contains(word)), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_has_expired_and_a_key_that_others_can_read_are_warned_of() {
    let authority = Authority::new();
    let expired = authority.sign_until(2020);
    let site = Site::start(authority, &expired, &[]).await;
    let expired = "the certificate has expired, and clients refuse it";
    site.service.until_logged(expired).await;
    assert_eq!(site.logged(expired), 1, "{}", site.service.log());
    assert!(site.trust().connect(site.address()).await.is_err());
    let open = fs::metadata(site.file("key.pem")).expect("a file").permissions().mode() & 0o004 != 0;
    let readable = "everybody on this machine can read the key";
    if open {
        site.service.until_logged(readable).await;
    }
    assert_eq!(site.logged(readable), usize::from(open));

    // A renewed one is taken without a restart, and its key is not open.
    let renewed = site.authority.sign();
    fs::set_permissions(site.file("key.pem"), fs::Permissions::from_mode(0o600)).expect("its owner");
    fs::write(site.file("key.pem"), renewed.key_pem()).expect("it is written");
    fs::write(site.file("cert.pem"), renewed.pem()).expect("it is written");
    earmark_tests::service::until("it is taken", async || {
        site.trust().connect(site.address()).await.ok().map(drop)
    })
    .await;
}
