//! Whole orders: placed whole or reported, and never in part.

use std::io::Write;

use earmark_tests::service::{Desk, earmark_reading};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::promises::import;

pub(super) async fn an_order_is_placed_whole_wherever_its_lines_are(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    desk.buy("B2", "RUG", 10).await;
    let store = desk.db.url();
    // The first order has a line at the end, and the last one is followed by what a spreadsheet leaves of blank rows.
    let rows = |order: &str| {
        format!(
            "order_id,sku,quantity\n{order}-1,LAMP,1\n{order}-2,LAMP,1\n{order}-2,RUG,99\n{order}-3,RUG,1\n\
             {order}-1,RUG,1\n{order}-3,LAMP,1\n,,\n,,\n"
        )
    };
    let arguments = ["import", "orders", "-", "--whole-orders", "--on-shortage", "reject"];
    let gzip = |text: String| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).expect("memory");
        packed.finish().expect("memory")
    };
    let through_a_file = import(&store, "orders", &rows("a"), &arguments[3..]).await.succeeded();
    let through_a_pipe = earmark_reading(&store, &arguments, rows("b").as_bytes())
        .await
        .succeeded();
    let to = [&arguments[..], &["--to", desk.base()]].concat();
    let to_a_service = earmark_reading("memory:", &to, &gzip(rows("c"))).await.succeeded();
    for summary in [through_a_file, through_a_pipe, to_a_service] {
        for (what, count) in [("rows", 6), ("allocated", 4), ("refused", 2), ("bad", 0)] {
            assert!(summary.contains(&format!("{what:<14}{count:>10}")), "{what}: {summary}");
        }
    }
    for way in ["a", "b", "c"] {
        for order in ["1", "3"] {
            let order = desk.order(&format!("{way}-{order}")).await;
            let lines = order["lines"].as_array().expect("lines");
            assert_eq!(lines.len(), 2, "{order}");
            assert!(lines.iter().all(|line| line["status"] == "allocated"), "{order}");
        }
        // One of its lines fits, and it is refused whole.
        let _ = desk
            .get(&format!("/v1/orders/{way}-2"))
            .await
            .refuses(404, "unknown_order");
    }
    assert_eq!(desk.product("LAMP").await["available"], 4);
}

pub(super) async fn an_order_that_may_lack_a_line_is_reported_and_not_placed(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let store = desk.db.url();
    let run = import(
        &store,
        "orders",
        // A row with a field too few names its order; one without an order may belong to either neighbour.
        "order_id,line_id,sku,quantity\na,1,LAMP,1\nb,1,LAMP\nb,2,LAMP,1\nc,1,LAMP,1\n,1,LAMP,1\nd,1,LAMP,1\n\
         e,1,LAMP,1\nb,3,LAMP,1\n",
        &["--whole-orders"],
    )
    .await
    .ended_with(1);
    for message in [
        "line 3: has 3 fields, the header names 4",
        "line 3: order b is skipped: its row on line 3 is bad",
        "line 5: order c is skipped: the row on line 6 can't be read, and may be one of its lines",
        "line 6: order_id: must not be empty",
        "line 7: order d is skipped: the row on line 6 can't be read, and may be one of its lines",
    ] {
        assert!(run.err.contains(message), "{message} is not reported: {}", run.err);
    }
    for order in ["a", "e"] {
        assert_eq!(desk.order(order).await["lines"].as_array().map(Vec::len), Some(1));
    }
    for order in ["b", "c", "d"] {
        let _ = desk
            .get(&format!("/v1/orders/{order}"))
            .await
            .refuses(404, "unknown_order");
    }
    // The same as objects, of which one can't be read.
    let line =
        |order: &str, id: u32| json!({"order_id": order, "line_id": id.to_string(), "sku": "LAMP", "quantity": 1});
    let rows = format!("{}\n{{\"order_id\": \"g\"\n{}\n", line("f", 1), line("g", 2));
    let run = import(&store, "orders", &rows, &["--whole-orders"]).await.ended_with(1);
    assert!(run.err.contains("line 2: is not a JSON object"), "{}", run.err);
    for order in ["f", "g"] {
        let _ = desk
            .get(&format!("/v1/orders/{order}"))
            .await
            .refuses(404, "unknown_order");
    }
}
