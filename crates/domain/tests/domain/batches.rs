//! Batches that are created and counted: one sentence a test.

use earmark_domain::{LineState, Outcome, Refusal};

use crate::support::{Shop, allocate, allocate_split, backorder, count, create_batch, day, shop};

#[test]
fn the_same_batch_again_is_unchanged_even_after_a_count() {
    let mut shop = shop(&[create_batch("b", "LAMP", 4, None), count("b", 2)]);
    let again = shop.run(&create_batch("b", "LAMP", 4, None));
    assert!(matches!(again, Ok(Outcome::BatchCreated { fresh: false, .. })));
    assert_eq!(shop.available("b"), 2);
}

#[test]
fn a_reference_with_other_content_is_a_conflict() {
    let mut shop = shop(&[create_batch("b", "LAMP", 4, None)]);
    for other in [
        create_batch("b", "LAMP", 5, None),
        create_batch("b", "DESK", 4, None),
        create_batch("b", "LAMP", 4, Some(day(1))),
    ] {
        assert!(matches!(shop.run(&other), Err(Refusal::BatchExists(_))));
    }
}

#[test]
fn an_unknown_batch_cannot_be_counted() {
    assert!(matches!(
        Shop::default().run(&count("b", 1)),
        Err(Refusal::UnknownBatch(_))
    ));
}

#[test]
fn counting_the_same_quantity_again_changes_nothing() {
    let mut shop = shop(&[create_batch("b", "LAMP", 4, None)]);
    let before = shop.events.len();
    assert!(matches!(
        shop.run(&count("b", 4)),
        Ok(Outcome::BatchChanged { changed: false, .. })
    ));
    assert!(shop.events_since(before).is_empty());
}

#[test]
fn counting_down_to_what_is_allocated_releases_nothing() {
    let mut shop = shop(&[create_batch("b", "LAMP", 9, None), allocate("o1", "LAMP", 5)]);
    let before = shop.events.len();
    shop.run(&count("b", 5)).expect("allowed");
    assert_eq!(shop.events_since(before), ["BatchQuantityChanged", "StockDepleted"]);
    assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 5)]);
}

#[test]
fn a_batch_can_be_counted_down_to_nothing() {
    let mut shop = shop(&[create_batch("b", "LAMP", 9, None), allocate("o1", "LAMP", 5)]);
    shop.run(&count("b", 0)).expect("allowed");
    assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Backordered));
}

#[test]
fn the_line_allocated_last_moves_when_a_batch_shrinks() {
    let mut shop = shop(&[
        create_batch("B1", "LAMP", 50, None),
        allocate("o1", "LAMP", 20),
        allocate("o2", "LAMP", 20),
        create_batch("B2", "LAMP", 50, Some(day(7))),
    ]);
    let before = shop.events.len();
    let Ok(Outcome::BatchChanged { effects, .. }) = shop.run(&count("B1", 25)) else {
        panic!("counted")
    };
    assert_eq!(shop.events_since(before), ["BatchQuantityChanged", "Reallocated o2"]);
    assert_eq!(effects.reallocated.len(), 1);
    assert_eq!(
        (effects.reallocated[0].promised_from, effects.reallocated[0].promised_to),
        (day(0), day(7))
    );
    assert_eq!(shop.units_of("o1", "LAMP"), [("B1".into(), 20)]);
    assert_eq!(shop.units_of("o2", "LAMP"), [("B2".into(), 20)]);
    assert_eq!((shop.available("B1"), shop.available("B2")), (5, 30));
}

#[test]
fn no_more_lines_are_released_than_needed() {
    // In release order: o3 (5), o2 (20), o1 (20). To free 20 of 45 units, o3 and o2 are chosen; o3 still fits and
    // stays.
    let mut shop = shop(&[
        create_batch("B1", "LAMP", 45, None),
        allocate("o1", "LAMP", 20),
        allocate("o2", "LAMP", 20),
        allocate("o3", "LAMP", 5),
    ]);
    let before = shop.events.len();
    shop.run(&count("B1", 25)).expect("counted");
    assert_eq!(shop.events_since(before), ["BatchQuantityChanged", "Backordered o2"]);
    assert_eq!(shop.units_of("o3", "LAMP"), [("B1".into(), 5)]);
}

#[test]
fn a_line_released_into_the_backlog_keeps_its_time_of_placing() {
    let mut shop = shop(&[
        create_batch("b", "LAMP", 5, None),
        allocate("first", "LAMP", 5),
        backorder("second", "LAMP", 5),
        count("b", 1),
    ]);
    assert_eq!(shop.state("first", "LAMP"), Some(LineState::Backordered));
    shop.run(&create_batch("c", "LAMP", 5, None)).expect("created");
    assert_eq!(shop.state("first", "LAMP"), Some(LineState::Allocated));
    assert_eq!(shop.state("second", "LAMP"), Some(LineState::Backordered));
}

#[test]
fn units_left_over_by_a_count_serve_a_smaller_waiting_line() {
    let mut shop = shop(&[
        create_batch("b", "LAMP", 10, None),
        allocate("o1", "LAMP", 10),
        backorder("o2", "LAMP", 3),
    ]);
    shop.run(&count("b", 4)).expect("counted");
    assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Backordered));
    assert_eq!(shop.units_of("o2", "LAMP"), [("b".into(), 3)]);
}

#[test]
fn a_split_line_is_released_whole_and_placed_again() {
    let mut shop = shop(&[
        create_batch("a", "LAMP", 4, None),
        create_batch("b", "LAMP", 4, Some(day(1))),
        allocate_split("o1", "LAMP", 6),
        create_batch("c", "LAMP", 4, Some(day(2))),
    ]);
    let before = shop.events.len();
    shop.run(&count("a", 1)).expect("counted");
    assert_eq!(shop.events_since(before), ["BatchQuantityChanged", "Reallocated o1"]);
    assert_eq!(
        shop.units_of("o1", "LAMP"),
        [("a".into(), 1), ("b".into(), 4), ("c".into(), 1)]
    );
}
