//! Replay: a product's events from the first, held against its records as they stand.
//!
//! The events alone say what every balance must be. Whoever changes the tables from outside, or loses a row, is found
//! here.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::event::{Event, Fact, Kept, LineTerms, SequencedEvent, Subject};
use crate::line::{LineState, Part};
use crate::name::{LineKey, ProductName, Reference, Sku};
use crate::quantity::{Count, Units};
use crate::record::{AllocationRecord, BatchRecord, LineRecord, ProductRecord};

/// All that was ever stored of one product, read in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductHistory {
    /// The product.
    pub product: ProductRecord,
    /// All of its batches.
    pub batches: Vec<BatchRecord>,
    /// All of its lines, in whatever state.
    pub lines: Vec<LineRecord>,
    /// All of its allocations.
    pub allocations: Vec<AllocationRecord>,
    /// All of its events, ascending.
    pub events: Vec<SequencedEvent>,
}

/// Something stored that can't be true, told for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy(pub String);

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Holds a product's records against each other and against its events. Empty: they agree.
#[must_use]
pub fn audit(history: &ProductHistory) -> Vec<Discrepancy> {
    let mut audit = Audit {
        sku: &history.product.sku,
        found: Vec::new(),
    };
    audit.balances(history);
    audit.versions(history);
    let mut replayed = Replayed::default();
    for event in &history.events {
        if let Err(why) = replayed.follow(&event.event) {
            audit.report(format!("event {} can't have happened: {why}", event.sequence));
        }
    }
    audit.compare(history, replayed);
    audit.found
}

/// What the events say.
#[derive(Debug, Default)]
struct Replayed {
    name: Option<ProductName>,
    batches: BTreeMap<Reference, BatchRecord>,
    lines: BTreeMap<LineKey, LineRecord>,
    allocations: BTreeMap<(LineKey, Reference), AllocationRecord>,
}

impl Replayed {
    fn follow(&mut self, event: &Event) -> Result<(), String> {
        let Subject::Product { sku, .. } = &event.subject else {
            return Err("it is not of a product".into());
        };
        match &event.fact {
            Fact::ProductNamed { name } => self.name = Some(name.clone()),
            Fact::BatchCreated {
                reference,
                location,
                ordinal,
                quantity,
                eta,
            } => {
                let batch = BatchRecord {
                    reference: reference.clone(),
                    sku: sku.clone(),
                    location: location.clone(),
                    ordinal: *ordinal,
                    created_quantity: *quantity,
                    quantity: Count::from(*quantity),
                    allocated: Units::ZERO,
                    dispatched: Units::ZERO,
                    eta: *eta,
                };
                if self.batches.insert(reference.clone(), batch).is_some() {
                    return Err(format!("batch {reference} is created twice"));
                }
            }
            Fact::BatchQuantityChanged { reference, from, to } => {
                let batch = self
                    .batches
                    .get_mut(reference)
                    .ok_or_else(|| format!("there is no batch {reference}"))?;
                if batch.quantity != *from {
                    return Err(format!("batch {reference} holds {}, not {from}", batch.quantity));
                }
                batch.quantity = *to;
            }
            Fact::Allocated { line, allocations, .. } => {
                self.stand(sku, line, LineState::Allocated);
                self.earmark(event, &line.key, allocations)?;
            }
            Fact::Reallocated { key, from, to, .. } => {
                self.free(key, from)?;
                self.earmark(event, key, to)?;
            }
            Fact::Backordered { line, from, .. } => {
                self.free(&line.key, from)?;
                self.stand(sku, line, LineState::Backordered);
            }
            Fact::Deallocated { key, from, .. } => {
                self.free(key, from)?;
                self.lines
                    .get_mut(key)
                    .ok_or_else(|| format!("there is no line {key}"))?
                    .state = LineState::Cancelled;
            }
            Fact::OutOfStock { line, kept, .. } => {
                if *kept == Kept::Refused {
                    self.stand(sku, line, LineState::Refused);
                }
            }
            Fact::OrderPlaced { .. } | Fact::OrderCancelled => return Err("it is of an order".into()),
        }
        Ok(())
    }

    fn stand(&mut self, sku: &Sku, terms: &LineTerms, state: LineState) {
        self.lines.insert(
            terms.key.clone(),
            LineRecord {
                key: terms.key.clone(),
                sku: sku.clone(),
                quantity: terms.quantity,
                state,
                split: terms.split,
                placed_at: terms.placed_at,
                placed_with_order: terms.placed_with_order,
            },
        );
    }

    fn earmark(&mut self, event: &Event, key: &LineKey, parts: &[Part]) -> Result<(), String> {
        for part in parts {
            let batch = self
                .batches
                .get_mut(&part.batch)
                .ok_or_else(|| format!("there is no batch {}", part.batch))?;
            batch.allocated = batch
                .allocated
                .checked_add(part.quantity.units())
                .ok_or_else(|| format!("the units of batch {} overflow", part.batch))?;
            let allocation = AllocationRecord {
                key: key.clone(),
                batch: part.batch.clone(),
                quantity: part.quantity,
                allocated_at: event.occurred_at,
            };
            if self
                .allocations
                .insert((key.clone(), part.batch.clone()), allocation)
                .is_some()
            {
                return Err(format!("line {key} holds units in batch {} already", part.batch));
            }
        }
        Ok(())
    }

    fn free(&mut self, key: &LineKey, parts: &[Part]) -> Result<(), String> {
        for part in parts {
            let held = self.allocations.remove(&(key.clone(), part.batch.clone()));
            if held.map(|allocation| allocation.quantity) != Some(part.quantity) {
                return Err(format!(
                    "line {key} does not hold {} units in batch {}",
                    part.quantity, part.batch
                ));
            }
            let batch = self
                .batches
                .get_mut(&part.batch)
                .ok_or_else(|| format!("there is no batch {}", part.batch))?;
            batch.allocated = batch
                .allocated
                .checked_sub(part.quantity.units())
                .ok_or_else(|| format!("batch {} has fewer units allocated", part.batch))?;
        }
        Ok(())
    }
}

struct Audit<'h> {
    sku: &'h Sku,
    found: Vec<Discrepancy>,
}

impl Audit<'_> {
    #[expect(clippy::needless_pass_by_value, reason = "reads better at the many callers")]
    fn report(&mut self, what: String) {
        self.found.push(Discrepancy(format!("{}: {what}", self.sku)));
    }

    /// The records among themselves: what each batch and line holds is the sum of its allocations.
    fn balances(&mut self, history: &ProductHistory) {
        let mut in_batch: BTreeMap<&Reference, u64> = BTreeMap::new();
        let mut of_line: BTreeMap<&LineKey, u64> = BTreeMap::new();
        for allocation in &history.allocations {
            let units = u64::from(allocation.quantity.get());
            *in_batch.entry(&allocation.batch).or_default() += units;
            *of_line.entry(&allocation.key).or_default() += units;
        }
        for batch in &history.batches {
            let sum = in_batch.remove(&batch.reference).unwrap_or(0);
            if sum != batch.allocated.get() {
                self.report(format!(
                    "batch {} says {} units are allocated, its allocations say {sum}",
                    batch.reference, batch.allocated
                ));
            }
            let committed = batch.allocated.checked_add(batch.dispatched);
            if committed.is_none_or(|units| units > batch.quantity.units()) {
                self.report(format!(
                    "batch {} holds {} units, {} are allocated and {} dispatched",
                    batch.reference, batch.quantity, batch.allocated, batch.dispatched
                ));
            }
        }
        for (batch, units) in in_batch {
            self.report(format!(
                "{units} units are allocated in batch {batch}, which is not of this product"
            ));
        }
        for line in &history.lines {
            let held = of_line.remove(&line.key).unwrap_or(0);
            let due = match line.state {
                LineState::Allocated => u64::from(line.quantity.get()),
                LineState::Backordered | LineState::Refused | LineState::Cancelled => 0,
            };
            if held != due {
                self.report(format!(
                    "line {} is {} and holds {held} units instead of {due}",
                    line.key,
                    line.state.as_str()
                ));
            }
        }
        for (key, units) in of_line {
            self.report(format!(
                "{units} units are allocated to line {key}, which is not of this product"
            ));
        }
    }

    /// The events among themselves: versions without a gap, sequence rising with them.
    fn versions(&mut self, history: &ProductHistory) {
        let mut expected = 0;
        let mut last = 0;
        for event in &history.events {
            expected += 1;
            match event.event.product() {
                Some((sku, version)) if sku == self.sku && version == expected => {}
                Some((_, version)) => {
                    self.report(format!(
                        "event {} has version {version} where {expected} follows",
                        event.sequence
                    ));
                    expected = version;
                }
                None => self.report(format!("event {} is not of a product", event.sequence)),
            }
            if event.sequence <= last {
                self.report(format!("event {} follows event {last}", event.sequence));
            }
            last = event.sequence;
        }
        if expected != history.product.version {
            self.report(format!(
                "the product has version {}, its events end at {expected}",
                history.product.version
            ));
        }
    }

    /// The records against what the events say.
    fn compare(&mut self, history: &ProductHistory, replayed: Replayed) {
        if history.product.name != replayed.name {
            self.report("the product's name is not the one its events gave it".into());
        }
        if usize::try_from(history.product.batches_created) != Ok(replayed.batches.len()) {
            self.report(format!(
                "{} batches were created, the events tell of {}",
                history.product.batches_created,
                replayed.batches.len()
            ));
        }
        let batches = history.batches.iter().map(|batch| (batch.reference.clone(), batch));
        self.same("batch", batches, replayed.batches);
        let lines = history.lines.iter().map(|line| (line.key.clone(), line));
        self.same("line", lines, replayed.lines);
        let allocations = history
            .allocations
            .iter()
            .map(|allocation| ((allocation.key.clone(), allocation.batch.clone()), allocation));
        self.same("allocation", allocations, replayed.allocations);
    }

    fn same<'r, K: Ord + fmt::Debug, T: PartialEq + fmt::Debug + 'r>(
        &mut self,
        what: &str,
        stored: impl Iterator<Item = (K, &'r T)>,
        mut told: BTreeMap<K, T>,
    ) {
        for (key, stands) in stored {
            match told.remove(&key) {
                None => self.report(format!("{what} {key:?} stands, but no event tells of it")),
                Some(tells) if tells != *stands => {
                    self.report(format!("{what} {key:?} stands as {stands:?}, the events say {tells:?}"));
                }
                Some(_) => {}
            }
        }
        for (key, _) in told {
            self.report(format!("the events tell of {what} {key:?}, which does not stand"));
        }
    }
}
