//! The URL: what the driver reads of it, and what this program does.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::tls::TlsOptions;
use crate::postgres::error::OpenError;

/// Reads a URL. What it says of encryption is taken out before the driver reads the rest: the driver knows other modes,
/// and no files.
///
/// # Errors
/// [`OpenError::Url`].
pub(super) fn read(url: &str) -> Result<(Config, TlsOptions), OpenError> {
    let mut tls = TlsOptions::default();
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut rest = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = || {
            let text = percent_decode_str(value).decode_utf8();
            text.map(std::borrow::Cow::into_owned)
                .map_err(|_| OpenError::Url(format!("{name} is no text")))
        };
        match name {
            "sslmode" => tls.mode = Some(value()?),
            "sslrootcert" => tls.root_certificates = Some(PathBuf::from(value()?)),
            "sslcert" => tls.certificate = Some(PathBuf::from(value()?)),
            "sslkey" => tls.key = Some(PathBuf::from(value()?)),
            _ => rest.push(parameter),
        }
    }
    let mut config: Config = if rest.is_empty() {
        base.parse()
    } else {
        format!("{base}?{}", rest.join("&")).parse()
    }
    .map_err(|why: tokio_postgres::Error| OpenError::Url(why.to_string()))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(OpenError::Url("it names no host".to_owned()));
    }
    // The driver gets a stream that is encrypted already.
    config.ssl_mode(SslMode::Disable);
    Ok((config, tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_url_says_of_encryption_is_read_here() {
        let url = "postgres://me@here/shop?sslmode=verify-full&application_name=till&sslrootcert=/etc/my%20ca.pem";
        let (config, tls) = read(url).expect("right");
        assert_eq!(config.get_application_name(), Some("till"));
        let expected = TlsOptions {
            mode: Some("verify-full".to_owned()),
            root_certificates: Some(PathBuf::from("/etc/my ca.pem")),
            ..TlsOptions::default()
        };
        assert_eq!(tls, expected);
    }
}
