//! Which history a database tells.

use std::collections::BTreeSet;

use earmark_adapters::postgres::PostgresStore;
use earmark_application::{Books, EventFeed, EventFilter, EventId};
use earmark_domain::{LineState, Outcome};
use tokio_postgres::Client;

use crate::database::{clock, with_database};
use crate::shop::{allocate, create_batch, run};

/// The books of a store, and the ids of its events.
async fn history(store: &PostgresStore) -> (Books, BTreeSet<EventId>) {
    let page = store.events(&EventFilter::default(), 0, 1_000).await.expect("a page");
    let ids = page.events.iter().map(|event| page.books.event_id(event.sequence));
    (page.books.clone(), ids.collect())
}

/// Ends all sessions of the stores on a database.
async fn end_sessions(outsider: &Client) {
    outsider
        .batch_execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'earmark'",
        )
        .await
        .expect("a superuser may");
}

/// Does to the table of the books what restoring a dump into the database does: it is made anew.
async fn make_books_anew(outsider: &Client) {
    outsider
        .batch_execute(
            "BEGIN; CREATE TABLE restored (LIKE books INCLUDING ALL); INSERT INTO restored SELECT * FROM books; \
             DROP TABLE books; ALTER TABLE restored RENAME TO books; COMMIT",
        )
        .await
        .expect("a superuser may");
}

async fn epochs(outsider: &Client) -> i64 {
    let counted = outsider.query_one("SELECT count(*) FROM epochs", &[]).await;
    counted.expect("the server answers").get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_database_gives_no_id_again_and_knows_no_cursor_of_what_it_lacks() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, allocate("O1", "LAMP", 1)).await;
        let (books, common) = history(&store).await;
        assert_eq!(books.epoch(), 1);
        end_sessions(&database.outsider().await).await;
        let copy = database.copy().await;

        for order in ["O2", "O3", "O4"] {
            run(&store, allocate(order, "LAMP", 1)).await;
        }
        let (_, original) = history(&store).await;
        let copied = PostgresStore::open(&copy.url(), 4, true, clock())
            .await
            .expect("it opens");
        run(&copied, allocate("O5", "LAMP", 1)).await;
        let (copied_books, ids) = history(&copied).await;
        assert_eq!(copied_books.id(), books.id());
        assert_eq!(original.intersection(&ids).cloned().collect::<BTreeSet<_>>(), common);
        assert_eq!(ids.len(), common.len() + 1);

        let newest = copied
            .events(&EventFilter::default(), 0, 1)
            .await
            .expect("a page")
            .newest;
        let last = original.last().expect("events").position;
        let gone = copied_books
            .resolve(last, newest)
            .expect_err("it is of the other history");
        assert_eq!(gone.begin, common.last().expect("events").position);
        drop(copied);
        copy.discard().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_instances_that_find_another_history_one_begins_the_epoch() {
    with_database(async |database| {
        let instances = [database.store().await, database.store().await];
        run(&instances[0], create_batch("B1", "LAMP", 100)).await;
        run(&instances[1], allocate("O1", "LAMP", 1)).await;
        let outsider = database.outsider().await;
        assert_eq!(epochs(&outsider).await, 1);
        end_sessions(&outsider).await;
        assert_eq!(epochs(&outsider).await, 1, "a lost connection alone begins none");
        make_books_anew(&outsider).await;
        end_sessions(&outsider).await;
        let calls = (0..16).map(|number| {
            let instance = instances[number % 2].clone();
            tokio::spawn(async move { run(&instance, allocate(&format!("again-{number}"), "LAMP", 1)).await })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.expect("it is allocated");
        }
        assert_eq!(epochs(&outsider).await, 2);
        let (books, ids) = history(&instances[0]).await;
        assert_eq!(history(&instances[1]).await, (books.clone(), ids.clone()));
        let of_the_second = ids.iter().filter(|id| id.position.epoch == books.epoch());
        assert_eq!((books.epoch() > 1, of_the_second.count()), (true, 16));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_database_tells_another_history_decides_on_nothing_that_it_remembers() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 1)).await;
        // The product is remembered, with nothing available.
        run(&store, allocate("O1", "LAMP", 1)).await;
        let outsider = database.outsider().await;
        // In the other history the product has the same version, and more stock.
        outsider
            .batch_execute("UPDATE batches SET quantity = 5")
            .await
            .expect("a superuser may");
        make_books_anew(&outsider).await;
        end_sessions(&outsider).await;
        let outcome = run(&store, allocate("O2", "LAMP", 3)).await;
        let Outcome::LinePlaced { line, .. } = outcome else {
            unreachable!("a line is placed: {outcome:?}")
        };
        assert_eq!(line.state, LineState::Allocated);
    })
    .await;
}
