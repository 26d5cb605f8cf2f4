//! Messages that are put aside: those that can't be read, those that are refused, and those that are tried once more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use earmark_application::{
    Body, DeadMessage, DeadMessageAction, MAX_DEAD_BODY_BYTES, SourceName, decide_on_dead_messages,
};

use crate::shop::{Fault, Shop};
use crate::source::Source;
use crate::support::{Instance, locked, pause, until};

async fn replay_all(shop: &Shop) -> u64 {
    let source = SourceName::new("stream");
    let decided = decide_on_dead_messages(shop, &source, None, DeadMessageAction::Replay);
    decided.await.expect("an outcome")
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_read_or_is_refused_is_buried_with_its_reason_and_the_next_is_taken() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    let instance = Instance::start(&source, &shop);
    for number in 0..1_000 {
        source.send(&format!("good-{number}"), &format!("allocate o-{number} 1"));
        match number % 4 {
            0 => source.send(&format!("bad-{number}"), "{"),
            1 => source.send(&format!("bad-{number}"), "allocate o-x -1"),
            2 => source.send(&format!("bad-{number}"), "sofa o-x"),
            _ => source.send_body(
                &format!("bad-{number}"),
                Body::TooLong {
                    bytes: 10 << 20,
                    beginning: b"allo".to_vec(),
                },
            ),
        }
    }
    until("all are acknowledged", || source.is_empty()).await;
    assert_eq!(shop.effects().len(), 1_000);
    assert_eq!(instance.figures.all(), [2_000, 1_000, 1_000, 0]);
    let dead = shop.dead();
    let reasons: Vec<&str> = dead[..4].iter().map(|(_, reason, _)| reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "no command: {",
            "no number",
            "unknown_sku: unknown SKU: SOFA",
            "payload_too_large: the message has 10485760 bytes, more than any command"
        ]
    );
    let ids: Vec<String> = dead.into_iter().map(|(id, ..)| id).collect();
    let expected: Vec<String> = (0..1_000).map(|number| format!("bad-{number}")).collect();
    assert_eq!(ids, expected);
    let letters = locked(&shop.dead).clone();
    let kept: Vec<(&[u8], u64, bool)> = letters
        .values()
        .skip(2)
        .take(2)
        .map(|message| (&*message.body, message.bytes, message.is_whole))
        .collect();
    assert_eq!(kept, [(&b"sofa o-x"[..], 8, true), (b"allo", 10 << 20, false)]);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_kept_of_a_dead_message_than_a_command_may_have() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    let _instance = Instance::start(&source, &shop);
    source.send("m-1", &"x".repeat(MAX_DEAD_BODY_BYTES + 1));
    source.send("m-2", "sofa\u{0}\u{1b}[31m");
    until("all are acknowledged", || source.is_empty()).await;
    let dead: Vec<_> = locked(&shop.dead).values().cloned().collect();
    assert_eq!(dead[0].body.len(), MAX_DEAD_BODY_BYTES);
    assert!(!dead[0].is_whole && dead[0].bytes == MAX_DEAD_BODY_BYTES as u64 + 1);
    assert!(dead[0].reason.len() <= 1_000);
    assert_eq!(dead[1].reason, "no command: sofa??[31m");
}

#[tokio::test(start_paused = true)]
async fn a_source_with_too_many_dead_messages_waits_and_goes_on_when_some_are_decided_on() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    *locked(&shop.is_full) = true;
    let instance = Instance::start(&source, &shop);
    source.send("m-1", "allocate o-1 1");
    source.send("m-2", "{");
    source.send("m-3", "allocate o-3 1");
    pause(Duration::from_secs(100)).await;
    assert_eq!(*locked(&instance.figures.stopped), Some(true));
    assert_eq!(source.acknowledged(), ["m-1", "m-3"], "what is sound is not held up");
    assert!(!locked(&source.told).is_empty(), "the source hears that it is not lost");
    *locked(&shop.is_full) = false;
    until("all are acknowledged", || source.is_empty()).await;
    assert_eq!(shop.dead(), [("m-2".to_owned(), "no command: {".to_owned(), 1)]);
    assert_eq!(*locked(&instance.figures.stopped), Some(false));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_the_service_fails_on_is_tried_some_times_and_buried() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    *locked(&shop.faults) = [Fault::Corrupt; 3].into();
    let instance = Instance::start(&source, &shop);
    source.send("m-1", "allocate o-1 1");
    until("it is acknowledged", || source.is_empty()).await;
    let reason = "internal: the service failed on this command; it has been logged";
    assert_eq!(shop.dead(), [("m-1".to_owned(), reason.to_owned(), 3)]);
    assert_eq!(instance.figures.retried.load(Ordering::SeqCst), 2);
    // Once it has passed, the same command can be replayed.
    assert_eq!(replay_all(&shop).await, 1);
    until("it is carried out", || shop.dead().is_empty()).await;
    assert_eq!(shop.effects(), ["o-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_carried_out_or_dead_for_another_reason_and_one_attempt_more() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    let _instance = Instance::start(&source, &shop);
    source.send("m-1", "sofa o-1");
    source.send("m-2", "{");
    until("both are acknowledged", || source.is_empty()).await;
    for message in locked(&shop.dead).values_mut() {
        message.replayed = true;
        if message.id == "m-2" {
            // Somebody has mended it.
            message.body = b"allocate o-2 1".to_vec();
        }
    }
    until("they were tried", || shop.dead().len() == 1 && shop.dead()[0].2 == 2).await;
    let refused = "unknown_sku: unknown SKU: SOFA".to_owned();
    assert_eq!(shop.dead(), [("m-1".to_owned(), refused.clone(), 2)]);
    assert_eq!(shop.effects(), ["o-2"]);
    // Once more, under another id.
    assert_eq!(replay_all(&shop).await, 1);
    until("it was tried", || shop.dead()[0].2 == 3).await;
    assert_eq!(shop.dead(), [("m-1".to_owned(), refused, 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_two_instances_try_at_once_is_carried_out_once() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    source.send("m-1", "{");
    let instances = [Instance::start(&source, &shop), Instance::start(&Source::new(), &shop)];
    until("it is buried", || shop.dead().len() == 1).await;
    *locked(&shop.takes) = Duration::from_millis(700);
    for message in locked(&shop.dead).values_mut() {
        message.replayed = true;
        message.body = b"allocate o-1 1".to_vec();
    }
    until("it is carried out", || shop.dead().is_empty()).await;
    pause(Duration::from_secs(10)).await;
    assert_eq!(shop.effects(), ["o-1"]);
    drop(instances);
}

#[tokio::test(start_paused = true)]
async fn a_replay_without_an_answer_is_tried_again_and_many_are_tried_in_a_row() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    let _instance = Instance::start(&source, &shop);
    for number in 0..200 {
        source.send(&format!("m-{number}"), "{");
    }
    until("they are buried", || shop.dead().len() == 200).await;
    *locked(&shop.faults) = [Fault::Unavailable; 3].into();
    for message in locked(&shop.dead).values_mut() {
        message.replayed = true;
        message.body = format!("allocate {} 1", message.id).into_bytes();
    }
    until("all are carried out", || shop.dead().is_empty()).await;
    assert_eq!(shop.effects().len(), 200);
}

/// An instance that could not read a message has buried it, and could not acknowledge it; a newer one has carried it out.
#[tokio::test(start_paused = true)]
async fn a_dead_message_that_was_carried_out_all_the_same_has_no_second_effect() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    let instance = Instance::start(&source, &shop);
    source.send("m-1", "{");
    until("it is buried", || shop.dead().len() == 1).await;
    let buried = locked(&shop.dead).clone();
    source.send("m-1", "allocate o-1 1");
    until("it is carried out", || shop.effects().len() == 1).await;
    assert!(shop.dead().is_empty(), "it is not dead any more");
    // The older one was late.
    locked(&shop.dead).extend(buried.into_iter().map(|(number, message)| {
        let body = b"allocate o-1 1".to_vec();
        (
            number,
            DeadMessage {
                body,
                replayed: true,
                ..message
            },
        )
    }));
    until("it is gone", || shop.dead().is_empty()).await;
    assert_eq!(shop.effects(), ["o-1"]);
    assert_eq!(instance.figures.repeated.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_again_after_its_replay_is_known() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    let instance = Instance::start(&source, &shop);
    source.send("m-1", "{");
    until("it is buried", || shop.dead().len() == 1).await;
    for message in locked(&shop.dead).values_mut() {
        message.replayed = true;
        message.body = b"allocate o-1 1".to_vec();
    }
    until("it is carried out", || shop.dead().is_empty()).await;
    source.send("m-1", "allocate o-1 1");
    until("it is acknowledged", || source.is_empty()).await;
    assert_eq!(shop.effects(), ["o-1"]);
    assert_eq!(instance.figures.repeated.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_replay_belong_to_the_request_of_the_message_and_nobody_is_answered() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    let _instance = Instance::start(&source, &shop);
    source.send_for("m-1", Some("request-7"), Body::Whole(b"{".to_vec()));
    until("it is buried", || shop.dead().len() == 1).await;
    for message in locked(&shop.dead).values_mut() {
        message.replayed = true;
        message.body = b"allocate o-1 1".to_vec();
    }
    until("it is carried out", || shop.dead().is_empty()).await;
    assert_eq!(*locked(&shop.correlation_ids), ["request-7".to_owned()].into());
    assert_eq!(locked(&source.replies).len(), 1, "when it was buried");
}
