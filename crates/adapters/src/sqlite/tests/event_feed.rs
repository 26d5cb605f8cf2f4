//! Pages of events that a filter passes few of, in a file with a long past.

use std::sync::{Arc, Mutex};

use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use earmark_application::{EventFeed, EventFilter};

use super::super::SqliteStore;
use super::{ShopFile, a_small_shop, sku, store};

/// More events than a page looks at, and not a multiple of that.
const PAST: u64 = 25_000;

/// A small shop to whose product much has happened, in a file with one reader of events.
async fn shop_with_a_past(file: &ShopFile) -> SqliteStore {
    let shop = SqliteStore::open(file.file(), 2, true).await.expect("the file opens");
    store(&shop, a_small_shop()).await.expect("stored");
    let past = format!(
        "WITH RECURSIVE n (n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM n WHERE n < {PAST}) \
         INSERT INTO events SELECT n, 'LAMP', n, NULL, 'StockDepleted', 0, '2030-01-01', 'past', 'past', '{{}}' FROM n; \
         INSERT INTO events_of_products SELECT sku, version, sequence FROM events; \
         UPDATE deferred_index SET until = {PAST}"
    );
    file.other_program().batch_execute(&past).expect("stored");
    shop
}

#[tokio::test]
async fn a_page_of_a_products_events_reads_none_before_its_cursor() {
    let file = ShopFile::new();
    let shop = shop_with_a_past(&file).await;
    let (pages, of_pages) = (Arc::new(Mutex::new(Vec::new())), "INNER JOIN `events`");
    let seen = Arc::clone(&pages);
    let recorded = shop.readers.long.query(move |connection| {
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                let text = query.to_string();
                let page = text.contains(of_pages).then_some(text);
                seen.lock().expect("no thread panicked").extend(page);
            }
        });
        Ok(())
    });
    recorded.await.expect("a reader");
    let of_product = EventFilter {
        sku: Some(sku()),
        ..EventFilter::default()
    };
    // The event at the cursor is of any product.
    for (after, first) in [
        (0, Some(1)),
        (12_345, Some(12_346)),
        (PAST - 1, Some(PAST)),
        (PAST, None),
    ] {
        let limit = usize::from(after > 0);
        let page = shop.encoded_events(&of_product, after, limit).await.expect("a page");
        let found: Vec<u64> = page.events.iter().map(|event| event.sequence).collect();
        assert!(found.into_iter().eq(first.filter(|_| limit > 0)), "after {after}");
        let asked = std::mem::take(&mut *pages.lock().expect("no thread panicked"));
        let begins = first.map(|first| format!("binds: [\"LAMP\", {first}, "));
        assert_eq!(asked.len(), begins.iter().count(), "{asked:#?}");
        for (asked, begins) in asked.iter().zip(&begins) {
            assert!(asked.contains(begins), "{begins}: {asked}");
        }
    }
}

#[tokio::test]
async fn a_filter_that_no_event_passes_looks_at_a_bounded_number_of_events() {
    let file = ShopFile::new();
    let shop = shop_with_a_past(&file).await;
    for of in [None, Some(sku())] {
        let filter = EventFilter {
            sku: of,
            types: vec!["BatchReceived".to_owned()],
            ..EventFilter::default()
        };
        let (mut after, mut pages) = (0, 0);
        loop {
            let page = shop.events(&filter, after, 10).await.expect("a page");
            assert!(page.events.is_empty());
            assert!(page.next - after <= 10_000, "{after} to {}", page.next);
            (after, pages) = (page.next, pages + 1);
            if page.complete {
                break;
            }
        }
        assert_eq!((after, pages), (PAST, 3), "{filter:?}");
    }
}
