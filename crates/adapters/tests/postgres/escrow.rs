//! Escrow: which changes of a product by another instance leave a decision valid, and which do not.

use std::sync::{Arc, Mutex};

use earmark_application::{Audit, Decide, EventFeed, EventFilter, Store, Views};
use earmark_domain::{
    Command, CreateBatch, Fact, LineId, Location, Locations, OrderId, OrderLine, PlaceOrder, Quantity, Sku,
};

use earmark_adapters::postgres::PostgresStore;

use crate::database::{Database, with_database};
use crate::shop::{
    allocate, assert_sound, backorder_and_split, context, create_batch, decision, key, reference, run, sku,
};

/// Two instances on one database that have both cached LAMP: so many units in batch `B1`, two of them allocated.
async fn two_instances(database: &Database, units: i32) -> [PostgresStore; 2] {
    let instances = [database.store().await, database.store().await];
    run(&instances[0], create_batch("B1", "LAMP", units)).await;
    run(&instances[0], allocate("FIRST", "LAMP", 1)).await;
    run(&instances[1], allocate("SECOND", "LAMP", 1)).await;
    instances
}

async fn version(store: &PostgresStore, of: &str) -> u64 {
    let product = store.product(&sku(of), context().now).await.expect("it answers");
    product.expect("a product").summary.version
}

/// Runs a command. Returns the versions of a product on which it was decided, one for each time.
async fn decided_on(store: &PostgresStore, of: &str, command: Command) -> Vec<u64> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (scope, inner, sees, of) = (command.scope(), decision(command), Arc::clone(&seen), sku(of));
    let decide: Decide = Arc::new(move |loaded| {
        let product = loaded.products.iter().find(|product| product.sku == of);
        let version = product.expect("it is in the scope").version;
        sees.lock().expect("no other test code panics with it").push(version);
        inner(loaded)
    });
    let decided = store.transact(&scope, decide).await.expect("it is stored");
    assert!(decided.answers[0].is_ok(), "{:?}", decided.answers);
    let seen = seen.lock().expect("no other test code panics with it");
    seen.clone()
}

/// The batches that hold units of a line of LAMPs, with the units in each.
async fn allocations(store: &PostgresStore, order: &str) -> Vec<(String, u32)> {
    let orders = store.audited_orders(None, 1_000).await.expect("it answers");
    let held = orders.iter().flat_map(|order| &order.allocations);
    let held = held.filter(|held| held.key == key(order, "LAMP"));
    held.map(|held| (held.batch.to_string(), held.quantity.get())).collect()
}

/// How many events of a product match.
async fn count_events(store: &PostgresStore, of: &str, is: impl Fn(&Fact) -> bool) -> usize {
    let filter = EventFilter {
        sku: Some(sku(of)),
        ..EventFilter::default()
    };
    let page = store.events(&filter, 0, 1_000).await.expect("it answers");
    page.events.iter().filter(|event| is(&event.event.fact)).count()
}

fn in_warehouse(batch: &str) -> Command {
    create_batch(batch, "LAMP", 10)
}

fn on_its_way(batch: &str) -> Command {
    Command::CreateBatch(CreateBatch {
        reference: reference(batch),
        sku: sku("LAMP"),
        quantity: Quantity::new(10).expect("a quantity"),
        eta: Some(jiff::civil::date(2040, 1, 1)),
        location: Location::default(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_placed_by_another_instance_leave_a_decision_valid() {
    with_database(async |database| {
        let [one, other] = two_instances(&database, 100).await;
        let begun = version(&one, "LAMP").await;
        for round in 0..5_u64 {
            let on = decided_on(&one, "LAMP", allocate(&format!("ONE-{round}"), "LAMP", 2)).await;
            // The cache of each instance does not know what the other has placed.
            assert_eq!(on, [begun - 1 + round], "decided once, on the cached product");
            let on = decided_on(&other, "LAMP", allocate(&format!("OTHER-{round}"), "LAMP", 3)).await;
            assert_eq!(on, [begun + round], "decided once, on the cached product");
        }
        assert_eq!(version(&one, "LAMP").await, begun + 10);
        assert_sound(&one).await;
        let product = one.product(&sku("LAMP"), context().now).await.expect("it answers");
        assert_eq!(product.expect("a product").summary.allocated.get(), 27);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_better_batch_created_by_another_instance_makes_the_decision_run_again() {
    with_database(async |database| {
        let instances = [database.store().await, database.store().await];
        let [one, other] = &instances;
        run(one, on_its_way("SHIP")).await;
        run(one, allocate("FIRST", "LAMP", 1)).await;
        run(other, in_warehouse("SHELF")).await;
        assert_eq!(decided_on(one, "LAMP", allocate("O1", "LAMP", 1)).await.len(), 2);
        assert_eq!(allocations(one, "O1").await, [("SHELF".to_owned(), 1)]);
        assert_sound(one).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_freed_by_another_instance_make_the_decision_run_again() {
    with_database(async |database| {
        let [one, other] = two_instances(&database, 10).await;
        run(&one, allocate("LARGE", "LAMP", 8)).await;
        run(&one, on_its_way("SHIP")).await;
        run(&one, allocate("O1", "LAMP", 1)).await;
        assert_eq!(allocations(&one, "O1").await, [("SHIP".to_owned(), 1)]);
        run(&other, Command::CancelLine(key("LARGE", "LAMP"))).await;
        assert_eq!(decided_on(&one, "LAMP", allocate("O2", "LAMP", 1)).await.len(), 2);
        assert_eq!(allocations(&one, "O2").await, [("B1".to_owned(), 1)]);
        assert_sound(&one).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_units_are_not_taken_under_escrow_so_that_depletion_is_reported() {
    with_database(async |database| {
        let [one, other] = two_instances(&database, 10).await;
        // Two of ten are allocated. By the first instance's cache one more leaves seven.
        assert_eq!(decided_on(&other, "LAMP", allocate("MOST", "LAMP", 7)).await.len(), 1);
        let depleted = |fact: &Fact| matches!(fact, Fact::StockDepleted);
        assert_eq!(count_events(&one, "LAMP", depleted).await, 0);
        assert_eq!(decided_on(&one, "LAMP", allocate("LAST", "LAMP", 1)).await.len(), 2);
        assert_eq!(count_events(&one, "LAMP", depleted).await, 1);
        assert_sound(&one).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_need_above_what_another_instance_has_left_makes_the_decision_run_again() {
    with_database(async |database| {
        let [one, other] = two_instances(&database, 10).await;
        run(&other, allocate("MOST", "LAMP", 5)).await;
        assert_eq!(decided_on(&one, "LAMP", allocate("TOO-MANY", "LAMP", 4)).await.len(), 2);
        assert_eq!(allocations(&one, "TOO-MANY").await, []);
        let short = |fact: &Fact| matches!(fact, Fact::OutOfStock { available, .. } if available.get() == 3);
        assert_eq!(
            count_events(&one, "LAMP", short).await,
            1,
            "the event has the current availability"
        );
        assert_sound(&one).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_moved_up_in_the_product_that_another_instance_has_changed() {
    with_database(async |database| {
        let [one, other] = two_instances(&database, 100).await;
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
        let order = PlaceOrder::new(order, lines.collect(), backorder_and_split()).expect("an order");
        let on = decided_on(&one, "LAMP", Command::PlaceOrder(order)).await;
        assert_eq!(on, [lamp - 2], "decided once, on the cached product");
        assert_eq!(
            (version(&one, "LAMP").await, version(&one, "DESK").await),
            (lamp + 2, desk + 1)
        );
        assert_sound(&one).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_without_an_escrow_commit_makes_the_decision_run_again() {
    with_database(async |database| {
        let [one, _] = two_instances(&database, 10).await;
        run(&one, allocate("O1", "LAMP", 1)).await;
        let outsider = database.outsider().await;
        outsider
            .batch_execute("UPDATE products SET version = version + 1 WHERE sku = 'LAMP'")
            .await
            .expect("it is changed");
        assert_eq!(decided_on(&one, "LAMP", allocate("O2", "LAMP", 1)).await.len(), 2);
        outsider
            .batch_execute("UPDATE products SET escrow_commits = version + 1 WHERE sku = 'LAMP'")
            .await
            .expect_err("there are not more escrow commits than versions");
    })
    .await;
}
