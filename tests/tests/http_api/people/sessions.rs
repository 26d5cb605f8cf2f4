//! Sessions of people: seen, and ended, by whoever runs the service.

use std::time::{Duration, Instant};

use earmark_tests::identity_provider::IdentityProvider;
use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, earmark, until};

use serde_json::json;

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

async fn an_administrator_sees_who_is_signed_in_and_signs_them_out(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let admin = administrator(&desk).await;
    let with_people = with(&provider, &desk).await;
    let admin = admin.at(with_people.base());
    provider.knows(person("anna", &["viewer", "sales"]));
    let mut anna = Browser::at(with_people.base());
    assert_eq!(anna.signs_in(&provider).await.status, 200);
    let listed = admin.get("/v1/sessions").await.answers(200);
    let session = &listed["items"][0];
    assert_eq!(session["who"], "oidc:anna@shop.example");
    assert_eq!(session["roles"], json!(["viewer", "sales"]));
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    let id = session["id"].as_str().expect("an id").to_owned();
    assert_eq!(anna.get("/v1/sessions").await.status, 403);
    let path = format!("/v1/sessions/{id}");
    let shown = admin.delete(&format!("{path}?preview=true")).await.answers(200);
    assert_eq!(shown, *session);
    assert!(anna.is_let_in().await);
    assert_eq!(admin.delete(&path).await.answers(200), *session);
    assert!(!anna.is_let_in().await, "at once at the instance that has ended it");
    let unknown = admin.delete(&path).await.refuses(404, "unknown_session");
    assert_eq!(unknown["session"], id);
    let _ = admin.delete("/v1/sessions/anna").await.refuses(422, "invalid_request");
    let log = admin.get("/v1/audit?limit=500").await.answers(200);
    let mut entries = log["items"].as_array().expect("a list").iter();
    let ended = entries.find(|entry| entry["what"] == "end_session" && entry["outcome"] == "done");
    let ended = ended.expect("it is in the log");
    assert_eq!(
        (&ended["who"], &ended["about"]),
        (&json!("root"), &json!("oidc:anna@shop.example"))
    );
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
    an_administrator_sees_who_is_signed_in_and_signs_them_out,
    a_session_is_one_at_every_instance_that_has_the_provider,
}
