//! The process is killed before each step that it makes outside, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::shop::Shop;
use crate::source::Source;
use crate::support::{Instance, locked, until};

/// More steps than a round takes.
const MANY: i64 = 200;

/// Messages of every kind, twice: done, refused and unreadable.
fn send(source: &Source) {
    for _ in 0..2 {
        for number in 0..8 {
            source.send(&format!("good-{number}"), &format!("allocate o-{number} 1"));
            source.send(&format!("refused-{number}"), "sofa o-x");
            source.send(&format!("broken-{number}"), "{");
        }
    }
}

/// Everything is carried out once, put aside once, and answered at least once, with one answer.
fn check(source: &Source, shop: &Shop, at: &str) {
    let effects: BTreeSet<String> = shop.effects().into_iter().collect();
    assert_eq!((effects.len(), shop.effects().len()), (8, 8), "{at}");
    let dead: BTreeSet<String> = shop.dead().into_iter().map(|(id, ..)| id).collect();
    assert_eq!((dead.len(), shop.dead().len()), (16, 16), "{at}");
    let mut answers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (to, body) in locked(&source.replies).iter() {
        answers.entry(to.clone()).or_default().insert(body.clone());
    }
    assert_eq!(answers.len(), 24, "{at}");
    for (to, bodies) in answers {
        let known: &[&str] = match &to[3..] {
            id if id.starts_with("good") => &["done", "done before"],
            id if id.starts_with("refused") => &["unknown_sku: unknown SKU: SOFA"],
            _ => &["no command: {"],
        };
        assert!(
            bodies.iter().all(|body| known.contains(&&**body)),
            "{at} {to}: {bodies:?}"
        );
    }
}

/// Kills an instance before a step; answers whether it came to that.
async fn killed(source: &Arc<Source>, shop: &Arc<Shop>, before: i64) -> bool {
    source.steps.allow(before);
    let instance = Instance::start(source, shop);
    let killed = tokio::select! {
        () = source.steps.killed() => true,
        () = until("it is killed or ready", || source.is_empty()) => false,
    };
    drop(instance);
    source.restart();
    killed
}

#[tokio::test(start_paused = true)]
async fn a_kill_before_any_step_loses_nothing_and_doubles_nothing() {
    let mut before = 0;
    loop {
        let (source, shop) = (Source::new(), Arc::<Shop>::default());
        send(&source);
        let was_killed = killed(&source, &shop, before).await;
        source.steps.allow_all();
        let instance = Instance::start(&source, &shop);
        until("all are acknowledged", || source.is_empty()).await;
        drop(instance);
        check(&source, &shop, &format!("killed before step {before}"));
        if !was_killed {
            break;
        }
        before += 1;
        assert!(before < MANY, "a round ends");
    }
    assert!(before > 8, "{before} steps were cut off");
}

#[tokio::test(start_paused = true)]
async fn kills_one_after_the_other_lose_nothing_and_double_nothing() {
    for steps in 1..12 {
        let (source, shop) = (Source::new(), Arc::<Shop>::default());
        send(&source);
        let mut rounds = 0;
        // Each instance gets a little further, as long as it comes to an acknowledgement.
        while killed(&source, &shop, steps).await && rounds < 30 {
            rounds += 1;
        }
        source.steps.allow_all();
        let instance = Instance::start(&source, &shop);
        until("all are acknowledged", || source.is_empty()).await;
        drop(instance);
        check(&source, &shop, &format!("killed after {steps} steps each time"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_before_any_step_of_a_replay_carries_it_out_once() {
    for before in 0..8 {
        let (source, shop) = (Source::new(), Arc::<Shop>::default());
        source.send("m-1", "{");
        let first = Instance::start(&source, &shop);
        until("it is buried", || source.is_empty()).await;
        drop(first);
        for message in locked(&shop.dead).values_mut() {
            message.replayed = true;
            message.body = b"allocate o-1 1".to_vec();
        }
        source.steps.allow(before);
        let second = Instance::start(&source, &shop);
        tokio::select! {
            () = source.steps.killed() => {}
            () = crate::support::pause(Duration::from_secs(5)) => {}
        }
        drop(second);
        source.steps.allow_all();
        let _third = Instance::start(&source, &shop);
        until("it is carried out", || shop.dead().is_empty()).await;
        assert_eq!(shop.effects(), ["o-1"], "killed before step {before}");
    }
}
