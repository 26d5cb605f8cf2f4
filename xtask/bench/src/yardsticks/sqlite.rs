//! The yardstick on SQLite: one writer with prepared statements, in this process.
//!
//! It does what makes an allocation safe and nothing else: find stock, take it, record the allocation, record an event.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rusqlite::{CachedStatement, Connection, TransactionBehavior, params};
use xtask::Failure;

use crate::load::wrk::OrderIds;
use crate::measure::results::{RawSlice, Timing};
use crate::measure::stats::percentile;
use crate::yardsticks::yardstick::Yardstick;

const SCHEMA: &str = include_str!("../../sql/sqlite_schema.sql");

/// As durable as the service: a commit returns when it is on disk.
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";

/// Units per batch: more than any run takes.
const QUANTITY: i64 = 1_000_000_000;

/// The same random products and order ids in each run.
const SEED: u64 = 7;

/// Measures a yardstick in a new file.
pub(crate) fn measure(yardstick: Yardstick, file: &Path, timing: Timing) -> Result<RawSlice, Failure> {
    let mut writer = Writer::open(yardstick, file)?;
    writer.run(timing.warm_up)?;
    let slice = writer.run(timing.measured)?;
    writer.check()?;
    Ok(slice)
}

/// The version of SQLite, which is also the one in the service.
pub(crate) fn version() -> &'static str {
    rusqlite::version()
}

struct Writer {
    connection: Connection,
    yardstick: Yardstick,
    random: Rng,
    orders: u32,
}

/// The batch that a transaction allocates a product from.
struct Open {
    id: i64,
    available: i64,
    taken: i64,
}

impl Writer {
    fn open(yardstick: Yardstick, file: &Path) -> rusqlite::Result<Self> {
        let mut connection = Connection::open(file)?;
        connection.execute_batch(SETTINGS)?;
        connection.execute_batch(SCHEMA)?;
        let stocked = connection.transaction()?;
        for product in 0..yardstick.products {
            let sku = sku(product);
            stocked.execute("INSERT INTO products (sku) VALUES (?1)", [&sku])?;
            for (place, eta) in [(1, None), (2, Some("2099-12-31"))] {
                stocked.execute(
                    "INSERT INTO batches (sku, reference, quantity, eta) VALUES (?1, ?2, ?3, ?4)",
                    params![sku, format!("B-{sku}-{place}"), QUANTITY, eta],
                )?;
            }
        }
        stocked.commit()?;
        Ok(Self {
            connection,
            yardstick,
            random: Rng::with_seed(SEED),
            orders: 0,
        })
    }

    /// Runs transactions for a time.
    fn run(&mut self, duration: Duration) -> rusqlite::Result<RawSlice> {
        let mut transactions = Vec::new();
        let mut allocations = 0;
        let started = Instant::now();
        while started.elapsed() < duration {
            let begin = Instant::now();
            self.transaction()?;
            transactions.push(begin.elapsed());
            allocations += u64::from(self.yardstick.method.lines());
        }
        let took = started.elapsed();
        transactions.sort_unstable();
        Ok(RawSlice {
            done: allocations,
            took,
            transaction: percentile(&transactions, 50).unwrap_or_default(),
        })
    }

    fn transaction(&mut self) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut find = transaction.prepare_cached(
            "SELECT id, quantity - allocated FROM batches WHERE sku = ?1 AND allocated < quantity \
             ORDER BY eta IS NOT NULL, eta, id LIMIT 1",
        )?;
        let mut allocate = transaction
            .prepare_cached("INSERT INTO allocations (order_id, sku, batch, quantity) VALUES (?1, ?2, ?3, 1)")?;
        let mut record = transaction.prepare_cached("INSERT INTO outbox (kind, payload) VALUES ('Allocated', ?1)")?;
        let mut take = transaction.prepare_cached("UPDATE batches SET allocated = allocated + ?2 WHERE id = ?1")?;
        let mut open: BTreeMap<u32, Open> = BTreeMap::new();
        for _ in 0..self.yardstick.method.lines() {
            let product = self.random.u32(0..self.yardstick.products);
            self.orders += 1;
            let (order, sku) = (
                order_id(self.yardstick.order_ids, &mut self.random, self.orders),
                sku(product),
            );
            let batch = match open.entry(product) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(find_open(&mut find, &sku)?),
            };
            batch.available -= 1;
            batch.taken += 1;
            allocate.execute(params![order, sku, batch.id])?;
            let event = format!(
                r#"{{"order_id":"{order}","sku":"{sku}","quantity":1,"batch":{}}}"#,
                batch.id
            );
            record.execute([event])?;
        }
        for batch in open.values() {
            take.execute([batch.id, batch.taken])?;
        }
        drop((find, allocate, record, take));
        transaction.commit()
    }

    /// Each unit taken from a batch must have an allocation and an event.
    fn check(&self) -> Result<(), Failure> {
        let (allocated, taken, events): (u32, u32, u32) = self.connection.query_row(
            "SELECT (SELECT count(*) FROM allocations), (SELECT sum(allocated) FROM batches), \
             (SELECT count(*) FROM outbox)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let made = self.orders;
        if [allocated, taken, events] == [made; 3] {
            return Ok(());
        }
        Err(format!(
            "the yardstick on SQLite made {made} allocations, and its tables have {allocated} allocations, {taken} \
             units taken and {events} events"
        )
        .into())
    }
}

/// The first batch with stock. There always is one: the batches are larger than a run.
fn find_open(find: &mut CachedStatement<'_>, sku: &str) -> rusqlite::Result<Open> {
    find.query_row([sku], |row| {
        Ok(Open {
            id: row.get(0)?,
            available: row.get(1)?,
            taken: 0,
        })
    })
}

/// A new order id, as the load generators use them.
fn order_id(order_ids: OrderIds, random: &mut Rng, number: u32) -> String {
    match order_ids {
        OrderIds::Rising => format!("o-1-0-{number:012}"),
        // As long as a UUID.
        OrderIds::Random => format!("{:08x}-{:027x}", random.u32(..), random.u128(..) >> 20),
    }
}

fn sku(product: u32) -> String {
    format!("SKU-{product:06}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yardsticks::yardstick::Method;

    #[test]
    fn the_yardstick_stores_what_it_counts() {
        for order_ids in [OrderIds::Rising, OrderIds::Random] {
            let folder = tempfile::tempdir().expect("a folder");
            let yardstick = Yardstick {
                method: Method::SET_BASED,
                products: 1_000,
                order_ids,
            };
            let mut writer = Writer::open(yardstick, &folder.path().join("raw.db")).expect("a new file");
            writer.transaction().expect("one transaction");
            writer.transaction().expect("and another");
            assert_eq!(writer.orders, 2 * Method::SET_BASED.lines());
            writer.check().expect("the tables agree");
        }
    }
}
