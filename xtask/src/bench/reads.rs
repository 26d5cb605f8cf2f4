//! Reading orders and products, held against `pgbench` reading the same rows; and paging through the events.

use std::time::Duration;

use super::feed;
use super::figures::{Spread, rate, to_float};
use super::ground::Bench;
use super::load::{Ask, Asked};
use super::pgbench::Run;
use super::plan::{Engine, Load, OK, Verdict};
use super::report::{Goal, Section, Unit, Wanted};
use super::service::{Books, Serving, Times};
use super::table::{Table, range, ratio, whole};
use crate::Failure;

const PRODUCTS: u32 = 1_000;
const CONNECTIONS: u32 = 64;

/// What fills the books before anybody reads.
const FILL: Ask = Ask::allocations(PRODUCTS, CONNECTIONS);

/// A load that commits about 2,000 allocations a second, as long as the service answers in far less than the pause.
const MEANWHILE: Ask = Ask {
    pause: Some(Duration::from_millis(30)),
    ..FILL
};

const ORDER_SQL: &str = include_str!("../../bench/sql/postgres_read_order.sql");
const PRODUCT_SQL: &str = include_str!("../../bench/sql/postgres_read_product.sql");

/// How many readers page through the events at once.
const READERS: [usize; 2] = [1, 4];

/// All rounds of one way to read.
struct Reading {
    engine: Engine,
    what: &'static str,
    ask: Ask,
    /// The same in SQL.
    sql: &'static str,
    loads: Vec<Load>,
    /// A second.
    alone: Vec<f64>,
    /// A second, by `pgbench`; nothing on SQLite, which nobody asks over a connection.
    raw: Vec<f64>,
    /// A second, while allocations go on.
    busy: Vec<f64>,
    /// Allocations a second that went on.
    meanwhile: Vec<f64>,
}

/// All rounds of so many readers of the events.
struct Feed {
    engine: Engine,
    readers: usize,
    rates: Vec<f64>,
}

/// What is read of one database.
struct Found {
    readings: Vec<Reading>,
    feeds: Vec<Feed>,
    wrong: Vec<String>,
}

/// Measures.
pub(super) fn run(bench: &Bench<'_>) -> Result<Section, Failure> {
    let mut all = Found {
        readings: Vec::new(),
        feeds: Vec::new(),
        wrong: Vec::new(),
    };
    for &engine in bench.engines() {
        let found = bench.with_books(engine, |books| read(bench, engine, books))?;
        all.readings.extend(found.readings);
        all.feeds.extend(found.feeds);
        all.wrong.extend(found.wrong);
    }
    Ok(section(&all))
}

fn read(bench: &Bench<'_>, engine: Engine, books: &Books) -> Result<Found, Failure> {
    let measured = bench.options.times.measured;
    bench.service.stock(books, PRODUCTS)?;
    let mut serving = bench.service.start("serve", books)?;
    let filled = FILL.run(bench.programs, &serving.address, "1", measured)?.created();
    if engine == Engine::Postgres {
        // The planner knows the tables, as it does after a minute in any case.
        bench.databases()?.sql(books.database_name(), "VACUUM ANALYZE")?;
    }
    // Of those asked for last, some were not answered, and may be missing.
    let mut readings = readings(engine, filled.saturating_sub(2 * u64::from(CONNECTIONS)).max(2));
    let mut feeds: Vec<Feed> = READERS
        .into_iter()
        .map(|readers| Feed {
            engine,
            readers,
            rates: Vec::new(),
        })
        .collect();
    let mut lines = filled;
    for number in 1..=bench.options.rounds {
        for reading in &mut readings {
            lines += round(bench, books, &serving, number, reading)?;
            bench.tell(number, &reading.last());
        }
        for feed in &mut feeds {
            let rate = feed::events(bench.programs, &serving.address, feed.readers, measured)?;
            bench.tell(
                number,
                &format!("{}, {} reading events: {rate:.0}/s", engine.name(), feed.readers),
            );
            feed.rates.push(rate);
        }
    }
    serving.stop()?;
    let loads = u32::try_from(bench.options.rounds * readings.len())? + 1;
    let wrong = match bench.service.verdict(books, lines, loads * CONNECTIONS)? {
        Verdict::Right => Vec::new(),
        Verdict::Wrong(told) => vec![format!("{}, reads: {told}", engine.name())],
    };
    Ok(Found { readings, feeds, wrong })
}

fn readings(engine: Engine, orders: u64) -> Vec<Reading> {
    let reading = |what, asked, sql| Reading {
        engine,
        what,
        ask: Ask { asked, ..FILL },
        sql,
        loads: Vec::new(),
        alone: Vec::new(),
        raw: Vec::new(),
        busy: Vec::new(),
        meanwhile: Vec::new(),
    };
    vec![
        reading("GET /v1/orders/{id}", Asked::ReadOrders { of: "1", orders }, ORDER_SQL),
        reading("GET /v1/products/{sku}", Asked::ReadProducts, PRODUCT_SQL),
    ]
}

impl Reading {
    fn last(&self) -> String {
        let last = |told: &[f64]| told.last().copied().unwrap_or_default();
        format!(
            "{}, {}: {:.0}/s, raw {:.0}/s, {:.0}/s beside {:.0} allocations/s",
            self.engine.name(),
            self.what,
            last(&self.alone),
            last(&self.raw),
            last(&self.busy),
            last(&self.meanwhile)
        )
    }

    /// What part of the raw reads, round by round; nothing where there are none.
    fn ratio(&self) -> Option<Spread> {
        Spread::of(self.alone.iter().zip(&self.raw).map(|(alone, raw)| alone / raw))
    }
}

/// Reads alone, reads while allocations go on, and raw reads. Answers how many lines were allocated.
fn round(
    bench: &Bench<'_>,
    books: &Books,
    serving: &Serving<'_>,
    number: usize,
    reading: &mut Reading,
) -> Result<u64, Failure> {
    let Times { warm_up, measured } = bench.options.times;
    let (programs, address) = (bench.programs, serving.address.as_str());
    let per_second = |load: &Load| rate(load.count(OK), load.took);
    reading.ask.run(programs, address, "read", warm_up)?;
    let alone = reading.ask.run(programs, address, "read", measured)?;
    reading.alone.push(per_second(&alone));

    if reading.engine == Engine::Postgres {
        let orders = match reading.ask.asked {
            Asked::ReadOrders { orders, .. } => orders,
            _ => 0,
        };
        let run = Run {
            script: reading.sql,
            clients: CONNECTIONS,
            variables: &[("orders", orders.to_string()), ("products", PRODUCTS.to_string())],
        };
        let (databases, database) = (bench.databases()?, books.database_name());
        run.measure(databases, database, warm_up)?;
        reading
            .raw
            .push(run.measure(databases, database, measured)?.per_second());
    }

    let run = format!("{number}-{}", reading.sql.len());
    let writing = MEANWHILE.start(programs, address, &run, warm_up + measured)?;
    (programs.pause)(warm_up / 2)?;
    let busy = reading.ask.run(programs, address, "read", measured)?;
    let written = writing.finish()?;
    reading.busy.push(per_second(&busy));
    reading.meanwhile.push(written.created_per_second());
    reading.loads.extend([alone, busy]);
    Ok(written.created())
}

fn section(all: &Found) -> Section {
    let spread = |told: &[f64]| Spread::of(told.iter().copied()).expect("there are rounds");
    let columns = [
        "Earmark",
        "from–to",
        "pgbench",
        "from–to",
        "Ratio",
        "beside allocations",
        "allocations",
        "Answers",
    ];
    let mut reads = Table::new(2, &[&["Database", "What"], &columns[..]].concat());
    let mut goals = Vec::new();
    for reading in &all.readings {
        let alone = spread(&reading.alone);
        let raw = Spread::of(reading.raw.iter().copied());
        let ratios = reading.ratio();
        let busy = spread(&reading.busy);
        let none = || "–".to_owned();
        reads.row([
            reading.engine.name().to_owned(),
            format!("`{}`", reading.what),
            whole(alone.median),
            range(alone, whole),
            raw.map_or_else(none, |raw| whole(raw.median)),
            raw.map_or_else(none, |raw| range(raw, whole)),
            ratios.map_or_else(none, |ratios| ratio(ratios.median)),
            whole(busy.median),
            whole(spread(&reading.meanwhile).median),
            Load::told(&reading.loads),
        ]);
        let name = format!("{}, {}, {CONNECTIONS}", reading.engine.name(), reading.what);
        if let Some(measured) = ratios {
            goals.push(Goal {
                what: format!("{name}: of pgbench, {CONNECTIONS} clients"),
                wanted: Wanted::AtLeast(0.5),
                unit: Unit::Ratio,
                measured,
            });
        }
        let failures = reading.loads.iter().map(|load| to_float(load.failures(OK)));
        goals.push(Goal {
            what: format!("{name}: errors"),
            wanted: Wanted::AtMost(0.0),
            unit: Unit::Count,
            measured: Spread::of(failures).expect("there are rounds"),
        });
    }
    let mut events = Table::new(1, &["Database", "Readers", "Events", "from–to"]);
    for feed in &all.feeds {
        let rates = spread(&feed.rates);
        events.row([
            feed.engine.name().to_owned(),
            feed.readers.to_string(),
            whole(rates.median),
            range(rates, whole),
        ]);
        goals.push(Goal {
            what: format!("{}, events, {} reading", feed.engine.name(), feed.readers),
            wanted: Wanted::AtLeast(100_000.0),
            unit: Unit::PerSecond,
            measured: rates,
        });
    }
    Section {
        title: "Reads".to_owned(),
        told: vec![format!(
            "{CONNECTIONS} connections read one of the orders, or one of {PRODUCTS} products, again and again; on \
             PostgreSQL `pgbench` reads the same rows of the same database in one prepared statement, with \
             {CONNECTIONS} clients. Then they read while another {CONNECTIONS} connections allocate at a leisurely \
             pace. Events are read in pages of 1,000, each reader one page after the other, again from the first when \
             it has come to the last."
        )],
        tables: vec![
            ("Reads a second".to_owned(), reads),
            ("Events a second".to_owned(), events),
        ],
        goals,
        wrong: all.wrong.clone(),
        ..Section::default()
    }
}
