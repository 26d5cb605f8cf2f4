//! The sessions that the store keeps, apart by what they are for.
//!
//! Commands, look-ups by key, long questions and probes have sessions of their own, so that none waits for the others:
//! however many searches wait for each other, a command finds a session, and a probe is answered. All of them together
//! are no more than the connections that the store is given.

use std::ops::Deref;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Object, Pool, RecycleError, RecycleResult};
use earmark_application::StoreError;
use futures::FutureExt;

use super::connect::{Address, CONNECTION_WAIT, no_free_connection};
use super::error::OpenError;
use super::session::{Session, SessionLimits, at_most};

/// How long a command may wait for a lock. Transactions of this service hold theirs for some milliseconds, and ten
/// times as long when the disk is slow; who holds one longer is no transaction of this service, or one that stands
/// still.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// The bounds of commands, look-ups and probes: each is an affair of milliseconds, and its caller hears within five
/// seconds.
pub(super) const SHORT: SessionLimits = SessionLimits {
    lock: LOCK_TIMEOUT,
    statement: Duration::from_secs(3),
    idle_in_transaction: Duration::from_secs(3),
    patience: Duration::from_millis(3_500),
};

/// How long the answer to one question may take: a page, a search, a page of events.
const QUESTION_PATIENCE: Duration = Duration::from_secs(4);

/// How long one step of an export or an audit may take: nobody waits for it who could ask again.
const EXPORT_PATIENCE: Duration = Duration::from_secs(65);

/// The bounds of long questions. The server's own are those of exports; a question that takes longer than its patience
/// is cancelled.
const LONG: SessionLimits = SessionLimits {
    lock: LOCK_TIMEOUT,
    statement: Duration::from_secs(60),
    idle_in_transaction: Duration::from_secs(10),
    patience: QUESTION_PATIENCE,
};

/// No bounds: for migrations, which take as long as they take, and wait for those of another program.
pub(super) const UNBOUNDED: SessionLimits = SessionLimits {
    lock: Duration::ZERO,
    statement: Duration::ZERO,
    idle_in_transaction: Duration::ZERO,
    patience: Duration::MAX,
};

/// Of how many connections each kind of session other than those of commands has one, up to two.
const CONNECTIONS_PER_KIND: usize = 4;

/// The most sessions for look-ups, and the most for long questions: each keeps a core of the database busy.
const MAX_PER_KIND: usize = 2;

/// From how many connections on one of them is for probes alone. With fewer they share those of commands.
const CONNECTIONS_WITH_PROBE: usize = 6;

/// How a number of connections is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shares {
    /// For commands and idempotency keys, and for everything that has none of its own.
    pub(super) commands: usize,
    /// Shared by look-ups by key.
    pub(super) lookups: usize,
    /// For long questions.
    pub(super) questions: usize,
    /// For probes.
    pub(super) probes: usize,
}

impl Shares {
    /// The shares of so many connections, at least one.
    pub(super) fn of(connections: usize) -> Self {
        let per_kind = (connections / CONNECTIONS_PER_KIND).min(MAX_PER_KIND);
        let probes = usize::from(connections >= CONNECTIONS_WITH_PROBE);
        Self {
            commands: connections - 2 * per_kind - probes,
            lookups: per_kind,
            questions: per_kind,
            probes,
        }
    }
}

/// Makes sessions, and says which are used again.
pub(super) struct SessionManager {
    address: Address,
    limits: SessionLimits,
}

impl Manager for SessionManager {
    type Type = Session;
    type Error = OpenError;

    async fn create(&self) -> Result<Session, OpenError> {
        self.address.connect_to_books(self.limits).await
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<OpenError> {
        // A dead connection is noticed and replaced when its transaction begins: to ask before each use would cost a
        // round trip.
        // One with a server that was the primary before is not used again, though it may still answer.
        if session.is_reusable() && session.epoch() >= self.address.epoch() {
            session.set_patience(self.limits.patience);
            Ok(())
        } else {
            Err(RecycleError::message("the session is not at rest"))
        }
    }
}

/// A session of a pool. Dropped, it goes back, unless it is not at rest: then it is closed at once, with its locks.
pub(super) struct PooledSession(Option<Object<SessionManager>>);

impl Deref for PooledSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for PooledSession {
    fn drop(&mut self) {
        if let Some(session) = self.0.take()
            && !session.is_reusable()
        {
            drop(Object::take(session));
        }
    }
}

/// Sessions of one kind.
#[derive(Clone)]
pub(super) struct Sessions {
    pool: Pool<SessionManager>,
    address: Address,
}

impl Sessions {
    fn new(address: &Address, limits: SessionLimits, size: usize) -> Result<Self, OpenError> {
        let manager = SessionManager {
            address: address.clone(),
            limits,
        };
        let pool = Pool::builder(manager).max_size(size).build();
        Ok(Self {
            pool: pool.map_err(|why| OpenError::Unreachable(why.to_string()))?,
            address: address.clone(),
        })
    }

    /// A session, waited for no longer than [`CONNECTION_WAIT`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(super) async fn get(&self) -> Result<PooledSession, StoreError> {
        // In a box: the pool's future is kilobytes, and would be a part of every transaction's.
        let getting = self.pool.get().boxed();
        match at_most(self.address.clock(), CONNECTION_WAIT, getting).await {
            Some(Ok(session)) => Ok(PooledSession(Some(session))),
            Some(Err(why)) => Err(StoreError::Unavailable(why.to_string())),
            None => Err(no_free_connection()),
        }
    }

    /// How many there are at most: so many may be found dead, one after the other, before one must be new.
    pub(super) fn max_size(&self) -> usize {
        self.pool.status().max_size
    }
}

/// The sessions of a store by what they are for. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) commands: Sessions,
    questions: Option<Sessions>,
    probes: Option<Sessions>,
}

impl Connections {
    /// Sessions with this database, each made when it is first needed.
    ///
    /// # Errors
    /// [`OpenError::Unreachable`] if there can be none.
    pub(super) fn new(address: &Address, shares: Shares) -> Result<Self, OpenError> {
        let some = |limits, size| match size {
            0 => Ok(None),
            _ => Sessions::new(address, limits, size).map(Some),
        };
        Ok(Self {
            commands: Sessions::new(address, SHORT, shares.commands)?,
            questions: some(LONG, shares.questions)?,
            probes: some(SHORT, shares.probes)?,
        })
    }

    /// Those for questions.
    pub(super) fn questions(&self) -> &Sessions {
        self.questions.as_ref().unwrap_or(&self.commands)
    }

    /// Those for probes.
    pub(super) fn probes(&self) -> &Sessions {
        self.probes.as_ref().unwrap_or(&self.commands)
    }
}

/// Waits longer for the answers of a session: for exports and audits.
pub(super) fn be_patient(session: &Session) {
    session.set_patience(EXPORT_PATIENCE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_share_is_lost_and_commands_always_have_one() {
        for connections in 1..100 {
            let shares = Shares::of(connections);
            let sum = shares.commands + shares.lookups + shares.questions + shares.probes;
            assert_eq!(sum, connections);
            assert!(shares.commands >= 1, "{shares:?}");
        }
        let ten = Shares {
            commands: 5,
            lookups: 2,
            questions: 2,
            probes: 1,
        };
        assert_eq!(Shares::of(10), ten);
    }
}
