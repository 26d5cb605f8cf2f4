//! Tokens of the provider that callers show, and its keys, which change.

use std::time::Duration;

use earmark_tests::identity_provider::{Forgery, IdentityProvider, Mood};
use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, until};
use serde_json::{Value, json};

use super::browser::Browser;
use super::{person, with};
use crate::access::administrator;

/// Where the provider shows its keys.
const KEYS: &str = "/keys";

async fn a_token_of_the_provider_is_shown_as_a_key_is(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let desk = with(&provider, &desk).await;
    let token = |name: &str, roles: &[&str]| provider.access_token(&person(name, roles), &Forgery::none());
    let robot = provider.access_token(&json!({"sub": "robot-7", "roles": "sales viewer"}), &Forgery::none());
    let planner = desk.with_key(&token("anna", &["planner"]));
    let _ = planner.buy("PO-1", "LAMP", 10).await;
    let sales = desk.with_key(&robot);
    let _ = sales.allocate("o-1", "LAMP", 1).await.answers(201);
    let _ = sales
        .post(
            "/v1/batches",
            &json!({"reference": "PO-2", "sku": "LAMP", "quantity": 10}),
        )
        .await
        .refuses(403, "forbidden");
    let actors: Vec<Value> = planner
        .events()
        .await
        .iter()
        .map(|event| event["actor"].clone())
        .collect();
    assert!(
        actors.contains(&json!("oidc:anna@shop.example")) && actors.contains(&json!("oidc:sub:robot-7")),
        "{actors:?}"
    );
    // Whom it knows and who may do nothing here.
    let _ = desk
        .with_key(&token("nobody", &["other"]))
        .get("/v1/products")
        .await
        .refuses(403, "forbidden");
    // Beside them keys are what they were.
    let admin = desk.with_key(&token("root", &["admin"]));
    let made = admin
        .post("/v1/keys", &json!({"name": "shop", "roles": ["viewer"]}))
        .await;
    let key = made.answers(201)["secret"].as_str().expect("a secret").to_owned();
    let _ = desk.with_key(&key).get("/v1/products").await.answers(200);
    // However often tokens are shown, the provider is asked once.
    for _ in 0..50 {
        let _ = planner.get("/v1/products").await.answers(200);
    }
    assert_eq!(provider.times_asked(KEYS), 1);
    assert!(!desk.service.log().contains(&robot[..40]));
}

/// Without an audience the provider's tokens are for others.
async fn where_no_audience_is_set_no_token_is_taken(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let mut settings = provider.settings();
    settings.retain(|(name, _)| !name.ends_with("AUDIENCE"));
    let desk = Desk::open_with(desk.db.clone(), settings).await;
    let token = provider.access_token(&person("anna", &["admin"]), &Forgery::none());
    let _ = desk
        .with_key(&token)
        .get("/v1/products")
        .await
        .refuses(401, "unauthorized");
    assert_eq!(provider.times_asked(KEYS), 0);
}

async fn a_key_of_the_provider_that_is_new_is_fetched_and_one_that_is_made_up_is_not(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let desk = with(&provider, &desk).await;
    assert_eq!(Browser::at(desk.base()).signs_in(&provider).await.status, 200);
    // Who comes right after is told to wait for a few seconds at most.
    tokio::time::sleep(Duration::from_secs(5)).await;
    provider.rotates_its_key();
    assert_eq!(Browser::at(desk.base()).signs_in(&provider).await.status, 200);
    assert_eq!(provider.times_asked(KEYS), 2);
    let anna = person("anna", &["viewer"]);
    for number in 0..40 {
        let forgery = Forgery::of_head(move |head| head["kid"] = json!(format!("made-up-{number}")));
        let token = provider.access_token(&anna, &forgery);
        let _ = desk
            .with_key(&token)
            .get("/v1/products")
            .await
            .refuses(401, "unauthorized");
    }
    let asked = provider.times_asked(KEYS);
    assert!(asked <= 4, "forty keys that there are not were asked for {asked} times");
    provider.rotates_its_key();
    let token = provider.access_token(&anna, &Forgery::none());
    until("the next key is known", async || {
        (desk.with_key(&token).get("/v1/products").await.status == 200).then_some(())
    })
    .await;
    // What is known of it does for hours, while it is away.
    provider.is_now(Mood::Fails);
    let token = provider.access_token(&person("bert", &["viewer"]), &Forgery::none());
    let _ = desk.with_key(&token).get("/v1/products").await.answers(200);
}

/// Guesses at tokens cost no more than guesses at keys.
async fn tokens_that_open_nothing_are_limited_as_guesses_are(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let mut settings = provider.settings();
    settings.push(("EARMARK__LIMITS__UNKNOWN_PER_SECOND".to_owned(), "5".to_owned()));
    let desk_of_few = Desk::open_with(desk.db.clone(), settings).await;
    let _ = administrator(&desk).await;
    let forgery = Forgery::of_head(|head| head["kid"] = json!("made-up"));
    let tries = (0..50).map(|_| {
        let client = desk_of_few.with_key(&provider.access_token(&person("mallory", &["admin"]), &forgery));
        async move { client.get("/v1/products").await.status }
    });
    let statuses: Vec<u16> = futures::future::join_all(tries).await;
    assert!(
        statuses.iter().all(|status| [401, 429].contains(status)),
        "{statuses:?}"
    );
    assert!(statuses.contains(&429), "{statuses:?}");
}

on_each_database! {
    a_token_of_the_provider_is_shown_as_a_key_is,
    where_no_audience_is_set_no_token_is_taken,
    a_key_of_the_provider_that_is_new_is_fetched_and_one_that_is_made_up_is_not,
    tokens_that_open_nothing_are_limited_as_guesses_are,
}
