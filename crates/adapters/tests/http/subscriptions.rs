//! Subscriptions: what is shown of them, and what can be decided.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use earmark_adapters::memory::MemoryStore;
use earmark_application::{
    DeadLetter, Failing, LeaseClaim, LeaseHolder, LetterState, LogPosition, MAX_DEAD_LETTERS, Progress,
    SubscriptionName, Subscriptions,
};
use earmark_domain::Sku;
use serde_json::{Value, json};

use super::shop::{Shop, opening};

/// The path of a subscription whose name has to be encoded.
const HOOK: &str = "/v1/subscriptions/https%3A%2F%2Fshop.example%2Fhook";

fn letter(sequence: u64, state: LetterState) -> DeadLetter {
    DeadLetter {
        sequence,
        sku: Some(Sku::new("LAMP").expect("a SKU")),
        state,
        attempts: 5,
        since: opening(),
    }
}

/// A shop with a webhook that has not taken one event, behind which another waits.
async fn shop() -> Shop {
    let letters = [
        letter(4, LetterState::Dead("status 500: no".to_owned())),
        letter(7, LetterState::Waits),
    ];
    shop_with(Progress::default(), &letters).await
}

/// A shop with a webhook that has not taken these events.
async fn shop_with(progress: Progress, letters: &[DeadLetter]) -> Shop {
    let store = Arc::new(MemoryStore::new());
    let name = SubscriptionName::new("https://shop.example/hook");
    let claim = LeaseClaim {
        name: name.clone(),
        holder: LeaseHolder([1; 16]),
        lasts: Duration::from_secs(6),
        now: opening(),
        start: LogPosition::START,
    };
    let lease = store
        .lease(&claim)
        .await
        .expect("memory answers")
        .expect("nobody has it");
    let progress = Progress {
        place: LogPosition { epoch: 1, sequence: 9 },
        ..progress
    };
    let saved = store.save(&name, lease.fence, &progress, letters).await;
    assert!(saved.expect("memory answers"));
    Shop::with((*store).clone(), store.clone(), store).await
}

async fn sequences(shop: &Shop) -> Vec<Value> {
    let page = shop.get(&format!("{HOOK}/dead-letters")).await.json();
    page["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|letter| letter["sequence"].clone())
        .collect()
}

#[actix_web::test]
async fn they_are_listed_with_their_places_and_with_what_they_have_put_aside() {
    let shop = shop().await;
    let listed = shop.get("/v1/subscriptions").await.json();
    assert_eq!(
        listed,
        json!({"items": [{
            "name": "https://shop.example/hook", "place": "1-9", "active": true, "enabled": true,
            "disabled_reason": null, "failing": null, "put_aside": 2, "dead": 1,
        }], "next": null})
    );
    let first = shop.get(&format!("{HOOK}/dead-letters?limit=1")).await.json();
    assert_eq!(
        first,
        json!({"items": [{
            "sequence": 4, "sku": "LAMP", "state": "dead", "reason": "status 500: no", "attempts": 5,
            "since": "2026-02-01T09:00:00Z",
        }], "next": 4})
    );
    let second = shop.get(&format!("{HOOK}/dead-letters?after=4")).await.json();
    assert_eq!(
        (&second["items"][0]["state"], &second["next"]),
        (&json!("waits"), &json!(null))
    );
}

#[actix_web::test]
async fn dead_letters_are_replayed_or_dropped_and_a_preview_does_neither() {
    let shop = shop().await;
    let preview = shop.post(&format!("{HOOK}/replay?preview=true"), &json!({})).await;
    assert_eq!(
        (preview.json(), preview.header("x-earmark-preview")),
        (json!({"events": 1}), Some("true"))
    );
    let preview = shop.post(&format!("{HOOK}/skip?preview=true"), &json!({})).await;
    assert_eq!(preview.json(), json!({"events": 2}));
    assert_eq!(shop.get("/v1/subscriptions").await.json()["items"][0]["dead"], 1);
    // One that waits is not dead.
    let replayed = shop.post(&format!("{HOOK}/replay"), &json!({"sequences": [7]})).await;
    assert_eq!(replayed.json(), json!({"events": 0}));
    let replayed = shop
        .post(&format!("{HOOK}/replay"), &json!({"sequences": [4, 7]}))
        .await;
    assert_eq!(replayed.json(), json!({"events": 1}));
    assert_eq!(shop.get("/v1/subscriptions").await.json()["items"][0]["dead"], 0);
    let skipped = shop.post(&format!("{HOOK}/skip"), &json!({"sequences": [4]})).await;
    assert_eq!(skipped.json(), json!({"events": 1}));
    assert_eq!(sequences(&shop).await, [7]);
    assert_eq!(
        shop.post(&format!("{HOOK}/skip"), &json!({})).await.json(),
        json!({"events": 1})
    );
    assert_eq!(sequences(&shop).await, [0_u64; 0]);
}

#[actix_web::test]
async fn one_is_disabled_and_enabled_again() {
    let shop = shop().await;
    let preview = shop
        .patch(&format!("{HOOK}?preview=true"), &json!({"enabled": false}))
        .await;
    assert_eq!(preview.json()["enabled"], false);
    assert_eq!(shop.get("/v1/subscriptions").await.json()["items"][0]["enabled"], true);
    let disabled = shop.patch(HOOK, &json!({"enabled": false})).await.json();
    assert_eq!(
        (&disabled["enabled"], &disabled["disabled_reason"]),
        (&json!(false), &json!("by request"))
    );
    assert_eq!(shop.get("/v1/subscriptions").await.json()["items"][0], disabled);
    let enabled = shop.patch(HOOK, &json!({"enabled": true})).await.json();
    assert_eq!(
        (&enabled["enabled"], &enabled["disabled_reason"]),
        (&json!(true), &json!(null))
    );
}

#[actix_web::test]
async fn a_preview_tells_that_one_which_is_enabled_is_tried_at_once() {
    let failing = Progress {
        failing: Some(Failing {
            since: opening(),
            attempts: 9,
            reason: "status 500: no".to_owned(),
        }),
        disabled: Some("it fails for three days".to_owned()),
        ..Progress::default()
    };
    let shop = shop_with(failing, &[]).await;
    for enabled in [false, true] {
        let change = json!({"enabled": enabled});
        let preview = shop.patch(&format!("{HOOK}?preview=true"), &change).await.json();
        assert_eq!(preview["failing"].is_null(), enabled);
        assert_eq!(shop.patch(HOOK, &change).await.json(), preview);
    }
}

/// More than a subscription may have before it stops: what it puts aside with its last delivery comes on top.
#[actix_web::test]
async fn a_preview_counts_all_that_is_put_aside() {
    let many = MAX_DEAD_LETTERS as u64 + 700;
    let letters: Vec<DeadLetter> = (1..=many)
        .map(|sequence| match sequence % 2 {
            0 => letter(sequence, LetterState::Waits),
            _ => letter(sequence, LetterState::Dead("status 500: no".to_owned())),
        })
        .collect();
    let shop = shop_with(Progress::default(), &letters).await;
    for (decision, events) in [("replay", many / 2), ("skip", many)] {
        let preview = shop.post(&format!("{HOOK}/{decision}?preview=true"), &json!({})).await;
        assert_eq!(preview.json(), json!({"events": events}), "{decision}");
        let decided = shop.post(&format!("{HOOK}/{decision}"), &json!({})).await;
        assert_eq!(decided.json(), preview.json(), "{decision}");
    }
}

#[actix_web::test]
async fn what_is_unknown_or_wrong_is_a_problem() {
    let shop = shop().await;
    for answer in [
        shop.get("/v1/subscriptions/none/dead-letters").await,
        shop.post("/v1/subscriptions/none/replay", &json!({})).await,
        shop.post("/v1/subscriptions/none/skip", &json!({})).await,
        shop.patch("/v1/subscriptions/none", &json!({"enabled": true})).await,
    ] {
        assert_eq!(
            (answer.status, answer.code(), &answer.json()["name"]),
            (StatusCode::NOT_FOUND, "unknown_subscription".to_owned(), &json!("none"))
        );
    }
    for (body, field) in [
        (json!({"sequences": []}), "sequences"),
        (json!({"sequences": 4}), "sequences"),
        (json!({"sequences": [4, -1]}), "sequences[1]"),
        (json!({"sequences": [4.5]}), "sequences[0]"),
        (json!({"sequence": 4}), "sequence"),
    ] {
        let answer = shop.post(&format!("{HOOK}/skip"), &body).await;
        assert_eq!(
            (answer.code(), answer.fields()),
            ("invalid_request".to_owned(), vec![field.to_owned()])
        );
    }
    let answer = shop.patch(HOOK, &json!({"enabled": "yes"})).await;
    assert_eq!(answer.fields(), ["enabled"]);
    assert_eq!(sequences(&shop).await, [4, 7], "nothing was decided");
}
