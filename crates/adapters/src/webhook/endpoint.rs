//! Where a webhook is: its URL, read once.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use earmark_application::SubscriptionName;
use hyper::Uri;
use hyper::header::HeaderValue;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::allowed::AllowedHosts;
use super::error::WebhookError;

/// Where a webhook is.
///
/// The URL is read as browsers read it, and from then on only the result is used: `0x7f.1`, `127.1` and `①②⑦.0.0.1` are
/// all 127.0.0.1 here, and for whoever connects.
pub(super) struct Endpoint {
    /// What requests go to. May contain secrets in its query.
    pub(super) uri: Uri,
    /// Name and password of the URL, as a header.
    pub(super) authorization: Option<HeaderValue>,
    /// The URL without what may be secret in it.
    pub(super) name: SubscriptionName,
    pub(super) is_encrypted: bool,
    /// Whether the URL has a part that may be secret.
    pub(super) has_secrets: bool,
}

impl Endpoint {
    /// Reads a URL, and checks the address if it names one.
    ///
    /// # Errors
    /// [`WebhookError`], with no part of the URL that may be secret.
    pub(super) fn parse(url: &str, allowed: &AllowedHosts) -> Result<Self, WebhookError> {
        let malformed = |why: &str| WebhookError::Url(why.to_owned());
        let mut url = Url::parse(url).map_err(|why| WebhookError::Url(format!("can't be read: {why}")))?;
        let is_encrypted = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(malformed("begins with https:// or http://")),
        };
        if url.port() == Some(0) {
            return Err(malformed("has the port 0, on which nobody listens"));
        }
        let host = url.host_str().unwrap_or_default();
        let literal = match url.host() {
            None => return Err(malformed("names no host")),
            Some(Host::Domain(_)) => None,
            Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
        };
        match literal {
            Some(address) => allowed.check(host, address, is_encrypted)?,
            None if !is_encrypted && !allowed.may_be_plain(host) => {
                return Err(malformed("begins with https://, unless the settings allow its host"));
            }
            None => {}
        }

        let has_secrets = url.query().is_some() || url.password().is_some() || !url.username().is_empty();
        let authorization = authorization(&url)?;
        url.set_fragment(None);
        let names_nobody = url.set_username("").and_then(|()| url.set_password(None));
        names_nobody.map_err(|()| malformed("names no host"))?;
        let uri = Uri::try_from(url.as_str()).map_err(|why| WebhookError::Url(format!("can't be used: {why}")))?;
        url.set_query(None);
        Ok(Self {
            uri,
            authorization,
            name: SubscriptionName::new(url.as_str()),
            is_encrypted,
            has_secrets,
        })
    }
}

/// Name and password as HTTP's basic scheme has them.
fn authorization(url: &Url) -> Result<Option<HeaderValue>, WebhookError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let mut credentials: Vec<u8> = percent_decode_str(url.username()).collect();
    credentials.push(b':');
    credentials.extend(percent_decode_str(url.password().unwrap_or_default()));
    let header = format!("Basic {}", STANDARD.encode(credentials));
    let mut header =
        HeaderValue::from_str(&header).map_err(|why| WebhookError::Url(format!("can't be used: {why}")))?;
    header.set_sensitive(true);
    Ok(Some(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Endpoint, String> {
        Endpoint::parse(url, &AllowedHosts::default()).map_err(|why| why.to_string())
    }

    #[test]
    fn the_name_has_nothing_that_is_secret() {
        let endpoint = parse("https://shop:open%20sesame@Hooks.Example:8443/a/b?token=t0p#part").expect("a URL");
        assert_eq!(endpoint.name.as_str(), "https://hooks.example:8443/a/b");
        assert_eq!(endpoint.uri, "https://hooks.example:8443/a/b?token=t0p");
        assert!(endpoint.has_secrets);
        let authorization = endpoint.authorization.expect("credentials");
        assert_eq!(authorization, "Basic c2hvcDpvcGVuIHNlc2FtZQ==");
        assert!(authorization.is_sensitive());
    }

    #[test]
    fn a_url_that_nobody_could_be_told_at_is_refused() {
        for url in [
            "",
            "hooks.example",
            "ftp://hooks.example/",
            "https://",
            "https://hooks.example:0/",
            "https://hooks.example:65536/",
            "https://[fe80::1%25eth0]/",
            "http://hooks.example/",
            "http://8.8.8.8/",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn no_refusal_repeats_what_may_be_secret() {
        for url in [
            "https://shop:sesame@127.0.0.1/?token=sesame",
            "http://shop:sesame@hooks.example/?token=sesame",
            "https://shop:sesame@hooks.example:0/?token=sesame",
            "https://shop:sesame@[::1/?token=sesame",
            "gopher://shop:sesame@hooks.example/?token=sesame",
        ] {
            let refusal = parse(url).err().expect("it is refused");
            assert!(!refusal.contains("sesame"), "{refusal}");
        }
    }
}
