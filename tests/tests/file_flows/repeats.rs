//! Keys that are on several rows of a file.

use earmark_tests::service::{Desk, Finished};
use serde_json::{Value, json};

use super::promises::import;

/// Asserts that a run reported these lines of `rows.csv` as bad, and ended so.
#[track_caller]
fn assert_reported(run: Finished, lines: &[u32]) {
    let run = run.ended_with(1);
    for line in lines {
        let place = format!("rows.csv: line {line}: ");
        assert!(run.err.contains(&place), "{place} is not reported: {}", run.err);
    }
    let bad = format!("{:<14}{:>10}", "bad", lines.len());
    assert!(run.out.contains(&bad), "{}", run.out);
}

/// The lines of an order, as `(line_id, sku, quantity)`.
async fn lines(desk: &Desk, order: &str) -> Vec<Value> {
    let order = desk.order(order).await;
    let lines = order["lines"].as_array().expect("lines").iter();
    lines
        .map(|line| json!([line["line_id"], line["sku"], line["quantity"]]))
        .collect()
}

pub(super) async fn a_line_that_is_twice_in_a_file_is_refused_added_up_or_numbered(desk: Desk) {
    desk.buy("B1", "LAMP", 100).await;
    desk.buy("B2", "RUG", 100).await;
    let store = desk.db.url();
    // A line id that a numbered line could get is on the last line.
    let rows = |order: &str| {
        format!(
            "order_id,line_id,sku,quantity\n{order},,LAMP,2\n{order},,RUG,1\nX-{order},,LAMP,1\n{order},,LAMP,2\n\
             {order},LAMP-2,RUG,5\n"
        )
    };
    for (way, order) in [(&[][..], "o1"), (&["--to", desk.base()][..], "o2")] {
        let run = import(&store, "orders", &rows(order), way).await;
        assert!(
            run.err
                .contains(&format!("line 2: line {order}/LAMP is on line 5, too")),
            "{}",
            run.err
        );
        assert!(
            run.err
                .contains(&format!("line 5: line {order}/LAMP is on line 2, too")),
            "{}",
            run.err
        );
        assert_reported(run, &[2, 5]);
        assert_eq!(
            lines(&desk, order).await,
            [json!(["LAMP-2", "RUG", 5]), json!(["RUG", "RUG", 1])]
        );

        // The same file again, with an answer to the question: none of the rows is in the way.
        let numbered = [&["--repeats", "number"], way].concat();
        drop(import(&store, "orders", &rows(order), &numbered).await.succeeded());
        let expected = [
            json!(["LAMP", "LAMP", 2]),
            json!(["LAMP-2", "RUG", 5]),
            json!(["LAMP-3", "LAMP", 2]),
            json!(["RUG", "RUG", 1]),
        ];
        assert_eq!(lines(&desk, order).await, expected);
        let stored = desk.state().await;
        drop(import(&store, "orders", &rows(order), &numbered).await.succeeded());
        assert_eq!(desk.state().await, stored);

        let order = format!("{order}+");
        let added = [&["--repeats", "add"], way].concat();
        let summary = import(&store, "orders", &rows(&order), &added).await.succeeded();
        assert!(summary.contains(&format!("{:<14}{:>10}", "added", 1)), "{summary}");
        assert_eq!(lines(&desk, &order).await[0], json!(["LAMP", "LAMP", 4]));
        let stored = desk.state().await;
        drop(import(&store, "orders", &rows(&order), &added).await.succeeded());
        assert_eq!(desk.state().await, stored);

        let whole = format!("{order}w");
        let run = import(&store, "orders", &rows(&whole), &[&["--whole-orders"], way].concat()).await;
        assert!(run.err.contains("its line LAMP is on lines 2 and 5"), "{}", run.err);
        let _ = run.ended_with(1);
        let _ = desk
            .get(&format!("/v1/orders/{whole}"))
            .await
            .refuses(404, "unknown_order");
        let arguments = [&["--whole-orders", "--repeats", "number"], way].concat();
        drop(import(&store, "orders", &rows(&whole), &arguments).await.succeeded());
        assert_eq!(lines(&desk, &whole).await, expected);
    }
}

pub(super) async fn a_batch_that_is_twice_in_a_file_is_refused_added_up_or_numbered(desk: Desk) {
    let store = desk.db.url();
    let rows = "reference,sku,quantity,eta\nB1,LAMP,2,\nB2,LAMP,1,\nB1,LAMP,2,\n";
    assert_reported(import(&store, "batches", rows, &[]).await, &[2, 4]);
    assert_eq!(desk.product("LAMP").await["available"], 1);
    drop(import(&store, "batches", rows, &["--repeats", "add"]).await.succeeded());
    assert_eq!(desk.batch("B1").await["quantity"], 4);

    let rows = "reference,sku,quantity,eta\nB3,LAMP,2,\nB3,RUG,7,2199-01-01\n";
    let run = import(&store, "batches", rows, &["--repeats", "add"]).await;
    assert!(
        run.err.contains("its rows on lines 2 and 3 differ in sku"),
        "{}",
        run.err
    );
    let _ = run.ended_with(1);
    drop(
        import(&store, "batches", rows, &["--repeats", "number"])
            .await
            .succeeded(),
    );
    assert_eq!(desk.batch("B3").await["sku"], "LAMP");
    assert_eq!(desk.batch("B3-2").await["sku"], "RUG");
    let stored = desk.state().await;
    drop(
        import(&store, "batches", rows, &["--repeats", "number"])
            .await
            .succeeded(),
    );
    assert_eq!(desk.state().await, stored);
}

pub(super) async fn a_product_with_two_names_changes_nothing(desk: Desk) {
    let store = desk.db.url();
    let rows = "sku,name\nLAMP,Lamp\nRUG,Rug\nLAMP,Lampe\nRUG,Rug\n";
    for _ in 0..2 {
        let run = import(&store, "products", rows, &[]).await;
        assert!(
            run.err
                .contains("line 2: product LAMP is skipped: its rows on lines 2 and 4 differ in name"),
            "{}",
            run.err
        );
        let _ = run.ended_with(1);
        let _ = desk.get("/v1/products/LAMP").await.refuses(404, "unknown_sku");
        // To say the same twice is no fault.
        assert_eq!(desk.product("RUG").await["name"], "Rug");
        assert_eq!(desk.product("RUG").await["version"], 1);
    }
}
