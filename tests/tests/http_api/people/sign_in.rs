//! The way to the provider and back.

use std::time::{Duration, Instant};

use earmark_tests::identity_provider::{IdentityProvider, Mood};
use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, until};
use reqwest::Method;
use serde_json::{Value, json};

use super::browser::Browser;
use super::{person, with};
use crate::access::administrator;

async fn a_person_signs_in_and_may_what_the_provider_says(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let desk = with(&provider, &desk).await;
    let mut anna = Browser::at(desk.base());
    // Whoever shows nothing is nobody, though no key was ever made.
    let _ = desk.get("/v1/products").await.refuses(401, "unauthorized");
    assert_eq!(anna.get("/").await.location, "/sign-in");
    let page = anna.get("/sign-in").await;
    assert!(page.text.contains("href=\"/sign-in/provider\" >"), "{}", page.text);

    provider.knows(person("anna", &["planner"]));
    let sent = anna.get("/sign-in/provider").await;
    let pending = &sent.cookies[0];
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(pending.split("; ").any(|given| given == part), "{pending}");
    }
    let secret = anna.cookies["earmark_sign_in"].clone();
    assert!(!sent.location.contains(&secret[..64]), "{}", sent.location);
    for part in [
        "scope=openid+profile+email",
        "response_type=code",
        "code_challenge_method=S256",
    ] {
        assert!(sent.location.contains(part), "{}", sent.location);
    }

    let seen = anna.signs_in(&provider).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    // It is led on by a page of the service, since a cookie that is `Strict` is not sent where another site leads to.
    assert!(
        seen.text.contains("http-equiv=\"refresh\" content=\"0; url=/\""),
        "{}",
        seen.text
    );
    assert!(seen.text.contains("oidc:anna@shop.example"), "{}", seen.text);
    let session = seen
        .cookies
        .iter()
        .find(|cookie| cookie.starts_with("earmark_session="))
        .expect("a session");
    for part in ["HttpOnly", "SameSite=Strict", "Max-Age=43200"] {
        assert!(session.split("; ").any(|given| given == part), "{session}");
    }
    assert!(
        !anna.cookies.contains_key("earmark_sign_in"),
        "what has come back is done"
    );
    let home = anna.get("/").await;
    assert!(
        home.text
            .contains("Signed in as <strong>oidc:anna@shop.example</strong>"),
        "{}",
        home.text
    );

    let batch = json!({"reference": "PO-1", "sku": "LAMP", "quantity": 10});
    assert_eq!(anna.json(Method::POST, "/v1/batches", &batch).await.status, 201);
    let order = json!({"order_id": "o-1", "sku": "LAMP", "quantity": 1});
    assert_eq!(anna.json(Method::POST, "/v1/allocations", &order).await.status, 403);
    assert_eq!(anna.get("/v1/audit").await.status, 403);

    provider.knows(person("root", &["admin", "offline_access"]));
    let mut root = Browser::at(desk.base());
    assert_eq!(root.signs_in(&provider).await.status, 200);
    let events: Value = serde_json::from_str(&root.get("/v1/events").await.text).expect("JSON");
    assert_eq!(events["items"][0]["actor"], "oidc:anna@shop.example");
    let log: Value = serde_json::from_str(&root.get("/v1/audit?limit=500").await.text).expect("JSON");
    let entries = log["items"].as_array().expect("a list");
    let done = |who: &str, what: &str| {
        let mut found = entries
            .iter()
            .filter(|entry| entry["who"] == who && entry["what"] == what);
        found.any(|entry| entry["outcome"] == "done")
    };
    assert!(
        done("oidc:anna@shop.example", "sign_in") && done("oidc:root@shop.example", "sign_in"),
        "{log}"
    );

    let mut copy = anna.clone();
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        anna.send(Method::POST, "/sign-out", form, String::new()).await.status,
        303
    );
    assert!(!copy.is_let_in().await);
    let log = desk.service.log();
    assert!(
        !log.contains(&secret) && !log.contains("the-secret-of-the-client"),
        "{log}"
    );
}

async fn who_has_no_role_here_is_signed_in_nowhere(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let desk = with(&provider, &desk).await;
    for roles in [
        json!([]),
        json!(["offline_access", "Admin"]),
        json!({"admin": true}),
        Value::Null,
    ] {
        let mut nobody = person("nobody", &[]);
        nobody["roles"] = roles.clone();
        provider.knows(nobody);
        let mut browser = Browser::at(desk.base());
        let seen = browser.signs_in(&provider).await;
        assert_eq!(seen.status, 403, "{roles}");
        assert!(
            seen.text
                .contains("knows you as oidc:nobody@shop.example, and gives you no role here"),
            "{}",
            seen.text
        );
        assert!(!browser.cookies.contains_key("earmark_session"), "{roles}");
        assert!(!browser.is_let_in().await);
    }
    // With a mapping no value is a role by its name.
    let mut settings = provider.settings();
    settings.push(("EARMARK__SIGN_IN__ROLES".to_owned(), "stock team=viewer".to_owned()));
    settings.push((
        "EARMARK__SIGN_IN__ROLES_CLAIM".to_owned(),
        "realm_access.roles".to_owned(),
    ));
    let mapped = Desk::open_with(desk.db.clone(), settings).await;
    for (roles, status) in [(json!(["admin", "viewer"]), 403), (json!(["stock team"]), 200)] {
        provider.knows(json!({"sub": "1", "realm_access": {"roles": roles}}));
        let mut browser = Browser::at(mapped.base());
        assert_eq!(browser.signs_in(&provider).await.status, status, "{roles}");
    }
}

/// A code of somebody else is worth nothing in another browser, nor a second time.
async fn what_was_not_begun_in_this_browser_begins_no_session(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let desk = with(&provider, &desk).await;
    provider.knows(person("mallory", &["admin"]));
    let mut mallory = Browser::at(desk.base());
    let planted = mallory.sent_to(&provider).await;
    // A browser that has begun nothing; one that has begun another sign-in; one that brings another state.
    let fresh = Browser::at(desk.base());
    let mut begun = Browser::at(desk.base());
    let own = begun.sent_to(&provider).await;
    let mut two = mallory.clone();
    let value = two.cookies["earmark_sign_in"].clone();
    two.cookies.insert("a=b; earmark_sign_in".to_owned(), value.clone());
    two.cookies.insert("earmark_sign_in".to_owned(), value);
    let without_state = planted.split("&state=").next().expect("a path").to_owned();
    let other_code = format!(
        "{}&state={}",
        planted.split('&').next().expect("a code"),
        own.split("&state=").nth(1).expect("a state")
    );
    for (browser, path) in [
        (&fresh, planted.clone()),
        (&begun, planted.clone()),
        (&two, planted.clone()),
        (&mallory, without_state),
        (&mallory, format!("{planted}&state=x")),
        (&mallory, format!("{planted}x")),
        (&mallory, "/sign-in/callback".to_owned()),
    ] {
        let mut browser = browser.clone();
        let seen = browser.led_to(&path).await;
        assert_eq!(seen.status, 400, "{path}");
        assert!(seen.text.contains("was not begun in this browser"), "{}", seen.text);
        assert!(!browser.cookies.contains_key("earmark_session"), "{path}");
    }
    // Its own state with the code of another: the provider wants what only the other browser knows.
    let mut victim = begun.clone();
    assert_eq!(victim.led_to(&other_code).await.status, 401);
    assert!(!victim.cookies.contains_key("earmark_session"));
    // The provider has signed nobody in.
    let mut declined = begun.clone();
    let state = own.split("&state=").nth(1).expect("a state");
    let seen = declined
        .led_to(&format!("/sign-in/callback?error=access_denied&state={state}"))
        .await;
    assert_eq!(seen.status, 401);
    assert!(
        seen.text.contains("has not signed you in") && !seen.text.contains("access_denied"),
        "{}",
        seen.text
    );
    // What is done is done, also in the browser that has done it, and in a copy of it.
    let copy = begun.clone();
    assert_eq!(begun.led_to(&own).await.status, 200);
    assert_eq!(begun.led_to(&own).await.status, 400);
    let mut copy = copy;
    assert_eq!(copy.led_to(&own).await.status, 401);
    assert!(!copy.cookies.contains_key("earmark_session"));
    // A page of another site leads to the page that says so, and not to the provider.
    let led = Browser::at(desk.base()).led_to("/sign-in/provider").await;
    assert_eq!(
        (led.status, led.location.as_str(), led.cookies.len()),
        (303, "/sign-in", 0)
    );
}

/// The paths are those of the proxy, and the address of the provider is what it is.
async fn behind_a_proxy_people_come_back_below_its_path(desk: Desk) {
    let provider = IdentityProvider::start().await;
    let mut settings = provider.settings_under("/shop");
    settings.push(("EARMARK__HTTP__BASE_PATH".to_owned(), "/shop".to_owned()));
    let desk = Desk::open_with(desk.db.clone(), settings).await;
    let mut browser = Browser::at(desk.base());
    let page = browser.get("/shop/sign-in").await;
    assert!(page.text.contains("href=\"/shop/sign-in/provider\""), "{}", page.text);
    let back = browser.sent_to(&provider).await;
    assert!(back.starts_with("/shop/sign-in/callback?"), "{back}");
    let seen = browser.led_to(&back).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    assert!(seen.text.contains("content=\"0; url=/shop/\""), "{}", seen.text);
    assert!(
        seen.cookies.iter().all(|cookie| cookie.contains("; Path=/shop;")),
        "{:?}",
        seen.cookies
    );
    assert!(browser.is_let_in().await);
}

/// The service starts without it, and whoever has a key comes in.
async fn a_provider_that_is_away_keeps_nobody_waiting_and_nobody_with_a_key_out(desk: Desk) {
    let provider = IdentityProvider::start().await;
    for mood in [Mood::Hangs, Mood::Fails] {
        provider.is_now(mood);
        let desk = with(&provider, &desk).await;
        let mut browser = Browser::at(desk.base());
        let began = Instant::now();
        let seen = browser.get("/sign-in/provider").await;
        assert_eq!(seen.status, 503, "{mood:?}");
        assert!(
            seen.text.contains("does not answer") && seen.text.contains("Access key"),
            "{}",
            seen.text
        );
        // Whoever comes next does not wait for it again.
        let again = Instant::now();
        assert_eq!(browser.get("/sign-in/provider").await.status, 503);
        assert!(
            again.elapsed() < Duration::from_secs(1) && began.elapsed() < Duration::from_secs(9),
            "{mood:?}"
        );
        let token = provider.access_token(
            &person("anna", &["viewer"]),
            &earmark_tests::identity_provider::Forgery::none(),
        );
        let _ = desk
            .with_key(&token)
            .get("/v1/products")
            .await
            .refuses(503, "unavailable");
    }
    let closed = with(&provider, &desk).await;
    let admin = administrator(&desk).await;
    let mut with_key = Browser::at(closed.base());
    let key = admin
        .post("/v1/keys", &json!({"name": "anna", "roles": ["viewer"]}))
        .await;
    let key = key.answers(201)["secret"].as_str().expect("a secret").to_owned();
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        with_key
            .send(Method::POST, "/sign-in", form, format!("key={key}"))
            .await
            .status,
        303
    );
    assert!(with_key.is_let_in().await);
    // It is back: a few seconds later people sign in.
    let mut browser = Browser::at(closed.base());
    assert_eq!(browser.get("/sign-in/provider").await.status, 503);
    provider.is_now(Mood::Answers);
    until("the provider is asked again", async || {
        let status = browser.clone().get("/sign-in/provider").await.status;
        (status == 303).then_some(())
    })
    .await;
    assert_eq!(browser.signs_in(&provider).await.status, 200);
}

on_each_database! {
    a_person_signs_in_and_may_what_the_provider_says,
    who_has_no_role_here_is_signed_in_nowhere,
    what_was_not_begun_in_this_browser_begins_no_session,
    behind_a_proxy_people_come_back_below_its_path,
    a_provider_that_is_away_keeps_nobody_waiting_and_nobody_with_a_key_out,
}
