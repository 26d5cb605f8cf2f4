//! The URL of the store.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::secrets::SecretUrl;

/// Which store to use. The scheme chooses the adapter.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
    /// `postgres://…`, the whole URL as the driver takes it.
    Postgres(SecretUrl),
    /// `memory:`; the data is gone when the process ends.
    Memory,
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const ALLOWED: &str = "sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE and memory: are allowed";
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(ALLOWED.to_owned());
        };
        match scheme {
            // Many people write two slashes out of habit; the path follows them.
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                "" => Err("sqlite: needs the path of a file, as in sqlite:earmark.db".to_owned()),
                ":memory:" => Err("the URL of a store in memory is memory:".to_owned()),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            },
            "postgres" | "postgresql" if rest.starts_with("//") => Ok(Self::Postgres(SecretUrl::new(text))),
            "memory" if rest.is_empty() => Ok(Self::Memory),
            _ => Err(ALLOWED.to_owned()),
        }
    }
}

impl fmt::Display for StoreUrl {
    /// The URL with its password masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses_the_adapter() {
        let parse = |text: &str| text.parse::<StoreUrl>();
        assert_eq!(
            parse("sqlite:///var/lib/shop.db"),
            Ok(StoreUrl::Sqlite("/var/lib/shop.db".into()))
        );
        assert_eq!(
            parse("postgresql://db/shop"),
            Ok(StoreUrl::Postgres(SecretUrl::new("postgresql://db/shop")))
        );
        assert_eq!(parse("memory:"), Ok(StoreUrl::Memory));
        assert!(parse("memory:shop").is_err());
        assert!(parse("sqlite::memory:").is_err());
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url = "postgres://shop:s3cret@db/shop".parse::<StoreUrl>().expect("a URL");
        assert!(!format!("{url} {url:?}").contains("s3cret"));
    }
}
