//! Events, in pages and by filter.

use earmark_tests::on_each_database;
use earmark_tests::service::Desk;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{FAR, column, line, on_shortage, order};

/// A few events: two products, three orders.
async fn happen(desk: &Desk) {
    desk.buy_inbound("B1", "LAMP", 10, FAR).await;
    desk.buy_inbound("B2", "CHAIR", 1, FAR).await;
    let _ = desk
        .put("/v1/products/CHAIR", &json!({"name": "A chair"}))
        .await
        .answers(200);
    let both = order("o1", &[line("LAMP", 2), line("CHAIR", 1)]);
    let _ = desk.post("/v1/orders", &both).await.answers(201);
    let _ = desk.allocate("o2", "CHAIR", 1).await.refuses(409, "out_of_stock");
    let _ = desk
        .post(
            "/v1/orders",
            &on_shortage(order("o3", &[line("LAMP", 20)]), "backorder"),
        )
        .await
        .answers(201);
    let _ = desk.count("B1", 1).await.answers(200);
    let _ = desk.delete("/v1/orders/o1").await.answers(200);
}

async fn each_event_has_its_subject_time_and_cause(desk: Desk) {
    let sent = json!({"reference": "B1", "sku": "LAMP", "quantity": 10, "eta": FAR, "location": "north"});
    let reply = desk.post("/v1/batches", &sent).await;
    let request = reply.header("x-request-id").expect("a request id").to_owned();
    let _ = desk
        .post(
            "/v1/allocations",
            &json!({"order_id": "o1", "line_id": "l1", "sku": "LAMP", "quantity": 4, "split": true}),
        )
        .await
        .answers(201);

    let page = desk.get("/v1/events").await.answers(200);
    let [created, allocated] = page["items"].as_array().expect("events").as_slice() else {
        unreachable!("two events: {page}")
    };
    assert_eq!(page["next"], format!("1-{}", allocated["sequence"]));
    assert_eq!(
        (
            &created["type"],
            &created["sku"],
            &created["version"],
            &created["correlation_id"]
        ),
        (&json!("BatchCreated"), &json!("LAMP"), &json!(1), &json!(request))
    );
    assert_eq!(
        created["data"],
        json!({"reference": "B1", "location": "north", "ordinal": 1, "quantity": 10, "eta": FAR})
    );
    let books = created["id"]
        .as_str()
        .and_then(|id| id.strip_suffix(&format!("-1-{}", created["sequence"])));
    let books = books.expect("an id is that of the books, the epoch and the sequence");
    assert_eq!(books.len(), 32);
    assert_eq!(allocated["id"], format!("{books}-1-{}", allocated["sequence"]));
    assert!(created["actor"].as_str().is_some_and(|actor| !actor.is_empty()));
    for event in [created, allocated] {
        let instant = event["occurred_at"].as_str().expect("an instant");
        assert!(
            instant.ends_with('Z') && instant.parse::<jiff::Timestamp>().is_ok(),
            "{instant} is an instant in UTC"
        );
    }
    assert_eq!(
        (&allocated["type"], &allocated["version"], &allocated["order_id"]),
        (&json!("Allocated"), &json!(2), &json!("o1"))
    );
    let data = &allocated["data"];
    assert_eq!(
        (
            &data["line_id"],
            &data["quantity"],
            &data["split"],
            &data["allocations"],
            &data["from_backlog"]
        ),
        (
            &json!("l1"),
            &json!(4),
            &json!(true),
            &json!([{"batch": "B1", "quantity": 4}]),
            &json!(false)
        )
    );
}

async fn versions_of_a_product_rise_by_one_with_each_of_its_events(desk: Desk) {
    happen(&desk).await;
    for sku in ["LAMP", "CHAIR"] {
        let events = desk.events_after(0, &format!("&sku={sku}")).await;
        let versions: Vec<u64> = events.iter().filter_map(|event| event["version"].as_u64()).collect();
        let rising: Vec<u64> = (1..).take(events.len()).collect();
        assert_eq!(versions, rising, "{sku}");
        assert_eq!(desk.product(sku).await["version"], json!(events.len()));
    }
}

async fn events_are_filtered_by_product_order_and_type(desk: Desk) {
    happen(&desk).await;
    let all = desk.events().await;
    let picked = |member: &str, value: &str| -> Vec<Value> {
        all.iter().filter(|event| event[member] == value).cloned().collect()
    };
    for (filter, member, value) in [
        ("&sku=CHAIR", "sku", "CHAIR"),
        ("&order_id=o1", "order_id", "o1"),
        ("&order_id=o2", "order_id", "o2"),
        ("&type=Allocated", "type", "Allocated"),
        ("&type=OrderPlaced", "type", "OrderPlaced"),
    ] {
        let expected = picked(member, value);
        assert!(!expected.is_empty(), "{filter}");
        assert_eq!(desk.events_after(0, filter).await, expected, "{filter}");
    }
    let both: Vec<Value> = picked("sku", "CHAIR")
        .into_iter()
        .filter(|event| event["type"] == "OutOfStock")
        .collect();
    assert_eq!(desk.events_after(0, "&sku=CHAIR&type=OutOfStock").await, both);
    for filter in ["&sku=SOFA", "&order_id=o9", "&type=Reallocated"] {
        assert_eq!(desk.events_after(0, filter).await, [] as [Value; 0], "{filter}");
    }
}

async fn an_unknown_event_type_is_a_fault(desk: Desk) {
    for path in ["/v1/events?type=Alocated", "/v1/events/stream?type=Alocated"] {
        assert_eq!(desk.get(path).await.fields_at_fault(), ["type"], "{path}");
    }
}

async fn events_are_read_in_pages_without_a_gap(desk: Desk) {
    happen(&desk).await;
    let all = desk.events().await;
    for limit in [1, 2, 3, all.len()] {
        let mut read = Vec::new();
        let mut after = "0".to_owned();
        loop {
            let page = desk
                .get(&format!("/v1/events?limit={limit}&after={after}"))
                .await
                .answers(200);
            let items = page["items"].as_array().expect("events");
            assert!(items.len() <= limit);
            if items.is_empty() {
                break;
            }
            read.extend(items.iter().cloned());
            page["next"].as_str().expect("a cursor").clone_into(&mut after);
        }
        assert_eq!(read, all, "{limit} at a time");
    }
}

async fn a_reader_that_has_read_all_gets_the_cursor_to_continue(desk: Desk) {
    happen(&desk).await;
    let last = desk
        .events()
        .await
        .last()
        .map(|event| event["sequence"].clone())
        .expect("an event");
    let page = desk.get(&format!("/v1/events?after={last}")).await.answers(200);
    assert_eq!(page["items"], json!([]));
    let next = page["next"].as_str().expect("where to read on");
    assert_eq!(next, format!("1-{last}"));
    desk.buy("B9", "LAMP", 1).await;
    let page = desk.get(&format!("/v1/events?after={next}")).await.answers(200);
    assert_eq!(column(&page["items"], "type"), ["BatchCreated"]);
}

async fn a_reader_may_begin_now(desk: Desk) {
    let page = desk.get("/v1/events?after=now").await.answers(200);
    assert_eq!(page, json!({"items": [], "next": "1-0"}));
    happen(&desk).await;
    let page = desk.get("/v1/events?after=now&sku=LAMP").await.answers(200);
    assert_eq!(page["items"], json!([]));
    desk.buy("B9", "LAMP", 1).await;
    let next = page["next"].as_str().expect("a cursor");
    let page = desk.get(&format!("/v1/events?after={next}")).await.answers(200);
    assert_eq!(column(&page["items"], "type"), ["BatchCreated"]);
}

async fn a_cursor_that_the_history_does_not_have_is_gone(desk: Desk) {
    happen(&desk).await;
    let last = desk
        .events()
        .await
        .last()
        .map_or(0, |event| event["sequence"].as_u64().unwrap_or(0));
    let ahead = last + 1;
    for (after, begin) in [
        (format!("1-{ahead}"), format!("1-{last}")),
        (ahead.to_string(), format!("1-{last}")),
        ("9223372036854775807".to_owned(), format!("1-{last}")),
        // Epochs that these books never had.
        ("0-1".to_owned(), "1-0".to_owned()),
        ("7-1".to_owned(), "1-0".to_owned()),
    ] {
        for path in ["/v1/events", "/v1/events/stream"] {
            let problem = desk
                .get(&format!("{path}?after={after}"))
                .await
                .refuses(410, "cursor_gone");
            assert_eq!(problem["begin"], begin, "{path} after {after}");
        }
        let headers = [("last-event-id", after.as_str())];
        let reply = desk.send(Method::GET, "/v1/events/stream", &headers, "").await;
        assert_eq!(reply.refuses(410, "cursor_gone")["begin"], begin);
        assert!(desk.get(&format!("/v1/events?after={begin}")).await.status == 200);
    }
    for known in ["0-0", "1-0", "0", "3"] {
        let _ = desk.get(&format!("/v1/events?after={known}")).await.answers(200);
    }
}

async fn invalid_query_parameters_are_faults(desk: Desk) {
    for (query, field) in [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("after=1-", "after"),
        ("after=1-x", "after"),
        ("after=1-02", "after"),
        ("after=later", "after"),
        ("after=99999999999999999999", "after"),
        ("limit=0", "limit"),
        ("limit=1000000", "limit"),
        ("sku=", "sku"),
        ("sku=%20x", "sku"),
        ("order_id=%00", "order_id"),
        ("since=1", "since"),
        ("after=1&after=2", "after"),
    ] {
        let reply = desk.get(&format!("/v1/events?{query}")).await;
        assert_eq!(reply.fields_at_fault(), [field], "{query}");
    }
}

on_each_database! {
    each_event_has_its_subject_time_and_cause,
    versions_of_a_product_rise_by_one_with_each_of_its_events,
    events_are_filtered_by_product_order_and_type,
    an_unknown_event_type_is_a_fault,
    events_are_read_in_pages_without_a_gap,
    a_reader_that_has_read_all_gets_the_cursor_to_continue,
    a_reader_may_begin_now,
    a_cursor_that_the_history_does_not_have_is_gone,
    invalid_query_parameters_are_faults,
}
