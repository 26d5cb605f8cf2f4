//! The mail server of the settings.

use std::fmt;
use std::str::FromStr;

use lettre::transport::smtp::authentication::Credentials;
use percent_encoding::percent_decode_str;
use url::Url;

/// The port for mail from server to server.
const RELAY_PORT: u16 = 25;

/// The port for mail of those who log in.
const SUBMISSION_PORT: u16 = 587;

/// The port for mail that is encrypted from the first byte.
const ENCRYPTED_PORT: u16 = 465;

/// A text is not the URL of a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// It is no such URL.
    #[error("smtp://[USER:PASSWORD@]HOST[:PORT] and smtps://[USER:PASSWORD@]HOST[:PORT] are allowed")]
    Url,
    /// It says something else about encryption.
    #[error("of the parameters of smtp:// only tls=required and tls=off are allowed")]
    Parameter,
    /// Only one of user and password is there, or one of them is no UTF-8.
    #[error("a user and a password belong together; special characters in them are written as in %40")]
    Credentials,
}

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte. The server must have a certificate for its name that an authority of the machine has signed.
    Wrapped,
    /// By STARTTLS, or nothing is sent. The same holds for the certificate.
    Required,
    /// By STARTTLS where the server offers it, whatever its certificate, as mail servers do among themselves: whoever could
    /// forge a certificate could as well leave out the offer.
    Offered,
    /// Not at all.
    Off,
}

/// A mail server: `smtp://[user:password@]host[:port][?tls=required|off]` or `smtps://[user:password@]host[:port]`.
///
/// With a password the connection is encrypted and the certificate checked, unless `tls=off`. As text it has neither the
/// user nor the password.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpServer {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encryption: Encryption,
    pub(super) credentials: Option<Credentials>,
}

impl FromStr for SmtpServer {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let url = Url::parse(text).map_err(|_| ServerError::Url)?;
        let is_wrapped = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(ServerError::Url),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(ServerError::Url)?;
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(ServerError::Url);
        }
        let credentials = credentials(&url)?;
        let asked = match url.query() {
            None => None,
            Some("tls=required") if !is_wrapped => Some(Encryption::Required),
            Some("tls=off") if !is_wrapped => Some(Encryption::Off),
            Some(_) => return Err(ServerError::Parameter),
        };
        let encryption = match (asked, is_wrapped, &credentials) {
            (Some(asked), ..) => asked,
            (None, true, _) => Encryption::Wrapped,
            (None, false, Some(_)) => Encryption::Required,
            (None, false, None) => Encryption::Offered,
        };
        let usual_port = match (is_wrapped, &credentials) {
            (true, _) => ENCRYPTED_PORT,
            (false, Some(_)) => SUBMISSION_PORT,
            (false, None) => RELAY_PORT,
        };
        Ok(Self {
            // Without the brackets of an IPv6 address.
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port().unwrap_or(usual_port),
            encryption,
            credentials,
        })
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, ServerError> {
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| ServerError::Credentials)
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(ServerError::Credentials),
        (user, Some(password)) => Ok(Some(Credentials::new(decoded(user)?, decoded(password)?))),
    }
}

impl fmt::Display for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.encryption {
            Encryption::Wrapped => "smtps",
            Encryption::Required | Encryption::Offered | Encryption::Off => "smtp",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpServer({self}, {:?})", self.encryption)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> SmtpServer {
        url.parse().expect("a mail server")
    }

    #[test]
    fn the_scheme_and_the_password_decide_on_the_encryption_and_the_usual_port() {
        for (url, shown, encryption) in [
            ("smtp://mail", "smtp://mail:25", Encryption::Offered),
            ("smtp://mail:2525/", "smtp://mail:2525", Encryption::Offered),
            ("smtp://[::1]:2525", "smtp://[::1]:2525", Encryption::Offered),
            ("smtp://mail?tls=off", "smtp://mail:25", Encryption::Off),
            ("smtp://mail?tls=required", "smtp://mail:25", Encryption::Required),
            ("smtp://me:s3cret@mail", "smtp://mail:587", Encryption::Required),
            ("smtp://me:s3cret@mail?tls=off", "smtp://mail:587", Encryption::Off),
            ("smtps://me:s3cret@mail", "smtps://mail:465", Encryption::Wrapped),
        ] {
            let server = server(url);
            assert_eq!(
                (server.to_string().as_str(), server.encryption),
                (shown, encryption),
                "{url}"
            );
            assert!(!format!("{server:?}").contains("s3cret"));
        }
    }

    #[test]
    fn special_characters_of_user_and_password_are_encoded() {
        let server = server("smtps://me%40shop:s3%3Acr%40t@mail");
        let expected = Credentials::new("me@shop".to_owned(), "s3:cr@t".to_owned());
        assert_eq!(server.credentials, Some(expected));
    }

    #[test]
    fn other_urls_are_refused() {
        for (url, error) in [
            ("mail:25", ServerError::Url),
            ("smtp:", ServerError::Url),
            ("smtp://", ServerError::Url),
            ("smtp://mail/path", ServerError::Url),
            ("smtp://mail:99999", ServerError::Url),
            ("ftp://mail", ServerError::Url),
            ("smtp://mail?tls=maybe", ServerError::Parameter),
            ("smtps://mail?tls=off", ServerError::Parameter),
            ("smtp://me@mail", ServerError::Credentials),
            ("smtp://:s3cret@mail", ServerError::Credentials),
            ("smtp://me:%ff@mail", ServerError::Credentials),
        ] {
            assert_eq!(url.parse::<SmtpServer>(), Err(error), "{url}");
        }
    }
}
