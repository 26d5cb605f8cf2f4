//! Encryption of the connection, as the URL asks for it: the modes, and the meaning, that PostgreSQL's own clients have.
//!
//! The driver is given a stream that is encrypted already. It would know three of the six modes, and would hide the
//! server's messages from [`Session`](crate::postgres::session::Session).

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::socket::Socket;
use crate::postgres::error::OpenError;

/// The request for encryption, as the protocol has it.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// How much encryption is wanted (`sslmode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    /// None.
    Disable,
    /// If the server offers it (`allow`, `prefer`). Where it does not, the log says so.
    Prefer,
    /// Always; nobody checks who the server is.
    Require,
    /// Always, with a server whose certificate one of the trusted authorities has signed.
    VerifyCa,
    /// Always, and the certificate must be of the host that the URL names.
    VerifyFull,
}

impl Mode {
    fn named(name: &str) -> Result<Self, OpenError> {
        Ok(match name {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            other => {
                return Err(OpenError::Url(format!(
                    "sslmode={other} is unknown; there are disable, allow, prefer, require, verify-ca and verify-full"
                )));
            }
        })
    }
}

/// What the URL says of encryption.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TlsOptions {
    pub(super) mode: Option<String>,
    pub(super) root_certificates: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// How connections are encrypted.
#[derive(Clone)]
pub(super) struct Tls {
    /// `None`: the URL says nothing. Then a connection on this machine is plain, and another is encrypted if it can be.
    mode: Option<Mode>,
    connector: TlsConnector,
}

impl Tls {
    /// Reads the certificates.
    ///
    /// # Errors
    /// [`OpenError::Url`] for an unknown mode, or a file that can't be read.
    pub(super) fn new(options: &TlsOptions) -> Result<Self, OpenError> {
        let mode = options.mode.as_deref().map(Mode::named).transpose()?;
        let provider = Arc::new(ring::default_provider());
        let roots = options.root_certificates.as_deref().map(roots).transpose()?;
        // As PostgreSQL's own clients do: who names an authority wants it checked.
        let verifier: Arc<dyn ServerCertVerifier> = match (mode, roots) {
            (Some(Mode::VerifyFull), Some(roots)) => verifier(roots, &provider)?,
            (Some(Mode::VerifyCa | Mode::Require), Some(roots)) => Arc::new(AnyName(verifier(roots, &provider)?)),
            (Some(Mode::VerifyCa | Mode::VerifyFull), None) => {
                return Err(OpenError::Url(
                    "sslmode=verify-ca and verify-full need sslrootcert, the file with the certificates of the trusted \
                     authorities"
                        .to_owned(),
                ));
            }
            (_, Some(_)) => {
                return Err(OpenError::Url(
                    "sslrootcert is checked with sslmode=require, verify-ca or verify-full alone".to_owned(),
                ));
            }
            (_, None) => Arc::new(Anybody(Arc::clone(&provider))),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| OpenError::Url(why.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match (&options.certificate, &options.key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates("sslcert", certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|why| unreadable("sslkey", key, &why))?;
                config
                    .with_client_auth_cert(chain, key)
                    .map_err(|why| OpenError::Url(format!("sslcert and sslkey do not fit: {why}")))?
            }
            (None, None) => config.with_no_client_auth(),
            _ => return Err(OpenError::Url("sslcert and sslkey go together".to_owned())),
        };
        Ok(Self {
            mode,
            connector: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Encrypts a new connection to a host, or leaves it plain if that is allowed.
    ///
    /// # Errors
    /// Those of the network; a server that does not encrypt, or is not who it should be.
    pub(super) async fn secure(&self, mut socket: Socket, host: &str) -> io::Result<Stream> {
        let mode = match self.mode {
            Some(mode) => mode,
            None if socket.is_local() => Mode::Disable,
            None => Mode::Prefer,
        };
        // The protocol has no encryption on a socket of the file system.
        if mode == Mode::Disable || matches!(socket, Socket::Unix(_)) {
            return Ok(Stream::Plain(socket));
        }
        socket.write_all(&SSL_REQUEST).await?;
        // One byte and no more is read: what follows it must be part of the handshake.
        match (socket.read_u8().await?, mode) {
            (b'S', _) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                let stream = self.connector.connect(name, socket).await?;
                Ok(Stream::Encrypted(Box::new(stream)))
            }
            (b'N', Mode::Prefer) => {
                tracing::warn!(
                    host,
                    "the connection to the database is not encrypted: its server does not offer it"
                );
                Ok(Stream::Plain(socket))
            }
            (b'N', _) => Err(io::Error::other("the server does not encrypt, and the URL demands it")),
            _ => Err(io::Error::other("the server does not speak PostgreSQL's protocol")),
        }
    }
}

fn unreadable(option: &str, path: &Path, why: &dyn std::fmt::Display) -> OpenError {
    OpenError::Url(format!("{option}={} can't be read: {why}", path.display()))
}

fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|why| unreadable(option, path, &why))?
        .collect();
    let read = read.map_err(|why| unreadable(option, path, &why))?;
    if read.is_empty() {
        return Err(unreadable(option, path, &"there is no certificate in it"));
    }
    Ok(read)
}

fn roots(path: &Path) -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("sslrootcert", path)? {
        roots
            .add(certificate)
            .map_err(|why| unreadable("sslrootcert", path, &why))?;
    }
    Ok(roots)
}

fn verifier(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, OpenError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|why| OpenError::Url(format!("sslrootcert: {why}")))
}

/// Checks who has signed the certificate, and not whose it is.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self
            .0
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at last, when all else is right.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Takes any certificate, if the server has its key: for `prefer` and `require`, which protect from those who only
/// listen.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A connection, encrypted or not.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(Socket),
    Encrypted(Box<TlsStream<Socket>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
