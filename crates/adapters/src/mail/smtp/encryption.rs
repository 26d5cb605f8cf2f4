//! How connections to a mail server are encrypted.

use std::sync::Arc;

use lettre::transport::smtp::client::{CertificateStore, TlsParameters};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::server::{Encryption, SmtpServer};

/// The keys of a connection, if it has any.
#[derive(Clone)]
pub(super) enum Tls {
    /// It is not encrypted.
    None,
    /// From the first byte: lettre has no such connection over a stream that is handed in.
    Wrapped(TlsConnector, ServerName<'static>),
    /// By STARTTLS.
    Starts(TlsParameters),
}

impl Tls {
    /// As a server wants it.
    ///
    /// # Errors
    /// Why that is not possible.
    pub(super) fn of(server: &SmtpServer) -> Result<Self, String> {
        let parameters = TlsParameters::builder(server.host.clone());
        let parameters = match server.encryption {
            Encryption::Off => return Ok(Self::None),
            Encryption::Wrapped => return wrapped(&server.host),
            Encryption::Required => parameters,
            Encryption::Offered => parameters
                .certificate_store(CertificateStore::None)
                .dangerous_accept_invalid_certs(true)
                .dangerous_accept_invalid_hostnames(true),
        };
        let parameters = parameters.build_rustls().map_err(|why| why.to_string())?;
        Ok(Self::Starts(parameters))
    }
}

fn wrapped(host: &str) -> Result<Tls, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|why| why.to_string())?;
    let found = rustls_native_certs::load_native_certs();
    for why in &found.errors {
        tracing::warn!(%why, "some certificates of the machine's trusted authorities can't be read");
    }
    let mut authorities = RootCertStore::empty();
    // Machines have certificates that no library can use any more. They are of no use here, and no fault.
    authorities.add_parsable_certificates(found.certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| why.to_string())?;
    let config = config.with_root_certificates(authorities).with_no_client_auth();
    Ok(Tls::Wrapped(TlsConnector::from(Arc::new(config)), name))
}
