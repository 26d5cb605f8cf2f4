//! Single allocations over HTTP, held against the same work done raw in the database.

use std::time::Duration;

use super::chart::{Chart, Group};
use super::figures::{Spread, each, median};
use super::ground::Bench;
use super::load::Ask;
use super::plan::{CREATED, Engine, Keys, Load, RawSlice, ServiceSlice, Verdict, Work, Yardstick};
use super::report::{Goal, Section, Unit, Wanted};
use super::table::{Table, mebibytes, millis, range, ratio, whole};
use crate::Failure;

/// A load with its yardstick, and what is hoped for.
#[derive(Debug, Clone, Copy)]
struct Workload {
    engine: Engine,
    name: &'static str,
    ask: Ask,
    work: Work,
    /// The least ratio of throughputs.
    ratio: Option<f64>,
    /// The longest the 99th of a hundred callers may wait, in milliseconds.
    p99: Option<f64>,
    /// The most a middle caller may wait, as a multiple of the yardstick's middle transaction.
    wait: Option<f64>,
    /// Whether a quick run has the time for it.
    quick: bool,
}

impl Workload {
    const fn new(engine: Engine, name: &'static str, products: u32, connections: u32, work: Work) -> Self {
        Self {
            engine,
            name,
            ask: Ask::allocations(products, connections),
            work,
            ratio: None,
            p99: None,
            wait: None,
            quick: true,
        }
    }

    const fn throughput(self, ratio: f64) -> Self {
        Self {
            ratio: Some(ratio),
            ..self
        }
    }

    const fn prompt(self) -> Self {
        Self {
            p99: Some(20.0),
            ..self
        }
    }

    const fn slow(self) -> Self {
        Self { quick: false, ..self }
    }

    const fn random(self) -> Self {
        Self {
            ask: Ask {
                keys: Keys::Random,
                ..self.ask
            },
            ..self
        }
    }

    const fn alone(self) -> Self {
        Self {
            wait: Some(2.0),
            ..self
        }
    }

    const ALL: [Self; 10] = {
        use Engine::{Postgres, Sqlite};
        [
            Self::new(Postgres, "1,000 SKUs, 64", 1_000, 64, Work::SET)
                .throughput(0.5)
                .prompt(),
            Self::new(Postgres, "one hot SKU, 64", 1, 64, Work::SET)
                .throughput(0.6)
                .prompt(),
            Self::new(Postgres, "1,000 SKUs, 256", 1_000, 256, Work::SET)
                .throughput(0.7)
                .slow(),
            Self::new(Postgres, "1,000 SKUs, 64, random ids", 1_000, 64, Work::SET)
                .random()
                .slow(),
            Self::new(Postgres, "1,000 SKUs, 8", 1_000, 8, Work::Function { clients: 8 })
                .throughput(0.6)
                .slow(),
            Self::new(Postgres, "1,000 SKUs, 1", 1_000, 1, Work::Statements).alone(),
            Self::new(Sqlite, "1,000 SKUs, 64", 1_000, 64, Work::SET)
                .throughput(0.5)
                .prompt(),
            Self::new(Sqlite, "one hot SKU, 64", 1, 64, Work::SET)
                .throughput(0.5)
                .prompt()
                .slow(),
            Self::new(Sqlite, "1,000 SKUs, 64, random ids", 1_000, 64, Work::SET)
                .random()
                .throughput(0.5)
                .slow(),
            Self::new(Sqlite, "1,000 SKUs, 1", 1_000, 1, Work::Statements)
                .alone()
                .slow(),
        ]
    };
}

/// One round: the service, and right after it the yardstick.
#[derive(Debug, Clone)]
struct Round {
    service: ServiceSlice,
    raw: RawSlice,
}

impl Round {
    fn ratio(&self) -> f64 {
        self.service.load.created_per_second() / self.raw.per_second()
    }

    /// The middle caller's wait as a multiple of the middle transaction.
    fn wait(&self) -> f64 {
        self.service.load.latency.p50.as_secs_f64() / self.raw.transaction.as_secs_f64()
    }
}

/// All rounds of one load.
struct Series {
    workload: Workload,
    rounds: Vec<Round>,
}

impl Series {
    fn name(&self) -> String {
        format!("{}, {}", self.workload.engine.name(), self.workload.name)
    }

    fn spread(&self, pick: impl Fn(&Round) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(pick)).expect("a series has rounds")
    }
}

/// Measures.
pub(super) fn run(bench: &Bench<'_>) -> Result<Section, Failure> {
    let chosen = Workload::ALL
        .into_iter()
        .filter(|workload| bench.on(workload.engine) && (workload.quick || !bench.options.quick));
    let mut series: Vec<Series> = chosen
        .map(|workload| Series {
            workload,
            rounds: Vec::new(),
        })
        .collect();
    for number in 1..=bench.options.rounds {
        for one in &mut series {
            let round = round(bench, one.workload)?;
            bench.tell(
                number,
                &format!(
                    "{}: {:.0}/s, raw {:.0}/s, ratio {:.2}; p50 {}, raw {}",
                    one.name(),
                    round.service.load.created_per_second(),
                    round.raw.per_second(),
                    round.ratio(),
                    millis(round.service.load.latency.p50),
                    millis(round.raw.transaction),
                ),
            );
            one.rounds.push(round);
        }
    }
    Ok(section(&series))
}

fn round(bench: &Bench<'_>, workload: Workload) -> Result<Round, Failure> {
    let times = bench.options.times;
    let Workload { engine, ask, .. } = workload;
    let service = bench.with_books(engine, |books| {
        bench.service.stock(books, ask.products)?;
        bench.service.slice(&ask, books, times)
    })?;
    let yardstick = Yardstick {
        work: workload.work,
        products: ask.products,
        keys: ask.keys,
    };
    let raw = bench.yardstick(engine, yardstick, times)?;
    Ok(Round { service, raw })
}

fn section(series: &[Series]) -> Section {
    let mut wrong = Vec::new();
    for one in series {
        for (number, round) in one.rounds.iter().enumerate() {
            if let Verdict::Wrong(told) = &round.service.verdict {
                wrong.push(format!("{}, round {}: {told}", one.name(), number + 1));
            }
        }
    }
    Section {
        title: "Allocations".to_owned(),
        told: vec![
            "`POST /v1/allocations` for one unit, from so many connections that each wait for the answer and ask \
             again; every product has plenty. The yardstick writes the same allocations raw, with the same kind of \
             order ids: rising, as a shop counts its orders, unless told to be random, as UUIDs are."
                .to_owned(),
        ],
        tables: vec![
            ("Allocations a second".to_owned(), throughput(series)),
            ("Latency, by the client".to_owned(), latency(series)),
            ("Answers and processor time".to_owned(), answers(series)),
            ("Start and memory".to_owned(), footprint(series)),
        ],
        charts: charts(series),
        goals: series.iter().flat_map(goals).chain(footprint_goals(series)).collect(),
        wrong,
    }
}

fn charts(series: &[Series]) -> Vec<Chart> {
    let group = |one: &Series, bars| Group { name: one.name(), bars };
    let millis = |pick: fn(&Round) -> Duration| move |round: &Round| pick(round).as_secs_f64() * 1e3;
    vec![
        Chart::Bars {
            name: "throughput".to_owned(),
            title: "Allocations a second, and the same work done raw".to_owned(),
            unit: "/s",
            series: vec!["Earmark".to_owned(), "Yardstick".to_owned()],
            groups: series
                .iter()
                .map(|one| {
                    let service = one.spread(|round| round.service.load.created_per_second());
                    group(
                        one,
                        vec![Some(service), Some(one.spread(|round| round.raw.per_second()))],
                    )
                })
                .collect(),
        },
        Chart::Bars {
            name: "latency".to_owned(),
            title: "Latency of an allocation, by the client".to_owned(),
            unit: " ms",
            series: ["p50", "p90", "p99"].map(str::to_owned).into(),
            groups: series
                .iter()
                .map(|one| {
                    let p50 = one.spread(millis(|round| round.service.load.latency.p50));
                    let p90 = one.spread(millis(|round| round.service.load.latency.p90));
                    let p99 = one.spread(millis(|round| round.service.load.latency.p99));
                    group(one, vec![Some(p50), Some(p90), Some(p99)])
                })
                .collect(),
        },
    ]
}

fn goals(one: &Series) -> Vec<Goal> {
    let Workload { ratio, p99, wait, .. } = one.workload;
    let mut goals = Vec::new();
    let mut add = |what: &str, wanted, unit, measured| {
        goals.push(Goal {
            what: format!("{}: {what}", one.name()),
            wanted,
            unit,
            measured,
        });
    };
    if let Some(ratio) = ratio {
        let what = format!("allocations, of {}", one.workload.work.name());
        add(&what, Wanted::AtLeast(ratio), Unit::Ratio, one.spread(Round::ratio));
    }
    if let Some(p99) = p99 {
        let measured = one.spread(|round| round.service.load.latency.p99.as_secs_f64() * 1e3);
        add("p99", Wanted::AtMost(p99), Unit::Millis, measured);
        let failures = one.spread(|round| super::figures::to_float(round.service.load.failures(CREATED)));
        add("errors", Wanted::AtMost(0.0), Unit::Count, failures);
    }
    if let Some(wait) = wait {
        let what = format!("median latency, of {}", one.workload.work.name());
        add(&what, Wanted::AtMost(wait), Unit::Ratio, one.spread(Round::wait));
    }
    goals
}

/// Over all loads: each has to keep them.
fn footprint_goals(series: &[Series]) -> Vec<Goal> {
    let goal = |what: &str, most, unit, pick: &dyn Fn(&Round) -> f64| {
        let measured = series.iter().flat_map(|one| &one.rounds).map(pick);
        Spread::of(measured).map(|measured| Goal {
            what: what.to_owned(),
            wanted: Wanted::AtMost(most),
            unit,
            measured,
        })
    };
    let mebibytes = |bytes| super::figures::to_float(bytes) / f64::from(1 << 20);
    let found = [
        goal("memory, idle", 40.0, Unit::Mebibytes, &|round| {
            mebibytes(round.service.memory.idle)
        }),
        goal("memory, under load, at most", 200.0, Unit::Mebibytes, &|round| {
            mebibytes(round.service.memory.peak)
        }),
        goal("start to ready", 300.0, Unit::Millis, &|round| {
            round.service.start.as_secs_f64() * 1e3
        }),
    ];
    found.into_iter().flatten().collect()
}

fn table(columns: &[&str], series: &[Series], row: impl Fn(&Series) -> Vec<String>) -> Table {
    let head: Vec<&str> = ["Database", "Load"].iter().chain(columns).copied().collect();
    let mut table = Table::new(2, &head);
    for one in series {
        let names = [one.workload.engine.name(), one.workload.name].map(str::to_owned);
        table.row(names.into_iter().chain(row(one)));
    }
    table
}

fn throughput(series: &[Series]) -> Table {
    let columns = [
        "Earmark",
        "from–to",
        "Yardstick",
        "from–to",
        "Ratio",
        "from–to",
        "Books",
    ];
    table(&columns, series, |one| {
        let service = one.spread(|round| round.service.load.created_per_second());
        let raw = one.spread(|round| round.raw.per_second());
        let ratios = one.spread(Round::ratio);
        let right = one.rounds.iter().all(|round| round.service.verdict == Verdict::Right);
        vec![
            whole(service.median),
            range(service, whole),
            whole(raw.median),
            range(raw, whole),
            ratio(ratios.median),
            range(ratios, ratio),
            if right { "right" } else { "WRONG" }.to_owned(),
        ]
    })
}

fn latency(series: &[Series]) -> Table {
    let columns = ["p50", "p90", "p99", "longest", "Yardstick's transaction, p50"];
    table(&columns, series, |one| {
        let middle = |pick: fn(&Round) -> Duration| millis(median(one.rounds.iter().map(pick)));
        let longest = one.rounds.iter().map(|round| round.service.load.latency.max).max();
        vec![
            middle(|round| round.service.load.latency.p50),
            middle(|round| round.service.load.latency.p90),
            middle(|round| round.service.load.latency.p99),
            millis(longest.unwrap_or_default()),
            middle(|round| round.raw.transaction),
        ]
    })
}

fn answers(series: &[Series]) -> Table {
    let columns = [
        "By status, all rounds",
        "Service, each",
        "Database server",
        "Load generator",
    ];
    table(&columns, series, |one| {
        let spent = |pick: fn(&Round) -> Duration| {
            let costs = one
                .rounds
                .iter()
                .map(|round| each(pick(round), round.service.load.created()));
            format!("{:.0} µs", median(costs).as_secs_f64() * 1e6)
        };
        vec![
            Load::told(one.rounds.iter().map(|round| &round.service.load)),
            spent(|round| round.service.cpu.service),
            spent(|round| round.service.cpu.database),
            spent(|round| round.service.cpu.load),
        ]
    })
}

fn footprint(series: &[Series]) -> Table {
    let columns = ["Start to ready", "Memory idle", "under load", "at most"];
    table(&columns, series, |one| {
        let bytes = |pick: fn(&Round) -> u64| mebibytes(one.rounds.iter().map(pick).max().unwrap_or(0));
        vec![
            millis(median(one.rounds.iter().map(|round| round.service.start))),
            bytes(|round| round.service.memory.idle),
            bytes(|round| round.service.memory.loaded),
            bytes(|round| round.service.memory.peak),
        ]
    })
}
