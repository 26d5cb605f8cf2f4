//! Storing: a store stores exactly what was decided, all of it or nothing.

use std::sync::Arc;

use earmark_application::{Decided, StoreError, Undecided};
use earmark_domain::{
    Change, ChangeSet, Command, Corrupt, LineState, MAX_LINES_PER_ORDER, OnOrderShortage, Outcome, Subject,
};

use crate::build::{
    allocate, allocate_or_wait, allocate_split, cancel_line, cancel_order, count_batch, create_batch, create_inbound,
    line, name_product, place, place_order, receive_counted, receive_part, sku, undo_receipt, units,
};
use crate::databases::Db;
use crate::shop::Shop;

/// A history with every command, every state of a line, reallocations, and two products.
fn history() -> Vec<Command> {
    vec![
        name_product("LAMP", "A lamp, brass"),
        create_batch("shelf", "LAMP", 10),
        create_inbound("ship-1", "LAMP", 20, "2026-04-01"),
        create_inbound("ship-2", "LAMP", 5, "2026-03-20"),
        create_batch("chairs", "CHAIR", 4),
        allocate("o-1", "LAMP", 3),
        allocate_split("o-2", "LAMP", 14),
        allocate_or_wait("o-3", "LAMP", 30),
        place(
            "o-4",
            &[("a", "LAMP", 2), ("b", "CHAIR", 3), ("c", "CHAIR", 3)],
            OnOrderShortage::Partial,
            true,
        ),
        place(
            "o-5",
            &[("a", "CHAIR", 9), ("b", "LAMP", 1)],
            OnOrderShortage::Backorder,
            false,
        ),
        count_batch("shelf", 6),
        cancel_line("o-4", "b"),
        name_product("LAMP", "A lamp, brass and glass"),
        create_batch("more", "LAMP", 40),
        cancel_order("o-5"),
        count_batch("ship-1", 0),
        receive_counted("ship-2", 6),
        undo_receipt("ship-2"),
        receive_counted("ship-2", 4),
        create_inbound("ship-3", "LAMP", 9, "2026-04-02"),
        receive_part("ship-3", 4),
        receive_part("ship-3/2", 3),
    ]
}

async fn run_history(shop: &Shop) {
    for command in history() {
        shop.done(&command).await;
    }
}

/// Asserts that every row of a change set is stored as it is.
pub(super) async fn assert_stored(shop: &Shop, changes: &ChangeSet) {
    for change in &changes.products {
        assert_eq!(shop.history(&change.record.sku).await.product, change.record);
    }
    for change in &changes.batches {
        let batch = change.value();
        assert_eq!(shop.batch(batch.reference.as_str()).await.record, *batch);
    }
    for change in &changes.lines {
        let history = shop.history(&change.value().sku).await;
        assert!(history.lines.contains(change.value()), "{change:?}");
        let allocations = changes.earmarked.iter().filter(|a| a.key == change.value().terms.key);
        for allocation in allocations {
            assert!(history.allocations.contains(allocation), "{allocation:?}");
        }
        let dispatches = changes
            .dispatched
            .iter()
            .filter(|dispatch| dispatch.key == change.value().terms.key);
        for dispatch in dispatches {
            assert!(history.dispatches.contains(dispatch), "{dispatch:?}");
        }
    }
    for returned in &changes.returned {
        let mut stored = shop.snapshot().await.histories.into_iter().flat_map(|h| h.dispatches);
        assert!(!stored.any(|dispatch| dispatch == *returned), "{returned:?}");
    }
    for released in &changes.released {
        let stored = shop.snapshot().await.histories.into_iter().flat_map(|h| h.allocations);
        assert!(
            !stored.into_iter().any(|allocation| allocation == *released),
            "{released:?}"
        );
    }
    let snapshot = shop.snapshot().await;
    let headers: Vec<_> = snapshot
        .orders
        .iter()
        .filter_map(|order| order.header.as_ref())
        .collect();
    for order in changes.orders.iter().map(Change::value) {
        assert!(headers.contains(&order), "{order:?}");
    }
    let tail = snapshot.events.len() - changes.events.len();
    let last: Vec<_> = snapshot.events[tail..]
        .iter()
        .map(|stored| stored.event.clone())
        .collect();
    assert_eq!(last, changes.events);
}

/// Rows, keys, instants, dates, actors: nothing is rounded, cut or swapped.
pub async fn a_change_set_is_read_back_as_it_was_stored(db: Db) {
    let shop = Shop::open(&db).await;
    for command in history() {
        let Decided { changes, answers } = shop.decide(&command).await;
        assert!(answers[0].is_ok(), "{command:?}: {answers:?}");
        assert!(!changes.is_empty(), "{command:?}");
        assert_stored(&shop, &changes).await;
    }
    shop.assert_sound().await;
}

/// A restart loses nothing, and the next decision builds on it.
pub async fn the_state_survives_a_restart(db: Db) {
    let shop = Shop::open(&db).await;
    run_history(&shop).await;
    let before = shop.snapshot().await;
    drop(shop);
    let shop = Shop::open(&db).await;
    assert_eq!(shop.snapshot().await, before);
    shop.done(&create_batch("after", "LAMP", 1)).await;
    shop.assert_sound().await;
}

/// A shortage is recorded, and leaves no line, no order and no allocation.
pub async fn a_refused_command_stores_its_out_of_stock_events_and_nothing_else(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 5), create_batch("b-2", "CHAIR", 5)])
        .await;
    shop.refused(&allocate("o-1", "LAMP", 6)).await;
    shop.refused(&place_order("o-2", &[("LAMP", 5), ("CHAIR", 6)])).await;
    shop.refused(&allocate("o-3", "SOFA", 1)).await;

    let snapshot = shop.snapshot().await;
    let names: Vec<_> = snapshot.events.iter().map(|stored| stored.event.fact.name()).collect();
    assert_eq!(names, ["BatchCreated", "BatchCreated", "OutOfStock", "OutOfStock"]);
    for order in &snapshot.orders {
        assert!(order.header.is_none() && order.lines.is_empty(), "{order:?}");
    }
    for history in &snapshot.histories {
        assert!(history.lines.is_empty() && history.allocations.is_empty());
        assert_eq!(history.product.version, 2);
    }
    shop.assert_sound().await;
}

/// A decision that fails has no change set.
pub async fn a_failed_decision_stores_nothing(db: Db) {
    let shop = Shop::open(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 5)).await;
    let before = shop.snapshot().await;
    for reason in [
        Undecided::Corrupt(Corrupt("a torn page".into())),
        Undecided::Panicked { command: 0 },
    ] {
        let scope = allocate("o-1", "LAMP", 1).scope();
        let given = reason.clone();
        let answer = shop.store.transact(&scope, Arc::new(move |_| Err(given.clone()))).await;
        assert!(matches!(answer, Err(StoreError::Undecided(undecided)) if undecided == reason));
    }
    assert_eq!(shop.snapshot().await, before);
    shop.done(&allocate("o-1", "LAMP", 1)).await;
}

/// Loading alone changes nothing.
pub async fn an_empty_change_set_stores_nothing_and_changes_no_version(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 5), place_order("o-1", &[("LAMP", 1)])])
        .await;
    let before = shop.snapshot().await;
    let scope = place_order("o-1", &[("LAMP", 1)]).scope();
    shop.load(&scope).await;
    shop.load(&count_batch("b-1", 0).scope()).await;
    assert_eq!(shop.snapshot().await, before);
}

/// Natural keys make every command idempotent.
pub async fn a_repeated_command_changes_nothing(db: Db) {
    let shop = Shop::open(&db).await;
    let commands = [
        name_product("LAMP", "A lamp"),
        create_batch("b-1", "LAMP", 5),
        allocate("o-1", "LAMP", 2),
        allocate_or_wait("o-2", "LAMP", 9),
        place_order("o-3", &[("LAMP", 1)]),
        count_batch("b-1", 4),
        cancel_line("o-1", "LAMP"),
        cancel_order("o-3"),
    ];
    for command in commands {
        shop.done(&command).await;
        let before = shop.snapshot().await;
        let again = shop.decide(&command).await;
        assert!(again.answers[0].is_ok(), "{command:?}: {:?}", again.answers);
        assert_eq!(shop.snapshot().await, before, "{command:?}");
    }
}

/// A change set is stored whole, however many rows it has.
pub async fn an_order_of_the_largest_size_is_stored_whole(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 1_000_000),
        create_batch("b-2", "CHAIR", 1_000_000),
    ])
    .await;
    let ids: Vec<String> = (0..MAX_LINES_PER_ORDER)
        .map(|number| format!("l-{number:04}"))
        .collect();
    let skus = ["LAMP", "CHAIR"];
    let lines: Vec<_> = ids
        .iter()
        .zip(skus.iter().cycle())
        .map(|(id, sku)| (id.as_str(), *sku, 7))
        .collect();
    shop.done(&place("big", &lines, OnOrderShortage::Reject, false)).await;

    let placed = shop.order("big").await;
    assert_eq!(placed.lines.len(), MAX_LINES_PER_ORDER);
    let batch = shop.batch("b-1").await.record;
    assert_eq!(batch.allocated.get(), 7 * MAX_LINES_PER_ORDER as u64 / 2);
    shop.assert_sound().await;
    shop.done(&cancel_order("big")).await;
    shop.assert_sound().await;
}

/// Deallocated, backordered and allocated again, the line is still the first to be served.
pub async fn a_line_keeps_its_service_position_through_every_reallocation(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 5), allocate("first", "LAMP", 5)])
        .await;
    let placed = shop.history(&sku("LAMP")).await.lines[0].placed_version;
    shop.all_done(&[allocate_or_wait("second", "LAMP", 5), count_batch("b-1", 0)])
        .await;

    let waiting = shop
        .reads
        .backlog(&sku("LAMP"), None, shop.now(), 10)
        .await
        .expect("a backlog");
    let waiting: Vec<_> = waiting
        .expect("a product")
        .into_iter()
        .map(|read| read.record)
        .collect();
    assert_eq!(waiting.len(), 2);
    assert_eq!(
        (&waiting[0].terms.key, waiting[0].placed_version),
        (&line("first", "LAMP"), placed)
    );

    shop.done(&create_batch("b-2", "LAMP", 5)).await;
    let history = shop.history(&sku("LAMP")).await;
    let first = &history.lines[0];
    assert_eq!((first.state, first.placed_version), (LineState::Allocated, placed));
    assert_eq!((first.terms.quantity, history.allocations.len()), (units(5), 1));
    shop.assert_sound().await;
}

/// 1, 2, 3, …: each event of a product raises its version by one.
pub async fn the_versions_of_a_products_events_have_no_gap(db: Db) {
    let shop = Shop::open(&db).await;
    run_history(&shop).await;
    shop.refused(&allocate("o-9", "LAMP", 1_000)).await;
    for of in ["LAMP", "CHAIR"] {
        let history = shop.history(&sku(of)).await;
        let versions: Vec<_> = history
            .events
            .iter()
            .map(|stored| match &stored.event.subject {
                Subject::Product { version, .. } => *version,
                Subject::Order(_) => 0,
            })
            .collect();
        let expected: Vec<_> = (1..=history.product.version).collect();
        assert_eq!(versions, expected);
        assert!(history.events.is_sorted_by(|a, b| a.sequence < b.sequence));
    }
    let again = shop.done(&name_product("LAMP", "A lamp, brass and glass")).await;
    assert!(matches!(again, Outcome::ProductPut { changed: false, .. }));
    let new = shop.decide(&create_batch("x", "SOFA", 1)).await.changes;
    assert!(matches!(new.batches[0], Change::New(_)));
    assert_eq!(
        (new.products[0].read_version, new.products[0].record.version),
        (None, 1)
    );
}
