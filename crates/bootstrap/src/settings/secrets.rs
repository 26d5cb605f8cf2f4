//! Secrets: a password in a URL is masked wherever the URL is shown.

use std::fmt;

/// What is shown in the place of a secret.
pub(super) const MASK: &str = "***";

/// A URL that may have a password in it. Shown with the password masked; whole only where it is used.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretUrl(String);

impl SecretUrl {
    pub(crate) fn new(url: &str) -> Self {
        Self(url.to_owned())
    }

    /// The whole URL, for the driver that connects with it. Never to be shown.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({self})")
    }
}

/// A secret that is no URL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(secret: &str) -> Self {
        Self(secret.to_owned())
    }

    /// The secret, for whoever uses it. Never to be shown.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// The text, with what may be a password in it masked if it is a URL: before the host, in the place of a port, or as a
/// parameter. The password may have any character; so rather too much is masked than too little.
pub(crate) fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let rest = without_passwords(rest);
    // The password may have characters of its own that end a host, or a user; it ends with the last @ of all.
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{MASK}@{host}"),
            None => format!("{user}@{host}"),
        },
        None => without_odd_ports(&rest),
    };
    format!("{scheme}://{rest}")
}

/// The text with the value of each parameter masked whose name has `password` in it.
fn without_passwords(text: &str) -> String {
    const NAME: &str = "password";
    let lower = text.to_ascii_lowercase();
    let Some(at) = lower.find(NAME).map(|at| at + NAME.len()) else {
        return text.to_owned();
    };
    let (before, after) = text.split_at(at);
    match after.strip_prefix('=') {
        Some(value) => match value.find('&') {
            Some(end) => format!("{before}={MASK}{}", without_passwords(&value[end..])),
            None => format!("{before}={MASK}"),
        },
        None => format!("{before}{}", without_passwords(after)),
    }
}

/// What follows the scheme of a URL without a user, with each port masked that is none: somebody has left out the host,
/// and it is a password.
fn without_odd_ports(rest: &str) -> String {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (hosts, path) = rest.split_at(end);
    let hosts = hosts.split(',').map(|host| match host.rsplit_once(':') {
        Some((name, port)) if !port.bytes().all(|byte| byte.is_ascii_digit()) && !host.ends_with(']') => {
            format!("{name}:{MASK}")
        }
        _ => host.to_owned(),
    });
    format!("{}{path}", hosts.collect::<Vec<_>>().join(","))
}

/// A refused value of a setting as it is shown. It may be a misspelled URL, of which no one can tell where its password
/// is; so only the scheme of a URL is shown.
pub(super) fn refused(name: &str, text: &str) -> String {
    const HAVE_SECRETS: [&str; 4] = ["store.url", "events.urls", "commands.urls", "mail.url"];
    if ["events.webhook_secrets", "sign_in.client_secret"].contains(&name) {
        return "what is given".to_owned();
    }
    if !HAVE_SECRETS.contains(&name) {
        return format!("{:?}", masked(text));
    }
    let is_scheme = |scheme: &str| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match text.split_once(':') {
        Some((scheme, "")) if is_scheme(scheme) => format!("\"{scheme}:\""),
        Some((scheme, _)) if is_scheme(scheme) => format!("\"{scheme}:…\""),
        None if !text.contains(['@', '=', ' ']) => format!("{text:?}"),
        Some(_) | None => "what is given".to_owned(),
    }
}

/// A message about arguments of the command line, with the passwords in them masked.
pub(crate) fn masked_arguments(message: &str, arguments: impl IntoIterator<Item = String>) -> String {
    let mut message = message.to_owned();
    for argument in arguments.into_iter().filter(|argument| argument.contains("://")) {
        let value = argument.split_once('=').filter(|(flag, _)| flag.starts_with('-'));
        let value = value.map_or(argument.as_str(), |(_, value)| value);
        message = message.replace(value, &masked(value));
    }
    message
}

/// A message about a file that could not be parsed, without the lines of the file that it quotes.
pub(super) fn without_quotes(message: &str) -> String {
    let is_quote = |line: &str| {
        line.trim_start_matches([' ', '\t'])
            .trim_start_matches(|char: char| char.is_ascii_digit())
            .trim_start()
            .starts_with('|')
    };
    let lines = message.lines().filter(|line| !is_quote(line)).map(str::trim);
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn passwords_in_urls_are_masked() {
        for (url, shown) in [
            ("postgres://shop:s3:cr@t@db/shop", "postgres://shop:***@db/shop"),
            ("postgres://shop:s3?cr@db/shop", "postgres://shop:***@db/shop"),
            (
                "postgres://shop:s3/cr#t&@db/shop?a=b",
                "postgres://shop:***@db/shop?a=b",
            ),
            (
                "postgres://shop@db/shop?password=s3cret&sslmode=off",
                "postgres://shop@db/shop?password=***&sslmode=off",
            ),
            (
                "postgres://db:5432/shop?sslPassword=s3@cr",
                "postgres://db:5432/shop?sslPassword=***",
            ),
            ("postgres://shop:s3cret", "postgres://shop:***"),
            ("postgres://a:5432,b:5433/shop", "postgres://a:5432,b:5433/shop"),
            ("postgres://[::1]:5432/shop", "postgres://[::1]:5432/shop"),
            ("postgres://shop@db/shop", "postgres://shop@db/shop"),
            ("sqlite:a@b:c.db", "sqlite:a@b:c.db"),
        ] {
            assert_eq!(masked(url), shown);
            assert_eq!(SecretUrl::new(url).to_string(), shown);
            assert_eq!(format!("{:?}", SecretUrl::new(url)), format!("SecretUrl({shown})"));
        }
    }

    #[test]
    fn of_a_refused_store_only_the_scheme_is_shown() {
        for (given, shown) in [
            ("postgress://shop:s3cret@db/shop", "\"postgress:…\""),
            ("postgres:/shop:s3cret@db", "\"postgres:…\""),
            ("sqlite:", "\"sqlite:\""),
            ("earmark.db", "\"earmark.db\""),
            ("shop/s3cret@db", "what is given"),
            ("host=db password=s3cret", "what is given"),
            ("//shop:s3cret@db", "what is given"),
        ] {
            assert_eq!(refused("store.url", given), shown, "{given}");
        }
        assert_eq!(refused("http.listen", "postgres://a:b@c"), "\"postgres://a:***@c\"");
    }

    #[test]
    fn a_message_about_a_file_quotes_none_of_its_lines() {
        let message = "TOML parse error at line 2, column 7\n  |\n2 | url = \"postgres://a:s3cret@db\n  |       ^\nbad";
        assert_eq!(without_quotes(message), "TOML parse error at line 2, column 7: bad");
    }

    #[test]
    fn a_message_about_arguments_has_no_password() {
        let arguments = ["--stor=postgres://a:s3'cr t@db/x", "postgres://b:0ther@db"].map(str::to_owned);
        let message = "unexpected 'postgres://a:s3'cr t@db/x' and 'postgres://b:0ther@db'";
        assert_eq!(
            masked_arguments(message, arguments),
            "unexpected 'postgres://a:***@db/x' and 'postgres://b:***@db'"
        );
    }

    proptest! {
        #[test]
        fn no_password_shows(password in "[a-zA-Z0-9?/#:@&=%.,;! -]{0,24}") {
            // A marker that occurs in nothing else.
            let secret = format!("Q{password}Q");
            let shown = masked(&format!("postgres://shop:{secret}@db:5432/shop?sslmode=off"));
            prop_assert!(!shown.contains('Q'), "{}", shown);
        }
    }
}
