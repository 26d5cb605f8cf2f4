//! What new connections are encrypted with, which follows the files.
//!
//! The files are read again every other second: they are small, and what a file system tells of changes differs from one
//! to the next, as do the ways in which files are replaced. What has changed is taken once it has been the same twice, since
//! nobody can replace two files at once. Connections that are open keep what they began with.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use earmark_application::Clock;
use tokio::task::spawn_blocking;
use tokio_rustls::rustls::ServerConfig;

use super::configuration::{Configuration, configuration};
use super::error::EncryptionError;
use super::files::{Contents, EncryptionFiles};

/// How often the files are read.
const READ_PERIOD: Duration = Duration::from_secs(2);

/// What new connections are encrypted with.
pub struct Encryption {
    files: EncryptionFiles,
    clock: Arc<dyn Clock>,
    current: RwLock<Arc<ServerConfig>>,
    /// What the files had when the service began.
    first: Contents,
}

impl Encryption {
    /// Reads the files. Warns of a certificate that clients will refuse, and of a key that others can read.
    ///
    /// # Errors
    /// [`EncryptionError`].
    pub fn open(files: EncryptionFiles, clock: Arc<dyn Clock>) -> Result<Self, EncryptionError> {
        let first = files.read()?;
        let configuration = configuration(&files, &first)?;
        warn_of(&files, &configuration, &*clock);
        Ok(Self {
            files,
            clock,
            current: RwLock::new(configuration.config),
            first,
        })
    }

    /// What a new connection is encrypted with.
    pub(in crate::http) fn config(&self) -> Arc<ServerConfig> {
        // It is replaced whole, so a poisoned lock is as good as any.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Follows the files, for ever. What can't be used is told once, and what was used before stays.
    pub async fn follow(self: Arc<Self>) {
        let mut handled = Some(self.first.clone());
        let mut seen = handled.clone();
        let mut was_unreadable = false;
        loop {
            self.clock.pause(READ_PERIOD).await;
            let files = self.files.clone();
            let read = match spawn_blocking(move || files.read()).await {
                Ok(Ok(contents)) => Some(contents),
                Ok(Err(why)) => {
                    // A file may be away for a moment while it is replaced.
                    if seen.is_none() && !was_unreadable {
                        was_unreadable = true;
                        tracing::warn!(%why, "the certificate can't be read again; the one of before stays in use");
                    }
                    None
                }
                // The runtime ends.
                Err(_) => return,
            };
            was_unreadable &= read.is_none();
            if read.is_some() && read == seen && read != handled {
                handled = read.clone();
                if let Some(contents) = &read {
                    self.replace(contents);
                }
            }
            seen = read;
        }
    }

    fn replace(&self, contents: &Contents) {
        match configuration(&self.files, contents) {
            Ok(configuration) => {
                warn_of(&self.files, &configuration, &*self.clock);
                tracing::info!(valid_until = %configuration.valid_until, "new connections get the new certificate");
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = configuration.config;
            }
            Err(why) => tracing::warn!(%why, "the new certificate can't be used; the one of before stays in use"),
        }
    }
}

/// Warns of what does not keep the service from working, but should not be.
fn warn_of(files: &EncryptionFiles, configuration: &Configuration, clock: &dyn Clock) {
    let now = clock.now();
    let certificate = files.certificate.display();
    if now > configuration.valid_until {
        let expired = configuration.valid_until;
        tracing::warn!(%certificate, %expired, "the certificate has expired, and clients refuse it; put a new one in its place");
    }
    if now < configuration.valid_from {
        let valid_from = configuration.valid_from;
        tracing::warn!(
            %certificate, %valid_from,
            "the certificate is not valid yet, and clients refuse it; check the clock, or put another in its place"
        );
    }
    if files.key_is_open() {
        let key = files.key.display();
        tracing::warn!(%key, "everybody on this machine can read the key of the certificate; take that right away (chmod o-r)");
    }
}
