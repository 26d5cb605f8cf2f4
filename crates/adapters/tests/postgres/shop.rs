//! The shop's commands, run on a store as the engine would run them, one per transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use earmark_adapters::postgres::PostgresStore;
use earmark_application::{Decide, Decided, Store, StoreError, VerifyPorts, verify};
use earmark_domain::{
    Allocate, Calendar, ChangeBatch, ChangeSet, Command, Count, CreateBatch, DecisionContext, LineId, LineKey,
    LineRequest, Loaded, Location, Locations, OnOrderShortage, OnShortage, OrderId, OrderLine, OrderTerms, Outcome,
    PlaceOrder, Promising, Quantity, Reference, Refusal, Scope, Sku, UnitOfWork,
};
use jiff::Timestamp;
use jiff::civil::Date;

/// The instants of the tests, a millisecond apart.
static CLOCK: AtomicI64 = AtomicI64::new(1_900_000_000_000);

pub(crate) fn context() -> DecisionContext {
    let now = Timestamp::from_millisecond(CLOCK.fetch_add(1, Ordering::Relaxed)).expect("an instant");
    DecisionContext {
        now,
        today: Calendar::UTC.day_of(now),
        actor: "tests".into(),
        correlation_id: "a test".into(),
        promising: Promising::default(),
    }
}

pub(crate) fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a SKU")
}

pub(crate) fn reference(text: &str) -> Reference {
    Reference::new(text).expect("a reference")
}

pub(crate) fn key(order: &str, line: &str) -> LineKey {
    LineKey {
        order: OrderId::new(order).expect("an order id"),
        line: LineId::new(line).expect("a line id"),
    }
}

/// A scope of products alone.
pub(crate) fn of_products<'a>(skus: impl IntoIterator<Item = &'a str>) -> Scope {
    Scope {
        skus: skus.into_iter().map(sku).collect(),
        ..Scope::default()
    }
}

pub(crate) fn create_batch(batch: &str, of: &str, quantity: i32) -> Command {
    Command::CreateBatch(CreateBatch {
        reference: reference(batch),
        sku: sku(of),
        quantity: Quantity::new(quantity).expect("a quantity"),
        eta: None,
        location: Location::default(),
    })
}

/// A batch that arrives on a day.
pub(crate) fn create_inbound(batch: &str, of: &str, quantity: i32, eta: Date) -> Command {
    match create_batch(batch, of, quantity) {
        Command::CreateBatch(create) => Command::CreateBatch(CreateBatch {
            eta: Some(eta),
            ..create
        }),
        other => other,
    }
}

pub(crate) fn allocate(order: &str, of: &str, quantity: i32) -> Command {
    Command::Allocate(Allocate {
        line: LineRequest {
            key: key(order, of),
            sku: sku(of),
            quantity: Quantity::new(quantity).expect("a quantity"),
        },
        locations: Locations::ANY,
        on_shortage: OnShortage::Backorder,
        split: true,
        without_grace: false,
    })
}

/// An order of so many lines of one product, each of the same quantity: `L0000`, `L0001`, ….
pub(crate) fn place_order(order: &str, of: &str, lines: usize, quantity: i32) -> Command {
    place_on(order, of, lines, quantity, backorder_and_split())
}

/// Terms on which a line may be split, and waits in the backlog if it does not fit.
pub(crate) fn backorder_and_split() -> OrderTerms {
    OrderTerms {
        on_shortage: OnOrderShortage::Backorder,
        split: true,
        ..OrderTerms::default()
    }
}

/// The same on given terms.
pub(crate) fn place_on(order: &str, of: &str, lines: usize, quantity: i32, terms: OrderTerms) -> Command {
    let lines = (0..lines)
        .map(|line| OrderLine {
            line: LineId::new(format!("L{line:04}")).expect("a line id"),
            sku: sku(of),
            quantity: Quantity::new(quantity).expect("a quantity"),
            locations: Locations::ANY,
        })
        .collect();
    let order = OrderId::new(order).expect("an order id");
    Command::PlaceOrder(PlaceOrder::new(order, lines, terms).expect("an order"))
}

pub(crate) fn count(batch: &str, quantity: i32) -> Command {
    Command::ChangeBatch(ChangeBatch {
        reference: reference(batch),
        quantity: Some(Count::new(quantity).expect("a count")),
        eta: None,
    })
}

/// A decision on one command.
pub(crate) fn decision(command: Command) -> Decide {
    Arc::new(move |loaded: Loaded| {
        let mut unit_of_work = UnitOfWork::open(loaded)?;
        let answer = unit_of_work.decide(&command, &context());
        Ok(Decided {
            changes: unit_of_work.close()?,
            answers: vec![answer.map_err(Into::into)],
        })
    })
}

/// A decision for a change set, whatever was read.
pub(crate) fn always(changes: impl Fn() -> ChangeSet + Send + Sync + 'static) -> Decide {
    Arc::new(move |_| {
        Ok(Decided {
            changes: changes(),
            answers: Vec::new(),
        })
    })
}

/// Runs a command that the rules allow.
pub(crate) async fn run(store: &dyn Store, command: Command) -> Outcome {
    attempt(store, command)
        .await
        .expect("it is stored")
        .expect("the rules allow it")
}

/// Runs a command.
pub(crate) async fn attempt(store: &dyn Store, command: Command) -> Result<Result<Outcome, Refusal>, StoreError> {
    let scope = command.scope();
    let mut decided = store.transact(&scope, decision(command)).await?;
    let answer = decided.answers.pop().expect("one command, one answer");
    Ok(answer.map_err(|error| match error {
        earmark_application::CommandError::Refused(refusal) => refusal,
        other => panic!("a decision only refuses: {other}"),
    }))
}

/// Reads what a scope names and stores nothing.
pub(crate) async fn look(store: &dyn Store, scope: &Scope) -> Loaded {
    let seen = Arc::new(std::sync::Mutex::new(None));
    let keep = Arc::clone(&seen);
    let decide: Decide = Arc::new(move |loaded| {
        *keep.lock().expect("no other test code panics with it") = Some(loaded);
        Ok(Decided {
            changes: ChangeSet::default(),
            answers: Vec::new(),
        })
    });
    store.transact(scope, decide).await.expect("it is read");
    let loaded = seen.lock().expect("no other test code panics with it").take();
    loaded.expect("the decision was called")
}

/// Checks the tables against the events.
pub(crate) async fn assert_sound(store: &PostgresStore) {
    let ports = VerifyPorts {
        views: store,
        events: store,
        audit: store,
    };
    let report = verify(ports).await.expect("it answers");
    assert_eq!(report.discrepancies, Vec::<String>::new());
}
