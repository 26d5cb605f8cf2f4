//! A certificate for a service on this machine, signed by itself.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use xtask::Failure;

use crate::process::program::Programs;

/// A certificate and its key. Its files are removed with it.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    _files: TempDir,
}

impl Certificate {
    /// Makes one.
    pub(crate) fn make(programs: &Programs) -> Result<Self, Failure> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let files = tempfile::tempdir_in(&programs.scratch)?;
        let [chain, key] = ["chain.pem", "key.pem"].map(|name| files.path().join(name));
        fs::write(&chain, cert.pem())?;
        fs::write(&key, signing_key.serialize_pem())?;
        Ok(Self {
            chain,
            key,
            _files: files,
        })
    }

    /// Lets a program trust it, and nobody else.
    pub(crate) fn trusted_by<'a>(&self, program: &'a mut Command) -> &'a mut Command {
        program.env("SSL_CERT_FILE", &self.chain)
    }
}
