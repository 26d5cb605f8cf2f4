//! Tokens that are not what they should be: nobody is signed in by them, and nobody is let in who shows them.

use earmark_tests::identity_provider::{AUDIENCE, CLIENT, Forgery, IdentityProvider, Seal, clock};
use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use serde_json::{Value, json};

use super::browser::Browser;
use super::{person, with};

fn now() -> i64 {
    clock().as_second()
}

fn set(name: &'static str, value: Value) -> Forgery {
    Forgery::of_claims(move |claims| claims[name] = value.clone())
}

fn without(name: &'static str) -> Forgery {
    Forgery::of_claims(move |claims| drop(claims.as_object_mut().expect("claims").remove(name)))
}

fn head(name: &'static str, value: Value) -> Forgery {
    Forgery::of_head(move |head| head[name] = value.clone())
}

/// What is wrong with any token.
fn of_any_kind() -> Vec<(&'static str, Forgery)> {
    let sealed = |seal| Forgery::none().sealed(seal);
    vec![
        ("signed by somebody else", sealed(Seal::Foreign)),
        ("signed by nobody", sealed(Seal::None)),
        (
            "signed by nobody, and says otherwise",
            Forgery::of_head(|head| head["alg"] = json!("None")).sealed(Seal::None),
        ),
        ("signed with the secret of the client", sealed(Seal::Secret)),
        ("signed with what everybody knows", sealed(Seal::PublicKey)),
        ("of a key that there is not", head("kid", json!("key-77"))),
        ("with a head that has to be understood", head("crit", json!(["b64"]))),
        ("of another kind", head("typ", json!("logout+jwt"))),
        ("of another issuer", set("iss", json!("http://127.0.0.1:1"))),
        (
            "of an issuer that begins alike",
            Forgery::of_claims(|claims| {
                claims["iss"] = json!(format!("{}/realms/other", claims["iss"].as_str().expect("an issuer")));
            }),
        ),
        ("of no issuer", without("iss")),
        ("for others", set("aud", json!("somebody-else"))),
        ("for nobody", without("aud")),
        ("for a list of nobody", set("aud", json!([]))),
        ("over", set("exp", json!(now() - 60))),
        ("without an end", without("exp")),
        ("of the future", set("iat", json!(now() + 600))),
        ("not in force yet", set("nbf", json!(now() + 600))),
        ("in force nobody knows when", set("nbf", json!("soon"))),
        ("of nobody", without("sub")),
        (
            "of somebody who can't be named",
            Forgery::of_claims(|claims| {
                claims["sub"] = json!("an\nna");
                claims["email_verified"] = json!(false);
            }),
        ),
    ]
}

async fn a_forged_token_signs_nobody_in(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let desk = with(&provider, &desk).await;
    provider.knows(person("mallory", &["admin"]));
    let mut forged = of_any_kind();
    forged.extend([
        ("for another sign-in", set("nonce", json!("x".repeat(64)))),
        ("for no sign-in", without("nonce")),
        ("for others, too", set("aud", json!([CLIENT, "somebody-else"]))),
        ("given to another client", set("azp", json!("somebody-else"))),
        ("not there", Forgery::missing()),
    ]);
    for (what, forgery) in forged {
        provider.forges(forgery);
        let mut browser = Browser::at(desk.base());
        let seen = browser.signs_in(&provider).await;
        assert_eq!(seen.status, 401, "a token {what}: {}", seen.text);
        assert!(seen.text.contains("has not signed you in"), "{what}");
        assert!(!browser.cookies.contains_key("earmark_session"), "{what}");
    }
    provider.forges(Forgery::none());
    let mut browser = Browser::at(desk.base());
    assert_eq!(browser.signs_in(&provider).await.status, 200, "what is not forged does");
    // Clocks differ by a few seconds.
    for honest in [set("exp", json!(now() - 5)), set("iat", json!(now() + 20))] {
        provider.forges(honest);
        assert_eq!(Browser::at(desk.base()).signs_in(&provider).await.status, 200);
    }
}

async fn a_forged_token_lets_nobody_in(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let desk = with(&provider, &desk).await;
    let mallory = person("mallory", &["admin"]);
    let mut forged = of_any_kind();
    // What says who has signed in is not for callers.
    forged.push(("of a sign-in", set("nonce", json!("x".repeat(64)))));
    for (what, forgery) in &forged {
        let token = provider.access_token(&mallory, forgery);
        let refused = desk.with_key(&token).get("/v1/products").await;
        assert_eq!(refused.status, 401, "a token {what}: {}", refused.text());
        assert!(!refused.text().contains("mallory"), "{what}");
    }
    for honest in [
        Forgery::none(),
        set("aud", json!([AUDIENCE, "somebody-else"])),
        set("exp", json!(now() - 5)),
    ] {
        let token = provider.access_token(&mallory, &honest);
        let _ = desk.with_key(&token).get("/v1/products").await.answers(200);
    }
    let good = provider.access_token(&mallory, &Forgery::none());
    let parts: Vec<&str> = good.split('.').collect();
    let [head, claims, seal] = parts[..] else {
        unreachable!("three parts")
    };
    let other = provider.access_token(&person("anna", &["viewer"]), &Forgery::none());
    let others: Vec<&str> = other.split('.').collect();
    for mixed in [
        format!("{head}.{}.{seal}", others[1]),
        format!("{head}.{claims}.{}", others[2]),
        format!("{head}.{claims}"),
        format!("{head}.{claims}."),
        format!("{good}.{seal}"),
        format!("{head}.{claims}.{seal}AA"),
        "opaque-token".to_owned(),
        "a.b.c".to_owned(),
        "x".repeat(6_000),
    ] {
        let _ = desk
            .with_key(&mixed)
            .get("/v1/products")
            .await
            .refuses(401, "unauthorized");
    }
}

on_each_database! {
    a_forged_token_signs_nobody_in,
    a_forged_token_lets_nobody_in,
}
