//! Addresses of people.
//!
//! A domain is kept as the mail system knows it, in ASCII: `käse.example` is `xn--kse-qla.example`. What stands before the
//! `@` is the affair of the domain's own server, and stays as it is.

use std::fmt;
use std::str::FromStr;

use lettre::Address;
use url::Host;

/// The longest address, in bytes: what fits into a command with the brackets around it.
const MAX_ADDRESS_BYTES: usize = 254;

/// A text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an address is NAME@DOMAIN or Some Name <NAME@DOMAIN>, of 254 bytes at most")]
pub struct AddressError;

/// The address of somebody, perhaps with a name: `buyers@shop.example` or `Buyers <buyers@shop.example>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox(pub(super) lettre::message::Mailbox);

impl Mailbox {
    pub(super) const fn address(&self) -> &Address {
        &self.0.email
    }

    /// The address, without a name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.email.as_ref()
    }
}

impl FromStr for Mailbox {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let is_plain = !text.chars().any(char::is_control);
        let mut mailbox: lettre::message::Mailbox = text.trim().parse().map_err(|_| AddressError)?;
        if !mailbox.email.domain().is_ascii() {
            let Ok(Host::Domain(domain)) = Host::parse(mailbox.email.domain()) else {
                return Err(AddressError);
            };
            mailbox.email = Address::new(mailbox.email.user(), domain).map_err(|_| AddressError)?;
        }
        let address: &str = mailbox.email.as_ref();
        let is_short = address.len() <= MAX_ADDRESS_BYTES;
        if is_plain && is_short {
            Ok(Self(mailbox))
        } else {
            Err(AddressError)
        }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether every server takes an address.
pub(super) fn is_ascii(address: &Address) -> bool {
    AsRef::<str>::as_ref(address).is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_name() {
        let named: Mailbox = "Buyers <buyers@shop.example>".parse().expect("an address");
        assert_eq!(named.as_str(), "buyers@shop.example");
        let plain: Mailbox = " buyers@shop.example ".parse().expect("an address");
        assert_eq!(plain.to_string(), "buyers@shop.example");
    }

    #[test]
    fn a_domain_is_kept_in_ascii_and_the_name_before_it_as_it_is() {
        let named: Mailbox = "Käufer <käufer@KÄSE.example>".parse().expect("an address");
        assert_eq!(named.as_str(), "käufer@xn--kse-qla.example");
        assert!(!is_ascii(named.address()));
        let plain: Mailbox = "buyers@電球.example".parse().expect("an address");
        assert!(is_ascii(plain.address()));
        assert_eq!("buyers@１２７.0.0.1".parse::<Mailbox>(), Err(AddressError));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@shop.example", "a".repeat(250));
        for bad in [
            "",
            "buyers",
            "buyers@",
            "@shop.example",
            "a@b@c",
            "a b@shop.example",
            "a@shop.example\r\nBcc: x@evil.example",
            "A\n <a@shop.example>",
            "a@shop.example, b@shop.example",
            &long,
        ] {
            assert_eq!(bad.parse::<Mailbox>(), Err(AddressError), "{bad:?}");
        }
    }
}
