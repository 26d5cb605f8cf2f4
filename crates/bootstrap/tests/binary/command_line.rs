//! The subcommands as processes: output, exit codes and effects on a real database file.

use std::fs;
use std::io::Write;

use crate::sandbox::{Sandbox, TINY, column};

#[test]
fn every_line_of_the_tiny_data_gets_its_expected_batch() {
    let sandbox = Sandbox::stocked();
    sandbox
        .imports("orders", "order_lines.csv")
        .reports("allocated", 48)
        .reports("backordered", 12)
        .reports("bad", 0);

    let expected = fs::read_to_string(format!("{TINY}/expected.csv")).expect("a file");
    let expected: Vec<String> = expected
        .lines()
        .skip(1)
        .map(|line| {
            let [order, sku, quantity, batch] = column(line);
            format!("{order},{sku},{quantity},{batch}")
        })
        .collect();
    let exported = sandbox.run(["export", "allocations"]).succeeds().out;
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
    let sandbox = Sandbox::stocked();
    sandbox.imports("orders", "order_lines.csv");
    let before = sandbox.run(["export", "events"]).succeeds().out;

    sandbox
        .imports("products", "products.csv")
        .reports("unchanged", 9)
        .reports("named", 0);
    sandbox
        .imports("batches", "batches.csv")
        .reports("unchanged", 20)
        .reports("created", 0);
    sandbox
        .imports("orders", "order_lines.csv")
        .reports("unchanged", 60)
        .reports("allocated", 0);
    assert_eq!(sandbox.run(["export", "events"]).succeeds().out, before);
}

#[test]
fn whole_orders_are_placed_completely_or_not_at_all() {
    let sandbox = Sandbox::stocked();
    let run = sandbox.run([
        "import",
        "orders",
        &format!("{TINY}/order_lines.csv"),
        "--whole-orders",
        "--on-shortage",
        "reject",
    ]);
    let out = run.succeeds().out;
    assert!(out.contains("bad                    0"), "{out}");
    let orders = sandbox.run(["export", "orders"]).succeeds().out;
    // One row is the header.
    assert_eq!(orders.lines().count() - 1, 11, "{orders}");
    assert!(orders.lines().skip(1).all(|order| order.contains(",firm,")), "{orders}");
    sandbox.run(["verify"]).succeeds();
}

#[test]
fn the_backlog_and_the_batches_are_exported_as_csv_and_as_ndjson() {
    let sandbox = Sandbox::stocked();
    sandbox.imports("orders", "order_lines.csv");
    let backlog = sandbox.run(["export", "backlog"]).succeeds().out;
    assert_eq!(backlog.lines().count() - 1, 12, "{backlog}");

    let batches = sandbox.run(["export", "batches", "--format", "ndjson"]).succeeds().out;
    assert_eq!(batches.lines().count(), 20);
    assert!(
        batches.lines().all(|line| line.starts_with("{\"reference\":\"")),
        "{batches}"
    );
}

#[test]
fn bad_rows_are_reported_with_file_line_and_reason_and_the_others_are_imported() {
    let sandbox = Sandbox::stocked();
    let file = sandbox.file(
        "orders.csv",
        "order_id,sku,quantity\nO-1,CL-9009,1\nO-1,NONE-SUCH,1\n\nO-2,CL-9009,none\n\"O-3\",CL-9009,2\n",
    );
    let run = sandbox.run(["import", "orders", &file]).fails_with(1);
    assert!(run.out.contains("rows                   4"), "{}", run.out);
    assert!(run.out.contains("allocated              2"), "{}", run.out);
    assert!(run.out.contains("bad                    2"), "{}", run.out);
    assert!(
        run.err.contains(&format!("{file}: line 3: unknown SKU: NONE-SUCH")),
        "{}",
        run.err
    );
    let reported = format!("{file}: line 5: quantity: must be a whole number from 1 to 1000000000, is \"none\"");
    assert!(run.err.contains(&reported), "{}", run.err);
}

#[test]
fn strict_ends_at_the_first_bad_row_and_keeps_the_rows_before_it() {
    let sandbox = Sandbox::stocked();
    let file = sandbox.file(
        "orders.csv",
        "order_id,sku,quantity\nO-1,CL-9009,1\nO-2,CL-9009,0\nO-3,CL-9009,1\n",
    );
    let run = sandbox.run(["import", "orders", &file, "--strict"]).fails_with(1);
    assert!(
        run.err.contains(&format!("{file}: ended at line 3, the first bad row")),
        "{}",
        run.err
    );
    let orders = sandbox.run(["export", "orders"]).succeeds().out;
    assert!(orders.contains("O-1,") && !orders.contains("O-3,"), "{orders}");
}

#[test]
fn an_import_reads_standard_input() {
    let sandbox = Sandbox::stocked();
    let mut import = sandbox.command(["import", "orders", "-"]).spawn().expect("the binary");
    let mut to = import.stdin.take().expect("a pipe");
    to.write_all(b"{\"order_id\":\"O-1\",\"sku\":\"CL-9009\",\"quantity\":1}\n")
        .expect("a reader");
    drop(to);
    let output = import.wait_with_output().expect("an end");
    assert!(output.status.success());
    let out = String::from_utf8(output.stdout).expect("text");
    assert!(out.contains("allocated              1"), "{out}");
}

#[test]
fn a_missing_file_and_an_unknown_column_are_reported() {
    let sandbox = Sandbox::stocked();
    let run = sandbox.run(["import", "batches", "no-such-file.csv"]).fails_with(1);
    assert!(
        run.err.contains("earmark: can't read no-such-file.csv: "),
        "{}",
        run.err
    );

    let file = sandbox.file("batches.csv", "reference,sku,quantity,eta,colour\n");
    let run = sandbox.run(["import", "batches", &file]).fails_with(1);
    assert!(
        run.err
            .contains("unknown column \"colour\" in the header; batches have reference, sku"),
        "{}",
        run.err
    );
}

#[test]
fn verify_prints_what_it_checked_and_that_all_is_sound() {
    let sandbox = Sandbox::stocked();
    sandbox.imports("orders", "order_lines.csv");
    let out = sandbox.run(["verify"]).succeeds().out;
    assert!(out.contains("batches               20"), "{out}");
    assert!(out.contains("lines                 60"), "{out}");
    assert!(out.ends_with("all is sound\n"), "{out}");
}

#[test]
fn a_shop_without_dead_messages_says_so_and_knows_no_source_of_them() {
    let sandbox = Sandbox::stocked();
    let out = sandbox.run(["commands", "list"]).succeeds().out;
    assert_eq!(out, "there are no dead messages\n");
    for command in ["dead", "replay", "skip"] {
        let run = sandbox.run(["commands", command, "orders"]).fails_with(1);
        assert!(
            run.err.contains("there is no source orders with dead messages"),
            "{}",
            run.err
        );
    }
}

#[test]
fn reading_a_missing_database_does_not_create_it() {
    let sandbox = Sandbox::empty();
    for command in ["verify", "export"] {
        let arguments: &[&str] = if command == "export" {
            &["export", "events"]
        } else {
            &["verify"]
        };
        let run = sandbox.run(arguments).fails_with(1);
        assert!(run.err.contains("there is no database "), "{}", run.err);
    }
    assert!(!sandbox.database().exists());
}

/// Whoever decides on what was put aside has mistyped the name of the database if it is not there.
#[test]
fn deciding_on_what_was_put_aside_makes_no_database_and_migrates_none() {
    let sandbox = Sandbox::empty();
    let decisions = [
        "commands replay",
        "commands skip",
        "events replay",
        "events skip",
        "events enable",
        "events disable",
    ];
    let run = |decision: &str| sandbox.run(decision.split(' ').chain(["orders"])).fails_with(1);
    for decision in decisions {
        let run = run(decision);
        assert!(run.err.contains("there is no database "), "{decision}: {}", run.err);
    }
    assert!(!sandbox.database().exists());
    drop(std::fs::File::create(sandbox.database()).expect("an empty file, which SQLite takes for a database"));
    for decision in decisions {
        let run = run(decision);
        assert!(run.err.contains("run `earmark migrate`"), "{decision}: {}", run.err);
    }
    assert_eq!(std::fs::metadata(sandbox.database()).expect("a file").len(), 0);
}

#[test]
fn migrate_check_fails_until_the_schema_is_up_to_date() {
    let sandbox = Sandbox::empty();
    let run = sandbox.run(["migrate", "--check"]).fails_with(1);
    assert!(run.out.starts_with("missing "), "{}", run.out);
    assert!(!sandbox.database().exists());
    let run = sandbox.run(["migrate"]).succeeds();
    assert!(
        run.out.starts_with("done ") && run.out.ends_with("the schema is up to date\n"),
        "{}",
        run.out
    );
    sandbox.run(["migrate", "--check"]).succeeds();
}

#[test]
fn without_automatic_migration_a_new_database_is_refused_with_the_remedy() {
    let sandbox = Sandbox::empty();
    let output = sandbox
        .command(["import", "products", &format!("{TINY}/products.csv")])
        .env("EARMARK__STORE__MIGRATE", "false")
        .output()
        .expect("the binary");
    assert_eq!(output.status.code(), Some(1));
    let out = String::from_utf8(output.stderr).expect("text");
    assert!(out.contains("run `earmark migrate`"), "{out}");
}

#[test]
fn settings_are_shown_with_their_sources_and_without_passwords() {
    let sandbox = Sandbox::empty();
    sandbox.file("earmark.toml", "[http]\nlisten = \"127.0.0.1:9\"\n");
    let output = sandbox
        .command(["settings", "--log-level", "debug"])
        .env("EARMARK__STORE__URL", "postgres://shop:s3cret@localhost/shop")
        .output()
        .expect("the binary");
    let out = String::from_utf8(output.stdout).expect("text");
    let line = |name: &str| {
        let line = out.lines().find(|line| line.starts_with(name)).expect("a setting");
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("http.listen"), "127.0.0.1:9 earmark.toml");
    assert_eq!(
        line("store.url"),
        "postgres://shop:***@localhost/shop environment variable EARMARK__STORE__URL"
    );
    assert_eq!(line("log.level"), "debug flag --log-level");
    assert_eq!(line("store.migrate"), "true default");
    assert_eq!(line("promising.overdue_grace_days"), "7 default");
    assert!(!out.contains("s3cret"), "{out}");
}

#[test]
fn a_wrong_setting_is_refused_with_what_is_allowed() {
    let sandbox = Sandbox::empty();
    sandbox.file("earmark.toml", "[promising]\noverdue_grace_days = 3651\n");
    let run = sandbox.run(["settings"]).fails_with(2);
    assert_eq!(
        run.err,
        "earmark: setting promising.overdue_grace_days (earmark.toml) can't be \"3651\": \
         a whole number of days from 0 to 3650, or off, is allowed\n"
    );
}

#[test]
fn an_overdue_batch_is_offered_until_its_grace_ends() {
    let sandbox = Sandbox::empty();
    let batches = sandbox.file("batches.csv", "reference,sku,quantity,eta\nB-1,LAMP,10,2020-01-31\n");
    sandbox.run(["import", "batches", &batches]).succeeds();
    let orders = |order: &str, quantity: u32| {
        let rows = format!("order_id,sku,quantity\n{order},LAMP,{quantity}\n");
        sandbox.file("orders.csv", &rows)
    };

    for (order, setting, outcome) in [
        ("O-1", "7", "backordered"),
        ("O-2", "\"off\"", "allocated"),
        ("O-3", "30", "backordered"),
    ] {
        sandbox.file(
            "earmark.toml",
            &format!("[promising]\noverdue_grace_days = {setting}\n"),
        );
        let file = orders(order, 1);
        let run = sandbox.run(["import", "orders", &file]);
        run.succeeds().reports(outcome, 1);
    }
}

#[test]
fn the_columns_of_an_order_need_whole_orders() {
    let sandbox = Sandbox::stocked();
    let file = sandbox.file(
        "orders.csv",
        "order_id,sku,quantity,priority,required_by,locations\nO-1,CL-9009,1,5,2030-01-31,\nO-2,CL-9009,1,,,main\n",
    );
    let run = sandbox
        .run(["import", "orders", &file])
        .fails_with(1)
        .reports("allocated", 1)
        .reports("bad", 1);
    let reported = format!("{file}: line 2: priority: belongs to an order, not to a line; it needs --whole-orders");
    assert!(run.err.contains(&reported), "{}", run.err);

    sandbox
        .run(["import", "orders", &file, "--whole-orders"])
        .succeeds()
        .reports("allocated", 1)
        .reports("unchanged", 1);
    let orders = sandbox.run(["export", "orders"]).succeeds().out;
    assert!(
        orders
            .lines()
            .any(|order| order.starts_with("O-1,firm,") && order.ends_with(",,5,2030-01-31")),
        "{orders}"
    );
}

#[test]
fn an_unknown_setting_is_refused_with_its_name_and_source() {
    let sandbox = Sandbox::empty();
    sandbox.file("earmark.toml", "[strore]\nurl = \"memory:\"\n");
    let run = sandbox.run(["serve"]).fails_with(2);
    assert!(
        run.err
            .starts_with("earmark: unknown setting strore.url (earmark.toml); the settings are store.url, "),
        "{}",
        run.err
    );
}

#[test]
fn an_unknown_store_is_refused_with_the_known_ones() {
    let sandbox = Sandbox::empty();
    let run = sandbox
        .run(["serve", "--store", "mysql://localhost/shop"])
        .fails_with(2);
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
fn a_store_in_memory_is_refused_by_commands_that_end() {
    let sandbox = Sandbox::empty();
    let file = format!("{TINY}/batches.csv");
    for arguments in [
        &["verify"][..],
        &["export", "orders"],
        &["migrate"],
        &["import", "batches", &file],
    ] {
        let run = sandbox.run([arguments, &["--store", "memory:"]].concat()).fails_with(2);
        assert!(
            run.err.contains("memory: keeps its data in the process of the service"),
            "{}",
            run.err
        );
    }
}

#[test]
fn openapi_prints_json() {
    let sandbox = Sandbox::empty();
    let out = sandbox.run(["openapi"]).succeeds().out;
    assert!(out.starts_with('{') && out.contains("\"/v1/bulk\""), "{}", &out[..80]);
}

#[test]
fn asyncapi_prints_json() {
    let sandbox = Sandbox::empty();
    let out = sandbox.run(["asyncapi"]).succeeds().out;
    let document: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(document["asyncapi"], "3.0.0");
}

#[test]
fn the_schemas_of_events_are_printed_without_a_database() {
    let sandbox = Sandbox::empty();
    let schema = |arguments: &[&str]| -> serde_json::Value {
        let out = sandbox.run([&["events", "schema"], arguments].concat()).succeeds().out;
        serde_json::from_str(&out).expect("JSON")
    };
    assert_eq!(schema(&["Allocated"])["$id"], "urn:earmark:event:1:Allocated");
    assert_eq!(schema(&[])["$id"], "urn:earmark:event:1");
    let run = sandbox.run(["events", "schema", "Alocated"]).fails_with(2);
    assert!(
        run.err.contains("no event type Alocated") && run.err.contains("Allocated"),
        "{}",
        run.err
    );
}

#[test]
fn an_export_into_a_closed_pipe_ends_without_an_error() {
    let sandbox = Sandbox::stocked();
    sandbox.imports("orders", "order_lines.csv");
    let mut export = sandbox.command(["export", "events"]).spawn().expect("the binary");
    // The pipe is closed before the export writes its first row.
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
