//! Pages of events that a filter passes few of, in a file with a long past.

use diesel::connection::SimpleConnection;
use earmark_application::{EventFeed, EventFilter};

use super::{ShopFile, a_small_shop, sku, store};

/// More events than a page looks at, and not a multiple of that.
const PAST: u64 = 25_000;

#[tokio::test]
async fn a_filter_that_no_event_passes_looks_at_a_bounded_number_of_events() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let past = format!(
        "WITH RECURSIVE n (n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM n WHERE n < {PAST}) \
         INSERT INTO events SELECT n, 'LAMP', n, NULL, 'PromiseKept', 0, 'past', 'past', '{{}}' FROM n; \
         INSERT INTO events_of_products SELECT sku, version, sequence FROM events; \
         UPDATE deferred_index SET until = {PAST}"
    );
    file.other_program().batch_execute(&past).expect("stored");
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
