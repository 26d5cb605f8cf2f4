//! Encryption: with a server that has a certificate for the name, wherever the name leads.

use std::path::Path;
use std::sync::Arc;

use earmark_application::{PublishError, Publisher};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::outside::{Names, QuickClock};
use crate::receiver::read;
use crate::shop::{SECRET, event, settings, webhooks_with};

/// Takes one delivery, encrypted with a new certificate for `name`, which it writes to a file. Answers the name that
/// the client has asked for, and the port.
async fn server(name: &str, certificate_file: &Path) -> (u16, JoinHandle<Option<String>>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    std::fs::write(certificate_file, cert.pem()).expect("it is written");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a certificate with its key");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("it can listen");
    let port = listener.local_addr().expect("an address").port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        // A client that does not trust the certificate ends the handshake.
        let mut stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.ok()?;
        read(&mut stream).await?;
        let answer = "HTTP/1.1 204 x\r\nconnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.expect("the client reads");
        stream.get_ref().1.server_name().map(str::to_owned)
    });
    (port, task)
}

async fn deliver(name: &str, port: u16, authorities: Option<&Path>) -> Result<(), PublishError> {
    let mut settings = settings(&["127.0.0.1"]);
    settings.authorities = authorities.map(Path::to_owned);
    let webhooks = webhooks_with(QuickClock::default(), Names::answering(&[&["127.0.0.1"]]), settings);
    let webhook = webhooks.publisher(&format!("https://{name}:{port}/"), &[SECRET]);
    webhook.expect("a webhook").publish(&[event(1)]).await
}

#[tokio::test]
async fn the_server_must_have_a_certificate_for_the_name_that_an_authority_has_signed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("authorities.pem");

    let (port, server_name) = server("hooks.example", &file).await;
    assert_eq!(deliver("hooks.example", port, Some(&file)).await, Ok(()));
    assert_eq!(server_name.await.expect("no panic").as_deref(), Some("hooks.example"));

    let (port, server_name) = server("hooks.example", &file).await;
    let outcome = deliver("other.example", port, Some(&file)).await;
    assert!(
        matches!(&outcome, Err(PublishError::Unavailable { reason, .. }) if reason.contains("certificate")),
        "{outcome:?}"
    );
    assert_eq!(server_name.await.expect("no panic"), None);

    // The certificate of before is not trusted for another key.
    let (port, server_name) = server("hooks.example", &folder.path().join("other.pem")).await;
    let outcome = deliver("hooks.example", port, Some(&file)).await;
    assert!(
        matches!(&outcome, Err(PublishError::Unavailable { reason, .. }) if reason.contains("certificate")),
        "{outcome:?}"
    );
    assert_eq!(server_name.await.expect("no panic"), None);
}
