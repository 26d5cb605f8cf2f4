//! Reading orders and products, against `pgbench` reading the same rows; and paging through the event feed.

use std::time::Duration;

use xtask::Failure;

use crate::bench::Bench;
use crate::history::tables::{READ_ORDER, READ_PRODUCT};
use crate::load::events;
use crate::load::wrk::{Request, Workload};
use crate::measure::results::{LoadResult, OK};
use crate::measure::stats::{Spread, rate, to_float};
use crate::report::figures::{range, ratio, whole};
use crate::report::goal::{Goal, Unit};
use crate::report::section::Section;
use crate::report::table::Table;
use crate::service::running::RunningService;
use crate::stores::store::{Engine, Store};
use crate::yardsticks::pgbench::Pgbench;

const PRODUCTS: u32 = 1_000;
const CONNECTIONS: u32 = 64;

/// What fills the store before the reads.
const FILL: Workload = Workload::allocations(PRODUCTS, CONNECTIONS);

/// About 2,000 allocations per second, as long as the service responds in much less than the think time.
const BACKGROUND: Workload = Workload {
    think_time: Some(Duration::from_millis(30)),
    ..FILL
};

/// How many readers page through the events at once.
const READERS: [usize; 2] = [1, 4];

/// All rounds of one kind of read. Rates are per second.
struct Reading {
    what: &'static str,
    workload: Workload,
    /// The same read as a `pgbench` script.
    script: &'static str,
    loads: Vec<LoadResult>,
    alone: Vec<f64>,
    /// By `pgbench`; empty on SQLite, which has no connections.
    raw: Vec<f64>,
    /// While allocations go on.
    busy: Vec<f64>,
    /// Those allocations.
    allocations: Vec<f64>,
}

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section, Failure> {
    let columns = [
        "Database",
        "What",
        "Earmark",
        "from–to",
        "pgbench",
        "from–to",
        "Ratio",
        "with allocations",
        "allocations",
        "Responses",
    ];
    let mut reads = Table::new("Reads a second", 2, columns);
    let mut events = Table::new("Events a second", 1, ["Database", "Readers", "Events", "from–to"]);
    let mut section = Section {
        title: "Reads",
        method: format!(
            "{CONNECTIONS} connections read a random order, or one of {PRODUCTS} products, in a closed loop. On \
             PostgreSQL, `pgbench` reads the same rows of the same database in one prepared statement, with \
             {CONNECTIONS} clients. Then the connections read while another {CONNECTIONS} connections allocate at a \
             moderate rate. Events are read in pages of 1,000: each reader requests one page after the other, and \
             starts again after the last."
        ),
        ..Section::default()
    };
    for &engine in bench.engines() {
        bench.with_store(engine, |store| {
            measure(bench, engine, store, [&mut reads, &mut events], &mut section)
        })?;
    }
    section.tables = vec![reads, events];
    Ok(section)
}

fn measure(
    bench: &Bench,
    engine: Engine,
    store: &Store,
    [reads, events]: [&mut Table; 2],
    section: &mut Section,
) -> Result<(), Failure> {
    let measured = bench.options.timing().measured;
    bench.service.stock(store, PRODUCTS)?;
    let mut running = bench.service.start("serve", store)?;
    let filled = FILL.run(&bench.programs, &running.address, "1", measured)?.created();
    if engine == Engine::Postgres {
        // The planner needs statistics, as after a minute of autovacuum.
        bench.postgres()?.sql(store.database(), "VACUUM ANALYZE")?;
    }
    // The last requests of the load may have had no response, so their orders may not exist.
    let orders = filled.saturating_sub(2 * u64::from(CONNECTIONS)).max(2);
    let mut readings = [
        Reading::new(
            "GET /v1/orders/{id}",
            Request::ReadOrder { of: "1", orders },
            READ_ORDER,
        ),
        Reading::new("GET /v1/products/{sku}", Request::ReadProduct, READ_PRODUCT),
    ];
    let mut feeds = READERS.map(|readers| (readers, Vec::new()));
    let mut lines = filled;
    for number in 1..=bench.options.rounds() {
        for reading in &mut readings {
            lines += reading.round(bench, engine, store, &running, number)?;
            bench.progress(number, &format!("{}, {}", engine.name(), reading.last()));
        }
        for (readers, rates) in &mut feeds {
            let rate = events::read(&bench.programs.interruptions, &running.address, *readers, measured)?;
            bench.progress(
                number,
                &format!("{}, {readers} reading events: {rate:.0}/s", engine.name()),
            );
            rates.push(rate);
        }
    }
    running.stop()?;
    let loads = u32::try_from(bench.options.rounds() * readings.len())? + 1;
    let problem = bench.service.audit(store, lines, loads * CONNECTIONS)?;
    let name = engine.name();
    section
        .problems
        .extend(problem.map(|problem| format!("{name}, reads: {problem}")));
    for reading in &readings {
        reads.row(reading.row(engine));
        section.goals.extend(reading.goals(engine));
    }
    for (readers, rates) in feeds {
        let rates = Spread::of(rates);
        events.row([
            name.to_owned(),
            readers.to_string(),
            whole(rates.median),
            range(rates, whole),
        ]);
        let what = format!("{name}, events, {readers} reading");
        section
            .goals
            .push(Goal::at_least(what, 100_000.0, Unit::PerSecond, rates));
    }
    Ok(())
}

impl Reading {
    fn new(what: &'static str, request: Request, script: &'static str) -> Self {
        Self {
            what,
            workload: Workload { request, ..FILL },
            script,
            loads: Vec::new(),
            alone: Vec::new(),
            raw: Vec::new(),
            busy: Vec::new(),
            allocations: Vec::new(),
        }
    }

    /// Reads alone, by `pgbench`, and while allocations go on. Returns how many lines were allocated.
    fn round(
        &mut self,
        bench: &Bench,
        engine: Engine,
        store: &Store,
        running: &RunningService,
        number: usize,
    ) -> Result<u64, Failure> {
        let timing = bench.options.timing();
        let read = |duration| self.workload.run(&bench.programs, &running.address, "read", duration);
        let per_second = |load: &LoadResult| rate(load.count(OK), load.took);
        read(timing.warm_up)?;
        let alone = read(timing.measured)?;
        if engine == Engine::Postgres {
            let orders = match self.workload.request {
                Request::ReadOrder { orders, .. } => orders,
                _ => 0,
            };
            let pgbench = Pgbench {
                script: self.script,
                clients: CONNECTIONS,
                variables: &[("orders", orders.to_string()), ("products", PRODUCTS.to_string())],
            };
            let (postgres, database) = (bench.postgres()?, store.database());
            pgbench.measure(postgres, database, timing.warm_up)?;
            let raw = pgbench.measure(postgres, database, timing.measured)?;
            self.raw.push(raw.per_second());
        }
        // Unique among the loads of all rounds and readings.
        let name = format!("{number}-{}", self.script.len());
        let duration = timing.warm_up + timing.measured;
        let background = BACKGROUND.start(&bench.programs, &running.address, &name, duration)?;
        bench.programs.pause(timing.warm_up / 2)?;
        let busy = read(timing.measured)?;
        let allocations = background.finish()?;
        self.alone.push(per_second(&alone));
        self.busy.push(per_second(&busy));
        self.allocations.push(allocations.created_per_second());
        self.loads.extend([alone, busy]);
        Ok(allocations.created())
    }

    fn last(&self) -> String {
        let last = |rates: &[f64]| rates.last().copied().unwrap_or_default();
        format!(
            "{}: {:.0}/s, raw {:.0}/s; {:.0}/s with {:.0} allocations/s",
            self.what,
            last(&self.alone),
            last(&self.raw),
            last(&self.busy),
            last(&self.allocations)
        )
    }

    /// The ratio to `pgbench` within each round; `None` on SQLite.
    fn ratio(&self) -> Option<Spread> {
        Spread::try_of(self.alone.iter().zip(&self.raw).map(|(alone, raw)| alone / raw))
    }

    fn row(&self, engine: Engine) -> [String; 10] {
        let spread = |rates: &[f64]| Spread::of(rates.iter().copied());
        let raw = Spread::try_of(self.raw.iter().copied());
        let missing = || "–".to_owned();
        [
            engine.name().to_owned(),
            format!("`{}`", self.what),
            whole(spread(&self.alone).median),
            range(spread(&self.alone), whole),
            raw.map_or_else(missing, |raw| whole(raw.median)),
            raw.map_or_else(missing, |raw| range(raw, whole)),
            self.ratio().map_or_else(missing, |ratios| ratio(ratios.median)),
            whole(spread(&self.busy).median),
            whole(spread(&self.allocations).median),
            LoadResult::summary(&self.loads),
        ]
    }

    fn goals(&self, engine: Engine) -> Vec<Goal> {
        let name = format!("{}, {}, {CONNECTIONS}", engine.name(), self.what);
        let of_pgbench = format!("{name}: of pgbench, {CONNECTIONS} clients");
        let ratio = self
            .ratio()
            .map(|ratios| Goal::at_least(of_pgbench, 0.5, Unit::Ratio, ratios));
        let errors = self.loads.iter().map(|load| to_float(load.failures(OK)));
        ratio
            .into_iter()
            .chain([Goal::none(format!("{name}: errors"), errors)])
            .collect()
    }
}
