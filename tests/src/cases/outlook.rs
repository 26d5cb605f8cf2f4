//! What planners ask. That every answer is what a plain reading of everything comes to, the model tests compare.

use std::collections::BTreeSet;

use earmark_application::{
    EndingHolds, EventFeed, LineAtRisk, LineOfBatch, LineRead, Outlook, Page, PlacedBetween, StoreError,
    backlog_by_age, ending_holds, late_batches, lines_at_risk, lines_of_batch, waiting_lines,
};
use earmark_domain::{Hit, LineState, OpenStock, ReleasePosition, RiskKind};

use crate::build::{
    allocate, allocate_line, allocate_or_wait, allocate_split, cancel_batch, create_batch, create_inbound,
    expect_batch, hold, keep_back, line, place_before, precedence, receive_batch, reference, sku,
};
use crate::databases::Db;
use crate::shop::Shop;
use crate::shop_engine::ShopEngine;

/// All pages of a list, one after the other, each read as an expression says that begins behind a place. A macro: that a
/// closure of each is sent to another thread can't be proved by now.
macro_rules! pages {
    ($limit:expr, |$after:ident| $read:expr) => {{
        let (mut items, mut $after) = (Vec::new(), None);
        loop {
            let page = $read.await.expect("a page");
            assert!(page.items.len() <= $limit, "{page:?}");
            items.extend(page.items);
            match page.next {
                Some(next) => $after = Some(next),
                None => break items,
            }
        }
    }};
}

async fn risks(shop: &Shop, kind: Option<RiskKind>, limit: usize) -> Vec<LineAtRisk> {
    let ports = (&*shop.reads as &dyn Outlook, &*shop.reads as &dyn EventFeed);
    let at = (shop.now(), shop.today());
    pages!(limit, |after| lines_at_risk(ports, kind, after.clone(), at, limit))
}

/// The holds that end soon.
async fn holds(shop: &Shop) -> Vec<EndingHolds> {
    let page = ending_holds(&*shop.reads, None, shop.now(), 9).await;
    page.expect("a page").items
}

/// The lines of a batch.
async fn lines_of(shop: &Shop, batch: &str) -> Vec<LineOfBatch> {
    let (batch, at) = (reference(batch), (shop.now(), shop.today()));
    let lines = lines_of_batch(&*shop.reads, shop.promising, (&batch, None), at, 9).await;
    lines.expect("a page").items
}

fn names(lines: &[LineAtRisk]) -> Vec<(&str, RiskKind, u32)> {
    let name = |line: &'_ LineAtRisk| (line.risk.kind, line.risk.days);
    lines
        .iter()
        .map(|line| (line.line.key.order.as_str(), name(line).0, name(line).1))
        .collect()
}

/// Kind by kind: a priority changes nothing in the order of days.
pub async fn lines_at_risk_are_listed_kind_by_kind_and_by_day(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[
        create_inbound("ship", "LAMP", 9, "2026-03-03"),
        create_inbound("late", "DESK", 9, "2026-03-09"),
        place_before("rests", &[("1", "LAMP", 2)], precedence(0, None)),
        place_before("in-time", &[("1", "DESK", 1)], precedence(9, Some("2026-03-09"))),
        place_before("missed-2", &[("1", "DESK", 1)], precedence(5, Some("2026-03-08"))),
        place_before("missed-1", &[("1", "DESK", 1)], precedence(-5, Some("2026-03-07"))),
        place_before("due", &[("1", "LAMP", 90)], precedence(0, Some("2026-03-05"))),
        place_before("not-due", &[("1", "LAMP", 90)], precedence(7, Some("2026-03-06"))),
        place_before("any-day", &[("1", "LAMP", 90)], precedence(0, None)),
    ])
    .await;
    for _ in 0..4 {
        shop.clock.advance_seconds(24 * 60 * 60);
        shop.pass_day().await;
    }
    let expected = [
        ("missed-1", RiskKind::PromisedLate, 2),
        ("missed-2", RiskKind::PromisedLate, 1),
        ("rests", RiskKind::BatchOverdue, 2),
        ("due", RiskKind::Waiting, 0),
    ];
    for limit in [1, 2, 3, 50] {
        let found = risks(&shop, None, limit).await;
        assert_eq!(names(&found), expected, "{limit} a page");
    }
    let found = risks(&shop, None, 50).await;
    assert_eq!(found[0].risk.batch, Some(reference("late")));
    assert_eq!(found[0].since.to_string(), "2026-03-01", "it was told at once");
    assert_eq!(found[2].risk.batch, Some(reference("ship")));
    assert_eq!(found[2].since.to_string(), "2026-03-04");
    for (kind, expected) in RiskKind::ALL
        .into_iter()
        .zip([&expected[..2], &expected[2..3], &expected[3..]])
    {
        assert_eq!(names(&risks(&shop, Some(kind), 1).await), expected);
    }
}

/// Whatever the sweep has come to.
pub async fn a_line_whose_hold_has_ended_neither_waits_nor_is_at_risk(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[
        create_inbound("ship", "LAMP", 5, "2026-03-02"),
        hold("held", &[("1", "LAMP", 2)], 600),
    ])
    .await;
    let ending = holds(&shop).await;
    assert_eq!(ending.len(), 1);
    let units: Vec<u64> = ending[0].units.iter().map(|units| units.get()).collect();
    assert_eq!(units, [0, 0, 2, 2], "within 1, 5, 15 and 60 minutes");
    assert_eq!(
        shop.reads
            .held_units(&sku("LAMP"), shop.now())
            .await
            .expect("an answer")
            .len(),
        1
    );
    shop.clock.advance_seconds(600);
    assert_eq!(holds(&shop).await, []);
    assert_eq!(
        shop.reads
            .held_units(&sku("LAMP"), shop.now())
            .await
            .expect("an answer"),
        []
    );
    let skus = BTreeSet::from([sku("LAMP")]);
    let stock = shop.reads.open_stock(&skus, shop.now(), 9).await;
    let stock = stock.expect("an answer").remove(0);
    assert_eq!(stock.batches[0].available().get(), 5);
    assert_eq!(lines_of(&shop, "ship").await, []);
}

/// Those that would leave it last come first, and a line that was placed a moment ago is among them.
pub async fn the_lines_of_a_batch_are_listed_in_the_order_in_which_they_stay(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[
        create_batch("shelf", "LAMP", 20),
        create_batch("other", "LAMP", 3),
        allocate("second", "LAMP", 2),
        place_before("first", &[("1", "LAMP", 2)], precedence(3, None)),
        hold("held", &[("1", "LAMP", 2)], 600),
        allocate("third", "LAMP", 12),
        allocate_split("spread", "LAMP", 5),
    ])
    .await;
    for limit in [1, 2, 9] {
        let lines = pages!(limit, |after| held(&shop, after.as_ref(), limit));
        let orders: Vec<&str> = lines
            .iter()
            .map(|(_, line)| line.record.terms.key.order.as_str())
            .collect();
        assert_eq!(orders, ["first", "second", "third", "spread", "held"], "{limit} a page");
    }
    let none = shop.reads.lines_in_batch(&reference("none"), None, 9).await;
    assert_eq!(none.expect("an answer"), []);
}

/// A page of the lines in a batch, as the port has them.
async fn held(
    shop: &Shop,
    after: Option<&ReleasePosition>,
    limit: usize,
) -> Result<Page<(ReleasePosition, LineRead), ReleasePosition>, StoreError> {
    let mut items = shop.reads.lines_in_batch(&reference("shelf"), after, limit + 1).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|(position, _)| position.clone());
    Ok(Page { items, next })
}

/// By ETA: those that were put off, too, and none that has arrived or is closed.
pub async fn late_batches_are_listed_with_whom_they_hurt(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[
        create_inbound("overdue", "LAMP", 9, "2026-03-03"),
        create_inbound("put-off", "DESK", 9, "2026-03-08"),
        create_inbound("on-time", "SOFA", 9, "2026-03-09"),
        create_inbound("arrived", "SOFA", 9, "2026-03-02"),
        create_inbound("closed", "SOFA", 9, "2026-03-02"),
        allocate("hurt", "LAMP", 2),
        place_before("has-time", &[("1", "LAMP", 3)], precedence(0, Some("2026-03-20"))),
        allocate("waits-longer", "DESK", 4),
        receive_batch("arrived"),
        cancel_batch("closed"),
        expect_batch("put-off", "2026-03-10"),
    ])
    .await;
    for _ in 0..4 {
        shop.clock.advance_seconds(24 * 60 * 60);
        shop.pass_day().await;
    }
    let at = (shop.now(), shop.today());
    for limit in [1, 9] {
        let found = pages!(limit, |after| late_batches(
            &*shop.reads,
            shop.promising,
            after.as_ref(),
            at,
            limit
        ));
        let told: Vec<_> = found
            .iter()
            .map(|late| {
                let hits = late.hits;
                let counted = [hits.hurt, hits.movable, hits.slack].map(|counted| counted.units.get());
                (
                    late.batch.record.reference.as_str(),
                    late.leaves_on.to_string(),
                    counted,
                )
            })
            .collect();
        let expected = [
            ("overdue", "2026-03-06".to_owned(), [2, 0, 3]),
            ("put-off", "2026-03-10".to_owned(), [4, 0, 0]),
        ];
        assert_eq!(told, expected, "{limit} a page");
    }
    let lines = lines_of(&shop, "overdue").await;
    let hits: Vec<_> = lines
        .iter()
        .map(|line| (line.line.key.order.as_str(), line.hit.clone()))
        .collect();
    assert_eq!(hits, [("has-time", Some(Hit::Slack(14))), ("hurt", Some(Hit::Hurt(3)))]);
}

/// A page of batches says where it ends.
pub async fn open_stock_is_read_as_far_as_it_is_asked_for(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_inbound("b3", "LAMP", 5, "2026-03-09"),
        create_batch("b1", "LAMP", 5),
        create_batch("b2", "LAMP", 5),
        create_batch("used-up", "LAMP", 2),
        create_batch("desk", "DESK", 5),
        keep_back("SOFA", 1),
    ])
    .await;
    shop.done(&allocate_line(line("o1", "1"), "LAMP", 5)).await;
    let skus = BTreeSet::from([sku("LAMP"), sku("SOFA"), sku("NONE")]);
    let read = async |most| {
        let stock = shop.reads.open_stock(&skus, shop.now(), most).await.expect("an answer");
        let of = |stock: &OpenStock| {
            let batches = stock.batches.iter().map(|batch| batch.reference.to_string());
            (
                stock.product.sku.to_string(),
                batches.collect::<Vec<_>>(),
                stock.until.is_some(),
            )
        };
        stock.iter().map(of).collect::<Vec<_>>()
    };
    let of = |sku: &str, batches: &[&str], more| {
        (
            sku.to_owned(),
            batches.iter().map(|name| (*name).to_owned()).collect(),
            more,
        )
    };
    assert_eq!(
        read(9).await,
        [of("LAMP", &["b2", "used-up", "b3"], false), of("SOFA", &[], false)]
    );
    assert_eq!(read(3).await[0], of("LAMP", &["b2", "used-up", "b3"], false));
    assert_eq!(read(2).await[0], of("LAMP", &["b2", "used-up"], true));
}

/// The oldest first, each counted in one class.
pub async fn lines_that_wait_are_listed_and_counted_by_how_long_they_have_waited(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.done(&create_batch("b", "LAMP", 1)).await;
    for (order, days) in [("older", 29), ("month", 2), ("week", 6), ("day", 0)] {
        shop.done(&allocate_or_wait(order, "LAMP", 5)).await;
        shop.clock.advance_seconds(days * 24 * 60 * 60 + 3_600);
    }
    let classes = backlog_by_age(&*shop.reads, shop.now()).await.expect("an answer");
    let counted: Vec<_> = classes
        .iter()
        .map(|class| (class.age.as_str(), class.counted.lines, class.counted.units.get()))
        .collect();
    assert_eq!(
        counted,
        [("day", 1, 5), ("week", 1, 5), ("month", 1, 5), ("older", 1, 5)]
    );
    for limit in [1, 3, 9] {
        let at = (shop.now(), shop.today());
        let lines = pages!(limit, |after| waiting_lines(
            &*shop.reads,
            shop.promising,
            (None, after.as_ref()),
            at,
            limit
        ));
        let orders: Vec<_> = lines
            .iter()
            .map(|line| (line.line.key.order.as_str(), line.age.as_str()))
            .collect();
        assert_eq!(
            orders,
            [("older", "older"), ("month", "month"), ("week", "week"), ("day", "day")]
        );
        assert!(
            lines
                .iter()
                .all(|line| line.line.state == LineState::Backordered && line.remedy.is_some())
        );
    }
    let most = shop.reads.count_waiting_lines(PlacedBetween::default(), shop.now(), 3);
    let most = most.await.expect("an answer");
    assert_eq!((most.lines, most.units.get()), (3, 15), "it stops counting");
}
