//! Opening, migrating, and connections that die.

use std::time::Duration;

use earmark_adapters::postgres::{OpenError, PostgresStore};
use earmark_application::{Health, StoreError, Views};

use crate::database::{clock, with_database};
use crate::shop::{allocate, attempt, context, create_batch, run, sku};

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_start_at_once_share_one_migration() {
    with_database(async |database| {
        let url = database.url();
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { PostgresStore::open(&url, 1, true, clock()).await })
            })
            .collect();
        for start in starts {
            start.await.expect("no panic").expect("it opens");
        }
    })
    .await;
}

#[tokio::test]
async fn a_missing_schema_is_reported_with_the_command_to_run_and_nothing_is_changed() {
    with_database(async |database| {
        let error = PostgresStore::open(&database.url(), 1, false, clock())
            .await
            .expect_err("there is no schema");
        assert!(
            matches!(&error, OpenError::Pending(missing) if missing.len() == 1),
            "{error}"
        );
        assert!(error.to_string().contains("`earmark migrate`"), "{error}");
        let tables: i64 = database
            .outsider()
            .await
            .query_one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", &[])
            .await
            .expect("the server answers")
            .get(0);
        assert_eq!(tables, 0);

        let store = PostgresStore::connect(&database.url(), 1, clock()).expect("a right URL");
        assert_eq!(store.migrate().await.expect("it migrates").len(), 1);
        assert_eq!(store.migrate().await.expect("nothing is left"), Vec::<String>::new());
        assert_eq!(
            store.pending_migrations().await.expect("it answers"),
            Vec::<String>::new()
        );
        PostgresStore::open(&database.url(), 1, false, clock())
            .await
            .expect("it is up to date");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_makes_way_for_those_who_use_a_table_and_tries_again() {
    /// Longer than it waits at a time.
    const HELD: Duration = Duration::from_millis(3_500);

    with_database(async |database| {
        let outsider = database.outsider().await;
        outsider
            .batch_execute("BEGIN; CREATE TABLE lines (a int)")
            .await
            .expect("it is nobody else's yet");
        let url = database.url();
        let migrating = tokio::spawn(async move {
            let store = PostgresStore::connect(&url, 1, clock()).expect("a right URL");
            store.migrate().await
        });
        tokio::time::sleep(HELD).await;
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
             AND clock_timestamp() - query_start > interval '2.5 seconds' AND datname = current_database()";
        let waiting: i64 = database
            .outsider()
            .await
            .query_one(waiting, &[])
            .await
            .expect("it answers")
            .get(0);
        assert_eq!(waiting, 0, "nobody waits for a table for long");
        outsider.batch_execute("ROLLBACK").await.expect("it is over");
        assert_eq!(migrating.await.expect("no panic").expect("it migrates").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_schema_of_a_later_program_is_not_changed() {
    with_database(async |database| {
        database.store().await;
        database
            .outsider()
            .await
            .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')")
            .await
            .expect("it is written");
        let error = PostgresStore::open(&database.url(), 1, true, clock())
            .await
            .expect_err("it is newer");
        assert!(
            matches!(&error, OpenError::Newer(unknown) if unknown == &["9999"]),
            "{error}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_died_is_replaced() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        store.product(&sku("LAMP"), context().now).await.expect("it answers");
        let killed = database
            .outsider()
            .await
            .query(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'earmark'",
                &[],
            )
            .await
            .expect("a superuser may");
        assert!(killed.len() >= 2, "a shared one, and one of the pool");
        let found = store.product(&sku("LAMP"), context().now).await.expect("it answers");
        assert!(found.is_some());
        run(&store, allocate("O1", "LAMP", 4)).await;
        store.ready().await.expect("it answers");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_reported_as_unavailable_at_once() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = unused.local_addr().expect("it is bound").port();
    drop(unused);
    let url = format!("postgres://nobody@127.0.0.1:{port}/nothing");
    let error = PostgresStore::open(&url, 1, true, clock())
        .await
        .expect_err("no server is there");
    assert!(matches!(error, OpenError::Unreachable(_)), "{error}");
    let store = PostgresStore::connect(&url, 1, clock()).expect("a right URL");
    let error = attempt(&store, allocate("O1", "LAMP", 4))
        .await
        .expect_err("no server is there");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    let error = store.ready().await.expect_err("no server is there");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
}
