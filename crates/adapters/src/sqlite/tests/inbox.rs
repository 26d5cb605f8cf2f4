//! A message that is delivered twice takes effect once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use earmark_application::{Decide, Decided, Store, StoreError};
use earmark_domain::{ChangeSet, InboxRecord, LineKey, MessageId, OrderId, Processed, Scope};
use jiff::Timestamp;

use super::super::SqliteStore;
use super::{ShopFile, a_small_shop, key, renamed, sku, store};

fn message(id: &str) -> MessageId {
    MessageId::new("orders", id).expect("a message id")
}

/// The messages of a scope that were processed before.
async fn processed(shop: &SqliteStore, scope: &Scope) -> BTreeMap<MessageId, Processed> {
    let found = Arc::new(Mutex::new(BTreeMap::new()));
    let kept = found.clone();
    let decide: Decide = Arc::new(move |loaded| {
        *kept.lock().expect("no thread panicked") = loaded.processed;
        Ok(Decided {
            changes: ChangeSet::default(),
            answers: Vec::new(),
        })
    });
    shop.transact(scope, decide).await.expect("nothing is stored");
    let found = found.lock().expect("no thread panicked");
    found.clone()
}

fn with_message(changes: ChangeSet, id: &str) -> ChangeSet {
    ChangeSet {
        inbox: vec![InboxRecord {
            id: message(id),
            ended: Processed::Done,
            processed_at: Timestamp::UNIX_EPOCH,
        }],
        ..changes
    }
}

#[tokio::test]
async fn a_message_is_stored_with_its_changes_and_known_from_then_on() {
    let file = ShopFile::new();
    let shop = file.open().await;
    // A scope that the product cache can serve, but for the messages.
    let scope = Scope {
        skus: [sku()].into(),
        lines: [LineKey {
            order: OrderId::new("O-9").expect("a name"),
            ..key()
        }]
        .into(),
        messages: [message("1"), message("2")].into(),
        ..Scope::default()
    };
    assert!(processed(&shop, &scope).await.is_empty());
    store(&shop, with_message(a_small_shop(), "1")).await.expect("stored");
    assert_eq!(processed(&shop, &scope).await, [(message("1"), Processed::Done)].into());
    assert_eq!(processed(&shop, &scope).await, [(message("1"), Processed::Done)].into());
    drop(shop);
    assert_eq!(
        processed(&file.open().await, &scope).await,
        [(message("1"), Processed::Done)].into()
    );
}

#[tokio::test]
async fn a_message_that_was_processed_meanwhile_is_a_conflict_and_stores_nothing() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, with_message(a_small_shop(), "1")).await.expect("stored");
    let again = store(&shop, with_message(renamed(2), "1")).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    let other = store(&shop, with_message(renamed(2), "2")).await;
    other.expect("the version has not moved");
}

#[tokio::test]
async fn a_message_without_other_changes_is_stored_too() {
    let file = ShopFile::new();
    let shop = file.open().await;
    let alone = || with_message(ChangeSet::default(), "1");
    store(&shop, alone()).await.expect("stored");
    let again = store(&shop, alone()).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
}
