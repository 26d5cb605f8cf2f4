//! What deciding costs, without a store: from the records that were read to the changes that are to be stored.
//!
//! Each figure is for the whole way that one transaction goes: the ledger is opened, the commands are decided one after
//! the other, the ledger is closed, and what came of it is thrown away. A rate counts lines, so that groups of different
//! sizes can be told apart by what one line costs in them.

use std::hint::black_box;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use earmark_domain::{
    Allocate, AllocationRecord, BACKLOG_PAGE, BacklogRead, BatchRecord, ChangeBatch, Command, Count, CreateBatch,
    DecisionContext, LineId, LineKey, LineRecord, LineRequest, LineState, LineTerms, Loaded, Location, Locations,
    OnShortage, OrderId, OrderLine, OrderTerms, PlaceOrder, Precedence, ProductRecord, Promising, Quantity, Reference,
    ReleaseRank, Sku, UnitOfWork, Units,
};
use jiff::Timestamp;
use jiff::civil::date;

/// The products of a shop with many.
const MANY: usize = 1_000;

/// Units in a batch: more than any of these commands takes.
const PLENTY: u32 = 1_000_000;

fn sku(number: usize) -> Sku {
    Sku::new(format!("SKU-{number:05}")).expect("a SKU")
}

fn reference(product: usize, batch: usize) -> Reference {
    Reference::new(format!("PO-{product:05}-{batch:05}")).expect("a reference")
}

fn key(order: usize, line: usize) -> LineKey {
    LineKey {
        order: order_id(order),
        line: LineId::from(&sku(line)),
    }
}

fn order_id(number: usize) -> OrderId {
    OrderId::new(format!("ORDER-{number:012}")).expect("an order id")
}

fn units(units: u32) -> Quantity {
    Quantity::new(units).expect("a quantity")
}

/// Rises with its number, as the occasions of one engine do.
fn instant(number: usize) -> Timestamp {
    let number = i64::try_from(number).expect("a small number");
    Timestamp::from_microsecond(1_900_000_000_000_000 + number).expect("an instant")
}

fn product(number: usize) -> ProductRecord {
    ProductRecord {
        version: 41,
        batches_created: u32::try_from(MANY).expect("a small number"),
        ..ProductRecord::new(sku(number))
    }
}

fn batch(product: usize, number: usize, quantity: u32, allocated: u32) -> BatchRecord {
    let ordinal = u32::try_from(number + 1).expect("a small number");
    let eta = (number > 0).then_some(date(2031, 1, 1));
    BatchRecord {
        allocated: Units::new(u64::from(allocated)),
        ..BatchRecord::new(reference(product, number), sku(product), ordinal, units(quantity), eta)
    }
}

/// What a store reads for commands on these products: each with as many batches.
fn shelf(products: impl IntoIterator<Item = usize>, batches: usize, quantity: u32) -> Loaded {
    let mut loaded = Loaded::default();
    for number in products {
        loaded.products.push(product(number));
        loaded
            .batches
            .extend((0..batches).map(|place| batch(number, place, quantity, 0)));
    }
    loaded
}

fn line(order: usize, of: usize, quantity: u32, state: LineState) -> LineRecord {
    LineRecord {
        sku: sku(of),
        state,
        terms: LineTerms {
            key: key(order, of),
            quantity: units(quantity),
            split: false,
            placed_at: instant(order),
            placed_with_order: false,
            precedence: Precedence::default(),
            locations: Locations::ANY,
            hold_until: None,
        },
    }
}

fn allocate(order: usize, of: usize, quantity: u32, split: bool) -> Command {
    Command::Allocate(Allocate {
        line: LineRequest {
            key: key(order, of),
            sku: sku(of),
            quantity: units(quantity),
        },
        locations: Locations::ANY,
        on_shortage: OnShortage::Reject,
        split,
    })
}

/// Commands, each of another caller, at instants that rise.
fn asked(commands: impl IntoIterator<Item = Command>) -> Vec<(Command, DecisionContext)> {
    let actor: Arc<str> = Arc::from("api");
    commands
        .into_iter()
        .enumerate()
        .map(|(number, command)| {
            let context = DecisionContext {
                now: instant(1_000_000 + number),
                actor: Arc::clone(&actor),
                correlation_id: Arc::from(format!("01890a5d-ac96-774b-bcce-{number:012}")),
                promising: Promising::default(),
            };
            (command, context)
        })
        .collect()
}

/// One transaction's decisions.
fn decide(loaded: Loaded, commands: &[(Command, DecisionContext)]) {
    let mut unit_of_work = UnitOfWork::open(loaded).expect("sound records");
    let answers: Vec<_> = commands
        .iter()
        .map(|(command, context)| unit_of_work.decide(command, context))
        .collect();
    drop(black_box(answers));
    drop(black_box(unit_of_work.close().expect("all was read")));
}

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    lines: usize,
    loaded: &Loaded,
    commands: &[(Command, DecisionContext)],
) {
    group.throughput(Throughput::Elements(lines as u64));
    group.bench_with_input(id, commands, |bencher, commands| {
        bencher.iter_batched(
            || loaded.clone(),
            |loaded| decide(loaded, commands),
            BatchSize::SmallInput,
        );
    });
}

/// Lines that travel together, each of another order.
fn groups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("group");
    for size in [1, 32, 64, 128] {
        // A stride through the products: as many different ones as there are lines.
        let spread: Vec<usize> = (0..size).map(|number| number * 7 % MANY).collect();
        let commands = asked(spread.iter().map(|of| allocate(*of, *of, 1, false)));
        let loaded = shelf(spread.iter().copied(), 2, PLENTY);
        measure(
            &mut group,
            BenchmarkId::new("many_skus", size),
            size,
            &loaded,
            &commands,
        );

        let commands = asked((0..size).map(|number| allocate(number, 0, 1, false)));
        measure(
            &mut group,
            BenchmarkId::new("one_hot_sku", size),
            size,
            &shelf([0], 2, PLENTY),
            &commands,
        );
    }
    group.finish();
}

/// One product with ever more batches, and 64 lines that fit the first, the last, or none of them.
fn offers(criterion: &mut Criterion) {
    const LINES: usize = 64;
    let mut group = criterion.benchmark_group("offer");
    for batches in [1, 16, 1_000] {
        let commands = asked((0..LINES).map(|number| allocate(number, 0, 1, false)));
        measure(
            &mut group,
            BenchmarkId::new("first_fits", batches),
            LINES,
            &shelf([0], batches, PLENTY),
            &commands,
        );

        // All but the last are too small for these lines.
        let mut loaded = shelf([0], batches, 1);
        loaded.batches.pop();
        loaded.batches.push(batch(0, batches - 1, PLENTY, 0));
        let commands = asked((0..LINES).map(|number| allocate(number, 0, 2, false)));
        measure(
            &mut group,
            BenchmarkId::new("last_fits", batches),
            LINES,
            &loaded,
            &commands,
        );

        let commands = asked((0..LINES).map(|number| allocate(number, 0, PLENTY, false)));
        measure(
            &mut group,
            BenchmarkId::new("none_fits", batches),
            LINES,
            &shelf([0], batches, 1),
            &commands,
        );
    }
    // Each line takes what is left of some, and all of the others: 1,000 batches are used up by 50 lines.
    let commands = asked((0..50).map(|number| allocate(number, 0, 20, true)));
    measure(
        &mut group,
        BenchmarkId::new("split_over_20", 1_000),
        50,
        &shelf([0], 1_000, 1),
        &commands,
    );
    group.finish();
}

/// A page of lines that wait, and a batch that serves them all.
fn backlogs(criterion: &mut Criterion) {
    let mut loaded = shelf([0], 0, 1);
    loaded.lines = (0..BACKLOG_PAGE)
        .map(|order| line(order, 0, 1, LineState::Backordered))
        .collect();
    loaded.backlog = vec![BacklogRead {
        sku: sku(0),
        until: None,
    }];
    let commands = asked([Command::CreateBatch(CreateBatch {
        reference: reference(0, MANY),
        sku: sku(0),
        quantity: units(PLENTY),
        eta: None,
        location: Location::default(),
    })]);
    let mut group = criterion.benchmark_group("backlog");
    let id = BenchmarkId::new("page_served", BACKLOG_PAGE);
    measure(&mut group, id, BACKLOG_PAGE, &loaded, &commands);
    group.finish();
}

/// A batch that turns out to be empty: its lines leave it for another.
fn releases(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("release");
    for lines in [10, 200, 2_000] {
        let held = u32::try_from(lines).expect("a small number");
        let loaded = Loaded {
            products: vec![product(0)],
            batches: vec![batch(0, 0, held, held), batch(0, 1, PLENTY, 0)],
            lines: (0..lines)
                .map(|order| line(order, 0, 1, LineState::Allocated))
                .collect(),
            allocations: (0..lines)
                .map(|order| AllocationRecord {
                    key: key(order, 0),
                    batch: reference(0, 0),
                    quantity: units(1),
                    release_rank: ReleaseRank::of(Precedence::default(), false),
                    allocated_at: instant(order),
                })
                .collect(),
            backlog: vec![BacklogRead {
                sku: sku(0),
                until: None,
            }],
            ..Loaded::default()
        };
        let commands = asked([Command::ChangeBatch(ChangeBatch {
            reference: reference(0, 0),
            quantity: Some(Count::ZERO),
            eta: None,
        })]);
        measure(&mut group, BenchmarkId::new("moved", lines), lines, &loaded, &commands);
    }
    group.finish();
}

/// One order with ever more lines, each of another product.
fn orders(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("order");
    for lines in [5, 500] {
        let wanted = (0..lines)
            .map(|of| OrderLine {
                line: LineId::from(&sku(of)),
                sku: sku(of),
                quantity: units(1),
                locations: Locations::ANY,
            })
            .collect();
        let place = PlaceOrder::new(order_id(0), wanted, OrderTerms::default()).expect("an order");
        let commands = asked([Command::PlaceOrder(place)]);
        let loaded = shelf(0..lines, 2, PLENTY);
        measure(&mut group, BenchmarkId::new("lines", lines), lines, &loaded, &commands);
    }
    group.finish();
}

criterion_group!(deciding, groups, offers, backlogs, releases, orders);
criterion_main!(deciding);
