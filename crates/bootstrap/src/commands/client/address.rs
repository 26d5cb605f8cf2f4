//! Where a service is, and who asks it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use earmark_adapters::access_key::hash_of;
use hyper::header::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::failure::Failure;
use crate::settings::masked;

/// The variable with the access key, for a service that wants one. Not a flag: flags are in the list of processes.
pub(crate) const KEY_VARIABLE: &str = "EARMARK_KEY";

/// The variable with the address of the service that the terminal's commands ask.
pub(crate) const ADDRESS_VARIABLE: &str = "EARMARK_TO";

/// Where a service is, and who asks it.
pub(crate) struct ServiceAddress {
    /// Its address, which ends with a slash, without a user.
    pub(crate) url: Url,
    /// What the service is shown, if it wants to know who asks.
    pub(crate) authorization: Option<HeaderValue>,
    /// The access key, if there is one.
    key: Option<String>,
}

impl ServiceAddress {
    /// Reads the address that a flag or a variable has.
    ///
    /// # Errors
    /// When it is not an HTTP URL, or the environment has a key that is none.
    pub(crate) fn read(from: &str, address: &str) -> Result<Self, Failure> {
        let wrong = |why: String| {
            Failure::Usage(format!(
                "{from} {}: {why}; an address is, for example, http://localhost:8080",
                masked(address)
            ))
        };
        let mut url = Url::parse(address).map_err(|error| wrong(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("only http and https are supported".to_owned()));
        }
        url.set_query(None);
        url.set_fragment(None);
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Self::new(url)
    }

    /// The service at this URL, which ends with a slash.
    ///
    /// # Errors
    /// When the environment has a key that is none.
    pub(crate) fn new(mut url: Url) -> Result<Self, Failure> {
        let key = std::env::var_os(KEY_VARIABLE);
        let (value, key) = if url.username().is_empty() {
            let Some(key) = key else {
                return Ok(Self {
                    url,
                    authorization: None,
                    key: None,
                });
            };
            let key = key.to_str().filter(|key| hash_of(key).is_some());
            let key = key.ok_or_else(|| Failure::Usage(format!("{KEY_VARIABLE} is not an access key")))?;
            (format!("Bearer {key}"), Some(key.to_owned()))
        } else {
            let decoded = |text| percent_decode_str(text).decode_utf8_lossy();
            let password = url.password().unwrap_or_default();
            let user = format!("{}:{}", decoded(url.username()), decoded(password));
            // Fails for an address without a host, which has no user.
            let _ = (url.set_username(""), url.set_password(None));
            (format!("Basic {}", STANDARD.encode(user)), None)
        };
        // Both are letters and digits.
        let authorization = HeaderValue::try_from(value).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Ok(Self {
            url,
            authorization,
            key,
        })
    }

    /// A text without the key: whoever answers may be somebody else, who says back what it was sent.
    pub(crate) fn without_key(&self, text: &str) -> String {
        match &self.key {
            Some(key) => text.replace(key, "***"),
            None => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Result<ServiceAddress, Failure> {
        ServiceAddress::read("--to", address)
    }

    #[test]
    fn the_user_of_an_address_is_shown_and_not_part_of_it() {
        let address = read("http://me:s%20t@localhost").expect("an address");
        let shown = address.authorization.as_ref().and_then(|value| value.to_str().ok());
        assert_eq!(
            (address.url.as_str(), shown),
            ("http://localhost/", Some("Basic bWU6cyB0"))
        );
    }

    #[test]
    fn only_http_addresses_are_accepted() {
        assert!(read("localhost:8080").is_err());
        assert!(read("ftp://localhost").is_err());
        let url = |address| read(address).expect("an address").url.to_string();
        assert_eq!(url("http://localhost:8080"), "http://localhost:8080/");
        assert_eq!(url("http://localhost/shop"), "http://localhost/shop/");
        assert_eq!(url("https://localhost:8443"), "https://localhost:8443/");
    }

    #[test]
    fn an_address_that_is_refused_is_told_without_its_password() {
        let refused = read("ftp://me:s3cret@localhost").err().expect("a failure").to_string();
        assert!(
            refused.starts_with("--to ftp://me:***@localhost: only http"),
            "{refused}"
        );
    }
}
