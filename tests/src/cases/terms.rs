//! Terms of promises: precedence, release ranks, deadlines, locations, safety stock and dispatches are stored and loaded.

use std::collections::BTreeSet;

use earmark_application::{CommandError, LineRead};
use earmark_domain::{
    Change, Command, LineKey, LineState, OnOrderShortage, OrderTerms, Outcome, Promising, Refusal, ReleaseLines,
    ReleaseScope, Scope, Units,
};

use super::storing::assert_stored;
use crate::build::{
    allocate, allocate_from, allocate_or_wait, cancel_batch, cancel_line, cancel_order, change_line, confirm,
    confirm_some, count, count_batch, create_at, create_batch, create_inbound, dispatch, expect_batch, hold, keep_back,
    line, locations, order, order_on, place_before, place_order, precedence, quote, receive_batch, reference, replace,
    serve_backlog, sku, undo_dispatch,
};
use crate::databases::Db;
use crate::shop::Shop;

/// A history with promises on all kinds of terms: each command, with the seconds that pass after it.
fn history() -> Vec<(Command, i64)> {
    let everything = OrderTerms {
        on_shortage: OnOrderShortage::Backorder,
        split: true,
        precedence: precedence(-3, Some("2026-03-09")),
        ..crate::build::held_for(86_400)
    };
    vec![
        (keep_back("LAMP", 2), 0),
        (create_batch("shelf", "LAMP", 20), 0),
        (create_at("attic", "LAMP", 6, "attic"), 0),
        (create_at("here", "CHAIR", 1, "it's \"here\""), 0),
        (create_at("there", "CHAIR", 1, "a\\\\b"), 0),
        (create_inbound("ship", "LAMP", 10, "2026-03-10"), 0),
        (hold("h-1", &[("a", "LAMP", 3), ("b", "LAMP", 4)], 60), 0),
        (hold("h-2", &[("a", "LAMP", 2)], 3_600), 0),
        (
            allocate_from("o-1", "LAMP", 7, &["attic", "it's \"here\"", "a\\\\b", "main"]),
            0,
        ),
        (
            place_before("o-2", &[("a", "LAMP", 2)], precedence(1_000_000, Some("9999-12-31"))),
            0,
        ),
        (
            place_before("o-3", &[("a", "LAMP", 90)], precedence(-1_000_000, None)),
            0,
        ),
        (
            Command::PlaceOrder(order_on("h-3", &[("a", "LAMP", 5), ("b", "LAMP", 500)], everything)),
            0,
        ),
        (replace("h-2", &[("a", "LAMP", 1), ("c", "LAMP", 2)], 7_200), 0),
        (confirm_some("h-1", &[("a", 2)]), 0),
        (change_line("o-2", "a", 1), 0),
        (dispatch("o-2"), 0),
        (expect_batch("ship", "2026-03-12"), 0),
        (receive_batch("ship"), 0),
        (undo_dispatch("o-2"), 0),
        (dispatch("o-2"), 0),
        (count_batch("shelf", 5), 100_000),
        // All holds have expired by now.
        (hold("h-4", &[("a", "LAMP", 1)], 60), 0),
        (confirm("h-4"), 0),
        (cancel_line("o-1", "LAMP"), 0),
        (cancel_batch("attic"), 0),
        (create_batch("more", "LAMP", 400), 0),
        (serve_backlog("LAMP"), 0),
        (cancel_order("h-4"), 0),
        (dispatch("o-3"), 0),
    ]
}

async fn run_history(shop: &Shop) {
    for (command, seconds) in history() {
        shop.done(&command).await;
        shop.clock.advance_seconds(seconds);
    }
}

/// A location is known once there was a batch, of any product and however little is left of it; until then a line that
/// names it is refused.
pub async fn a_location_is_known_once_there_was_a_batch(db: Db) {
    let shop = Shop::open(&db).await;
    shop.done(&create_batch("B1", "LAMP", 5)).await;
    let answer = async || {
        let line = allocate_from("o-1", "LAMP", 1, &["it's", "north"]);
        match shop.decide(&line).await.answers.pop() {
            Some(Err(CommandError::Refused(refusal))) => refusal,
            other => unreachable!("{other:?} is no refusal"),
        }
    };
    let unknown = |names: &[&str]| Refusal::UnknownLocation(locations(names).as_slice().to_vec());
    assert_eq!(answer().await, unknown(&["it's", "north"]));
    shop.done(&create_at("B2", "CHAIR", 1, "north")).await;
    shop.done(&cancel_batch("B2")).await;
    assert_eq!(answer().await, unknown(&["it's"]));
    shop.done(&create_at("B3", "CHAIR", 1, "it's")).await;
    shop.done(&allocate_from("o-1", "LAMP", 1, &["it's", "north"])).await;
    shop.assert_sound().await;
}

/// Deadlines, precedences, release ranks, locations, dispatches: nothing is rounded, cut or swapped.
pub async fn promises_are_read_back_as_they_were_stored(db: Db) {
    let shop = Shop::open(&db).await;
    for (command, seconds) in history() {
        let decided = shop.decide(&command).await;
        assert!(decided.answers[0].is_ok(), "{command:?}: {:?}", decided.answers);
        assert_stored(&shop, &decided.changes).await;
        shop.assert_sound().await;
        shop.clock.advance_seconds(seconds);
    }
    let stored = shop.order("o-1").await;
    assert_eq!(
        stored.lines[0].record.terms.locations,
        locations(&["attic", "it's \"here\"", "a\\\\b", "main"])
    );
}

/// A restart loses no promise.
pub async fn promises_survive_a_restart(db: Db) {
    let shop = Shop::open(&db).await;
    run_history(&shop).await;
    let before = shop.snapshot().await;
    assert!(before.histories.iter().any(|history| history.dispatches.len() >= 2));
    let shop = shop.another(&db).await;
    assert_eq!(shop.snapshot().await, before);
    shop.done(&create_batch("after", "LAMP", 1)).await;
    shop.assert_sound().await;
}

fn keys(lines: &[LineRead]) -> Vec<LineKey> {
    lines.iter().map(|line| line.record.terms.key.clone()).collect()
}

async fn to_release(shop: &Shop, batch: &str, lines: ReleaseLines) -> Vec<LineKey> {
    let scope = Scope {
        batches: [reference(batch)].into(),
        releases: vec![ReleaseScope {
            batch: reference(batch),
            lines,
        }],
        ..Scope::default()
    };
    let loaded = shop.load(&scope).await;
    let mut found: Vec<_> = loaded.lines.into_iter().map(|line| line.terms.key).collect();
    found.sort_unstable();
    found
}

/// A batch of twelve with lines of every release rank: held, of low, default and high priority, with a required date
/// and without.
async fn lines_of_every_release_rank(db: &Db) -> Shop {
    let shop = Shop::open(db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 12),
        place_before("high", &[("a", "LAMP", 2)], precedence(7, None)),
        place_before("dated", &[("a", "LAMP", 2)], precedence(0, Some("2026-05-01"))),
        hold("held", &[("a", "LAMP", 2)], 600),
        place_before("low", &[("a", "LAMP", 2)], precedence(-7, None)),
        place_order("usual", &[("LAMP", 2)]),
        place_order("usual-too", &[("LAMP", 2)]),
    ])
    .await;
    shop
}

/// Held lines leave first, then the lowest priority, then the latest required date, then the latest allocation.
pub async fn lines_are_loaded_for_release_by_their_release_rank(db: Db) {
    let shop = lines_of_every_release_rank(&db).await;
    let leaving = [
        line("held", "a"),
        line("low", "a"),
        line("usual-too", "LAMP"),
        line("usual", "LAMP"),
        line("dated", "a"),
        line("high", "a"),
    ];
    for leave in 0..=leaving.len() {
        let stay = 12 - 2 * u32::try_from(leave).expect("a few");
        let mut expected = leaving[..leave].to_vec();
        expected.sort_unstable();
        let found = to_release(&shop, "b-1", ReleaseLines::Beyond(count(stay))).await;
        assert_eq!(found, expected, "{stay} stay");
    }
    shop.done(&count_batch("b-1", 5)).await;
    let states = |id| {
        let shop = &shop;
        async move { shop.order(id).await.lines[0].record.state }
    };
    assert_eq!(states("usual").await, LineState::Backordered);
    assert_eq!(states("dated").await, LineState::Allocated);
    shop.assert_sound().await;
    // Confirmed, it leaves later than a line of low priority.
    shop.all_done(&[create_batch("b-2", "LAMP", 8), confirm("held")]).await;
    assert_eq!(
        to_release(&shop, "b-2", ReleaseLines::Beyond(count(6))).await,
        [line("low", "a")]
    );
    shop.assert_sound().await;
}

/// A new date may change the promise of each line in the batch.
pub async fn all_lines_of_a_batch_are_loaded_when_its_date_changes(db: Db) {
    let shop = lines_of_every_release_rank(&db).await;
    shop.all_done(&[create_batch("b-2", "LAMP", 1), allocate("other", "LAMP", 1)])
        .await;
    let found = to_release(&shop, "b-1", ReleaseLines::All).await;
    assert_eq!(found.len(), 6);
    assert!(!found.contains(&line("other", "LAMP")));
    assert_eq!(to_release(&shop, "nowhere", ReleaseLines::All).await, []);
}

/// The line of higher precedence is served first and listed first, page by page.
pub async fn the_backlog_is_ordered_by_precedence(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        keep_back("LAMP", 0),
        create_batch("gone", "LAMP", 1),
        count_batch("gone", 0),
        allocate_or_wait("usual", "LAMP", 2),
        place_before("low", &[("a", "LAMP", 2)], precedence(-1, Some("2026-03-02"))),
        place_before("late", &[("a", "LAMP", 2)], precedence(1, None)),
        place_before("soon", &[("a", "LAMP", 2)], precedence(1, Some("2026-03-02"))),
        place_before(
            "sooner",
            &[("b", "LAMP", 2), ("a", "LAMP", 2)],
            precedence(1, Some("2026-03-01")),
        ),
    ])
    .await;
    let expected = [
        line("sooner", "a"),
        line("sooner", "b"),
        line("soon", "a"),
        line("late", "a"),
        line("usual", "LAMP"),
        line("low", "a"),
    ];
    for limit in 1..=7 {
        let mut seen: Vec<LineRead> = Vec::new();
        loop {
            let after = seen.last().map(|last| last.record.service_position());
            let page = shop
                .reads
                .backlog(&sku("LAMP"), after.as_ref(), shop.now(), limit)
                .await;
            let page = page.expect("a backlog").expect("a product");
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(keys(&seen), expected);
    }
    shop.done(&create_batch("b-1", "LAMP", 7)).await;
    let waiting = shop.reads.backlog(&sku("LAMP"), None, shop.now(), 9).await;
    assert_eq!(keys(&waiting.expect("a backlog").expect("a product")), expected[3..]);
    shop.assert_sound().await;
}

/// With the batches that the units left, even used-up ones.
pub async fn dispatches_are_loaded_to_be_undone(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 2),
        create_batch("b-2", "LAMP", 2),
        crate::build::allocate_split("o-1", "LAMP", 4),
        create_batch("b-3", "LAMP", 2),
        place_order("o-2", &[("LAMP", 1)]),
        dispatch("o-1"),
        dispatch("o-2"),
    ])
    .await;
    let dispatches = shop.history(&sku("LAMP")).await.dispatches;
    assert_eq!(dispatches.len(), 3);
    let batch = shop.batch("b-1").await.record;
    assert_eq!((batch.allocated, batch.dispatched), (Units::ZERO, Units::new(2)));

    let mut loaded = shop.load(&undo_dispatch("o-1").scope()).await;
    loaded
        .dispatches
        .sort_by(|a, b| (&a.key, &a.batch).cmp(&(&b.key, &b.batch)));
    assert_eq!(loaded.dispatches, dispatches[..2]);
    let batches: BTreeSet<_> = loaded.batches.iter().map(|batch| batch.reference.as_str()).collect();
    assert!(batches.is_superset(&["b-1", "b-2"].into()), "{batches:?}");
    // Other commands read what left, and need no batch of it.
    let to_cancel = shop.load(&cancel_order("o-1").scope()).await;
    assert_eq!((to_cancel.dispatches.len(), to_cancel.batches.len()), (2, 1));

    let decided = shop.decide(&undo_dispatch("o-1")).await.changes;
    assert_eq!((decided.returned.len(), decided.earmarked.len()), (2, 2));
    let history = shop.history(&sku("LAMP")).await;
    assert_eq!((history.dispatches.len(), history.allocations.len()), (1, 2));
    assert_eq!(shop.batch("b-1").await.record.allocated, Units::new(2));
    shop.assert_sound().await;
    // Dispatched units are not on hand.
    shop.done(&dispatch("o-1")).await;
    assert_eq!(shop.product("LAMP").await.summary.on_hand, Units::new(1));
}

/// A replaced order has another deadline and another precedence, and no second header.
pub async fn the_header_of_a_replaced_order_is_changed(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 9), hold("o-1", &[("a", "LAMP", 2)], 100)])
        .await;
    let before = shop.order("o-1").await.header.expect("it was placed");
    let terms = OrderTerms {
        precedence: precedence(4, Some("2026-04-01")),
        ..crate::build::held_for(900)
    };
    let command = Command::ReplaceOrder(order_on("o-1", &[("a", "LAMP", 3), ("b", "LAMP", 1)], terms));
    let changes = shop.decide(&command).await.changes;
    assert!(matches!(&changes.orders[..], [Change::Changed(_)]));
    let header = shop.order("o-1").await.header.expect("it was placed");
    assert_eq!((&header.id, header.placed_at), (&order("o-1"), before.placed_at));
    assert_eq!(header.precedence, precedence(4, Some("2026-04-01")));
    assert!(header.hold_until > before.hold_until);
    let loaded = shop.load(&cancel_order("o-1").scope()).await;
    assert_eq!(loaded.orders, shop.reads.orders(None, 9).await.expect("orders"));
    assert_eq!(loaded.orders, [header]);
    // A line that is allocated on its own has no order header.
    shop.done(&allocate("o-2", "LAMP", 1)).await;
    assert_eq!(shop.order("o-2").await.header, None);
    shop.assert_sound().await;
}

/// A quote stores nothing, and sees what was stored before it by any instance.
pub async fn a_quote_reads_the_current_state(db: Db) {
    let shop = Shop::open(&db).await;
    let rival = shop.another(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 40)).await;
    let available = |shop: Shop| async move {
        let before = shop.snapshot().await;
        let quoted = shop.done(&quote(&[("a", "LAMP", 1)])).await;
        assert_eq!(shop.snapshot().await, before);
        let Outcome::Quoted { lines, .. } = quoted else {
            unreachable!("a quote is answered")
        };
        lines[0].tried[0].available.get()
    };
    for round in 0..4 {
        let left = 40 - 4 * round;
        assert_eq!(available(shop.clone()).await, left);
        shop.done(&allocate(&format!("mine-{round}"), "LAMP", 1)).await;
        assert_eq!(available(shop.clone()).await, left - 1);
        rival.done(&allocate(&format!("theirs-{round}"), "LAMP", 3)).await;
    }
    assert_eq!(available(shop.clone()).await, 24);
    shop.assert_sound().await;
}

/// In a product's sums, in the product's view and in the list.
pub async fn safety_stock_is_not_available(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 9), allocate("o-1", "LAMP", 4)])
        .await;
    for (safety_stock, available) in [(0, 5), (2, 3), (5, 0), (8, 0)] {
        shop.done(&keep_back("LAMP", safety_stock)).await;
        let summary = shop.product("LAMP").await.summary;
        assert_eq!(
            (
                summary.available(Promising::default(), shop.today()).get(),
                summary.safety_stock
            ),
            (available, count(safety_stock))
        );
        let listed = shop.reads.products(None, None, shop.now(), 9).await.expect("products");
        assert_eq!(listed, [summary]);
    }
    shop.assert_sound().await;
}
