//! Loading: a store reads all that a scope names, and no more.
//!
//! The cost of a command must not grow with the history of its products, so these cases count rows.

use earmark_application::CommandError;
use earmark_domain::{
    BACKLOG_PAGE, BATCH_PAGE, BatchPageEnd, BatchRecord, Command, LineKey, Loaded, OnOrderShortage, Refusal, Scope,
};

use crate::build::{
    allocate, allocate_line, allocate_or_wait, allocate_split, cancel_order, count_batch, create_batch, create_inbound,
    line, order, place, place_order, serve_backlog, sku,
};
use crate::databases::Db;
use crate::instance::Instance;
use crate::shop::Shop;

async fn load(shop: &Shop, command: &Command) -> Loaded {
    shop.load(&command.scope()).await
}

fn references(loaded: &Loaded) -> Vec<&str> {
    let mut found: Vec<_> = loaded.batches.iter().map(|batch| batch.reference.as_str()).collect();
    found.sort_unstable();
    found
}

fn skus(loaded: &Loaded) -> Vec<&str> {
    let mut found: Vec<_> = loaded.products.iter().map(|product| product.sku.as_str()).collect();
    found.sort_unstable();
    found
}

fn keys(loaded: &Loaded) -> Vec<LineKey> {
    let mut found: Vec<_> = loaded.lines.iter().map(|line| line.terms.key.clone()).collect();
    found.sort_unstable();
    found
}

/// Used-up batches and past lines are not loaded.
pub async fn only_batches_with_something_available_are_loaded(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("used-up", "LAMP", 5),
        allocate("o-1", "LAMP", 5),
        create_batch("live", "LAMP", 5),
        create_batch("lost", "LAMP", 5),
        count_batch("lost", 0),
        create_inbound("coming", "LAMP", 5, "2026-05-01"),
        allocate("o-2", "LAMP", 1),
        create_batch("other", "CHAIR", 5),
    ])
    .await;
    let loaded = load(&shop, &allocate("o-3", "LAMP", 1)).await;
    assert_eq!(
        (skus(&loaded), references(&loaded)),
        (vec!["LAMP"], vec!["coming", "live"])
    );
    assert!(loaded.lines.is_empty() && loaded.allocations.is_empty() && loaded.orders.is_empty());
    assert!(
        loaded.backlog.is_empty(),
        "an allocation frees no stock and needs no backlog"
    );
}

/// A line is loaded with all of its batches.
pub async fn a_used_up_batch_is_loaded_with_a_line_that_is_allocated_in_it(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 2),
        create_batch("b-2", "LAMP", 2),
        create_batch("b-3", "LAMP", 2),
        allocate_split("o-1", "LAMP", 6),
        create_batch("b-4", "LAMP", 2),
        allocate("o-2", "LAMP", 2),
    ])
    .await;
    let loaded = load(&shop, &allocate_split("o-1", "LAMP", 6)).await;
    assert_eq!(references(&loaded), ["b-1", "b-2", "b-3"]);
    assert_eq!(keys(&loaded), [line("o-1", "LAMP")]);
    assert_eq!(loaded.allocations.len(), 3);
}

/// A batch is part of its product.
pub async fn a_batch_is_loaded_with_its_product(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 1),
        allocate("o-1", "LAMP", 1),
        create_batch("b-2", "LAMP", 1),
        create_batch("b-3", "CHAIR", 1),
    ])
    .await;
    let loaded = load(&shop, &count_batch("b-1", 9)).await;
    assert_eq!((skus(&loaded), references(&loaded)), (vec!["LAMP"], vec!["b-1", "b-2"]));
    let loaded = load(&shop, &create_batch("b-3", "LAMP", 1)).await;
    assert_eq!(
        (skus(&loaded), references(&loaded)),
        (vec!["CHAIR", "LAMP"], vec!["b-2", "b-3"])
    );
}

/// An order may span products.
pub async fn an_order_is_loaded_with_its_lines_and_their_products(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 9),
        create_batch("b-2", "CHAIR", 1),
        create_batch("b-3", "SOFA", 1),
        place_order("o-1", &[("LAMP", 1), ("CHAIR", 1)]),
        place_order("o-2", &[("LAMP", 1)]),
        allocate_line(line("o-1", "extra"), "LAMP", 1),
    ])
    .await;
    let loaded = load(&shop, &cancel_order("o-1")).await;
    assert_eq!(
        (skus(&loaded), references(&loaded)),
        (vec!["CHAIR", "LAMP"], vec!["b-1", "b-2"])
    );
    assert_eq!(
        keys(&loaded),
        [line("o-1", "CHAIR"), line("o-1", "LAMP"), line("o-1", "extra")]
    );
    assert_eq!(
        loaded.orders.iter().map(|header| &header.id).collect::<Vec<_>>(),
        [&order("o-1")]
    );
    assert_eq!(loaded.backlog.len(), 2);
}

/// A line's key is unique, whatever its product.
pub async fn a_line_is_found_under_another_product(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 1),
        create_batch("b-2", "CHAIR", 2),
        allocate_line(line("o-1", "1"), "CHAIR", 1),
    ])
    .await;
    let loaded = load(&shop, &allocate_line(line("o-1", "1"), "LAMP", 1)).await;
    assert_eq!(keys(&loaded), [line("o-1", "1")]);
    assert_eq!(loaded.lines[0].sku, sku("CHAIR"));
    assert!(skus(&loaded).contains(&"LAMP"));
}

/// A product with many batches costs a decision no more than one with a few: the first in preference order are loaded,
/// unless a decision needs all of them.
pub async fn of_many_batches_the_first_in_preference_order_are_loaded(db: Db) {
    let shop = Shop::open(&db).await;
    let batches = u32::try_from(BATCH_PAGE).expect("a small number") + 4;
    for number in (1..=batches).rev() {
        // The batch that is created last arrives first.
        let (name, eta) = (format!("ship-{number:02}"), format!("2026-05-{number:02}"));
        shop.done(&create_inbound(&name, "LAMP", 2, &eta)).await;
    }
    shop.done(&create_batch("shelf", "LAMP", 1)).await;
    shop.done(&count_batch("ship-01", 0)).await;
    let command = allocate("o-1", "LAMP", 1);
    let mut first: Vec<String> = (2..=batches)
        .take(BATCH_PAGE - 1)
        .map(|n| format!("ship-{n:02}"))
        .collect();
    first.insert(0, "shelf".to_owned());
    let loaded = load(&shop, &command).await;
    let mut read = loaded.batches.clone();
    read.sort_by_key(BatchRecord::preference);
    assert_eq!(
        read.iter().map(|batch| batch.reference.as_str()).collect::<Vec<_>>(),
        first
    );
    let last = read.last().expect("a batch").preference();
    assert_eq!(
        loaded.batch_pages_cut,
        [BatchPageEnd {
            sku: sku("LAMP"),
            after: last
        }]
    );

    let mut whole = command.scope();
    whole.all_batches_of.insert(sku("LAMP"));
    let loaded = shop.load(&whole).await;
    assert_eq!(loaded.batches.len(), batches as usize);
    assert!(loaded.batch_pages_cut.is_empty());
}

/// A line that fits none of the first batches is allocated in the first that it fits.
pub async fn a_line_that_fits_only_the_last_of_many_batches_is_allocated_in_it(db: Db) {
    let shop = Shop::open(&db).await;
    for number in 0..BATCH_PAGE + 4 {
        shop.done(&create_batch(&format!("small-{number}"), "LAMP", 1)).await;
    }
    shop.done(&create_inbound("large", "LAMP", 9, "2026-05-01")).await;
    let instance = Instance::start(&shop);
    let answer = instance.ask(allocate("o-1", "LAMP", 9)).await;
    assert!(answer.is_ok(), "{answer:?}");
    let short = instance.ask(allocate("o-2", "LAMP", 2)).await;
    let Err(CommandError::Refused(Refusal::OutOfStock(shortage))) = short else {
        unreachable!("no batch has two units: {short:?}")
    };
    assert_eq!(
        shortage.available.get(),
        BATCH_PAGE as u64 + 4,
        "all batches are counted"
    );
    instance.stop().await;
    shop.assert_sound().await;
}

/// A scope may name what does not exist.
pub async fn what_does_not_exist_is_not_loaded(db: Db) {
    let shop = Shop::open(&db).await;
    assert_eq!(shop.load(&Scope::default()).await, Loaded::default());
    for command in [
        allocate("o-1", "LAMP", 1),
        create_batch("b-1", "LAMP", 1),
        count_batch("b-1", 1),
        cancel_order("o-1"),
        place_order("o-1", &[("LAMP", 1)]),
    ] {
        let loaded = Loaded {
            backlog: Vec::new(),
            ..load(&shop, &command).await
        };
        assert_eq!(loaded, Loaded::default(), "{command:?}");
    }
}

/// Backorders a number of lines of one unit, and returns them in order of service.
///
/// They are placed in orders of fifty lines, which are placed together and served by their ids. Later orders have lower
/// ids, so that a store that sorts by them is found out.
async fn backorder(shop: &Shop, count: usize) -> Vec<LineKey> {
    let ids: Vec<String> = (0..count).map(|number| format!("l-{number:04}")).collect();
    let mut keys = Vec::new();
    for (number, ids) in ids.chunks(50).enumerate() {
        let order_id = format!("o-{:02}", 99 - number);
        let lines: Vec<_> = ids.iter().rev().map(|id| (id.as_str(), "LAMP", 1)).collect();
        shop.done(&place(&order_id, &lines, OnOrderShortage::Backorder, false))
            .await;
        keys.extend(ids.iter().map(|id| line(&order_id, id)));
    }
    keys
}

/// A product without stock, and a number of lines in its backlog, in order of service.
async fn product_with_backlog(db: &Db, count: usize) -> (Shop, Vec<LineKey>) {
    let shop = Shop::open(db).await;
    shop.all_done(&[create_batch("gone", "LAMP", 1), count_batch("gone", 0)])
        .await;
    let keys = backorder(&shop, count).await;
    (shop, keys)
}

fn sorted(keys: &[LineKey]) -> Vec<LineKey> {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys
}

/// A transaction loads one page of a backlog of any length, in order of service.
pub async fn the_backlog_is_loaded_page_by_page(db: Db) {
    let (shop, waiting) = product_with_backlog(&db, BACKLOG_PAGE + 5).await;
    let loaded = load(&shop, &create_batch("b-1", "LAMP", 1)).await;
    assert_eq!(keys(&loaded), sorted(&waiting[..BACKLOG_PAGE]));
    let [read] = loaded.backlog.as_slice() else {
        unreachable!("one product was read: {:?}", loaded.backlog)
    };
    let until = read.until.as_ref().expect("there is another page");
    assert_eq!(until.key, waiting[BACKLOG_PAGE - 1]);
    let last = loaded
        .lines
        .iter()
        .find(|line| line.terms.key == until.key)
        .expect("the last of the page");
    assert_eq!(until.placed_version, last.placed_version);
}

/// A full page without a next one is the end.
pub async fn a_backlog_of_exactly_one_page_is_loaded_to_its_end(db: Db) {
    let (shop, waiting) = product_with_backlog(&db, BACKLOG_PAGE).await;
    let loaded = load(&shop, &create_batch("b-1", "LAMP", 1)).await;
    assert_eq!(keys(&loaded), sorted(&waiting));
    assert_eq!(loaded.backlog.len(), 1);
    assert_eq!(loaded.backlog[0].until, None);
}

/// The next transaction serves the next page and does not begin again.
pub async fn serving_a_backlog_goes_on_with_the_next_page(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("gone", "LAMP", 1),
        count_batch("gone", 0),
        allocate_or_wait("too-much", "LAMP", 9_999),
    ])
    .await;
    let mut waiting = backorder(&shop, BACKLOG_PAGE + 59).await;
    waiting.insert(0, line("too-much", "LAMP"));
    shop.done(&create_batch("b-1", "LAMP", 1_000)).await;
    assert_eq!(shop.history(&sku("LAMP")).await.allocations.len(), BACKLOG_PAGE - 1);
    let pending = shop.reads.products_with_pending_work(10).await.expect("a list");
    assert_eq!(pending, [sku("LAMP")]);

    // The line that was too large still waits, but on a page that was served.
    let loaded = load(&shop, &serve_backlog("LAMP")).await;
    assert_eq!(keys(&loaded), sorted(&waiting[BACKLOG_PAGE..]));
    assert_eq!(
        loaded.backlog.iter().map(|read| &read.until).collect::<Vec<_>>(),
        [&None]
    );

    shop.done(&serve_backlog("LAMP")).await;
    assert_eq!(shop.history(&sku("LAMP")).await.allocations.len(), BACKLOG_PAGE + 59);
    assert!(
        shop.reads
            .products_with_pending_work(10)
            .await
            .expect("a list")
            .is_empty()
    );
    shop.assert_sound().await;
}

/// Only the lines that have to leave are loaded, however many the batch has.
pub async fn counting_down_a_batch_of_a_thousand_lines_by_one_loads_one_line(db: Db) {
    let shop = Shop::open(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 1_000)).await;
    let ids: Vec<String> = (0..500).map(|number| format!("l-{number:04}")).collect();
    let lines: Vec<_> = ids.iter().map(|id| (id.as_str(), "LAMP", 1)).collect();
    for order in ["o-1", "o-2"] {
        shop.done(&place(order, &lines, OnOrderShortage::Reject, false)).await;
    }

    let loaded = load(&shop, &count_batch("b-1", 999)).await;
    // The last service position leaves first.
    assert_eq!(keys(&loaded), [line("o-2", "l-0499")]);
    assert_eq!((loaded.allocations.len(), loaded.batches.len()), (1, 1));

    shop.done(&count_batch("b-1", 999)).await;
    let batch = shop.batch("b-1").await.record;
    assert_eq!(batch.allocated.get(), 999);
    shop.assert_sound().await;
}

/// The latest first, until their units reach the excess.
pub async fn the_latest_allocations_are_loaded_for_release(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 20),
        allocate("o-9", "LAMP", 4),
        allocate("o-1", "LAMP", 3),
        allocate("o-5", "LAMP", 2),
    ])
    .await;
    let loaded = |to| {
        let shop = &shop;
        async move { keys(&load(shop, &count_batch("b-1", to)).await) }
    };
    assert_eq!(loaded(20).await, []);
    assert_eq!(loaded(9).await, [], "nine are allocated");
    assert_eq!(loaded(8).await, [line("o-5", "LAMP")]);
    assert_eq!(loaded(7).await, [line("o-5", "LAMP")]);
    assert_eq!(loaded(6).await, [line("o-1", "LAMP"), line("o-5", "LAMP")]);
    assert_eq!(
        loaded(0).await,
        [line("o-1", "LAMP"), line("o-5", "LAMP"), line("o-9", "LAMP")]
    );
}
