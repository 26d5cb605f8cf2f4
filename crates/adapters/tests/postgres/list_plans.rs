//! A page of a list reads its rows, or a bounded number where few of them are wanted.

use earmark_adapters::postgres::PostgresStore;
use earmark_application::{BatchSelection, OrderSelection, Views};
use earmark_domain::{Location, OrderId};

use crate::database::with_database;
use crate::plans::{FEW, PAST, rows_read, until_alone};
use crate::shop::{context, reference, sku};

/// Lists all orders, all batches and those of a product.
pub(crate) async fn lists(store: &PostgresStore, page: usize) {
    let all = OrderSelection::default();
    let orders = store.list_orders(&all, None, page).await.expect("a page");
    assert_eq!((orders.items.len(), orders.next.is_some()), (page, true));
    let after = orders.next.as_ref();
    let more = store.list_orders(&all, after, page);
    assert_eq!(more.await.expect("a page").items.len(), page);
    for of in [None, Some(sku("LAMP"))] {
        let selection = BatchSelection {
            sku: of,
            location: None,
        };
        let first = store.list_batches(&selection, None, context().now, page);
        let first = first.await.expect("a page");
        let more = store.list_batches(&selection, first.next.as_ref(), context().now, page);
        assert_eq!(more.await.expect("a page").items.len(), page);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_what_is_rare_looks_at_a_bounded_number_of_rows() {
    with_database(async |database| {
        let store = database.store().await;
        let past = format!(
            "INSERT INTO products (sku, version, batches_created) VALUES ('LAMP', 1, {PAST}); \
             INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity) \
             SELECT lpad(n::text, 8, '0'), 'LAMP', 'main', n, 2, 2 FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
             placed_version) \
             SELECT lpad(n::text, 8, '0'), '1', 'LAMP', 1, 'backordered', false, now(), true, n \
             FROM generate_series(1, {PAST}) AS n; \
             ANALYZE; SELECT pg_stat_force_next_flush()"
        );
        let outsider = database.outsider().await;
        outsider.batch_execute(&past).await.expect("the rows are valid");
        let before = rows_read(&outsider).await;
        let nowhere = BatchSelection {
            sku: None,
            location: Some(Location::new("nowhere").expect("a name")),
        };
        let batches = store.list_batches(&nowhere, None, context().now, 10);
        let batches = batches.await.expect("a page");
        assert_eq!(batches.next, Some(reference("00010000")));
        assert!(batches.items.is_empty(), "{batches:?}");
        let rare = OrderSelection {
            sku: Some(sku("RARE")),
            waiting: true,
        };
        let orders = store.list_orders(&rare, None, 10).await.expect("a page");
        // The last one may have more lines, so it is handed over to be decided on.
        let last = OrderId::new("00010000").expect("an order id");
        assert_eq!(orders.next.as_ref(), Some(&last));
        assert_eq!(orders.items.iter().map(|order| &order.id).collect::<Vec<_>>(), [&last]);
        let fewer = reference("00010001");
        let rest = store.list_batches(&nowhere, Some(&fewer), context().now, 10);
        assert_eq!(rest.await.expect("a page").next, None);
        drop(store);
        until_alone(&outsider).await;
        let read = rows_read(&outsider).await - before;
        // Each of the three looks at ten thousand rows, by way of the index.
        assert!((1..10 * FEW).contains(&read), "{read} rows were read");
    })
    .await;
}
