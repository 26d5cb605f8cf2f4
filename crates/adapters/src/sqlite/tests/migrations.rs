//! Opening files with and without a schema.

use diesel::SqliteConnection;
use diesel::connection::SimpleConnection;
use diesel::result::QueryResult;

use super::super::{DEFAULT_READERS, OpenError, SqliteStore};
use super::{ShopFile, number};

/// Up and down.
const BASELINE: (&str, &str) = (
    include_str!("../../../migrations/sqlite/0001_baseline/up.sql"),
    include_str!("../../../migrations/sqlite/0001_baseline/down.sql"),
);

/// As migrations are run.
fn in_one_transaction(connection: &mut SqliteConnection, script: &str) -> QueryResult<()> {
    connection.immediate_transaction(|connection| connection.batch_execute(script))
}

#[tokio::test]
async fn a_file_without_a_schema_is_opened_only_with_leave_to_migrate() {
    let file = ShopFile::new();
    let missing = SqliteStore::pending_migrations(file.file()).await.expect("an answer");
    assert_eq!(missing.len(), 1, "{missing:?}");
    let refused = SqliteStore::open(file.file(), DEFAULT_READERS, false).await;
    let message = refused.expect_err("there is no schema").to_string();
    assert!(message.contains("earmark migrate"), "{message}");
    assert!(!file.file().exists(), "nothing is created");

    let run = SqliteStore::migrate(file.file()).await.expect("migrated");
    assert_eq!(run, missing);
    assert_eq!(SqliteStore::migrate(file.file()).await.expect("migrated"), [""; 0]);
    let none = SqliteStore::pending_migrations(file.file()).await.expect("an answer");
    assert!(none.is_empty(), "{none:?}");
    SqliteStore::open(file.file(), 1, false)
        .await
        .expect("the schema is there");
}

#[tokio::test]
async fn a_file_of_a_later_release_is_refused() {
    let file = ShopFile::new();
    drop(file.open().await);
    file.other_program()
        .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')")
        .expect("a later release was here");
    for migrate in [true, false] {
        let refused = SqliteStore::open(file.file(), DEFAULT_READERS, migrate).await;
        assert!(matches!(refused, Err(OpenError::Newer(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name() {
    let file = ShopFile::new();
    std::fs::write(file.file(), "a shopping list, and a long one at that; ".repeat(50)).expect("written");
    let refused = SqliteStore::open(file.file(), DEFAULT_READERS, true).await;
    let message = refused.expect_err("it is no database").to_string();
    assert!(
        message.contains("shop.db") && message.contains("not a database"),
        "{message}"
    );
}

#[tokio::test]
async fn the_baseline_can_be_undone_and_leaves_nothing() {
    let file = ShopFile::new();
    drop(file.open().await);
    let mut other = file.other_program();
    let (up, down) = BASELINE;
    in_one_transaction(&mut other, down).expect("undone");
    // SQLite keeps its own table of the numbers that it has given.
    let left = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '%diesel%' AND name <> 'sqlite_sequence'";
    assert_eq!(number(&mut other, left), 0);
    in_one_transaction(&mut other, up).expect("done again");
}
