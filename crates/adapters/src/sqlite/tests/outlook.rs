//! What planners ask: by which indexes it is found, and that a batch lists the lines that the deferred index does not have
//! yet.

use earmark_application::{Audit, DueList, DuePlace, EtaPlace, Outlook, PlacedBetween, PlacedPlace};
use earmark_domain::{
    Command, ConfirmOrder, HoldFor, LineId, Locations, OnOrderShortage, OrderLine, OrderTerms, PlaceOrder, Quantity,
    Reference, ReleasePosition,
};
use jiff::SignedDuration;
use jiff::civil::date;

use super::super::SqliteStore;
use super::super::statement::statement;
use super::deferred_index::{PRODUCTS, allocate, batch_of, buy, opened, order, pending_and_indexed, product, run};
use super::plans::{Statements, is_fault, plan, record_all};
use super::{ShopFile, a_small_shop, batch_reference, instant, key, sku, store};

/// The plans of the queries that a question runs, step by step.
struct Questions {
    file: ShopFile,
    statements: Statements,
}

impl Questions {
    /// What the queries of a question do that has just been asked. None of them reads more than it needs.
    fn steps(&self) -> String {
        let run = std::mem::take(&mut self.statements.lock().expect("no thread panicked").run);
        let mut other = self.file.other_program();
        let mut steps = Vec::new();
        for query in run.iter().filter(|text| text.trim_start().starts_with("SELECT")) {
            assert!(!query.contains("LIMIT ?"), "{query}");
            let plan = plan(&mut other, query);
            // The lines of a page, which are read by their keys, are sorted.
            let is_sort = |step: &str| step == "USE TEMP B-TREE FOR ORDER BY" && query.contains("json_each");
            let faults: Vec<&String> = plan.iter().filter(|step| is_fault(step) && !is_sort(step)).collect();
            assert!(faults.is_empty(), "{query}\n{plan:#?}");
            steps.extend(plan);
        }
        steps.join("\n")
    }

    fn assert_walks(&self, walked: &[&str]) {
        let steps = self.steps();
        for walk in walked {
            assert!(steps.contains(walk), "{walk}\n{steps}");
        }
    }
}

#[tokio::test]
async fn each_list_of_planners_is_walked_from_its_cursor_on() {
    let file = ShopFile::new();
    let shop = SqliteStore::open(file.file(), 1, true).await.expect("the file opens");
    let statements = Statements::default();
    store(&shop, a_small_shop()).await.expect("stored");
    // Each list has something in it, so that lines are read by their keys, too.
    let late = "UPDATE lines SET rank = -(2147483648 - 20000)";
    statement::<()>(late).write(&mut file.other_program()).expect("valid");
    record_all(&shop, &statements).await;
    let questions = Questions { file, statements };
    let (day, now) = (date(2090, 1, 1), instant());
    let due = DuePlace {
        required_by: date(2024, 1, 1),
        key: key(),
    };

    let found = shop.due_lines(DueList::PromisedLate, Some(&due), now, 10).await;
    assert_eq!(found.expect("an answer").len(), 1, "the line has its day in its rank");
    questions.assert_walks(&[
        "INDEX lines_promised_late (<expr>=? AND (order_id,line_id)>(?,?))",
        "INDEX lines_promised_late (<expr>>? AND <expr><?)",
        "SEARCH lines USING PRIMARY KEY (order_id=? AND line_id=?)",
    ]);
    let waiting = DueList::Waiting(day);
    shop.due_lines(waiting, Some(&due), now, 10).await.expect("an answer");
    questions.assert_walks(&[
        "INDEX lines_waiting_due (<expr>=? AND (order_id,line_id)>(?,?))",
        "INDEX lines_waiting_due (<expr>>? AND <expr><?)",
    ]);

    let placed = PlacedBetween {
        from: Some(now),
        before: Some(now),
    };
    let after = PlacedPlace {
        placed_at: now,
        key: key(),
    };
    shop.waiting_lines(placed, Some(&after), now, 10)
        .await
        .expect("an answer");
    let walk = "COVERING INDEX lines_waiting ((placed_at,order_id,line_id)>(?,?,?) AND placed_at<?)";
    questions.assert_walks(&[walk]);
    shop.count_waiting_lines(placed, now, 10).await.expect("an answer");
    questions.assert_walks(&["COVERING INDEX lines_waiting (placed_at>? AND placed_at<?)"]);

    let after = EtaPlace {
        eta: date(2024, 1, 1),
        sku: sku(),
        reference: batch_reference(),
    };
    let found = shop.late_batches(day, Some(&after), now, 10).await;
    assert_eq!(found.expect("an answer").len(), 1);
    let steps = questions.steps();
    for index in ["batches_by_eta", "batches_put_off"] {
        let walk = format!("SEARCH batches USING INDEX {index} (");
        assert!(steps.contains(&walk), "{steps}");
    }

    let lines = shop
        .lines_in_batch(&batch_reference(), None, 10)
        .await
        .expect("an answer");
    questions.steps();
    let (position, _) = lines.first().expect("the batch has a line");
    let behind = shop.lines_in_batch(&batch_reference(), Some(position), 10).await;
    assert_eq!(behind.expect("an answer"), []);
    questions.assert_walks(&[
        "SEARCH named USING INTEGER PRIMARY KEY (rowid>?)",
        "INDEX further_allocations_release (batch=?",
        "SEARCH lines_in_batches USING PRIMARY KEY (batch=?",
    ]);

    shop.open_stock(&[sku()].into(), now, 10).await.expect("an answer");
    questions.assert_walks(&["SEARCH batches USING INDEX batches_open (sku=?)"]);

    let hour = now + SignedDuration::from_hours(1);
    let end = "UPDATE products SET next_expiry = ?";
    let end = statement::<()>(end).integer(hour.as_microsecond());
    end.write(&mut questions.file.other_program()).expect("valid");
    shop.ending_holds(now, &[hour], Some(&sku()), 10)
        .await
        .expect("an answer");
    shop.ending_holds(now, &[hour], None, 10).await.expect("an answer");
    questions.assert_walks(&[
        "INDEX products_next_expiry (next_expiry<?)",
        "SEARCH lines USING INDEX lines_hold_until (sku=? AND hold_until>? AND hold_until<?)",
    ]);
    shop.held_units(&sku(), now).await.expect("an answer");
    questions.assert_walks(&["SEARCH lines USING INDEX lines_hold_until (sku=? AND hold_until>?)"]);
}

/// Places an order of one line that is held.
async fn hold(store: &SqliteStore, number: usize) {
    let line = OrderLine {
        line: LineId::new("1").expect("a line id"),
        sku: product(number % PRODUCTS),
        quantity: Quantity::new(2).expect("a quantity"),
        locations: Locations::ANY,
    };
    let terms = OrderTerms {
        on_shortage: OnOrderShortage::Reject,
        hold_for: Some(HoldFor::seconds(86_400).expect("a time to hold for")),
        ..OrderTerms::default()
    };
    let held = PlaceOrder::new(order(1_000 + number), vec![line], terms).expect("an order");
    run(store, 100 + number, Command::PlaceOrder(held)).await;
}

async fn confirm(store: &SqliteStore, number: usize) {
    let confirmed = ConfirmOrder {
        order: order(1_000 + number),
        lines: None,
        reacquire: false,
    };
    run(store, 100 + number, Command::ConfirmOrder(confirmed)).await;
}

/// Asserts that each batch lists the lines that have units in it, the last to leave first, a few at a time.
async fn each_batch_lists_its_lines(store: &SqliteStore) {
    let orders = store.audited_orders(None, 10_000).await.expect("orders");
    for number in 0..PRODUCTS {
        let batch: Reference = batch_of(number);
        let mut wanted: Vec<ReleasePosition> = Vec::new();
        for order in &orders {
            for held in order.allocations.iter().filter(|held| held.batch == batch) {
                let line = order.lines.iter().find(|line| *line.key() == held.key);
                wanted.push(ReleasePosition {
                    rank: held.release_rank,
                    allocated_version: held.allocated_version,
                    line: line.expect("the line").service_position(),
                });
            }
        }
        wanted.sort_by(|one, other| other.cmp(one));
        let mut listed: Vec<ReleasePosition> = Vec::new();
        loop {
            let page = store.lines_in_batch(&batch, listed.last(), 4).await.expect("lines");
            for (position, line) in &page {
                assert_eq!(*line.record.key(), position.line.key);
                assert!(line.allocations.iter().any(|(part, _)| part.batch == batch));
            }
            let is_last = page.len() < 4;
            listed.extend(page.into_iter().map(|(position, _)| position));
            if is_last {
                break;
            }
        }
        assert_eq!(listed, wanted, "{batch}");
        let first = store.lines_in_batch(&batch, None, 10_000).await.expect("lines");
        let first: Vec<_> = first.into_iter().map(|(position, _)| position).collect();
        assert_eq!(first, wanted, "{batch}");
    }
}

#[tokio::test]
async fn a_batch_lists_its_lines_before_during_and_after_a_run() {
    let file = ShopFile::new();
    let shop = opened(&file).await;
    buy(&shop, 1_000).await;
    let (mut within_a_run, mut between_runs) = (0, 0);
    for number in 0..120 {
        allocate(&shop, number).await;
        match number % 9 {
            0 => hold(&shop, number).await,
            // One of them has its entry already, and the other has not.
            4 if number > 40 => confirm(&shop, number - 31).await,
            5 => confirm(&shop, number - 5).await,
            7 => run(&shop, 8_000 + number, Command::CancelOrder(order(number - 1))).await,
            8 if number > 40 => run(&shop, 8_500 + number, Command::CancelOrder(order(number - 37))).await,
            _ => {}
        }
        let (pending, indexed) = pending_and_indexed(&file);
        if pending > 0 && indexed > 0 {
            within_a_run += 1;
        } else {
            between_runs += 1;
        }
        if number % 7 == 0 {
            each_batch_lists_its_lines(&shop).await;
        }
    }
    assert!(within_a_run > 20 && between_runs > 20, "both were seen");
    each_batch_lists_its_lines(&shop).await;
    drop(shop);
    each_batch_lists_its_lines(&opened(&file).await).await;
}
