//! Lists of URLs, whose schemes say what they lead to.

use std::fmt;
use std::str::FromStr;

use super::secrets::SecretUrl;

/// What a URL can lead to.
pub(crate) trait UrlKind: Copy + Sized {
    /// Which URLs are allowed, as an error tells it.
    const ALLOWED: &'static str;

    /// What a URL with this scheme leads to.
    fn of(scheme: &str) -> Option<Self>;

    /// Whether the scheme is all of it.
    fn is_alone(self) -> bool {
        false
    }
}

/// One URL of a list.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ListedUrl<K> {
    pub(crate) kind: K,
    /// The whole URL. It may have a password in it, or a token among its parameters.
    pub(crate) url: SecretUrl,
}

impl<K> ListedUrl<K> {
    /// The URL without what may be secret: without a user and without parameters.
    pub(super) fn public(&self) -> String {
        public_part(self.url.expose())
    }
}

fn public_part(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.trim_end_matches(':').to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    format!("{scheme}://{hosts}{}", path.trim_end_matches('/'))
}

impl<K: UrlKind> FromStr for ListedUrl<K> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').ok_or(K::ALLOWED)?;
        let kind = K::of(scheme).ok_or(K::ALLOWED)?;
        let is_whole = if kind.is_alone() {
            rest.is_empty()
        } else {
            rest.starts_with("//") && rest.len() > 2
        };
        if !is_whole || text.chars().any(|char| char.is_whitespace() || char.is_control()) {
            return Err(K::ALLOWED.to_owned());
        }
        Ok(Self {
            kind,
            url: SecretUrl::new(text),
        })
    }
}

impl<K> fmt::Debug for ListedUrl<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListedUrl({})", self.public())
    }
}

/// A list of URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedUrls<K>(pub(crate) Vec<ListedUrl<K>>);

impl<K> Default for ListedUrls<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// The URLs of a list. Several hosts of one URL are separated by commas too: what does not begin with a scheme belongs to
/// the URL before it.
fn split<K: UrlKind>(text: &str) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for part in text.split(',').map(str::trim) {
        let begins = part.split_once(':').is_some_and(|(scheme, _)| K::of(scheme).is_some());
        match urls.last_mut() {
            Some(last) if !begins => {
                last.push(',');
                last.push_str(part);
            }
            _ if part.is_empty() => {}
            _ => urls.push(part.to_owned()),
        }
    }
    urls
}

/// A list of URLs as it is shown: without anything that may be secret.
pub(super) fn masked_list<K: UrlKind>(text: &str) -> String {
    let shown = split::<K>(text).into_iter().map(|url| {
        let name = public_part(&url);
        match (url.contains("://"), url.contains('@') || url.contains('?')) {
            (false, _) => url,
            (true, false) => name,
            // That there is more.
            (true, true) => format!("{name} (***)"),
        }
    });
    shown.collect::<Vec<_>>().join(",")
}

impl<K: UrlKind> FromStr for ListedUrls<K> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let urls = split::<K>(text).into_iter().map(|url| url.parse());
        Ok(Self(urls.collect::<Result<_, _>>()?))
    }
}
