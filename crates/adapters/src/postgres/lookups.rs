//! Connections that look-ups share: each is one statement by a key, and a connection answers one after the other without
//! waiting to be asked again.
//!
//! A look-up takes the database some ten microseconds. Were each given a connection to itself, most of the work would
//! be the switching from one to the next, on both sides; asked together on few, they travel and are answered together.
//! What may take longer, a page or a transaction, has a connection of the pool to itself, so that nobody waits behind
//! it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::deserialize::FromSqlRow;
use diesel::expression::QueryMetadata;
use diesel::pg::Pg;
use diesel::query_dsl::CompatibleType;
use diesel::sql_types::SqlType;
use diesel_async::AsyncPgConnection;
use earmark_application::StoreError;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::connect::Address;
use super::error::store_error;
use super::statement::Statement;
use super::{POOL_WAIT, is_lost, no_connection_in_time};

/// A shared connection, once there is one.
type Place = Mutex<Option<Arc<AsyncPgConnection>>>;

/// The connections.
pub(super) struct Lookups {
    address: Address,
    places: Vec<Place>,
    /// Whose turn it is.
    turn: AtomicUsize,
}

impl Lookups {
    /// As many connections as `places`, each made when it is first needed.
    pub(super) fn new(address: Address, places: usize) -> Self {
        Self {
            address,
            places: (0..places).map(|_| Place::default()).collect(),
            turn: AtomicUsize::new(0),
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Asks a question that changes nothing.
    ///
    /// A connection may have died without anybody noticing. As nothing depends on how often such a question is asked,
    /// it is asked again on the next; after as many as there are, one must be new.
    pub(super) async fn rows<'a, Row, U>(
        &self,
        question: impl Fn() -> Statement<'a, Row> + Send,
    ) -> Result<Vec<U>, StoreError>
    where
        Row: SqlType + CompatibleType<U, Pg> + Send + 'static,
        Pg: QueryMetadata<Row>,
        U: FromSqlRow<<Row as CompatibleType<U, Pg>>::SqlType, Pg> + Send + 'static,
        <Row as CompatibleType<U, Pg>>::SqlType: 'static,
    {
        let mut left = self.places.len();
        loop {
            let place = &self.places[self.turn.fetch_add(1, Ordering::Relaxed) % self.places.len()];
            let connection = timeout(POOL_WAIT, self.connection(place))
                .await
                .map_err(|_| no_connection_in_time())??;
            match question().rows(&connection).await {
                Err(error) if left > 0 && is_lost(&error) => {
                    forget(place, &connection).await;
                    left -= 1;
                }
                answer => return answer.map_err(store_error),
            }
        }
    }

    /// The connection of a place. Those who come while it is being made wait for it.
    async fn connection(&self, place: &Place) -> Result<Arc<AsyncPgConnection>, StoreError> {
        let mut kept = place.lock().await;
        if let Some(connection) = &*kept {
            return Ok(Arc::clone(connection));
        }
        let made = self.address.open().await;
        let made = Arc::new(made.map_err(|why| StoreError::Unavailable(why.to_string()))?);
        *kept = Some(Arc::clone(&made));
        Ok(made)
    }
}

/// Takes a lost connection from its place, unless another is there already.
async fn forget(place: &Place, lost: &Arc<AsyncPgConnection>) {
    let mut kept = place.lock().await;
    if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, lost)) {
        *kept = None;
    }
}
