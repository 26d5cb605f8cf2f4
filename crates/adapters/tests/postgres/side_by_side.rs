//! Two who place lines of one product side by side: what each may overlook of the other, and what not.

use std::sync::{Arc, Mutex};

use earmark_application::{Decide, Queries, Store};
use earmark_domain::{
    Command, CreateBatch, Fact, LineId, Location, Locations, OrderId, OrderLine, PlaceOrder, Quantity, Sku,
};

use earmark_adapters::postgres::PostgresStore;

use crate::database::{Database, with_database};
use crate::shop::{agrees, allocate, context, create_batch, decision, key, reference, run, sku, waiting};

/// Two services on one database, which both remember LAMP: of batch `B1` so many units, two of them allocated.
async fn two_services(database: &Database, units: i32) -> [PostgresStore; 2] {
    let services = [database.store().await, database.store().await];
    run(&services[0], create_batch("B1", "LAMP", units)).await;
    run(&services[0], allocate("FIRST", "LAMP", 1)).await;
    run(&services[1], allocate("SECOND", "LAMP", 1)).await;
    services
}

async fn version(store: &PostgresStore, of: &str) -> u64 {
    let product = store.product(&sku(of), context().now).await.expect("it answers");
    product.expect("a product").summary.version
}

/// Runs a command, and tells on which versions of a product it was decided, one for each time.
async fn decided_on(store: &PostgresStore, of: &str, command: Command) -> Vec<u64> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (scope, inner, sees, of) = (command.scope(), decision(command), Arc::clone(&seen), sku(of));
    let decide: Decide = Arc::new(move |loaded| {
        let product = loaded.products.iter().find(|product| product.sku == of);
        let version = product.expect("it is in the scope").version;
        sees.lock().expect("nobody panics here").push(version);
        inner(loaded)
    });
    let decided = store.transact(&scope, decide).await.expect("it is stored");
    assert!(decided.answers[0].is_ok(), "{:?}", decided.answers);
    let seen = seen.lock().expect("nobody panics here");
    seen.clone()
}

/// In which batches a line of LAMPs lies, with the units in each.
async fn lies_in(store: &PostgresStore, order: &str) -> Vec<(String, u32)> {
    let history = store
        .history(&sku("LAMP"))
        .await
        .expect("it answers")
        .expect("a product");
    let held = history.allocations.iter().filter(|held| held.key == key(order, "LAMP"));
    held.map(|held| (held.batch.to_string(), held.quantity.get())).collect()
}

/// How often a product told something.
async fn told(store: &PostgresStore, of: &str, is: impl Fn(&Fact) -> bool) -> usize {
    let history = store.history(&sku(of)).await.expect("it answers").expect("a product");
    history.events.iter().filter(|told| is(&told.event.fact)).count()
}

fn sooner(batch: &str) -> Command {
    create_batch(batch, "LAMP", 10)
}

fn later(batch: &str) -> Command {
    Command::CreateBatch(CreateBatch {
        reference: reference(batch),
        sku: sku("LAMP"),
        quantity: Quantity::new(10).expect("a quantity"),
        eta: Some(jiff::civil::date(2040, 1, 1)),
        location: Location::default(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn who_places_a_line_overlooks_what_another_has_placed_meanwhile() {
    with_database(async |database| {
        let [one, other] = two_services(&database, 100).await;
        let begun = version(&one, "LAMP").await;
        for round in 0..5_u64 {
            let on = decided_on(&one, "LAMP", allocate(&format!("ONE-{round}"), "LAMP", 2)).await;
            // The first knows nothing of the two, the second of those that the first has placed.
            assert_eq!(on, [begun - 1 + round], "decided once, on what is remembered");
            let on = decided_on(&other, "LAMP", allocate(&format!("OTHER-{round}"), "LAMP", 3)).await;
            assert_eq!(on, [begun + round], "decided once, on what is remembered");
        }
        assert_eq!(version(&one, "LAMP").await, begun + 10);
        agrees(&one, "LAMP").await;
        let product = one.product(&sku("LAMP"), context().now).await.expect("it answers");
        assert_eq!(product.expect("a product").summary.allocated.get(), 27);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_better_batch_that_another_has_bought_is_seen() {
    with_database(async |database| {
        let services = [database.store().await, database.store().await];
        let [one, other] = &services;
        run(one, later("SHIP")).await;
        run(one, allocate("FIRST", "LAMP", 1)).await;
        run(other, sooner("SHELF")).await;
        assert_eq!(decided_on(one, "LAMP", allocate("O1", "LAMP", 1)).await.len(), 2);
        assert_eq!(lies_in(one, "O1").await, [("SHELF".to_owned(), 1)]);
        agrees(one, "LAMP").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_that_another_has_freed_in_a_better_batch_are_seen() {
    with_database(async |database| {
        let [one, other] = two_services(&database, 10).await;
        run(&one, allocate("LARGE", "LAMP", 8)).await;
        run(&one, later("SHIP")).await;
        run(&one, allocate("O1", "LAMP", 1)).await;
        assert_eq!(lies_in(&one, "O1").await, [("SHIP".to_owned(), 1)]);
        run(&other, Command::CancelLine(key("LARGE", "LAMP"))).await;
        assert_eq!(decided_on(&one, "LAMP", allocate("O2", "LAMP", 1)).await.len(), 2);
        assert_eq!(lies_in(&one, "O2").await, [("B1".to_owned(), 1)]);
        agrees(&one, "LAMP").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_last_units_together_with_another_tells_that_nothing_is_left() {
    with_database(async |database| {
        let [one, other] = two_services(&database, 10).await;
        // Two of ten are allocated. To the first, one more leaves seven.
        assert_eq!(decided_on(&other, "LAMP", allocate("MOST", "LAMP", 7)).await.len(), 1);
        let depleted = |fact: &Fact| matches!(fact, Fact::StockDepleted);
        assert_eq!(told(&one, "LAMP", depleted).await, 0);
        assert_eq!(decided_on(&one, "LAMP", allocate("LAST", "LAMP", 1)).await.len(), 2);
        assert_eq!(told(&one, "LAMP", depleted).await, 1);
        agrees(&one, "LAMP").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_more_than_another_has_left_decides_anew() {
    with_database(async |database| {
        let [one, other] = two_services(&database, 10).await;
        run(&other, allocate("MOST", "LAMP", 5)).await;
        assert_eq!(decided_on(&one, "LAMP", allocate("TOO-MANY", "LAMP", 4)).await.len(), 2);
        assert_eq!(lies_in(&one, "TOO-MANY").await, []);
        let short = |fact: &Fact| matches!(fact, Fact::OutOfStock { available, .. } if available.get() == 3);
        assert_eq!(told(&one, "LAMP", short).await, 1, "what is available is told as it is");
        agrees(&one, "LAMP").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_order_over_two_products_the_one_that_was_overtaken_moves_up() {
    with_database(async |database| {
        let [one, other] = two_services(&database, 100).await;
        run(&one, create_batch("B2", "DESK", 100)).await;
        run(&one, allocate("DESK-1", "DESK", 1)).await;
        run(&one, allocate("LAMP-1", "LAMP", 1)).await;
        run(&other, allocate("LAMP-2", "LAMP", 1)).await;
        let (lamp, desk) = (version(&one, "LAMP").await, version(&one, "DESK").await);
        let lines = ["LAMP", "DESK", "LAMP"].iter().enumerate();
        let lines = lines.map(|(number, of)| OrderLine {
            line: LineId::new(number.to_string()).expect("a line id"),
            sku: Sku::new(*of).expect("a SKU"),
            quantity: Quantity::new(1).expect("a quantity"),
            locations: Locations::ANY,
        });
        let order = OrderId::new("BOTH").expect("an order id");
        let order = PlaceOrder::new(order, lines.collect(), waiting()).expect("an order");
        let on = decided_on(&one, "LAMP", Command::PlaceOrder(order)).await;
        assert_eq!(
            on,
            [lamp - 2],
            "decided once, without the two that the other has placed"
        );
        assert_eq!(
            (version(&one, "LAMP").await, version(&one, "DESK").await),
            (lamp + 2, desk + 1)
        );
        agrees(&one, "LAMP").await;
        agrees(&one, "DESK").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_raises_a_version_and_says_no_more_is_not_overlooked() {
    with_database(async |database| {
        let [one, _] = two_services(&database, 10).await;
        run(&one, allocate("O1", "LAMP", 1)).await;
        let outsider = database.outsider().await;
        outsider
            .batch_execute("UPDATE products SET version = version + 1 WHERE sku = 'LAMP'")
            .await
            .expect("it is changed");
        assert_eq!(decided_on(&one, "LAMP", allocate("O2", "LAMP", 1)).await.len(), 2);
        outsider
            .batch_execute("UPDATE products SET placed = version + 1 WHERE sku = 'LAMP'")
            .await
            .expect_err("no more are counted than there are");
    })
    .await;
}
