//! What holds on every broker.

use std::sync::Arc;
use std::time::Duration;

use earmark_application::{Books, BooksId, Epoch, LastPublished, LogPosition, PublishError, Publisher};

use super::log::{Log, stored};
use super::relay::deliver;
use super::servers::{NatsServer, Proxy, RedisServer};
use super::support::{Broker, in_time};

/// More than a call takes.
const MANY: u64 = 3_500;

fn place(sequence: u64) -> LastPublished {
    LastPublished::Event(LogPosition { epoch: 1, sequence })
}

async fn events_arrive_once_and_in_order<B: Broker>() {
    let (broker, log) = (B::start(""), Log::of(MANY));
    let publisher = broker.publisher();
    assert_eq!(publisher.last_published(&log.books).await, Ok(LastPublished::Nothing));
    for call in log.events.chunks(publisher.limits().events) {
        publisher.publish(call).await.expect("it is published");
    }
    assert_eq!(broker.stored().await, log.stored());
    assert_eq!(publisher.last_published(&log.books).await, Ok(place(MANY)));
    assert_eq!(broker.publisher().last_published(&log.books).await, Ok(place(MANY)));
}

async fn a_call_that_comes_again_changes_nothing<B: Broker>() {
    let (broker, log) = (B::start(""), Log::of(200));
    let (one, other) = (broker.publisher(), broker.publisher());
    for publisher in [&one, &other] {
        publisher.last_published(&log.books).await.expect("it answers");
    }
    one.publish(&log.events[..100]).await.expect("it is published");
    // The other one does not know of that: a relay that has lost its lease while it stood still.
    for stale in [&log.events[..100], &log.events[..150]] {
        assert!(matches!(other.publish(stale).await, Err(PublishError::OutOfStep(_))));
        assert_eq!(broker.stored().await, stored(&log.events[..100]));
    }
    // Nor does it publish anything before it has asked.
    let unasked = other.publish(&log.events[100..]).await;
    assert!(matches!(unasked, Err(PublishError::OutOfStep(_))));
    assert_eq!(other.last_published(&log.books).await, Ok(place(100)));
    other.publish(&log.events[100..]).await.expect("it is published");
    assert!(matches!(
        one.publish(&log.events[100..]).await,
        Err(PublishError::OutOfStep(_))
    ));
    assert_eq!(broker.stored().await, log.stored());
}

async fn rivals_leave_no_gap_and_repeat_nothing<B: Broker>() {
    let (broker, log) = (B::start(""), Log::of(MANY));
    let rivals = [broker.publisher(), broker.publisher(), broker.publisher()];
    let deliveries = rivals.iter().map(|rival| deliver(&**rival, &log, 60));
    let failures: usize = futures::future::join_all(deliveries).await.iter().sum();
    assert!(failures > 0, "they never met");
    assert_eq!(broker.stored().await, log.stored());
}

async fn a_broker_that_is_killed_amid_calls_loses_nothing<B: Broker>() {
    let (mut broker, log) = (B::start(""), Arc::new(Log::of(6 * MANY)));
    let (publisher, events) = (broker.publisher(), Arc::clone(&log));
    let delivery = tokio::spawn(async move { deliver(&*publisher, &events, 900).await });
    for round in 0..4 {
        tokio::time::sleep(Duration::from_millis(40 + 30 * round)).await;
        broker.kill();
        broker.start_again();
    }
    let failures = delivery.await.expect("all is delivered");
    assert!(failures > 0, "no call met a killed server");
    assert_eq!(broker.stored().await, log.stored());
}

async fn a_broker_that_has_forgotten_is_made_whole<B: Broker>() {
    let (mut broker, log) = (B::start(""), Log::of(2 * MANY));
    let publisher = broker.publisher();
    let half = Log::of(MANY);
    deliver(&*publisher, &half, 700).await;
    broker.kill();
    let copy = broker.copy_files();
    broker.start_again();
    deliver(&*publisher, &log, 700).await;
    broker.kill();
    broker.put_back(&copy);
    broker.start_again();

    // Who does not ask publishes nothing behind the gap.
    let next = Log::of(2 * MANY + 1).events;
    publisher
        .publish(&next[next.len() - 1..])
        .await
        .expect_err("it is not where it was");
    assert_eq!(publisher.last_published(&log.books).await, Ok(place(MANY)));
    deliver(&*publisher, &log, 700).await;
    assert_eq!(broker.stored().await, log.stored());
}

async fn a_stream_that_has_lost_all_takes_nothing_behind_the_gap<B: Broker>() {
    let (broker, log) = (B::start(""), Log::of(300));
    let publisher = broker.publisher();
    publisher.last_published(&log.books).await.expect("it answers");
    publisher.publish(&log.events[..100]).await.expect("it is published");
    broker.lose_all().await;
    let refused = publisher.publish(&log.events[100..200]).await;
    assert!(matches!(refused, Err(PublishError::OutOfStep(_))), "{refused:?}");
    assert_eq!(publisher.last_published(&log.books).await, Ok(LastPublished::Nothing));
    deliver(&*publisher, &log, 100).await;
    assert_eq!(broker.stored().await, log.stored());
}

async fn a_connection_that_is_cut_leaves_a_beginning<B: Broker>() {
    let (broker, log) = (B::start(""), Log::of(12_000));
    let proxy = Proxy::to(broker.port());
    let publisher = B::publisher_by(proxy.port());
    let (mut at, mut cut) = (0, 0);
    for attempt in 0..12_u64 {
        publisher.last_published(&log.books).await.expect("it answers");
        proxy.cut_after(1 + attempt * 45_000);
        let outcome = publisher.publish(&log.events[at..at + 1_000]).await;
        proxy.heal();
        cut += usize::from(matches!(outcome, Err(PublishError::Unavailable { .. })));
        let end = match publisher.last_published(&log.books).await.expect("it answers") {
            LastPublished::Event(place) => usize::try_from(place.sequence).expect("an index"),
            _ => 0,
        };
        assert!((at..=at + 1_000).contains(&end), "from {at} to {end}");
        assert!(outcome.is_err() || end == at + 1_000, "it says that all has arrived");
        at = end;
    }
    assert!(cut >= 5, "{cut} calls were cut");
    deliver(&*publisher, &log, 1_000).await;
    assert_eq!(broker.stored().await, log.stored());
}

async fn a_call_may_be_dropped<B: Broker>() {
    let (broker, log) = (B::start(""), Log::of(MANY));
    let publisher = broker.publisher();
    for patience in [0, 1, 2, 4, 8] {
        publisher.last_published(&log.books).await.expect("it answers");
        let at = broker.stored().await.len();
        let call = publisher.publish(&log.events[at..at + 500]);
        drop(tokio::time::timeout(Duration::from_millis(patience), call).await);
    }
    deliver(&*publisher, &log, 1_000).await;
    assert_eq!(broker.stored().await, log.stored());
}

async fn an_event_that_is_too_large_is_named<B: Broker>() {
    let broker = B::start(B::MEBIBYTE_AT_MOST);
    let log = Log::with_large(5, 2, 1_100_000);
    let publisher = broker.publisher();
    publisher.last_published(&log.books).await.expect("it answers");
    publisher.publish(&log.events[..2]).await.expect("it is published");
    let refused = publisher.publish(&log.events[2..3]).await;
    assert!(
        matches!(refused, Err(PublishError::Refused { index: 0, .. })),
        "{refused:?}"
    );
    assert_eq!(publisher.last_published(&log.books).await, Ok(place(2)));
    publisher.publish(&log.events[3..]).await.expect("it is published");
    let around = [&log.events[..2], &log.events[3..]].concat();
    assert_eq!(broker.stored().await, stored(&around));
}

async fn an_event_that_is_published_again_does_not_move_the_place<B: Broker>() {
    let (broker, log) = (B::start(""), Log::of(6));
    let publisher = broker.publisher();
    // The second and the third were refused, once.
    publisher.last_published(&log.books).await.expect("it answers");
    publisher.publish(&log.events[..1]).await.expect("it is published");
    publisher.publish(&log.events[3..4]).await.expect("it is published");
    replay(&*publisher, &log, 1, 4).await;
    publisher.publish(&log.events[4..5]).await.expect("it is published");
    assert_eq!(publisher.last_published(&log.books).await, Ok(place(5)));
    replay(&*publisher, &log, 2, 5).await;
    // Whoever takes over goes on behind the last event in order.
    let other = broker.publisher();
    assert_eq!(other.last_published(&log.books).await, Ok(place(5)));
    other.publish(&log.events[5..]).await.expect("it is published");
    let order: Vec<_> = [0, 3, 1, 4, 2, 5].map(|index| Arc::clone(&log.events[index])).into();
    assert_eq!(broker.stored().await, stored(&order));
}

/// Publishes an event again, by a subscription that has reached a place.
async fn replay(publisher: &dyn Publisher, log: &Log, index: usize, reached: u64) {
    let place = LogPosition {
        epoch: 1,
        sequence: reached,
    };
    let replayed = publisher.replay(&log.events[index], place).await;
    replayed.expect("it is published");
}

/// The last events of the log were refused. Of two that are published again, nobody sends the first once more because of
/// the second.
async fn what_was_put_aside_at_the_end_is_published_again_once<B: Broker>() {
    let (broker, log) = (B::start(""), Log::of(5));
    let publisher = broker.publisher();
    publisher.last_published(&log.books).await.expect("it answers");
    publisher.publish(&log.events[..1]).await.expect("it is published");
    for index in [2, 1] {
        replay(&*publisher, &log, index, 4).await;
        assert_eq!(publisher.last_published(&log.books).await, Ok(place(4)));
        assert_eq!(broker.publisher().last_published(&log.books).await, Ok(place(4)));
    }
    // One that knows of a place before that does not lead back.
    replay(&*publisher, &log, 3, 1).await;
    assert_eq!(publisher.last_published(&log.books).await, Ok(place(4)));
    publisher.publish(&log.events[4..]).await.expect("it is published");
    let order: Vec<_> = [0, 2, 1, 3, 4].map(|index| Arc::clone(&log.events[index])).into();
    assert_eq!(broker.stored().await, stored(&order));
}

async fn a_broker_that_forgets_all_behind_a_replay_is_made_whole<B: Broker>() {
    let (mut broker, log) = (B::start(""), Log::of(9));
    let publisher = broker.publisher();
    publisher.last_published(&log.books).await.expect("it answers");
    publisher.publish(&log.events[..1]).await.expect("it is published");
    publisher.publish(&log.events[2..3]).await.expect("it is published");
    replay(&*publisher, &log, 1, 3).await;
    broker.kill();
    let copy = broker.copy_files();
    broker.start_again();
    deliver(&*publisher, &log, 9).await;
    broker.kill();
    broker.put_back(&copy);
    broker.start_again();
    let publisher = broker.publisher();
    assert_eq!(publisher.last_published(&log.books).await, Ok(place(3)));
    deliver(&*publisher, &log, 9).await;
    let order: Vec<_> = [0, 2, 1, 3, 4, 5, 6, 7, 8]
        .map(|index| Arc::clone(&log.events[index]))
        .into();
    assert_eq!(broker.stored().await, stored(&order));
}

async fn an_event_that_is_published_again_may_be_the_first<B: Broker>() {
    let (broker, log) = (B::start(""), Log::of(3));
    let publisher = broker.publisher();
    publisher.last_published(&log.books).await.expect("it answers");
    let replayed = publisher.replay(&log.events[0], LogPosition::START).await;
    replayed.expect("it is published");
    assert_eq!(publisher.last_published(&log.books).await, Ok(LastPublished::Emptied));
    publisher.publish(&log.events[1..]).await.expect("it is published");
    assert_eq!(broker.stored().await, log.stored());
}

async fn a_new_epoch_goes_on_in_the_same_stream<B: Broker>() {
    let (broker, old) = (B::start(""), Log::of(10));
    let publisher = broker.publisher();
    deliver(&*publisher, &old, 10).await;
    // The books were restored as they stood after the eighth event, and go on.
    let epochs = [Epoch { number: 1, after: 0 }, Epoch { number: 5, after: 8 }];
    let books = Books::new(BooksId::of([7; 16]), epochs.into());
    assert_eq!(publisher.last_published(&books).await, Ok(place(10)));
    let next: Vec<_> = [9, 10]
        .map(|sequence| {
            let event = &Log::of(sequence).events[usize::try_from(sequence).expect("an index") - 1];
            Arc::new(earmark_application::EventMessage {
                id: books.event_id(sequence),
                event: event.event.clone(),
                body: event.body.clone(),
            })
        })
        .into();
    publisher.publish(&next).await.expect("it is published");
    let last = LogPosition { epoch: 5, sequence: 10 };
    assert_eq!(publisher.last_published(&books).await, Ok(LastPublished::Event(last)));
    assert_eq!(broker.stored().await, stored(&[old.events, next].concat()));
}

async fn a_stream_of_others_is_left_alone<B: Broker>() {
    let (broker, log) = (B::start(""), Log::of(3));
    let publisher = broker.publisher();
    deliver(&*publisher, &log, 3).await;
    let first_epoch = [Epoch { number: 1, after: 0 }];
    let others = Books::new(BooksId::of([8; 16]), first_epoch.into());
    let refused = publisher.last_published(&others).await;
    assert!(matches!(refused, Err(PublishError::Unfit(_))), "{refused:?}");
    assert_eq!(publisher.last_published(&log.books).await, Ok(place(3)));

    broker.add_something_else().await;
    let refused = publisher.last_published(&log.books).await;
    assert!(matches!(refused, Err(PublishError::Unfit(_))), "{refused:?}");
}

async fn a_broker_that_is_not_there_is_unavailable<B: Broker>() {
    let (mut broker, log) = (B::start(""), Log::of(3));
    let publisher = broker.publisher();
    publisher.last_published(&log.books).await.expect("it answers");
    broker.kill();
    publisher.publish(&log.events).await.expect_err("it is not published");
    let refused = publisher.last_published(&log.books).await;
    assert!(matches!(refused, Err(PublishError::Unavailable { .. })), "{refused:?}");
    broker.start_again();
    deliver(&*publisher, &log, 3).await;
    assert_eq!(broker.stored().await, log.stored());
}

macro_rules! on_every_broker {
    ($($case:ident,)+) => {
        mod on_nats {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::in_time(super::$case::<super::NatsServer>()).await;
            })+
        }
        mod on_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::in_time(super::$case::<super::RedisServer>()).await;
            })+
        }
    };
}

on_every_broker! {
    events_arrive_once_and_in_order,
    a_call_that_comes_again_changes_nothing,
    rivals_leave_no_gap_and_repeat_nothing,
    a_broker_that_is_killed_amid_calls_loses_nothing,
    a_broker_that_has_forgotten_is_made_whole,
    a_stream_that_has_lost_all_takes_nothing_behind_the_gap,
    a_connection_that_is_cut_leaves_a_beginning,
    a_call_may_be_dropped,
    an_event_that_is_too_large_is_named,
    an_event_that_is_published_again_does_not_move_the_place,
    what_was_put_aside_at_the_end_is_published_again_once,
    a_broker_that_forgets_all_behind_a_replay_is_made_whole,
    an_event_that_is_published_again_may_be_the_first,
    a_new_epoch_goes_on_in_the_same_stream,
    a_stream_of_others_is_left_alone,
    a_broker_that_is_not_there_is_unavailable,
}
