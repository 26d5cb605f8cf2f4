//! When digests are sent, and of what.

use std::sync::atomic::Ordering;
use std::time::Duration;

use earmark_application::Clock;
use earmark_domain::Fact;
use jiff::SignedDuration;

use crate::digest_support::{Answer, House, MAIL, backordered, day, overdue, reference, refused};
use crate::support::seconds;

#[tokio::test(start_paused = true)]
async fn one_digest_an_interval_tells_of_all_that_happened_in_it() {
    let house = House::open([]);
    for order in ["o-1", "o-2", "o-3"] {
        seconds(15).await;
        house.write("LAMP", refused(order, 10, 4));
    }
    house.write("DESK", refused("o-4", 1, 0));
    seconds(10).await;
    assert_eq!(house.sent(), []);
    seconds(10).await;
    assert_eq!(house.taken(), ["0-0.1-4"]);
    let expected = [("LAMP".to_owned(), 18), ("DESK".to_owned(), 1)];
    assert_eq!(house.told(), [expected.to_vec()]);
    // Nothing happens: nothing is sent.
    seconds(600).await;
    assert_eq!(house.taken().len(), 1);
    house.write("LAMP", refused("o-5", 5, 0));
    seconds(61).await;
    assert_eq!(house.taken(), ["0-0.1-4", "1-4.1-5"]);
    let sent_at: Vec<u64> = house.sent().into_iter().map(|(seconds, _)| seconds).collect();
    assert!(sent_at[0] / 60 != sent_at[1] / 60, "{sent_at:?}");
}

#[tokio::test(start_paused = true)]
async fn what_buyers_do_not_want_to_hear_of_is_passed_over() {
    let house = House::open([]);
    for _ in 0..2_500 {
        house.write("LAMP", Fact::StockDepleted);
    }
    seconds(180).await;
    assert_eq!(house.sent(), []);
    assert_eq!(house.memory.progress(MAIL).place.to_string(), "1-2500");
}

#[tokio::test(start_paused = true)]
async fn lines_that_have_got_their_units_meanwhile_are_not_told() {
    let house = House::open([]);
    house.shop.waits("LAMP", &[("o-1", 5)]);
    house.write("LAMP", backordered("o-1", 5));
    house.write("DESK", backordered("o-2", 7));
    house.shop.waits("DESK", &[("o-2", 7)]);
    seconds(30).await;
    house.shop.waits("LAMP", &[]);
    seconds(40).await;
    assert_eq!(house.told(), [[("DESK".to_owned(), 7)]]);
    // Where nothing is left to tell, nothing is sent, and it is not told later either.
    house.shop.waits("DESK", &[]);
    house.write("LAMP", backordered("o-3", 5));
    seconds(300).await;
    assert_eq!(house.sent().len(), 1);
    assert_eq!(house.memory.progress(MAIL).place.to_string(), "1-3");
}

#[tokio::test(start_paused = true)]
async fn of_several_instances_one_sends_and_another_goes_on_when_it_ends() {
    let mut house = House::open([]);
    house.start(2);
    for order in 0..5 {
        seconds(30).await;
        house.write("LAMP", refused(&format!("o-{order}"), 1, 0));
        seconds(30).await;
    }
    seconds(10).await;
    assert_eq!(house.taken().len(), 5);
    // One that drains gives its lease back.
    let (job, relay) = house.jobs.remove(0);
    job.abort();
    relay.release().await.expect("memory answers");
    house.write("LAMP", refused("o-6", 1, 0));
    seconds(70).await;
    assert_eq!(house.taken().len(), 6);
    let ids: std::collections::BTreeSet<String> = house.taken().into_iter().collect();
    assert_eq!(ids.len(), 6, "each has an id of its own");
}

#[tokio::test(start_paused = true)]
async fn a_mailer_that_hangs_keeps_the_lease() {
    let mut house = House::open([Answer::Hangs]);
    house.start(2);
    house.write("LAMP", refused("o-1", 1, 0));
    seconds(600).await;
    assert_eq!(house.sent().len(), 1, "the other instance does not take over");
}

#[tokio::test(start_paused = true)]
async fn disabled_they_are_kept_back_and_told_in_one_when_enabled() {
    use earmark_application::{SubscriptionName, Subscriptions};
    let house = House::open([]);
    let name = SubscriptionName::new(MAIL);
    seconds(1).await;
    house
        .memory
        .disable(&name, Some("holiday"))
        .await
        .expect("memory answers");
    for order in 0..5 {
        house.write("LAMP", refused(&format!("o-{order}"), 1, 0));
        seconds(60).await;
    }
    assert_eq!(house.sent(), []);
    assert_eq!(house.state.get(), Some((false, true)));
    house.memory.disable(&name, None).await.expect("memory answers");
    seconds(61).await;
    assert_eq!(house.taken(), ["0-0.1-5"]);
    assert_eq!(house.told(), [[("LAMP".to_owned(), 5)]]);
    assert_eq!(house.state.get(), Some((false, false)));
}

/// Another instance tells the figures from then on.
#[tokio::test(start_paused = true)]
async fn an_instance_that_has_lost_the_lease_tells_nothing_of_them_any_more() {
    use earmark_application::{LeaseClaim, LeaseHolder, LogPosition, SubscriptionName, Subscriptions};
    let house = House::open([]);
    seconds(1).await;
    assert_eq!(house.state.get(), Some((false, false)));
    let claim = LeaseClaim {
        name: SubscriptionName::new(MAIL),
        holder: LeaseHolder([9; 16]),
        lasts: Duration::from_secs(600),
        now: house.clock.now() + SignedDuration::from_hours(1),
        start: LogPosition::START,
    };
    house.memory.lease(&claim).await.expect("memory answers");
    seconds(120).await;
    assert_eq!(house.state.get(), None);
}

#[tokio::test(start_paused = true)]
async fn many_events_of_a_product_are_one_shortage() {
    const EVENTS: u32 = 100_000;
    const PRODUCTS: u32 = 10_000;
    let house = House::open([]);
    let now = jiff::Timestamp::UNIX_EPOCH;
    for number in 0..EVENTS {
        let product = number % PRODUCTS;
        // Each line is refused twice, and lacks as many units as the number of its product.
        let line = format!("o-{}", number % (EVENTS / 2));
        let fact = refused(&line, product + 1, 0);
        house.shop.write(&format!("SKU-{product}"), now, fact);
    }
    seconds(120).await;
    let short = house.last_digest().short;
    assert_eq!((short.items.len(), short.at_most()), (40, u64::from(PRODUCTS)));
    let worst = &short.items[0];
    assert_eq!(worst.sku.to_string(), "SKU-9999");
    assert_eq!((worst.refused_lines, worst.refused_units.get()), (5, 50_000));
    assert!(house.shop.questions.load(Ordering::Relaxed) <= 40);
}

#[tokio::test(start_paused = true)]
async fn a_long_interval_is_read_in_pages_and_told_in_bounds() {
    let house = House::open([]);
    let now = jiff::Timestamp::UNIX_EPOCH;
    for number in 0..120_000_u32 {
        let product = format!("SKU-{number}");
        // The later the worse.
        house
            .shop
            .write(&product, now, refused(&format!("o-{number}"), number + 1, 0));
    }
    for number in 0..1_000 {
        let batch = format!("b-{number}");
        house.shop.write("LAMP", now, overdue(&batch, day(1)));
        house.shop.batch(&batch, "LAMP", 10, Some(day(1)));
        let mut batches = house.shop.batches.lock().expect("no panic");
        batches.get_mut(&reference(&batch)).expect("the batch").overdue = true;
    }
    seconds(120).await;
    assert_eq!(house.taken(), ["0-0.1-121000"]);
    let digest = house.last_digest();
    assert_eq!(digest.short.at_most(), 120_000);
    assert_eq!(digest.short.items.len(), 40);
    assert_eq!(
        digest.short.items[0].sku.to_string(),
        "SKU-99999",
        "the worst of those that are remembered"
    );
    assert_eq!((digest.overdue.items.len(), digest.overdue.at_most()), (40, 1_000));
    assert!(house.shop.longest_page.load(Ordering::Relaxed) <= 1_000);
    assert!(house.shop.questions.load(Ordering::Relaxed) <= 200);
}
