//! Where the database is, and how a session with it is made.

mod password;
mod socket;
mod tls;
mod url;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use earmark_application::{Clock, StoreError};
use tokio::runtime::Handle;
use tokio_postgres::{CancelToken, Config, NoTls};

use super::epochs;
use super::error::OpenError;
use super::server::{self, Access};
use super::session::{Cancel, Session, SessionLimits, at_most};
use password::Passwords;
use socket::Endpoint;
use tls::{Stream, Tls};

/// How long making a session may take, from the look-up of the host to the last setting, all hosts of the URL together.
/// A database on the same network answers in milliseconds; one that is starting refuses at once. Less than a command
/// may take, so that its caller hears why.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a caller waits for a session that is free, or made for it. If it took longer, the engine's queues would
/// fill up, and answer `busy` with better reason than the pool.
pub(super) const CONNECTION_WAIT: Duration = Duration::from_secs(4);

/// After this long without an answer at the network's level a connection counts as lost: an idle connection to a server
/// that vanished without closing it is then known to be dead. Statements have shorter bounds.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the request to cancel a statement may take. The connection is closed either way.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// The settings of each session.
///
/// Every statement is a look-up by key or a page in key order. A connection keeps its plans, and a plan made while a
/// table filled a single page would go on reading the whole table when it has millions of rows: so no sequential scan
/// where there is an index. JIT compilation never pays for statements this short. Nor does a custom plan for each list
/// of keys: the planner would make one each time, and find the same.
const SESSION_SETTINGS: &str = "SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan";

/// The name of a connection in the server's own list, unless the URL has another.
const APPLICATION_NAME: &str = "earmark";

/// The error of a caller that has waited for [`CONNECTION_WAIT`].
pub(super) fn no_free_connection() -> StoreError {
    let seconds = CONNECTION_WAIT.as_secs();
    StoreError::Unavailable(format!("no connection became free within {seconds} seconds"))
}

/// What is looked for at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A database.
    Database,
    /// The books in it.
    Books,
}

/// A database's address, and how sessions with it are made. Cheap to clone.
#[derive(Clone)]
pub(super) struct Address(Arc<Parts>);

struct Parts {
    access: Access,
    config: Config,
    tls: Tls,
    passwords: Passwords,
    endpoints: Vec<Endpoint>,
    /// The endpoint that answered last: it is tried first.
    last_good: AtomicUsize,
    /// The last epoch that a session was found to be in.
    epoch: AtomicU64,
    clock: Arc<dyn Clock>,
    /// Where connections run: a connection made on the runtime of a worker that asks for it would end with that worker.
    runtime: Option<Handle>,
}

impl Address {
    /// Reads a URL. Its time-out (of one host) and its names take precedence over those of this module.
    ///
    /// # Errors
    /// [`OpenError::Url`].
    pub(super) fn parse(url: &str, access: Access, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let (mut config, tls) = url::read(url)?;
        if config.get_application_name().is_none() {
            config.application_name(APPLICATION_NAME);
        }
        Ok(Self(Arc::new(Parts {
            access,
            endpoints: Endpoint::all(&config),
            tls: Tls::new(&tls)?,
            passwords: Passwords::of_environment(),
            config,
            last_good: AtomicUsize::new(0),
            epoch: AtomicU64::new(0),
            clock,
            runtime: Handle::try_current().ok(),
        })))
    }

    /// The clock that waits are measured by.
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// The epoch that the books are in, as far as it is known; 0: no session with them was started yet.
    pub(super) fn epoch(&self) -> u64 {
        self.0.epoch.load(Ordering::Acquire)
    }

    /// Starts a session with the books, in their present epoch, with the first host that has them.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub(super) async fn connect_to_books(&self, limits: SessionLimits) -> Result<Session, OpenError> {
        self.connect_for(Purpose::Books, limits).await
    }

    /// Starts a session, with the first host that has a primary. It does not look for books: there may be none.
    ///
    /// # Errors
    /// [`OpenError::Unreachable`] or [`OpenError::Unusable`], with each host, its port, and why.
    pub(super) async fn connect(&self, limits: SessionLimits) -> Result<Session, OpenError> {
        self.connect_for(Purpose::Database, limits).await
    }

    async fn connect_for(&self, purpose: Purpose, limits: SessionLimits) -> Result<Session, OpenError> {
        let address = self.clone();
        let making = async move { address.connect_here(purpose, limits).await };
        match &self.0.runtime {
            Some(runtime) => runtime
                .spawn(making)
                .await
                .map_err(|why| OpenError::Unreachable(why.to_string()))?,
            None => making.await,
        }
    }

    /// The same, on the current runtime.
    async fn connect_here(&self, purpose: Purpose, limits: SessionLimits) -> Result<Session, OpenError> {
        let endpoints = &self.0.endpoints;
        let first = self.0.last_good.load(Ordering::Relaxed);
        let mut unusable = false;
        let mut reasons = Vec::new();
        for number in (0..endpoints.len()).map(|number| (first + number) % endpoints.len()) {
            let endpoint = &endpoints[number];
            // Each host has its own time: one that swallows everything leaves the others theirs. The future is boxed,
            // because it is large (encryption is a part of it): whatever may have to connect would be as large, and
            // every transaction may.
            let time = self.time_of_one();
            let made = at_most(self.clock(), time, Box::pin(self.connect_to(number, purpose, limits))).await;
            reasons.push(match made {
                Some(Ok(session)) => {
                    self.0.last_good.store(number, Ordering::Relaxed);
                    return Ok(session);
                }
                Some(Err(OpenError::Unusable(why))) => {
                    unusable = true;
                    format!("{endpoint}: {why}")
                }
                Some(Err(OpenError::Unreachable(why))) => format!("{endpoint}: {why}"),
                Some(Err(other)) => return Err(other),
                None => format!("{endpoint}: no answer within {} ms", time.as_millis()),
            });
        }
        let reasons = reasons.join("; ");
        Err(if unusable {
            OpenError::Unusable(reasons)
        } else {
            OpenError::Unreachable(reasons)
        })
    }

    /// How long one host may take.
    fn time_of_one(&self) -> Duration {
        let hosts = u32::try_from(self.0.endpoints.len()).unwrap_or(u32::MAX).max(1);
        let share = CONNECT_TIMEOUT / hosts;
        self.0.config.get_connect_timeout().map_or(share, |time| *time)
    }

    async fn connect_to(&self, number: usize, purpose: Purpose, limits: SessionLimits) -> Result<Session, OpenError> {
        let parts = &self.0;
        let stream = self.stream_to(number).await.map_err(unreachable)?;
        let config = self.config_at(number);
        let session = Session::start(
            stream,
            &config,
            limits,
            Arc::clone(&parts.clock),
            self.cancel_at(number),
        );
        let session = session.await.map_err(unreachable)?;
        let settings = format!("{SESSION_SETTINGS}; {}; {}", limits.settings(), parts.access.settings());
        session.set(&settings).await.map_err(unreachable)?;
        server::check(&session, parts.access).await?;
        match purpose {
            Purpose::Database => Ok(session),
            Purpose::Books => self.find_epoch(session).await,
        }
    }

    /// Finds out which epoch the books of a session are in. One that is older than any that was seen is that of a server
    /// which was the primary before: what it takes would be lost.
    async fn find_epoch(&self, session: Session) -> Result<Session, OpenError> {
        let parts = &self.0;
        let epoch = match parts.access {
            Access::Write => epochs::current(&session).await?,
            Access::Read => epochs::stored(&session).await?,
        };
        let seen = parts.epoch.fetch_max(epoch, Ordering::AcqRel);
        if epoch != 0 && epoch < seen {
            return Err(OpenError::Unusable(format!(
                "it tells the history of epoch {epoch}, and another server has told that of {seen}: it was the primary \
                 before. If it is to be the primary again, restart the service"
            )));
        }
        Ok(session.in_epoch(epoch))
    }

    async fn stream_to(&self, number: usize) -> std::io::Result<Stream> {
        let endpoint = &self.0.endpoints[number];
        let socket = endpoint.connect(NETWORK_TIMEOUT).await?;
        self.0.tls.secure(socket, endpoint.host()).await
    }

    /// The configuration for an endpoint, with the password for it.
    fn config_at(&self, number: usize) -> Config {
        let Parts {
            config,
            passwords,
            endpoints,
            ..
        } = &*self.0;
        let mut config = config.clone();
        if config.get_password().is_none()
            && let Some(user) = config.get_user().map(ToOwned::to_owned)
        {
            let endpoint = &endpoints[number];
            let database = config.get_dbname().unwrap_or(&user);
            if let Some(password) = passwords.find(endpoint.host(), endpoint.port(), database, &user) {
                config.password(password);
            }
        }
        config
    }

    /// How statements on a connection to this endpoint are cancelled: by another connection, as the protocol wants it.
    fn cancel_at(&self, number: usize) -> Cancel {
        // Not the address itself, which would be kept by its own connections.
        let parts = Arc::downgrade(&self.0);
        Arc::new(move |token: CancelToken| {
            let Some(address) = parts.upgrade().map(Self) else {
                return;
            };
            // A connection may be dropped outside any runtime, when the program ends: it is closed all the same.
            let Some(runtime) = address.0.runtime.clone().or_else(|| Handle::try_current().ok()) else {
                return;
            };
            runtime.spawn(async move {
                let cancelling = async {
                    let stream = address.stream_to(number).await.map_err(|why| why.to_string())?;
                    token
                        .cancel_query_raw(stream, NoTls)
                        .await
                        .map_err(|why| why.to_string())
                };
                match at_most(address.clock(), CANCEL_TIMEOUT, cancelling).await {
                    Some(Ok(())) => tracing::debug!("asked the server to cancel"),
                    Some(Err(why)) => tracing::debug!(%why, "the server can't be asked to cancel"),
                    None => tracing::debug!("the server does not take a request to cancel"),
                }
            });
        })
    }
}

fn unreachable(why: impl std::fmt::Display) -> OpenError {
    OpenError::Unreachable(why.to_string())
}

#[cfg(test)]
mod tests {
    use std::future;

    use async_trait::async_trait;
    use futures::FutureExt;
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
        Address::parse(url, Access::Write, Arc::new(Hurried))
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
        assert_eq!(address.0.config.get_application_name(), Some("till"));
        assert_eq!(address.time_of_one(), Duration::from_secs(2));
        let address = parse("postgres://me@here/shop").expect("right");
        assert_eq!(address.0.config.get_application_name(), Some(APPLICATION_NAME));
    }

    #[test]
    fn each_host_has_its_share_of_the_time() {
        let address = parse("postgres://me@one,two,three:5433/shop").expect("right");
        assert_eq!(address.0.endpoints.len(), 3);
        assert_eq!(address.time_of_one(), CONNECT_TIMEOUT / 3);
        assert_eq!(address.0.endpoints[2].to_string(), "three:5433");
        assert_eq!(address.0.endpoints[0].to_string(), "one:5432");
    }

    #[test]
    fn a_future_that_takes_too_long_by_the_clock_is_dropped() {
        let late = at_most(&Hurried, CONNECT_TIMEOUT, future::pending::<()>()).now_or_never();
        assert_eq!(late, Some(None));
        let in_time = at_most(&Hurried, CONNECT_TIMEOUT, future::ready(1)).now_or_never();
        assert_eq!(in_time, Some(Some(1)));
    }
}
