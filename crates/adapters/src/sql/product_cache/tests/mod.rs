//! What is cached is what would be loaded, or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use earmark_domain::{
    Allocate, BATCH_PAGE, Calendar, Command, Count, CreateBatch, DecisionContext, DispatchRecord, InboxRecord, LineId,
    LineRequest, Location, Locations, MessageId, OnShortage, OrderId, Processed, ProductRecord, Promising, Quantity,
    Reference, ServiceRead, UnitOfWork, Units,
};
use jiff::Timestamp;

use super::generations::MAX_ROWS;
use super::*;

mod pending;
mod random;

/// Stored products and batches, without lines: enough to load offers from.
#[derive(Default)]
struct Tables {
    products: BTreeMap<Sku, ProductRecord>,
    batches: BTreeMap<Reference, BatchRecord>,
    commands: i64,
}

impl Tables {
    /// What a store loads for a scope of products.
    fn load(&self, scope: &Scope) -> Loaded {
        let mut loaded = Loaded::default();
        for sku in scope
            .skus
            .iter()
            .filter_map(|sku| self.products.get_key_value(sku))
            .map(|(sku, _)| sku)
        {
            loaded.products.push(self.products[sku].clone());
            let mut offer: Vec<_> = self
                .batches
                .values()
                .filter(|batch| batch.sku == *sku && !batch.available().is_zero())
                .cloned()
                .collect();
            offer.sort_by_key(BatchRecord::preference);
            if offer.len() > BATCH_PAGE && !scope.all_batches_of.contains(sku) {
                offer.truncate(BATCH_PAGE);
                let after = offer[BATCH_PAGE - 1].preference();
                loaded.batch_pages_cut.push(BatchPageEnd {
                    sku: sku.clone(),
                    after,
                });
            }
            loaded.batches.extend(offer);
            if scope.backlog {
                loaded.backlog.push(ServiceRead {
                    sku: sku.clone(),
                    until: None,
                });
            }
        }
        let named = scope.batches.iter().filter_map(|reference| self.batches.get(reference));
        let unread: Vec<_> = named.filter(|batch| !loaded.batches.contains(batch)).cloned().collect();
        loaded.batches.extend(unread);
        loaded
    }

    /// Decides a command on what was loaded, and stores the changes.
    fn run(&mut self, command: &Command, loaded: Loaded) -> Option<ChangeSet> {
        self.commands += 1;
        let now = Timestamp::from_microsecond(self.commands).expect("an instant");
        let context = DecisionContext {
            now,
            today: Calendar::UTC.day_of(now),
            actor: Arc::from("test"),
            correlation_id: Arc::from("test"),
            promising: Promising::default(),
        };
        let mut unit_of_work = UnitOfWork::open(loaded).expect("sound records");
        // A refusal may have events, which are stored too.
        let _ = unit_of_work.decide(command, &context);
        let changes = unit_of_work.close().ok()?;
        for change in &changes.products {
            self.products.insert(change.record.sku.clone(), change.record.clone());
        }
        for change in &changes.batches {
            let batch = change.value();
            self.batches.insert(batch.reference.clone(), batch.clone());
        }
        for held in &changes.earmarked {
            let batch = self.batches.get_mut(&held.batch).expect("a stored batch");
            batch.allocated = batch.allocated.checked_add(held.quantity.units()).expect("a sum");
        }
        Some(changes)
    }
}

impl ProductCache {
    /// The cached scope without its base versions.
    fn cached(&mut self, scope: &Scope) -> Option<Loaded> {
        self.cached_behind(&PendingProducts::default(), scope)
    }

    /// Fills the cache as a store with one writer does.
    fn filled(&mut self, loaded: &Loaded) {
        self.fill(loaded, &BaseVersions::default());
    }

    fn cached_behind(&mut self, pending: &PendingProducts, scope: &Scope) -> Option<Loaded> {
        self.get_behind(pending, scope).map(|cached| cached.loaded)
    }
}

fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a SKU")
}

fn create(number: usize, of: &str, quantity: i32) -> Command {
    Command::CreateBatch(CreateBatch {
        reference: Reference::new(format!("b-{number:03}")).expect("a reference"),
        sku: sku(of),
        quantity: Quantity::new(quantity).expect("a quantity"),
        eta: None,
        location: Location::default(),
    })
}

fn allocate(number: usize, of: &str, quantity: i32, split: bool) -> Command {
    Command::Allocate(Allocate {
        line: LineRequest {
            key: LineKey {
                order: OrderId::new(format!("o-{number}")).expect("an order id"),
                line: LineId::new("1").expect("a line id"),
            },
            sku: sku(of),
            quantity: Quantity::new(quantity).expect("a quantity"),
        },
        locations: Locations::ANY,
        on_shortage: OnShortage::Reject,
        split,
        without_grace: false,
    })
}

/// A product with a number of batches of two units, after one allocation was loaded and stored.
fn one_allocation(batches: usize) -> (Tables, ProductCache) {
    let (mut tables, mut product_cache) = (Tables::default(), ProductCache::default());
    for number in 0..batches {
        let command = create(number, "LAMP", 2);
        let loaded = tables.load(&command.scope());
        tables.run(&command, loaded);
    }
    let command = allocate(0, "LAMP", 1, false);
    let loaded = tables.load(&command.scope());
    product_cache.filled(&loaded);
    let changes = tables.run(&command, loaded).expect("it fits");
    assert!(product_cache.only_places(&PendingProducts::default(), &changes));
    product_cache.apply(&changes);
    (tables, product_cache)
}

#[test]
fn what_was_stored_is_cached_as_it_would_be_loaded() {
    let (tables, mut product_cache) = one_allocation(3);
    let scope = allocate(1, "LAMP", 1, false).scope();
    assert_eq!(product_cache.cached(&scope), Some(tables.load(&scope)));
}

#[test]
fn a_scope_that_needs_more_than_placing_lines_does_is_not_served() {
    let (_, mut product_cache) = one_allocation(3);
    let frees_stock = Scope {
        backlog: true,
        ..allocate(1, "LAMP", 1, false).scope()
    };
    assert_eq!(product_cache.cached(&frees_stock), None);
    assert_eq!(product_cache.cached(&create(9, "LAMP", 1).scope()), None);
    let wants = || allocate(1, "LAMP", 1, false).scope();
    let with_dispatches = Scope {
        dispatches: true,
        ..wants()
    };
    assert_eq!(product_cache.cached(&with_dispatches), None);
    let with_holds = Scope {
        holds: [sku("LAMP")].into(),
        ..wants()
    };
    assert_eq!(product_cache.cached(&with_holds), None);
    let from = |location| Scope {
        locations: [Location::new(location).expect("a location")].into(),
        ..wants()
    };
    assert_eq!(product_cache.cached(&from("elsewhere")), None, "it may be known");
    assert!(product_cache.cached(&from("main")).is_some(), "it is on offer");
    assert_eq!(product_cache.cached(&allocate(1, "CHAIR", 1, false).scope()), None);
    assert_eq!(product_cache.cached(&Scope::default()), None);
}

#[test]
fn a_page_of_batches_is_cached_as_a_page_and_not_as_the_whole_offer() {
    let (tables, mut product_cache) = one_allocation(BATCH_PAGE + 3);
    let mut scope = allocate(1, "LAMP", 1, false).scope();
    let cached = product_cache.cached(&scope);
    assert_eq!(cached, Some(tables.load(&scope)));
    assert_eq!(cached.map(|loaded| loaded.batch_pages_cut.len()), Some(1));
    scope.all_batches_of.insert(sku("LAMP"));
    assert_eq!(product_cache.cached(&scope), None);
}

#[test]
fn a_product_that_another_instance_changes_is_not_served_until_it_is_found_unchanged() {
    let (mut tables, mut product_cache) = one_allocation(3);
    let scope = allocate(1, "LAMP", 1, false).scope();
    // A command of another instance, which this cache does not see.
    tables.run(&allocate(7, "LAMP", 1, false), tables.load(&scope));
    product_cache.distrust([&sku("LAMP")]);
    assert_eq!(product_cache.cached(&scope), None);
    product_cache.filled(&tables.load(&scope));
    for _ in 0..COOLDOWN {
        assert_eq!(product_cache.cached(&scope), None, "it had changed, not long ago");
        product_cache.filled(&tables.load(&scope));
    }
    assert_eq!(
        product_cache.cached(&scope),
        Some(tables.load(&scope)),
        "it has not changed for a while"
    );
}

#[test]
fn a_product_whose_batches_change_is_dropped() {
    let (mut tables, mut product_cache) = one_allocation(3);
    let command = create(9, "LAMP", 5);
    let loaded = tables.load(&command.scope());
    product_cache.filled(&loaded);
    let changes = tables.run(&command, loaded).expect("a batch");
    assert!(!product_cache.only_places(&PendingProducts::default(), &changes));
    product_cache.apply(&changes);
    assert_eq!(product_cache.cached(&allocate(1, "LAMP", 1, false).scope()), None);
}

#[test]
fn a_product_with_dispatches_is_dropped() {
    for back in [false, true] {
        let (mut tables, mut product_cache) = one_allocation(3);
        let scope = allocate(1, "LAMP", 1, false).scope();
        let mut changes = tables
            .run(&allocate(1, "LAMP", 1, false), tables.load(&scope))
            .expect("it fits");
        let held = changes.earmarked[0].clone();
        let moved = DispatchRecord {
            key: held.key,
            batch: held.batch,
            quantity: held.quantity,
            allocated_version: held.allocated_version,
            dispatched_version: held.allocated_version + 1,
            dispatched_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let list = if back {
            &mut changes.returned
        } else {
            &mut changes.dispatched
        };
        list.push(moved);
        assert!(!product_cache.only_places(&PendingProducts::default(), &changes));
        product_cache.apply(&changes);
        assert_eq!(product_cache.cached(&scope), None);
    }
}

#[test]
fn depletion_and_holds_count_as_placing_only_with_a_new_version() {
    let (mut tables, mut product_cache) = one_allocation(3);
    let scope = allocate(1, "LAMP", 1, false).scope();
    let changes = tables
        .run(&allocate(1, "LAMP", 1, false), tables.load(&scope))
        .expect("it fits");
    let with = |bend: &dyn Fn(&mut ProductRecord)| {
        let mut changes = changes.clone();
        bend(&mut changes.products[0].record);
        changes
    };
    let deadline = Timestamp::from_microsecond(9).expect("an instant");
    assert!(product_cache.only_places(&PendingProducts::default(), &with(&|product| product.depleted = true)));
    assert!(product_cache.only_places(
        &PendingProducts::default(),
        &with(&|product| product.next_expiry = Some(deadline))
    ));
    assert!(!product_cache.only_places(&PendingProducts::default(), &with(&|product| product.version -= 1)));
    assert!(!product_cache.only_places(
        &PendingProducts::default(),
        &with(&|product| product.safety_stock = Count::new(1).expect("a count"))
    ));
    assert!(
        product_cache.only_places(&PendingProducts::default(), &ChangeSet::default()),
        "a quote stores nothing"
    );
    let processed = ChangeSet {
        inbox: vec![InboxRecord {
            id: MessageId::new("shop", "m1").expect("a message id"),
            ended: Processed::Done,
            processed_at: Timestamp::UNIX_EPOCH,
        }],
        ..ChangeSet::default()
    };
    assert!(!product_cache.only_places(&PendingProducts::default(), &processed));
}

#[test]
fn a_change_of_another_version_is_more_than_placing() {
    let (mut tables, mut product_cache) = one_allocation(3);
    let scope = allocate(1, "LAMP", 1, false).scope();
    let mut changes = tables
        .run(&allocate(1, "LAMP", 1, false), tables.load(&scope))
        .expect("it fits");
    assert!(product_cache.only_places(&PendingProducts::default(), &changes));
    changes.products[0].read_version = Some(1);
    assert!(!product_cache.only_places(&PendingProducts::default(), &changes));
    changes.products[0].read_version = None;
    assert!(!product_cache.only_places(&PendingProducts::default(), &changes));
}

#[test]
fn the_cache_is_bounded_and_drops_the_least_recently_used_first() {
    let mut product_cache = ProductCache::default();
    let product = |number: usize| Loaded {
        products: vec![ProductRecord {
            expiry_step: None,
            sku: sku(&format!("P-{number}")),
            name: None,
            version: 1,
            batches_created: 0,
            safety_stock: Count::ZERO,
            depleted: false,
            next_expiry: None,
            at_risk: false,
            pending: None,
        }],
        ..Loaded::default()
    };
    let scope = |number: usize| allocate(1, &format!("P-{number}"), 1, false).scope();
    for number in 0..3 * MAX_ROWS {
        product_cache.filled(&product(number));
        assert!(product_cache.cached(&scope(0)).is_some(), "it is in use");
    }
    assert!(product_cache.products.len() <= 2 * MAX_ROWS);
    assert!(product_cache.cached(&scope(1)).is_none(), "it was not used for long");
}

#[test]
fn a_batch_that_is_used_up_is_dropped_from_the_offer() {
    let (mut tables, mut product_cache) = one_allocation(2);
    let scope = allocate(1, "LAMP", 1, false).scope();
    let changes = tables
        .run(&allocate(1, "LAMP", 1, false), tables.load(&scope))
        .expect("it fits");
    product_cache.apply(&changes);
    let cached = product_cache.cached(&scope).expect("it is cached");
    assert_eq!(cached.batches.len(), 1);
    assert_eq!(cached.batches[0].quantity, Count::new(2).expect("a count"));
    assert_eq!(cached.batches[0].allocated, Units::ZERO);
}

/// A LAMP of this version as it was loaded, with its base version.
fn read_as(version: u64, base_version: u64) -> (Loaded, BaseVersions) {
    let product = ProductRecord {
        version,
        ..ProductRecord::new(sku("LAMP"))
    };
    let loaded = Loaded {
        products: vec![product],
        ..Loaded::default()
    };
    (loaded, BaseVersions::from([(sku("LAMP"), base_version)]))
}

#[test]
fn a_product_is_served_after_others_have_placed_lines_but_not_with_another_base_version() {
    let scope = create(0, "LAMP", 1).scope();
    let scope = Scope {
        batches: Default::default(),
        backlog: false,
        ..scope
    };
    let mut product_cache = ProductCache::default();
    for (version, base_version, trusted) in [(5, 2, true), (8, 2, true), (9, 3, false)] {
        let (loaded, base_versions) = read_as(version, base_version);
        product_cache.fill(&loaded, &base_versions);
        let cached = product_cache.get(&scope).map(|cached| cached.base_versions);
        assert_eq!(
            cached,
            trusted.then_some(base_versions),
            "version {version}, base version {base_version}"
        );
    }
}

#[test]
fn a_change_that_does_more_than_place_lines_raises_the_base_version() {
    let (mut tables, _) = one_allocation(3);
    let mut product_cache = ProductCache::default();
    let mut base_version = 10;
    // The second is spread over batches.
    for (number, quantity, rises) in [(1, 1, 0), (2, 3, 1)] {
        let command = allocate(number, "LAMP", quantity, true);
        let loaded = tables.load(&command.scope());
        product_cache.fill(&loaded, &BaseVersions::from([(sku("LAMP"), base_version)]));
        let changes = tables.run(&command, loaded).expect("it fits");
        product_cache.apply(&changes);
        base_version += rises;
        let cached = product_cache.get(&command.scope()).expect("it is cached");
        assert_eq!(cached.base_versions[&sku("LAMP")], base_version);
    }
}
