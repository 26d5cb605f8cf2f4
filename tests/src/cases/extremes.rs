//! Names and numbers at the limits of what is allowed.

use earmark_application::EventFilter;
use earmark_domain::{MAX_NAME_CHARS, MAX_PRODUCT_NAME_CHARS, MAX_QUANTITY, OnOrderShortage};

use crate::build::{
    allocate_split, cancel_line, count_batch, create_batch, create_inbound, line, name_product, order, place,
    place_order, reference, sku,
};
use crate::databases::Db;
use crate::shop::Shop;

/// Uses a name for everything that has one, and reads it back.
async fn assert_survives(shop: &Shop, name: &str) {
    shop.all_done(&[
        name_product(name, name),
        create_batch(name, name, 9),
        place(name, &[(name, name, 2)], OnOrderShortage::Reject, false),
    ])
    .await;
    let reads = shop.reads.as_ref();
    let batch = reads
        .batch(&reference(name), shop.now())
        .await
        .expect("a batch")
        .expect("it exists");
    assert_eq!(
        (batch.record.reference.as_str(), batch.record.sku.as_str()),
        (name, name)
    );
    let placed = reads.order(&order(name)).await.expect("an order").expect("it exists");
    assert_eq!(placed.lines[0].record.terms.key, line(name, name));
    assert_eq!(placed.lines[0].allocations[0].0.batch, reference(name));
    let product = reads
        .product(&sku(name), shop.now())
        .await
        .expect("a product")
        .expect("it exists");
    assert_eq!(product.summary.name.as_ref().map(|name| name.as_str()), Some(name));
    let found = reads
        .products(Some(name), None, shop.now(), 100)
        .await
        .expect("products");
    assert!(
        found.iter().any(|product| product.sku.as_str() == name),
        "{name:?} is not found"
    );
    let filter = EventFilter {
        sku: Some(sku(name)),
        order: Some(order(name)),
        types: Vec::new(),
    };
    let events = reads.events(&filter, 0, 10).await.expect("events").events;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event.fact.line(), Some(&line(name, name)));
}

/// No character has a special meaning.
pub async fn names_of_any_characters_are_stored(db: Db) {
    let shop = Shop::open(&db).await;
    let names = [
        "it's",
        "\"quoted\"",
        "back\\slash",
        "\\",
        "100%",
        "under_score",
        "a/b:c",
        "a;b,c",
        "$1 {2} ?3 :4 @5",
        "--",
        "NULL",
        "{}",
        "[\"a\"]",
        "ランプ",
        "מנורה",
        "лампа",
        "🪔 of a kind",
        "👩‍👩‍👧‍👦",
        "e\u{301}tag\u{e8}re",
        "\u{10FFFD}",
        "\u{FEFF}mark",
        "two  spaces",
    ];
    for name in names {
        assert_survives(&shop, name).await;
    }
    let listed = shop
        .reads
        .products(None, None, shop.now(), 100)
        .await
        .expect("products");
    assert_eq!(listed.len(), names.len());
    shop.assert_sound().await;
}

/// Names that differ in case, in accents, or in where one of two names ends.
pub async fn similar_names_are_different(db: Db) {
    let shop = Shop::open(&db).await;
    let names = [
        "lamp", "Lamp", "LAMP", "\u{e9}", "e\u{301}", "e", "ß", "ss", "ẞ", "1", "01", "１",
    ];
    for (number, name) in (1..).zip(names) {
        shop.done(&create_batch(name, name, number)).await;
    }
    for (number, name) in (1..).zip(names) {
        let batch = shop
            .reads
            .batch(&reference(name), shop.now())
            .await
            .expect("a batch")
            .expect("it exists");
        assert_eq!((batch.record.sku, batch.record.quantity.get()), (sku(name), number));
    }
    let pairs = [
        ("a/b", "c"),
        ("a", "b/c"),
        ("a:b", "c"),
        ("a", "b:c"),
        ("a\\", "b"),
        ("a", "\\b"),
    ];
    shop.done(&create_batch("many", "LAMP", 100)).await;
    for (order_id, line_id) in pairs {
        let command = crate::build::allocate_line(line(order_id, line_id), "LAMP", 1);
        shop.done(&command).await;
    }
    assert_eq!(shop.history(&sku("LAMP")).await.lines.len(), pairs.len());
    shop.done(&cancel_line("a", "b/c")).await;
    let left = shop.history(&sku("LAMP")).await.allocations;
    assert_eq!(left.len(), pairs.len() - 1);
    assert!(left.iter().any(|allocation| allocation.key == line("a/b", "c")));
    shop.assert_sound().await;
}

/// Sixty-four characters of four bytes each, and two hundred in a product's name.
pub async fn the_longest_names_are_stored(db: Db) {
    let shop = Shop::open(&db).await;
    assert_survives(&shop, &"🪔".repeat(MAX_NAME_CHARS)).await;
    assert_survives(&shop, &"\u{10FFFD}".repeat(MAX_NAME_CHARS)).await;
    shop.done(&name_product("long", &"🪔".repeat(MAX_PRODUCT_NAME_CHARS)))
        .await;
    let product = shop.product("long").await;
    let name = product.summary.name.expect("a name");
    assert_eq!(name.as_str().chars().count(), MAX_PRODUCT_NAME_CHARS);
    shop.assert_sound().await;
}

/// Quantities of a thousand million, with sums that need more than 32 bits.
pub async fn the_largest_quantities_are_added_without_overflow(db: Db) {
    const BATCHES: u32 = 12;
    let most = u64::from(MAX_QUANTITY);
    let shop = Shop::open(&db).await;
    for number in 0..BATCHES / 2 {
        shop.all_done(&[
            create_batch(&format!("here-{number}"), "SAND", MAX_QUANTITY),
            create_inbound(&format!("coming-{number}"), "SAND", MAX_QUANTITY, "9999-12-31"),
        ])
        .await;
    }
    shop.done(&count_batch("here-0", MAX_QUANTITY - 1)).await;
    let ids: Vec<String> = (0..6).map(|number| format!("l-{number}")).collect();
    let lines: Vec<_> = ids.iter().map(|id| (id.as_str(), "SAND", MAX_QUANTITY)).collect();
    shop.done(&place("big", &lines, OnOrderShortage::Reject, true)).await;
    shop.done(&allocate_split("split", "SAND", MAX_QUANTITY)).await;
    let waiting: Vec<_> = (0..8).map(|number| format!("w-{number}")).collect();
    let lines: Vec<_> = waiting.iter().map(|id| (id.as_str(), "SAND", MAX_QUANTITY)).collect();
    shop.done(&place("later", &lines, OnOrderShortage::Backorder, true))
        .await;

    let read = shop.product("SAND").await;
    let sums = read.summary;
    assert_eq!(sums.on_hand.get(), 6 * most - 1);
    assert_eq!(sums.inbound.get(), 6 * most);
    assert_eq!(sums.allocated.get(), 11 * most);
    assert_eq!(sums.free.get(), most - 1);
    assert_eq!(sums.backordered.get(), 4 * most);
    shop.refused(&place_order("none", &[("SAND", MAX_QUANTITY)])).await;
    shop.assert_sound().await;
}
