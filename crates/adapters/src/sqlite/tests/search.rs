//! Searches: what they find, by the index and by a walk, and whom they keep waiting.

use std::sync::Arc;
use std::sync::mpsc;

use diesel::connection::SimpleConnection;
use earmark_application::{Health, StoreError, Views};
use earmark_domain::{ChangeSet, Precondition, ProductChange, ProductName, ProductRecord, Sku};
use futures::future::join_all;

use super::super::SqliteStore;
use super::{ShopFile, a_small_shop, batch_reference, instant, named, product, renamed, sku, store};

/// More products than candidates of a search are sorted.
const MANY: usize = 5_000;

fn texts(number: usize) -> (String, Option<String>) {
    const NAMES: [&str; 7] = ["Lampe Été", "ΣΊΣΥΦΟΣ", "İstanbul", "Straße", "東京の机", "%_\\", "lamp"];
    let name = (!number.is_multiple_of(3)).then(|| format!("{} {number}", NAMES[number % NAMES.len()]));
    (format!("P{number:05}-é"), name)
}

fn new_products(numbers: std::ops::Range<usize>) -> ChangeSet {
    let new = |number| {
        let (sku, name) = texts(number);
        ProductChange {
            precondition: Precondition::SameVersion,
            read_version: None,
            record: ProductRecord {
                sku: Sku::new(sku).expect("a name"),
                name: name.map(|name| ProductName::new(name).expect("a product name")),
                ..product("any", 1)
            },
        }
    };
    ChangeSet {
        products: numbers.map(new).collect(),
        ..ChangeSet::default()
    }
}

async fn found(shop: &SqliteStore, search: &str, after: Option<&Sku>, limit: usize) -> Vec<String> {
    let found = shop.products(Some(search), after, instant(), limit).await;
    let found = found.expect("an answer").into_iter();
    found.map(|product| product.sku.as_str().to_owned()).collect()
}

#[tokio::test]
async fn a_search_finds_what_contains_it_whether_few_do_or_many() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, new_products(0..MANY)).await.expect("stored");
    for search in [
        "p",
        "P0",
        "00-é",
        "É",
        "été",
        "ET",
        "straße",
        "ß",
        "σίσυφος",
        "ς",
        "i\u{307}",
        "İ",
        "京の",
        "机",
        "%_",
        "\\",
        "amp",
        "lampe été 1",
        "04999",
        "4999",
        "nowhere",
        "zq",
        "q",
        "e 1e",
    ] {
        let folded = search.to_lowercase();
        let contains = |text: &str| text.to_lowercase().contains(&folded);
        let wanted = (0..MANY).map(texts);
        let wanted = wanted.filter(|(sku, name)| contains(sku) || name.as_deref().is_some_and(contains));
        let wanted: Vec<String> = wanted.map(|(sku, _)| sku).collect();
        assert_eq!(found(&shop, search, None, MANY).await, wanted, "{search:?}");
        // Page by page.
        let mut pages = Vec::new();
        loop {
            let last = pages.last().map(|sku: &String| Sku::new(sku.clone()).expect("a name"));
            let page = found(&shop, search, last.as_ref(), 1_000).await;
            let is_last = page.len() < 1_000;
            pages.extend(page);
            if is_last {
                break;
            }
        }
        assert_eq!(pages, wanted, "{search:?} in pages");
    }
}

#[tokio::test]
async fn a_product_is_found_by_its_new_name_and_no_longer_by_its_old_one() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    assert_eq!(found(&shop, "été", None, 10).await, ["LAMP"]);
    let mut changes = renamed(2);
    changes.products[0].record.name = Some(ProductName::new("Torch").expect("a product name"));
    store(&shop, changes).await.expect("stored");
    assert!(found(&shop, "été", None, 10).await.is_empty());
    for search in ["torch", "rc", "LAMP"] {
        assert_eq!(found(&shop, search, None, 10).await, ["LAMP"], "{search}");
    }
}

#[tokio::test]
async fn a_change_that_names_nothing_leaves_the_search_index_alone() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let gone = "DROP TABLE product_ngrams";
    file.other_program().batch_execute(gone).expect("dropped");
    let mut changes = renamed(2);
    changes.events = Vec::new();
    store(&shop, changes).await.expect("the index is not asked for");
    let mut changes = renamed(3);
    changes.events = vec![named("Lamp", 4)];
    store(&shop, changes).await.expect_err("a name needs the index");
}

#[tokio::test]
async fn long_queries_keep_neither_look_ups_nor_probes_nor_commands_waiting() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    // As many as there are threads for them, and more.
    let (go_on, held) = mpsc::channel::<()>();
    let held = Arc::new(std::sync::Mutex::new(held));
    let long = (0..64).map(|_| {
        let held = Arc::clone(&held);
        shop.readers.long.query(move |_| {
            // Until the sender is dropped.
            let _ = held.lock().expect("no thread panicked").recv();
            Ok::<_, StoreError>(())
        })
    });
    let long = join_all(long);
    let others = async {
        shop.batch(&batch_reference(), instant()).await.expect("an answer");
        shop.product(&sku(), instant()).await.expect("an answer");
        shop.ready().await.expect("ready");
        store(&shop, renamed(2)).await.expect("stored");
        drop(go_on);
    };
    let (long, ()) = futures::join!(long, others);
    assert!(long.into_iter().all(|query| query.is_ok()));
}
