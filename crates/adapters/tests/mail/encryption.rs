//! Encryption: whose certificate is believed, and that no password is told in the clear.

use std::sync::Arc;

use earmark_application::MailError;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::digests::{mail_of, usual};
use crate::sending::mailer;
use crate::smtp::{Ending, SmtpScript};

const TO: [&str; 1] = ["buyers@shop.example"];

/// A mail server with a certificate that nobody has signed. It encrypts from the first byte, or when it is asked to.
async fn server(is_wrapped: bool) -> (u16, SmtpScript) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a certificate with its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("it can listen");
    let port = listener.local_addr().expect("an address").port();
    let script = SmtpScript::default();
    let plays = script.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if is_wrapped {
                if let Ok(stream) = acceptor.accept(stream).await {
                    drop(plays.talk(stream, "250-AUTH PLAIN\r\n").await);
                }
            } else if let Ok(Ending::Encrypts(stream)) = plays.talk(stream, "250-STARTTLS\r\n250-AUTH PLAIN\r\n").await
                && let Ok(stream) = acceptor.accept(stream).await
            {
                drop(plays.talk_on(stream, "250-AUTH PLAIN\r\n").await);
            }
        }
    });
    (port, script)
}

async fn send(url: &str) -> Result<(), MailError> {
    mailer(url, &TO).send(&mail_of(&usual())).await
}

#[tokio::test]
async fn an_offer_to_encrypt_is_taken_whoever_signed_the_certificate() {
    let (port, script) = server(false).await;
    send(&format!("smtp://localhost:{port}")).await.expect("it is taken");
    assert_eq!((script.taken().len(), script.conversations()), (1, 1));
}

#[tokio::test]
async fn where_encryption_is_required_nobody_else_s_certificate_is_believed() {
    for (is_wrapped, url) in [
        (false, "smtp://localhost:PORT?tls=required"),
        (false, "smtp://me:s3cret@localhost:PORT"),
        (true, "smtps://localhost:PORT"),
        (true, "smtps://me:s3cret@localhost:PORT"),
    ] {
        let (port, script) = server(is_wrapped).await;
        let sent = send(&url.replace("PORT", &port.to_string())).await;
        assert!(
            matches!(&sent, Err(MailError::Unavailable(why)) if why.contains("certificate") && !why.contains("s3cret")),
            "{url}: {sent:?}"
        );
        assert_eq!((script.taken().len(), script.log_ins().len()), (0, 0), "{url}");
    }
}

#[tokio::test]
async fn a_password_is_not_told_where_nothing_is_encrypted_unless_somebody_wants_it() {
    let sink = crate::smtp::SmtpSink::start().await;
    let port = sink.port();
    let sent = send(&format!("smtp://me:s3cret@localhost:{port}")).await;
    assert!(matches!(sent, Err(MailError::Refused(_))), "{sent:?}");
    assert_eq!(sink.script.log_ins(), [] as [&str; 0]);

    let (port, script) = server(false).await;
    send(&format!("smtp://me:s3cret@localhost:{port}?tls=off"))
        .await
        .expect("it is taken");
    // "\0me\0s3cret" in Base64.
    assert_eq!(script.log_ins(), ["AUTH PLAIN AG1lAHMzY3JldA=="]);
}
