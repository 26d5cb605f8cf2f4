//! How a kind of look-up is fetched on a shared connection.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use earmark_application::StoreError;
use tokio::sync::Mutex;

use crate::postgres::batcher::{Fetch, Fetched};
use crate::postgres::connect::{Address, CONNECTION_WAIT, no_free_connection};
use crate::postgres::connections::SHORT;
use crate::postgres::error::StatementResult;
use crate::postgres::error::store_error;
use crate::postgres::session::{Session, at_most};

/// A kind of value that is looked up by its key.
pub(in crate::postgres) trait Lookup: Send + Sync + 'static {
    /// A row of it.
    type Row: Send + 'static;
    /// The value that its rows make.
    type Value: Clone + Send + 'static;

    /// The rows of all these keys, which are all different, in one statement.
    fn rows(keys: Vec<&str>, conn: &Session) -> impl Future<Output = StatementResult<Vec<Self::Row>>> + Send;

    /// The key of a row.
    fn key(row: &Self::Row) -> &str;

    /// The value of the rows of one key, in the order in which they came. There is at least one.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn value(rows: Vec<Self::Row>) -> Result<Self::Value, StoreError>;
}

/// Looks up one value on a connection of the caller.
pub(in crate::postgres) async fn look_up<L: Lookup>(key: &str, conn: &Session) -> Result<Option<L::Value>, StoreError> {
    let rows = L::rows(vec![key], conn).await.map_err(store_error)?;
    (!rows.is_empty()).then(|| L::value(rows)).transpose()
}

/// Looks up the values of different keys on a connection of the caller: those that exist, by key.
pub(in crate::postgres) async fn look_up_all<L: Lookup>(
    keys: Vec<&str>,
    conn: &Session,
) -> Result<Vec<L::Value>, StoreError> {
    let rows = L::rows(keys, conn).await.map_err(store_error)?;
    of_keys::<L>(rows).into_values().map(L::value).collect()
}

/// Fetches a kind of value by keys.
pub(in crate::postgres) struct ByKey<L> {
    connection: Arc<SharedConnection>,
    lookup: PhantomData<fn() -> L>,
}

impl<L> ByKey<L> {
    pub(super) fn on(connection: &Arc<SharedConnection>) -> Self {
        Self {
            connection: Arc::clone(connection),
            lookup: PhantomData,
        }
    }
}

impl<L: Lookup> Fetch for ByKey<L> {
    type Key = String;
    type Value = L::Value;
    type Error = StoreError;

    const MAX_KEYS: usize = 64;

    async fn fetch(&self, keys: Vec<&String>) -> Result<Fetched<Self>, StoreError> {
        let keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
        // The connection may have died unnoticed. A look-up may be repeated, so it is tried again, once, on a new one.
        let mut may_try_again = true;
        loop {
            let connection = self.connection.get().await?;
            match L::rows(keys.clone(), &connection).await {
                Ok(rows) => return Ok(by_key::<L>(rows)),
                Err(error) => {
                    if error.ends_session() {
                        self.connection.forget(&connection).await;
                    }
                    if !(may_try_again && error.is_lost()) {
                        return Err(store_error(error));
                    }
                    may_try_again = false;
                }
            }
        }
    }

    fn aborted() -> StoreError {
        StoreError::Unavailable("the look-up was given up".to_owned())
    }
}

/// Converts the rows of each key. A corrupt row is an error for its own key alone.
fn by_key<L: Lookup>(rows: Vec<L::Row>) -> Fetched<ByKey<L>> {
    let of_keys = of_keys::<L>(rows).into_iter();
    of_keys.map(|(key, rows)| (key, L::value(rows))).collect()
}

/// The rows of each key.
fn of_keys<L: Lookup>(rows: Vec<L::Row>) -> BTreeMap<String, Vec<L::Row>> {
    let mut of_keys = BTreeMap::<String, Vec<L::Row>>::new();
    for row in rows {
        match of_keys.get_mut(L::key(&row)) {
            Some(rows) => rows.push(row),
            None => drop(of_keys.insert(L::key(&row).to_owned(), vec![row])),
        }
    }
    of_keys
}

/// A connection that look-ups share.
pub(in crate::postgres) struct SharedConnection {
    address: Address,
    /// `None` until it is first needed, and after it was lost.
    connection: Mutex<Option<Arc<Session>>>,
}

impl SharedConnection {
    pub(super) fn to(address: Address) -> Self {
        Self {
            address,
            connection: Mutex::default(),
        }
    }

    /// The connection. All that come while it is being made wait for it.
    async fn get(&self) -> Result<Arc<Session>, StoreError> {
        at_most(self.address.clock(), CONNECTION_WAIT, self.get_or_connect())
            .await
            .ok_or_else(no_free_connection)?
    }

    async fn get_or_connect(&self) -> Result<Arc<Session>, StoreError> {
        let mut kept = self.connection.lock().await;
        // One with a server that was the primary before may still answer, with what was true then.
        if let Some(connection) = &*kept
            && connection.epoch() >= self.address.epoch()
        {
            return Ok(Arc::clone(connection));
        }
        let made = self.address.connect_to_books(SHORT).await;
        let made = Arc::new(made.map_err(|why| StoreError::Unavailable(why.to_string()))?);
        *kept = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Drops a lost connection, unless another has taken its place.
    async fn forget(&self, lost: &Arc<Session>) {
        let mut kept = self.connection.lock().await;
        if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, lost)) {
            *kept = None;
        }
    }
}
