//! Views: products, batches, orders and the backlog.

use earmark_application::{LineFilter, LineRead, ProductSummary};
use earmark_domain::{Count, LineKey, LineState, OnOrderShortage, Sku, Units};

use crate::build::{
    allocate, allocate_or_wait, allocate_split, cancel_line, create_batch, create_inbound, date, day, line,
    name_product, order, place, place_order, reference, sku,
};
use crate::databases::Db;
use crate::shop::Shop;

/// The answer is empty, and no error.
pub async fn what_does_not_exist_is_not_found(db: Db) {
    let shop = Shop::open(&db).await;
    let reads = shop.reads.as_ref();
    reads.ready().await.expect("it answers");
    for round in 0..2 {
        assert!(
            reads
                .batch(&reference("nowhere"), shop.now())
                .await
                .expect("an answer")
                .is_none()
        );
        assert!(reads.order(&order("unknown")).await.expect("an answer").is_none());
        assert!(
            reads
                .product(&sku("unknown"), shop.now())
                .await
                .expect("an answer")
                .is_none()
        );
        assert!(
            reads
                .backlog(&sku("unknown"), None, shop.now(), 9)
                .await
                .expect("an answer")
                .is_none()
        );
        assert!(
            reads
                .audited_product(&sku("unknown"))
                .await
                .expect("an answer")
                .is_none()
        );
        if round == 0 {
            assert!(
                reads
                    .products(None, None, shop.now(), 9)
                    .await
                    .expect("an answer")
                    .is_empty()
            );
            assert!(
                reads
                    .lines(LineFilter::All, None, 9)
                    .await
                    .expect("an answer")
                    .is_empty()
            );
            assert!(reads.batches(None, 9).await.expect("an answer").is_empty());
            assert!(reads.orders(None, 9).await.expect("an answer").is_empty());
            shop.all_done(&[create_batch("b-1", "LAMP", 1), place_order("o-1", &[("LAMP", 1)])])
                .await;
        }
    }
}

async fn skus(shop: &Shop, search: Option<&str>, after: Option<&Sku>, limit: usize) -> Vec<String> {
    let found = shop
        .reads
        .products(search, after, shop.now(), limit)
        .await
        .expect("products");
    found.into_iter().map(|product| product.sku.to_string()).collect()
}

/// In the order of the code points, whatever the locale.
pub async fn products_are_listed_by_sku_page_by_page(db: Db) {
    let shop = Shop::open(&db).await;
    let mut all = ["b", "B-1", "B1", "a", "Ä", "~", "_", "日本", "z-1", "Z"];
    for of in all {
        shop.done(&name_product(of, "A thing")).await;
    }
    all.sort_unstable();
    let mut seen: Vec<String> = Vec::new();
    loop {
        let after = seen.last().map(|last| sku(last));
        let page = skus(&shop, None, after.as_ref(), 3).await;
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen, all);
    assert_eq!(skus(&shop, None, None, 1).await, all[..1]);
    assert_eq!(skus(&shop, None, None, 100).await.len(), all.len());
    assert!(skus(&shop, None, None, 0).await.is_empty());
    // A cursor need not be an existing SKU.
    assert_eq!(skus(&shop, None, Some(&sku("B-2")), 1).await, ["B1"]);
    assert_eq!(skus(&shop, Some("b"), Some(&sku("B-1")), 2).await, ["B1", "b"]);
}

/// In any case, and without wildcards.
pub async fn products_are_found_by_any_part_of_their_sku_or_name(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        name_product("LAMP-1", "A lamp, brass"),
        name_product("chair", "The LAMPshade's chair"),
        name_product("100%", "All of it"),
        name_product("100x", "Nearly"),
        name_product("a_b", "Under"),
        name_product("axb", "Over"),
        name_product("back\\slash", "It's a \"quote\""),
        name_product("ÄPFEL", "Aus dem Alten Land"),
        create_batch("b-1", "unnamed", 1),
    ])
    .await;
    for (search, found) in [
        ("lamp", &["LAMP-1", "chair"][..]),
        ("LaMp", &["LAMP-1", "chair"]),
        ("brass", &["LAMP-1"]),
        ("%", &["100%"]),
        ("0%", &["100%"]),
        ("_", &["a_b"]),
        ("a_b", &["a_b"]),
        ("\\", &["back\\slash"]),
        ("K\\S", &["back\\slash"]),
        ("'", &["back\\slash", "chair"]),
        ("\"quote\"", &["back\\slash"]),
        ("NAMED", &["unnamed"]),
        ("äpfel", &["ÄPFEL"]),
        ("alten land", &["ÄPFEL"]),
        ("nowhere", &[]),
        ("lamp-1 ", &[]),
    ] {
        assert_eq!(skus(&shop, Some(search), None, 10).await, found, "{search:?}");
    }
    assert_eq!(skus(&shop, Some("lamp"), None, 1).await, ["LAMP-1"]);
}

/// On hand, inbound, allocated, available, backordered.
pub async fn a_product_has_its_sums_and_its_batches_in_preference_order(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_inbound("late", "LAMP", 7, "2026-06-01"),
        create_inbound("soon", "LAMP", 20, "2026-04-01"),
        create_inbound("soon-too", "LAMP", 2, "2026-04-01"),
        create_batch("shelf", "LAMP", 10),
        create_batch("a-shelf", "LAMP", 3),
        name_product("LAMP", "A lamp"),
        allocate("o-1", "LAMP", 8),
        allocate("o-2", "LAMP", 12),
        allocate_or_wait("o-3", "LAMP", 100),
        allocate_or_wait("o-4", "LAMP", 50),
        create_batch("other", "CHAIR", 99),
    ])
    .await;
    let read = shop.product("LAMP").await;
    let expected = ProductSummary {
        sku: sku("LAMP"),
        name: read.summary.name.clone(),
        version: shop.history(&sku("LAMP")).await.product.version,
        on_hand: Units::new(13),
        inbound: Units::new(29),
        allocated: Units::new(20),
        dispatched: Units::ZERO,
        safety_stock: Count::ZERO,
        free: Units::new(22),
        overdue: Vec::new(),
        backordered: Units::new(150),
        is_pending: false,
    };
    assert_eq!(read.summary, expected);
    assert_eq!(read.summary.name.as_ref().map(|name| name.as_str()), Some("A lamp"));
    let order: Vec<_> = read.batches.iter().map(|batch| batch.reference.as_str()).collect();
    assert_eq!(order, ["shelf", "a-shelf", "soon", "soon-too", "late"]);
    let listed = shop.reads.products(None, None, shop.now(), 9).await.expect("products");
    assert_eq!(listed[1], expected);

    shop.done(&name_product("BARE", "Nothing yet")).await;
    let bare = shop.product("BARE").await;
    assert_eq!(
        (bare.summary.free, bare.summary.backordered),
        (Units::ZERO, Units::ZERO)
    );
    assert!(bare.batches.is_empty());
}

fn parts(line: &LineRead) -> Vec<(&str, u32)> {
    line.allocations
        .iter()
        .map(|(part, _)| (part.batch.as_str(), part.quantity.get()))
        .collect()
}

/// Lines by their ids, with their batches in preference order.
pub async fn an_order_has_its_lines_and_their_allocations(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_inbound("z-soon", "LAMP", 2, "2026-04-01"),
        create_inbound("a-late", "LAMP", 2, "2026-05-01"),
        create_batch("m-shelf", "LAMP", 2),
        place(
            "o-1",
            &[("b", "LAMP", 5), ("a", "LAMP", 3), ("c", "LAMP", 1)],
            OnOrderShortage::Partial,
            true,
        ),
        allocate_or_wait("o-1", "LAMP", 9),
        cancel_line("o-1", "c"),
    ])
    .await;
    let read = shop.order("o-1").await;
    let states: Vec<_> = read
        .lines
        .iter()
        .map(|line| (line.record.terms.key.line.as_str(), line.record.state))
        .collect();
    let expected = [
        ("LAMP", LineState::Backordered),
        ("a", LineState::Refused),
        ("b", LineState::Allocated),
        ("c", LineState::Cancelled),
    ];
    assert_eq!(states, expected);
    assert_eq!(parts(&read.lines[2]), [("m-shelf", 2), ("z-soon", 2), ("a-late", 1)]);
    assert!(
        [0, 1, 3]
            .into_iter()
            .all(|place| read.lines[place].allocations.is_empty())
    );
}

/// Today for what is on hand, tomorrow for what is overdue, otherwise the date of the last to arrive. What was told stands
/// when days pass.
pub async fn a_line_keeps_the_day_it_was_promised_for(db: Db) {
    let mut shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("shelf", "HERE", 1),
        allocate("o-1", "HERE", 1),
        create_inbound("overdue", "DUE", 1, &day(-2).to_string()),
        allocate("o-1", "DUE", 1),
        create_inbound("soon", "SOON", 1, "2026-04-01"),
        create_inbound("later", "SOON", 1, "2026-05-01"),
        allocate_split("o-1", "SOON", 2),
        allocate_or_wait("o-2", "SOON", 1),
    ])
    .await;
    let expected = [
        ("DUE".to_owned(), Some(day(1))),
        ("HERE".to_owned(), Some(day(0))),
        ("SOON".to_owned(), Some(date("2026-05-01"))),
    ];
    for days in [0, 3] {
        shop.clock.advance_seconds(days * 24 * 60 * 60);
        let read = shop.order("o-1").await.view(shop.now(), shop.today());
        let lines = read.lines.iter();
        let promised: Vec<_> = lines.map(|line| (line.key.line.to_string(), line.promise.on)).collect();
        assert_eq!(promised, expected);
        let first: Vec<_> = read.lines.iter().map(|line| line.promise.first_on).collect();
        assert_eq!(first, expected.each_ref().map(|(_, day)| *day));
        let at_risk: Vec<_> = read.lines.iter().map(|line| line.at_risk).collect();
        assert_eq!(at_risk, [true, false, false], "the overdue one");
    }
    let waiting = shop.order("o-2").await.view(shop.now(), shop.today());
    assert_eq!(waiting.lines[0].promise.on, None);
    shop.promising.overdue_grace_days = Some(3);
    let product = shop.product("DUE").await.summary;
    assert_eq!(
        (product.free, product.overdue),
        (Units::ZERO, vec![(day(-2), Units::ZERO)])
    );
}

fn keys(lines: &[LineRead]) -> Vec<LineKey> {
    lines.iter().map(|line| line.record.terms.key.clone()).collect()
}

/// By the time of placing, then by order and line, page by page.
pub async fn the_backlog_is_listed_in_order_of_service(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 1),
        allocate_or_wait("z-first", "LAMP", 5),
        place(
            "m-second",
            &[("b", "LAMP", 2), ("a", "LAMP", 2), ("B", "LAMP", 2)],
            OnOrderShortage::Backorder,
            false,
        ),
        allocate("has-it", "LAMP", 1),
        allocate_or_wait("a-last", "LAMP", 3),
    ])
    .await;
    let expected = [
        line("z-first", "LAMP"),
        line("m-second", "B"),
        line("m-second", "a"),
        line("m-second", "b"),
        line("a-last", "LAMP"),
    ];
    let mut seen: Vec<LineRead> = Vec::new();
    loop {
        let after = seen.last().map(|last| last.record.service_position());
        let page = shop
            .reads
            .backlog(&sku("LAMP"), after.as_ref(), shop.now(), 2)
            .await
            .expect("a backlog");
        let page = page.expect("a product");
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(keys(&seen), expected);
    shop.done(&create_batch("c-1", "CHAIR", 1)).await;
    let empty = shop
        .reads
        .backlog(&sku("CHAIR"), None, shop.now(), 2)
        .await
        .expect("a backlog");
    assert_eq!(empty, Some(Vec::new()));
}
