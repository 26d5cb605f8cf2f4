//! The binary from outside: each command on a real file, by its output and its exit code.

use std::fs;
use std::io::Write;

use crate::shop::{Shop, TINY, column};

#[test]
fn every_line_of_the_tiny_data_gets_the_batch_that_is_expected() {
    let shop = Shop::stocked();
    shop.imports("orders", "order_lines.csv")
        .says("allocated", 48)
        .says("backordered", 12)
        .says("bad", 0);

    let expected = fs::read_to_string(format!("{TINY}/expected.csv")).expect("a file");
    let expected: Vec<String> = expected
        .lines()
        .skip(1)
        .map(|line| {
            let [order, sku, quantity, batch] = column(line);
            format!("{order},{sku},{quantity},{batch}")
        })
        .collect();
    let exported = shop.run(["export", "allocations"]).succeeds().out;
    let mut exported = exported.lines();
    assert_eq!(
        exported.next(),
        Some("order_id,line_id,sku,quantity,status,batch,allocated,promised_on")
    );
    let mut exported: Vec<String> = exported
        .map(|line| {
            let [order, _, sku, quantity, status, batch, ..]: [&str; 8] = column(line);
            assert_eq!(status == "backordered", batch.is_empty(), "{line}");
            format!("{order},{sku},{quantity},{batch}")
        })
        .collect();
    let mut expected = expected;
    expected.sort();
    exported.sort();
    assert_eq!(exported, expected);
}

#[test]
fn importing_again_changes_nothing() {
    let shop = Shop::stocked();
    shop.imports("orders", "order_lines.csv");
    let before = shop.run(["export", "events"]).succeeds().out;

    shop.imports("products", "products.csv")
        .says("unchanged", 9)
        .says("named", 0);
    shop.imports("batches", "batches.csv")
        .says("unchanged", 20)
        .says("created", 0);
    shop.imports("orders", "order_lines.csv")
        .says("unchanged", 60)
        .says("allocated", 0);
    assert_eq!(shop.run(["export", "events"]).succeeds().out, before);
}

#[test]
fn whole_orders_are_placed_whole_or_not_at_all() {
    let shop = Shop::stocked();
    let run = shop.run([
        "import",
        "orders",
        &format!("{TINY}/order_lines.csv"),
        "--whole-orders",
        "--on-shortage",
        "reject",
    ]);
    let told = run.succeeds().out;
    assert!(told.contains("bad                    0"), "{told}");
    let orders = shop.run(["export", "orders"]).succeeds().out;
    // One row is the header.
    assert_eq!(orders.lines().count() - 1, 11, "{orders}");
    assert!(orders.lines().skip(1).all(|order| order.contains(",firm,")), "{orders}");
    shop.run(["verify"]).succeeds();
}

#[test]
fn what_waits_is_exported_in_order_of_service_and_as_json() {
    let shop = Shop::stocked();
    shop.imports("orders", "order_lines.csv");
    let backlog = shop.run(["export", "backlog"]).succeeds().out;
    assert_eq!(backlog.lines().count() - 1, 12, "{backlog}");

    let batches = shop.run(["export", "batches", "--format", "ndjson"]).succeeds().out;
    assert_eq!(batches.lines().count(), 20);
    assert!(
        batches.lines().all(|line| line.starts_with("{\"reference\":\"")),
        "{batches}"
    );
}

#[test]
fn bad_rows_are_told_with_file_line_and_reason_and_the_others_are_imported() {
    let shop = Shop::stocked();
    let file = shop.file(
        "orders.csv",
        "order_id,sku,quantity\nO-1,CL-9009,1\nO-1,NONE-SUCH,1\n\nO-2,CL-9009,none\n\"O-3\",CL-9009,2\n",
    );
    let run = shop.run(["import", "orders", &file]).fails_with(1);
    assert!(run.out.contains("rows                   4"), "{}", run.out);
    assert!(run.out.contains("allocated              2"), "{}", run.out);
    assert!(run.out.contains("bad                    2"), "{}", run.out);
    assert!(
        run.err.contains(&format!("{file}: line 3: unknown SKU: NONE-SUCH")),
        "{}",
        run.err
    );
    let told = format!("{file}: line 5: quantity: must be a whole number from 1 to 1000000000, is \"none\"");
    assert!(run.err.contains(&told), "{}", run.err);
}

#[test]
fn strict_ends_at_the_first_bad_row_and_keeps_what_came_before() {
    let shop = Shop::stocked();
    let file = shop.file(
        "orders.csv",
        "order_id,sku,quantity\nO-1,CL-9009,1\nO-2,CL-9009,0\nO-3,CL-9009,1\n",
    );
    let run = shop.run(["import", "orders", &file, "--strict"]).fails_with(1);
    assert!(
        run.err.contains(&format!("{file}: ended at line 3, the first bad row")),
        "{}",
        run.err
    );
    let orders = shop.run(["export", "orders"]).succeeds().out;
    assert!(orders.contains("O-1,") && !orders.contains("O-3,"), "{orders}");
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    let shop = Shop::stocked();
    let mut import = shop.command(["import", "orders", "-"]).spawn().expect("the binary");
    let mut to = import.stdin.take().expect("a pipe");
    to.write_all(b"{\"order_id\":\"O-1\",\"sku\":\"CL-9009\",\"quantity\":1}\n")
        .expect("a reader");
    drop(to);
    let output = import.wait_with_output().expect("an end");
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).expect("text");
    assert!(told.contains("allocated              1"), "{told}");
}

#[test]
fn a_file_that_is_not_there_or_has_a_strange_column_is_told_in_one_sentence() {
    let shop = Shop::stocked();
    let run = shop.run(["import", "batches", "no-such-file.csv"]).fails_with(1);
    assert!(
        run.err.contains("earmark: can't read no-such-file.csv: "),
        "{}",
        run.err
    );

    let file = shop.file("batches.csv", "reference,sku,quantity,eta,colour\n");
    let run = shop.run(["import", "batches", &file]).fails_with(1);
    assert!(
        run.err
            .contains("unknown column \"colour\" in the header; batches have reference, sku"),
        "{}",
        run.err
    );
}

#[test]
fn verify_counts_what_it_checked_and_finds_all_sound() {
    let shop = Shop::stocked();
    shop.imports("orders", "order_lines.csv");
    let told = shop.run(["verify"]).succeeds().out;
    assert!(told.contains("batches               20"), "{told}");
    assert!(told.contains("lines                 60"), "{told}");
    assert!(told.ends_with("all is sound\n"), "{told}");
}

#[test]
fn reading_books_that_are_not_there_leaves_none_behind() {
    let shop = Shop::empty();
    for command in ["verify", "export"] {
        let arguments: &[&str] = if command == "export" {
            &["export", "events"]
        } else {
            &["verify"]
        };
        let run = shop.run(arguments).fails_with(1);
        assert!(run.err.contains("there is no database "), "{}", run.err);
    }
    assert!(!shop.database().exists());
}

#[test]
fn migrate_check_fails_until_the_schema_is_up_to_date() {
    let shop = Shop::empty();
    let run = shop.run(["migrate", "--check"]).fails_with(1);
    assert!(run.out.starts_with("missing "), "{}", run.out);
    assert!(!shop.database().exists());
    let run = shop.run(["migrate"]).succeeds();
    assert!(
        run.out.starts_with("done ") && run.out.ends_with("the schema is up to date\n"),
        "{}",
        run.out
    );
    shop.run(["migrate", "--check"]).succeeds();
}

#[test]
fn without_migrate_a_new_database_is_refused_with_what_to_do() {
    let shop = Shop::empty();
    let output = shop
        .command(["import", "products", &format!("{TINY}/products.csv")])
        .env("EARMARK__STORE__MIGRATE", "false")
        .output()
        .expect("the binary");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).expect("text");
    assert!(told.contains("run `earmark migrate`"), "{told}");
}

#[test]
fn settings_are_shown_with_where_they_came_from_and_without_passwords() {
    let shop = Shop::empty();
    shop.file("earmark.toml", "[http]\nlisten = \"127.0.0.1:9\"\n");
    let output = shop
        .command(["settings", "--log-level", "debug"])
        .env("EARMARK__STORE__URL", "postgres://shop:s3cret@localhost/shop")
        .output()
        .expect("the binary");
    let told = String::from_utf8(output.stdout).expect("text");
    let line = |name: &str| {
        let line = told.lines().find(|line| line.starts_with(name)).expect("a setting");
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("http.listen"), "127.0.0.1:9 earmark.toml");
    assert_eq!(
        line("store.url"),
        "postgres://shop:***@localhost/shop environment variable EARMARK__STORE__URL"
    );
    assert_eq!(line("log.level"), "debug flag --log-level");
    assert_eq!(line("store.migrate"), "true default");
    assert_eq!(line("promising.overdue_grace_days"), "none default");
    assert!(!told.contains("s3cret"), "{told}");
}

#[test]
fn a_setting_that_cannot_be_is_refused_with_what_is_allowed() {
    let shop = Shop::empty();
    shop.file("earmark.toml", "[promising]\noverdue_grace_days = 3651\n");
    let run = shop.run(["settings"]).fails_with(2);
    assert_eq!(
        run.err,
        "earmark: setting promising.overdue_grace_days (earmark.toml) can't be \"3651\": \
         a whole number of days from 0 to 3650 is allowed\n"
    );
}

#[test]
fn an_overdue_batch_is_promised_for_as_long_as_its_grace_lasts() {
    let shop = Shop::empty();
    let batches = shop.file("batches.csv", "reference,sku,quantity,eta\nB-1,LAMP,10,2020-01-31\n");
    shop.run(["import", "batches", &batches]).succeeds();
    let orders = |order: &str, quantity: u32| {
        let rows = format!("order_id,sku,quantity\n{order},LAMP,{quantity}\n");
        shop.file("orders.csv", &rows)
    };

    let file = orders("O-1", 1);
    shop.run(["import", "orders", &file]).succeeds().says("allocated", 1);
    shop.file("earmark.toml", "[promising]\noverdue_grace_days = 30\n");
    let file = orders("O-2", 1);
    shop.run(["import", "orders", &file]).succeeds().says("backordered", 1);
}

#[test]
fn what_is_said_of_an_order_is_taken_with_the_whole_order_and_told_otherwise() {
    let shop = Shop::stocked();
    let file = shop.file(
        "orders.csv",
        "order_id,sku,quantity,priority,required_by,locations\nO-1,CL-9009,1,5,2030-01-31,\nO-2,CL-9009,1,,,main\n",
    );
    let run = shop
        .run(["import", "orders", &file])
        .fails_with(1)
        .says("allocated", 1)
        .says("bad", 1);
    let told = format!("{file}: line 2: priority: is said of an order that is placed whole (--whole-orders)");
    assert!(run.err.contains(&told), "{}", run.err);

    shop.run(["import", "orders", &file, "--whole-orders"])
        .succeeds()
        .says("allocated", 1)
        .says("unchanged", 1);
    let orders = shop.run(["export", "orders"]).succeeds().out;
    assert!(
        orders
            .lines()
            .any(|order| order.starts_with("O-1,firm,") && order.ends_with(",,5,2030-01-31")),
        "{orders}"
    );
}

#[test]
fn an_unknown_setting_ends_the_start_with_its_name_and_source() {
    let shop = Shop::empty();
    shop.file("earmark.toml", "[strore]\nurl = \"memory:\"\n");
    let run = shop.run(["serve"]).fails_with(2);
    assert!(
        run.err
            .starts_with("earmark: unknown setting strore.url (earmark.toml); there are store.url, "),
        "{}",
        run.err
    );
}

#[test]
fn an_unknown_store_is_answered_with_those_there_are() {
    let shop = Shop::empty();
    let run = shop.run(["serve", "--store", "mysql://localhost/shop"]).fails_with(2);
    assert!(
        run.err.contains("setting store.url (flag --store) can't be"),
        "{}",
        run.err
    );
    assert!(
        run.err
            .contains("sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE and memory: are allowed"),
        "{}",
        run.err
    );
}

#[test]
fn memory_has_nothing_for_a_command_that_ends() {
    let shop = Shop::empty();
    let file = format!("{TINY}/batches.csv");
    for arguments in [
        &["verify"][..],
        &["export", "orders"],
        &["migrate"],
        &["import", "batches", &file],
    ] {
        let run = shop.run([arguments, &["--store", "memory:"]].concat()).fails_with(2);
        assert!(
            run.err
                .contains("memory: keeps its books in the process that serves them"),
            "{}",
            run.err
        );
    }
}

#[test]
fn the_description_of_the_interface_is_json() {
    let shop = Shop::empty();
    let told = shop.run(["openapi"]).succeeds().out;
    assert!(
        told.starts_with('{') && told.contains("\"/v1/bulk\""),
        "{}",
        &told[..80]
    );
}

#[test]
fn a_reader_that_has_seen_enough_ends_an_export_quietly() {
    let shop = Shop::stocked();
    shop.imports("orders", "order_lines.csv");
    let mut export = shop.command(["export", "events"]).spawn().expect("the binary");
    // Closed before a row is written: the export meets a pipe that nobody reads.
    drop(export.stdout.take());
    let output = export.wait_with_output().expect("an end");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.stderr.is_empty());
}
