//! Access keys. Each step is one statement.

use async_trait::async_trait;
use diesel::dsl::{exists, select};
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Timestamptz};
use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;
use earmark_application::{AccessEntry, AccessKey, KeyHash, KeyName, Keys, MAX_KEYS, StoreError};
use jiff::Timestamp;

use super::access_log::{ACCESS_LOG_LOCK, entry, entry_columns};
use super::error::StatementResult;
use super::rows::values::pg_instant;
use super::rows::{AccessKeyRow, records};
use super::schema::access_keys;
use super::session::Session;
use super::statement::{Statement, load, row_limit, statement};
use super::step::Step;
use super::store::PostgresStore;
use crate::sql::access_keys::{stored_prefixes, stored_roles};

/// What changes a key, and the entry of the log that says so: one statement, and so both or neither. `$changed` has a row
/// where there was something to change. A step that runs twice logs once.
macro_rules! logged {
    ($changed:literal, $answer:literal) => {
        concat!(
            "WITH changed AS (",
            $changed,
            "), locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(?)), \
             logged AS (INSERT INTO access_log (",
            entry_columns!(),
            ") SELECT given.* FROM changed, locked, (SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS given \
             ON CONFLICT (id) DO NOTHING) ",
            $answer
        )
    };
}

/// Binds the lock and the entry of a change.
fn logged<'a, Types>(statement: Statement<'a, Types>, log: &'a AccessEntry) -> Statement<'a, Types> {
    entry(statement.bind::<BigInt, _>(ACCESS_LOG_LOCK), log)
}

/// Adds a key. The same key may be added twice.
struct Add<'a> {
    key: &'a AccessKey,
    log: &'a AccessEntry,
}

impl Step for Add<'_> {
    type Answer = Vec<i64>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<i64>> {
        // By hand: ON CONFLICT with a condition, and the count in the statement that inserts. Run again after a connection
        // was lost, it finds its own row, which nobody else's secret has. Two instances that add at once may both find
        // room, and make a few too many.
        const ADD: &str = logged!(
            "INSERT INTO access_keys AS known \
             (name, hash, roles, orders_with_prefix, skus_with_prefix, created_at, expires_at, revoked_at, last_used_at) \
             SELECT new.* FROM (SELECT ? AS name, ? AS hash, ?, ?, ?, ?, ?, ?, ?) AS new \
             WHERE (SELECT count(*) FROM access_keys AS other WHERE other.name <> new.name) < ? \
             ON CONFLICT (name) DO UPDATE SET hash = excluded.hash WHERE known.hash = excluded.hash RETURNING name",
            "SELECT count(*) FROM changed"
        );
        let key = self.key;
        let add = statement::<BigInt>(ADD)
            .bind::<Text, _>(&**key.name.as_str())
            .bind::<Binary, _>(&key.hash.0[..])
            .bind::<Text, _>(stored_roles(key.roles))
            .bind::<Text, _>(stored_prefixes(&key.bounds.orders))
            .bind::<Text, _>(stored_prefixes(&key.bounds.skus))
            .bind::<Timestamptz, _>(pg_instant(key.created_at))
            .bind::<Nullable<Timestamptz>, _>(key.expires_at.map(pg_instant))
            .bind::<Nullable<Timestamptz>, _>(key.revoked_at.map(pg_instant))
            .bind::<Nullable<Timestamptz>, _>(key.last_used_at.map(pg_instant))
            .bind::<BigInt, _>(row_limit(MAX_KEYS));
        logged(add, self.log).rows(conn).await
    }
}

/// Gives a key that is not revoked another secret and another end.
struct Rotate<'a> {
    name: &'a KeyName,
    hash: KeyHash,
    expires_at: Option<Timestamp>,
    log: &'a AccessEntry,
}

impl Step for Rotate<'_> {
    type Answer = Vec<i64>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<i64>> {
        // By hand: the entry in the statement that updates.
        const ROTATE: &str = logged!(
            "UPDATE access_keys SET hash = ?, expires_at = ? WHERE name = ? AND revoked_at IS NULL RETURNING name",
            "SELECT count(*) FROM changed"
        );
        let rotate = statement::<BigInt>(ROTATE)
            .bind::<Binary, _>(&self.hash.0[..])
            .bind::<Nullable<Timestamptz>, _>(self.expires_at.map(pg_instant))
            .bind::<Text, _>(&**self.name.as_str());
        logged(rotate, self.log).rows(conn).await
    }
}

/// Revokes a key, unless it is revoked.
struct Revoke<'a> {
    name: &'a KeyName,
    now: Timestamp,
    log: &'a AccessEntry,
}

impl Step for Revoke<'_> {
    type Answer = Vec<i64>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<i64>> {
        // By hand: the entry in the statement that updates.
        const REVOKE: &str = logged!(
            "UPDATE access_keys SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL RETURNING name",
            "SELECT count(*) FROM access_keys WHERE name = ?"
        );
        let name = &**self.name.as_str();
        let revoke = statement::<BigInt>(REVOKE)
            .bind::<Timestamptz, _>(pg_instant(self.now))
            .bind::<Text, _>(name);
        logged(revoke, self.log).bind::<Text, _>(name).rows(conn).await
    }
}

/// Whether a count is one of something.
fn is_any(counted: &[i64]) -> bool {
    counted.iter().any(|count| *count > 0)
}

/// All keys, by name.
struct All;

impl Step for All {
    type Answer = Vec<AccessKeyRow>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<AccessKeyRow>> {
        let all = access_keys::table
            .order(access_keys::name)
            .select(AccessKeyRow::as_select());
        load(all, conn).await
    }
}

/// The key of a secret.
struct Of(KeyHash);

impl Step for Of {
    type Answer = Option<AccessKeyRow>;

    async fn run(&self, conn: &Session) -> StatementResult<Option<AccessKeyRow>> {
        let of_secret = access_keys::table
            .filter(access_keys::hash.eq(&self.0.0[..]))
            .select(AccessKeyRow::as_select());
        Ok(load(of_secret, conn).await?.into_iter().next())
    }
}

/// Whether there are any.
struct HasAny;

impl Step for HasAny {
    type Answer = bool;

    async fn run(&self, conn: &Session) -> StatementResult<bool> {
        let any: Vec<bool> = load(select(exists(access_keys::table.select(access_keys::name))), conn).await?;
        Ok(any == [true])
    }
}

/// Notes that a key was used, unless a later use is known.
struct NoteUsed {
    hash: KeyHash,
    now: Timestamp,
}

impl Step for NoteUsed {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        let now = pg_instant(self.now);
        let last_used_at = access_keys::last_used_at;
        let update = diesel::update(access_keys::table)
            .filter(access_keys::hash.eq(&self.hash.0[..]))
            .filter(last_used_at.is_null().or(last_used_at.lt(now)))
            .set(last_used_at.eq(now));
        let mut connection = conn.connection();
        conn.run(update.execute(&mut connection)).await
    }
}

impl PostgresStore {
    async fn run_on_access_keys<S: Step>(&self, step: S) -> Result<S::Answer, StoreError> {
        self.run_step(&self.access_key_slots, step).await
    }
}

#[async_trait]
impl Keys for PostgresStore {
    async fn add_key(&self, key: &AccessKey, log: &AccessEntry) -> Result<bool, StoreError> {
        Ok(is_any(&self.run_on_access_keys(Add { key, log }).await?))
    }

    async fn rotate_key(
        &self,
        name: &KeyName,
        hash: KeyHash,
        expires_at: Option<Timestamp>,
        log: &AccessEntry,
    ) -> Result<bool, StoreError> {
        let rotate = Rotate {
            name,
            hash,
            expires_at,
            log,
        };
        Ok(is_any(&self.run_on_access_keys(rotate).await?))
    }

    async fn revoke_key(&self, name: &KeyName, now: Timestamp, log: &AccessEntry) -> Result<bool, StoreError> {
        Ok(is_any(&self.run_on_access_keys(Revoke { name, now, log }).await?))
    }

    async fn all_keys(&self) -> Result<Vec<AccessKey>, StoreError> {
        records(self.run_on_access_keys(All).await?)
    }

    async fn key_of(&self, hash: KeyHash) -> Result<Option<AccessKey>, StoreError> {
        let row = self.run_on_access_keys(Of(hash)).await?;
        row.map(AccessKey::try_from).transpose()
    }

    async fn has_keys(&self) -> Result<bool, StoreError> {
        self.run_on_access_keys(HasAny).await
    }

    async fn note_key_used(&self, hash: KeyHash, now: Timestamp) -> Result<(), StoreError> {
        self.run_on_access_keys(NoteUsed { hash, now }).await.map(drop)
    }
}
