//! What is filed later is found all the same, at every moment.

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::{Decide, Decided, EventFilter, Queries, Store};
use earmark_domain::{
    Allocate, ChangeBatch, Command, Count, CreateBatch, DecisionContext, LineId, LineKey, LineRequest, LineState,
    Loaded, Location, Locations, OnShortage, OrderId, Promising, Quantity, Reference, Sku, UnitOfWork, audit,
};
use jiff::Timestamp;

use super::super::filing::FilingBounds;
use super::super::statement::statement;
use super::super::writer::Bounds;
use super::super::{DEFAULT_READERS, SqliteStore};
use super::Shelf;

/// Small enough that a test goes through many rounds, and large enough that a round takes many transactions.
const SMALL: FilingBounds = FilingBounds { round: 24, slice: 1 };

const PRODUCTS: usize = 5;

async fn opened(shelf: &Shelf) -> SqliteStore {
    let bounds = Bounds {
        filing: SMALL,
        ..Bounds::default()
    };
    SqliteStore::open_within(bounds, shelf.file(), DEFAULT_READERS, true)
        .await
        .expect("the file opens")
}

fn product(number: usize) -> Sku {
    Sku::new(format!("P-{number}")).expect("a SKU")
}

fn batch_of(number: usize) -> Reference {
    Reference::new(format!("B-{number}")).expect("a reference")
}

fn order(number: usize) -> OrderId {
    OrderId::new(format!("O-{number:04}")).expect("an order id")
}

/// Runs a command, as the engine would, at a second of its own.
async fn run(store: &SqliteStore, second: usize, command: Command) {
    let scope = command.scope();
    let context = DecisionContext {
        now: Timestamp::from_second(1_900_000_000 + i64::try_from(second).expect("few")).expect("an instant"),
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

async fn buy(store: &SqliteStore, units: i32) {
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
async fn allocate(store: &SqliteStore, number: usize) {
    let sku = product(number * number % PRODUCTS);
    let wish = LineRequest {
        key: LineKey {
            order: order(number),
            line: LineId::from(&sku),
        },
        sku,
        quantity: Quantity::new(1).expect("a quantity"),
    };
    let command = Command::Allocate(Allocate {
        wish,
        locations: Locations::ANY,
        on_shortage: OnShortage::Backorder,
        split: false,
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

/// Each product's events are those of all events that are its own, from wherever they are read; and its books are sound.
async fn each_product_tells_all_of_its_own(store: &SqliteStore) {
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
            let placing_event = store.events(&filter, after, 10_000).await.expect("events").events;
            let wanted: Vec<_> = own.iter().filter(|one| one.sequence > after).cloned().collect();
            assert_eq!(placing_event, wanted, "{sku} after {after}");
            let page = store.events(&filter, after, 3).await.expect("events").events;
            assert_eq!(page, wanted[..wanted.len().min(3)], "{sku} after {after}");
        }
        let history = store.history(&sku).await.expect("it answers").expect("a product");
        assert_eq!(history.events, own);
        let discrepancies = audit(&history);
        assert!(discrepancies.is_empty(), "{discrepancies:?}");
    }
}

fn number(connection: &mut SqliteConnection, question: &'static str) -> i64 {
    statement::<BigInt>(question).get_result(connection).expect("a number")
}

/// Once nobody has the file open, all is filed, and nothing else is.
fn all_is_filed(shelf: &Shelf) {
    let mut stranger = shelf.stranger();
    for astray in [
        "SELECT count(*) FROM events WHERE sku IS NOT NULL AND NOT EXISTS (SELECT 1 FROM events_of_products AS filed \
         WHERE filed.sku = events.sku AND filed.version = events.version AND filed.sequence = events.sequence)",
        "SELECT count(*) FROM events_of_products AS filed \
         WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.sequence = filed.sequence)",
        "SELECT count(*) FROM lines WHERE batch IS NOT NULL AND NOT EXISTS (SELECT 1 FROM lines_in_batches AS filed \
         WHERE filed.batch = lines.batch AND filed.release_rank = lines.release_rank AND filed.since = lines.placed_at \
         AND filed.order_id = lines.order_id AND filed.line_id = lines.line_id)",
        "SELECT count(*) FROM lines_in_batches AS filed WHERE NOT EXISTS (SELECT 1 FROM lines \
         WHERE lines.order_id = filed.order_id AND lines.line_id = filed.line_id AND lines.batch = filed.batch)",
        "SELECT max(sequence) - (SELECT until FROM deferred_index) FROM events",
    ] {
        assert_eq!(number(&mut stranger, astray), 0, "{astray}");
    }
}

/// How many events are not known to be filed, and how many of those are.
fn waiting_and_filed(shelf: &Shelf) -> (i64, i64) {
    let mut stranger = shelf.stranger();
    (
        number(
            &mut stranger,
            "SELECT count(*) FROM events WHERE sequence > (SELECT until FROM deferred_index)",
        ),
        number(
            &mut stranger,
            "SELECT count(*) FROM events_of_products WHERE sequence > (SELECT until FROM deferred_index)",
        ),
    )
}

#[tokio::test]
async fn the_events_of_a_product_are_the_same_before_they_are_filed_while_they_are_and_after() {
    let shelf = Shelf::new();
    let books = opened(&shelf).await;
    buy(&books, 1_000).await;
    let (mut within_a_round, mut between_rounds) = (0, 0);
    for number in 0..120 {
        allocate(&books, number).await;
        let (waiting, filed) = waiting_and_filed(&shelf);
        let most = i64::try_from(2 * SMALL.round).expect("few");
        assert!(waiting <= most, "{waiting} wait");
        if filed > 0 {
            within_a_round += 1;
        } else {
            between_rounds += 1;
        }
        if number % 7 == 0 {
            each_product_tells_all_of_its_own(&books).await;
        }
    }
    assert!(within_a_round > 20 && between_rounds > 20, "both were seen");
    each_product_tells_all_of_its_own(&books).await;
    drop(books);
    all_is_filed(&shelf);
    each_product_tells_all_of_its_own(&opened(&shelf).await).await;
}

#[tokio::test]
async fn who_leaves_a_batch_first_is_found_among_those_who_are_not_filed_yet() {
    let shelf = Shelf::new();
    let books = opened(&shelf).await;
    buy(&books, 1_000).await;
    for number in 0..90 {
        allocate(&books, number).await;
    }
    assert!(waiting_and_filed(&shelf).0 > 0, "some are not filed");
    // Of one product every fifth line: the last two of them leave, and no others.
    let of_the_first: Vec<usize> = (0..90).filter(|number| number * number % PRODUCTS == 0).collect();
    let stay = of_the_first.len() - 2;
    count(&books, 0, i32::try_from(stay).expect("few")).await;
    for (place, number) in of_the_first.into_iter().enumerate() {
        let read = books
            .order(&order(number))
            .await
            .expect("it answers")
            .expect("an order");
        let state = if place < stay {
            LineState::Allocated
        } else {
            LineState::Backordered
        };
        assert_eq!(read.lines[0].record.state, state, "line {place}");
    }
    each_product_tells_all_of_its_own(&books).await;
    drop(books);
    all_is_filed(&shelf);
}

#[tokio::test]
async fn a_line_that_lets_its_units_go_leaves_no_entry_behind() {
    let shelf = Shelf::new();
    let books = opened(&shelf).await;
    buy(&books, 1_000).await;
    for number in 0..80 {
        allocate(&books, number).await;
        if number % 3 == 2 {
            // The one before has just been placed, the other has perhaps been filed.
            run(&books, 8_000 + number, Command::CancelOrder(order(number - 1))).await;
            if number > 40 {
                run(&books, 8_500 + number, Command::CancelOrder(order(number - 38))).await;
            }
        }
    }
    each_product_tells_all_of_its_own(&books).await;
    drop(books);
    all_is_filed(&shelf);
}

#[tokio::test]
async fn two_programs_on_one_file_file_each_others_events() {
    let shelf = Shelf::new();
    let (one, other) = (opened(&shelf).await, opened(&shelf).await);
    buy(&one, 1_000).await;
    for number in 0..150 {
        // Now in turn, now several in a row.
        let store = if number % 11 < 6 && number % 2 == 0 {
            &one
        } else {
            &other
        };
        allocate(store, number).await;
    }
    each_product_tells_all_of_its_own(&one).await;
    each_product_tells_all_of_its_own(&other).await;
    count(&one, 1, 0).await;
    each_product_tells_all_of_its_own(&other).await;
    drop(one);
    drop(other);
    all_is_filed(&shelf);
}

#[tokio::test]
async fn what_a_program_left_unfiled_when_it_was_killed_the_next_one_files() {
    let shelf = Shelf::new();
    let books = opened(&shelf).await;
    buy(&books, 1_000).await;
    for number in 0..100 {
        allocate(&books, number).await;
    }
    // As it stands in the file at this very moment, in the middle of a round.
    let left = Shelf::new();
    let copied = shelf
        .stranger()
        .batch_execute(&format!("VACUUM INTO '{}'", left.file().display()));
    copied.expect("a copy");
    drop(books);
    let (waiting, filed) = waiting_and_filed(&left);
    assert!(waiting > filed && filed > 0, "{filed} of {waiting} were filed");
    let again = opened(&left).await;
    each_product_tells_all_of_its_own(&again).await;
    for number in 100..140 {
        allocate(&again, number).await;
    }
    each_product_tells_all_of_its_own(&again).await;
    drop(again);
    all_is_filed(&left);
}

#[tokio::test]
async fn an_event_that_nobody_could_have_stored_does_not_keep_others_from_being_filed() {
    let shelf = Shelf::new();
    let books = opened(&shelf).await;
    buy(&books, 1_000).await;
    shelf
        .stranger()
        .batch_execute(
            "INSERT INTO events VALUES (1000, 'P-0', 900, NULL, 'Allocated', 0, 'nobody', 'r', 'no JSON'), \
             (1001, ' ', 1, NULL, 'Allocated', 0, 'nobody', 'r', '{}')",
        )
        .expect("forged events");
    for number in 0..60 {
        allocate(&books, number).await;
    }
    count(&books, 2, 3).await;
    let (waiting, _) = waiting_and_filed(&shelf);
    assert!(waiting < 60, "{waiting} wait");
}
