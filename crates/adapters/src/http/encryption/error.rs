//! Errors: why there is no encryption with these files.

use std::path::PathBuf;

/// Why there is no encryption with these files: for the person who named them.
#[derive(Debug, thiserror::Error)]
pub enum EncryptionError {
    /// The file can't be read.
    #[error("{setting}: {} can't be read: {why}", path.display())]
    Unreadable {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The file has not what it should have.
    #[error("{setting}: {} {what}", path.display())]
    Wrong {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What it has not, and what it should have.
        what: String,
    },
    /// The key is another certificate's.
    #[error(
        "http.tls_key: the key in {} is not that of the first certificate in {}; name the two that belong together, \
         and put the service's own certificate before those that have signed it",
        key.display(),
        certificate.display()
    )]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The library has no version of the protocol.
    #[error("no encryption: {0}")]
    NoProtocol(String),
}
