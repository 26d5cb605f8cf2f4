//! What receivers may do, and what it means.

use std::sync::Arc;
use std::time::Duration;

use earmark_application::{LogPosition, PublishError, Publisher};

use crate::outside::{Names, QuickClock};
use crate::receiver::{OK, Receiver, Reply};
use crate::shop::{SECRET, event, events, settings, webhook, webhooks_with};

async fn outcome_of(reply: Reply) -> Result<(), PublishError> {
    let receiver = Receiver::with(reply).await;
    webhook(&receiver.url()).publish(&events(1..=3)).await
}

fn unavailable(reason: &str, retry_after: Option<u64>) -> Result<(), PublishError> {
    Err(PublishError::Unavailable {
        reason: reason.to_owned(),
        retry_after: retry_after.map(Duration::from_secs),
    })
}

fn not_taken(reason: &str) -> Result<(), PublishError> {
    Err(PublishError::NotTaken(reason.to_owned()))
}

#[track_caller]
fn assert_unavailable(outcome: &Result<(), PublishError>, reason: &str) {
    match outcome {
        Err(PublishError::Unavailable {
            reason: why,
            retry_after: None,
        }) if why.contains(reason) => {}
        other => unreachable!("{other:?} does not say {reason}"),
    }
}

#[tokio::test]
async fn every_status_from_200_to_299_takes_the_events() {
    for status in [200, 201, 202, 204, 299] {
        assert_eq!(outcome_of(Reply::Status(status, "", "")).await, Ok(()), "{status}");
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_wants_no_more_events() {
    let gone = Err(PublishError::Gone("status 410: moved out".to_owned()));
    assert_eq!(outcome_of(Reply::Status(410, "", "moved out\nlong ago")).await, gone);
}

#[tokio::test]
async fn a_receiver_that_is_busy_says_when_to_come_again() {
    for status in [429, 502, 503, 504] {
        let reason = format!("status {status}");
        let reply = Reply::Status(status, "retry-after: 120\r\n", "");
        assert_eq!(outcome_of(reply).await, unavailable(&reason, Some(120)));
        let reply = Reply::Status(status, "retry-after: 1000000\r\n", "");
        assert_eq!(outcome_of(reply).await, unavailable(&reason, Some(3_600)));
        assert_eq!(
            outcome_of(Reply::Status(status, "", "")).await,
            unavailable(&reason, None)
        );
    }
}

#[tokio::test]
async fn a_receiver_that_refuses_may_mean_one_of_the_events_and_its_reason_is_told() {
    for status in [400, 401, 403, 404, 405, 413, 422, 500, 501] {
        let reply = Reply::Status(status, "retry-after: 120\r\n", "\n no such\thook\nsecond");
        assert_eq!(
            outcome_of(reply).await,
            not_taken(&format!("status {status}: no suchhook"))
        );
    }
    assert_eq!(
        outcome_of(Reply::Status(408, "", "")).await,
        unavailable("status 408", None)
    );
}

#[tokio::test]
async fn an_event_is_too_large_for_a_receiver_only_if_it_is_alone() {
    let reply = Reply::Status(413, "", "too large");
    assert_eq!(outcome_of(reply).await, not_taken("status 413: too large"));
    let receiver = Receiver::with(reply).await;
    let refused = Err(PublishError::Refused {
        index: 0,
        reason: "status 413: too large".to_owned(),
    });
    assert_eq!(webhook(&receiver.url()).publish(&[event(1)]).await, refused);
    assert_eq!(
        webhook(&receiver.url()).replay(&event(1), LogPosition::START).await,
        refused
    );
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let target = Receiver::with(OK).await;
    let location: &'static str = Box::leak(format!("location: {}\r\n", target.url()).into_boxed_str());
    for status in [301, 302, 303, 307, 308] {
        let outcome = outcome_of(Reply::Status(status, location, "")).await;
        assert_eq!(
            outcome,
            unavailable(&format!("status {status} (redirects are not followed)"), None)
        );
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn who_does_not_answer_is_given_up() {
    let receiver = Receiver::with(Reply::Hang).await;
    let outcome = webhook(&receiver.url()).publish(&events(1..=3)).await;
    assert_eq!(outcome, unavailable("no answer within 10 s", None));
}

#[tokio::test]
async fn what_counts_is_the_head_and_the_body_is_not_waited_for() {
    assert_eq!(outcome_of(Reply::HangInBody(200)).await, Ok(()));
    assert_eq!(outcome_of(Reply::HangInBody(500)).await, not_taken("status 500: so"));
}

#[tokio::test]
async fn a_connection_that_is_closed_or_refused_fails_the_delivery() {
    assert_unavailable(&outcome_of(Reply::Close).await, "connection closed");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("it can listen");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let outcome = webhook(&format!("http://{address}/")).publish(&events(1..=3)).await;
    assert_unavailable(&outcome, "refused");
}

#[tokio::test]
async fn of_a_gigabyte_no_more_is_read_than_is_needed() {
    // What the sockets of both sides hold.
    const BUFFERED: u64 = 16 << 20;
    for (status, delivered) in [(200, true), (500, false)] {
        let receiver = Receiver::with(Reply::Gigabyte(status)).await;
        let outcome = webhook(&receiver.url()).publish(&events(1..=3)).await;
        assert_eq!(outcome.is_ok(), delivered);
        assert!(receiver.written() < BUFFERED, "{}", receiver.written());
    }
    let receiver = Receiver::with(Reply::EndlessHead).await;
    let outcome = webhook(&receiver.url()).publish(&events(1..=3)).await;
    assert_unavailable(&outcome, "too large");
    assert!(receiver.written() < BUFFERED, "{}", receiver.written());
}

#[tokio::test]
async fn nothing_that_is_secret_in_a_url_is_told() {
    let echo = "POST /hook?token=sesame as shop:sesame is not allowed";
    let replies = vec![Reply::Status(403, "", echo), Reply::Close];
    let receiver = Receiver::at("127.0.0.1:0", replies).await;
    let url = format!("http://shop:sesame@127.0.0.1:{}/hook?token=sesame", receiver.port());
    let webhook = webhook(&url);
    let outcome = webhook.publish(&[event(1)]).await;
    assert_eq!(outcome, not_taken("status 403"));
    assert_eq!(
        webhook.name().as_str(),
        format!("http://127.0.0.1:{}/hook", receiver.port())
    );
    let shown = format!("WebhookPublisher(\"http://127.0.0.1:{}/hook\")", receiver.port());
    assert_eq!(format!("{webhook:?}"), shown);

    let received = receiver.only();
    assert_eq!(received.target, "/hook?token=sesame");
    assert_eq!(received.header("authorization"), "Basic c2hvcDpzZXNhbWU=");
    let Err(PublishError::Unavailable { reason, .. }) = webhook.publish(&[event(1)]).await else {
        panic!("it was closed");
    };
    assert!(!reason.contains("sesame"), "{reason}");
}

#[tokio::test]
async fn requests_of_all_webhooks_share_a_bound_and_those_who_hang_free_their_place() {
    let hanging = Receiver::with(Reply::Hang).await;
    let good = Receiver::with(OK).await;
    let mut settings = settings(&["127.0.0.1"]);
    settings.under_way = 1.try_into().expect("more than none");
    let webhooks = webhooks_with(QuickClock::default(), Names::none(), settings);
    let publisher = |url: String| Arc::new(webhooks.publisher(&url, &[SECRET]).expect("a webhook"));
    let (hangs, answers) = (publisher(hanging.url()), publisher(good.url()));

    let first = tokio::spawn(async move { hangs.publish(&[event(1)]).await });
    while hanging.connections() == 0 {
        tokio::task::yield_now().await;
    }
    let second = tokio::spawn(async move { answers.publish(&[event(1)]).await });
    assert_eq!(
        first.await.expect("no panic"),
        unavailable("no answer within 10 s", None)
    );
    assert_eq!(good.connections(), 0, "it waited for its turn");
    assert_eq!(second.await.expect("no panic"), Ok(()));
}
