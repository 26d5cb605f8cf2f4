//! Products as transactions in flight will leave them.

use super::*;

#[test]
fn behind_a_transaction_in_flight_its_products_are_as_it_will_leave_them() {
    let (mut tables, mut product_cache) = one_allocation(1);
    let command = allocate(7, "LAMP", 2, false);
    let before = product_cache.cached(&command.scope()).expect("it is cached");
    let changes = tables.run(&command, before.clone()).expect("it is allocated");
    let left = product_cache.left_by(&PendingProducts::default(), &changes);
    let next = allocate(8, "LAMP", 1, false).scope();
    assert_eq!(product_cache.cached(&next), Some(before), "only its successors see it");
    let behind = product_cache.cached_behind(&left, &next);
    assert_eq!(behind, Some(tables.load(&next)));
    product_cache.apply_pending(left);
    assert_eq!(product_cache.cached(&next), behind, "and all once it is stored");
}

#[test]
fn of_two_stored_transactions_the_later_is_kept_in_whichever_order_they_are_applied() {
    let (mut tables, mut product_cache) = one_allocation(1);
    let first = allocate(7, "LAMP", 2, false);
    let changes = tables
        .run(&first, tables.load(&first.scope()))
        .expect("it is allocated");
    let left_by_first = product_cache.left_by(&PendingProducts::default(), &changes);
    let second = allocate(8, "LAMP", 1, false);
    let changes = tables
        .run(&second, tables.load(&second.scope()))
        .expect("it is allocated");
    let left_by_second = product_cache.left_by(&left_by_first, &changes);
    product_cache.apply_pending(left_by_second);
    product_cache.apply_pending(left_by_first);
    assert_eq!(
        product_cache.cached(&second.scope()),
        Some(tables.load(&second.scope()))
    );
}

#[test]
fn a_successor_of_a_transaction_that_leaves_a_product_unknown_is_not_served() {
    let (mut tables, mut product_cache) = one_allocation(BATCH_PAGE + 1);
    let all = allocate(7, "LAMP", 9, true);
    let before = product_cache.cached(&all.scope()).expect("it is cached");
    // A cached batch is used up, and the batch that takes its place is not cached.
    let changes = tables.run(&all, before).expect("it is allocated");
    let left = product_cache.left_by(&PendingProducts::default(), &changes);
    let next = allocate(8, "LAMP", 1, false).scope();
    assert_eq!(product_cache.cached_behind(&left, &next), None);
    product_cache.apply_pending(left);
    assert_eq!(product_cache.cached(&next), None);
}
