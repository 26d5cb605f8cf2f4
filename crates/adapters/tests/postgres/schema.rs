//! The schema: what its tables refuse, whichever program writes, and that Diesel's tables are those of the database.

use earmark_application::{EventFeed, Store, StoreError};
use earmark_domain::{AllocationRecord, ChangeSet, Precedence, Quantity, ReleaseRank};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::catalogue::{Column, Tables, differences, known_tables, live_tables};
use crate::database::with_database;
use crate::shop::{allocate, always, create_batch, key, of_products, reference, run};

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
async fn what_a_batch_has_allocated_follows_from_its_allocations() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, create_batch("B2", "LAMP", 10)).await;
        run(&store, allocate("O1", "LAMP", 4)).await;
        let outsider = database.outsider().await;
        assert_eq!(allocated(&outsider, "B1").await, 4);
        outsider
            .batch_execute(
                "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
                 promised_on, placed_version) \
                 VALUES ('O2', 'LAMP', 'LAMP', 5, 'allocated', true, now(), false, now(), 9); \
                 INSERT INTO further_allocations VALUES ('O2', 'LAMP', 'B1', 3, 9), ('O2', 'LAMP', 'B2', 2, 9)",
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
            .expect("a line may release them");
        assert_eq!(
            (allocated(&outsider, "B1").await, allocated(&outsider, "B2").await),
            (0, 2)
        );
        let both = "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
                    promised_on, batch, units, placed_version) VALUES \
                    ('O3', '1', 'LAMP', 3, 'allocated', true, now(), false, now(), 'B1', 3, 7), \
                    ('O3', '2', 'LAMP', 4, 'allocated', true, now(), false, now(), 'B2', 4, 8), \
                    ('O3', '3', 'LAMP', 1, 'allocated', true, now(), false, now(), 'B1', 1, 9)";
        outsider.batch_execute(both).await.expect("they fit");
        assert_eq!(
            (allocated(&outsider, "B1").await, allocated(&outsider, "B2").await),
            (4, 6)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_batch_has_allocated_is_never_written_directly() {
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
        // A line releases its units as a whole, and gets others apart.
        for altered in [
            "units = 3",
            "batch = 'B2'",
            "release_rank = 7",
            "placed_version = placed_version - 1",
            "batch = NULL",
        ] {
            refused(&outsider, &format!("UPDATE lines SET {altered}")).await;
        }
        let line = |batch: &str, units: i32| {
            format!(
                "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
                 promised_on, batch, units, placed_version) \
                 VALUES ('O2', 'LAMP', 'LAMP', 7, 'allocated', true, now(), false, now(), '{batch}', {units}, 9)"
            )
        };
        refused(&outsider, &line("B1", 7)).await;
        refused(&outsider, &line("B1", 8)).await;
        for astray in [
            line("B9", 7),
            "INSERT INTO further_allocations VALUES ('O1', 'LAMP', 'B1', 1, 9)".to_owned(),
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
async fn what_a_batch_has_dispatched_follows_from_its_dispatches_and_is_never_written_directly() {
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
            "INSERT INTO dispatches VALUES ('O1', 'LAMP', 'B1', 7, 9, 10, now())",
        )
        .await;
        for stray in [
            "('O1', 'LAMP', 'B9', 1, 9, 10, now())",
            "('O9', 'LAMP', 'B1', 1, 9, 10, now())",
        ] {
            let error = outsider
                .batch_execute(&format!("INSERT INTO dispatches VALUES {stray}"))
                .await
                .expect_err("it refers to nothing");
            assert_eq!(error.code(), Some(&SqlState::FOREIGN_KEY_VIOLATION), "{error:?}");
        }
        outsider
            .batch_execute("INSERT INTO dispatches VALUES ('O1', 'LAMP', 'B1', 6, 9, 10, now())")
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
            .expect("a dispatch may be undone");
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
        refused(&outsider, "UPDATE products SET safety_stock = -1").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_has_a_promise_that_fits_its_state() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 4)).await;
        run(&store, allocate("O1", "LAMP", 4)).await;
        run(&store, allocate("O2", "LAMP", 1)).await;
        let outsider = database.outsider().await;
        for (order, forged) in [
            ("O1", "promised_on = NULL"),
            ("O1", "state = 'backordered'"),
            ("O1", "due_by = promised_on - 1"),
            ("O1", "first_promised_on = promised_on"),
            ("O2", "promised_on = now()"),
            ("O2", "due_by = now()"),
        ] {
            refused(
                &outsider,
                &format!("UPDATE lines SET {forged} WHERE order_id = '{order}'"),
            )
            .await;
        }
        refused(&outsider, "UPDATE batches SET overdue = true").await;
        outsider
            .batch_execute("UPDATE lines SET due_by = promised_on WHERE order_id = 'O1'")
            .await
            .expect("it leaves in time");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rule_of_a_line_and_of_a_batch_is_enforced() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, allocate("O1", "LAMP", 4)).await;
        let outsider = database.outsider().await;
        let received = "received_eta = now(), received_expected = 10, received_counted = 10";
        for (table, forged) in [
            ("lines", "quantity = 0"),
            ("lines", "quantity = 3"),
            ("lines", "quantity = 1000000001"),
            ("lines", "state = 'lost'"),
            ("lines", "state = 'held'"),
            ("lines", "hold_until = now()"),
            ("lines", "promised_on = NULL"),
            ("lines", "first_promised_on = promised_on"),
            ("lines", "due_by = promised_on - 1"),
            ("lines", "batch = NULL"),
            ("lines", "dispatched = -1"),
            ("lines", "dispatched = 999999997"),
            ("lines", "state = 'dispatched', dispatched = 3"),
            ("batches", "ordinal = 0"),
            ("batches", "created_quantity = 0"),
            ("batches", "created_quantity = 1000000001"),
            ("batches", "quantity = 3"),
            ("batches", "quantity = 1000000001"),
            ("batches", "overdue = true"),
            ("batches", "received_eta = now()"),
            ("batches", &format!("{received}, eta = now()")),
            ("batches", &received.replace("expected = 10", "expected = -1")),
            ("batches", &received.replace("counted = 10", "counted = -1")),
        ] {
            let error = outsider
                .batch_execute(&format!("UPDATE {table} SET {forged}"))
                .await
                .expect_err(forged);
            let violated = error.as_db_error().and_then(|error| error.constraint());
            assert_eq!(
                violated,
                Some(&*format!("{table}_are_sound")),
                "{table}: {forged}: {error:?}"
            );
        }
        outsider
            .batch_execute(&format!("UPDATE batches SET {received}"))
            .await
            .expect("a batch may be received");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_batch_ever_commits_more_than_its_quantity() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, allocate("O1", "LAMP", 4)).await;
        let outsider = database.outsider().await;
        refused(&outsider, "UPDATE batches SET quantity = 3").await;
        refused(&outsider, "UPDATE batches SET dispatched = 7").await;
        refused(
            &outsider,
            "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
             promised_on, placed_version) \
             VALUES ('O2', 'LAMP', 'LAMP', 7, 'allocated', true, now(), false, now(), 9); \
             INSERT INTO further_allocations VALUES ('O2', 'LAMP', 'B1', 7, 9)",
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
                        release_rank: ReleaseRank::of(Precedence::default(), false),
                        allocated_version: 9,
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
async fn events_are_never_changed_or_deleted() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        let outsider = database.outsider().await;
        refused(&outsider, "UPDATE events SET actor = 'another'").await;
        refused(&outsider, "DELETE FROM events").await;
        refused(&outsider, "TRUNCATE events").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_roles_of_a_key_are_stored_in_one_way_only() {
    with_database(async |database| {
        drop(database.store().await);
        let outsider = database.outsider().await;
        let key = |name: &str, roles: &str| {
            format!(
                "INSERT INTO access_keys (name, hash, roles, created_at) \
                 VALUES ('{name}', sha256('{name}'), '{roles}', now())"
            )
        };
        for (at, roles) in [
            "",
            "admin",
            "viewer,sales",
            "sales,admin",
            "viewer,sales,warehouse,planner,admin",
        ]
        .into_iter()
        .enumerate()
        {
            let stored = key(&format!("key-{at}"), roles);
            outsider.batch_execute(&stored).await.expect(roles);
        }
        for roles in [
            "sales,viewer",
            "viewer,viewer",
            "viewer,",
            ",viewer",
            "viewer sales",
            "Viewer",
            "root",
            "viewer,root",
        ] {
            refused(&outsider, &key("shop", roles)).await;
        }
        refused(&outsider, &key("", "viewer")).await;
        refused(&outsider, "UPDATE access_keys SET hash = '' WHERE name = 'key-0'").await;
    })
    .await;
}

#[tokio::test]
async fn the_baseline_is_taken_back_whole() {
    with_database(async |database| {
        drop(database.store().await);
        let outsider = database.outsider().await;
        outsider
            .batch_execute(include_str!("../../migrations/postgres/0001_baseline/down.sql"))
            .await
            .expect("it is taken back");
        let left = outsider
            .query(
                "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace \
                 AND relname NOT LIKE '%diesel_schema_migrations%' \
                 UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
                &[],
            )
            .await
            .expect("the server answers");
        let left: Vec<String> = left.iter().map(|row| row.get(0)).collect();
        assert_eq!(left, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn the_tables_that_diesel_knows_are_those_of_the_database() {
    with_database(async |database| {
        drop(database.store().await);
        let live = live_tables(&database.outsider().await).await;
        assert_eq!(differences(&known_tables(), &live), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_table_that_diesel_knows_wrongly_is_found() {
    with_database(async |database| {
        drop(database.store().await);
        let live = live_tables(&database.outsider().await).await;
        let forged = |forge: &dyn Fn(&mut Tables)| {
            let mut tables = known_tables();
            forge(&mut tables);
            differences(&tables, &live).len()
        };
        let column = |tables: &mut Tables, at: usize, column: Column| {
            tables.get_mut("orders").expect("a table")[at] = column;
        };
        assert_eq!(forged(&|_| {}), 0);
        assert_eq!(forged(&|tables| drop(tables.remove("orders"))), 1, "a table is missing");
        assert_eq!(
            forged(&|tables| drop(tables.insert("guests".to_owned(), Vec::new()))),
            1,
            "there is no such table"
        );
        assert_eq!(
            forged(&|tables| tables.get_mut("orders").expect("a table").swap(1, 2)),
            2,
            "the order is wrong"
        );
        assert_eq!(
            forged(&|tables| drop(tables.get_mut("orders").expect("a table").pop())),
            1,
            "a column is missing"
        );
        for wrong in [
            ("placed", "timestamp with time zone", Some(false)),
            ("placed_at", "date", Some(false)),
            ("placed_at", "timestamp with time zone", Some(true)),
        ] {
            assert_eq!(forged(&|tables| column(tables, 1, Column::of(wrong))), 1, "{wrong:?}");
        }
    })
    .await;
}
