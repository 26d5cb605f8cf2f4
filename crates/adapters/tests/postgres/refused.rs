//! Databases that the service can't work on are refused when it starts, in a sentence that says what to do.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use earmark_adapters::postgres::{OpenError, PostgresStore};
use earmark_application::Health;

use crate::database::{clock, with_database};

/// Why a database is refused.
async fn refusal(url: &str) -> String {
    let error = PostgresStore::open(url, 4, true, clock())
        .await
        .expect_err("it is refused");
    assert!(matches!(error, OpenError::Unusable(_)), "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused() {
    with_database(async |database| {
        let outsider = database.outsider().await;
        let url = format!("{}_ascii", database.url());
        let (_, name) = url.rsplit_once('/').expect("a URL ends with a database");
        outsider
            .batch_execute(&format!(
                "CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
            ))
            .await
            .expect("it is created");
        let refusal = refusal(&url).await;
        outsider
            .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
            .await
            .expect("it is dropped");
        assert!(
            refusal.contains("SQL_ASCII") && refusal.contains("ENCODING 'UTF8'"),
            "{refusal}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_database_without_its_triggers_is_refused() {
    with_database(async |database| {
        drop(database.store().await);
        let outsider = database.outsider().await;
        outsider
            .batch_execute("ALTER TABLE lines DISABLE TRIGGER lines_add")
            .await
            .expect("the owner may");
        let off = refusal(&database.url()).await;
        assert!(
            off.contains("lines.lines_add") && off.contains("ENABLE TRIGGER ALL"),
            "{off}"
        );
        outsider
            .batch_execute("ALTER TABLE lines ENABLE TRIGGER ALL")
            .await
            .expect("the owner may");
        drop(database.store().await);
        outsider
            .batch_execute(
                "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() \
                 || ' SET session_replication_role = replica'; END $$",
            )
            .await
            .expect("a superuser may");
        let replica = refusal(&database.url()).await;
        assert!(replica.contains("session_replication_role is replica"), "{replica}");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_can_only_be_read_is_refused() {
    with_database(async |database| {
        drop(database.store().await);
        database
            .outsider()
            .await
            .batch_execute(
                "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() \
                 || ' SET default_transaction_read_only = on'; END $$",
            )
            .await
            .expect("the owner may");
        let refusal = refusal(&database.url()).await;
        assert!(refusal.contains("read-only"), "{refusal}");
    })
    .await;
}

#[tokio::test]
async fn a_host_that_swallows_everything_leaves_the_next_its_time() {
    with_database(async |database| {
        // It takes connections, and never says a word.
        let black_hole = TcpListener::bind("127.0.0.1:0").expect("a port");
        let hole = black_hole.local_addr().expect("it is bound");
        let url = database.url();
        let (user, rest) = url.split_once('@').expect("a user");
        let (host, name) = rest.split_once('/').expect("a database");
        let both = format!("{user}@{hole},{host}/{name}");
        let started = Instant::now();
        let store = PostgresStore::open(&both, 1, true, clock())
            .await
            .expect("the second host is there");
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        // The host that answered is asked first from now on.
        let started = Instant::now();
        store.ready().await.expect("it answers");
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());

        let error = PostgresStore::open(&format!("{user}@{hole}/{name}"), 1, true, clock())
            .await
            .expect_err("nobody answers");
        assert!(
            error.to_string().contains(&format!("{hole}: no answer within 3000 ms")),
            "{error}"
        );
        drop(black_hole);
        let error = PostgresStore::open(&format!("{user}@{hole}/{name}"), 1, true, clock())
            .await
            .expect_err("nobody is there");
        assert!(error.to_string().contains(&format!("{hole}: ")), "{error}");
        assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
    })
    .await;
}
