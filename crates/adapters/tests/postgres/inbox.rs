//! The inbox: a message is processed once, on whichever path it comes.

use std::sync::Arc;

use earmark_application::{Decide, Decided, Inbox, Store, StoreError};
use earmark_domain::{Command, MessageId, Outcome, Processed, UnitOfWork};

use crate::database::with_database;
use crate::shop::{allocate, assert_sound, context, create_batch, look, run};

fn message(id: &str) -> MessageId {
    MessageId::new("shop", id).expect("a message id")
}

/// Runs a command that a message carries. Returns whether it was decided, and not recognised as a repeat.
async fn deliver(store: &dyn Store, id: &str, command: Command) -> Result<bool, StoreError> {
    let mut scope = command.scope();
    scope.messages.insert(message(id));
    let id = message(id);
    let decide: Decide = Arc::new(move |loaded| {
        let mut unit_of_work = UnitOfWork::open(loaded)?;
        let now = context().now;
        let answer = unit_of_work.receive(&id, now, |unit_of_work| unit_of_work.decide(&command, &context()));
        Ok(Decided {
            changes: unit_of_work.close()?,
            answers: vec![answer.map_err(Into::into)],
        })
    });
    let decided = store.transact(&scope, decide).await?;
    Ok(!matches!(decided.answers[..], [Ok(Outcome::AlreadyProcessed(_))]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_processed_once_whether_its_product_is_cached_or_not() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        assert!(deliver(&store, "m1", allocate("O1", "LAMP", 1)).await.expect("stored"));
        // By now the product is cached.
        assert!(
            !deliver(&store, "m1", allocate("O2", "LAMP", 1))
                .await
                .expect("answered")
        );
        assert!(deliver(&store, "m2", allocate("O2", "LAMP", 1)).await.expect("stored"));
        let another = database.store().await;
        assert!(
            !deliver(&another, "m2", allocate("O3", "LAMP", 1))
                .await
                .expect("answered")
        );
        let outsider = database.outsider().await;
        let stored = outsider.query("SELECT source, message_id FROM inbox ORDER BY message_id", &[]);
        let stored = stored.await.expect("the server answers");
        let stored: Vec<(String, String)> = stored.iter().map(|row| (row.get(0), row.get(1))).collect();
        let of_shop = |id: &str| ("shop".to_owned(), id.to_owned());
        assert_eq!(stored, [of_shop("m1"), of_shop("m2")]);
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_messages_that_were_processed_are_reported() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        deliver(&store, "m1", allocate("O1", "LAMP", 1)).await.expect("stored");
        let mut scope = allocate("O2", "LAMP", 1).scope();
        scope.messages = ["m0", "m1", "m2"].map(message).into();
        assert_eq!(
            look(&store, &scope).await.processed,
            [(message("m1"), Processed::Done)].into()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_another_transaction_has_stored_is_a_conflict() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        let outsider = database.outsider().await;
        let command = allocate("O1", "LAMP", 1);
        let mut scope = command.scope();
        scope.messages.insert(message("m1"));
        let decide: Decide = Arc::new(move |loaded| {
            let mut unit_of_work = UnitOfWork::open(loaded)?;
            let (id, now) = (message("m1"), context().now);
            let answer = unit_of_work.receive(&id, now, |unit_of_work| unit_of_work.decide(&command, &context()));
            Ok(Decided {
                changes: unit_of_work.close()?,
                answers: vec![answer.map_err(Into::into)],
            })
        });
        // The message is stored after the decision has read the inbox.
        let (decide, called, go_on) = crate::transactions::held(decide);
        let transacting = tokio::spawn({
            let store = store.clone();
            async move { store.transact(&scope, decide).await }
        });
        crate::transactions::until_called(called).await;
        outsider
            .batch_execute("INSERT INTO inbox VALUES ('shop', 'm1', now())")
            .await
            .expect("it is stored");
        go_on.send(()).expect("it waits");
        let outcome = transacting.await.expect("no panic");
        assert!(matches!(outcome, Err(StoreError::Conflict)), "{outcome:?}");
        let allocated = outsider.query_one("SELECT allocated FROM batches", &[]).await;
        assert_eq!(allocated.expect("a batch").get::<_, i64>(0), 0);
    })
    .await;
}

/// A message can be buried while another instance carries it out, and neither transaction sees the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_message_that_was_carried_out_at_the_same_moment_is_forgotten_with_it() {
    with_database(async |database| {
        let store = database.store().await;
        let outsider = database.outsider().await;
        outsider
            .batch_execute(
                "INSERT INTO inbox SELECT 'shop', id, '2020-01-01', refusal \
                 FROM (VALUES ('m1', NULL), ('m2', 'unknown_sku: no')) AS old (id, refusal); \
                 INSERT INTO inbox VALUES ('shop', 'm3', '2030-01-01'); \
                 INSERT INTO dead_messages (source, message_id, reason, attempts, since, replayed, bytes, body) \
                 SELECT source, message_id, 'no', 1, now(), false, 0, '' FROM inbox; \
                 INSERT INTO dead_messages (source, message_id, reason, attempts, since, replayed, bytes, body) \
                 VALUES ('stock', 'm1', 'no', 1, now(), false, 0, ''), ('shop', '', 'no', 1, now(), false, 0, '')",
            )
            .await
            .expect("they are stored");
        let before = "2025-01-01T00:00:00Z".parse().expect("an instant");
        let forgotten = store.forget(before, 0).await.expect("forgotten");
        assert_eq!((forgotten.messages, forgotten.next), (2, None));
        let left = outsider.query("SELECT source || '/' || message_id FROM dead_messages ORDER BY 1", &[]);
        let left = left.await.expect("the server answers");
        let left: Vec<String> = left.iter().map(|row| row.get(0)).collect();
        assert_eq!(left, ["shop/", "shop/m2", "shop/m3", "stock/m1"]);
    })
    .await;
}
