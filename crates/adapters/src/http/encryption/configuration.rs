//! What the library needs to know, from the contents of the files.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};
use x509_parser::parse_x509_certificate;

use super::error::EncryptionError;
use super::files::{CERTIFICATE, CLIENT_CA, Contents, EncryptionFiles, KEY};

/// The protocols that are offered, the best first.
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];

/// The name of HTTP/2, as clients ask for it.
const HTTP_2: &[u8] = b"h2";

/// How connections are encrypted, and from when to when the certificate is valid.
pub(super) struct Configuration {
    pub(super) config: Arc<ServerConfig>,
    pub(super) valid_from: Timestamp,
    pub(super) valid_until: Timestamp,
}

/// Makes a configuration of the contents of the files.
///
/// # Errors
/// [`EncryptionError`], when they are not what they should be.
pub(super) fn configuration(files: &EncryptionFiles, contents: &Contents) -> Result<Configuration, EncryptionError> {
    let wrong = |setting: &'static str, what: String| EncryptionError::Wrong {
        setting,
        path: match setting {
            KEY => files.key.clone(),
            CLIENT_CA => files.client_ca.clone().unwrap_or_default(),
            _ => files.certificate.clone(),
        },
        what,
    };
    let chain = certificates(&contents.certificate).map_err(|what| wrong(CERTIFICATE, what))?;
    let (valid_from, valid_until) = validity(&chain).map_err(|what| wrong(CERTIFICATE, what))?;
    let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|_| {
        let what = "has no private key: a PEM file with a key that is not encrypted itself is needed";
        wrong(KEY, what.to_owned())
    })?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|why| EncryptionError::NoProtocol(why.to_string()))?;
    let builder = match &contents.client_ca {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(authorities).map_err(|what| wrong(CLIENT_CA, what))? {
                let added = roots.add(authority);
                added.map_err(|why| wrong(CLIENT_CA, format!("has a certificate that can't be used: {why}")))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            let verifier = verifier.map_err(|why| wrong(CLIENT_CA, format!("can't be used: {why}")))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|why| match why {
        rustls::Error::InconsistentKeys(_) => EncryptionError::Mismatch {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        },
        why => wrong(KEY, format!("has a key that can't be used: {why}")),
    })?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(Configuration {
        config: Arc::new(config),
        valid_from,
        valid_until,
    })
}

/// The certificates of a PEM file: one at least.
///
/// # Errors
/// What it has not.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|why| format!("is no PEM file: {why}"))?;
    if read.is_empty() {
        return Err("has no certificate: a PEM file that begins with one is needed".to_owned());
    }
    Ok(read)
}

/// From when to when the first certificate is valid.
///
/// # Errors
/// What is wrong with it.
fn validity(chain: &[CertificateDer<'_>]) -> Result<(Timestamp, Timestamp), String> {
    let unusable = || "has a certificate that can't be read; ask for it again as PEM".to_owned();
    let first = chain.first().ok_or_else(unusable)?;
    let (_, certificate) = parse_x509_certificate(first).map_err(|_| unusable())?;
    let validity = certificate.validity();
    let instant = |seconds| Timestamp::from_second(seconds).map_err(|_| unusable());
    Ok((
        instant(validity.not_before.timestamp())?,
        instant(validity.not_after.timestamp())?,
    ))
}
