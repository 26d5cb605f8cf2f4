//! The store: where commands are decided and stored.

use async_trait::async_trait;
use earmark_domain::Scope;
use tokio::sync::oneshot;

use crate::decision::{Decide, Decided};
use crate::store_error::StoreError;

/// Runs transactions: load, decide, store.
#[async_trait]
pub trait Store: Send + Sync {
    /// Locks and loads what the scope names, calls the decision, and stores the change set, in one transaction.
    ///
    /// MUST store all of the change set or nothing; MUST answer [`StoreError::Conflict`] rather than store a decision
    /// taken on stale state, or one that contradicts a key; MUST number events in the order of commits; MUST NOT
    /// leave anything half done when the caller goes away.
    ///
    /// # Errors
    /// [`StoreError`]; after any of them but `Unavailable` nothing has been stored.
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError>;

    /// The same, and sends a handle once the transaction is in flight, so that the next one can be pipelined behind it
    /// without waiting for its end. A store that gains nothing from that sends none.
    ///
    /// # Errors
    /// As [`transact`](Self::transact).
    async fn transact_pipelined(
        &self,
        scope: &Scope,
        decide: Decide,
        in_flight: InFlightSender,
    ) -> Result<Decided, StoreError> {
        drop(in_flight);
        self.transact(scope, decide).await
    }
}

/// Where a store sends the handle of a transaction in flight: whatever is handed to the handle comes after it.
pub type InFlightSender = oneshot::Sender<Box<dyn InFlight>>;

/// A transaction that is sent and not yet stored. The handle MUST NOT hold any resource of the store while it is kept:
/// the transaction may have to be run again meanwhile.
#[async_trait]
pub trait InFlight: Send {
    /// Decides on the state that this transaction will leave, and stores behind it; sends a handle of its own in turn.
    ///
    /// MUST store nothing unless the predecessor was stored; apart from that, all that [`Store::transact`] demands.
    ///
    /// `None`: the transaction was not stored behind its predecessor, for whatever reason, and has to be run on its
    /// own. Nothing has been stored, or the connection was lost and the tables tell what was.
    async fn transact_next(
        self: Box<Self>,
        scope: &Scope,
        decide: Decide,
        in_flight: InFlightSender,
    ) -> Option<Decided>;
}
