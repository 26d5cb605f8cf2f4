//! Whom encrypted connections trust: the authorities that the machine trusts, or the file that `SSL_CERT_FILE` names. One
//! rule for all that is connected to.
//!
//! Machines have certificates that nobody can read, and others that no library can use any more. Those are left out, and
//! the log says so: one bad file must not end what needs none of it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// There is nobody to trust, or no encryption.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The machine trusts no authority.
    #[error(
        "this machine trusts no authority: install the package ca-certificates, or name a file with certificates by \
         SSL_CERT_FILE"
    )]
    NobodyTrusted,
    /// The library has no version of the protocol.
    #[error("no encryption: {0}")]
    NoProtocol(#[from] rustls::Error),
}

/// The authorities of the machine.
pub(crate) struct Authorities {
    /// Their certificates, without those that can't be used.
    #[cfg_attr(
        not(feature = "nats"),
        expect(dead_code, reason = "for a client that reads them itself")
    )]
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    /// Whether all that the machine has could be read.
    #[cfg_attr(
        not(feature = "nats"),
        expect(dead_code, reason = "for a client that reads them itself")
    )]
    pub(crate) are_complete: bool,
    /// How connections are encrypted: with servers that show a certificate of one of these authorities, for the name
    /// that was connected to.
    pub(crate) config: ClientConfig,
}

/// What was read, once there was anything: reading it takes some twenty milliseconds.
static OF_THE_MACHINE: Mutex<Option<Arc<Authorities>>> = Mutex::new(None);

/// The authorities that the machine trusts. They are read when they are first needed.
///
/// # Errors
/// [`TlsError`].
pub(crate) fn of_the_machine() -> Result<Arc<Authorities>, TlsError> {
    let mut known = OF_THE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(authorities) = &*known {
        return Ok(Arc::clone(authorities));
    }
    let read = Arc::new(read()?);
    Ok(Arc::clone(known.insert(read)))
}

/// How connections are encrypted with servers that show a certificate of an authority that the machine trusts, or of one
/// in the file that `SSL_CERT_FILE` names.
///
/// # Errors
/// [`TlsError`].
pub fn machine_config() -> Result<ClientConfig, TlsError> {
    Ok(of_the_machine()?.config.clone())
}

/// For connections that are not encrypted: with it, none can be.
///
/// # Errors
/// [`TlsError::NoProtocol`].
pub fn config_trusting_nobody() -> Result<ClientConfig, TlsError> {
    client_config(RootCertStore::empty())
}

fn read() -> Result<Authorities, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    for why in &found.errors {
        tracing::warn!(%why, "some certificates of the machine's trusted authorities can't be read");
    }
    let mut roots = RootCertStore::empty();
    let mut certificates = found.certs;
    certificates.retain(|certificate| roots.add(certificate.clone()).is_ok());
    if certificates.is_empty() {
        return Err(TlsError::NobodyTrusted);
    }
    Ok(Authorities {
        certificates,
        are_complete: found.errors.is_empty(),
        config: client_config(roots)?,
    })
}

/// How connections are encrypted with servers that show a certificate of one of these authorities.
///
/// # Errors
/// [`TlsError::NoProtocol`].
pub(crate) fn client_config(authorities: RootCertStore) -> Result<ClientConfig, TlsError> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(authorities).with_no_client_auth())
}
