//! Opening, migrating, and connections that die.

use earmark_adapters::postgres::{OpenError, PostgresStore};
use earmark_application::{Queries, StoreError};

use crate::database::with_database;
use crate::shop::{allocate, attempt, context, create_batch, run, sku};

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_start_at_once_dont_trip_over_each_others_migration() {
    with_database(async |database| {
        let url = database.url();
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { PostgresStore::open(&url, 1, true).await })
            })
            .collect();
        for start in starts {
            start.await.expect("no panic").expect("it opens");
        }
    })
    .await;
}

#[tokio::test]
async fn a_missing_schema_is_told_with_what_to_run_and_nothing_is_touched() {
    with_database(async |database| {
        let told = PostgresStore::open(&database.url(), 1, false)
            .await
            .expect_err("there is no schema");
        assert!(
            matches!(&told, OpenError::Pending(missing) if missing.len() == 8),
            "{told}"
        );
        assert!(told.to_string().contains("`earmark migrate`"), "{told}");
        let tables: i64 = database
            .outsider()
            .await
            .query_one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", &[])
            .await
            .expect("the server tells")
            .get(0);
        assert_eq!(tables, 0);

        let store = PostgresStore::connect(&database.url(), 1).expect("a right URL");
        assert_eq!(store.migrate().await.expect("it migrates").len(), 8);
        assert_eq!(store.migrate().await.expect("nothing is left"), Vec::<String>::new());
        assert_eq!(
            store.pending_migrations().await.expect("it answers"),
            Vec::<String>::new()
        );
        PostgresStore::open(&database.url(), 1, false)
            .await
            .expect("it is up to date");
    })
    .await;
}

#[tokio::test]
async fn a_schema_of_a_later_program_is_not_touched() {
    with_database(async |database| {
        database.store().await;
        database
            .outsider()
            .await
            .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')")
            .await
            .expect("it is written");
        let told = PostgresStore::open(&database.url(), 1, true)
            .await
            .expect_err("it is newer");
        assert!(
            matches!(&told, OpenError::Newer(unknown) if unknown == &["9999"]),
            "{told}"
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
        assert!(killed.len() >= 2, "one that is shared, and one that is not");
        let found = store.product(&sku("LAMP"), context().now).await.expect("it answers");
        assert!(found.is_some());
        run(&store, allocate("O1", "LAMP", 4)).await;
        store.ready().await.expect("it answers");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_not_a_hang() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = unused.local_addr().expect("it is bound").port();
    drop(unused);
    let url = format!("postgres://nobody@127.0.0.1:{port}/nothing");
    let told = PostgresStore::open(&url, 1, true).await.expect_err("nobody is there");
    assert!(matches!(told, OpenError::Unreachable(_)), "{told}");
    let store = PostgresStore::connect(&url, 1).expect("a right URL");
    let told = attempt(&store, allocate("O1", "LAMP", 4))
        .await
        .expect_err("nobody is there");
    assert!(matches!(told, StoreError::Unavailable(_)), "{told}");
    let told = store.ready().await.expect_err("nobody is there");
    assert!(matches!(told, StoreError::Unavailable(_)), "{told}");
}
