//! The settings of people: which identity provider knows them, and which of its claims are roles here.

use std::str::FromStr;

use earmark_adapters::http::{BasePath, SIGN_IN_CALLBACK};
use earmark_adapters::openid::{ClaimPath, ProviderSettings, RoleMapping, SecureUrl};

use super::error::SettingsError;
use super::merged_values::MergedValues;
use super::source::Source;
use super::values::Words;

/// What is of use with a provider only.
const NEED_PROVIDER: [&str; 5] = [
    "sign_in.client_id",
    "sign_in.client_secret",
    "sign_in.redirect_url",
    "sign_in.roles",
    "sign_in.audience",
];

/// A text that is neither empty nor has a space.
struct Word(String);

impl FromStr for Word {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_word = !text.is_empty() && !text.chars().any(|char| char.is_whitespace() || char.is_control());
        is_word
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| "a text without spaces is allowed".to_owned())
    }
}

/// An address of the provider, or one that it sends browsers to.
struct Address(SecureUrl);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|why| format!("{why}"))
    }
}

/// The provider; `None`: people sign in with keys only.
pub(super) fn provider(values: &MergedValues, base: &BasePath) -> Result<Option<ProviderSettings>, SettingsError> {
    let Some(issuer) = values.optional::<Address>("sign_in.issuer")? else {
        if NEED_PROVIDER.into_iter().any(|name| values.get(name).is_some()) {
            return Err(SettingsError::Missing {
                name: "sign_in.issuer",
                why: "another setting of sign_in is set, and of use with an identity provider only",
            });
        }
        return Ok(None);
    };
    let missing = |name| SettingsError::Missing {
        name,
        why: "sign_in.issuer names an identity provider",
    };
    let word =
        |name| -> Result<Option<String>, SettingsError> { Ok(values.optional::<Word>(name)?.map(|word| word.0)) };
    Ok(Some(ProviderSettings {
        issuer: issuer.0,
        client_id: word("sign_in.client_id")?.ok_or_else(|| missing("sign_in.client_id"))?,
        client_secret: word("sign_in.client_secret")?,
        redirect_url: redirect(values, base)?.ok_or_else(|| missing("sign_in.redirect_url"))?,
        scopes: values.list::<Words>("sign_in.scopes")?.unwrap_or_default().0,
        roles_claim: values.required::<ClaimPath>("sign_in.roles_claim")?,
        roles: values.list::<RoleMapping>("sign_in.roles")?.unwrap_or_default(),
        audience: word("sign_in.audience")?,
    }))
}

/// Where browsers come back to: a path that the service has.
fn redirect(values: &MergedValues, base: &BasePath) -> Result<Option<SecureUrl>, SettingsError> {
    const NAME: &str = "sign_in.redirect_url";
    let Some(address) = values.optional::<Address>(NAME)?.map(|address| address.0) else {
        return Ok(None);
    };
    let path = format!("{base}{SIGN_IN_CALLBACK}");
    if address.path() == path {
        return Ok(Some(address));
    }
    let origin = values.get(NAME).map(|sourced| sourced.source.clone());
    Err(SettingsError::Wrong {
        name: NAME,
        origin: origin.unwrap_or(Source::Default),
        given: format!("{:?}", address.as_str()),
        allowed: format!("the address that people know the service by is allowed, with the path {path}"),
    })
}

#[cfg(test)]
mod tests {
    use crate::settings::{Layers, Settings};

    const SECRET: &str = "s3cr3t-of-the-client";

    fn read(given: &[(&str, &str)]) -> Result<Settings, String> {
        let directory = tempfile::tempdir().expect("a folder");
        let environment = given.iter().map(|(name, value)| {
            let name = name.to_uppercase().replace('.', "__");
            (format!("EARMARK__{name}"), (*value).to_owned())
        });
        let settings = Settings::read(Layers {
            directory: directory.path().to_owned(),
            environment: Some(environment.collect()),
            ..Layers::default()
        });
        settings.map_err(|why| why.to_string())
    }

    const ISSUER: (&str, &str) = ("sign_in.issuer", "https://id.example/realms/shop");
    const CLIENT: (&str, &str) = ("sign_in.client_id", "earmark");
    const BACK: (&str, &str) = ("sign_in.redirect_url", "https://earmark.example/sign-in/callback");

    #[test]
    fn a_provider_is_set_with_what_it_calls_the_service_and_where_browsers_come_back_to() {
        assert!(read(&[]).expect("settings").provider.is_none());
        let secret = ("sign_in.client_secret", SECRET);
        let settings = read(&[ISSUER, CLIENT, BACK, secret]).expect("settings");
        let provider = settings.provider.as_ref().expect("a provider");
        assert_eq!(provider.issuer.as_str(), ISSUER.1);
        assert_eq!(provider.scopes, ["profile", "email"]);
        assert_eq!(provider.client_secret.as_deref(), Some(SECRET));
        let listed: String = settings.list.iter().map(|setting| setting.value.clone()).collect();
        assert!(!listed.contains(SECRET) && !format!("{settings:?}").contains(SECRET));

        let missing = |given: &[(&str, &str)]| read(given).expect_err("it is refused");
        assert!(missing(&[ISSUER, BACK]).starts_with("setting sign_in.client_id is missing"));
        assert!(missing(&[ISSUER, CLIENT]).starts_with("setting sign_in.redirect_url is missing"));
        for alone in [
            CLIENT,
            BACK,
            secret,
            ("sign_in.audience", "earmark"),
            ("sign_in.roles", "a=admin"),
        ] {
            let why = missing(&[alone]);
            assert!(
                why.starts_with("setting sign_in.issuer is missing") && !why.contains(SECRET),
                "{why}"
            );
        }
    }

    #[test]
    fn nothing_is_sent_to_an_address_that_others_can_read() {
        for (issuer, back) in [
            ("http://id.example", BACK.1),
            ("id.example", BACK.1),
            (ISSUER.1, "http://earmark.example/sign-in/callback"),
            (ISSUER.1, "https://earmark.example/"),
            (ISSUER.1, "https://earmark.example/shop/sign-in/callback"),
            (ISSUER.1, "https://earmark.example/sign-in/callback?next=/"),
        ] {
            let given = [("sign_in.issuer", issuer), CLIENT, ("sign_in.redirect_url", back)];
            assert!(read(&given).is_err(), "{issuer} {back}");
        }
        let own = [
            ("sign_in.issuer", "http://localhost:3000"),
            CLIENT,
            ("sign_in.redirect_url", "http://127.0.0.1:8080/sign-in/callback"),
        ];
        assert!(read(&own).is_ok());
        let behind = [
            ISSUER,
            CLIENT,
            ("http.base_path", "/shop"),
            ("sign_in.redirect_url", "https://earmark.example/shop/sign-in/callback"),
        ];
        assert!(read(&behind).is_ok());
    }
}
