//! Lists of batches and orders, and their filters.

use earmark_application::{BatchFilter, BatchSelection, OrderFilter, list_batches, list_orders};
use earmark_domain::{BatchStatus, Location, OrderId, OrderStatus, Reference};

use crate::build::{
    allocate, allocate_or_wait, cancel_batch, cancel_order, create_at, create_batch, create_inbound, date, hold, order,
    place_before, precedence, reference, sku,
};
use crate::databases::Db;
use crate::shop::Shop;

/// More than any of these lists has.
const ALL: usize = 100;

async fn batches(shop: &Shop, filter: &BatchFilter) -> Vec<String> {
    let page = list_batches(shop.reads.as_ref(), filter, None, shop.now(), ALL)
        .await
        .expect("a page");
    assert_eq!(page.next, None);
    let references = page.items.iter().map(|batch| batch.record.reference.to_string());
    references.collect()
}

async fn orders(shop: &Shop, filter: &OrderFilter) -> Vec<String> {
    let at = (shop.now(), shop.today());
    let page = list_orders(shop.reads.as_ref(), filter, None, at, ALL)
        .await
        .expect("a page");
    assert_eq!(page.next, None);
    page.items.iter().map(|order| order.id.to_string()).collect()
}

/// By product, location and status, each alone and together.
pub async fn batches_are_listed_by_reference_as_far_as_they_pass(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_inbound("c-coming", "LAMP", 5, "2199-01-01"),
        create_at("a-north", "LAMP", 5, "north"),
        create_at("d-north", "CHAIR", 5, "north"),
        create_batch("b-shelf", "LAMP", 5),
        create_batch("e-gone", "LAMP", 5),
        cancel_batch("e-gone"),
        allocate("o-1", "CHAIR", 2),
    ])
    .await;
    let all = BatchFilter::default();
    let of = |sku_of: Option<&str>, location: Option<&str>| BatchSelection {
        sku: sku_of.map(sku),
        location: location.map(|name| Location::new(name).expect("a name")),
    };
    let selected = |selection| BatchFilter {
        selection,
        ..BatchFilter::default()
    };
    let with = |status| BatchFilter {
        status: Some(status),
        ..BatchFilter::default()
    };
    assert_eq!(
        batches(&shop, &all).await,
        ["a-north", "b-shelf", "c-coming", "d-north", "e-gone"]
    );
    for (filter, expected) in [
        (
            selected(of(Some("LAMP"), None)),
            &["a-north", "b-shelf", "c-coming", "e-gone"][..],
        ),
        (selected(of(None, Some("north"))), &["a-north", "d-north"]),
        (selected(of(Some("CHAIR"), Some("north"))), &["d-north"]),
        (selected(of(Some("CHAIR"), Some("main"))), &[]),
        (selected(of(Some("UNKNOWN"), None)), &[]),
        (with(BatchStatus::InWarehouse), &["a-north", "b-shelf", "d-north"]),
        (with(BatchStatus::Inbound), &["c-coming"]),
        (with(BatchStatus::Closed), &["e-gone"]),
        (with(BatchStatus::Overdue), &[]),
        (
            BatchFilter {
                overdue: Some(true),
                ..BatchFilter::default()
            },
            &[],
        ),
        (
            BatchFilter {
                selection: of(Some("CHAIR"), None),
                overdue: Some(false),
                ..BatchFilter::default()
            },
            &["d-north"],
        ),
    ] {
        assert_eq!(batches(&shop, &filter).await, expected, "{filter:?}");
    }
    let page = list_batches(
        shop.reads.as_ref(),
        &selected(of(Some("CHAIR"), None)),
        None,
        shop.now(),
        1,
    )
    .await
    .expect("a page");
    assert_eq!(page.items[0], shop.batch("d-north").await.view());
}

/// By product, status, what waits, what is at risk, and the day.
pub async fn orders_are_listed_by_id_as_far_as_they_pass(db: Db) {
    let shop = Shop::open(&db).await;
    let required = |day| precedence(0, Some(day));
    shop.all_done(&[
        create_batch("b-lamp", "LAMP", 20),
        create_inbound("b-rug", "RUG", 20, "2199-01-01"),
        create_batch("b-chair", "CHAIR", 1),
        allocate("e-single", "LAMP", 1),
        hold("d-held", &[("1", "LAMP", 2)], 900),
        place_before("c-late", &[("1", "RUG", 2), ("2", "LAMP", 1)], required("2198-06-01")),
        place_before("b-soon", &[("1", "LAMP", 2)], required("2198-01-01")),
        allocate_or_wait("a-waits", "CHAIR", 9),
        allocate("a-waits", "LAMP", 1),
        allocate("f-cancelled", "LAMP", 1),
        cancel_order("f-cancelled"),
    ])
    .await;
    let all = OrderFilter::default();
    let of = |name: &str| OrderFilter {
        sku: Some(sku(name)),
        ..OrderFilter::default()
    };
    let with = |status| OrderFilter {
        status: Some(status),
        ..OrderFilter::default()
    };
    let waiting = |waiting, sku| OrderFilter {
        waiting: Some(waiting),
        sku,
        ..OrderFilter::default()
    };
    let at_risk = |at_risk, sku| OrderFilter {
        at_risk: Some(at_risk),
        sku,
        ..OrderFilter::default()
    };
    let before = |day: &str| OrderFilter {
        required_before: Some(date(day)),
        ..OrderFilter::default()
    };
    let ids = ["a-waits", "b-soon", "c-late", "d-held", "e-single", "f-cancelled"];
    assert_eq!(orders(&shop, &all).await, ids);
    for (filter, expected) in [
        (of("RUG"), &["c-late"][..]),
        (of("LAMP"), &ids),
        (of("UNKNOWN"), &[]),
        (with(OrderStatus::Held), &["d-held"]),
        (with(OrderStatus::Cancelled), &["f-cancelled"]),
        (with(OrderStatus::Expired), &[]),
        (waiting(true, None), &["a-waits"]),
        (waiting(true, Some(sku("CHAIR"))), &["a-waits"]),
        (waiting(true, Some(sku("LAMP"))), &[]),
        (waiting(false, Some(sku("CHAIR"))), &[]),
        (waiting(false, None), &ids[1..]),
        (at_risk(true, None), &["c-late"]),
        (at_risk(true, Some(sku("LAMP"))), &[]),
        (at_risk(false, Some(sku("RUG"))), &[]),
        (before("2198-01-01"), &[]),
        (before("2198-01-02"), &["b-soon"]),
        (before("2199-01-01"), &["b-soon", "c-late"]),
    ] {
        assert_eq!(orders(&shop, &filter).await, expected, "{filter:?}");
    }
    let at = (shop.now(), shop.today());
    let page = list_orders(shop.reads.as_ref(), &of("RUG"), None, at, 1)
        .await
        .expect("a page");
    assert_eq!(page.items[0], shop.order("c-late").await.view(at.0, at.1));
}

/// Whatever the filter and the length of a page.
pub async fn a_list_is_the_same_page_by_page(db: Db) {
    let shop = Shop::open(&db).await;
    let mut commands = Vec::new();
    for (at, name) in ["b", "B-1", "B1", "a", "Ä", "~", "_", "日本", "Z"]
        .into_iter()
        .enumerate()
    {
        commands.push(create_batch(name, if at % 2 == 0 { "LAMP" } else { "RUG" }, 10));
    }
    for (at, name) in ["b", "B-1", "B1", "a", "Ä", "~", "_", "日本", "Z"]
        .into_iter()
        .enumerate()
    {
        commands.push(allocate(name, "LAMP", 1));
        if at % 3 == 0 {
            commands.push(allocate(name, "RUG", 1));
        }
    }
    shop.all_done(&commands).await;
    let of_rug = BatchFilter {
        selection: BatchSelection {
            sku: Some(sku("RUG")),
            location: None,
        },
        ..BatchFilter::default()
    };
    let in_warehouse = BatchFilter {
        status: Some(BatchStatus::InWarehouse),
        ..BatchFilter::default()
    };
    for filter in [BatchFilter::default(), of_rug, in_warehouse] {
        let all = batches(&shop, &filter).await;
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(all, sorted);
        for limit in [1, 2, all.len()] {
            let (mut seen, mut after): (Vec<String>, Option<Reference>) = (Vec::new(), None);
            loop {
                let page = list_batches(shop.reads.as_ref(), &filter, after, shop.now(), limit).await;
                let page = page.expect("a page");
                assert!(page.items.len() <= limit);
                seen.extend(page.items.iter().map(|batch| batch.record.reference.to_string()));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, all, "{filter:?} {limit}");
        }
    }
    let of_rug = OrderFilter {
        sku: Some(sku("RUG")),
        ..OrderFilter::default()
    };
    let firm = OrderFilter {
        status: Some(OrderStatus::Firm),
        ..OrderFilter::default()
    };
    for (filter, count) in [(OrderFilter::default(), 9), (of_rug, 3), (firm, 9)] {
        let all = orders(&shop, &filter).await;
        assert_eq!(all.len(), count);
        for limit in [1, 2, count] {
            let (mut seen, mut after): (Vec<String>, Option<OrderId>) = (Vec::new(), None);
            loop {
                let at = (shop.now(), shop.today());
                let page = list_orders(shop.reads.as_ref(), &filter, after, at, limit)
                    .await
                    .expect("a page");
                assert!(page.items.len() <= limit);
                seen.extend(page.items.iter().map(|order| order.id.to_string()));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, all, "{filter:?} {limit}");
        }
    }
    // A cursor need not exist.
    let at = (shop.now(), shop.today());
    let after = Some(order("B-2"));
    let page = list_orders(shop.reads.as_ref(), &OrderFilter::default(), after, at, 1).await;
    assert_eq!(page.expect("a page").items[0].id, order("B1"));
    let page = list_batches(
        shop.reads.as_ref(),
        &BatchFilter::default(),
        Some(reference("B-2")),
        at.0,
        1,
    )
    .await;
    assert_eq!(page.expect("a page").items[0].record.reference, reference("B1"));
}

/// Its order is expired and not held, and its units are available.
pub async fn an_expired_hold_is_listed_so_before_any_sweep(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 5),
        create_batch("b-2", "LAMP", 5),
        hold("o-1", &[("1", "LAMP", 2)], 60),
    ])
    .await;
    let with = |status| OrderFilter {
        status: Some(status),
        ..OrderFilter::default()
    };
    for (held, expired, available) in [(&["o-1"][..], &[][..], 3), (&[], &["o-1"], 5)] {
        assert_eq!(orders(&shop, &with(OrderStatus::Held)).await, held);
        assert_eq!(orders(&shop, &with(OrderStatus::Expired)).await, expired);
        let page = list_batches(shop.reads.as_ref(), &BatchFilter::default(), None, shop.now(), ALL).await;
        assert_eq!(page.expect("a page").items[0].available.get(), available);
        shop.clock.advance_seconds(60);
    }
}
