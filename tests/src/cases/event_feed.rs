//! The event feed: a reader with a cursor sees every event once, in ascending order.
//!
//! A sequence number that is taken before its transaction commits can be skipped by a reader. These cases hold
//! transactions open while a reader reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use earmark_adapters::wire::fact_from_json;
use earmark_application::{EncodedEvent, EventFilter, EventPage};
use earmark_domain::{Command, Event, SequencedEvent};
use tokio::task::JoinHandle;

use crate::build::{
    allocate, allocate_line, allocate_or_wait, allocate_split, cancel_line, cancel_order, change_line, count_batch,
    create_batch, hold, line, name_product, order, place_order, replace, sku,
};
use crate::databases::{Db, Overlap};
use crate::gate::ClosedGate;
use crate::instance::{Instance, race};
use crate::shop::Shop;

/// Reads events in small pages until no more will be stored.
struct FeedReader {
    filter: EventFilter,
    ended: Arc<AtomicBool>,
    reading: JoinHandle<Vec<SequencedEvent>>,
}

impl FeedReader {
    fn start(shop: &Shop) -> Self {
        Self::of(shop, EventFilter::default())
    }

    /// A reader of the events that pass a filter.
    fn of(shop: &Shop, filter: EventFilter) -> Self {
        let wanted = filter.clone();
        let ended = Arc::new(AtomicBool::new(false));
        let (reads, last_round) = (shop.reads.clone(), ended.clone());
        let reading = tokio::spawn(async move {
            let mut seen = Vec::new();
            let mut after = 0;
            loop {
                // Checked before reading: what was stored by then is found by this read.
                let nothing_more = last_round.load(Ordering::SeqCst);
                let page = reads.events(&wanted, after, 3).await.expect("a page of events");
                assert!(page.next >= after, "a cursor does not go back");
                after = page.next;
                let empty = page.events.is_empty();
                seen.extend(page.events);
                if empty && nothing_more {
                    return seen;
                }
                tokio::task::yield_now().await;
            }
        });
        Self { filter, ended, reading }
    }

    /// Everything the reader saw, compared with what is stored.
    async fn end(self, shop: &Shop) -> Vec<SequencedEvent> {
        self.ended.store(true, Ordering::SeqCst);
        let seen = self.reading.await.expect("the reader does not panic");
        assert!(
            seen.is_sorted_by(|a, b| a.sequence < b.sequence),
            "ascending, each once"
        );
        let stored = shop
            .reads
            .events(&self.filter, 0, 10_000)
            .await
            .expect("a page of events");
        assert_eq!(seen, stored.events, "the reader saw all that is stored");
        seen
    }
}

/// Two transactions on two products. The first to begin is held open until the second has come as far as it can.
async fn two_commits(db: &Db, first_commits_first: bool) {
    let shop = Shop::open(db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 5), create_batch("b-2", "CHAIR", 5)])
        .await;
    let reader = FeedReader::start(&shop);
    let overlaps = db.overlap() >= Overlap::OnOtherProducts;

    let (first_gate, second_gate) = (ClosedGate::default(), ClosedGate::default());
    let (first_gate_handle, second_gate_handle) = (first_gate.gate(), second_gate.gate());
    let other = shop.clone();
    let first = tokio::spawn(async move { other.transact_at(first_gate_handle, &allocate("o-1", "LAMP", 1)).await });
    first_gate.reached().await;
    let other = shop.clone();
    let second = tokio::spawn(async move {
        other
            .transact_at(second_gate_handle, &allocate("o-2", "CHAIR", 1))
            .await
    });
    if overlaps {
        second_gate.reached().await;
    }
    let (first, second) = if overlaps && !first_commits_first {
        second_gate.open();
        let second = second.await;
        // The second is stored and the first is still open: now a reader could skip it.
        assert_eq!(shop.events().await.len(), 3);
        first_gate.open();
        (first.await, second)
    } else {
        first_gate.open();
        let first = first.await;
        second_gate.open();
        (first, second.await)
    };
    first.expect("no panic").expect("the first is stored");
    second.expect("no panic").expect("the second is stored");
    let seen = reader.end(&shop).await;
    assert_eq!(seen.len(), 4);
    shop.assert_sound().await;
}

/// The transaction that began first commits last: its event is not skipped.
pub async fn a_reader_misses_nothing_when_the_first_to_begin_commits_last(db: Db) {
    two_commits(&db, false).await;
}

/// The transactions commit in the order they began.
pub async fn a_reader_misses_nothing_when_the_first_to_begin_commits_first(db: Db) {
    two_commits(&db, true).await;
}

/// Two instances, many products, one reader.
pub async fn a_reader_misses_nothing_during_many_writes(db: Db) {
    let shop = Shop::open(&db).await;
    let other = shop.another(&db).await;
    let (left, right) = (Instance::start(&shop), Instance::start(&other));
    let reader = FeedReader::start(&other);
    for round in 0..8 {
        let commands = (0..20).map(|number| {
            let (batch, of) = (format!("b-{round}-{number}"), format!("SKU-{}", number % 10));
            (
                if number % 2 == 0 { &left } else { &right },
                create_batch(&batch, &of, 3),
            )
        });
        for answer in race(commands.collect()).await {
            assert!(answer.is_ok(), "{answer:?}");
        }
    }
    let seen = reader.end(&shop).await;
    assert_eq!(seen.len(), 160);
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}

/// The events of an order are found in two ways: some name the order, others are named by its lines. A reader with a
/// cursor misses none of either while more are stored.
pub async fn a_reader_of_one_order_misses_nothing_during_many_writes(db: Db) {
    const LINES: usize = 60;
    let shop = Shop::open(&db).await;
    let skus: Vec<String> = (0..LINES).map(|number| format!("SKU-{number}")).collect();
    let stock: Vec<Command> = skus.iter().map(|of| create_batch(&format!("of-{of}"), of, 9)).collect();
    shop.all_done(&stock).await;
    let instance = Instance::start(&shop);
    let of_order = EventFilter {
        order: Some(order("o-1")),
        ..EventFilter::default()
    };
    let reader = FeedReader::of(&shop, of_order);
    for few in skus.chunks(5) {
        let placed = few.iter().map(|of| (&instance, allocate("o-1", of, 1)));
        let cancelled = few.iter().step_by(2).map(|of| (&instance, cancel_line("o-1", of)));
        for answer in [race(placed.collect()).await, race(cancelled.collect()).await].concat() {
            assert!(answer.is_ok(), "{answer:?}");
        }
    }
    let seen = reader.end(&shop).await;
    assert_eq!(
        seen.len(),
        LINES + LINES.div_ceil(5) * 3,
        "each line was placed, and three of five were cancelled"
    );
    instance.stop().await;
}

/// A page of events, which must be equal to the same page of encoded events.
async fn page(shop: &Shop, filter: &EventFilter, after: u64, limit: usize) -> EventPage {
    let reads = &shop.reads;
    let page = reads.events(filter, after, limit).await.expect("a page of events");
    let encoded = reads.encoded_events(filter, after, limit).await;
    let encoded = encoded.expect("a page of events");
    let decode = |event: EncodedEvent| SequencedEvent {
        sequence: event.sequence,
        event: Event {
            subject: event.subject,
            occurred_at: event.occurred_at,
            decided_on: event.decided_on,
            actor: event.actor.into(),
            correlation_id: event.correlation_id.into(),
            fact: fact_from_json(event.event_type, &event.data).expect("a fact"),
        },
    };
    let orders: Vec<_> = encoded.events.iter().map(|event| event.order.clone()).collect();
    let decoded = EventPage {
        events: encoded.events.into_iter().map(decode).collect(),
        next: encoded.next,
        complete: encoded.complete,
        newest: encoded.newest,
        books: encoded.books,
    };
    assert_eq!(decoded, page);
    let concerned = page.events.iter().map(|stored| stored.event.order().cloned());
    assert_eq!(orders, concerned.collect::<Vec<_>>());
    page
}

/// The cursor of a full page is its last event; that of a shorter page, the last event in the store.
pub async fn a_page_of_events_says_where_the_next_one_begins(db: Db) {
    let shop = Shop::open(&db).await;
    let everything = EventFilter::default();
    let empty = page(&shop, &everything, 0, 5).await;
    assert_eq!((empty.events.len(), empty.next, empty.complete), (0, 0, true));

    for number in 0..5 {
        shop.done(&create_batch(&format!("b-{number}"), "LAMP", 1)).await;
    }
    shop.done(&create_batch("c-1", "CHAIR", 1)).await;
    let all = shop.events().await;
    let highest = all.last().expect("six events").sequence;

    let first = page(&shop, &everything, 0, 4).await;
    assert_eq!((first.events.as_slice(), first.next), (&all[..4], all[3].sequence));
    assert!(!first.complete);
    let second = page(&shop, &everything, first.next, 4).await;
    assert_eq!((second.events.as_slice(), second.next), (&all[4..], highest));
    assert!(second.complete);
    let third = page(&shop, &everything, second.next, 4).await;
    assert_eq!((third.events.as_slice(), third.next), (&all[6..], highest));

    let lamps = EventFilter {
        sku: Some(sku("LAMP")),
        ..EventFilter::default()
    };
    let exactly_full = page(&shop, &lamps, 0, 5).await;
    assert_eq!(
        (exactly_full.events.as_slice(), exactly_full.next),
        (&all[..5], all[4].sequence)
    );
    let not_full = page(&shop, &lamps, 0, 6).await;
    assert_eq!(
        (not_full.events.len(), not_full.next),
        (5, highest),
        "the cursor is behind the event of the CHAIR"
    );
    let ahead = page(&shop, &everything, highest + 10, 5).await;
    assert_eq!(
        (ahead.events.len(), ahead.next),
        (0, highest + 10),
        "a cursor does not go back"
    );
}

/// Whoever reads a page can tell the ids of its events, and whether a cursor is of this history.
pub async fn a_page_of_events_names_the_books_and_the_newest_event(db: Db) {
    let shop = Shop::open(&db).await;
    let other = shop.another(&db).await;
    let everything = EventFilter::default();
    let empty = page(&shop, &everything, 0, 5).await;
    assert_eq!((empty.newest, empty.books.epoch()), (0, 1));
    for number in 0..5 {
        shop.done(&create_batch(&format!("b-{number}"), "LAMP", 1)).await;
    }
    shop.done(&create_batch("c-1", "CHAIR", 1)).await;
    let newest = shop.events().await.last().expect("six events").sequence;
    let lamps = EventFilter {
        sku: Some(sku("LAMP")),
        types: vec!["BatchCreated".to_owned()],
        ..EventFilter::default()
    };
    for reader in [&shop, &other] {
        for (filter, after, limit) in [
            (&everything, 0, 2),
            (&everything, newest, 2),
            (&lamps, 0, 9),
            (&lamps, 2, 1),
        ] {
            let page = page(reader, filter, after, limit).await;
            assert_eq!(
                (page.newest, &page.books),
                (newest, &empty.books),
                "{filter:?} after {after}"
            );
            assert_eq!(
                page.books.resolve(page.books.position_of(page.next), page.newest),
                Ok(page.next)
            );
        }
    }
    assert!(
        empty
            .books
            .resolve(empty.books.position_of(newest + 1), newest)
            .is_err()
    );
}

/// Each of the filters, and all of them together.
pub async fn events_are_filtered_by_product_order_and_type(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        name_product("LAMP", "A lamp"),
        create_batch("b-1", "LAMP", 5),
        create_batch("b-2", "CHAIR", 5),
        place_order("o-1", &[("LAMP", 1), ("CHAIR", 1)]),
        allocate_or_wait("o-2", "LAMP", 9),
        count_batch("b-1", 0),
        cancel_order("o-1"),
    ])
    .await;
    let names = |by_sku: Option<&str>, by_order: Option<&str>, types: &[&str]| {
        let filter = EventFilter {
            sku: by_sku.map(sku),
            order: by_order.map(order),
            types: types.iter().map(ToString::to_string).collect(),
        };
        let shop = &shop;
        async move {
            let found = page(shop, &filter, 0, 100).await.events;
            let found = found.iter().map(|stored| stored.event.fact.name());
            found.collect::<Vec<_>>()
        }
    };
    assert_eq!(
        names(Some("CHAIR"), None, &[]).await,
        ["BatchCreated", "Allocated", "Deallocated"]
    );
    let of_order = names(None, Some("o-1"), &[]).await;
    assert_eq!(of_order.first().copied(), Some("OrderPlaced"));
    assert_eq!(of_order.iter().filter(|name| **name == "Allocated").count(), 2);
    assert_eq!(of_order.iter().filter(|name| **name == "Deallocated").count(), 2);
    assert_eq!(of_order.iter().filter(|name| **name == "Backordered").count(), 1);
    assert_eq!(of_order.iter().filter(|name| **name == "OrderCancelled").count(), 1);
    assert_eq!(of_order.len(), 7);
    assert_eq!(names(None, Some("o-2"), &[]).await, ["OutOfStock", "Backordered"]);
    assert_eq!(names(None, None, &["BatchCreated"]).await.len(), 2);
    assert_eq!(
        names(None, None, &["OutOfStock", "ProductNamed"]).await,
        ["ProductNamed", "OutOfStock"]
    );
    assert_eq!(names(Some("LAMP"), Some("o-1"), &["Allocated"]).await, ["Allocated"]);
    assert!(names(Some("SOFA"), None, &[]).await.is_empty());
    assert!(names(None, Some("o-9"), &[]).await.is_empty());
    assert!(names(None, None, &["NoSuchType"]).await.is_empty());
    assert!(
        names(Some("lamp"), None, &[]).await.is_empty(),
        "names are case-sensitive"
    );
}

/// Events of the order itself and of its lines, in order, from any cursor on.
pub async fn the_events_of_an_order_are_those_that_concern_it(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 5),
        create_batch("b-2", "LAMP", 5),
        create_batch("b-3", "CHAIR", 5),
        place_order("o-1", &[("LAMP", 2), ("CHAIR", 1)]),
        allocate("o-2", "LAMP", 1),
        // Over both batches; then a line is reduced and another is cancelled.
        allocate_split("o-3", "LAMP", 4),
        change_line("o-1", "LAMP", 1),
        cancel_line("o-1", "CHAIR"),
        allocate_line(line("o-2", "second"), "CHAIR", 2),
        count_batch("b-1", 0),
        create_batch("b-4", "LAMP", 9),
        cancel_order("o-3"),
        // A line is dropped from a held order, and placed in it again.
        hold("o-4", &[("a", "LAMP", 1), ("b", "LAMP", 1)], 60),
        replace("o-4", &[("a", "LAMP", 1)], 60),
        replace("o-4", &[("a", "LAMP", 1), ("b", "LAMP", 1)], 60),
    ])
    .await;
    let all = shop.events().await;
    for of in ["o-1", "o-2", "o-3", "o-4"] {
        let filter = EventFilter {
            order: Some(order(of)),
            ..EventFilter::default()
        };
        for after in (0..=all.last().expect("an event").sequence).step_by(2) {
            let own = all
                .iter()
                .filter(|one| one.sequence > after && one.event.order() == Some(&order(of)));
            let own: Vec<_> = own.cloned().collect();
            assert_eq!(page(&shop, &filter, after, 100).await.events, own, "{of} after {after}");
            let two = page(&shop, &filter, after, 2).await.events;
            assert_eq!(two, own[..own.len().min(2)], "{of} after {after}");
        }
    }
    shop.assert_sound().await;
}
