//! Subscriptions: who holds the lease, what is stored under which fence, and what becomes of events that are put aside.
//!
//! Stores that several instances share go by a clock of their own. So the cases live in real time: a lease lasts an hour
//! where it must not end, and some milliseconds where its end is waited for.

use std::sync::Arc;
use std::time::Duration;

use earmark_adapters::clock::SystemClock;
use earmark_application::{
    Clock, DeadLetter, DeadLetterAction, Failing, LeaseClaim, LeaseHolder, LetterState, LogPosition, Progress, Retried,
    SubscriptionLease, SubscriptionName, SubscriptionStatus, Subscriptions,
};
use jiff::Timestamp;
use tokio::sync::Barrier;

use crate::build::sku;
use crate::databases::Db;

/// The port.
type Port = Arc<dyn Subscriptions>;

/// A lease that does not end within a case.
const LONG: Duration = Duration::from_hours(1);

/// A lease whose end is waited for.
const SHORT: Duration = Duration::from_millis(20);

fn name(text: &str) -> SubscriptionName {
    SubscriptionName::new(text)
}

fn now() -> Timestamp {
    SystemClock::new().now()
}

fn at(epoch: u64, sequence: u64) -> LogPosition {
    LogPosition { epoch, sequence }
}

fn claim(of: &str, holder: u8, lasts: Duration) -> LeaseClaim {
    LeaseClaim {
        name: name(of),
        holder: LeaseHolder([holder; 16]),
        lasts,
        now: now(),
        start: at(1, 7),
    }
}

async fn lease(port: &Port, of: &str, holder: u8, lasts: Duration) -> Option<SubscriptionLease> {
    port.lease(&claim(of, holder, lasts)).await.expect("an outcome")
}

/// Takes the lease, once it is free.
async fn lease_in_time(port: &Port, of: &str, holder: u8) -> SubscriptionLease {
    let clock = SystemClock::new();
    for _ in 0..1_000 {
        if let Some(lease) = lease(port, of, holder, LONG).await {
            return lease;
        }
        clock.pause(SHORT).await;
    }
    unreachable!("the lease has ended")
}

/// A letter with an instant that every store keeps: whole microseconds.
fn letter(sequence: u64, of: Option<&str>, state: LetterState, attempts: u32) -> DeadLetter {
    DeadLetter {
        sequence,
        sku: of.map(sku),
        state,
        attempts,
        since: Timestamp::from_microsecond(1_767_225_600_123_456).expect("an instant"),
    }
}

fn dead(sequence: u64, of: &str) -> DeadLetter {
    letter(sequence, Some(of), LetterState::Dead("400: \"no\"".to_owned()), 5)
}

async fn save(port: &Port, of: &str, fence: u64, progress: &Progress, dead: &[DeadLetter]) -> bool {
    port.save(&name(of), fence, progress, dead).await.expect("an outcome")
}

async fn bury(port: &Port, of: &str, fence: u64, sequences: &[u64]) -> bool {
    port.bury(&name(of), fence, sequences).await.expect("an outcome")
}

async fn retried(port: &Port, of: &str, fence: u64, letter: &DeadLetter) -> Retried {
    port.retried(&name(of), fence, letter).await.expect("an outcome")
}

async fn decide(port: &Port, of: &str, sequences: Option<&[u64]>, action: DeadLetterAction) -> u64 {
    let decided = port.decide_on_dead_letters(&name(of), sequences, action).await;
    decided.expect("an outcome")
}

/// All letters.
async fn letters(port: &Port, of: &str) -> Vec<DeadLetter> {
    port.dead_letters(&name(of), 0, 100).await.expect("letters")
}

/// The sequences of all letters.
async fn sequences(port: &Port, of: &str) -> Vec<u64> {
    let letters = letters(port, of).await;
    letters.iter().map(|letter| letter.sequence).collect()
}

async fn status(port: &Port, of: &str) -> SubscriptionStatus {
    let all = port.subscriptions(now()).await.expect("subscriptions");
    let found = all.into_iter().find(|status| status.name == name(of));
    found.expect("it is there")
}

/// Of many that claim it at once, through two instances, one gets the lease; the others, and each again, get nothing.
pub async fn of_many_claims_at_once_one_has_the_lease(db: Db) {
    let instances = [db.open().await.subscriptions, db.open().await.subscriptions];
    for of in ["new", "given back"] {
        if of == "given back" {
            let lease = lease(&instances[0], of, 99, LONG).await.expect("it is free");
            instances[0].release(&name(of), lease.fence).await.expect("given back");
        }
        let start = Arc::new(Barrier::new(16));
        let claims = (1..=16_u8).map(|holder| {
            let (port, start) = (instances[usize::from(holder % 2)].clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                lease(&port, of, holder, LONG).await
            })
        });
        let mut leases = Vec::new();
        for claim in claims.collect::<Vec<_>>() {
            leases.extend(claim.await.expect("no panic"));
        }
        assert_eq!(leases.len(), 1, "{of}: {leases:?}");
    }
}

/// Renewing keeps the fence; whoever comes next gets a higher one, also after the lease was given back.
pub async fn a_holder_keeps_its_fence_and_the_next_gets_a_higher_one(db: Db) {
    let port = db.open().await.subscriptions;
    let first = lease(&port, "nats", 1, LONG).await.expect("it is free");
    assert_eq!((first.start, first.progress.place), (at(1, 7), at(1, 7)));
    assert!(first.fence >= 1);
    assert_eq!(lease(&port, "nats", 2, LONG).await, None);
    assert_eq!(lease(&port, "nats", 1, LONG).await, Some(first.clone()));
    assert!(lease(&port, "redis", 2, LONG).await.is_some(), "another subscription");

    assert_eq!(lease(&port, "nats", 1, SHORT).await, Some(first.clone()));
    let second = lease_in_time(&port, "nats", 2).await;
    assert!(second.fence > first.fence);
    assert_eq!(lease(&port, "nats", 1, LONG).await, None);
    port.release(&name("nats"), first.fence).await.expect("nothing happens");
    assert_eq!(
        lease(&port, "nats", 1, LONG).await,
        None,
        "only the holder gives it back"
    );
    port.release(&name("nats"), second.fence).await.expect("given back");
    assert!(!status(&port, "nats").await.is_leased);
    let third = lease(&port, "nats", 3, LONG).await.expect("it was given back");
    assert!(third.fence > second.fence);
    assert!(status(&port, "nats").await.is_leased);
}

/// A holder that was stopped for longer than its lease changes nothing any more.
pub async fn what_is_written_with_an_old_fence_changes_nothing(db: Db) {
    let port = db.open().await.subscriptions;
    let old = lease(&port, "nats", 1, SHORT).await.expect("it is free").fence;
    let place = |sequence| Progress {
        place: at(1, sequence),
        ..Progress::default()
    };
    assert!(save(&port, "nats", old, &place(10), &[dead(9, "LAMP")]).await);
    let new = lease_in_time(&port, "nats", 2).await;
    assert_eq!(new.progress.place, at(1, 10));
    assert!(!save(&port, "nats", old, &place(20), &[dead(11, "LAMP")]).await);
    assert!(!bury(&port, "nats", old, &[9]).await);
    assert_eq!(retried(&port, "nats", old, &dead(9, "LAMP")).await, Retried::Fenced);
    assert!(!save(&port, "nats", new.fence + 1, &place(20), &[]).await);
    assert!(!save(&port, "unknown", 1, &place(20), &[]).await);
    assert!(!bury(&port, "unknown", 1, &[9]).await);
    assert_eq!(retried(&port, "unknown", 1, &dead(9, "LAMP")).await, Retried::Fenced);
    assert_eq!(sequences(&port, "nats").await, [9]);
    assert_eq!(status(&port, "nats").await.progress, place(10));
    assert!(save(&port, "nats", new.fence, &place(11), &[]).await);
    assert!(bury(&port, "nats", new.fence, &[9, 11]).await);
    assert_eq!(sequences(&port, "nats").await, [] as [u64; 0]);
}

/// All of it, in every combination, through another instance.
pub async fn progress_is_read_back_as_it_was_stored(db: Db) {
    let (port, other) = (db.open().await.subscriptions, db.open().await.subscriptions);
    let address = "nats://broker:4222/EVENTS?é=\u{2028}";
    let fence = lease(&port, address, 1, LONG).await.expect("it is free").fence;
    let failing = Failing {
        since: Timestamp::from_microsecond(1_767_225_600_123_456).expect("an instant"),
        attempts: u32::MAX,
        reason: "it hangs".to_owned(),
    };
    let instant = failing.since;
    for (delivery_end, delivery_at) in [
        (None, None),
        (Some(1_234), None),
        (None, Some(instant)),
        (Some(0), Some(instant)),
    ] {
        for failing in [None, Some(failing.clone())] {
            for disabled in [None, Some("410 Gone".to_owned())] {
                // It is kept where it is not named.
                assert!(port.disable(&name(address), None).await.expect("an outcome"));
                let progress = Progress {
                    place: at(1_767_225_600_123, 1_000),
                    delivery_end,
                    delivery_at,
                    failing: failing.clone(),
                    disabled,
                };
                assert!(save(&port, address, fence, &progress, &[]).await);
                let known = status(&other, address).await;
                assert_eq!((known.name.as_str(), known.put_aside, known.dead), (address, 0, 0));
                assert_eq!(known.progress, progress);
                let renewed = lease(&other, address, 1, LONG).await.expect("its own");
                assert_eq!((renewed.start, renewed.progress), (at(1, 7), progress));
            }
        }
    }
    for of in ["b", "a", "C"] {
        assert!(lease(&port, of, 1, LONG).await.is_some());
    }
    let names = other.subscriptions(now()).await.expect("subscriptions");
    let names: Vec<&str> = names.iter().map(|status| status.name.as_str()).collect();
    assert_eq!(names, ["C", "a", "b", address]);
}

/// What is put aside is listed in its order, page by page, as it was stored last.
pub async fn letters_are_listed_as_they_were_stored_last(db: Db) {
    let (port, other) = (db.open().await.subscriptions, db.open().await.subscriptions);
    let fence = lease(&port, "hook", 1, LONG).await.expect("it is free").fence;
    let mut stored = [
        letter(3, None, LetterState::Dead(String::new()), u32::MAX),
        letter(5, Some("LAMP"), LetterState::Tried("503".to_owned()), 2),
        letter(8, Some("LAMP"), LetterState::Waits, 0),
    ];
    let progress = Progress::default();
    assert!(save(&port, "hook", fence, &progress, &stored[1..]).await);
    assert!(save(&port, "hook", fence, &progress, &stored[..1]).await);
    let page = async |after, limit| {
        let page = other.dead_letters(&name("hook"), after, limit).await;
        page.expect("letters")
    };
    assert_eq!(page(0, 10).await, stored);
    assert_eq!(page(0, 2).await, stored[..2]);
    assert_eq!(page(3, 10).await, stored[1..]);
    assert_eq!(page(8, 10).await, []);
    assert_eq!(page(u64::MAX, 10).await, []);
    assert_eq!(letters(&other, "another").await, []);
    let known = status(&other, "hook").await;
    assert_eq!((known.put_aside, known.dead), (3, 1));

    // Tried again.
    stored[1] = letter(5, Some("LAMP"), LetterState::Dead("503".to_owned()), 3);
    assert!(save(&port, "hook", fence, &progress, &stored[1..2]).await);
    assert_eq!(page(0, 10).await, stored);
    let known = status(&other, "hook").await;
    assert_eq!((known.put_aside, known.dead), (3, 2));
}

/// Replayed, a dead letter waits as if it had never been tried; skipped, any is gone; delivered, it is buried.
pub async fn letters_are_replayed_skipped_and_buried(db: Db) {
    let port = db.open().await.subscriptions;
    let fence = lease(&port, "hook", 1, LONG).await.expect("it is free").fence;
    let of_another = lease(&port, "other", 1, LONG).await.expect("it is free").fence;
    let mut stored: Vec<DeadLetter> = (1..=6).map(|sequence| dead(sequence, "LAMP")).collect();
    stored.push(letter(7, Some("LAMP"), LetterState::Waits, 0));
    stored.push(letter(8, Some("LAMP"), LetterState::Tried("503".to_owned()), 1));
    let progress = Progress::default();
    assert!(save(&port, "hook", fence, &progress, &stored).await);
    assert!(save(&port, "other", of_another, &progress, &stored).await);

    let replay = DeadLetterAction::Replay;
    assert_eq!(
        decide(&port, "hook", Some(&[2, 4, 7, 8, 9]), replay).await,
        2,
        "the dead ones alone"
    );
    for sequence in [2, 4] {
        stored[sequence - 1].state = LetterState::Waits;
        stored[sequence - 1].attempts = 0;
    }
    assert_eq!(letters(&port, "hook").await, stored);
    assert_eq!(
        decide(&port, "hook", Some(&[2]), replay).await,
        0,
        "it is not dead any more"
    );
    assert!(bury(&port, "hook", fence, &[2, 9]).await);
    let skip = DeadLetterAction::Skip;
    assert_eq!(
        decide(&port, "hook", Some(&[1, 2, 4, 7]), skip).await,
        3,
        "whatever was to become of them"
    );
    assert_eq!(sequences(&port, "hook").await, [3, 5, 6, 8]);
    assert_eq!(decide(&port, "hook", Some(&[]), skip).await, 0);
    assert_eq!(decide(&port, "hook", None, replay).await, 3);
    assert_eq!(status(&port, "hook").await.dead, 0);
    assert_eq!(decide(&port, "hook", None, skip).await, 4);
    assert_eq!(decide(&port, "hook", None, skip).await, 0);
    assert_eq!(decide(&port, "unknown", None, skip).await, 0);
    assert_eq!(sequences(&port, "other").await.len(), 8, "those of another are its own");
}

/// An attempt may be under way while somebody decides.
pub async fn a_letter_that_was_tried_again_is_stored_unless_it_was_dropped_meanwhile(db: Db) {
    let port = db.open().await.subscriptions;
    let fence = lease(&port, "hook", 1, LONG).await.expect("it is free").fence;
    let tried = |sequence, attempts| letter(sequence, Some("LAMP"), LetterState::Tried("503".to_owned()), attempts);
    let first = [tried(1, 1), tried(2, 1)];
    assert!(save(&port, "hook", fence, &Progress::default(), &first).await);

    assert_eq!(decide(&port, "hook", Some(&[1]), DeadLetterAction::Skip).await, 1);
    assert_eq!(retried(&port, "hook", fence, &tried(1, 2)).await, Retried::Dropped);
    assert_eq!(retried(&port, "hook", fence, &dead(2, "LAMP")).await, Retried::Stored);
    assert_eq!(letters(&port, "hook").await, [dead(2, "LAMP")]);
}

/// Whoever delivers does not undo it by storing how far it has got; enabled, it is tried at once.
pub async fn a_subscription_is_disabled_until_it_is_enabled(db: Db) {
    let port = db.open().await.subscriptions;
    let first = lease(&port, "hook", 1, LONG).await.expect("it is free");
    let failing = Progress {
        place: at(1, 9),
        delivery_end: Some(12),
        delivery_at: None,
        failing: Some(Failing {
            since: Timestamp::from_microsecond(1_767_225_600_123_456).expect("an instant"),
            attempts: 7,
            reason: "503".to_owned(),
        }),
        disabled: None,
    };
    let set = async |of: &str, reason| port.disable(&name(of), reason).await.expect("an outcome");
    assert!(set("hook", Some("by hand")).await);
    assert!(!set("unknown", Some("by hand")).await);
    assert!(!set("unknown", None).await);
    assert!(save(&port, "hook", first.fence, &failing, &[]).await);
    let renewed = lease(&port, "hook", 1, LONG).await.expect("its own");
    let disabled = Progress {
        disabled: Some("by hand".to_owned()),
        ..failing.clone()
    };
    assert_eq!((renewed.fence, renewed.progress), (first.fence, disabled));
    assert!(set("hook", None).await);
    let enabled = Progress {
        failing: None,
        ..failing
    };
    assert_eq!(status(&port, "hook").await.progress, enabled);
}
