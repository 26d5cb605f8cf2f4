//! Forged change sets, which the domain would never decide: a store must not store them.
//!
//! The invariants are checked in the domain and a second time in the store, so that a defect in between does no harm.

use earmark_application::StoreError;
use earmark_domain::{
    AllocationRecord, BatchRecord, Change, ChangeSet, Command, Count, DispatchRecord, Event, Fact, LineKey, LineRecord,
    LineState, OrderRecord, Precedence, Precondition, ProductChange, ProductRecord, Promise, ReleaseRank, Subject,
    Units,
};

use crate::build::{
    allocate, allocate_split, count_batch, create_batch, dispatch, line, place_order, reference, sku, undo_dispatch,
    units,
};
use crate::databases::Db;
use crate::shop::Shop;

/// The same line under another key.
fn under_key(record: &LineRecord, key: LineKey) -> LineRecord {
    let mut record = record.clone();
    record.terms.key = key;
    record
}

/// A shop with a batch of ten lamps, four of them allocated, and a used-up batch of chairs.
async fn lamps(db: &Db) -> Shop {
    let shop = Shop::open(db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 10),
        place_order("o-1", &[("LAMP", 4)]),
        create_batch("b-2", "CHAIR", 1),
        allocate("o-2", "CHAIR", 1),
    ])
    .await;
    shop
}

/// What the domain decides for a command, for a test to change.
async fn decided(shop: &Shop, command: &Command) -> ChangeSet {
    let loaded = shop.load(&command.scope()).await;
    let mut unit_of_work = earmark_domain::UnitOfWork::open(loaded).expect("sound records");
    let outcome = unit_of_work.decide(command, &shop.context());
    assert!(outcome.is_ok(), "{outcome:?}");
    unit_of_work.close().expect("all batches are loaded")
}

/// The store refuses the change set and stores nothing of it.
async fn assert_not_stored(shop: &Shop, command: &Command, changes: ChangeSet) {
    let before = shop.snapshot().await;
    let stored = shop.forge(&command.scope(), changes.clone()).await;
    assert!(
        matches!(stored, Err(StoreError::Conflict | StoreError::Corrupt(_))),
        "{changes:#?} is answered with {stored:?}"
    );
    assert_eq!(shop.snapshot().await, before, "{changes:#?}");
    shop.assert_sound().await;
}

/// The store checks the batch's quantity itself.
pub async fn an_allocation_beyond_a_batchs_quantity_is_not_stored(db: Db) {
    let shop = lamps(&db).await;
    let command = allocate("o-9", "LAMP", 6);
    let mut changes = decided(&shop, &command).await;
    changes.earmarked[0].quantity = units(7);
    assert_not_stored(&shop, &command, changes).await;
    shop.done(&command).await;
}

/// A batch can't be smaller than its allocations.
pub async fn a_count_below_a_batchs_allocations_is_not_stored(db: Db) {
    let shop = lamps(&db).await;
    let command = count_batch("b-1", 4);
    let mut changes = decided(&shop, &command).await;
    let Change::Changed(batch) = &mut changes.batches[0] else {
        unreachable!("the batch exists")
    };
    batch.quantity = Count::new(3).expect("a count");
    assert_not_stored(&shop, &command, changes).await;
    shop.done(&command).await;
}

/// The store derives the sum itself.
pub async fn a_batchs_allocated_units_are_the_sum_of_its_allocations(db: Db) {
    let shop = lamps(&db).await;
    let command = count_batch("b-1", 20);
    let mut changes = decided(&shop, &command).await;
    let Change::Changed(batch) = &mut changes.batches[0] else {
        unreachable!("the batch exists")
    };
    batch.allocated = Units::new(19);
    shop.forge(&command.scope(), changes)
        .await
        .expect("the rest of it is sound");

    let command = create_batch("b-3", "LAMP", 5);
    let mut changes = decided(&shop, &command).await;
    let Change::New(batch) = &mut changes.batches[0] else {
        unreachable!("the batch is new")
    };
    batch.allocated = Units::new(3);
    shop.forge(&command.scope(), changes)
        .await
        .expect("the rest of it is sound");

    for (batch, allocated) in [("b-1", 4), ("b-3", 0)] {
        let stored = shop.reads.batch(&reference(batch), shop.now()).await.expect("a batch");
        assert_eq!(stored.map(|batch| batch.record.allocated.get()), Some(allocated));
    }
    shop.assert_sound().await;
}

/// A change set of one product with one event, for a test to fill.
async fn next_version(shop: &Shop, of: &str, fact: Fact) -> ChangeSet {
    let record = shop.history(&sku(of)).await.product;
    let context = shop.context();
    let version = record.version + 1;
    ChangeSet {
        products: vec![ProductChange {
            precondition: Precondition::SameVersion,
            read_version: Some(record.version),
            record: ProductRecord { version, ..record },
        }],
        events: vec![Event {
            subject: Subject::Product { sku: sku(of), version },
            occurred_at: context.now,
            decided_on: context.today,
            actor: context.actor,
            correlation_id: context.correlation_id,
            fact,
        }],
        ..ChangeSet::default()
    }
}

fn renamed() -> Fact {
    Fact::ProductNamed {
        name: earmark_domain::ProductName::new("A lamp").expect("a name"),
    }
}

/// The same line in the same batch, by another event: it is released and allocated again.
pub async fn an_allocation_that_is_released_and_made_again_is_stored(db: Db) {
    let shop = lamps(&db).await;
    let released = shop.history(&sku("LAMP")).await.allocations[0].clone();
    let again = AllocationRecord {
        allocated_version: released.allocated_version + 1,
        ..released.clone()
    };
    let mut changes = next_version(&shop, "LAMP", renamed()).await;
    changes.released.push(released);
    changes.earmarked.push(again.clone());
    let scope = allocate("o-1", "LAMP", 4).scope();
    shop.forge(&scope, changes).await.expect("it is sound");
    let history = shop.history(&sku("LAMP")).await;
    assert_eq!(history.allocations, [again]);
    assert_eq!(history.batches[0].allocated, Units::new(4));
}

/// One part of a line moves to another batch; the others stay.
pub async fn a_released_part_leaves_the_other_parts_of_its_line(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 1),
        create_batch("b-2", "LAMP", 2),
        create_batch("b-3", "LAMP", 3),
        allocate_split("o-1", "LAMP", 6),
        create_batch("b-4", "LAMP", 4),
    ])
    .await;
    let mut held = shop.history(&sku("LAMP")).await.allocations;
    let mut changes = next_version(&shop, "LAMP", renamed()).await;
    let moved = AllocationRecord {
        batch: reference("b-4"),
        ..held[1].clone()
    };
    changes.released.push(held.remove(1));
    changes.earmarked.push(moved.clone());
    held.push(moved);
    let scope = allocate_split("o-1", "LAMP", 6).scope();
    shop.forge(&scope, changes).await.expect("it is sound");
    let history = shop.history(&sku("LAMP")).await;
    assert_eq!(history.allocations, held);
    let allocated: Vec<_> = history.batches.iter().map(|batch| batch.allocated.get()).collect();
    assert_eq!(allocated, [1, 0, 3, 2]);
}

/// Ten of ten units are allocated, and one line's go to another: the batch never has more than ten.
pub async fn units_of_a_full_batch_go_from_one_line_to_another(db: Db) {
    let shop = lamps(&db).await;
    shop.done(&allocate("o-2", "LAMP", 6)).await;
    let history = shop.history(&sku("LAMP")).await;
    let leaving = history
        .allocations
        .iter()
        .find(|held| held.quantity == units(6))
        .expect("six")
        .clone();
    let mut changes = next_version(&shop, "LAMP", renamed()).await;
    let new_line = under_key(&history.lines[1], line("o-3", "LAMP"));
    changes.lines = vec![
        Change::Changed(LineRecord {
            state: LineState::Cancelled,
            promise: Promise::NONE,
            ..history.lines[1].clone()
        }),
        Change::New(new_line.clone()),
    ];
    changes.earmarked = vec![AllocationRecord {
        key: new_line.terms.key,
        ..leaving.clone()
    }];
    changes.released = vec![leaving];
    let scope = allocate("o-2", "LAMP", 6).scope();
    shop.forge(&scope, changes).await.expect("it is sound");
    let batch = shop.batch("b-1").await.record;
    assert_eq!(batch.allocated, Units::new(10));
}

/// A decision is valid for the version it was taken on.
pub async fn a_change_decided_on_another_version_is_not_stored(db: Db) {
    let shop = lamps(&db).await;
    let command = allocate("o-9", "LAMP", 1);
    for forged in [None, Some(0), Some(1), Some(3), Some(u64::from(u32::MAX))] {
        let mut changes = decided(&shop, &command).await;
        assert_eq!(changes.products[0].read_version, Some(2));
        changes.products[0].read_version = forged;
        assert_not_stored(&shop, &command, changes).await;
    }
}

/// A new row must not exist yet.
pub async fn a_new_row_that_exists_is_not_stored(db: Db) {
    let shop = lamps(&db).await;
    let command = place_order("o-9", &[("LAMP", 1)]);
    let changes = decided(&shop, &command).await;

    let mut same_line = changes.clone();
    let existing = shop.history(&sku("LAMP")).await.lines[0].clone();
    same_line.lines.push(Change::New(existing));
    assert_not_stored(&shop, &command, same_line).await;

    let mut same_order = changes.clone();
    let Change::New(order) = &mut same_order.orders[0] else {
        unreachable!("the order is new")
    };
    order.id = crate::build::order("o-1");
    assert_not_stored(&shop, &command, same_order).await;

    let mut same_batch = changes.clone();
    let existing = shop.history(&sku("CHAIR")).await.batches[0].clone();
    same_batch.batches.push(Change::New(BatchRecord {
        sku: sku("LAMP"),
        ordinal: 9,
        ..existing
    }));
    assert_not_stored(&shop, &command, same_batch).await;

    let mut same_allocation = changes.clone();
    let existing = shop.history(&sku("LAMP")).await.allocations[0].clone();
    same_allocation.earmarked.push(existing);
    assert_not_stored(&shop, &command, same_allocation).await;

    let mut twice = changes;
    twice.lines.push(twice.lines[0].clone());
    assert_not_stored(&shop, &command, twice).await;
}

/// A row that is changed, released or allocated in must exist.
pub async fn a_change_of_what_does_not_exist_is_not_stored(db: Db) {
    let shop = lamps(&db).await;
    let command = allocate("o-9", "LAMP", 1);
    let changes = decided(&shop, &command).await;

    let mut in_no_batch = changes.clone();
    in_no_batch.earmarked[0].batch = reference("nowhere");
    assert_not_stored(&shop, &command, in_no_batch).await;

    let mut to_no_line = changes.clone();
    to_no_line.earmarked[0].key = line("unknown", "LAMP");
    assert_not_stored(&shop, &command, to_no_line).await;

    let mut no_allocation = changes.clone();
    let released = AllocationRecord {
        key: line("unknown", "LAMP"),
        ..changes.earmarked[0].clone()
    };
    no_allocation.released.push(released);
    assert_not_stored(&shop, &command, no_allocation).await;

    let mut no_line = changes.clone();
    let Change::New(record) = changes.lines[0].clone() else {
        unreachable!("the line is new")
    };
    no_line
        .lines
        .push(Change::Changed(under_key(&record, line("unknown", "LAMP"))));
    assert_not_stored(&shop, &command, no_line).await;

    let mut no_batch = changes;
    let existing = shop.history(&sku("LAMP")).await.batches[0].clone();
    no_batch.batches.push(Change::Changed(BatchRecord {
        reference: reference("nowhere"),
        ..existing
    }));
    assert_not_stored(&shop, &command, no_batch).await;
}

/// Of nine sound rows and a bad one none is stored.
pub async fn one_bad_row_prevents_the_whole_change_set(db: Db) {
    let shop = lamps(&db).await;
    let command = place_order("o-9", &[("LAMP", 6)]);
    let mut changes = decided(&shop, &command).await;
    let chairs = next_version(&shop, "CHAIR", renamed()).await;
    changes.products.extend(chairs.products);
    changes.events.extend(chairs.events);
    changes.lines.push(Change::New(LineRecord {
        sku: sku("CHAIR"),
        ..under_key(changes.lines[0].value(), line("o-9", "chair"))
    }));
    changes.earmarked.push(AllocationRecord {
        key: line("o-9", "chair"),
        batch: reference("b-2"),
        quantity: units(1),
        release_rank: ReleaseRank::of(Precedence::default(), false),
        allocated_version: 9,
    });
    assert_not_stored(&shop, &command, changes).await;
}

/// A line without an event of its product is reported, whether its order has other events or none.
pub async fn a_line_without_an_event_is_found(db: Db) {
    let shop = lamps(&db).await;
    shop.assert_sound().await;
    let command = allocate("o-9", "LAMP", 1);
    let mut changes = decided(&shop, &command).await;
    // o-2 has events, but only of the CHAIR.
    let strays = [line("o-2", "x"), line("o-7", "LAMP")];
    for key in &strays {
        changes.lines.push(Change::New(LineRecord {
            state: LineState::Cancelled,
            promise: Promise::NONE,
            ..under_key(changes.lines[0].value(), key.clone())
        }));
    }
    shop.forge(&command.scope(), changes).await.expect("no key forbids it");
    let report = shop.verify().await.expect("the store can be read");
    for key in strays {
        let found = report
            .discrepancies
            .iter()
            .any(|discrepancy| discrepancy.contains(&key.to_string()));
        assert!(found, "{key} is not among {:?}", report.discrepancies);
    }
}

/// The store derives the sum itself.
pub async fn a_batchs_dispatched_units_are_the_sum_of_its_dispatches(db: Db) {
    let shop = lamps(&db).await;
    let command = count_batch("b-1", 20);
    let mut changes = decided(&shop, &command).await;
    let Change::Changed(batch) = &mut changes.batches[0] else {
        unreachable!("the batch exists")
    };
    batch.dispatched = Units::new(3);
    shop.forge(&command.scope(), changes)
        .await
        .expect("the rest of it is sound");
    let command = create_batch("b-3", "LAMP", 5);
    let mut changes = decided(&shop, &command).await;
    let Change::New(batch) = &mut changes.batches[0] else {
        unreachable!("the batch is new")
    };
    batch.dispatched = Units::new(3);
    shop.forge(&command.scope(), changes)
        .await
        .expect("the rest of it is sound");
    for batch in ["b-1", "b-3"] {
        assert_eq!(shop.batch(batch).await.record.dispatched, Units::ZERO);
    }
    shop.assert_sound().await;
}

/// A dispatch of too many units, of no line, from no batch, or a second time; and a return without a dispatch.
pub async fn an_impossible_dispatch_is_not_stored(db: Db) {
    let shop = lamps(&db).await;
    let command = dispatch("o-1");
    let changes = decided(&shop, &command).await;
    let with = |forge: &dyn Fn(&mut DispatchRecord)| {
        let mut changes = changes.clone();
        forge(&mut changes.dispatched[0]);
        changes
    };
    let too_much = with(&|dispatch| dispatch.quantity = units(11));
    assert_not_stored(&shop, &command, too_much).await;
    let from_nowhere = with(&|dispatch| dispatch.batch = reference("nowhere"));
    assert_not_stored(&shop, &command, from_nowhere).await;
    let to_no_line = with(&|dispatch| dispatch.key = line("unknown", "LAMP"));
    assert_not_stored(&shop, &command, to_no_line).await;
    // The units are dispatched and stay allocated: six units are available, and four are allocated to the line.
    let mut both = with(&|dispatch| dispatch.quantity = units(7));
    both.released.clear();
    assert_not_stored(&shop, &command, both).await;
    let mut twice = changes.clone();
    twice.dispatched.push(twice.dispatched[0].clone());
    assert_not_stored(&shop, &command, twice).await;
    let mut never_left = changes.clone();
    never_left.returned = never_left.dispatched.clone();
    assert_not_stored(&shop, &command, never_left).await;
    let mut no_order = changes.clone();
    no_order.orders.push(Change::Changed(OrderRecord {
        expiry_step: None,
        id: crate::build::order("unknown"),
        placed_at: shop.now(),
        precedence: earmark_domain::Precedence::default(),
        asked: None,
        hold_until: None,
    }));
    assert_not_stored(&shop, &command, no_order).await;

    shop.done(&command).await;
    let command = undo_dispatch("o-1");
    let mut other = decided(&shop, &command).await;
    other.returned[0].quantity = units(3);
    assert_not_stored(&shop, &command, other).await;
    shop.done(&command).await;
}

/// A held line has a deadline, and a line that is neither held nor backordered has none.
pub async fn a_hold_without_a_deadline_is_not_stored(db: Db) {
    let shop = lamps(&db).await;
    let command = allocate("o-9", "LAMP", 1);
    let changes = decided(&shop, &command).await;
    for (state, hold_until) in [
        (LineState::Held, None),
        (LineState::Allocated, Some(shop.now())),
        (LineState::Expired, Some(shop.now())),
    ] {
        let mut changes = changes.clone();
        let mut record = changes.lines[0].value().clone();
        record.state = state;
        record.terms.hold_until = hold_until;
        changes.lines = vec![Change::New(record)];
        assert_not_stored(&shop, &command, changes).await;
    }
}
