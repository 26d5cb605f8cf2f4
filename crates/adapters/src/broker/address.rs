//! Addresses of brokers: `scheme://[user[:password]@]host[:port][,host[:port]…][/path][?name=value[&name=value…]]`.
//!
//! The parser of the `url` crate knows no list of hosts, so this is read here. No error and no `Debug` shows what
//! stands before the `@`.

use std::fmt;

use percent_encoding::percent_decode_str;

/// The most hosts of one address. Clusters of brokers have three or five members.
const MAX_HOSTS: usize = 16;

/// An address can't be read. What is secret in it is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It begins otherwise.
    #[error("it must begin with {0}")]
    Scheme(&'static str),
    /// A user or a password is not as it has to be.
    #[error("the user and the password must be UTF-8, with special characters percent-encoded")]
    Credentials,
    /// A host is not as it has to be.
    #[error("{0:?} is not a host, or a host and a port from 1 to 65535")]
    Host(String),
    /// No host, or too many.
    #[error("it must name from 1 to {most} hosts, separated by commas")]
    Hosts {
        /// The most.
        most: usize,
    },
    /// What stands behind the hosts is not as it has to be.
    #[error("the path must be {0}")]
    Path(&'static str),
    /// A parameter is unknown, or given twice.
    #[error("it has a parameter {0:?} that is not known, or that is there twice")]
    Parameter(String),
    /// A parameter has another value than it may have.
    #[error("{name} must be {wanted}")]
    Value {
        /// Which parameter.
        name: &'static str,
        /// What it may be.
        wanted: &'static str,
    },
}

/// A host with its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// Its name or its IP address; one of version 6 without brackets.
    pub(crate) name: String,
    /// Its port.
    pub(crate) port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// Who connects.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The user; empty where a password is enough.
    pub(crate) user: String,
    /// The password, if there is one.
    pub(crate) password: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// An address in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrokerAddress {
    /// Whether the connection is encrypted.
    pub(crate) is_encrypted: bool,
    /// Who connects, if the address says so.
    pub(crate) credentials: Option<Credentials>,
    /// At least one.
    pub(crate) hosts: Vec<Host>,
    /// What stands between the hosts and the parameters, without the first `/`, decoded.
    pub(crate) path: String,
    parameters: Vec<(String, String)>,
}

/// How the addresses of one kind of broker begin, and the port that one has which names none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scheme {
    /// What a plain address begins with, up to `://`.
    pub(crate) plain: &'static str,
    /// What the address of an encrypted connection begins with.
    pub(crate) encrypted: &'static str,
    /// Both, as an error tells it.
    pub(crate) both: &'static str,
    /// The port of a host without one.
    pub(crate) port: u16,
}

impl BrokerAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// [`AddressError`].
    pub(crate) fn read(url: &str, scheme: Scheme) -> Result<Self, AddressError> {
        let (prefix, rest) = url.split_once("://").ok_or(AddressError::Scheme(scheme.both))?;
        let is_encrypted = match prefix {
            _ if prefix == scheme.plain => false,
            _ if prefix == scheme.encrypted => true,
            _ => return Err(AddressError::Scheme(scheme.both)),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // A password may contain an `@` that is not encoded; a host may not.
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(read_credentials(credentials)?), hosts),
            None => (None, authority),
        };
        let hosts: Vec<Host> = hosts
            .split(',')
            .take(MAX_HOSTS + 1)
            .map(|host| read_host(host, scheme.port))
            .collect::<Result<_, _>>()?;
        if hosts.len() > MAX_HOSTS {
            return Err(AddressError::Hosts { most: MAX_HOSTS });
        }
        Ok(Self {
            is_encrypted,
            credentials,
            hosts,
            path: decoded(path).ok_or(AddressError::Path("UTF-8"))?,
            parameters: read_parameters(query)?,
        })
    }

    /// The value of a parameter, which then counts as known.
    ///
    /// # Errors
    /// [`AddressError::Value`]: `parse` makes nothing of it.
    pub(crate) fn take_parameter<T>(
        &mut self,
        name: &'static str,
        wanted: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, AddressError> {
        let Some(index) = self.parameters.iter().position(|(known, _)| known == name) else {
            return Ok(None);
        };
        let (_, value) = self.parameters.swap_remove(index);
        match parse(&value) {
            Some(value) => Ok(Some(value)),
            None => Err(AddressError::Value { name, wanted }),
        }
    }

    /// Ends the reading: a parameter that nobody has taken is a mistake.
    ///
    /// # Errors
    /// [`AddressError::Parameter`].
    pub(crate) fn no_more_parameters(&self) -> Result<(), AddressError> {
        match self.parameters.first() {
            Some((name, _)) => Err(AddressError::Parameter(name.clone())),
            None => Ok(()),
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    Some(text.into_owned())
}

fn read_credentials(text: &str) -> Result<Credentials, AddressError> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    let password = password.map(|password| decoded(password).ok_or(AddressError::Credentials));
    Ok(Credentials {
        user: decoded(user).ok_or(AddressError::Credentials)?,
        password: password.transpose()?,
    })
}

fn read_host(text: &str, default_port: u16) -> Result<Host, AddressError> {
    let wrong = || AddressError::Host(text.to_owned());
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']').ok_or_else(wrong)?;
            name.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
            match port {
                "" => (name, None),
                _ => (name, Some(port.strip_prefix(':').ok_or_else(wrong)?)),
            }
        }
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let is_of_a_host = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.' | ':');
    if name.is_empty() || !name.chars().all(is_of_a_host) {
        return Err(wrong());
    }
    let port = match port {
        None => default_port,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(wrong()),
            Ok(port) => port,
        },
    };
    Ok(Host {
        name: name.to_owned(),
        port,
    })
}

fn read_parameters(query: &str) -> Result<Vec<(String, String)>, AddressError> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = decoded(value).ok_or_else(|| AddressError::Parameter(name.to_owned()))?;
        if parameters.iter().any(|(known, _)| known == name) {
            return Err(AddressError::Parameter(name.to_owned()));
        }
        parameters.push((name.to_owned(), value));
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEME: Scheme = Scheme {
        plain: "post",
        encrypted: "posts",
        both: "post:// or posts://",
        port: 77,
    };

    fn read(url: &str) -> Result<BrokerAddress, AddressError> {
        BrokerAddress::read(url, SCHEME)
    }

    fn host(name: &str, port: u16) -> Host {
        let name = name.to_owned();
        Host { name, port }
    }

    #[test]
    fn an_address_is_read_in_its_parts() {
        let mut address =
            read("posts://me:s%40fe@word@one,two:5,[::1]:6,[::2]/the%20path?a=1&b=%C3%A4").expect("a sound address");
        assert!(address.is_encrypted);
        let credentials = address.credentials.clone().expect("credentials");
        assert_eq!(credentials.user, "me");
        assert_eq!(credentials.password.as_deref(), Some("s@fe@word"));
        let hosts = vec![host("one", 77), host("two", 5), host("::1", 6), host("::2", 77)];
        assert_eq!(address.hosts, hosts);
        assert_eq!(address.hosts[2].to_string(), "[::1]:6");
        assert_eq!(address.path, "the path");
        let number = |text: &str| text.parse::<u8>().ok();
        assert_eq!(address.take_parameter("a", "a number", number), Ok(Some(1)));
        assert_eq!(address.take_parameter("a", "a number", number), Ok(None));
        assert_eq!(
            address.no_more_parameters(),
            Err(AddressError::Parameter("b".to_owned()))
        );
        assert_eq!(
            address.take_parameter("b", "a number", number).unwrap_err().to_string(),
            "b must be a number"
        );
        assert_eq!(address.no_more_parameters(), Ok(()));
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        for bad in [
            "",
            "post:/host",
            "mail://host",
            "post://",
            "post:///path",
            "post://secret@",
            "post://secret:%ff@host",
            "post://secret@host:0",
            "post://secret@host:65536",
            "post://secret@host:",
            "post://secret@a,,b",
            "post://secret@[::1",
            "post://secret@[::1]5",
            "post://secret@[host]",
            "post://secret@two words",
            "post://secret@host?a=1&a=2",
            "post://secret@a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a",
        ] {
            let error = read(bad).expect_err(bad);
            assert!(!format!("{error} {error:?}").contains("secret"), "{bad}: {error}");
        }
    }

    #[test]
    fn an_address_shows_no_secrets_when_it_is_debugged() {
        let address = read("post://till:secret@host").expect("a sound address");
        let shown = format!("{address:?}");
        assert!(!shown.contains("secret") && !shown.contains("till"), "{shown}");
    }
}
