//! Sessions. Each step is one statement.

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Timestamptz};
use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use earmark_application::{
    AccessEntry, MAX_SESSIONS_OF_A_HOLDER, Session as BrowserSession, SessionHash, Sessions, StoreError,
};
use jiff::Timestamp;

use super::access_log::{ACCESS_LOG_LOCK, entry, entry_columns};
use super::error::StatementResult;
use super::rows::values::{pg_bound, pg_instant};
use super::rows::{SessionRow, records};
use super::schema::sessions;
use super::session::Session;
use super::statement::{load, row_limit, statement};
use super::step::Step;
use super::store::PostgresStore;
use crate::sql::sessions::stored_holder;

/// The rest of a statement that changes sessions: the entry of the log, where something was changed.
macro_rules! logged {
    ($changed:literal) => {
        concat!(
            "WITH ",
            $changed,
            ", locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(?)), \
             logged AS (INSERT INTO access_log (",
            entry_columns!(),
            ") SELECT given.* FROM changed, locked, (SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS given \
             ON CONFLICT (id) DO NOTHING) SELECT count(*) FROM changed"
        )
    };
}

/// Begins a session. The same one may be begun twice.
struct Begin<'a> {
    session: &'a BrowserSession,
    log: &'a AccessEntry,
}

impl Step for Begin<'_> {
    type Answer = Vec<i64>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<i64>> {
        // By hand: what is over, and what is too much, goes in the statement that inserts.
        const BEGIN: &str = logged!(
            "ended AS (DELETE FROM sessions WHERE ends_at <= ?), \
             pushed_out AS (DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE holder = ? AND hash <> ? \
             ORDER BY began_at DESC, hash DESC OFFSET ?)), \
             changed AS (INSERT INTO sessions (hash, key_hash, holder, roles, began_at, ends_at) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING hash)"
        );
        let session = self.session;
        let name = &**session.holder.name();
        let (key_hash, roles) = stored_holder(&session.holder);
        let begin = statement::<BigInt>(BEGIN)
            .bind::<Timestamptz, _>(pg_instant(session.began_at))
            .bind::<Text, _>(name)
            .bind::<Binary, _>(&session.hash.0[..])
            .bind::<BigInt, _>(row_limit(MAX_SESSIONS_OF_A_HOLDER - 1))
            .bind::<Binary, _>(&session.hash.0[..])
            .bind::<Nullable<Binary>, _>(key_hash)
            .bind::<Text, _>(name)
            .bind::<Nullable<Text>, _>(roles)
            .bind::<Timestamptz, _>(pg_instant(session.began_at))
            .bind::<Timestamptz, _>(pg_instant(session.ends_at))
            .bind::<BigInt, _>(ACCESS_LOG_LOCK);
        entry(begin, self.log).rows(conn).await
    }
}

/// Ends a session.
struct End<'a> {
    hash: SessionHash,
    log: &'a AccessEntry,
}

impl Step for End<'_> {
    type Answer = Vec<i64>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<i64>> {
        // By hand: the entry in the statement that deletes.
        const END: &str = logged!("changed AS (DELETE FROM sessions WHERE hash = ? RETURNING hash)");
        let end = statement::<BigInt>(END)
            .bind::<Binary, _>(&self.hash.0[..])
            .bind::<BigInt, _>(ACCESS_LOG_LOCK);
        entry(end, self.log).rows(conn).await
    }
}

/// The session of an id.
struct Of(SessionHash);

impl Step for Of {
    type Answer = Option<SessionRow>;

    async fn run(&self, conn: &Session) -> StatementResult<Option<SessionRow>> {
        let of_id = sessions::table
            .filter(sessions::hash.eq(&self.0.0[..]))
            .select(SessionRow::as_select());
        Ok(load(of_id, conn).await?.into_iter().next())
    }
}

/// Those that are not over.
struct All(Timestamp);

impl Step for All {
    type Answer = Vec<SessionRow>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<SessionRow>> {
        let all = sessions::table
            .filter(sessions::ends_at.gt(pg_bound(self.0)))
            .order((sessions::holder, sessions::began_at, sessions::hash))
            .select(SessionRow::as_select());
        load(all, conn).await
    }
}

impl PostgresStore {
    async fn run_on_sessions<S: Step>(&self, step: S) -> Result<S::Answer, StoreError> {
        self.run_step(&self.access_key_slots, step).await
    }
}

#[async_trait]
impl Sessions for PostgresStore {
    async fn begin_session(&self, session: &BrowserSession, log: &AccessEntry) -> Result<(), StoreError> {
        self.run_on_sessions(Begin { session, log }).await.map(drop)
    }

    async fn session_of(&self, hash: SessionHash) -> Result<Option<BrowserSession>, StoreError> {
        let row = self.run_on_sessions(Of(hash)).await?;
        row.map(BrowserSession::try_from).transpose()
    }

    async fn end_session(&self, hash: SessionHash, log: &AccessEntry) -> Result<bool, StoreError> {
        let ended = self.run_on_sessions(End { hash, log }).await?;
        Ok(ended.iter().any(|count| *count > 0))
    }

    async fn all_sessions(&self, now: Timestamp) -> Result<Vec<BrowserSession>, StoreError> {
        records(self.run_on_sessions(All(now)).await?)
    }
}
