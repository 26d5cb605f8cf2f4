//! Where the database is, and how a connection to it is made.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use earmark_application::{Clock, StoreError};
use futures::FutureExt;
use futures::future::{Either, select};
use tokio::runtime::Handle;
use tokio_postgres::{Config, NoTls};

use super::error::OpenError;

/// How long making a connection may take, from the look-up of the host to the last setting. A database on the same
/// network answers in milliseconds; one that is starting refuses at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a caller waits for a connection that is free, or made for it. If it took longer, the engine's queues would
/// fill up, and answer `busy` with better reason than the pool.
pub(super) const CONNECTION_WAIT: Duration = Duration::from_secs(10);

/// After this long without an answer at the network's level a connection counts as lost: a server that vanished without
/// closing it must not hold a transaction for the hours that TCP would allow.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(30);

/// The settings of each session.
///
/// Every statement is a look-up by key or a page in key order. A connection keeps its plans, and a plan made while a
/// table filled a single page would go on reading the whole table when it has millions of rows: so no sequential scan
/// where there is an index. JIT compilation never pays for statements this short. Nor does a custom plan for each list
/// of keys: the planner would make one each time, and find the same.
const SESSION_SETTINGS: &str = "SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan";

/// The name of a connection in the server's own list, unless the URL has another.
const APPLICATION_NAME: &str = "earmark";

/// Runs a future for at most this long; `None`: it took longer, and was dropped.
pub(super) async fn at_most<T>(clock: &dyn Clock, time: Duration, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), clock.pause(time)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}

/// The error of a caller that has waited for [`CONNECTION_WAIT`].
pub(super) fn no_free_connection() -> StoreError {
    let seconds = CONNECTION_WAIT.as_secs();
    StoreError::Unavailable(format!("no connection became free within {seconds} seconds"))
}

/// A database's address, and how connections to it are made.
#[derive(Clone)]
pub(super) struct Address {
    config: Config,
    clock: Arc<dyn Clock>,
    /// Where connections run: a connection made on the runtime of a worker that asks for it would end with that worker.
    runtime: Option<Handle>,
}

impl Address {
    /// Reads a URL. Its time-outs and names take precedence over those of this module.
    pub(super) fn parse(url: &str, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let mut config: Config = url
            .parse()
            .map_err(|why: tokio_postgres::Error| OpenError::Url(why.to_string()))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(OpenError::Url("it names no host".to_owned()));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config
                .tcp_user_timeout(NETWORK_TIMEOUT)
                .keepalives_idle(NETWORK_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name(APPLICATION_NAME);
        }
        Ok(Self {
            config,
            clock,
            runtime: Handle::try_current().ok(),
        })
    }

    /// The clock that waits are measured by.
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Makes a connection.
    pub(super) async fn connect(&self) -> Result<AsyncPgConnection, OpenError> {
        self.establish()
            .await
            .map_err(|why| OpenError::Unreachable(why.to_string()))
    }

    /// A pool that makes connections as they are needed.
    pub(super) fn pool(&self, connections: usize) -> Result<Pool<AsyncPgConnection>, OpenError> {
        let address = self.clone();
        let mut manager = ManagerConfig::default();
        // A dead connection is noticed and replaced when its transaction begins: a check before each use would cost a
        // round trip.
        manager.recycling_method = RecyclingMethod::Fast;
        manager.custom_setup = Box::new(move |_| {
            let address = address.clone();
            async move { address.establish().await }.boxed()
        });
        // The manager hands its URL to the setup above, which does not need it.
        let manager = AsyncDieselConnectionManager::new_with_config(String::new(), manager);
        Pool::builder(manager)
            .max_size(connections)
            .build()
            .map_err(|why| OpenError::Unreachable(why.to_string()))
    }

    async fn establish(&self) -> ConnectionResult<AsyncPgConnection> {
        let address = self.clone();
        let making = async move { at_most(&*address.clock, CONNECT_TIMEOUT, address.set_up()).await };
        let made = match &self.runtime {
            Some(runtime) => runtime
                .spawn(making)
                .await
                .map_err(|why| ConnectionError::BadConnection(why.to_string()))?,
            None => making.await,
        };
        made.unwrap_or_else(|| {
            Err(ConnectionError::BadConnection(format!(
                "no connection within {} seconds",
                CONNECT_TIMEOUT.as_secs()
            )))
        })
    }

    async fn set_up(&self) -> ConnectionResult<AsyncPgConnection> {
        let (client, connection) = self
            .config
            .connect(NoTls)
            .await
            .map_err(|why| ConnectionError::BadConnection(message(&why)))?;
        let mut connection = AsyncPgConnection::try_from_client_and_connection(client, connection).await?;
        connection
            .batch_execute(SESSION_SETTINGS)
            .await
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }
}

/// The driver's message, or the server's own if there is one.
fn message(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |answer| answer.message().to_owned())
}

#[cfg(test)]
mod tests {
    use std::future;

    use async_trait::async_trait;
    use jiff::Timestamp;

    use super::*;

    /// A clock on which every pause is over at once.
    struct Hurried;

    #[async_trait]
    impl Clock for Hurried {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        async fn pause(&self, _: Duration) {}
    }

    fn parse(url: &str) -> Result<Address, OpenError> {
        Address::parse(url, Arc::new(Hurried))
    }

    #[test]
    fn a_wrong_url_is_reported_with_a_right_one() {
        for wrong in ["postgres//shop", "postgres://shop:no-port@here:x/", "mysql://here/shop"] {
            let message = parse(wrong).err().map(|why| why.to_string()).unwrap_or_default();
            assert!(
                message.contains("postgres://user:password@host:5432/database"),
                "{wrong}: {message}"
            );
        }
    }

    #[test]
    fn settings_of_the_url_take_precedence() {
        let address = parse("postgres://me@here/shop?application_name=till&connect_timeout=2").expect("right");
        assert_eq!(address.config.get_application_name(), Some("till"));
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(2)));
        let address = parse("postgres://me@here/shop").expect("right");
        assert_eq!(address.config.get_application_name(), Some(APPLICATION_NAME));
    }

    #[test]
    fn a_future_that_takes_too_long_by_the_clock_is_dropped() {
        let late = at_most(&Hurried, CONNECT_TIMEOUT, future::pending::<()>()).now_or_never();
        assert_eq!(late, Some(None));
        let in_time = at_most(&Hurried, CONNECT_TIMEOUT, future::ready(1)).now_or_never();
        assert_eq!(in_time, Some(Some(1)));
    }
}
