//! What only reads needs no right to write: with a user that may only read, in transactions that are read-only, and on a
//! standby.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use earmark_tests::databases::{Database, OwnPostgres};
use earmark_tests::service::{Service, earmark};

/// Tables with something in them.
async fn shop(server: &OwnPostgres) {
    let service = Service::start(&server.url()).await;
    let client = service.client();
    client.buy("B1", "LAMP", 10).await;
    let _ = client.allocate("O1", "LAMP", 4).await.answers(201);
}

async fn as_superuser(server: &OwnPostgres, sql: &str) {
    let mut outsider = AsyncPgConnection::establish(&server.url()).await.expect("it answers");
    outsider.batch_execute(sql).await.expect("a superuser may");
}

/// Everything that only reads works at a URL.
async fn reads(url: &str) {
    let verified = earmark(url, &["verify"]).await.succeeded();
    assert!(verified.contains("all is sound"), "{verified}");
    let checked = earmark(url, &["migrate", "--check"]).await.succeeded();
    assert!(checked.contains("up to date"), "{checked}");
    for (table, content) in [("orders", "O1,"), ("batches", "B1,"), ("events", "LAMP")] {
        let exported = earmark(url, &["export", table]).await.succeeded();
        assert!(exported.contains(content), "{table}: {exported}");
    }
    drop(earmark(url, &["keys", "list"]).await.succeeded());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_may_only_read_can_verify_and_check_the_schema() {
    let server = OwnPostgres::start().await;
    shop(&server).await;
    as_superuser(
        &server,
        "CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; \
         CREATE ROLE careful LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO careful; \
         ALTER ROLE careful SET default_transaction_read_only = on",
    )
    .await;
    for user in ["reader", "careful"] {
        let url = server.url().replace("postgres@", &format!("{user}@"));
        reads(&url).await;
    }
    // The history of another database, which a reader does not begin anew.
    as_superuser(&server, "UPDATE epochs SET origin = 'copy'").await;
    reads(&server.url().replace("postgres@", "reader@")).await;
    let told = earmark(
        &server.url().replace("postgres@", "reader@"),
        &["serve", "--listen", "127.0.0.1:0"],
    )
    .await;
    let told = told.ended_with(1).err;
    assert!(told.contains("permission denied"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_can_be_verified_and_exported() {
    let primary = OwnPostgres::start().await;
    shop(&primary).await;
    let standby = primary.standby().await;
    reads(&standby.url()).await;
    // Triggers that are switched off are refused to who writes. Who reads finds out what they have left.
    as_superuser(&primary, "ALTER TABLE lines DISABLE TRIGGER ALL").await;
    reads(&primary.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_tables_is_told_to_who_only_reads() {
    let server = OwnPostgres::start().await;
    as_superuser(&server, "CREATE ROLE reader LOGIN").await;
    let url = server.url().replace("postgres@", "reader@");
    let checked = earmark(&url, &["migrate", "--check"]).await.ended_with(1);
    assert!(checked.out.contains("missing"), "{}", checked.out);
    let verified = earmark(&url, &["verify"]).await.ended_with(1);
    assert!(verified.err.contains("`earmark migrate`"), "{}", verified.err);
}
