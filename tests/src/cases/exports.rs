//! Exports, the audit and the worklist.

use earmark_application::{LineFilter, LineRead};
use earmark_domain::{BACKLOG_PAGE, LineKey, LineState, OnOrderShortage};

use crate::build::{
    allocate, allocate_or_wait, cancel_line, count_batch, create_batch, line, name_product, place, place_order,
    reference, sku,
};
use crate::databases::Db;
use crate::shop::Shop;

fn keys(lines: &[LineRead]) -> Vec<LineKey> {
    lines.iter().map(|line| line.record.terms.key.clone()).collect()
}

fn parts(line: &LineRead) -> Vec<(&str, u32)> {
    line.allocations
        .iter()
        .map(|(part, _)| (part.batch.as_str(), part.quantity.get()))
        .collect()
}

/// All lines, or those in one state.
pub async fn lines_are_listed_by_order_and_line_page_by_page(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 100),
        create_batch("b-2", "CHAIR", 1),
        place_order("o-2", &[("LAMP", 1), ("CHAIR", 1)]),
        allocate("O-3", "LAMP", 1),
        allocate("o-1", "LAMP", 2),
        allocate_or_wait("o-1", "CHAIR", 2),
        allocate("o-10", "LAMP", 1),
        cancel_line("o-2", "CHAIR"),
    ])
    .await;
    let all = [
        line("O-3", "LAMP"),
        line("o-1", "CHAIR"),
        line("o-1", "LAMP"),
        line("o-10", "LAMP"),
        line("o-2", "CHAIR"),
        line("o-2", "LAMP"),
    ];
    for limit in 1..=7 {
        let mut seen: Vec<LineRead> = Vec::new();
        loop {
            let after = seen.last().map(|last| last.record.terms.key.clone());
            let page = shop
                .reads
                .lines(LineFilter::All, after.as_ref(), limit)
                .await
                .expect("lines");
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(keys(&seen), all);
        assert_eq!(parts(&seen[2]), [("b-1", 2)]);
    }
    let held = shop
        .reads
        .lines(LineFilter::In(LineState::Allocated), Some(&all[1]), 2)
        .await;
    assert_eq!(keys(&held.expect("lines")), all[2..4]);
    let waiting = shop.reads.lines(LineFilter::In(LineState::Cancelled), None, 9).await;
    assert_eq!(
        keys(&waiting.expect("lines")),
        [line("o-1", "CHAIR"), line("o-2", "CHAIR")][1..]
    );
}

/// By reference and by order id. An order whose lines were allocated one by one has no header.
pub async fn batches_and_orders_are_listed_page_by_page(db: Db) {
    let shop = Shop::open(&db).await;
    for batch in ["b-2", "B-1", "b-10", "b-1"] {
        shop.done(&create_batch(batch, "LAMP", 10)).await;
    }
    for id in ["o-2", "O-1", "o-10"] {
        shop.done(&place_order(id, &[("LAMP", 1)])).await;
    }
    shop.done(&allocate("o-1", "LAMP", 1)).await;

    let first = shop.reads.batches(None, 3).await.expect("batches");
    let rest = shop.reads.batches(Some(&first[2].reference), 3).await.expect("batches");
    let seen: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|batch| batch.reference.as_str())
        .collect();
    assert_eq!(seen, ["B-1", "b-1", "b-10", "b-2"]);
    assert!(
        shop.reads
            .batches(Some(&reference("b-2")), 3)
            .await
            .expect("batches")
            .is_empty()
    );

    let first = shop.reads.orders(None, 2).await.expect("orders");
    let rest = shop.reads.orders(Some(&first[1].id), 2).await.expect("orders");
    let seen: Vec<_> = first.iter().chain(&rest).map(|header| header.id.as_str()).collect();
    assert_eq!(seen, ["O-1", "o-10", "o-2"]);
}

/// Stock arrived, and the backlog is longer than one page.
pub async fn products_with_a_pending_backlog_are_listed(db: Db) {
    let shop = Shop::open(&db).await;
    let ids: Vec<String> = (0..=BACKLOG_PAGE).map(|number| format!("l-{number}")).collect();
    for of in ["LAMP", "CHAIR", "SOFA"] {
        shop.done(&name_product(of, "Not here yet")).await;
        let lines: Vec<_> = ids.iter().map(|id| (id.as_str(), of, 1)).collect();
        shop.done(&place(of, &lines, OnOrderShortage::Backorder, false)).await;
    }
    assert!(
        shop.reads
            .products_with_pending_work(9)
            .await
            .expect("a list")
            .is_empty()
    );
    for of in ["LAMP", "CHAIR"] {
        shop.done(&create_batch(of, of, 1_000)).await;
    }
    let mut pending = shop.reads.products_with_pending_work(9).await.expect("a list");
    pending.sort_unstable();
    assert_eq!(pending, [sku("CHAIR"), sku("LAMP")]);
    assert_eq!(shop.reads.products_with_pending_work(1).await.expect("a list").len(), 1);
}

/// Used-up batches, cancelled lines and all events are part of it.
pub async fn a_history_is_complete(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 1),
        allocate("o-1", "LAMP", 1),
        create_batch("b-2", "LAMP", 5),
        count_batch("b-2", 0),
        allocate_or_wait("o-2", "LAMP", 2),
        cancel_line("o-2", "LAMP"),
        create_batch("c-1", "CHAIR", 1),
        allocate("o-1", "CHAIR", 1),
    ])
    .await;
    let history = shop.history(&sku("LAMP")).await;
    assert_eq!(
        (history.batches.len(), history.lines.len(), history.allocations.len()),
        (2, 2, 1)
    );
    let events: Vec<_> = history.events.iter().map(|stored| stored.event.fact.name()).collect();
    let expected = [
        "BatchCreated",
        "Allocated",
        "StockDepleted",
        "BatchCreated",
        "StockReplenished",
        "BatchQuantityChanged",
        "StockDepleted",
        "OutOfStock",
        "Backordered",
        "Deallocated",
    ];
    assert_eq!(events, expected);
    assert!(earmark_domain::audit(&history).is_empty());
}
