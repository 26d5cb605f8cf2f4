//! Secrets: passwords in URLs are masked before a value is shown.

/// The text, with the password masked if it is a URL that has one: before its host, or as a parameter.
pub(super) fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (rest, query) = rest
        .split_once('?')
        .map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => format!("{user}@{host}"),
        },
        None => rest.to_owned(),
    };
    let query = query.map(|query| {
        let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
            _ => parameter.to_owned(),
        });
        format!("?{}", parameters.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{rest}{}", query.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_masked() {
        assert_eq!(masked("postgres://shop:s3:cr@t@db/shop"), "postgres://shop:***@db/shop");
        assert_eq!(
            masked("postgres://shop@db/shop?password=s3cret&sslmode=off"),
            "postgres://shop@db/shop?password=***&sslmode=off"
        );
        assert_eq!(masked("sqlite:a@b:c.db"), "sqlite:a@b:c.db");
    }
}
