//! A message that is delivered twice takes effect once.

use std::sync::Arc;

use earmark_application::{Decided, Store, StoreError};
use earmark_domain::{ChangeSet, InboxRecord, MessageId, Processed, Scope};
use jiff::Timestamp;

use super::MemoryStore;

/// Processes the message, whether or not it was processed before; answers that.
async fn process(store: &MemoryStore, scope: &Scope, message: &MessageId) -> (bool, Result<(), StoreError>) {
    let (found, kept) = (Arc::new(std::sync::Mutex::new(false)), message.clone());
    let known = found.clone();
    let decided = store
        .transact(
            scope,
            Arc::new(move |loaded| {
                *known.lock().expect("no thread panicked") = loaded.processed.contains_key(&kept);
                Ok(Decided {
                    changes: ChangeSet {
                        inbox: vec![InboxRecord {
                            id: kept.clone(),
                            ended: Processed::Done,
                            processed_at: Timestamp::UNIX_EPOCH,
                        }],
                        ..ChangeSet::default()
                    },
                    answers: Vec::new(),
                })
            }),
        )
        .await;
    let found = *found.lock().expect("no thread panicked");
    (found, decided.map(drop))
}

#[tokio::test]
async fn a_message_that_was_processed_is_known_and_a_conflict() {
    let store = MemoryStore::new();
    let message = MessageId::new("orders", "1").expect("a message id");
    let scope = Scope {
        messages: [message.clone()].into(),
        ..Scope::default()
    };
    let (known, stored) = process(&store, &scope, &message).await;
    assert!(!known && stored.is_ok());
    let (known, stored) = process(&store, &scope, &message).await;
    assert!(known && matches!(stored, Err(StoreError::Conflict)), "{stored:?}");
    let (known, stored) = process(&store, &Scope::default(), &message).await;
    assert!(!known && matches!(stored, Err(StoreError::Conflict)), "{stored:?}");
}
