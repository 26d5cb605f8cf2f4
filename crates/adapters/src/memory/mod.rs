//! The books in memory: for tests, demonstrations and trials.
//!
//! An honest fake. Transactions really overlap, versions really move, decisions taken on stale state really are
//! conflicts, and the rule that no batch holds more than its quantity is checked here as a database would check it.
//! What it does not do is last or end: nothing is written anywhere, and since nothing is ever removed, the memory it
//! takes grows with every line and every event. Keep a shop's books in one of the other stores.

mod answers;
mod books;
mod check;
mod load;
mod queries;

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use async_trait::async_trait;
use earmark_application::{Decide, Decided, Store, StoreError};
use earmark_domain::Scope;

use answers::Answers;
use books::Books;

/// Books kept in memory.
///
/// A clone is another handle on the same books, as a second instance of the service on one database would be.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    books: Arc<Mutex<Books>>,
    answers: Arc<Mutex<Answers>>,
}

impl MemoryStore {
    /// Empty books.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The books, for as long as one step takes: never across a decision.
    fn books(&self) -> Result<MutexGuard<'_, Books>, StoreError> {
        self.books
            .lock()
            .map_err(|_| StoreError::Corrupt("a step on the books in memory panicked half-way".to_owned()))
    }

    /// The remembered answers, likewise.
    fn answers(&self) -> Result<MutexGuard<'_, Answers>, StoreError> {
        self.answers
            .lock()
            .map_err(|_| StoreError::Corrupt("a step on the answers in memory panicked half-way".to_owned()))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        let read = self.books()?.load(scope);
        // No lock is held from here on, and the turn is given away on purpose: the decisions of a test should meet
        // the conflicts that decisions on a database meet.
        let mut yielded = false;
        poll_fn(|context| {
            if yielded {
                return Poll::Ready(());
            }
            yielded = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        let decided = decide(read.clone())?;

        // From here to the end there is no await: a caller that goes away leaves all of the change or none.
        let mut books = self.books()?;
        // Read anew, the scope must say what it said. That covers versions, and what was looked for and not found: a
        // product, a line under another SKU, an order's header, one more line of an order.
        if books.load(scope) != read {
            return Err(StoreError::Conflict);
        }
        books.check(&decided.changes)?;
        books.apply(&decided.changes);
        Ok(decided)
    }
}
