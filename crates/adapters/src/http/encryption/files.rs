//! The files of a certificate, as they were named and read.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::EncryptionError;

pub(super) const CERTIFICATE: &str = "http.tls_certificate";
pub(super) const KEY: &str = "http.tls_key";
pub(super) const CLIENT_CA: &str = "http.tls_client_ca";

/// The most bytes of a file: the certificates of every authority in the world have a quarter of that.
const MAX_BYTES: u64 = 1024 * 1024;

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionFiles {
    /// The certificate of the service, and behind it those that have signed it, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
    /// The certificates of the authorities one of which has to have signed that of a client, as PEM. `None`: clients need
    /// no certificate.
    pub client_ca: Option<PathBuf>,
}

/// What is in the files.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) client_ca: Option<Vec<u8>>,
}

impl EncryptionFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// [`EncryptionError::Unreadable`].
    pub(super) fn read(&self) -> Result<Contents, EncryptionError> {
        let client_ca = self.client_ca.as_deref();
        Ok(Contents {
            certificate: read(CERTIFICATE, &self.certificate)?,
            key: read(KEY, &self.key)?,
            client_ca: client_ca.map(|path| read(CLIENT_CA, path)).transpose()?,
        })
    }

    /// Whether everybody on this machine can read the key.
    pub(super) fn key_is_open(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            const READ_BY_OTHERS: u32 = 0o004;
            std::fs::metadata(&self.key).is_ok_and(|file| file.permissions().mode() & READ_BY_OTHERS != 0)
        }
        #[cfg(not(unix))]
        false
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, EncryptionError> {
    let unreadable = |why: String| EncryptionError::Unreadable {
        setting,
        path: path.to_owned(),
        why,
    };
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(error.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(unreadable("it has more than 1 MiB".to_owned()));
    }
    Ok(bytes)
}
