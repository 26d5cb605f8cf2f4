//! What the day changes, who is served first, and which lines move to better stock: more of each than one transaction goes
//! through.

use earmark_domain::{BACKLOG_PAGE, CHANGE_PAGE, Command, Fact, IMPROVEMENT_PAGE, LineState, OrderTerms, Outcome};

use crate::build::{
    allocate, allocate_or_wait, count_batch, create_batch, create_inbound, day, order_on, precedence, sku,
};
use crate::databases::Db;
use crate::shop::Shop;
use crate::shop_engine::ShopEngine;

/// More than two pages of lines.
const LINES: u32 = 450;
const _: () = assert!(LINES as usize > 2 * IMPROVEMENT_PAGE);
const _: () = assert!(LINES as usize > 2 * CHANGE_PAGE);

/// A batch on its way with an order of [`LINES`] lines of one unit, which fill it, required by a day.
async fn on_a_ship(db: &Db, arrives: i8, required_by: i8) -> ShopEngine {
    let shop = ShopEngine::open(db).await;
    let names: Vec<String> = (1..=LINES).map(|n| format!("{n:04}")).collect();
    let lines: Vec<(&str, &str, u32)> = names.iter().map(|name| (name.as_str(), "LAMP", 1)).collect();
    let terms = OrderTerms {
        precedence: precedence(0, Some(&day(required_by).to_string())),
        ..OrderTerms::default()
    };
    shop.all_done(&[
        create_inbound("ship", "LAMP", LINES, &day(arrives).to_string()),
        Command::PlaceOrder(order_on("o1", &lines, terms)),
    ])
    .await;
    shop
}

/// How many events of each kind that is asked for there are after the first `seen`.
async fn told(shop: &Shop, seen: usize, kinds: &[&str]) -> Vec<usize> {
    let events = shop.events().await;
    let count = |kind: &&str| {
        events[seen..]
            .iter()
            .filter(|event| event.event.fact.name() == *kind)
            .count()
    };
    kinds.iter().map(count).collect()
}

/// The lines of the order in a batch, by line id.
async fn lines_in(shop: &Shop, batch: &str) -> Vec<String> {
    let order = shop.order("o1").await.view(shop.now(), shop.today());
    let lines = order.lines.into_iter();
    let here = lines.filter(|line| line.allocations.iter().any(|part| part.batch.as_str() == batch));
    here.map(|line| line.key.line.to_string()).collect()
}

/// In bounded steps, and each change once, also when a program looks again.
pub async fn the_day_tells_what_is_overdue_and_which_promises_it_breaks(db: Db) {
    let shop = on_a_ship(&db, 1, 1).await;
    let seen = shop.events().await.len();
    shop.clock.advance_seconds(24 * 60 * 60);
    shop.pass_day().await;
    assert_eq!(shop.events().await.len(), seen, "it may arrive today");
    shop.clock.advance_seconds(24 * 60 * 60);
    for _ in 0..2 {
        shop.pass_day().await;
        let kinds = ["BatchOverdue", "PromiseBroken"];
        assert_eq!(told(&shop, seen, &kinds).await, [1, LINES as usize]);
    }
    assert_eq!(shop.events().await.len(), seen + 1 + LINES as usize);
    let line = shop.line_of("o1").await;
    assert_eq!(
        (line.promise.on, line.at_risk),
        (Some(day(1)), true),
        "what was told stands"
    );
    assert!(
        shop.reads
            .products_changed_by_day(shop.today(), 9)
            .await
            .expect("a list")
            .is_empty()
    );
    shop.assert_sound().await;
}

/// In order of service, in bounded steps, before new demand.
pub async fn better_stock_improves_the_promises_of_lines_at_risk(db: Db) {
    let shop = on_a_ship(&db, 60, 5).await;
    let seen = shop.events().await.len();
    shop.done(&create_batch("shelf", "LAMP", 300)).await;
    shop.continue_work().await;
    assert_eq!(told(&shop, seen, &["Reallocated"]).await, [300]);
    let moved = lines_in(&shop, "shelf").await;
    assert_eq!((moved.len(), moved.last().map(String::as_str)), (300, Some("0300")));
    assert_eq!(shop.line_of("o1").await.promise.on, Some(day(0)));
    // What they have left is free again.
    shop.done(&allocate("next", "LAMP", 300)).await;
    shop.assert_sound().await;
}

/// A line that is promised in time stays where it is, unless it is asked for.
pub async fn every_line_that_gains_moves_when_it_is_asked_for(db: Db) {
    let shop = on_a_ship(&db, 60, 90).await;
    shop.done(&create_batch("shelf", "LAMP", 400)).await;
    shop.continue_work().await;
    assert_eq!(lines_in(&shop, "shelf").await.len(), 0);
    let Outcome::Reallocated { effects, .. } = shop.done(&Command::Reallocate(sku("LAMP"))).await else {
        unreachable!("lines were reallocated")
    };
    assert_eq!((effects.reallocated.len(), effects.continues), (IMPROVEMENT_PAGE, true));
    shop.continue_work().await;
    assert_eq!(lines_in(&shop, "shelf").await.len(), 400);
    let seen = shop.events().await.len();
    shop.done(&Command::Reallocate(sku("LAMP"))).await;
    shop.continue_work().await;
    assert_eq!(shop.events().await.len(), seen, "the second time nothing changes");
    shop.assert_sound().await;
}

/// More lines wait than one transaction serves, and stock for all of them has come.
async fn with_pages_owed(db: &Db) -> ShopEngine {
    let shop = ShopEngine::open(db).await;
    shop.all_done(&[create_batch("gone", "LAMP", 1), count_batch("gone", 0)])
        .await;
    let waiting = u32::try_from(BACKLOG_PAGE).expect("a page") + 1;
    for n in 0..waiting {
        shop.done(&allocate_or_wait(&format!("o{n:04}"), "LAMP", 1)).await;
    }
    shop.done(&create_batch("new", "LAMP", waiting)).await;
    shop
}

/// Whoever comes while pages of the backlog are owed comes after those who wait.
pub async fn nobody_overtakes_those_who_wait(db: Db) {
    let shop = with_pages_owed(&db).await;
    shop.refused(&allocate("late", "LAMP", 1)).await;
    let last = format!("o{BACKLOG_PAGE:04}");
    assert_eq!(shop.line_of(&last).await.state, LineState::Allocated);
    shop.assert_sound().await;
}

/// A program that is started after a crash between two pages serves those who wait before anybody else.
pub async fn nobody_overtakes_those_who_wait_after_a_restart(db: Db) {
    drop(with_pages_owed(&db).await);
    let shop = ShopEngine::open(&db).await;
    shop.refused(&allocate("late", "LAMP", 1)).await;
    let last = format!("o{BACKLOG_PAGE:04}");
    assert_eq!(shop.line_of(&last).await.state, LineState::Allocated);
    shop.assert_sound().await;
}

/// The pages behind the first hold no line that wants more than there is.
pub async fn waiting_lines_that_can_not_be_served_are_passed_over_at_once(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[create_batch("gone", "LAMP", 1), count_batch("gone", 0)])
        .await;
    for n in 0..BACKLOG_PAGE + 50 {
        shop.done(&allocate_or_wait(&format!("o{n:04}"), "LAMP", 100)).await;
    }
    shop.done(&allocate_or_wait("small", "LAMP", 7)).await;
    shop.done(&create_batch("new", "LAMP", 50)).await;
    let seen = shop.events().await.len();
    shop.done(&Command::Continue(sku("LAMP"))).await;
    let events = shop.events().await;
    let served = |fact: &Fact| matches!(fact, Fact::Allocated { from_backlog: true, .. });
    assert!(events[seen..].iter().any(|event| served(&event.event.fact)));
    assert!(
        shop.reads
            .products_with_pending_work(9)
            .await
            .expect("a list")
            .is_empty()
    );
    assert_eq!(shop.allocations_of("small").await, [("new".into(), 7)]);
    shop.assert_sound().await;
}
