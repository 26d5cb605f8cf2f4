//! Messages that are carried out, and repeats.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::shop::Shop;
use crate::source::Source;
use crate::support::{Instance, locked, pause, until};

#[tokio::test(start_paused = true)]
async fn messages_are_carried_out_in_their_order_answered_and_acknowledged() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    let instance = Instance::start(&source, &shop);
    let ids: Vec<String> = (0..3_000).map(|number| format!("m-{number}")).collect();
    for id in &ids {
        source.send(id, &format!("allocate {id} 1"));
    }
    until("all are acknowledged", || source.is_empty()).await;
    assert_eq!(shop.effects(), ids);
    assert_eq!(source.acknowledged(), ids);
    let expected: Vec<(String, String)> = ids.iter().map(|id| (format!("to {id}"), "done".to_owned())).collect();
    assert_eq!(*locked(&source.replies), expected);
    assert_eq!(instance.figures.all(), [3_000, 3_000, 0, 0]);
    let transactions = shop.transactions.load(Ordering::SeqCst);
    assert!(transactions < 200, "they share transactions: {transactions}");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_acknowledged_without_being_run_and_hears_the_same_answer() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    let instance = Instance::start(&source, &shop);
    source.send("m-1", "allocate o-1 1");
    source.send("m-2", "sofa o-2");
    until("both are acknowledged", || source.is_empty()).await;
    let transactions = shop.transactions.load(Ordering::SeqCst);
    // What they say now does not matter: it is not even read.
    for _ in 0..3 {
        source.send("m-1", "{");
        source.send("m-2", "{");
    }
    until("all are acknowledged", || source.is_empty()).await;
    assert_eq!(shop.transactions.load(Ordering::SeqCst), transactions);
    assert_eq!(shop.effects(), ["o-1"]);
    let refused = "unknown_sku: unknown SKU: SOFA";
    assert_eq!(shop.dead(), [("m-2".to_owned(), refused.to_owned(), 1)]);
    let replies = locked(&source.replies).clone();
    let of = |to: &str| -> Vec<String> {
        let replies = replies.iter().filter(|(other, _)| other == to);
        replies.map(|(_, body)| body.clone()).collect()
    };
    assert_eq!(of("to m-1"), ["done", "done before", "done before", "done before"]);
    assert_eq!(of("to m-2"), [refused; 4]);
    assert_eq!(instance.figures.all(), [8, 1, 1, 6]);
}

#[tokio::test(start_paused = true)]
async fn of_two_consumers_with_the_same_messages_one_carries_each_out() {
    let (one, other, shop) = (Source::new(), Source::new(), Arc::<Shop>::default());
    *locked(&shop.takes) = Duration::from_millis(3);
    let ids: Vec<String> = (0..500).map(|number| format!("m-{number}")).collect();
    for id in &ids {
        let body = format!("allocate {id} 1");
        one.send(id, &body);
        other.send(id, &body);
        one.send(id, &body);
    }
    let instances = [Instance::start(&one, &shop), Instance::start(&other, &shop)];
    until("all are acknowledged", || one.is_empty() && other.is_empty()).await;
    let mut effects = shop.effects();
    effects.sort_unstable();
    let mut expected = ids.clone();
    expected.sort_unstable();
    assert_eq!(effects, expected);
    let done: u64 = instances.iter().map(|instance| instance.figures.all()[1]).sum();
    assert_eq!(done, 500);
}

#[tokio::test(start_paused = true)]
async fn a_channel_without_ids_is_carried_out_once_and_buried_if_it_is_refused() {
    let (channel, shop) = (Source::channel(), Arc::<Shop>::default());
    let _instance = Instance::start(&channel, &shop);
    channel.send("", "allocate o-1 1");
    channel.send("", "sofa o-2");
    channel.send("", "sofa o-2");
    channel.send("", "nonsense");
    until("all are taken", || channel.is_empty()).await;
    assert_eq!(shop.effects(), ["o-1"]);
    let reasons: Vec<String> = shop.dead().into_iter().map(|(_, reason, _)| reason).collect();
    let refused = "unknown_sku: unknown SKU: SOFA";
    assert_eq!(reasons, [refused, refused, "no command: nonsense"]);
    assert_eq!(shop.looks.load(Ordering::SeqCst), 0, "there is nothing to look for");
}

#[tokio::test(start_paused = true)]
async fn a_source_is_told_in_time_what_is_still_worked_on() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    *locked(&shop.takes) = Duration::from_secs(45);
    let _instance = Instance::start(&source, &shop);
    source.send("m-1", "allocate o-1 1");
    pause(Duration::from_secs(44)).await;
    let told = locked(&source.told).len();
    assert!((4..=5).contains(&told), "{told}");
    until("it is acknowledged", || source.is_empty()).await;
    let told = locked(&source.told).len();
    pause(Duration::from_secs(60)).await;
    assert_eq!(locked(&source.told).len(), told, "nothing is worked on any more");
}

#[tokio::test(start_paused = true)]
async fn a_slow_engine_leaves_what_does_not_fit_in_the_source() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    *locked(&shop.takes) = Duration::from_secs(30);
    let instance = Instance::start(&source, &shop);
    for number in 0..20_000 {
        source.send(&format!("m-{number}"), &format!("allocate o-{number} 1"));
    }
    pause(Duration::from_secs(20)).await;
    let [received, ..] = instance.figures.all();
    assert!(received < 4_000, "{received}");
    // Large ones fill the room sooner.
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    *locked(&shop.takes) = Duration::from_secs(30);
    let _instance = Instance::start(&source, &shop);
    let order = "o".repeat(60);
    for number in 0..2_000 {
        source.send(
            &format!("m-{number}"),
            &format!("allocate {order}{number} {}1", "0".repeat(100_000)),
        );
    }
    pause(Duration::from_secs(20)).await;
    let transactions = shop.transactions.load(Ordering::SeqCst);
    assert!(transactions <= 2, "{transactions}");
}
