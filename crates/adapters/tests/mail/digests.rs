//! Digests as the application composes them.

use earmark_adapters::mail::digest_mail;
use earmark_application::{BrokenPromise, Digest, Inbound, Mail, OverdueBatch, Section, ShortProduct, Waiter, Worst};
use earmark_domain::{
    Count, LineId, LineKey, MoveReason, OrderId, Priority, ProductName, Quantity, Reference, Sku, Units,
};
use jiff::civil::date;
use jiff::tz::TimeZone;

/// A name that would break a mail which does not look at it.
pub(crate) const EVIL: &str = "<b>&\"'\u{202e}../=?utf-8?q?x?=";

pub(crate) const fn section<T>(items: Vec<T>, unseen: u64) -> Section<T> {
    Section { items, unseen }
}

fn worst<T>(items: Vec<T>, more: u64) -> Worst<T> {
    Worst {
        items,
        more,
        at_least: false,
    }
}

fn key(order: &str, line: &str) -> LineKey {
    LineKey {
        order: OrderId::new(order).expect("an order id"),
        line: LineId::new(line).expect("a line id"),
    }
}

fn waiter(order: &str, units: u32, day: Option<i8>, priority: i32) -> Waiter {
    Waiter {
        key: key(order, "1"),
        quantity: Quantity::new(units).expect("a quantity"),
        required_by: day.map(|day| date(2030, 6, day)),
        priority: Priority::new(priority).expect("a priority"),
    }
}

fn inbound(reference: &str, units: u32, available: u64, day: i8, overdue: bool) -> Inbound {
    Inbound {
        reference: Reference::new(reference).expect("a reference"),
        eta: date(2030, 6, day),
        quantity: Count::new(units).expect("a count"),
        available: Units::new(available),
        overdue,
    }
}

fn promise(order: &str, sku: &str, required: i8, promised: Option<i8>, why: MoveReason) -> BrokenPromise {
    BrokenPromise {
        key: key(order, "1"),
        sku: Sku::new(sku).expect("a SKU"),
        required_by: date(2030, 6, required),
        promised_on: promised.map(|day| date(2030, 6, day)),
        why,
    }
}

/// A digest as a mail, in a shop whose time is that of UTC.
pub(crate) fn mail_of(digest: &Digest) -> Mail {
    digest_mail(digest, &TimeZone::UTC)
}

/// A digest that has something of everything.
pub(crate) fn usual() -> Digest {
    let reference = |text: &str| Reference::new(text).expect("a reference");
    Digest {
        id: "0f8fad5bd9cb469fa16570867728950e.1-17.1-94".to_owned(),
        at: "2030-06-10T10:15:00Z".parse().expect("an instant"),
        today: date(2030, 6, 10),
        since: "2030-06-10T10:01:30Z".parse().expect("an instant"),
        until: "2030-06-10T10:13:00Z".parse().expect("an instant"),
        may_repeat: false,
        short: section(
            vec![
                ShortProduct {
                    sku: Sku::new("RETRO-LAMPSHADE").expect("a SKU"),
                    name: Some(ProductName::new("Lampshade, retro, 40 cm").expect("a name")),
                    waiting_units: Units::new(1_240),
                    waiting: worst(
                        vec![
                            waiter("order-7731", 800, Some(12), 10),
                            waiter("order-7702", 400, Some(20), 0),
                            waiter("order-7740", 40, None, 0),
                        ],
                        4,
                    ),
                    refused_lines: 2,
                    refused_units: Units::new(35),
                    inbound: worst(
                        vec![
                            inbound("batch-0611", 600, 0, 8, true),
                            inbound("batch-0702", 2_000, 1_200, 21, false),
                        ],
                        0,
                    ),
                },
                ShortProduct {
                    sku: Sku::new("TASTELESS-LAMP").expect("a SKU"),
                    name: None,
                    waiting_units: Units::ZERO,
                    waiting: Worst::default(),
                    refused_lines: 1,
                    refused_units: Units::new(1),
                    inbound: Worst::default(),
                },
            ],
            38,
        ),
        broken: section(
            vec![
                promise(
                    "order-7702",
                    "RETRO-LAMPSHADE",
                    12,
                    Some(21),
                    MoveReason::BatchEtaChanged(reference("batch-0702")),
                ),
                promise(
                    "order-7699",
                    "SMALL-TABLE",
                    11,
                    None,
                    MoveReason::BatchQuantityChanged(reference("batch-0520")),
                ),
            ],
            0,
        ),
        overdue: section(
            vec![OverdueBatch {
                reference: reference("batch-0611"),
                sku: Sku::new("RETRO-LAMPSHADE").expect("a SKU"),
                eta: date(2030, 6, 8),
                quantity: Count::new(600).expect("a count"),
                allocated: Units::new(600),
            }],
            0,
        ),
    }
}

/// A digest whose every name is evil, and as long as names may be.
pub(crate) fn evil() -> Digest {
    let evil = format!("{EVIL}{}", "W".repeat(64 - EVIL.chars().count()));
    let mut digest = usual();
    for product in &mut digest.short.items {
        product.sku = Sku::new(&evil).expect("a SKU");
        product.name = Some(ProductName::new(&evil).expect("a name"));
        product
            .waiting
            .items
            .iter_mut()
            .for_each(|waiter| waiter.key = key(&evil, &evil));
        for batch in &mut product.inbound.items {
            batch.reference = Reference::new(&evil).expect("a reference");
        }
    }
    for promise in &mut digest.broken.items {
        promise.key = key(&evil, &evil);
        promise.sku = Sku::new(&evil).expect("a SKU");
        promise.why = MoveReason::BatchCancelled(Reference::new(&evil).expect("a reference"));
    }
    for batch in &mut digest.overdue.items {
        batch.reference = Reference::new(&evil).expect("a reference");
        batch.sku = Sku::new(&evil).expect("a SKU");
    }
    digest
}
