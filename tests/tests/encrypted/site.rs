//! A service with a certificate.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use earmark_tests::service::Service;
use tempfile::TempDir;

use crate::authority::{Authority, Identity};
use crate::client::{Trust, peer};

/// A service with a certificate, and who has signed it.
pub(crate) struct Site {
    pub(crate) service: Service,
    pub(crate) authority: Authority,
    folder: TempDir,
}

impl Site {
    /// Starts a service.
    pub(crate) async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// Starts a service with more settings.
    pub(crate) async fn open_with(more: &[(&str, &str)]) -> Self {
        let authority = Authority::new();
        let identity = authority.sign();
        Self::start(authority, &identity, more).await
    }

    /// Starts a service with this certificate.
    pub(crate) async fn start(authority: Authority, identity: &Identity, more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        fs::write(&certificate, identity.pem()).expect("it is written");
        fs::write(&key, identity.key_pem()).expect("it is written");
        let database = format!("sqlite:{}", folder.path().join("earmark.db").display());
        let mut settings = vec![
            ("EARMARK__HTTP__TLS_CERTIFICATE", certificate.to_str().expect("a path")),
            ("EARMARK__HTTP__TLS_KEY", key.to_str().expect("a path")),
        ];
        settings.extend(more);
        let service = Service::start_listening(&database, &settings).await;
        Self {
            service,
            authority,
            folder,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.service.address()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts another certificate in the place of the first: whole files, one after the other.
    pub(crate) fn replace(&self, certificate: &str, key: &str) {
        for (name, text) in [("cert.pem", certificate), ("key.pem", key)] {
            let new = self.file("new.pem");
            fs::write(&new, text).expect("it is written");
            fs::rename(new, self.file(name)).expect("it takes its place");
        }
    }

    /// Who trusts the authority.
    pub(crate) fn trust(&self) -> Trust {
        Trust::of(&self.authority)
    }

    /// The certificate that a new connection is shown.
    pub(crate) async fn shown(&self) -> Vec<u8> {
        let stream = self.trust().connect(self.address()).await.expect("a handshake");
        peer(&stream)
    }

    /// How many lines of the log have this text.
    pub(crate) fn logged(&self, text: &str) -> usize {
        self.service.log().lines().filter(|line| line.contains(text)).count()
    }
}
