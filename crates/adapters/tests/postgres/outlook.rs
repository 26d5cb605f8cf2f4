//! What planners ask is answered as by the store in memory, which goes through everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use earmark_adapters::memory::MemoryStore;
use earmark_application::{
    BatchRead, Decide, Decided, DueList, DuePlace, EndingHolds, EtaPlace, Exports, LineRead, Outlook, PlacedBetween,
    PlacedPlace, Store,
};
use earmark_domain::{
    ChangeBatch, Command, ConfirmOrder, Count, DecisionContext, Dispatch, DispatchedLine, HoldFor, LineId, OrderId,
    OrderTerms, Precedence, Priority, Promising, Quantity, Reference, ReleasePosition, Sku, UnitOfWork,
};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};

use crate::database::with_database;
use crate::shop::{backorder_and_split, create_batch, create_inbound, place_on, reference, sku};

/// Names that sort by their bytes, and otherwise in any language.
const PRODUCTS: [&str; 4] = ["LAMP", "lamp", "Z-9", "\u{c4}RM"];
const TODAY: Date = date(2030, 6, 10);

fn noon() -> Timestamp {
    "2030-06-10T12:00:00Z".parse().expect("an instant")
}

/// Numbers that look random and are always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).expect("it is below a number")
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn day(&mut self) -> Date {
        date(2030, 6, 1).saturating_add(jiff::Span::new().days(i64::try_from(self.below(30)).expect("a few")))
    }
}

fn terms(numbers: &mut Numbers) -> OrderTerms {
    let priority = Priority::new(numbers.one_of(&[-3, 0, 0, 7])).expect("a priority");
    let required_by = (numbers.below(3) > 0).then(|| numbers.day());
    let seconds = numbers.one_of(&[None, None, Some(40), Some(250), Some(3_000), Some(90_000)]);
    OrderTerms {
        precedence: Precedence::of(priority, required_by),
        hold_for: seconds.map(|seconds| HoldFor::seconds(seconds).expect("a time")),
        ..backorder_and_split()
    }
}

/// A command about one of so many batches or orders.
fn command(numbers: &mut Numbers, step: usize) -> Command {
    let product = numbers.one_of(&PRODUCTS);
    let batch =
        |numbers: &mut Numbers| reference(&format!("{}-{}", numbers.one_of(&PRODUCTS), numbers.below(step + 1)));
    let order = |numbers: &mut Numbers| OrderId::new(format!("o-{}", numbers.below(step + 1))).expect("an id");
    match numbers.below(12) {
        0 => create_batch(&format!("{product}-{step}"), product, 6),
        1 | 2 => create_inbound(&format!("{product}-{step}"), product, 4, numbers.day()),
        3 => Command::ChangeBatch(ChangeBatch {
            reference: batch(numbers),
            quantity: None,
            eta: Some(numbers.day()),
        }),
        4 => Command::ChangeBatch(ChangeBatch {
            reference: batch(numbers),
            quantity: Some(Count::new(3).expect("a count")),
            eta: None,
        }),
        5 if numbers.below(3) == 0 => Command::CancelBatch(batch(numbers)),
        5 => Command::ConfirmOrder(ConfirmOrder {
            order: order(numbers),
            lines: None,
            reacquire: false,
        }),
        6 => Command::Dispatch(Dispatch {
            order: order(numbers),
            lines: Some(vec![DispatchedLine {
                line: LineId::new("L0000").expect("an id"),
                quantity: Some(Quantity::new(1).expect("a quantity")),
            }]),
            all_or_nothing: false,
        }),
        7 => Command::Reallocate(sku(product)),
        8 => Command::Continue(sku(product)),
        _ => {
            let lines = 1 + numbers.below(3);
            let quantity = i32::try_from(1 + numbers.below(6)).expect("a few");
            place_on(&format!("o-{step}"), product, lines, quantity, terms(numbers))
        }
    }
}

fn decided_at(command: Command, now: Timestamp) -> Decide {
    Arc::new(move |loaded| {
        let context = DecisionContext {
            now,
            today: TODAY,
            actor: "tests".into(),
            correlation_id: "a test".into(),
            promising: Promising::default(),
        };
        let mut unit_of_work = UnitOfWork::open(loaded)?;
        let answer = unit_of_work.decide(&command, &context);
        Ok(Decided {
            changes: unit_of_work.close()?,
            answers: vec![answer.map_err(Into::into)],
        })
    })
}

/// All pages of a list, the last of them empty, as a text for each.
async fn pages<Item: std::fmt::Debug, Place>(
    page: impl AsyncFn(Option<&Place>) -> Vec<Item>,
    place: impl Fn(&Item) -> Place,
) -> Vec<String> {
    let (mut after, mut texts) = (None, Vec::new());
    loop {
        let items = page(after.as_ref()).await;
        texts.push(format!("{items:#?}"));
        let Some(last) = items.last() else {
            return texts;
        };
        after = Some(place(last));
    }
}

/// The questions, each with the pages of its answers.
type Answers = BTreeMap<&'static str, Vec<String>>;

/// What a store answers to every question at an instant.
async fn answers(store: &dyn Outlook, batches: &[Reference], now: Timestamp, limit: usize) -> Answers {
    let mut all = Answers::new();
    lines(store, now, limit, &mut all).await;
    stock(store, batches, now, limit, &mut all).await;
    holds(store, now, limit, &mut all).await;
    all
}

async fn lines(store: &dyn Outlook, now: Timestamp, limit: usize, all: &mut Answers) {
    for (name, list) in [
        ("promised late", DueList::PromisedLate),
        ("waiting and due", DueList::Waiting(TODAY)),
    ] {
        let page = async |after: Option<&DuePlace>| store.due_lines(list, after, now, limit).await.expect("a page");
        let place = |line: &LineRead| DuePlace {
            required_by: line.record.terms.precedence.required_by().expect("a day"),
            key: line.record.terms.key.clone(),
        };
        all.entry(name).or_default().extend(pages(page, place).await);
    }
    let ago = |minutes| Some(noon() + SignedDuration::from_mins(minutes));
    for (name, from, before) in [
        ("waiting", None, None),
        ("waiting since", ago(20), None),
        ("waiting until", None, ago(20)),
        ("waiting between", ago(10), ago(30)),
    ] {
        let placed = PlacedBetween { from, before };
        let page =
            async |after: Option<&PlacedPlace>| store.waiting_lines(placed, after, now, limit).await.expect("a page");
        let place = |line: &LineRead| PlacedPlace {
            placed_at: line.record.terms.placed_at,
            key: line.record.terms.key.clone(),
        };
        let texts = all.entry(name).or_default();
        texts.extend(pages(page, place).await);
        for most in [limit, 10_000] {
            let counted = store.count_waiting_lines(placed, now, most).await.expect("a number");
            texts.push(format!("{counted:?}"));
        }
    }
}

async fn stock(store: &dyn Outlook, batches: &[Reference], now: Timestamp, limit: usize, all: &mut Answers) {
    let page = async |after: Option<&EtaPlace>| store.late_batches(TODAY, after, now, limit).await.expect("a page");
    let place = |batch: &BatchRead| EtaPlace {
        eta: batch.record.eta.expect("a day"),
        sku: batch.record.sku.clone(),
        reference: batch.record.reference.clone(),
    };
    all.entry("late batches").or_default().extend(pages(page, place).await);
    for batch in batches {
        let page = async |after: Option<&_>| store.lines_in_batch(batch, after, limit).await.expect("a page");
        let place = |(position, _): &(ReleasePosition, LineRead)| position.clone();
        all.entry("lines in a batch")
            .or_default()
            .extend(pages(page, place).await);
    }
    for most in [1, limit, 1_000] {
        let stock = store.open_stock(&products(), now, most).await.expect("it answers");
        let texts = stock.iter().map(|stock| format!("{stock:#?}"));
        all.entry("open stock").or_default().extend(texts);
    }
}

async fn holds(store: &dyn Outlook, now: Timestamp, limit: usize, all: &mut Answers) {
    let until = [1, 5, 60].map(|minutes| now + SignedDuration::from_mins(minutes));
    // Holds of one product at a time.
    for limit in [1, limit] {
        let page = async |after: Option<&Sku>| store.ending_holds(now, &until, after, limit).await.expect("a page");
        let texts = pages(page, |holds: &EndingHolds| holds.sku.clone()).await;
        all.entry("ending holds").or_default().extend(texts);
    }
    for product in products() {
        let held = store.held_units(&product, now).await.expect("it answers");
        all.entry("held units").or_default().push(format!("{held:#?}"));
    }
    // To the microsecond.
    for first in store.ending_holds(now, &until, None, 100).await.expect("a page") {
        let moments = [-1, 0, 1].map(|moment| first.first + SignedDuration::from_micros(moment));
        let ends = store.ending_holds(now, &moments, None, 100).await.expect("a page");
        all.entry("holds that end").or_default().push(format!("{ends:#?}"));
        for moment in moments {
            let left = store.held_units(&first.sku, moment).await.expect("it answers");
            let later = store
                .ending_holds(moment, &until[2..], None, 100)
                .await
                .expect("a page");
            all.entry("holds that are left")
                .or_default()
                .push(format!("{left:#?} {later:#?}"));
        }
    }
}

/// The products, and one that there is not.
fn products() -> BTreeSet<Sku> {
    PRODUCTS.iter().chain(&["NONE"]).map(|product| sku(product)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_planners_ask_is_answered_as_by_the_store_in_memory() {
    with_database(async |database| {
        let (postgres, memory) = (database.store().await, MemoryStore::new());
        let mut numbers = Numbers(7);
        let mut now = noon();
        let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for step in 0..400 {
            now += SignedDuration::from_millis(6_000 + i64::try_from(step % 7).expect("a few"));
            let command = command(&mut numbers, step);
            let mut told = Vec::new();
            for store in [&postgres as &dyn Store, &memory] {
                let decided = store.transact(&command.scope(), decided_at(command.clone(), now)).await;
                told.push(format!("{:?}", decided.map(|decided| decided.answers)));
            }
            assert_eq!(told[0], told[1], "{step}: {command:?}");
            if step % 80 != 79 {
                continue;
            }
            let batches = memory.batches(None, 1_000).await.expect("a list");
            let batches: Vec<Reference> = batches.into_iter().map(|batch| batch.reference).collect();
            for later in [0, 45, 100_000] {
                let at = now + SignedDuration::from_secs(later);
                let answered = answers(&postgres, &batches, at, 3).await;
                let expected = answers(&memory, &batches, at, 3).await;
                for (question, pages) in expected {
                    assert_eq!(
                        answered[question], pages,
                        "{question} after {step} steps, {later} seconds later"
                    );
                    seen.entry(question).or_default().extend(pages);
                }
            }
        }
        let found: BTreeMap<&str, usize> = seen.iter().map(|(question, pages)| (*question, pages.len())).collect();
        assert!(found.values().all(|pages| *pages > 10), "{found:?}");
        let all: String = seen.into_values().flatten().collect();
        for word in ["DispatchedPart", "state: Held", "until: Some"] {
            assert!(all.contains(word), "{word} is not among what was found");
        }
    })
    .await;
}
