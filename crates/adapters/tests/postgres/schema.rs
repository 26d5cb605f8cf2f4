//! What the tables refuse, whoever writes.

use earmark_adapters::postgres::PostgresStore;
use earmark_application::{Queries, Store, StoreError};
use earmark_domain::{AllocationRecord, ChangeSet, ProductHistory, Quantity, ReleaseRank};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::database::with_database;
use crate::shop::{agrees, allocate, always, context, create_batch, key, of_products, reference, run, sku};

async fn refused(outsider: &Client, sql: &str) {
    let error = outsider.batch_execute(sql).await.expect_err(sql);
    assert_eq!(error.code(), Some(&SqlState::CHECK_VIOLATION), "{sql}: {error:?}");
}

async fn allocated(outsider: &Client, batch: &str) -> i64 {
    outsider
        .query_one("SELECT allocated FROM batches WHERE reference = $1", &[&batch])
        .await
        .expect("the batch is there")
        .get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_batch_has_allocated_follows_from_its_allocations_whoever_writes_them() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, create_batch("B2", "LAMP", 10)).await;
        run(&store, allocate("O1", "LAMP", 4)).await;
        let outsider = database.outsider().await;
        assert_eq!(allocated(&outsider, "B1").await, 4);
        outsider
            .batch_execute(
                "INSERT INTO lines VALUES ('O2', 'LAMP', 'LAMP', 5, 'allocated', true, now(), false); \
                 INSERT INTO further_allocations VALUES ('O2', 'LAMP', 'B1', 3, now()), ('O2', 'LAMP', 'B2', 2, now())",
            )
            .await
            .expect("it fits");
        assert_eq!(
            (allocated(&outsider, "B1").await, allocated(&outsider, "B2").await),
            (7, 2)
        );
        outsider
            .batch_execute("DELETE FROM further_allocations WHERE batch = 'B1'")
            .await
            .expect("allocations may go");
        assert_eq!(
            (allocated(&outsider, "B1").await, allocated(&outsider, "B2").await),
            (4, 2)
        );
        outsider
            .batch_execute("UPDATE lines SET batch = NULL, units = NULL")
            .await
            .expect("a line may let them go");
        assert_eq!(
            (allocated(&outsider, "B1").await, allocated(&outsider, "B2").await),
            (0, 2)
        );
        let both = "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
                    batch, units) VALUES ('O3', '1', 'LAMP', 3, 'allocated', true, now(), false, 'B1', 3), \
                    ('O3', '2', 'LAMP', 4, 'allocated', true, now(), false, 'B2', 4), \
                    ('O3', '3', 'LAMP', 1, 'allocated', true, now(), false, 'B1', 1)";
        outsider.batch_execute(both).await.expect("they fit");
        assert_eq!(
            (allocated(&outsider, "B1").await, allocated(&outsider, "B2").await),
            (4, 6)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_what_a_batch_has_allocated_by_hand() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, allocate("O1", "LAMP", 4)).await;
        let outsider = database.outsider().await;
        refused(&outsider, "UPDATE batches SET allocated = 3").await;
        refused(&outsider, "UPDATE batches SET quantity = 20, allocated = allocated + 1").await;
        refused(
            &outsider,
            "INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity, allocated) \
             VALUES ('B2', 'LAMP', 'main', 2, 5, 5, 1)",
        )
        .await;
        refused(&outsider, "UPDATE further_allocations SET quantity = 3").await;
        refused(&outsider, "TRUNCATE further_allocations").await;
        // A line lets its units go as a whole, and gets others apart.
        for altered in [
            "units = 3",
            "batch = 'B2'",
            "claim = 7",
            "placed_at = placed_at - INTERVAL '1 day'",
            "batch = NULL",
        ] {
            refused(&outsider, &format!("UPDATE lines SET {altered}")).await;
        }
        let line = |batch: &str, units: i32| {
            format!(
                "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, batch, \
                 units) VALUES ('O2', 'LAMP', 'LAMP', 7, 'allocated', true, now(), false, '{batch}', {units})"
            )
        };
        refused(&outsider, &line("B1", 7)).await;
        refused(&outsider, &line("B1", 8)).await;
        for astray in [
            line("B9", 7),
            "INSERT INTO further_allocations VALUES ('O1', 'LAMP', 'B1', 1, now())".to_owned(),
        ] {
            let error = outsider.batch_execute(&astray).await.expect_err("it names nothing new");
            assert_eq!(error.code(), Some(&SqlState::FOREIGN_KEY_VIOLATION), "{error:?}");
        }
        outsider
            .batch_execute("UPDATE batches SET quantity = 4")
            .await
            .expect("a count down to what is committed is allowed");
        assert_eq!(allocated(&outsider, "B1").await, 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_left_a_batch_follows_from_its_dispatches_and_nobody_writes_it_by_hand() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, allocate("O1", "LAMP", 4)).await;
        let outsider = database.outsider().await;
        refused(&outsider, "UPDATE batches SET dispatched = 1").await;
        refused(
            &outsider,
            "INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity, dispatched) \
             VALUES ('B2', 'LAMP', 'main', 2, 5, 5, 1)",
        )
        .await;
        refused(
            &outsider,
            "INSERT INTO dispatches VALUES ('O1', 'LAMP', 'B1', 7, now())",
        )
        .await;
        for stray in ["('O1', 'LAMP', 'B9', 1, now())", "('O9', 'LAMP', 'B1', 1, now())"] {
            let error = outsider
                .batch_execute(&format!("INSERT INTO dispatches VALUES {stray}"))
                .await
                .expect_err("it refers to nothing");
            assert_eq!(error.code(), Some(&SqlState::FOREIGN_KEY_VIOLATION), "{error:?}");
        }
        outsider
            .batch_execute("INSERT INTO dispatches VALUES ('O1', 'LAMP', 'B1', 6, now())")
            .await
            .expect("six are left");
        let left = outsider
            .query_one("SELECT dispatched, open FROM batches", &[])
            .await
            .expect("a batch");
        assert_eq!((left.get::<_, i64>(0), left.get::<_, bool>(1)), (6, false));
        refused(&outsider, "UPDATE dispatches SET quantity = 5").await;
        refused(&outsider, "TRUNCATE dispatches").await;
        outsider
            .batch_execute("DELETE FROM dispatches")
            .await
            .expect("they may come back");
        let left = outsider
            .query_one("SELECT dispatched, open FROM batches", &[])
            .await
            .expect("a batch");
        assert_eq!((left.get::<_, i64>(0), left.get::<_, bool>(1)), (0, true));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_line_has_a_deadline_and_no_firm_line_has_one() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, allocate("O1", "LAMP", 4)).await;
        let outsider = database.outsider().await;
        refused(&outsider, "UPDATE lines SET state = 'held'").await;
        refused(&outsider, "UPDATE lines SET hold_until = now()").await;
        refused(&outsider, "UPDATE lines SET state = 'lost'").await;
        refused(&outsider, "UPDATE products SET resume_rank = 0").await;
        refused(&outsider, "UPDATE products SET safety_stock = -1").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_batch_ever_holds_more_than_its_quantity() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, allocate("O1", "LAMP", 4)).await;
        let outsider = database.outsider().await;
        refused(&outsider, "UPDATE batches SET quantity = 3").await;
        refused(&outsider, "UPDATE batches SET dispatched = 7").await;
        refused(
            &outsider,
            "INSERT INTO lines VALUES ('O2', 'LAMP', 'LAMP', 7, 'allocated', true, now(), false); \
             INSERT INTO further_allocations VALUES ('O2', 'LAMP', 'B1', 7, now())",
        )
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_would_promise_a_unit_twice_is_not_stored() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, allocate("O1", "LAMP", 10)).await;
        run(&store, allocate("O2", "LAMP", 1)).await;
        let before = store.events(&Default::default(), 0, 100).await.expect("events");
        let wrong = store
            .transact(
                &of_products(["LAMP"]),
                always(|| ChangeSet {
                    earmarked: vec![AllocationRecord {
                        key: key("O2", "LAMP"),
                        batch: reference("B1"),
                        quantity: Quantity::new(1).expect("a quantity"),
                        release_rank: ReleaseRank::new(0),
                        allocated_at: context().now,
                    }],
                    ..ChangeSet::default()
                }),
            )
            .await
            .expect_err("the eleventh of ten");
        assert!(matches!(wrong, StoreError::Corrupt(_)), "{wrong}");
        assert_eq!(store.events(&Default::default(), 0, 100).await.expect("events"), before);
        let outsider = database.outsider().await;
        assert_eq!(allocated(&outsider, "B1").await, 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_never_altered_and_never_removed() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        let outsider = database.outsider().await;
        refused(&outsider, "UPDATE events SET actor = 'nobody'").await;
        refused(&outsider, "DELETE FROM events").await;
        refused(&outsider, "TRUNCATE events").await;
    })
    .await;
}

/// All that is stored of lamps, in the order of its keys.
async fn stands(store: &PostgresStore) -> ProductHistory {
    let history = store.history(&sku("LAMP")).await.expect("it answers");
    let mut history = history.expect("a product");
    history
        .allocations
        .sort_by(|a, b| (&a.key, &a.batch).cmp(&(&b.key, &b.batch)));
    history
}

/// Takes the schema back to that of the second release, as its programs left it.
async fn back_to_the_second_release(outsider: &Client) {
    for down in [
        include_str!("../../migrations/postgres/0008_sums_in_a_loop/down.sql"),
        include_str!("../../migrations/postgres/0007_side_by_side/down.sql"),
        include_str!("../../migrations/postgres/0006_first_units/down.sql"),
        include_str!("../../migrations/postgres/0005_followed_statements/down.sql"),
        include_str!("../../migrations/postgres/0004_remembered_answers/down.sql"),
        include_str!("../../migrations/postgres/0003_promises/down.sql"),
        "DELETE FROM __diesel_schema_migrations WHERE version > '0002'",
    ] {
        outsider.batch_execute(down).await.expect("it goes back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_of_the_second_release_are_carried_over() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, create_batch("B2", "LAMP", 3)).await;
        for order in ["O1", "O2", "O3"] {
            run(&store, allocate(order, "LAMP", 4)).await;
        }
        run(&store, allocate("O4", "LAMP", 9)).await;
        let before = stands(&store).await;
        drop(store);
        let outsider = database.outsider().await;
        back_to_the_second_release(&outsider).await;
        outsider
            .batch_execute(
                "UPDATE products SET resume_placed_at = now(), resume_order_id = 'O3', resume_line_id = 'LAMP'; \
                 UPDATE batches SET eta = '2031-05-06' WHERE reference = 'B2'",
            )
            .await
            .expect("a page is owed, and a batch is on its way");

        let store = database.store().await;
        let owed = outsider.query_one("SELECT resume_rank FROM products", &[]).await;
        assert_eq!(owed.expect("a product").get::<_, Option<i64>>(0), Some(0));
        let created = outsider
            .query_one(
                "SELECT count(*) FROM batches WHERE created_eta IS NOT DISTINCT FROM eta",
                &[],
            )
            .await;
        assert_eq!(created.expect("batches").get::<_, i64>(0), 2);
        outsider
            .batch_execute(
                "UPDATE products SET resume_rank = NULL, resume_placed_at = NULL, resume_order_id = NULL, \
                 resume_line_id = NULL; UPDATE batches SET eta = NULL, created_eta = NULL",
            )
            .await
            .expect("as it was");
        assert_eq!(stands(&store).await, before);
        run(&store, create_batch("B3", "LAMP", 20)).await;
        run(&store, allocate("O5", "LAMP", 4)).await;
        agrees(&store, "LAMP").await;
    })
    .await;
}
