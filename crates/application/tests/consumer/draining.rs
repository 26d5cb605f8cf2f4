//! A consumer that is drained takes nothing more, and finishes what it has.

use std::sync::Arc;
use std::time::Duration;

use crate::shop::{Fault, Shop};
use crate::source::Source;
use crate::support::{Instance, locked, pause, until};

/// Waits until the consumer has ended.
async fn ended(instance: &Instance) {
    until("the consumer ends", || instance.running.is_finished()).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_finished_and_the_rest_stays_in_the_source() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    *locked(&shop.takes) = Duration::from_millis(100);
    for number in 0..50_000 {
        source.send(&format!("m-{number}"), &format!("allocate o-{number} 1"));
    }
    let instance = Instance::start(&source, &shop);
    pause(Duration::from_millis(450)).await;
    instance.consumer.drain();
    ended(&instance).await;
    let done = shop.effects().len();
    assert!(done > 0 && done < 10_000, "{done}");
    assert_eq!(
        source.acknowledged().len(),
        done,
        "all that was carried out is acknowledged"
    );
    // Another instance goes on.
    *locked(&shop.takes) = Duration::ZERO;
    source.restart();
    let _other = Instance::start(&source, &shop);
    until("all are acknowledged", || source.is_empty()).await;
    assert_eq!(shop.effects().len(), 50_000);
}

#[tokio::test(start_paused = true)]
async fn an_idle_consumer_ends_within_two_seconds_and_one_that_waits_at_once() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    let idle = Instance::start(&source, &shop);
    let full = Arc::<Shop>::default();
    *locked(&full.is_full) = true;
    let stuck = Source::new();
    stuck.send("m-1", "{");
    let waiting = Instance::start(&stuck, &full);
    pause(Duration::from_secs(10)).await;
    idle.consumer.drain();
    waiting.consumer.drain();
    pause(Duration::from_secs(2)).await;
    assert!(idle.running.is_finished() && waiting.running.is_finished());
    assert!(!stuck.is_empty(), "it is delivered again");
}

#[tokio::test(start_paused = true)]
async fn what_has_no_answer_while_it_drains_is_delivered_again_or_put_aside_where_nothing_is() {
    for source in [Source::new(), Source::channel()] {
        let shop = Arc::<Shop>::default();
        *locked(&shop.faults) = [Fault::Unavailable; 1_000].into();
        let instance = Instance::start(&source, &shop);
        let id = if source.forgetful { "" } else { "m-1" };
        source.send(id, "allocate o-1 1");
        pause(Duration::from_secs(5)).await;
        instance.consumer.drain();
        ended(&instance).await;
        assert_eq!(shop.effects(), [""; 0]);
        let reasons: Vec<String> = shop.dead().into_iter().map(|(_, reason, _)| reason).collect();
        if source.forgetful {
            assert_eq!(
                reasons,
                ["unavailable: the store does not answer; send the command again, it is safe"]
            );
        } else {
            assert_eq!((reasons.len(), source.is_empty()), (0, false));
        }
    }
}

/// The others are delivered again, and counted then.
#[tokio::test(start_paused = true)]
async fn what_no_room_is_left_for_while_it_drains_is_counted_where_it_is_lost() {
    for source in [Source::new(), Source::channel()] {
        let shop = Arc::<Shop>::default();
        *locked(&shop.is_full) = true;
        let instance = Instance::start(&source, &shop);
        let id = if source.forgetful { "" } else { "m-1" };
        source.send(id, "{");
        pause(Duration::from_secs(5)).await;
        instance.consumer.drain();
        ended(&instance).await;
        assert_eq!(instance.figures.all(), [1, 0, u64::from(source.forgetful), 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_closed_too_early_loses_nothing() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    let instance = Instance::start(&source, &shop);
    source.send("m-1", "allocate o-1 1");
    until("it is acknowledged", || source.is_empty()).await;
    instance.engine.drain().await;
    source.send("m-2", "allocate o-2 1");
    pause(Duration::from_secs(5)).await;
    assert_eq!(shop.effects(), ["o-1"]);
    instance.consumer.drain();
    ended(&instance).await;
    source.restart();
    let _other = Instance::start(&source, &shop);
    until("both are acknowledged", || source.is_empty()).await;
    assert_eq!(shop.effects(), ["o-1", "o-2"]);
}
