//! Imports and exports of files, and forged tables.

mod forgery;
mod largest_order;
mod promises;
mod repeats;
mod whole_files;
mod whole_orders;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use earmark_tests::databases::{Database, SqliteDatabase};
use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, earmark, earmark_without_grace};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// The path of a file of the examples.
fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// The files of the tiny example, with what they hold, in the order in which they are imported.
const TINY: [(&str, &str); 3] = [
    ("products", "tiny/products.csv"),
    ("batches", "tiny/batches.csv"),
    ("orders", "tiny/order_lines.csv"),
];

/// Imports the tiny example with further arguments. Returns the output of each import.
async fn import_tiny(store: &str, arguments: &[&str]) -> Vec<String> {
    let mut outputs = Vec::new();
    for (kind, file) in TINY {
        let file = example(file);
        let run = earmark(store, &[&["import", kind, &file], arguments].concat()).await;
        outputs.push(run.err.clone() + &run.succeeded());
    }
    outputs
}

/// A table as rows of `(column, value)`s.
async fn table(store: &str, what: &str) -> Vec<csv::StringRecord> {
    let text = earmark(store, &["export", what]).await.succeeded();
    csv::Reader::from_reader(text.as_bytes())
        .into_records()
        .collect::<Result<_, _>>()
        .expect("CSV")
}

/// The allocations of each line, without the dates, which depend on the day.
async fn promises(store: &str) -> Vec<Vec<String>> {
    let rows = table(store, "allocations").await;
    rows.iter()
        .map(|row| row.iter().take(7).map(str::to_owned).collect())
        .collect()
}

async fn each_line_of_the_tiny_example_gets_the_batch_that_is_expected(desk: Desk) {
    // Its deliveries lie in the past, and the answer knows no grace.
    for (kind, file) in TINY {
        let run = earmark_without_grace(&desk.db.url(), &["import", kind, &example(file)]).await;
        let _ = run.succeeded();
    }
    let expected = fs::read_to_string(example("tiny/expected.csv")).expect("the answer");
    let mut expected: Vec<Vec<String>> = csv::Reader::from_reader(expected.as_bytes())
        .into_records()
        .map(|row| row.expect("CSV").iter().map(str::to_owned).collect())
        .collect();
    assert_eq!(expected.len(), 60);
    // The export is in the order of orders and lines, the expected file in the order of placing.
    expected.sort();
    let mut exported: Vec<Vec<String>> = promises(&desk.db.url())
        .await
        .into_iter()
        .map(|row| vec![row[0].clone(), row[2].clone(), row[3].clone(), row[5].clone()])
        .collect();
    exported.sort();
    assert_eq!(exported, expected);
}

async fn importing_again_changes_nothing(desk: Desk) {
    import_tiny(&desk.db.url(), &[]).await;
    let stored = desk.state().await;
    let rows = table(&desk.db.url(), "orders").await;
    let outputs = import_tiny(&desk.db.url(), &[]).await;
    assert!(outputs.iter().all(|output| output.contains("unchanged")), "{outputs:?}");
    assert_eq!(desk.state().await, stored);
    assert_eq!(table(&desk.db.url(), "orders").await, rows);
}

async fn importing_through_a_service_equals_importing_into_its_store(desk: Desk) {
    let nowhere = "sqlite:there-is-nothing-here.db";
    import_tiny(nowhere, &["--to", desk.base()]).await;
    let direct = SqliteDatabase::fresh().await;
    import_tiny(&direct.url(), &[]).await;
    assert_eq!(promises(&desk.db.url()).await, promises(&direct.url()).await);
    let mut batches = [
        table(&desk.db.url(), "batches").await,
        table(&direct.url(), "batches").await,
    ];
    assert!(!batches[0].is_empty());
    let [sent, written] = &mut batches;
    assert_eq!(sent, written);
    // Once more, now that all of it exists.
    let stored = desk.state().await;
    import_tiny(nowhere, &["--to", desk.base()]).await;
    assert_eq!(desk.state().await, stored);
}

async fn a_file_may_be_gzip_or_ndjson(desk: Desk) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        path
    };
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(b"reference,sku,quantity,eta,location\nB1,LAMP,10,,north\nB2,\"LAMP, red\",5,2199-01-01,\n")
        .expect("gzip");
    let batches = file("batches.csv.gz", &gzip.finish().expect("gzip"));
    let orders = [
        json!({"order_id": "o1", "sku": "LAMP", "quantity": 4}),
        json!({"order_id": "o1", "line_id": "l2", "sku": "LAMP, red", "quantity": 5,
               "ordered_at": "2026-01-01T10:00:00Z"}),
    ];
    let orders: String = orders.iter().map(|line| format!("{line}\n")).collect();
    let orders = file("orders.ndjson", orders.as_bytes());
    for (kind, path) in [("batches", &batches), ("orders", &orders)] {
        let path = path.to_str().expect("a path in UTF-8");
        drop(earmark(&desk.db.url(), &["import", kind, path]).await.succeeded());
    }
    assert_eq!(desk.batch("B1").await["location"], "north");
    let order = desk.order("o1").await;
    assert_eq!(
        order["lines"][0]["allocations"],
        json!([{"batch": "B1", "quantity": 4}])
    );
    assert_eq!(
        (&order["lines"][1]["line_id"], &order["lines"][1]["promised_on"]),
        (&json!("l2"), &json!("2199-01-01"))
    );
}

async fn an_invalid_row_is_reported_with_file_and_line_and_the_others_are_imported(desk: Desk) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stock.csv");
    let rows = "reference,sku,quantity,eta\nB1,LAMP,10,\nB2,LAMP,0,\nB3,LAMP,ten,\nB4,LAMP,5,2026-02-30\n,LAMP,5,\n\
                B5,LAMP,5,\nB6,LAMP,11,\n";
    desk.buy("B6", "LAMP", 12).await;
    fs::write(&path, rows).expect("a file");
    let path = path.to_str().expect("a path in UTF-8");
    for to in [vec![], vec!["--to", desk.base()]] {
        let run = earmark(&desk.db.url(), &[&["import", "batches", path], &to[..]].concat())
            .await
            .ended_with(1);
        for line in [3, 4, 5, 6, 8] {
            let place = format!("stock.csv: line {line}:");
            assert!(run.err.contains(&place), "{place} is not reported: {}", run.err);
        }
        for line in [2, 7] {
            assert!(!run.err.contains(&format!("stock.csv: line {line}:")), "{}", run.err);
        }
    }
    assert_eq!(desk.product("LAMP").await["available"], 27);
    assert_eq!(desk.events().await.len(), 3);
}

async fn exports_equal_what_the_service_shows(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    desk.buy_inbound("B2", "LAMP", 10, "2199-01-01").await;
    let split = json!({"order_id": "o,1", "sku": "LAMP", "quantity": 15, "split": true});
    let _ = desk.post("/v1/allocations", &split).await.answers(201);
    let _ = desk.allocate_or_wait("o2", "LAMP", 99).await.answers(202);
    let store = desk.db.url();

    let promises = promises(&store).await;
    assert_eq!(
        promises,
        [
            ["o,1", "LAMP", "LAMP", "15", "allocated", "B1", "10"],
            ["o,1", "LAMP", "LAMP", "15", "allocated", "B2", "5"],
            ["o2", "LAMP", "LAMP", "99", "backordered", "", ""],
        ]
    );
    let text = earmark(&store, &["export", "events", "--format", "ndjson"])
        .await
        .succeeded();
    let exported: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a row is JSON"))
        .collect();
    let shown = desk.events().await;
    assert_eq!(exported.len(), shown.len());
    for (exported, shown) in exported.iter().zip(&shown) {
        for member in [
            "sequence",
            "type",
            "sku",
            "version",
            "occurred_at",
            "actor",
            "correlation_id",
            "data",
        ] {
            assert_eq!(exported[member], shown[member], "{member}");
        }
    }
    let backlog = table(&store, "backlog").await;
    assert_eq!(backlog.len(), 1);
    assert_eq!((&backlog[0][0], &backlog[0][1], &backlog[0][3]), ("LAMP", "o2", "99"));
    let batches = table(&store, "batches").await;
    assert_eq!(batches.len(), 2);
    assert_eq!(
        batches[1].iter().collect::<Vec<_>>(),
        ["B2", "LAMP", "main", "10", "5", "0", "5", "2199-01-01", "inbound"]
    );
}

async fn the_demo_data_is_imported_completely_and_no_unit_is_promised_twice(desk: Desk) {
    for (kind, file) in [
        ("products", "products"),
        ("batches", "batches"),
        ("orders", "order_lines"),
    ] {
        let file = example(&format!("demo/{file}.csv.gz"));
        drop(earmark(&desk.db.url(), &["import", kind, &file]).await.succeeded());
    }
    let lines = table(&desk.db.url(), "allocations").await;
    assert!(lines.len() > 1_000, "{}", lines.len());
    for row in table(&desk.db.url(), "batches").await {
        let number = |at: usize| row[at].parse::<u64>().expect("a number");
        assert_eq!(number(4) + number(5) + number(6), number(3), "{row:?}");
        let allocated = lines
            .iter()
            .filter(|line| line[5] == row[0])
            .map(|line| line[6].parse::<u64>().expect("a number"));
        assert_eq!(allocated.sum::<u64>(), number(4), "{row:?}");
    }
}

async fn verify_finds_no_discrepancy_during_writes(desk: Desk) {
    desk.buy("B1", "LAMP", 1_000_000).await;
    let client = desk.client.clone();
    let writer = tokio::spawn(async move {
        for at in 0..400 {
            let _ = client.allocate(&format!("o{at}"), "LAMP", 1).await.answers(201);
        }
    });
    let mut checks = 0;
    while !writer.is_finished() {
        let report = desk.verify().await;
        assert!(report.contains("all is sound"), "{report}");
        checks += 1;
    }
    writer.await.expect("the writer is served");
    assert!(checks > 0);
}

use largest_order::the_largest_order_goes_every_way;
use promises::{
    a_hold_is_exported_until_its_deadline_and_not_after_it, rows_with_invalid_terms_are_reported,
    terms_in_imported_files_are_in_the_exports,
};
use repeats::{
    a_batch_that_is_twice_in_a_file_is_refused_added_up_or_numbered,
    a_line_that_is_twice_in_a_file_is_refused_added_up_or_numbered, a_product_with_two_names_changes_nothing,
};
use whole_files::{
    a_file_of_receipts_says_what_is_still_expected, a_file_that_breaks_off_is_not_imported,
    a_pipe_that_ends_within_a_row_is_reported, a_strict_import_stores_nothing_behind_the_first_bad_row,
    changes_counts_and_receipts_are_files_too, what_was_there_is_counted_as_unchanged_by_each_way,
};
use whole_orders::{
    an_order_is_placed_whole_wherever_its_lines_are, an_order_that_may_lack_a_line_is_reported_and_not_placed,
};

on_each_database! {
    a_batch_that_is_twice_in_a_file_is_refused_added_up_or_numbered,
    a_file_of_receipts_says_what_is_still_expected,
    a_file_that_breaks_off_is_not_imported,
    a_hold_is_exported_until_its_deadline_and_not_after_it,
    a_line_that_is_twice_in_a_file_is_refused_added_up_or_numbered,
    a_pipe_that_ends_within_a_row_is_reported,
    a_product_with_two_names_changes_nothing,
    a_strict_import_stores_nothing_behind_the_first_bad_row,
    an_order_is_placed_whole_wherever_its_lines_are,
    an_order_that_may_lack_a_line_is_reported_and_not_placed,
    changes_counts_and_receipts_are_files_too,
    the_largest_order_goes_every_way,
    what_was_there_is_counted_as_unchanged_by_each_way,
    rows_with_invalid_terms_are_reported,
    terms_in_imported_files_are_in_the_exports,
    each_line_of_the_tiny_example_gets_the_batch_that_is_expected,
    importing_again_changes_nothing,
    importing_through_a_service_equals_importing_into_its_store,
    a_file_may_be_gzip_or_ndjson,
    an_invalid_row_is_reported_with_file_and_line_and_the_others_are_imported,
    exports_equal_what_the_service_shows,
    the_demo_data_is_imported_completely_and_no_unit_is_promised_twice,
    verify_finds_no_discrepancy_during_writes,
}
