//! Clocks that step, stand wrong on one of two instances, or run backwards: every command is answered, the order of
//! service is the order of commits, and a hold lasts as long as it was asked to.

use std::sync::Arc;
use std::time::Duration;

use earmark_application::Answer;
use earmark_domain::{Command, LineState};
use jiff::SignedDuration;

use crate::build::{allocate_or_wait, cancel_order, count_batch, create_batch, hold, line, sku};
use crate::databases::Db;
use crate::shop::{Shop, TestClock};
use crate::shop_engine::ShopEngine;

/// How long any command may take: far longer than one does, and far shorter than a loop without end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The steps of a clock: a second, an hour, a day and a year, both ways.
const STEPS: [SignedDuration; 8] = [
    SignedDuration::from_secs(1),
    SignedDuration::from_secs(-1),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(-1),
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(-24),
    SignedDuration::from_hours(24 * 365),
    SignedDuration::from_hours(-24 * 365),
];

/// The answer to a command, which must come.
async fn answered(shop: &ShopEngine, command: &Command) -> Answer {
    tokio::time::timeout(PATIENCE, shop.ask(command))
        .await
        .unwrap_or_else(|_| unreachable!("{command:?} is not answered"))
}

async fn done(shop: &ShopEngine, command: &Command) {
    let answer = answered(shop, command).await;
    assert!(answer.is_ok(), "{command:?} is answered with {answer:?}");
}

async fn sweep(shop: &ShopEngine) {
    tokio::time::timeout(PATIENCE, shop.sweep())
        .await
        .expect("the sweep comes to its end");
}

async fn state_of(shop: &Shop, order: &str) -> LineState {
    shop.order(order).await.lines[0].record.state
}

/// Asserts that a hold of a minute, placed now, ends in a minute.
async fn assert_a_minute_is_a_minute(shop: &ShopEngine, order: &str) {
    let before = shop.now();
    done(shop, &hold(order, &[("a", "LAMP", 1)], 60)).await;
    let deadline = shop.order(order).await.lines[0].record.terms.hold_until;
    let lasts = deadline.expect("it is held").duration_since(before);
    assert!(
        lasts >= SignedDuration::from_secs(60) && lasts < SignedDuration::from_secs(61),
        "a hold of 60 s lasts {lasts}"
    );
    shop.clock.advance_seconds(59);
    sweep(shop).await;
    assert_eq!(state_of(shop, order).await, LineState::Held);
    shop.clock.advance_seconds(2);
    sweep(shop).await;
    assert_eq!(state_of(shop, order).await, LineState::Expired);
}

/// The waiting lines of LAMP in order of service.
async fn waiting(shop: &Shop) -> Vec<String> {
    let backlog = shop.reads.backlog(&sku("LAMP"), None, shop.now(), 99).await;
    let backlog = backlog.expect("a backlog").expect("a product");
    backlog
        .iter()
        .map(|line| line.record.terms.key.order.to_string())
        .collect()
}

/// The clock is wrong for a moment, and one command is decided by it. All is well as soon as the clock is right again.
pub async fn a_clock_that_was_wrong_for_a_moment_stops_nothing(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[create_batch("b", "LAMP", 9), create_batch("c", "CHAIR", 99)])
        .await;
    for (number, step) in STEPS.into_iter().enumerate() {
        done(&shop, &hold(&format!("ends-{number}"), &[("a", "LAMP", 1)], 30)).await;
        shop.clock.step(step);
        done(&shop, &allocate_or_wait(&format!("at-{number}"), "CHAIR", 1)).await;
        shop.clock.step(-step);
        done(&shop, &allocate_or_wait(&format!("after-{number}"), "LAMP", 1)).await;
        done(&shop, &cancel_order(&format!("after-{number}"))).await;
        assert_a_minute_is_a_minute(&shop, &format!("minute-{number}")).await;
        assert_eq!(state_of(&shop, &format!("ends-{number}")).await, LineState::Expired);
    }
    shop.assert_sound().await;
}

/// The clock steps and stays where it is: holds end late or early, as it says, and every command is answered.
pub async fn a_clock_that_steps_for_good_stops_nothing(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.done(&create_batch("b", "LAMP", 99)).await;
    for (number, step) in STEPS.into_iter().enumerate() {
        done(&shop, &hold(&format!("open-{number}"), &[("a", "LAMP", 1)], 1)).await;
        shop.clock.advance_seconds(2);
        shop.clock.step(step);
        done(&shop, &allocate_or_wait(&format!("after-{number}"), "LAMP", 1)).await;
        assert_a_minute_is_a_minute(&shop, &format!("minute-{number}")).await;
    }
    sweep(&shop).await;
    shop.assert_sound().await;
}

/// Lines are served in the order in which they were placed, whatever the clock said meanwhile.
pub async fn the_order_of_service_is_the_order_of_commits(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.done(&create_batch("b", "LAMP", 1)).await;
    let mut placed = Vec::new();
    done(&shop, &allocate_or_wait("first", "LAMP", 1)).await;
    for (number, step) in STEPS.into_iter().enumerate() {
        // Names that are in another order than the lines are placed in.
        let (at, after) = (format!("o{}", 9 - number), format!("p{}", 9 - number));
        shop.clock.step(step);
        done(&shop, &allocate_or_wait(&at, "LAMP", 1)).await;
        shop.clock.step(-step);
        done(&shop, &allocate_or_wait(&after, "LAMP", 1)).await;
        placed.extend([at, after]);
    }
    assert_eq!(waiting(&shop).await, placed);
    done(&shop, &count_batch("b", 4)).await;
    assert_eq!(waiting(&shop).await, placed[3..]);
    // The most recently allocated leaves first, and waits again where it was.
    done(&shop, &count_batch("b", 2)).await;
    assert_eq!(waiting(&shop).await, placed[1..]);
    assert_eq!(state_of(&shop, "first").await, LineState::Allocated);
    shop.assert_sound().await;
}

/// Of two instances on one database one has a wrong clock: both answer every command, the order of service is that of
/// the commits, and once the clock is right a hold lasts as long as it should.
pub async fn an_instance_with_a_wrong_clock_stops_neither_itself_nor_another(db: Db) {
    let right = ShopEngine::open(&db).await;
    right.done(&create_batch("b", "LAMP", 1)).await;
    done(&right, &allocate_or_wait("first", "LAMP", 1)).await;
    let wrong = ShopEngine::of(Shop::with_clock(&db, Arc::new(TestClock::default())).await);
    let mut placed = Vec::new();
    for (number, step) in STEPS.into_iter().enumerate() {
        wrong.clock.set(right.now() + step);
        for (name, shop) in [("z", &wrong), ("y", &right), ("x", &wrong), ("w", &right)] {
            let (id, held) = (format!("{name}{}", 9 - number), format!("{name}-held-{number}"));
            done(shop, &hold(&held, &[("a", "LAMP", 1)], 5)).await;
            done(shop, &allocate_or_wait(&id, "LAMP", 1)).await;
            placed.push(id);
            shop.clock.advance_seconds(6);
            done(shop, &hold(&format!("{held}-too"), &[("a", "LAMP", 1)], 5)).await;
        }
        sweep(&wrong).await;
        sweep(&right).await;
    }
    wrong.clock.set(right.now());
    right.clock.advance_seconds(60);
    wrong.clock.advance_seconds(60);
    sweep(&right).await;
    let firm: Vec<String> = waiting(&right).await;
    let firm: Vec<&String> = firm.iter().filter(|id| !id.contains("held")).collect();
    assert_eq!(firm, placed.iter().collect::<Vec<_>>());
    assert_eq!(
        right.order("first").await.lines[0].record.terms.key,
        line("first", "LAMP")
    );
    done(&right, &create_batch("more", "LAMP", 1_000)).await;
    for shop in [&right, &wrong] {
        assert_a_minute_is_a_minute(
            shop,
            if Arc::ptr_eq(&shop.clock, &right.clock) {
                "r"
            } else {
                "w"
            },
        )
        .await;
    }
    right.assert_sound().await;
}
