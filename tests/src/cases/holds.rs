//! Holds: which have reached their deadline, which is next, and what views show of a product meanwhile.

use std::collections::BTreeSet;

use earmark_domain::{LineState, NextHold, OrderStatus, Sku, Units};
use jiff::{SignedDuration, Timestamp};

use crate::build::{
    allocate, allocate_or_wait, cancel_order, confirm, create_batch, expire_holds, hold, place_order, sku,
};
use crate::databases::Db;
use crate::shop::Shop;

async fn due(shop: &Shop, of: &[&str], now: Timestamp, limit: usize) -> Vec<String> {
    let skus: BTreeSet<Sku> = of.iter().map(|of| sku(of)).collect();
    let found = shop.reads.due_orders(&skus, now, limit).await.expect("a list");
    found.into_iter().map(|order| order.id.to_string()).collect()
}

/// Each order of the given products once, whether its lines are held or backordered.
pub async fn due_orders_are_listed_by_their_deadlines(db: Db) {
    let shop = Shop::open(&db).await;
    let begin = shop.now();
    shop.all_done(&[
        create_batch("b-1", "LAMP", 9),
        create_batch("b-2", "CHAIR", 2),
        hold("third", &[("a", "LAMP", 1), ("b", "LAMP", 1), ("c", "CHAIR", 1)], 300),
        hold("first", &[("a", "LAMP", 1)], 100),
        hold("waits", &[("a", "CHAIR", 9)], 200),
        hold("last", &[("a", "LAMP", 1)], 400),
        hold("firm", &[("a", "LAMP", 1)], 50),
        confirm("firm"),
        place_order("never", &[("LAMP", 1)]),
    ])
    .await;
    let after = |seconds| begin + SignedDuration::from_secs(seconds);
    assert_eq!(due(&shop, &["LAMP", "CHAIR"], after(50), 9).await, [""; 0]);
    assert_eq!(due(&shop, &["LAMP", "CHAIR"], after(101), 9).await, ["first"]);
    let all = ["first", "waits", "third", "last"];
    for limit in 0..=5 {
        assert_eq!(
            due(&shop, &["LAMP", "CHAIR"], after(900), limit).await,
            all[..limit.min(4)]
        );
    }
    assert_eq!(due(&shop, &["CHAIR"], after(900), 9).await, ["waits", "third"]);
    assert_eq!(due(&shop, &["SOFA"], after(900), 9).await, [""; 0]);
    // An order is listed with all of its lines, also those of other products.
    let third = shop
        .reads
        .due_orders(&BTreeSet::from([sku("CHAIR")]), after(900), 9)
        .await;
    let lines: Vec<usize> = third.expect("a list").iter().map(|order| order.lines).collect();
    assert_eq!(lines, [1, 3]);
    let deadline = shop.order("first").await.lines[0]
        .record
        .terms
        .hold_until
        .expect("it is held");
    assert_eq!(due(&shop, &["LAMP"], deadline, 9).await, ["first"]);
    let before = deadline - SignedDuration::from_micros(1);
    assert_eq!(due(&shop, &["LAMP"], before, 9).await, [""; 0]);

    let products = |now, limit| {
        let reads = shop.reads.clone();
        async move { reads.products_with_due_holds(now, limit).await.expect("a list") }
    };
    // The noted deadline is that of the confirmed order: no hold on LAMPs expires before it.
    assert_eq!(products(after(51), 9).await, [sku("LAMP")]);
    assert_eq!(products(after(900), 9).await, [sku("LAMP"), sku("CHAIR")]);
    assert_eq!(products(after(900), 1).await, [sku("LAMP")]);
    assert_eq!(products(begin, 9).await, []);
    shop.clock.advance_seconds(900);
    shop.sweep().await;
    assert_eq!(products(after(99_999), 9).await, []);
    assert_eq!(due(&shop, &["LAMP", "CHAIR"], after(99_999), 9).await, [""; 0]);
    for id in all {
        let view = shop.order(id).await.view(shop.now(), shop.today());
        assert_eq!(view.status, OrderStatus::Expired, "{id}");
    }
    shop.assert_sound().await;
}

/// The next deadline among the holds that the command does not expire.
pub async fn the_next_hold_is_loaded_without_those_of_the_scope(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 9),
        create_batch("b-2", "CHAIR", 2),
        hold("late", &[("a", "LAMP", 1)], 300),
        hold("soon", &[("a", "LAMP", 1), ("b", "LAMP", 90)], 100),
    ])
    .await;
    let deadline = |id| {
        let shop = &shop;
        async move { shop.order(id).await.lines[0].record.terms.hold_until }
    };
    let (soon, late) = (deadline("soon").await, deadline("late").await);
    for (orders, at) in [(&[][..], soon), (&["soon"], late), (&["soon", "late"], None)] {
        let scope = expire_holds(&["LAMP", "CHAIR", "SOFA"], orders).scope();
        let mut found = shop.load(&scope).await.next_holds;
        found.sort_unstable_by(|a, b| b.sku.cmp(&a.sku));
        let expected = [(sku("LAMP"), at), (sku("CHAIR"), None)];
        assert_eq!(found, expected.map(|(sku, at)| NextHold { sku, at }));
    }
    let not_requested = shop.load(&cancel_order("soon").scope()).await;
    assert_eq!(not_requested.next_holds, []);
}

/// A view at an instant from the deadline on shows the product without the hold.
pub async fn from_its_deadline_on_a_hold_counts_zero_before_any_sweep(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 6),
        create_batch("b-2", "LAMP", 4),
        create_batch("c-1", "CHAIR", 3),
        hold("short", &[("a", "LAMP", 5), ("b", "LAMP", 3), ("c", "LAMP", 70)], 100),
        hold("long", &[("a", "LAMP", 1), ("b", "LAMP", 30)], 500),
        allocate_or_wait("firm", "LAMP", 1),
        allocate_or_wait("waits", "LAMP", 20),
        allocate("firm", "CHAIR", 1),
    ])
    .await;
    let sums_after = |seconds: i64| {
        let (shop, now) = (&shop, shop.now() + SignedDuration::from_secs(seconds));
        async move {
            let reads = &shop.reads;
            let product = reads
                .product(&sku("LAMP"), now)
                .await
                .expect("a product")
                .expect("it exists");
            let listed = reads.products(None, None, now, 9).await.expect("products");
            assert_eq!(listed[1], product.summary);
            assert_eq!((listed[0].allocated, listed[0].free), (Units::new(1), Units::new(2)));
            let found = reads.products(Some("lamp"), None, now, 9).await.expect("products");
            assert_eq!(found, listed[1..]);
            for batch in &product.batches {
                let alone = reads
                    .batch(&batch.reference, now)
                    .await
                    .expect("a batch")
                    .expect("it exists");
                assert_eq!((&alone.record, alone.version), (batch, product.summary.version));
            }
            let backlog = reads.backlog(&sku("LAMP"), None, now, 9).await.expect("a backlog");
            let backlog = backlog.expect("a product");
            let waiting: Units = backlog.iter().map(|line| line.record.terms.quantity.units()).sum();
            assert_eq!(waiting, product.summary.backordered);
            let by_batch: Vec<u64> = product.batches.iter().map(|batch| batch.allocated.get()).collect();
            let sums = product.summary;
            (by_batch, sums.allocated.get(), sums.free.get(), sums.backordered.get())
        }
    };
    let before = shop.snapshot().await;
    assert_eq!(sums_after(50).await, (vec![6, 4], 10, 0, 120));
    assert_eq!(sums_after(200).await, (vec![1, 1], 2, 8, 50));
    assert_eq!(sums_after(600).await, (vec![0, 1], 1, 9, 20));
    assert_eq!(shop.snapshot().await, before, "a view changes nothing");
    let view = shop
        .order("short")
        .await
        .view(shop.now() + SignedDuration::from_secs(200), shop.today());
    assert_eq!(view.status, OrderStatus::Expired);

    // A decision expires due holds first.
    shop.clock.advance_seconds(200);
    shop.done(&place_order("next", &[("LAMP", 5)])).await;
    let expired = shop.order("short").await;
    assert!(expired.lines.iter().all(|line| line.record.state == LineState::Expired));
    shop.assert_sound().await;
}
