//! The cost of deciding, without a store: from the records that were read to the changes that are to be stored.
//!
//! Each figure is for one whole transaction: the unit of work is opened, the commands are decided one after the other,
//! the unit of work is closed, and the result is dropped. Rates count lines, so groups of different sizes can be
//! compared by the cost of one line.

use std::hint::black_box;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use earmark_domain::{
    Allocate, AllocationRecord, BACKLOG_PAGE, BatchRecord, Calendar, ChangeBatch, Command, Count, CreateBatch,
    DecisionContext, LineId, LineKey, LineRecord, LineRequest, LineState, LineTerms, Loaded, Location, Locations,
    OnShortage, OrderId, OrderLine, OrderTerms, PlaceOrder, Precedence, ProductRecord, Promise, Promising, Quantity,
    Reference, ReleaseRank, ServiceRead, Sku, UnitOfWork, Units,
};
use jiff::Timestamp;
use jiff::civil::date;

/// The number of products of a large shop.
const MANY: usize = 1_000;

/// Units in a batch: more than these commands take.
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

/// An instant that rises with its number, as in the decisions of one engine.
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

/// What a store reads for commands on these products, each with this number of batches.
fn shelf(products: impl IntoIterator<Item = usize>, batches: usize, quantity: u32) -> Loaded {
    let mut loaded = Loaded::default();
    for number in products {
        loaded.products.push(product(number));
        loaded
            .batches
            .extend((0..batches).map(|index| batch(number, index, quantity, 0)));
    }
    loaded
}

fn line(order: usize, of: usize, quantity: u32, state: LineState) -> LineRecord {
    LineRecord {
        sku: sku(of),
        state,
        placed_version: order as u64 + 1,
        promise: Promise::NONE,
        dispatched: Units::ZERO,
        terms: LineTerms {
            key: key(order, of),
            quantity: units(quantity),
            split: false,
            placed_at: instant(order),
            placed_with_order: false,
            asked: None,
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
        without_grace: false,
    })
}

/// Commands of different callers, at rising instants.
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
                today: Calendar::UTC.day_of(instant(1_000_000 + number)),
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

/// Lines of different orders in one transaction.
fn groups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("group");
    for size in [1, 32, 64, 128] {
        // A stride through the products: each line is of another product.
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

/// One product with a growing number of batches, and 64 lines that fit the first batch, the last, or none.
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
    // Each line takes 20 batches of one unit: 50 lines use up 1,000 batches.
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

/// A page of waiting lines, and a batch that serves them all.
fn backlogs(criterion: &mut Criterion) {
    let mut loaded = shelf([0], 0, 1);
    loaded.lines = (0..BACKLOG_PAGE)
        .map(|order| line(order, 0, 1, LineState::Backordered))
        .collect();
    loaded.backlog = vec![ServiceRead {
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

/// A batch that is counted down to zero: its lines move to another.
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
                    allocated_version: order as u64 + 1,
                })
                .collect(),
            backlog: vec![ServiceRead {
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

/// One order with a growing number of lines, each of another product.
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
