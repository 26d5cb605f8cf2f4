//! Signatures, checked by the library that the scheme's authors have written for receivers.

use earmark_application::Publisher;
use standardwebhooks::Webhook;

use crate::outside::{Names, QuickClock};
use crate::receiver::{OK, Received, Receiver};
use crate::shop::{SECRET, event, events, settings, webhooks_with};

/// The secret that takes the other's place.
const NEXT: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn accepts(secret: &str, received: &Received) -> bool {
    let library = Webhook::new(secret).expect("a secret");
    library.verify(&received.body, &received.headers).is_ok()
}

async fn received_with(secrets: &[&str]) -> Received {
    let receiver = Receiver::with(OK).await;
    let webhooks = webhooks_with(QuickClock::default(), Names::none(), settings(&["127.0.0.1"]));
    let webhook = webhooks.publisher(&receiver.url(), secrets).expect("a webhook");
    webhook.publish(&events(1..=9)).await.expect("it is delivered");
    receiver.only()
}

#[tokio::test]
async fn a_foreign_library_accepts_what_is_signed_and_nothing_else() {
    let received = received_with(&[SECRET]).await;
    assert!(accepts(SECRET, &received));
    assert!(!accepts(NEXT, &received));
    let mut changed = received.clone();
    changed.body[10] ^= 1;
    assert!(!accepts(SECRET, &changed));
    let mut changed = received;
    changed
        .headers
        .insert("webhook-id", "another".parse().expect("a value"));
    assert!(!accepts(SECRET, &changed));
}

#[tokio::test]
async fn with_two_secrets_receivers_may_know_either() {
    let received = received_with(&[NEXT, SECRET]).await;
    assert!(accepts(SECRET, &received));
    assert!(accepts(NEXT, &received));
}

#[tokio::test]
async fn a_repeated_delivery_is_signed_for_its_own_time() {
    let receiver = Receiver::with(OK).await;
    let clock = QuickClock::default();
    let webhooks = webhooks_with(clock.clone(), Names::none(), settings(&["127.0.0.1"]));
    let webhook = webhooks.publisher(&receiver.url(), &[SECRET]).expect("a webhook");
    webhook.publish(&[event(1)]).await.expect("it is delivered");
    // Receivers refuse what is older than five minutes.
    clock.put_forward(200);
    webhook.publish(&[event(1)]).await.expect("it is delivered");

    let received = receiver.received();
    let time = |nth: usize| {
        received[nth]
            .header("webhook-timestamp")
            .parse::<i64>()
            .expect("seconds")
    };
    assert!((200..=205).contains(&(time(1) - time(0))));
    assert_ne!(
        received[0].header("webhook-signature"),
        received[1].header("webhook-signature")
    );
    assert!(received.iter().all(|received| accepts(SECRET, received)));
}
