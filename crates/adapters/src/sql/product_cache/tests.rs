//! What is remembered is what would be read, or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use earmark_domain::{
    Allocate, BacklogRead, Command, Count, CreateBatch, DecisionContext, DispatchRecord, LineId, LineRequest, Location,
    Locations, OnShortage, OrderId, Promising, Quantity, Reference, UnitOfWork, Units,
};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

/// Books without lines of the past: enough to read offers from.
#[derive(Default)]
struct Books {
    products: BTreeMap<Sku, ProductRecord>,
    batches: BTreeMap<Reference, BatchRecord>,
    commands: i64,
}

impl Books {
    /// What a store reads for a scope of products.
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
            if scope.backlog == BacklogNeed::FromStart {
                loaded.backlog.push(BacklogRead {
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

    /// Decides a command on what is given, and stores what it comes to.
    fn run(&mut self, command: &Command, loaded: Loaded) -> Option<ChangeSet> {
        self.commands += 1;
        let context = DecisionContext {
            now: Timestamp::from_microsecond(self.commands).expect("an instant"),
            actor: Arc::from("test"),
            correlation_id: Arc::from("test"),
            promising: Promising::default(),
        };
        let mut unit_of_work = UnitOfWork::open(loaded).expect("sound books");
        // A refusal leaves events, which are stored too.
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
            let batch = self.batches.get_mut(&held.batch).expect("a batch of the books");
            batch.allocated = batch.allocated.checked_add(held.quantity.units()).expect("a sum");
        }
        Some(changes)
    }
}

impl ProductCache {
    /// What the scope would read, without what is known beside it.
    fn recalled(&mut self, scope: &Scope) -> Option<Loaded> {
        self.recalled_behind(&PendingProducts::default(), scope)
    }

    /// Takes note of what was read, as a store that has one writer does.
    fn read(&mut self, loaded: &Loaded) {
        self.fill(loaded, &BaseVersions::default());
    }

    fn recalled_behind(&mut self, pending: &PendingProducts, scope: &Scope) -> Option<Loaded> {
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
    })
}

/// A product with a number of batches of two units, one allocation of it read and stored.
fn one_allocation(batches: usize) -> (Books, ProductCache) {
    let (mut books, mut product_cache) = (Books::default(), ProductCache::default());
    for number in 0..batches {
        let command = create(number, "LAMP", 2);
        let loaded = books.load(&command.scope());
        books.run(&command, loaded);
    }
    let command = allocate(0, "LAMP", 1, false);
    let loaded = books.load(&command.scope());
    product_cache.read(&loaded);
    let changes = books.run(&command, loaded).expect("it fits");
    assert!(product_cache.only_places(&PendingProducts::default(), &changes));
    product_cache.apply(&changes);
    (books, product_cache)
}

#[test]
fn what_was_stored_is_remembered_as_it_would_be_read() {
    let (books, mut product_cache) = one_allocation(3);
    let scope = allocate(1, "LAMP", 1, false).scope();
    assert_eq!(product_cache.recalled(&scope), Some(books.load(&scope)));
}

#[test]
fn nothing_is_remembered_for_who_asks_for_more_than_placing_lines_takes() {
    let (_, mut product_cache) = one_allocation(3);
    let frees_stock = Scope {
        backlog: BacklogNeed::FromStart,
        ..allocate(1, "LAMP", 1, false).scope()
    };
    assert_eq!(product_cache.recalled(&frees_stock), None);
    assert_eq!(product_cache.recalled(&create(9, "LAMP", 1).scope()), None);
    let wants = || allocate(1, "LAMP", 1, false).scope();
    let of_what_has_left = Scope {
        dispatches: true,
        ..wants()
    };
    assert_eq!(product_cache.recalled(&of_what_has_left), None);
    let of_deadlines = Scope {
        holds: [sku("LAMP")].into(),
        ..wants()
    };
    assert_eq!(product_cache.recalled(&of_deadlines), None);
    assert_eq!(product_cache.recalled(&allocate(1, "CHAIR", 1, false).scope()), None);
    assert_eq!(product_cache.recalled(&Scope::default()), None);
}

#[test]
fn a_cut_offer_is_remembered_as_cut_and_not_as_whole() {
    let (books, mut product_cache) = one_allocation(BATCH_PAGE + 3);
    let mut scope = allocate(1, "LAMP", 1, false).scope();
    let cached = product_cache.recalled(&scope);
    assert_eq!(cached, Some(books.load(&scope)));
    assert_eq!(cached.map(|loaded| loaded.batch_pages_cut.len()), Some(1));
    scope.all_batches_of.insert(sku("LAMP"));
    assert_eq!(product_cache.recalled(&scope), None);
}

#[test]
fn a_product_that_somebody_else_changes_is_not_trusted_until_it_is_found_unchanged() {
    let (mut books, mut product_cache) = one_allocation(3);
    let scope = allocate(1, "LAMP", 1, false).scope();
    // Somebody else's, of which nothing is noted here.
    books.run(&allocate(7, "LAMP", 1, false), books.load(&scope));
    product_cache.distrust([&sku("LAMP")]);
    assert_eq!(product_cache.recalled(&scope), None);
    product_cache.read(&books.load(&scope));
    for _ in 0..DOUBTS {
        assert_eq!(product_cache.recalled(&scope), None, "it had changed, not long ago");
        product_cache.read(&books.load(&scope));
    }
    assert_eq!(
        product_cache.recalled(&scope),
        Some(books.load(&scope)),
        "it has not for a while"
    );
}

#[test]
fn behind_a_transaction_that_is_under_way_its_products_are_as_it_will_have_left_them() {
    let (mut books, mut product_cache) = one_allocation(1);
    let command = allocate(7, "LAMP", 2, false);
    let before = product_cache.recalled(&command.scope()).expect("it is remembered");
    let changes = books.run(&command, before.clone()).expect("it is allocated");
    let left = product_cache.left_by(&PendingProducts::default(), &changes);
    let next = allocate(8, "LAMP", 1, false).scope();
    assert_eq!(
        product_cache.recalled(&next),
        Some(before),
        "whoever does not follow it knows nothing of it"
    );
    let behind = product_cache.recalled_behind(&left, &next);
    assert_eq!(behind, Some(books.load(&next)));
    product_cache.apply_pending(left);
    assert_eq!(product_cache.recalled(&next), behind, "and everybody once it is stored");
}

#[test]
fn of_two_that_were_stored_the_later_is_kept_whichever_is_told_first() {
    let (mut books, mut product_cache) = one_allocation(1);
    let first = allocate(7, "LAMP", 2, false);
    let changes = books.run(&first, books.load(&first.scope())).expect("it is allocated");
    let left_by_first = product_cache.left_by(&PendingProducts::default(), &changes);
    let second = allocate(8, "LAMP", 1, false);
    let changes = books
        .run(&second, books.load(&second.scope()))
        .expect("it is allocated");
    let left_by_second = product_cache.left_by(&left_by_first, &changes);
    product_cache.apply_pending(left_by_second);
    product_cache.apply_pending(left_by_first);
    assert_eq!(
        product_cache.recalled(&second.scope()),
        Some(books.load(&second.scope()))
    );
}

#[test]
fn who_follows_one_that_leaves_a_product_unknown_does_not_guess() {
    let (mut books, mut product_cache) = one_allocation(BATCH_PAGE + 1);
    let all = allocate(7, "LAMP", 9, true);
    let before = product_cache.recalled(&all.scope()).expect("it is remembered");
    // A batch of those that were read is used up, and what takes its place was not read.
    let changes = books.run(&all, before).expect("it is allocated");
    let left = product_cache.left_by(&PendingProducts::default(), &changes);
    let next = allocate(8, "LAMP", 1, false).scope();
    assert_eq!(product_cache.recalled_behind(&left, &next), None);
    product_cache.apply_pending(left);
    assert_eq!(product_cache.recalled(&next), None);
}

#[test]
fn what_a_change_of_batches_leaves_is_not_guessed() {
    let (mut books, mut product_cache) = one_allocation(3);
    let command = create(9, "LAMP", 5);
    let loaded = books.load(&command.scope());
    product_cache.read(&loaded);
    let changes = books.run(&command, loaded).expect("a batch");
    assert!(!product_cache.only_places(&PendingProducts::default(), &changes));
    product_cache.apply(&changes);
    assert_eq!(product_cache.recalled(&allocate(1, "LAMP", 1, false).scope()), None);
}

#[test]
fn what_leaves_the_building_or_comes_back_is_not_guessed() {
    for back in [false, true] {
        let (mut books, mut product_cache) = one_allocation(3);
        let scope = allocate(1, "LAMP", 1, false).scope();
        let mut changes = books
            .run(&allocate(1, "LAMP", 1, false), books.load(&scope))
            .expect("it fits");
        let held = changes.earmarked[0].clone();
        let moved = DispatchRecord {
            key: held.key,
            batch: held.batch,
            quantity: held.quantity,
            allocated_at: held.allocated_at,
        };
        let list = if back {
            &mut changes.returned
        } else {
            &mut changes.dispatched
        };
        list.push(moved);
        assert!(!product_cache.only_places(&PendingProducts::default(), &changes));
        product_cache.apply(&changes);
        assert_eq!(product_cache.recalled(&scope), None);
    }
}

#[test]
fn running_out_and_holds_are_placed_with_a_new_version_alone() {
    let (mut books, mut product_cache) = one_allocation(3);
    let scope = allocate(1, "LAMP", 1, false).scope();
    let changes = books
        .run(&allocate(1, "LAMP", 1, false), books.load(&scope))
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
}

#[test]
fn a_change_on_another_version_is_no_mere_placing() {
    let (mut books, mut product_cache) = one_allocation(3);
    let scope = allocate(1, "LAMP", 1, false).scope();
    let mut changes = books
        .run(&allocate(1, "LAMP", 1, false), books.load(&scope))
        .expect("it fits");
    assert!(product_cache.only_places(&PendingProducts::default(), &changes));
    changes.products[0].read_version = Some(1);
    assert!(!product_cache.only_places(&PendingProducts::default(), &changes));
    changes.products[0].read_version = None;
    assert!(!product_cache.only_places(&PendingProducts::default(), &changes));
}

#[test]
fn memory_is_bounded_and_the_longest_unused_is_forgotten_first() {
    let mut product_cache = ProductCache::default();
    let product = |number: usize| Loaded {
        products: vec![ProductRecord {
            sku: sku(&format!("P-{number}")),
            name: None,
            version: 1,
            batches_created: 0,
            resume_after: None,
            safety_stock: Count::ZERO,
            depleted: false,
            next_expiry: None,
        }],
        ..Loaded::default()
    };
    let scope = |number: usize| allocate(1, &format!("P-{number}"), 1, false).scope();
    for number in 0..3 * MOST_ROWS {
        product_cache.read(&product(number));
        assert!(product_cache.recalled(&scope(0)).is_some(), "it is in use");
    }
    assert!(product_cache.young.len() + product_cache.old.len() <= 2 * MOST_ROWS);
    assert!(
        product_cache.recalled(&scope(1)).is_none(),
        "nobody has asked for it for long"
    );
}

#[derive(Debug, Clone)]
enum Step {
    Create { of: usize, quantity: i32 },
    Allocate { of: usize, quantity: i32, split: bool },
    ByAnother { of: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..2_usize, 1..4_i32).prop_map(|(of, quantity)| Step::Create { of, quantity }),
        6 => (0..2_usize, 1..5_i32, any::<bool>()).prop_map(|(of, quantity, split)| Step::Allocate { of, quantity, split }),
        1 => (0..2_usize).prop_map(|of| Step::ByAnother { of }),
    ];
    proptest::collection::vec(step, 1..120)
}

proptest! {
    /// Whatever has happened: if the versions are those of the books, so is everything else.
    #[test]
    fn what_is_remembered_at_the_version_of_the_books_is_what_the_books_say(steps in steps()) {
        const OF: [&str; 2] = ["LAMP", "CHAIR"];
        let (mut books, mut product_cache) = (Books::default(), ProductCache::default());
        for (number, step) in steps.into_iter().enumerate() {
            let (command, noted) = match step {
                Step::Create { of, quantity } => (create(number, OF[of], quantity), true),
                Step::Allocate { of, quantity, split } => (allocate(number, OF[of], quantity, split), true),
                Step::ByAnother { of } => (allocate(number, OF[of], 1, false), false),
            };
            let mut scope = command.scope();
            let read = books.load(&scope);
            let mut loaded = product_cache.recalled(&scope).unwrap_or_else(|| {
                product_cache.read(&read);
                read.clone()
            });
            if loaded.products != read.products {
                // The store finds out, and reads.
                product_cache.distrust(&scope.skus);
                product_cache.read(&read);
                loaded = read.clone();
            }
            prop_assert_eq!(&loaded, &read);
            let changes = match books.run(&command, loaded) {
                Some(changes) => changes,
                None => {
                    scope.all_batches_of = scope.skus.clone();
                    prop_assert!(product_cache.recalled(&scope).is_none_or(|loaded| loaded.batch_pages_cut.is_empty()));
                    let read = books.load(&scope);
                    product_cache.read(&read);
                    books.run(&command, read).expect("all was read")
                }
            };
            if noted {
                product_cache.apply(&changes);
            }
        }
    }
}

#[test]
fn a_batch_that_is_used_up_is_not_on_offer_any_more() {
    let (mut books, mut product_cache) = one_allocation(2);
    let scope = allocate(1, "LAMP", 1, false).scope();
    let changes = books
        .run(&allocate(1, "LAMP", 1, false), books.load(&scope))
        .expect("it fits");
    product_cache.apply(&changes);
    let cached = product_cache.recalled(&scope).expect("it is remembered");
    assert_eq!(cached.batches.len(), 1);
    assert_eq!(cached.batches[0].quantity, Count::new(2).expect("a count"));
    assert_eq!(cached.batches[0].allocated, Units::ZERO);
}

/// A LAMP of this version, as it was read, and the form it had.
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
fn a_product_in_which_others_have_placed_lines_is_trusted_still_and_another_form_is_not() {
    let scope = create(0, "LAMP", 1).scope();
    let scope = Scope {
        batches: Default::default(),
        backlog: BacklogNeed::None,
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
            "version {version}, form {base_version}"
        );
    }
}

#[test]
fn what_does_more_than_to_place_lines_leaves_another_form() {
    let (mut books, _) = one_allocation(3);
    let mut product_cache = ProductCache::default();
    let mut base_version = 10;
    // The second is spread over batches.
    for (number, quantity, rises) in [(1, 1, 0), (2, 3, 1)] {
        let command = allocate(number, "LAMP", quantity, true);
        let loaded = books.load(&command.scope());
        product_cache.fill(&loaded, &BaseVersions::from([(sku("LAMP"), base_version)]));
        let changes = books.run(&command, loaded).expect("it fits");
        product_cache.apply(&changes);
        base_version += rises;
        let cached = product_cache.get(&command.scope()).expect("it is remembered");
        assert_eq!(cached.base_versions[&sku("LAMP")], base_version);
    }
}
