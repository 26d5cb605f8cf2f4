//! Events and lines without an entry in the deferred index are found all the same, at every moment.

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use earmark_application::{Decide, Decided, EventFeed, EventFilter, Store, VerifyPorts, Views, verify};
use earmark_domain::{
    Allocate, Calendar, ChangeBatch, Command, Count, CreateBatch, DecisionContext, LineId, LineKey, LineRequest,
    LineState, Loaded, Location, Locations, OnShortage, OrderId, Promising, Quantity, Reference, Sku, UnitOfWork,
};
use jiff::Timestamp;

use super::super::connection::WriterBounds;
use super::super::store::DeferredIndexBounds;
use super::super::{DEFAULT_READERS, SqliteStore};
use super::{ShopFile, number};

/// Small enough that a test goes through many runs, and large enough that a run takes many transactions.
const SMALL: DeferredIndexBounds = DeferredIndexBounds { run: 24, slice: 1 };

pub(super) const PRODUCTS: usize = 5;

pub(super) async fn opened(file: &ShopFile) -> SqliteStore {
    let bounds = WriterBounds {
        deferred_index: SMALL,
        ..WriterBounds::default()
    };
    SqliteStore::open_within(bounds, file.file(), DEFAULT_READERS, true)
        .await
        .expect("the file opens")
}

pub(super) fn product(number: usize) -> Sku {
    Sku::new(format!("P-{number}")).expect("a SKU")
}

pub(super) fn batch_of(number: usize) -> Reference {
    Reference::new(format!("B-{number}")).expect("a reference")
}

pub(super) fn order(number: usize) -> OrderId {
    OrderId::new(format!("O-{number:04}")).expect("an order id")
}

/// Runs a command, as the engine would, at a second of its own.
pub(super) async fn run(store: &SqliteStore, second: usize, command: Command) {
    let scope = command.scope();
    let now = Timestamp::from_second(1_900_000_000 + i64::try_from(second).expect("few")).expect("an instant");
    let context = DecisionContext {
        now,
        today: Calendar::UTC.day_of(now),
        actor: "tests".into(),
        correlation_id: "a test".into(),
        promising: Promising::default(),
    };
    let decide: Decide = Arc::new(move |loaded: Loaded| {
        let mut unit_of_work = UnitOfWork::open(loaded)?;
        let answer = unit_of_work.decide(&command, &context);
        Ok(Decided {
            changes: unit_of_work.close()?,
            answers: vec![answer.map_err(Into::into)],
        })
    });
    let decided = store.transact(&scope, decide).await.expect("it is stored");
    decided.answers[0].as_ref().expect("the rules allow it");
}

pub(super) async fn buy(store: &SqliteStore, units: i32) {
    for number in 0..PRODUCTS {
        let batch = CreateBatch {
            reference: batch_of(number),
            sku: product(number),
            quantity: Quantity::new(units).expect("a quantity"),
            eta: None,
            location: Location::default(),
        };
        run(store, number, Command::CreateBatch(batch)).await;
    }
}

/// The products of the lines are in no order.
pub(super) async fn allocate(store: &SqliteStore, number: usize) {
    let sku = product(number * number % PRODUCTS);
    let line = LineRequest {
        key: LineKey {
            order: order(number),
            line: LineId::from(&sku),
        },
        sku,
        quantity: Quantity::new(1).expect("a quantity"),
    };
    let command = Command::Allocate(Allocate {
        line,
        locations: Locations::ANY,
        on_shortage: OnShortage::Backorder,
        split: false,
        without_grace: false,
    });
    run(store, 100 + number, command).await;
}

async fn count(store: &SqliteStore, number: usize, units: i32) {
    let counted = ChangeBatch {
        reference: batch_of(number),
        quantity: Some(Count::new(units).expect("a count")),
        eta: None,
    };
    run(store, 9_000, Command::ChangeBatch(counted)).await;
}

/// Each product's events are those of all events that are its own, from whichever cursor; and all is sound.
async fn each_product_has_all_of_its_events(store: &SqliteStore) {
    let all = store.events(&EventFilter::default(), 0, 10_000).await.expect("events");
    let last = all.events.last().expect("an event").sequence;
    for number in 0..PRODUCTS {
        let sku = product(number);
        let filter = EventFilter {
            sku: Some(sku.clone()),
            ..EventFilter::default()
        };
        let own: Vec<_> = all
            .events
            .iter()
            .filter(|one| one.event.product().is_some_and(|(of, _)| *of == sku))
            .cloned()
            .collect();
        // From the start, from one of its own, and from some event of whatever product.
        for after in [0, own[own.len() / 2].sequence, last / 2, last] {
            let read = store.events(&filter, after, 10_000).await.expect("events").events;
            let wanted: Vec<_> = own.iter().filter(|one| one.sequence > after).cloned().collect();
            assert_eq!(read, wanted, "{sku} after {after}");
            let page = store.events(&filter, after, 3).await.expect("events").events;
            assert_eq!(page, wanted[..wanted.len().min(3)], "{sku} after {after}");
        }
    }
    let ports = VerifyPorts {
        views: store,
        events: store,
        audit: store,
    };
    let report = verify(ports).await.expect("it answers");
    assert_eq!(report.discrepancies, Vec::<String>::new());
}

/// Once the store is closed, each event and line has its entry, and there are no others.
fn the_index_is_complete(file: &ShopFile) {
    let mut other = file.other_program();
    for astray in [
        "SELECT count(*) FROM events WHERE sku IS NOT NULL AND NOT EXISTS (SELECT 1 FROM events_of_products AS entry \
         WHERE entry.sku = events.sku AND entry.version = events.version AND entry.sequence = events.sequence)",
        "SELECT count(*) FROM events_of_products AS entry \
         WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.sequence = entry.sequence)",
        "SELECT count(*) FROM lines WHERE batch IS NOT NULL AND NOT EXISTS (SELECT 1 FROM lines_in_batches AS entry \
         WHERE entry.batch = lines.batch AND entry.release_rank = lines.release_rank AND entry.placed_version = lines.placed_version \
         AND entry.order_id = lines.order_id AND entry.line_id = lines.line_id)",
        "SELECT count(*) FROM lines_in_batches AS entry WHERE NOT EXISTS (SELECT 1 FROM lines \
         WHERE lines.order_id = entry.order_id AND lines.line_id = entry.line_id AND lines.batch = entry.batch)",
        "SELECT max(sequence) - (SELECT until FROM deferred_index) FROM events",
    ] {
        assert_eq!(number(&mut other, astray), 0, "{astray}");
    }
}

/// How many events come after the index's mark, and how many of those have an entry.
pub(super) fn pending_and_indexed(file: &ShopFile) -> (i64, i64) {
    let mut other = file.other_program();
    (
        number(
            &mut other,
            "SELECT count(*) FROM events WHERE sequence > (SELECT until FROM deferred_index)",
        ),
        number(
            &mut other,
            "SELECT count(*) FROM events_of_products WHERE sequence > (SELECT until FROM deferred_index)",
        ),
    )
}

#[tokio::test]
async fn a_product_has_the_same_events_before_during_and_after_a_run() {
    let file = ShopFile::new();
    let shop = opened(&file).await;
    buy(&shop, 1_000).await;
    let (mut within_a_run, mut between_runs) = (0, 0);
    for number in 0..120 {
        allocate(&shop, number).await;
        let (pending, indexed) = pending_and_indexed(&file);
        let most = i64::try_from(2 * SMALL.run).expect("few");
        assert!(pending <= most, "{pending} pending");
        if indexed > 0 {
            within_a_run += 1;
        } else {
            between_runs += 1;
        }
        if number % 7 == 0 {
            each_product_has_all_of_its_events(&shop).await;
        }
    }
    assert!(within_a_run > 20 && between_runs > 20, "both were seen");
    each_product_has_all_of_its_events(&shop).await;
    drop(shop);
    the_index_is_complete(&file);
    each_product_has_all_of_its_events(&opened(&file).await).await;
}

#[tokio::test]
async fn the_lines_that_leave_a_batch_first_are_found_among_those_without_an_entry() {
    let file = ShopFile::new();
    let shop = opened(&file).await;
    buy(&shop, 1_000).await;
    for number in 0..90 {
        allocate(&shop, number).await;
    }
    assert!(pending_and_indexed(&file).0 > 0, "some have no entry");
    // Every fifth line is of the first product: the last two of them leave, and no others.
    let of_the_first: Vec<usize> = (0..90).filter(|number| number * number % PRODUCTS == 0).collect();
    let stay = of_the_first.len() - 2;
    count(&shop, 0, i32::try_from(stay).expect("few")).await;
    for (place, number) in of_the_first.into_iter().enumerate() {
        let read = shop.order(&order(number)).await.expect("it answers").expect("an order");
        let state = if place < stay {
            LineState::Allocated
        } else {
            LineState::Backordered
        };
        assert_eq!(read.lines[0].record.state, state, "line {place}");
    }
    each_product_has_all_of_its_events(&shop).await;
    drop(shop);
    the_index_is_complete(&file);
}

#[tokio::test]
async fn a_line_that_releases_its_units_leaves_no_entry_behind() {
    let file = ShopFile::new();
    let shop = opened(&file).await;
    buy(&shop, 1_000).await;
    for number in 0..80 {
        allocate(&shop, number).await;
        if number % 3 == 2 {
            // The one before has just been placed; the other may have its entry.
            run(&shop, 8_000 + number, Command::CancelOrder(order(number - 1))).await;
            if number > 40 {
                run(&shop, 8_500 + number, Command::CancelOrder(order(number - 38))).await;
            }
        }
    }
    each_product_has_all_of_its_events(&shop).await;
    drop(shop);
    the_index_is_complete(&file);
}

#[tokio::test]
async fn two_programs_on_one_file_index_each_others_events() {
    let file = ShopFile::new();
    let (one, other) = (opened(&file).await, opened(&file).await);
    buy(&one, 1_000).await;
    for number in 0..150 {
        // Sometimes in turn, sometimes several in a row.
        let store = if number % 11 < 6 && number % 2 == 0 {
            &one
        } else {
            &other
        };
        allocate(store, number).await;
    }
    each_product_has_all_of_its_events(&one).await;
    each_product_has_all_of_its_events(&other).await;
    count(&one, 1, 0).await;
    each_product_has_all_of_its_events(&other).await;
    drop(one);
    drop(other);
    the_index_is_complete(&file);
}

#[tokio::test]
async fn what_a_killed_program_left_without_entries_the_next_one_indexes() {
    let file = ShopFile::new();
    let shop = opened(&file).await;
    buy(&shop, 1_000).await;
    for number in 0..100 {
        allocate(&shop, number).await;
    }
    // As the file is at this very moment, in the middle of a run.
    let left = ShopFile::new();
    let copied = file
        .other_program()
        .batch_execute(&format!("VACUUM INTO '{}'", left.file().display()));
    copied.expect("a copy");
    drop(shop);
    let (pending, indexed) = pending_and_indexed(&left);
    assert!(pending > indexed && indexed > 0, "{indexed} of {pending} had an entry");
    let again = opened(&left).await;
    each_product_has_all_of_its_events(&again).await;
    for number in 100..140 {
        allocate(&again, number).await;
    }
    each_product_has_all_of_its_events(&again).await;
    drop(again);
    the_index_is_complete(&left);
}

#[tokio::test]
async fn a_forged_event_does_not_keep_others_from_being_indexed() {
    let file = ShopFile::new();
    let shop = opened(&file).await;
    buy(&shop, 1_000).await;
    file.other_program()
        .batch_execute(
            "INSERT INTO events VALUES (1000, 'P-0', 900, NULL, 'Allocated', 0, '2030-01-01', 'nobody', 'r', 'no JSON'), \
             (1001, ' ', 1, NULL, 'Allocated', 0, '2030-01-01', 'nobody', 'r', '{}')",
        )
        .expect("forged events");
    for number in 0..60 {
        allocate(&shop, number).await;
    }
    count(&shop, 2, 3).await;
    let (pending, _) = pending_and_indexed(&file);
    assert!(pending < 60, "{pending} pending");
}
