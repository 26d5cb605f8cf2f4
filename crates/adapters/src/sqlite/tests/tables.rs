//! The tables enforce the rules of stock, whichever program writes.

use diesel::connection::SimpleConnection;
use earmark_application::{StoreError, Views};
use earmark_domain::{BatchRecord, Change, ChangeSet, Count};

use super::{ShopFile, a_small_shop, batch, batch_reference, instant, renamed, sku, store};

#[tokio::test]
async fn the_tables_refuse_what_would_break_the_first_rule_whichever_program_writes() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let mut other = file.other_program();
    other
        .batch_execute(
            "DELETE FROM further_allocations; \
             INSERT INTO lines VALUES \
             ('O-1', 'own', 'LAMP', 4, 'allocated', 0, 0, 0, 0, 0, NULL, NULL, '2031-05-06', NULL, NULL, 'B-1', 4, 0, NULL, 0, NULL), \
             ('O-1', 'more', 'LAMP', 7, 'backordered', 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL)",
        )
        .expect("a line with four units, and one that waits");
    for forbidden in [
        "UPDATE batches SET allocated = 3",
        "UPDATE batches SET allocated = 5",
        "UPDATE batches SET open = FALSE",
        // Four are allocated. The statement could ignore a CHECK.
        "INSERT OR IGNORE INTO further_allocations VALUES ('O-1', 'more', 'B-1', 7, 0, 0, NULL)",
        "INSERT OR FAIL INTO further_allocations VALUES ('O-1', 'more', 'B-1', 7, 0, 0, NULL)",
        "UPDATE batches SET quantity = 3",
        "INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity, allocated) \
         VALUES ('B-2', 'LAMP', 'main', 2, 5, 5, 1)",
        // A line releases its units as a whole, and others are further allocations.
        "UPDATE lines SET units = 3 WHERE batch = 'B-1'",
        "UPDATE lines SET batch = 'B-9' WHERE batch = 'B-1'",
        "UPDATE lines SET release_rank = 7 WHERE batch = 'B-1'",
        "UPDATE lines SET placed_version = 7 WHERE batch = 'B-1'",
        "UPDATE lines SET batch = NULL WHERE batch = 'B-1'",
        "UPDATE lines SET batch = 'B-1', units = 1 WHERE line_id = 'more'",
        "INSERT INTO further_allocations VALUES ('O-1', 'own', 'B-1', 1, 0, 0)",
        "INSERT OR IGNORE INTO lines VALUES \
         ('O-1', 'most', 'LAMP', 7, 'allocated', 0, 0, 3, 0, 0, NULL, NULL, '2031-05-06', NULL, NULL, 'B-1', 7, 0, NULL, 0, NULL)",
        "INSERT INTO lines VALUES \
         ('O-1', 'most', 'LAMP', 2, 'allocated', 0, 0, 3, 0, 0, NULL, NULL, '2031-05-06', NULL, NULL, 'B-1', 3, 0, NULL, 0, NULL)",
        "INSERT INTO lines VALUES \
         ('O-1', 'most', 'LAMP', 2, 'allocated', 0, 0, 3, 0, 0, NULL, NULL, '2031-05-06', NULL, NULL, 'B-9', 2, 0, NULL, 0, NULL)",
        "INSERT INTO further_allocations VALUES ('O-1', 'LAMP', 'B-9', 1, 0, 0)",
        "INSERT INTO further_allocations VALUES ('O-9', 'LAMP', 'B-1', 1, 0, 0)",
        "UPDATE lines SET state = 'lost'",
        "UPDATE lines SET state = 'held'",
        "UPDATE lines SET hold_until = 1 WHERE state = 'allocated'",
        // A line has a promise while it has units, and is due by no earlier day.
        "UPDATE lines SET promised_on = NULL WHERE state = 'allocated'",
        "UPDATE lines SET promised_on = '2031-05-06' WHERE state = 'backordered'",
        "UPDATE lines SET due_by = '2031-05-05' WHERE state = 'allocated'",
        "UPDATE lines SET first_promised_on = promised_on WHERE state = 'allocated'",
        "UPDATE batches SET overdue = 2",
        // A receipt is known whole, and of a batch that is here.
        "UPDATE batches SET eta = NULL, received_eta = '2031-05-06'",
        "UPDATE batches SET received_eta = '2031-05-06', received_expected = 1, received_counted = 1, eta = '2031-05-06'",
        "UPDATE batches SET dispatched = 1",
        "INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity, dispatched) \
         VALUES ('B-2', 'LAMP', 'main', 2, 5, 5, 1)",
        // Four of ten are allocated.
        "INSERT OR IGNORE INTO dispatches VALUES ('O-1', 'LAMP', 'B-1', 7, 0, 1, 0)",
        "INSERT INTO dispatches VALUES ('O-1', 'LAMP', 'B-9', 1, 0, 1, 0)",
        "INSERT INTO dispatches VALUES ('O-9', 'LAMP', 'B-1', 1, 0, 1, 0)",
        "UPDATE events SET actor = 'nobody'",
        "DELETE FROM events",
        "DELETE FROM batches",
        "UPDATE batches SET reference = 'B-7'",
        "DELETE FROM lines",
    ] {
        assert!(other.batch_execute(forbidden).is_err(), "{forbidden}");
    }
    other
        .batch_execute("INSERT INTO dispatches VALUES ('O-1', 'LAMP', 'B-1', 6, 0, 1, 0)")
        .expect("six are left");
    for forbidden in [
        "UPDATE dispatches SET quantity = 5",
        "UPDATE batches SET dispatched = 5",
        "UPDATE batches SET dispatched = 0",
        "UPDATE batches SET open = TRUE",
        "INSERT INTO further_allocations VALUES ('O-1', 'more', 'B-1', 1, 0, 0, NULL)",
    ] {
        assert!(other.batch_execute(forbidden).is_err(), "{forbidden}");
    }
    other
        .batch_execute("DELETE FROM dispatches")
        .expect("a dispatch may be deleted");
    // The sum follows where it may.
    let allocated = async || {
        let batch = shop.batch(&batch_reference(), instant()).await.expect("an answer");
        batch.map(|batch| batch.record.allocated.get())
    };
    other
        .batch_execute(
            "INSERT INTO further_allocations VALUES ('O-1', 'more', 'B-1', 2, 0, 0); \
             INSERT INTO lines VALUES \
             ('O-1', 'most', 'LAMP', 3, 'allocated', 0, 0, 3, 0, 0, NULL, NULL, '2031-05-06', NULL, NULL, 'B-1', 3, 0, NULL, 0, NULL)",
        )
        .expect("there is room for both");
    assert_eq!(allocated().await, Some(9));
    let altered = other.batch_execute("UPDATE further_allocations SET quantity = 1");
    assert!(altered.is_err(), "an allocation is never altered");
    other
        .batch_execute("UPDATE lines SET batch = NULL, units = NULL WHERE line_id = 'most'")
        .expect("it releases them");
    assert_eq!(allocated().await, Some(6));
    other
        .batch_execute("DELETE FROM further_allocations; UPDATE lines SET batch = NULL, units = NULL")
        .expect("allocations may be deleted");
    assert_eq!(allocated().await, Some(0));
}

#[tokio::test]
async fn more_than_a_batch_holds_is_reported_as_corrupt_and_stores_nothing() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let shrunk = ChangeSet {
        batches: vec![Change::Changed(BatchRecord {
            quantity: Count::new(3).expect("a count"),
            ..batch()
        })],
        ..renamed(2)
    };
    let refused = store(&shop, shrunk).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    let product = shop
        .product(&sku(), instant())
        .await
        .expect("an answer")
        .expect("a product");
    assert_eq!(product.summary.version, 2);
}

#[tokio::test]
async fn the_roles_of_a_key_are_stored_in_one_way_only() {
    let file = ShopFile::new();
    drop(file.open().await);
    let mut other = file.other_program();
    let key = |name: &str, hash: &str, roles: &str| {
        format!("INSERT INTO access_keys (name, hash, roles, created_at) VALUES ('{name}', {hash}, '{roles}', 0)")
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
        let stored = key(&format!("key-{at}"), "randomblob(32)", roles);
        other.batch_execute(&stored).expect(roles);
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
        let refused = other.batch_execute(&key("shop", "randomblob(32)", roles));
        assert!(refused.is_err(), "{roles}");
    }
    for (name, hash) in [
        ("", "randomblob(32)"),
        ("shop", "randomblob(31)"),
        // Of another key.
        ("shop", "(SELECT hash FROM access_keys WHERE name = 'key-0')"),
        ("key-0", "randomblob(32)"),
    ] {
        let refused = other.batch_execute(&key(name, hash, "viewer"));
        assert!(refused.is_err(), "{name} {hash}");
    }
}
