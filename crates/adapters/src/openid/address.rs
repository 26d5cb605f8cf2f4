//! Addresses at which nobody on the way reads or changes what is sent.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// An address that is not encrypted, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no such address.
    #[error("an address is allowed as in https://id.example/realms/shop, without a user, a query or a fragment")]
    Url,
    /// It could be read and changed on the way.
    #[error("an address with https:// is allowed; http:// only on this machine, as in http://localhost:3000")]
    NotEncrypted,
}

/// An address with `https://`, or with `http://` on this machine. As text it is as it was given: a provider compares it
/// letter by letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecureUrl {
    text: String,
    url: Url,
}

impl SecureUrl {
    /// The text, as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// Whether what is sent there is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }
}

impl FromStr for SecureUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|_| AddressError::Url)?;
        let has_more = url.query().is_some() || url.fragment().is_some();
        if !matches!(url.scheme(), "http" | "https")
            || has_more
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(AddressError::Url);
        }
        if !is_secure(&url) {
            return Err(AddressError::NotEncrypted);
        }
        Ok(Self {
            text: text.to_owned(),
            url,
        })
    }
}

impl fmt::Display for SecureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether nobody on the way reads or changes what is sent to an address.
pub(super) fn is_secure(url: &Url) -> bool {
    let is_own = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_encrypted_or_on_this_machine() {
        for text in [
            "https://id.example",
            "https://id.example/realms/shop",
            "http://localhost:3000/",
            "http://127.0.0.1:3000",
            "http://[::1]:3000/x",
        ] {
            let read: SecureUrl = text.parse().expect(text);
            assert_eq!(read.as_str(), text);
            assert_eq!(read.is_encrypted(), text.starts_with("https"));
        }
        for text in [
            "http://id.example",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
        ] {
            assert_eq!(text.parse::<SecureUrl>(), Err(AddressError::NotEncrypted), "{text}");
        }
        for text in [
            "",
            "id.example",
            "ftp://id.example",
            "https://",
            "https://me:s@id.example",
            "https://id.example?a",
            "https://id.example#a",
        ] {
            assert_eq!(text.parse::<SecureUrl>(), Err(AddressError::Url), "{text}");
        }
    }
}
