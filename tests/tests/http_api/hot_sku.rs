//! The hot SKU: many concurrent orders for one product.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use earmark_tests::on_each_database;
use earmark_tests::service::{Client, Desk, Service, until};
use serde_json::json;

use crate::support::parts;

/// Concurrent connections.
const CONNECTIONS: usize = 64;

/// Units in stock, in two batches.
const STOCK: usize = 1_000;

/// Buyers of one unit each.
const BUYERS: usize = 3_000;

/// The buyers of one connection, one after the other. Returns how often each status occurred.
async fn queue(client: Client, next: Arc<AtomicUsize>) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    loop {
        let buyer = next.fetch_add(1, Ordering::Relaxed);
        if buyer >= BUYERS {
            return statuses;
        }
        let reply = client.allocate(&format!("o{buyer}"), "HOT", 1).await;
        match reply.status {
            201 => assert_eq!(reply.answers(201)["status"], "allocated"),
            409 => assert_eq!(reply.refuses(409, "out_of_stock")["available"], 0),
            503 => {
                let _ = reply.refuses(503, "busy");
                assert!(reply.header("retry-after").is_some());
            }
            other => unreachable!("{other}: {}", reply.text()),
        }
        *statuses.entry(reply.status).or_default() += 1;
    }
}

async fn every_unit_is_sold_once_and_none_twice(desk: Desk) {
    desk.buy("B1", "HOT", 400).await;
    desk.buy("B2", "HOT", 600).await;
    let next = Arc::new(AtomicUsize::new(0));
    // One client for each, so that each has its own connection.
    let queues: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(queue(desk.service.client(), next.clone())))
        .collect();
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for queue in queues {
        for (status, times) in queue.await.expect("a connection is served") {
            *statuses.entry(status).or_default() += times;
        }
    }
    assert_eq!(statuses.values().sum::<usize>(), BUYERS);
    assert_eq!(statuses.get(&201), Some(&STOCK), "{statuses:?}");

    let product = desk.product("HOT").await;
    assert_eq!(
        (&product["allocated"], &product["available"]),
        (&json!(STOCK), &json!(0))
    );
    assert_eq!(desk.event_types("&type=Allocated").await.len(), STOCK);
    desk.verify().await;
}

async fn the_last_unit_goes_to_exactly_one_of_many_concurrent_orders(desk: Desk) {
    for round in 0..10 {
        let (batch, sku) = (format!("B{round}"), format!("LAST{round}"));
        desk.buy(&batch, &sku, 1).await;
        let buyers: Vec<_> = (0..16)
            .map(|buyer| {
                let (client, sku) = (desk.client.clone(), sku.clone());
                tokio::spawn(async move { client.allocate(&format!("o{buyer}"), &sku, 1).await })
            })
            .collect();
        let mut got = Vec::new();
        for buyer in buyers {
            let reply = buyer.await.expect("a buyer is answered");
            if reply.status == 201 {
                got.push(reply.answers(201)["allocations"].clone());
            } else {
                let _ = reply.refuses(409, "out_of_stock");
            }
        }
        assert_eq!(got, [parts(&[(&batch, 1)])]);
    }
}

async fn the_same_order_sent_many_times_at_once_is_placed_once(desk: Desk) {
    desk.buy("B1", "LAMP", 100).await;
    let same = json!({"order_id": "o1", "lines": [{"sku": "LAMP", "quantity": 3}]});
    let senders: Vec<_> = (0..32)
        .map(|_| {
            let (client, same) = (desk.client.clone(), same.clone());
            tokio::spawn(async move { client.post("/v1/orders", &same).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for sender in senders {
        statuses.push(sender.await.expect("a sender is answered"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses[..31], [200; 31]);
    assert_eq!(statuses[31], 201);
    assert_eq!(desk.product("LAMP").await["available"], 97);
}

async fn orders_for_the_same_products_in_any_order_do_not_deadlock(desk: Desk) {
    /// Each order has one unit of each product, in another sequence.
    const PRODUCTS: usize = 5;
    for at in 0..PRODUCTS {
        desk.buy(&format!("B{at}"), &format!("SKU{at}"), 60).await;
    }
    let senders: Vec<_> = (0..100)
        .map(|order| {
            let client = desk.client.clone();
            let lines: Vec<_> = (0..PRODUCTS)
                .map(|at| (order * 3 + at * (1 + order % 4)) % PRODUCTS)
                .map(|product| json!({"sku": format!("SKU{product}"), "quantity": 1}))
                .collect();
            let order = json!({"order_id": format!("o{order}"), "lines": lines});
            tokio::spawn(async move { client.post("/v1/orders", &order).await })
        })
        .collect();
    let mut placed = 0;
    for sender in senders {
        let reply = sender.await.expect("a sender is answered");
        match reply.status {
            201 => placed += 1,
            _ => drop(reply.refuses(409, "out_of_stock")),
        }
    }
    assert_eq!(placed, 60);
    for at in 0..PRODUCTS {
        assert_eq!(desk.product(&format!("SKU{at}")).await["available"], 0);
    }
}

/// The smallest queue, and a queue timeout in milliseconds.
fn smallest_queue(queue_timeout: &str) -> [(&str, &str); 4] {
    [
        ("EARMARK__ENGINE__LANES", "1"),
        ("EARMARK__ENGINE__QUEUE", "1"),
        ("EARMARK__ENGINE__GROUP", "1"),
        ("EARMARK__ENGINE__QUEUE_TIMEOUT_MS", queue_timeout),
    ]
}

async fn commands_wait_for_room_in_a_full_queue_and_are_served(mut desk: Desk) {
    desk.buy("B1", "LAMP", 1_000).await;
    desk.service = Service::start_with(&desk.db.url(), &smallest_queue("60000")).await;
    let buyers: Vec<_> = (0..CONNECTIONS)
        .map(|buyer| {
            let client = desk.service.client();
            tokio::spawn(async move { client.allocate(&format!("o{buyer}"), "LAMP", 1).await })
        })
        .collect();
    for buyer in buyers {
        let _ = buyer.await.expect("a buyer is answered").answers(201);
    }
    assert_eq!(desk.service.client().product("LAMP").await["allocated"], CONNECTIONS);
}

async fn a_busy_service_says_when_to_retry_and_has_not_run_the_command(mut desk: Desk) {
    desk.buy("B1", "LAMP", 1_000).await;
    desk.service = Service::start_with(&desk.db.url(), &smallest_queue("0")).await;
    let rejected = Arc::new(AtomicUsize::new(0));
    let buyers: Vec<_> = (0..CONNECTIONS)
        .map(|buyer| {
            let (client, rejected) = (desk.service.client(), rejected.clone());
            tokio::spawn(async move {
                for at in 0..5 {
                    let status = until("a buyer is served", async || {
                        let reply = client.allocate(&format!("o{buyer}-{at}"), "LAMP", 1).await;
                        if reply.status != 503 {
                            return Some(reply.status);
                        }
                        let _ = reply.refuses(503, "busy");
                        let seconds = reply
                            .header("retry-after")
                            .and_then(|seconds| seconds.parse::<u64>().ok());
                        assert!(seconds.is_some_and(|seconds| seconds > 0), "the time to retry is sent");
                        rejected.fetch_add(1, Ordering::Relaxed);
                        None
                    })
                    .await;
                    assert_eq!(status, 201, "a rejected command had not been run");
                }
            })
        })
        .collect();
    for buyer in buyers {
        buyer.await.expect("a buyer is served");
    }
    assert!(
        rejected.load(Ordering::Relaxed) > 0,
        "no call was rejected: the case proves nothing"
    );
    assert_eq!(
        desk.service.client().product("LAMP").await["allocated"],
        5 * CONNECTIONS
    );
}

on_each_database! {
    every_unit_is_sold_once_and_none_twice,
    the_last_unit_goes_to_exactly_one_of_many_concurrent_orders,
    the_same_order_sent_many_times_at_once_is_placed_once,
    orders_for_the_same_products_in_any_order_do_not_deadlock,
    commands_wait_for_room_in_a_full_queue_and_are_served,
    a_busy_service_says_when_to_retry_and_has_not_run_the_command,
}
