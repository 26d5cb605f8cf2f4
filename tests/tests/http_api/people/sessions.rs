//! Sessions of people: seen, and ended, by whoever runs the service.

use std::time::{Duration, Instant};

use earmark_tests::identity_provider::IdentityProvider;
use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, earmark, until};

use super::browser::Browser;
use super::{person, with};
use crate::access::administrator;

async fn the_operator_sees_who_is_signed_in_and_signs_them_out(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let desk = with(&provider, &desk).await;
    provider.knows(person("anna", &["viewer"]));
    let (mut one, mut other) = (Browser::at(desk.base()), Browser::at(desk.base()));
    assert_eq!(one.signs_in(&provider).await.status, 200);
    assert_eq!(other.signs_in(&provider).await.status, 200);
    let url = desk.db.url();
    let listed = earmark(&url, &["keys", "sessions"]).await.succeeded();
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(names, ["oidc:anna@shop.example"; 2], "{listed}");
    let first = listed.split('\t').next().expect("an id");
    let _ = earmark(&url, &["keys", "sign-out", first]).await.succeeded();
    until("one is out", async || {
        let (mut one, mut other) = (one.clone(), other.clone());
        (one.is_let_in().await != other.is_let_in().await).then_some(())
    })
    .await;
    let sign_out = ["keys", "sign-out", "--person", "oidc:anna@shop.example"];
    assert_eq!(
        earmark(&url, &["keys", "sign-out", "--person", "anna"]).await.code,
        Some(2)
    );
    let _ = earmark(&url, &sign_out).await.succeeded();
    let ended = Instant::now();
    until("both are out", async || {
        (!one.clone().is_let_in().await && !other.clone().is_let_in().await).then_some(())
    })
    .await;
    assert!(
        ended.elapsed() < Duration::from_secs(3),
        "within a second, and what the calls take"
    );
    assert_eq!(earmark(&url, &sign_out).await.code, Some(1));
}

/// At every instance, and after a restart; and where there is no provider any more nobody is a person.
async fn a_session_is_one_at_every_instance_that_has_the_provider(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let mut first = with(&provider, &desk).await;
    let second = with(&provider, &desk).await;
    provider.knows(person("anna", &["viewer"]));
    // Begun at one, come back to at the other.
    let mut browser = Browser::at(first.base());
    let back = browser.sent_to(&provider).await;
    browser.base = second.base().to_owned();
    assert_eq!(browser.led_to(&back).await.status, 200);
    browser.base = first.base().to_owned();
    assert!(browser.is_let_in().await);
    first.restart().await;
    browser.base = first.base().to_owned();
    assert!(browser.is_let_in().await);
    let _ = administrator(&desk).await;
    browser.base = desk.base().to_owned();
    assert!(!browser.is_let_in().await, "this one knows keys only");
}

on_each_database! {
    the_operator_sees_who_is_signed_in_and_signs_them_out,
    a_session_is_one_at_every_instance_that_has_the_provider,
}
