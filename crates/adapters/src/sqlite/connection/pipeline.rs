//! Pipelined transactions: the successor of a transaction is queued at the writer while that one is still running, so the
//! writer finds it there when it commits.
//!
//! The writer runs one transaction after the other, so a successor decides on what its predecessor has left. It needs no
//! guess of that state and nothing to discard; it only must not be stored before a predecessor that failed is run again.

use std::sync::Arc;

use async_trait::async_trait;
use earmark_application::{Decide, Decided, InFlight, InFlightSender, StoreError};
use earmark_domain::Scope;

use super::position::Position;
use super::writer_thread::Writer;

/// Queues the first transaction of a pipeline and waits for its end.
pub(in crate::sqlite) async fn transact_pipelined(
    writer: &Arc<Writer>,
    scope: Scope,
    decide: Decide,
    in_flight: InFlightSender,
) -> Result<Decided, StoreError> {
    transact_at(Position::default(), writer, scope, decide, in_flight).await
}

async fn transact_at(
    position: Position,
    writer: &Arc<Writer>,
    scope: Scope,
    decide: Decide,
    in_flight: InFlightSender,
) -> Result<Decided, StoreError> {
    let successor = Queued {
        writer: Arc::clone(writer),
        successor: position.next(),
    };
    let ended = writer.queue_transaction(scope, decide, position).await?;
    // The lane may have no use for it.
    drop(in_flight.send(Box::new(successor)));
    ended.wait().await
}

/// A transaction that is queued: the next one is queued behind it.
struct Queued {
    writer: Arc<Writer>,
    successor: Position,
}

#[async_trait]
impl InFlight for Queued {
    async fn transact_next(
        self: Box<Self>,
        scope: &Scope,
        decide: Decide,
        in_flight: InFlightSender,
    ) -> Option<Decided> {
        let Self { writer, successor } = *self;
        let decided = transact_at(successor, &writer, scope.clone(), decide, in_flight).await;
        decided
            .inspect_err(|error| tracing::debug!(%error, "not stored behind its predecessor"))
            .ok()
    }
}
