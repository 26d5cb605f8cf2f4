//! Dead messages: put aside once, listed, tried once more, dropped, and bounded.

use std::sync::Arc;

use earmark_application::{
    DEAD_MESSAGE_BATCH, DeadMessage, DeadMessageAction, Inbox, MAX_DEAD_BODY_BYTES, MAX_DEAD_MESSAGES,
    MAX_DEAD_REASON_CHARS, REPLAYED_BYTES, SHOWN_DEAD_BODY_BYTES, SourceName, SourceStatus,
};
use earmark_domain::MessageId;
use jiff::Timestamp;

use crate::build::{allocate, create_batch};
use crate::databases::Db;
use crate::shop_engine::ShopEngine;

/// The port.
type Port = Arc<dyn Inbox>;

fn name(text: &str) -> SourceName {
    SourceName::new(text)
}

/// A dead message with an instant that every store keeps: whole microseconds.
fn dead(source: &str, id: &str, body: &[u8]) -> DeadMessage {
    DeadMessage {
        number: 0,
        source: name(source),
        id: id.to_owned(),
        correlation_id: Some("request-7".into()),
        body: body.to_vec(),
        bytes: body.len() as u64,
        is_whole: true,
        reason: "unknown_batch: there is no batch b-9".to_owned(),
        attempts: 1,
        since: Timestamp::from_microsecond(1_767_225_600_123_456).expect("an instant"),
        replayed: false,
    }
}

async fn bury(port: &Port, messages: &[DeadMessage]) {
    let buried = port.bury(&messages[0].source, messages).await.expect("an outcome");
    assert!(buried, "there is room");
}

/// All of a source.
async fn all(port: &Port, source: &str) -> Vec<DeadMessage> {
    port.dead_messages(&name(source), 0, 100).await.expect("dead messages")
}

async fn ids(port: &Port, source: &str) -> Vec<String> {
    all(port, source).await.into_iter().map(|message| message.id).collect()
}

/// Decides in as many steps as it takes.
async fn decide(port: &Port, source: &str, numbers: Option<&[u64]>, action: DeadMessageAction) -> u64 {
    let (mut messages, mut after) = (0, Some(0));
    while let Some(from) = after {
        let decided = port.decide_on_dead_messages(&name(source), numbers, from, action).await;
        let decided = decided.expect("an outcome");
        messages += decided.messages;
        after = decided.next;
    }
    messages
}

async fn replays(port: &Port, source: &str) -> Vec<DeadMessage> {
    port.replays(&name(source), 100).await.expect("replays")
}

/// By its source and its id, through another instance, too; one without an id is always another.
pub async fn a_message_is_buried_once(db: Db) {
    let (port, other) = (db.open().await.inbox, db.open().await.inbox);
    bury(&port, &[dead("orders", "m-1", b"{"), dead("orders", "m-2", b"[")]).await;
    let again = DeadMessage {
        reason: "another".to_owned(),
        attempts: 7,
        ..dead("orders", "m-2", b"]")
    };
    bury(
        &other,
        &[again, dead("orders", "m-3", b"x"), dead("orders", "m-3", b"y")],
    )
    .await;
    bury(&other, &[dead("stock", "m-2", b"z")]).await;
    bury(&port, &[dead("orders", "", b"{"), dead("orders", "", b"{")]).await;
    let buried = all(&other, "orders").await;
    let told: Vec<(&str, &[u8], u32)> = buried
        .iter()
        .map(|message| (&*message.id, &*message.body, message.attempts))
        .collect();
    let expected: [(&str, &[u8], u32); 5] = [
        ("m-1", b"{", 1),
        ("m-2", b"[", 1),
        ("m-3", b"x", 1),
        ("", b"{", 1),
        ("", b"{", 1),
    ];
    assert_eq!(told, expected);
    assert!(buried.is_sorted_by(|one, next| one.number < next.number), "{buried:?}");
    assert_eq!(all(&port, "stock").await.len(), 1);
}

/// Any bytes, in lists the beginning, and for a replay all of them; a message that was not kept whole says so.
pub async fn a_dead_message_is_read_back_as_it_was_buried(db: Db) {
    let (port, other) = (db.open().await.inbox, db.open().await.inbox);
    let large: Vec<u8> = (0..MAX_DEAD_BODY_BYTES)
        .map(|at| u8::try_from(at % 256).expect("a byte"))
        .collect();
    let cut = DeadMessage {
        correlation_id: None,
        bytes: 10 << 20,
        is_whole: false,
        reason: "🪔".repeat(MAX_DEAD_REASON_CHARS),
        attempts: u32::MAX,
        ..dead("nats://broker/ÖRDERS", "", b"\x00\xff")
    };
    let source = cut.source.as_str().to_owned();
    bury(
        &port,
        &[dead(&source, "🪔", &large), cut.clone(), dead(&source, "empty", b"")],
    )
    .await;
    let listed = all(&other, &source).await;
    let numbers: Vec<u64> = listed.iter().map(|message| message.number).collect();
    let of = |at: usize, message: DeadMessage| DeadMessage {
        number: numbers[at],
        ..message
    };
    let beginning = DeadMessage {
        body: large[..SHOWN_DEAD_BODY_BYTES].to_vec(),
        ..dead(&source, "🪔", &large)
    };
    assert_eq!(
        listed,
        [of(0, beginning), of(1, cut), of(2, dead(&source, "empty", b""))]
    );
    let page = async |after, limit| port.dead_messages(&name(&source), after, limit).await.expect("a page");
    assert_eq!(page(0, 2).await, listed[..2]);
    assert_eq!(page(numbers[0], 10).await, listed[1..]);
    assert_eq!(page(u64::MAX, 10).await, []);

    assert_eq!(
        decide(&port, &source, None, DeadMessageAction::Replay).await,
        2,
        "the whole ones"
    );
    let replayed = |message| DeadMessage {
        replayed: true,
        ..message
    };
    let whole = [of(0, dead(&source, "🪔", &large)), of(2, dead(&source, "empty", b""))];
    assert_eq!(replays(&other, &source).await, whole.map(replayed));
    assert_eq!(other.replays(&name(&source), 1).await.expect("replays").len(), 1);
}

/// As many as have so many bytes, and one at least.
pub async fn no_more_bodies_are_read_for_replays_at_once_than_fit(db: Db) {
    let port = db.open().await.inbox;
    let third = vec![b'x'; REPLAYED_BYTES / 3];
    let whole = vec![b'x'; REPLAYED_BYTES];
    let bodies: [&[u8]; 8] = [&whole, b"", &whole, &third, &third, &third, &third, b"{}"];
    let messages = (1..)
        .zip(bodies)
        .map(|(number, body)| dead("orders", &format!("m-{number}"), body));
    bury(&port, &messages.collect::<Vec<_>>()).await;
    decide(&port, "orders", None, DeadMessageAction::Replay).await;
    let mut at_once = Vec::new();
    while let some @ [_, ..] = &*replays(&port, "orders").await {
        at_once.push(some.len());
        for message in some {
            port.replay_ended(message, None).await.expect("noted");
        }
    }
    assert_eq!(at_once, [2, 1, 3, 2]);
}

/// The transaction that carries out the command of a message takes the dead one along, on whichever path it goes, and one
/// that has been carried out is not put aside any more. That it was refused makes no difference.
pub async fn a_message_that_is_carried_out_is_not_dead(db: Db) {
    let shop = ShopEngine::open(&db).await;
    let port = db.open().await.inbox;
    shop.done(&create_batch("b-1", "LAMP", 10)).await;
    let id = |id: &str| MessageId::new("orders", id).expect("a message id");
    let of = |source| ["m-1", "m-2", "m-3", "m-4", ""].map(|id| dead(source, id, b"{"));
    bury(&port, &of("orders")).await;
    bury(&port, &of("stock")).await;
    for (message, command) in [
        ("m-1", allocate("o-1", "LAMP", 1)),
        ("m-2", create_batch("b-2", "LAMP", 1)),
        // It was carried out before: nothing changes.
        ("m-3", create_batch("b-1", "LAMP", 10)),
    ] {
        let answer = shop.deliver(&id(message), &command).await;
        assert!(answer.is_ok(), "{answer:?}");
    }
    let refused = shop.deliver(&id("m-4"), &allocate("o-1", "SOFA", 1)).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(ids(&port, "orders").await, ["m-4", ""]);
    assert_eq!(ids(&port, "stock").await.len(), 5, "those of another source stay");

    // An instance that is late buries all of them once more.
    let other = db.open().await.inbox;
    bury(&other, &of("orders")).await;
    assert_eq!(ids(&port, "orders").await, ["m-4", "", ""]);
    shop.assert_sound().await;
}

/// Replayed, a message ends once, however many have tried it; skipped, it is gone. What is of another source stays.
pub async fn dead_messages_are_replayed_and_skipped(db: Db) {
    let (port, other) = (db.open().await.inbox, db.open().await.inbox);
    let of = |source| (1..=5).map(move |number| dead(source, &format!("m-{number}"), b"{}"));
    bury(&port, &of("orders").collect::<Vec<_>>()).await;
    bury(&port, &of("stock").collect::<Vec<_>>()).await;
    let numbers: Vec<u64> = all(&port, "orders")
        .await
        .iter()
        .map(|message| message.number)
        .collect();
    let of_stock = all(&port, "stock").await[0].number;
    let status = |name: &str, dead, replayed| SourceStatus {
        name: SourceName::new(name),
        dead,
        replayed,
    };

    let replay = DeadMessageAction::Replay;
    let some = [numbers[0], numbers[1], of_stock, u64::MAX];
    assert_eq!(decide(&port, "orders", Some(&some), replay).await, 2);
    assert_eq!(
        decide(&port, "orders", Some(&some), replay).await,
        0,
        "they are replayed already"
    );
    assert_eq!(
        other.sources().await.expect("sources"),
        [status("orders", 5, 2), status("stock", 5, 0)]
    );
    let tried = replays(&port, "orders").await;
    assert_eq!(tried.len(), 2);
    port.replay_ended(&tried[0], None).await.expect("noted");
    port.replay_ended(&tried[1], Some("it is no command"))
        .await
        .expect("noted");
    // Another instance has tried the same ones.
    other
        .replay_ended(&tried[0], Some("late"))
        .await
        .expect("nothing happens");
    other.replay_ended(&tried[1], None).await.expect("nothing happens");
    assert_eq!(ids(&port, "orders").await, ["m-2", "m-3", "m-4", "m-5"]);
    let second = &all(&port, "orders").await[0];
    assert_eq!(
        (&*second.reason, second.attempts, second.replayed),
        ("it is no command", 2, false)
    );
    assert_eq!(replays(&port, "orders").await, []);

    let skip = DeadMessageAction::Skip;
    assert_eq!(decide(&port, "orders", Some(&[numbers[2], of_stock]), skip).await, 1);
    assert_eq!(decide(&port, "orders", Some(&[]), skip).await, 0);
    assert_eq!(decide(&port, "orders", None, replay).await, 3);
    assert_eq!(
        decide(&port, "orders", None, skip).await,
        3,
        "whatever was to become of them"
    );
    assert_eq!(decide(&port, "orders", None, skip).await, 0);
    assert_eq!(decide(&port, "unknown", None, skip).await, 0);
    assert_eq!(port.sources().await.expect("sources"), [status("stock", 5, 0)]);
    // What was dropped may be buried again, under a new number.
    bury(&port, &[dead("orders", "m-2", b"{}")]).await;
    let last = all(&port, "orders").await[0].number;
    assert!(last > of_stock && !numbers.contains(&last));
}

/// With so many nothing more of the source is put aside, until some are decided on; many are decided on in steps.
pub async fn the_dead_messages_of_a_source_are_bounded(db: Db) {
    let port = db.open().await.inbox;
    let chunk = |from: u64, many: u64| -> Vec<DeadMessage> {
        let ids = (from..from + many).map(|number| format!("m-{number}"));
        ids.map(|id| dead("orders", &id, b"{")).collect()
    };
    let source = name("orders");
    let mut from = 0;
    while from < MAX_DEAD_MESSAGES {
        bury(&port, &chunk(from, 5_000)).await;
        from += 5_000;
    }
    assert!(!port.bury(&source, &chunk(from, 1)).await.expect("an outcome"));
    bury(&port, &[dead("stock", "m-1", b"{")]).await;
    let numbers: Vec<u64> = all(&port, "orders")
        .await
        .iter()
        .map(|message| message.number)
        .collect();
    assert_eq!(
        decide(&port, "orders", Some(&numbers[3..5]), DeadMessageAction::Skip).await,
        2
    );
    assert!(
        !port.bury(&source, &chunk(from, 3)).await.expect("an outcome"),
        "all of them or none"
    );
    bury(&port, &chunk(from, 2)).await;
    assert!(!port.bury(&source, &chunk(from + 2, 1)).await.expect("an outcome"));
    // What is there already takes no room, nor does what comes twice at once.
    bury(&port, &chunk(from, 2)).await;
    let skipped = [dead("orders", "m-3", b"{"), dead("orders", "m-3", b"{")];
    assert_eq!(
        decide(&port, "orders", Some(&numbers[5..6]), DeadMessageAction::Skip).await,
        1
    );
    bury(&port, &skipped).await;
    assert!(
        !port
            .bury(&source, &[dead("orders", "", b"{")])
            .await
            .expect("an outcome")
    );

    let first = port
        .decide_on_dead_messages(&source, None, 0, DeadMessageAction::Replay)
        .await;
    let first = first.expect("an outcome");
    assert_eq!(first.messages, DEAD_MESSAGE_BATCH as u64);
    assert!(first.next.is_some());
    assert_eq!(
        decide(&port, "orders", None, DeadMessageAction::Skip).await,
        MAX_DEAD_MESSAGES
    );
    assert_eq!(all(&port, "stock").await.len(), 1);
}
