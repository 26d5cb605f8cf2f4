//! Files that lose nothing: their ends, strict imports, what is counted, and the commands that a file can send.

use earmark_tests::service::{Desk, earmark_reading};
use serde_json::json;

use super::promises::import;

/// The line of a summary.
fn figure(what: &str, count: u32) -> String {
    format!("{what:<14}{count:>10}")
}

pub(super) async fn a_strict_import_stores_nothing_behind_the_first_bad_row(desk: Desk) {
    desk.buy("B1", "LAMP", 100).await;
    let store = desk.db.url();
    let order = json!({"order_id": "o3", "sku": "LAMP", "quantity": 2});
    let _ = desk.post("/v1/allocations", &order).await.answers(201);
    for (way, prefix) in [(&["--strict"][..], "a"), (&["--strict", "--to", desk.base()], "b")] {
        // The first bad row is one by itself here, and one by what is stored there.
        for (bad, kind) in [("o3,LAMP,1", "stored"), ("o4,LAMP,none", "itself")] {
            let behind: String = (0..50).map(|at| format!("{prefix}{kind}{at},LAMP,1\n")).collect();
            let rows = format!("order_id,sku,quantity\n{prefix}{kind}-first,LAMP,1\n{bad}\n{behind}");
            let run = import(&store, "orders", &rows, way).await.ended_with(1);
            assert!(run.err.contains("ended at line 3, the first bad row"), "{}", run.err);
            assert!(run.out.contains(&figure("allocated", 1)), "{}", run.out);
            assert_eq!(desk.order(&format!("{prefix}{kind}-first")).await["status"], "firm");
        }
    }
    // Four orders with one line each, besides the one that was there.
    assert_eq!(desk.product("LAMP").await["allocated"], 2 + 4);

    // An order with a row behind the bad one is not placed, nor is one behind it.
    let rows = "order_id,line_id,sku,quantity\nw1,1,LAMP,1\nw2,1,LAMP,1\nw3,1,LAMP,0\nw2,2,LAMP,1\nw4,1,LAMP,1\n";
    let run = import(&store, "orders", rows, &["--strict", "--whole-orders"])
        .await
        .ended_with(1);
    assert!(run.err.contains("ended at line 4, the first bad row"), "{}", run.err);
    assert_eq!(desk.order("w1").await["status"], "firm");
    for order in ["w2", "w3", "w4"] {
        let _ = desk
            .get(&format!("/v1/orders/{order}"))
            .await
            .refuses(404, "unknown_order");
    }
}

pub(super) async fn a_pipe_that_ends_within_a_row_is_reported(desk: Desk) {
    desk.buy("B1", "LAMP", 100).await;
    let store = desk.db.url();
    let arguments = ["import", "orders", "-"];
    let run = earmark_reading(&store, &arguments, b"order_id,sku,quantity\no1,LAMP,1\no2,LAMP,1").await;
    let run = run.ended_with(1);
    let message = "standard input: line 3: the input ends within this row";
    assert!(run.err.contains(message), "{}", run.err);
    assert_eq!(desk.order("o1").await["status"], "firm");
    let _ = desk.get("/v1/orders/o2").await.refuses(404, "unknown_order");
    // In a file many programs leave out the last line end.
    drop(
        import(&store, "orders", "order_id,sku,quantity\no2,LAMP,10", &[])
            .await
            .succeeded(),
    );
    assert_eq!(desk.order("o2").await["lines"][0]["quantity"], 10);
}

pub(super) async fn a_file_that_breaks_off_is_not_imported(desk: Desk) {
    let store = desk.db.url();
    let rows = "reference,sku,quantity,eta\nB1,LAMP,1,\n\nB2,\"LAMP,1,\nB3,LAMP,1,\n";
    let run = import(&store, "batches", rows, &[]).await.ended_with(1);
    let message = "rows.csv: line 4: the quotation mark here is not closed before the end of the file; nothing was \
                   imported";
    assert!(run.err.contains(message), "{}", run.err);
    let _ = desk.get("/v1/batches/B1").await.refuses(404, "unknown_batch");
}

pub(super) async fn what_was_there_is_counted_as_unchanged_by_each_way(desk: Desk) {
    let store = desk.db.url();
    let files = [
        ("products", "sku,name\nLAMP,Lamp\nRUG,Rug\n", "named"),
        (
            "batches",
            "reference,sku,quantity,eta\nB1,LAMP,9,\nB2,RUG,9,\n",
            "created",
        ),
        ("orders", "order_id,sku,quantity\no1,LAMP,1\no1,RUG,1\n", "allocated"),
    ];
    for (kind, rows, done) in files {
        let first = import(&store, kind, rows, &["--to", desk.base()]).await.succeeded();
        assert!(
            first.contains(&figure(done, 2)) && first.contains(&figure("unchanged", 0)),
            "{first}"
        );
        for way in [&["--to", desk.base()][..], &[]] {
            let again = import(&store, kind, rows, way).await.succeeded();
            assert!(
                again.contains(&figure(done, 0)) && again.contains(&figure("unchanged", 2)),
                "{kind}: {again}"
            );
        }
    }
    // With another name one of them changes.
    let renamed = "sku,name\nLAMP,Lampe\nRUG,Rug\n";
    let summary = import(&store, "products", renamed, &["--to", desk.base()])
        .await
        .succeeded();
    assert!(
        summary.contains(&figure("named", 1)) && summary.contains(&figure("unchanged", 1)),
        "{summary}"
    );
}

pub(super) async fn changes_counts_and_receipts_are_files_too(desk: Desk) {
    let store = desk.db.url();
    let changes = |order: &str| {
        let lines = [
            json!({"put_product": {"sku": "LAMP", "name": "Lamp"}}),
            json!({"create_batch": {"reference": "B1", "sku": "LAMP", "quantity": 10, "eta": "2199-01-01"}}),
            json!({"place_order": {"order_id": order, "lines": [{"sku": "LAMP", "quantity": 2}], "hold_seconds": 900}}),
            json!({"allocate": {"order_id": "o3", "sku": "LAMP", "quantity": 90, "on_shortage": "backorder"}}),
            json!({"allocate": {"order_id": "o4", "sku": "LAMP", "quantity": 0}}),
        ];
        lines.iter().map(|line| format!("{line}\n")).collect::<String>()
    };
    let first = import(&store, "changes", &changes("o1"), &[]).await.ended_with(1);
    assert!(
        first.err.contains("line 5: allocate.quantity: must be a whole number"),
        "{}",
        first.err
    );
    for (what, count) in [
        ("named", 1),
        ("created", 1),
        ("allocated", 1),
        ("backordered", 1),
        ("bad", 1),
    ] {
        assert!(first.out.contains(&figure(what, count)), "{what}: {}", first.out);
    }
    let second = import("memory:", "changes", &changes("o2"), &["--to", desk.base()])
        .await
        .ended_with(1);
    for (what, count) in [("allocated", 1), ("unchanged", 3), ("bad", 1)] {
        assert!(second.out.contains(&figure(what, count)), "{what}: {}", second.out);
    }
    for order in ["o1", "o2"] {
        assert_eq!(desk.order(order).await["status"], "held");
    }

    let counts = "reference,quantity\nB1,8\nB9,1\n";
    let run = import(&store, "counts", counts, &[]).await.ended_with(1);
    assert!(
        run.err.contains("line 3: ") && run.out.contains(&figure("changed", 1)),
        "{run:?}"
    );
    assert_eq!(desk.batch("B1").await["quantity"], 8);
    let run = import(&store, "receipts", "reference,quantity\nB1,7\n", &[])
        .await
        .succeeded();
    assert!(run.contains(&figure("changed", 1)), "{run}");
    let batch = desk.batch("B1").await;
    assert_eq!(
        (&batch["quantity"], &batch["status"]),
        (&json!(7), &json!("in_warehouse"))
    );
    let run = import(
        &store,
        "counts",
        "reference,quantity\nB1,3\nB1,4\n",
        &["--repeats", "add"],
    )
    .await;
    let run = run.succeeded();
    assert!(
        run.contains(&figure("unchanged", 1)) && run.contains(&figure("added", 1)),
        "{run}"
    );
}

/// A receipt with a day for the rest is that of a part, sent to a service or not, and sending it again changes nothing.
pub(super) async fn a_file_of_receipts_says_what_is_still_expected(desk: Desk) {
    let store = desk.db.url();
    for batch in ["B1", "B2", "B3", "B4"] {
        desk.buy_inbound(batch, "LAMP", 10, "2199-01-01").await;
    }
    let receipts = "reference,quantity,rest\nB1,6,2199-02-01\nB2,6,close\nB3,,2199-02-01\nB4,0,2199-02-01\n";
    for (changed, to) in [(2, None), (0, Some(desk.base()))] {
        let to: Vec<&str> = to.into_iter().flat_map(|base| ["--to", base]).collect();
        let store = if to.is_empty() { &*store } else { "memory:" };
        let run = import(store, "receipts", receipts, &to).await;
        let run = run.ended_with(1);
        for why in [
            "line 4: quantity: must not be empty",
            "line 5: quantity: must be at least 1",
        ] {
            assert!(run.err.contains(why), "{}", run.err);
        }
        for (what, count) in [("changed", changed), ("unchanged", 2 - changed), ("bad", 2)] {
            assert!(run.out.contains(&figure(what, count)), "{what}: {}", run.out);
        }
        let rest = desk.batch("B1/2").await;
        assert_eq!((&rest["quantity"], &rest["eta"]), (&json!(4), &json!("2199-02-01")));
        assert_eq!(desk.batch("B2").await["quantity"], 6);
        let _ = desk.get("/v1/batches/B2%2F2").await.refuses(404, "unknown_batch");
    }
}
