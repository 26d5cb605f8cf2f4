//! Encryption of what the service is sent and answers: the certificate with its key, and whom clients must be known to.
//!
//! `files` reads what the settings name, `configuration` makes of it what the library needs, and `current` is what new
//! connections get: it follows the files, so that a certificate is renewed without a restart.

mod configuration;
mod current;
mod error;
mod files;

pub use current::Encryption;
pub use error::EncryptionError;
pub use files::EncryptionFiles;
