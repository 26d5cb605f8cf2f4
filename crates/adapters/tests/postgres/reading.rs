//! What is loaded for a scope in pages, and what views and the event feed read.

use earmark_application::{EventFeed, EventFilter, Exports, LineFilter, Views, Worklist};
use earmark_domain::{
    BACKLOG_PAGE, CHANGE_PAGE, Count, HoldFor, LineState, OrderTerms, Precedence, Priority, ReleaseLines, ReleaseScope,
    Scope,
};
use jiff::civil::date;

use crate::database::with_database;
use crate::promises::pass_day;
use crate::shop::{
    allocate, assert_sound, backorder_and_split, context, count, create_batch, create_inbound, look, of_products,
    place_on, place_order, reference, run, sku,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_backlog_says_whether_there_are_more_lines() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 1)).await;
        run(&store, place_order("O1", "LAMP", BACKLOG_PAGE + 1, 2)).await;
        let scope = Scope {
            backlog: true,
            ..of_products(["LAMP"])
        };
        let loaded = look(&store, &scope).await;
        assert_eq!(loaded.lines.len(), BACKLOG_PAGE);
        let until = loaded.backlog[0].until.clone().expect("there is one more line");
        assert_eq!(until.key.line.as_str(), format!("L{:04}", BACKLOG_PAGE - 1));

        run(&store, create_batch("B2", "LAMP", 1000)).await;
        assert_eq!(
            store.products_with_pending_work(10).await.expect("it answers"),
            [sku("LAMP")]
        );
        let scope = Scope {
            continues: true,
            ..of_products(["LAMP"])
        };
        let loaded = look(&store, &scope).await;
        assert_eq!(loaded.backlog[0].until, None, "the page reaches the end");
        assert_eq!(loaded.lines.len(), 1);
        run(&store, earmark_domain::Command::Continue(sku("LAMP"))).await;
        assert_eq!(store.products_with_pending_work(10).await.expect("it answers"), []);
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_shrinking_batch_only_the_lines_that_may_have_to_leave_are_loaded() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 1000)).await;
        run(&store, place_order("LATE", "LAMP", 500, 2)).await;
        let leaving = |to: i32| Scope {
            batches: [reference("B1")].into(),
            releases: vec![ReleaseScope {
                batch: reference("B1"),
                lines: ReleaseLines::Beyond(Count::new(to).expect("a count")),
            }],
            ..Scope::default()
        };
        let loaded = look(&store, &leaving(995)).await;
        let lines: Vec<_> = loaded.lines.iter().map(|line| line.key().line.as_str()).collect();
        assert_eq!(
            lines,
            ["L0497", "L0498", "L0499"],
            "of one instant, the last in the order of service"
        );
        assert_eq!(loaded.allocations.len(), 3);
        // More of them than a page.
        let page = look(&store, &leaving(20)).await;
        assert_eq!(page.lines.len(), CHANGE_PAGE);
        assert!(page.releases[0].more);
        assert_eq!(look(&store, &leaving(1000)).await.lines.len(), 0);

        run(&store, count("B1", 995)).await;
        let product = store
            .product(&sku("LAMP"), context().now)
            .await
            .expect("it answers")
            .expect("a product");
        assert_eq!(product.summary.allocated.get(), 994);
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lowest_release_ranks_in_a_shrinking_batch_are_loaded_first() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 210)).await;
        let of_priority = |priority: i32| OrderTerms {
            precedence: Precedence::of(Priority::new(priority).expect("a priority"), None),
            ..backorder_and_split()
        };
        let held = OrderTerms {
            hold_for: Some(HoldFor::seconds(600).expect("a time")),
            ..backorder_and_split()
        };
        run(&store, place_on("HELD", "LAMP", 70, 1, held)).await;
        run(&store, place_on("URGENT", "LAMP", 70, 1, of_priority(3))).await;
        run(&store, place_on("USUAL", "LAMP", 35, 1, backorder_and_split())).await;
        run(&store, place_on("IDLE", "LAMP", 35, 1, of_priority(-1))).await;
        let leaving = |lines| Scope {
            batches: [reference("B1")].into(),
            releases: vec![ReleaseScope {
                batch: reference("B1"),
                lines,
            }],
            ..Scope::default()
        };
        for (stay, leave) in [(209, [1, 0, 0, 0]), (120, [70, 20, 0, 0]), (60, [70, 35, 35, 10])] {
            let beyond = ReleaseLines::Beyond(Count::new(stay).expect("a count"));
            let loaded = look(&store, &leaving(beyond)).await;
            let of = |order: &str| {
                loaded
                    .lines
                    .iter()
                    .filter(|line| line.key().order.as_str() == order)
                    .count()
            };
            assert_eq!(
                [of("HELD"), of("IDLE"), of("USUAL"), of("URGENT")],
                leave,
                "{stay} stay"
            );
        }
        let all = look(&store, &leaving(ReleaseLines::All)).await;
        assert_eq!((all.lines.len(), all.allocations.len()), (CHANGE_PAGE, CHANGE_PAGE));
        assert!(all.releases[0].more);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn used_up_batches_are_loaded_only_with_the_lines_that_lie_in_them() {
    with_database(async |database| {
        let store = database.store().await;
        for used_up in 0..5 {
            run(&store, create_batch(&format!("OLD{used_up}"), "LAMP", 2)).await;
            run(&store, allocate(&format!("O{used_up}"), "LAMP", 2)).await;
        }
        run(&store, create_batch("NEW", "LAMP", 10)).await;
        let loaded = look(&store, &of_products(["LAMP"])).await;
        assert_eq!(loaded.batches.len(), 1);
        let scope = Scope {
            lines: [crate::shop::key("O3", "LAMP")].into(),
            ..of_products(["LAMP"])
        };
        let loaded = look(&store, &scope).await;
        let batches: Vec<_> = loaded.batches.iter().map(|batch| batch.reference.as_str()).collect();
        assert_eq!(batches, ["NEW", "OLD3"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_products_has_the_sums_of_each() {
    with_database(async |database| {
        let store = database.store().await;
        let held = OrderTerms {
            hold_for: Some(HoldFor::seconds(600).expect("a time")),
            ..backorder_and_split()
        };
        run(&store, create_batch("HERE", "LAMP", 5)).await;
        for (batch, eta) in [
            ("B1", date(2030, 4, 20)),
            ("B2", date(2030, 4, 22)),
            ("B3", date(2030, 5, 1)),
        ] {
            run(&store, create_inbound(batch, "LAMP", 10, eta)).await;
        }
        run(&store, place_order("O1", "LAMP", 3, 3)).await;
        run(&store, place_on("HELD", "LAMP", 3, 3, held)).await;
        run(&store, place_order("WAITS", "LAMP", 1, 90)).await;
        // Two batches are overdue, and some hold units in them until a deadline.
        run(&store, pass_day(date(2030, 4, 25))).await;
        run(&store, create_batch("OTHER", "DESK", 4)).await;
        let after_the_holds = "2030-04-25T00:00:00Z".parse().expect("an instant");
        for now in [context().now, after_the_holds] {
            let page = store.products(None, None, now, 10).await.expect("it answers");
            let overdue: Vec<usize> = page.iter().map(|product| product.overdue.len()).collect();
            assert_eq!(overdue, [0, 2]);
            for mut summary in page {
                let product = store.product(&summary.sku, now).await.expect("it answers");
                summary.overdue.sort();
                assert_eq!(summary, product.expect("a product").summary, "{now}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_takes_wildcards_literally_and_ignores_case() {
    with_database(async |database| {
        let store = database.store().await;
        for product in ["100%-WOOL", "1000-PIECES", "LAMP_A", "LAMPXA"] {
            run(&store, create_batch(&format!("OF-{product}"), product, 10)).await;
        }
        let found = async |search: &str| -> Vec<String> {
            let page = store
                .products(Some(search), None, context().now, 10)
                .await
                .expect("it answers");
            page.into_iter().map(|product| product.sku.to_string()).collect()
        };
        assert_eq!(found("0%-w").await, ["100%-WOOL"]);
        assert_eq!(found("lamp_").await, ["LAMP_A"]);
        assert_eq!(found("lamp").await, ["LAMPXA", "LAMP_A"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_of_a_filtered_feed_moves_past_events_that_do_not_match() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        for order in 0..5 {
            run(&store, allocate(&format!("O{order}"), "LAMP", 1)).await;
        }
        let head = store
            .events(&EventFilter::default(), 0, 100)
            .await
            .expect("events")
            .next;
        let created = EventFilter {
            sku: Some(sku("LAMP")),
            types: vec!["BatchCreated".to_owned()],
            ..EventFilter::default()
        };
        let page = store.events(&created, 0, 100).await.expect("events");
        assert_eq!((page.events.len(), page.next), (1, head));
        let page = store.events(&created, 0, 1).await.expect("events");
        assert_eq!(
            page.next, page.events[0].sequence,
            "a full page may have more behind it"
        );
        let of_order = EventFilter {
            order: Some(crate::shop::key("O3", "LAMP").order),
            ..EventFilter::default()
        };
        let page = store.events(&of_order, 0, 100).await.expect("events");
        assert_eq!((page.events.len(), page.next), (1, head));
        let waiting = store
            .lines(LineFilter::In(LineState::Backordered), None, 10)
            .await
            .expect("it answers");
        assert_eq!(waiting, []);
    })
    .await;
}
