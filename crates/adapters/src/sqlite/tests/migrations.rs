//! Files of every age.

use diesel::connection::SimpleConnection;
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::Queries;
use earmark_domain::Units;

use super::super::statement::statement;
use super::super::{DEFAULT_READERS, OpenError, SqliteStore};
use super::{Shelf, a_small_book, batch_reference, instant, renamed, sku, store};

/// Each migration: up and down.
const MIGRATIONS: [(&str, &str); 8] = [
    (
        include_str!("../../../migrations/sqlite/0001_books/up.sql"),
        include_str!("../../../migrations/sqlite/0001_books/down.sql"),
    ),
    (
        include_str!("../../../migrations/sqlite/0002_less_to_write/up.sql"),
        include_str!("../../../migrations/sqlite/0002_less_to_write/down.sql"),
    ),
    (
        include_str!("../../../migrations/sqlite/0003_promises/up.sql"),
        include_str!("../../../migrations/sqlite/0003_promises/down.sql"),
    ),
    (
        include_str!("../../../migrations/sqlite/0004_remembered_answers/up.sql"),
        include_str!("../../../migrations/sqlite/0004_remembered_answers/down.sql"),
    ),
    (
        include_str!("../../../migrations/sqlite/0005_followed_statements/up.sql"),
        include_str!("../../../migrations/sqlite/0005_followed_statements/down.sql"),
    ),
    (
        include_str!("../../../migrations/sqlite/0006_first_units/up.sql"),
        include_str!("../../../migrations/sqlite/0006_first_units/down.sql"),
    ),
    (
        include_str!("../../../migrations/sqlite/0007_side_by_side/up.sql"),
        include_str!("../../../migrations/sqlite/0007_side_by_side/down.sql"),
    ),
    (
        include_str!("../../../migrations/sqlite/0008_sums_in_a_loop/up.sql"),
        include_str!("../../../migrations/sqlite/0008_sums_in_a_loop/down.sql"),
    ),
];

/// As migrations are run.
fn in_one_transaction(connection: &mut SqliteConnection, script: &str) -> QueryResult<()> {
    connection.immediate_transaction(|connection| connection.batch_execute(script))
}

#[tokio::test]
async fn a_file_without_a_schema_is_only_opened_by_those_who_may_make_it() {
    let shelf = Shelf::new();
    let missing = SqliteStore::pending_migrations(shelf.file()).await.expect("an answer");
    assert_eq!(missing.len(), MIGRATIONS.len(), "{missing:?}");
    let refused = SqliteStore::open(shelf.file(), DEFAULT_READERS, false).await;
    let placing_event = refused.expect_err("there is no schema").to_string();
    assert!(placing_event.contains("earmark migrate"), "{placing_event}");
    assert!(!shelf.file().exists(), "a look makes no file");

    let made = SqliteStore::migrate(shelf.file()).await.expect("migrated");
    assert_eq!(made, missing);
    assert_eq!(SqliteStore::migrate(shelf.file()).await.expect("migrated"), [""; 0]);
    let none = SqliteStore::pending_migrations(shelf.file()).await.expect("an answer");
    assert!(none.is_empty(), "{none:?}");
    SqliteStore::open(shelf.file(), 1, false)
        .await
        .expect("the schema is there");
}

#[tokio::test]
async fn a_file_of_a_later_release_is_refused() {
    let shelf = Shelf::new();
    drop(shelf.open().await);
    shelf
        .stranger()
        .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')")
        .expect("a later release was here");
    for migrate in [true, false] {
        let refused = SqliteStore::open(shelf.file(), DEFAULT_READERS, migrate).await;
        assert!(matches!(refused, Err(OpenError::Newer(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_its_name() {
    let shelf = Shelf::new();
    std::fs::write(shelf.file(), "a shopping list, and a long one at that; ".repeat(50)).expect("written");
    let refused = SqliteStore::open(shelf.file(), DEFAULT_READERS, true).await;
    let placing_event = refused.expect_err("it is no database").to_string();
    assert!(
        placing_event.contains("books.db") && placing_event.contains("not a database"),
        "{placing_event}"
    );
}

#[tokio::test]
async fn the_schema_can_be_taken_away_again() {
    let shelf = Shelf::new();
    drop(shelf.open().await);
    let mut stranger = shelf.stranger();
    for (_, down) in MIGRATIONS.iter().rev() {
        in_one_transaction(&mut stranger, down).expect("taken away");
    }
    for (up, _) in MIGRATIONS {
        in_one_transaction(&mut stranger, up).expect("and nothing was left");
    }
}

/// A number that a connection is asked for.
fn number(connection: &mut SqliteConnection, question: &'static str) -> i64 {
    statement::<BigInt>(question).get_result(connection).expect("a number")
}

#[tokio::test]
async fn the_books_of_the_first_release_are_carried_over() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    store(&books, a_small_book()).await.expect("stored");
    let mut stranger = shelf.stranger();
    stranger
        .batch_execute(
            "INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity) \
             VALUES ('B-2', 'LAMP', 'main', 2, 3, 3); \
             INSERT INTO lines VALUES ('O-2', 'LAMP', 'LAMP', 3, 'allocated', 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, NULL); \
             INSERT INTO further_allocations VALUES ('O-2', 'LAMP', 'B-2', 3, 0, 0); \
             INSERT INTO lines VALUES ('O-3', 'LAMP', 'LAMP', 3, 'backordered', 0, 5, 0, 0, NULL, NULL, NULL, NULL, 0, NULL); \
             UPDATE products SET resume_rank = 0, resume_placed_at = 5, resume_order_id = 'O-3', resume_line_id = 'LAMP'",
        )
        .expect("a used-up batch");
    let said = books.history(&sku()).await.expect("an answer").expect("a product");
    drop(books);
    for (_, down) in MIGRATIONS[1..].iter().rev() {
        in_one_transaction(&mut stranger, down).expect("back to the first");
    }
    stranger
        .batch_execute("DELETE FROM __diesel_schema_migrations WHERE version > '0001'")
        .expect("as it was then");
    drop(stranger);

    let again = shelf.open().await;
    let says = again.history(&sku()).await.expect("an answer").expect("a product");
    assert_eq!(says, said);
    let mut stranger = shelf.stranger();
    assert_eq!(
        number(&mut stranger, "SELECT count(*) FROM pragma_foreign_key_check"),
        0
    );
    assert_eq!(
        number(&mut stranger, "SELECT open FROM batches WHERE reference = 'B-1'"),
        1
    );
    assert_eq!(
        number(&mut stranger, "SELECT open FROM batches WHERE reference = 'B-2'"),
        0
    );
    assert_eq!(
        number(
            &mut stranger,
            "SELECT count(*) FROM products WHERE resume_rank = 0 AND resume_order_id = 'O-3'"
        ),
        1
    );
    store(&again, renamed(2)).await.expect("stored");
    stranger
        .batch_execute("DELETE FROM further_allocations; UPDATE lines SET batch = NULL, units = NULL")
        .expect("allocations may go");
    assert_eq!(number(&mut stranger, "SELECT sum(open) FROM batches"), 2);
    let batch = again
        .batch(&batch_reference(), instant())
        .await
        .expect("an answer")
        .expect("it stands");
    assert_eq!(batch.record.allocated, Units::ZERO);
}
