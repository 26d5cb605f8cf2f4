//! Terms of orders: changed, and given to lines that are added.

use earmark_domain::{Change, Improve, LineKey, LineState, Outcome, Promising, Refusal, Scope};

use super::storing::assert_stored;
use crate::build::{
    allocate, allocate_from, allocate_line, allocate_or_wait, cancel_line, cancel_order, change_order, confirm,
    create_at, create_batch, create_inbound, dispatch, hold, line, order, place_before, place_order, precedence, sku,
    terms, undo_dispatch,
};
use crate::databases::Db;
use crate::shop::Shop;

/// Precedences, release ranks, locations, promises and headers: nothing is rounded, cut or swapped.
pub async fn changed_terms_are_read_back_as_they_were_stored(db: Db) {
    // No command leaves work behind that has to be continued.
    let promising = Promising {
        improve: Improve::Off,
        ..Promising::default()
    };
    let shop = Shop {
        promising,
        ..Shop::open(&db).await
    };
    for command in [
        create_at("north", "LAMP", 10, "north"),
        create_at("south", "LAMP", 6, "south"),
        create_inbound("ship", "LAMP", 9, "2026-03-20"),
        create_batch("chairs", "CHAIR", 4),
        allocate("o-1", "LAMP", 3),
        allocate("o-1", "CHAIR", 1),
        hold("o-2", &[("a", "LAMP", 5), ("b", "CHAIR", 1)], 600),
        place_before("o-3", &[("a", "LAMP", 8)], precedence(-3, Some("2026-03-25"))),
        allocate_or_wait("o-4", "LAMP", 90),
        // It has no header yet.
        change_order("o-1", terms(Some(1_000_000), Some(Some("2026-03-09")), None)),
        change_order("o-2", terms(None, None, Some(&["south", "main"]))),
        change_order("o-3", terms(None, Some(Some("2026-03-02")), None)),
        change_order("o-3", terms(Some(-1_000_000), Some(None), Some(&[]))),
        change_order("o-4", terms(Some(2), None, Some(&["north"]))),
        dispatch("o-1"),
        undo_dispatch("o-1"),
        confirm("o-2"),
    ] {
        let decided = shop.decide(&command).await;
        assert!(decided.answers[0].is_ok(), "{command:?}: {:?}", decided.answers);
        assert!(!decided.changes.is_empty(), "{command:?}");
        assert_stored(&shop, &decided.changes).await;
        shop.assert_sound().await;
    }
    let header = shop.order("o-1").await.header.expect("its terms changed");
    assert_eq!(header.precedence, precedence(1_000_000, Some("2026-03-09")));
    assert_eq!(header.hold_until, None);
    let moved = shop.history(&sku("LAMP")).await.allocations;
    assert!(
        moved
            .iter()
            .any(|held| held.key == line("o-2", "a") && held.batch.as_str() == "south")
    );
}

/// The header of an order is made once, and changed from then on; the same terms again store nothing.
pub async fn the_header_of_lines_that_were_allocated_alone_is_made_once(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 9), allocate("o-1", "LAMP", 2)])
        .await;
    let first = shop.decide(&change_order("o-1", terms(Some(4), None, None))).await;
    assert!(matches!(&first.changes.orders[..], [Change::New(_)]));
    let second = shop.decide(&change_order("o-1", terms(Some(5), None, None))).await;
    assert!(matches!(&second.changes.orders[..], [Change::Changed(_)]));
    let third = shop.decide(&change_order("o-1", terms(Some(5), None, None))).await;
    assert!(third.changes.is_empty());
    // It is still an order of lines that were placed alone.
    let again = shop.done(&place_order("o-1", &[("LAMP", 2)])).await;
    assert!(matches!(again, Outcome::OrderPlaced { fresh: false, .. }));
    shop.assert_sound().await;
}

/// Whoever is served next is decided by the terms as they are now.
pub async fn the_backlog_is_served_in_the_order_of_changed_terms(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 2),
        allocate("o-0", "LAMP", 2),
        allocate_or_wait("o-1", "LAMP", 2),
        allocate_or_wait("o-2", "LAMP", 2),
        allocate_or_wait("o-3", "LAMP", 2),
        change_order("o-3", terms(Some(1), None, None)),
        change_order("o-2", terms(None, Some(Some("2026-05-01")), None)),
    ])
    .await;
    let waiting = shop.reads.backlog(&sku("LAMP"), None, shop.now(), 9).await;
    let waiting = waiting.expect("a backlog").expect("a product");
    let keys: Vec<LineKey> = waiting.into_iter().map(|line| line.record.terms.key).collect();
    assert_eq!(keys, ["o-3", "o-2", "o-1"].map(|id| line(id, "LAMP")));
    shop.done(&cancel_order("o-0")).await;
    assert_eq!(shop.order("o-3").await.lines[0].record.state, LineState::Allocated);
    shop.assert_sound().await;
}

/// What is loaded for a line that is added: the header, and the states of the order's lines, each once.
pub async fn an_order_that_a_line_is_added_to_is_loaded_in_short(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 20),
        create_batch("b-2", "CHAIR", 20),
        hold("held", &[("a", "LAMP", 1), ("b", "CHAIR", 1), ("c", "LAMP", 1)], 600),
        cancel_line("held", "c"),
        place_before("first", &[("a", "LAMP", 1)], precedence(5, None)),
        allocate("plain", "LAMP", 1),
    ])
    .await;
    let ids = ["held", "first", "plain", "new"];
    let loaded = shop
        .load(&Scope {
            skus: [sku("SOFA")].into(),
            joined: ids.iter().map(|id| order(id)).collect(),
            ..Scope::default()
        })
        .await;
    assert!(loaded.lines.is_empty() && loaded.products.is_empty());
    let mut joined = loaded.joined;
    joined.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let names: Vec<&str> = joined.iter().map(|order| order.id.as_str()).collect();
    assert_eq!(names, ["first", "held", "plain"]);
    let deadline = shop.order("held").await.header.expect("it was placed").hold_until;
    assert!(deadline.is_some());
    let states = [(LineState::Held, deadline), (LineState::Cancelled, None)];
    assert_eq!(joined[1].lines, states.into());
    assert_eq!(joined[2].lines, [(LineState::Allocated, None)].into());
    let mut headers: Vec<_> = loaded.orders.iter().map(|header| header.id.to_string()).collect();
    headers.sort_unstable();
    assert_eq!(headers, ["first", "held"]);
}

/// A line gets the terms of its order though its product is cached, and whether or not the order was changed by another
/// instance.
pub async fn a_line_that_is_added_has_the_terms_of_its_order(db: Db) {
    let shop = Shop::open(&db).await;
    let other = shop.another(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 50),
        create_batch("b-2", "CHAIR", 50),
        allocate("plain", "LAMP", 1),
        allocate("changed", "LAMP", 1),
        hold("held", &[("a", "LAMP", 1)], 600),
        hold("short", &[("a", "LAMP", 1)], 60),
        place_before("first", &[("a", "LAMP", 1)], precedence(5, Some("2026-05-01"))),
        allocate("cancelled", "LAMP", 1),
        cancel_order("cancelled"),
        allocate("gone", "LAMP", 1),
        dispatch("gone"),
        allocate("warms", "CHAIR", 1),
    ])
    .await;
    other.done(&change_order("changed", terms(Some(7), None, None))).await;
    shop.clock.advance_seconds(60);
    for _ in 0..2 {
        for (id, priority, state) in [
            ("plain", 0, LineState::Allocated),
            ("changed", 7, LineState::Allocated),
            ("held", 0, LineState::Held),
            ("first", 5, LineState::Allocated),
            ("gone", 0, LineState::Allocated),
            ("new", 0, LineState::Allocated),
        ] {
            shop.done(&allocate_line(line(id, "chair"), "CHAIR", 1)).await;
            let stored = shop.order(id).await;
            let added = stored.lines.iter().map(|line| &line.record);
            let added = added.clone().find(|record| record.terms.key == line(id, "chair"));
            let added = added.expect("it is added");
            assert_eq!(
                (added.terms.precedence.priority().get(), added.state),
                (priority, state),
                "{id}"
            );
            assert_eq!(
                added.terms.hold_until,
                stored.header.and_then(|header| header.hold_until),
                "{id}"
            );
        }
        let refused = shop.refused(&allocate("cancelled", "CHAIR", 1)).await;
        assert_eq!(refused, Refusal::OrderCancelled(order("cancelled")));
        // One that does not fit is refused for the same reason.
        let refused = shop.refused(&allocate("cancelled", "CHAIR", 99)).await;
        assert_eq!(refused, Refusal::OrderCancelled(order("cancelled")));
        let expired = shop.refused(&allocate("short", "CHAIR", 1)).await;
        assert!(matches!(expired, Refusal::HoldExpired { .. }), "{expired:?}");
    }
    shop.assert_sound().await;
}

/// A line that may come from some locations only is added like any other.
pub async fn a_line_with_locations_is_added_on_the_terms_of_its_order(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_at("n", "LAMP", 5, "north"),
        place_before("o-1", &[("a", "LAMP", 1)], precedence(3, None)),
        allocate_from("o-1", "LAMP", 9, &["north"]),
    ])
    .await;
    let waiting = shop.reads.backlog(&sku("LAMP"), None, shop.now(), 9).await;
    let waiting = waiting.expect("a backlog").expect("a product");
    assert_eq!(waiting[0].record.terms.precedence, precedence(3, None));
    shop.assert_sound().await;
}
