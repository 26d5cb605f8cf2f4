//! Whom the client trusts. It reads the machine's certificates by itself, and ends when there is one that it can't read;
//! it takes others from a file alone.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::NamedTempFile;

use crate::broker::{BrokerError, unavailable};
use crate::tls;

/// A line of a certificate has so many characters.
const LINE: usize = 64;

/// The certificates that can be read of the machine's, as a file, if the client would not read them all. It is there as
/// long as this value is.
///
/// # Errors
/// [`BrokerError::Unfit`]: nobody is trusted. [`BrokerError::Unavailable`]: the file can't be written.
pub(super) fn authorities() -> Result<Option<NamedTempFile>, BrokerError> {
    let authorities = tls::of_the_machine().map_err(|why| BrokerError::Unfit(why.to_string()))?;
    if authorities.are_complete {
        return Ok(None);
    }
    let certificates = authorities.certificates.iter().map(AsRef::as_ref);
    let written = write(certificates).map_err(|why| {
        unavailable(&format_args!(
            "the certificates of trusted authorities can't be passed on by a file: {why}"
        ))
    });
    written.map(Some)
}

fn write<'a>(certificates: impl Iterator<Item = &'a [u8]>) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::with_prefix("earmark-authorities-")?;
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in certificate.chunks(LINE / 4 * 3) {
            STANDARD.encode_string(line, &mut text);
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    file.write_all(text.as_bytes())?;
    file.flush()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn certificates_are_read_back_from_the_file() {
        let certificates: [&[u8]; 3] = [&[7; 100], &[8; 48], b"x"];
        let file = write(certificates.into_iter()).expect("it is written");
        let read = CertificateDer::pem_file_iter(file.path()).expect("it is there");
        let read: Vec<Vec<u8>> = read.map(|one| one.expect("a certificate").to_vec()).collect();
        assert_eq!(read, certificates);
    }
}
