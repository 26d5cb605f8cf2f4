//! The audit: compares a product's records with each other and with its events.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::projection::Projection;
use crate::events::event::SequencedEvent;
use crate::language::line_terms::LineState;
use crate::language::name::{LineKey, Reference, Sku};
use crate::records::batch::BatchRecord;
use crate::records::order::{AllocationRecord, DispatchRecord, LineRecord};
use crate::records::product::ProductRecord;

/// Everything that is stored of one product, read in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductHistory {
    /// The product.
    pub product: ProductRecord,
    /// All of its batches.
    pub batches: Vec<BatchRecord>,
    /// All of its lines, in any state.
    pub lines: Vec<LineRecord>,
    /// All of its allocations.
    pub allocations: Vec<AllocationRecord>,
    /// All of its lines' dispatches.
    pub dispatches: Vec<DispatchRecord>,
    /// All of its events, in ascending order.
    pub events: Vec<SequencedEvent>,
}

/// A contradiction in what is stored, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy(pub String);

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Compares a product's records with each other and with its events. Empty: they agree.
#[must_use]
pub fn audit(history: &ProductHistory) -> Vec<Discrepancy> {
    let mut audit = Audit {
        sku: &history.product.sku,
        found: Vec::new(),
    };
    audit.balances(history);
    audit.versions(history);
    let mut projection = Projection::default();
    for event in &history.events {
        if let Err(why) = projection.apply(&event.event) {
            audit.report(format!("event {} can't have happened: {why}", event.sequence));
        }
    }
    audit.compare(history, projection);
    audit.found
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

    /// Compares the records with each other: the allocated units of each batch and line are the sum of its allocations,
    /// and the dispatched units are the sum of its dispatches.
    fn balances(&mut self, history: &ProductHistory) {
        let mut in_batch: BTreeMap<&Reference, (u64, u64)> = BTreeMap::new();
        let mut of_line: BTreeMap<&LineKey, (u64, u64)> = BTreeMap::new();
        for allocation in &history.allocations {
            let units = u64::from(allocation.quantity.get());
            in_batch.entry(&allocation.batch).or_default().0 += units;
            of_line.entry(&allocation.key).or_default().0 += units;
        }
        for dispatch in &history.dispatches {
            let units = u64::from(dispatch.quantity.get());
            in_batch.entry(&dispatch.batch).or_default().1 += units;
            of_line.entry(&dispatch.key).or_default().1 += units;
        }
        for batch in &history.batches {
            let (allocated, dispatched) = in_batch.remove(&batch.reference).unwrap_or_default();
            if allocated != batch.allocated.get() {
                self.report(format!(
                    "batch {} says {} units are allocated, its allocations say {allocated}",
                    batch.reference, batch.allocated
                ));
            }
            if dispatched != batch.dispatched.get() {
                self.report(format!(
                    "batch {} says {} units are dispatched, its dispatches say {dispatched}",
                    batch.reference, batch.dispatched
                ));
            }
            let committed = batch.allocated.checked_add(batch.dispatched);
            if committed.is_none_or(|units| units > batch.quantity.units()) {
                self.report(format!(
                    "batch {} has {} units, {} are allocated and {} dispatched",
                    batch.reference, batch.quantity, batch.allocated, batch.dispatched
                ));
            }
        }
        for batch in history.batches.iter().filter(|batch| batch.closed) {
            if batch.quantity.units() != batch.dispatched {
                self.report(format!(
                    "batch {} was cancelled and has {} units, {} are dispatched",
                    batch.reference, batch.quantity, batch.dispatched
                ));
            }
        }
        for (batch, (allocated, dispatched)) in in_batch {
            self.report(format!(
                "{allocated} units are allocated and {dispatched} dispatched in batch {batch}, which is not of this \
                 product"
            ));
        }
        for line in &history.lines {
            let wanted = u64::from(line.terms.quantity.get());
            let expected = match line.state {
                LineState::Held | LineState::Allocated => (wanted, 0),
                LineState::Dispatched => (0, wanted),
                LineState::Backordered | LineState::Refused | LineState::Cancelled | LineState::Expired => (0, 0),
            };
            let actual = of_line.remove(&line.terms.key).unwrap_or_default();
            if actual != expected {
                self.report(format!(
                    "line {} is {}, has {} units allocated instead of {}, and {} dispatched instead of {}",
                    line.terms.key,
                    line.state.as_str(),
                    actual.0,
                    expected.0,
                    actual.1,
                    expected.1
                ));
            }
            self.deadline(history, line);
        }
        for (key, (allocated, dispatched)) in of_line {
            self.report(format!(
                "{allocated} units are allocated and {dispatched} dispatched for line {key}, which is not of this product"
            ));
        }
    }

    /// Checks that a held line has a deadline, and that its product's next expiry is not later.
    fn deadline(&mut self, history: &ProductHistory, line: &LineRecord) {
        let (key, state) = (&line.terms.key, line.state.as_str());
        match line.terms.hold_until {
            None if line.state == LineState::Held => self.report(format!("line {key} is held without a deadline")),
            Some(_) if !matches!(line.state, LineState::Held | LineState::Backordered) => {
                self.report(format!("line {key} is {state} and has a deadline"));
            }
            Some(deadline) if history.product.next_expiry.is_none_or(|next| next > deadline) => {
                self.report(format!(
                    "line {key} is held until {deadline}, but the product's next expiry is later or missing"
                ));
            }
            _ => {}
        }
    }

    /// Checks the events: their versions have no gap, and their sequences rise with the versions.
    fn versions(&mut self, history: &ProductHistory) {
        let mut expected = 0;
        let mut last = 0;
        for event in &history.events {
            expected += 1;
            match event.event.product() {
                Some((sku, version)) if sku == self.sku && version == expected => {}
                Some((_, version)) => {
                    self.report(format!(
                        "event {} has version {version} instead of {expected}",
                        event.sequence
                    ));
                    expected = version;
                }
                None => self.report(format!("event {} is not of a product", event.sequence)),
            }
            if event.sequence <= last {
                self.report(format!("event {} comes after event {last} by version", event.sequence));
            }
            last = event.sequence;
        }
        if expected != history.product.version {
            self.report(format!(
                "the product has version {}, its last event has {expected}",
                history.product.version
            ));
        }
    }

    /// Compares the records with the projection of the events.
    fn compare(&mut self, history: &ProductHistory, projection: Projection) {
        if history.product.name != projection.name {
            self.report("the product's name is not the one its events say".into());
        }
        if history.product.safety_stock != projection.safety_stock {
            self.report(format!(
                "the safety stock is {}, the events say {}",
                history.product.safety_stock, projection.safety_stock
            ));
        }
        if history.product.depleted != projection.depleted {
            self.report("whether the product is depleted is not what its events say".into());
        }
        if usize::try_from(history.product.batches_created) != Ok(projection.batches.len()) {
            self.report(format!(
                "{} batches were created, the events say {}",
                history.product.batches_created,
                projection.batches.len()
            ));
        }
        let (expected_allocations, expected_dispatches) = (projection.allocations(), projection.dispatches());
        let batches = history.batches.iter().map(|batch| (batch.reference.clone(), batch));
        self.same("batch", batches, projection.batches);
        // An event of the order may change a deadline. The audit of orders compares deadlines.
        let without_deadline = |line: &LineRecord| {
            let mut line = line.clone();
            line.terms.hold_until = None;
            line
        };
        let stored: Vec<LineRecord> = history.lines.iter().map(without_deadline).collect();
        let lines = stored.iter().map(|line| (line.terms.key.clone(), line));
        let expected = projection.lines.into_iter();
        let expected = expected.map(|(key, line)| (key, without_deadline(&line)));
        self.same("line", lines, expected.collect());
        let id = |key: &LineKey, batch: &Reference| (key.clone(), batch.clone());
        let allocations = history.allocations.iter();
        self.same(
            "allocation",
            allocations.map(|allocation| (id(&allocation.key, &allocation.batch), allocation)),
            expected_allocations,
        );
        let dispatches = history.dispatches.iter();
        self.same(
            "dispatch",
            dispatches.map(|dispatch| (id(&dispatch.key, &dispatch.batch), dispatch)),
            expected_dispatches,
        );
    }

    /// Compares stored records with the expected ones, by their identity.
    fn same<'r, K: Ord + fmt::Debug, T: PartialEq + fmt::Debug + 'r>(
        &mut self,
        what: &str,
        stored: impl Iterator<Item = (K, &'r T)>,
        mut expected: BTreeMap<K, T>,
    ) {
        for (key, record) in stored {
            match expected.remove(&key) {
                None => self.report(format!("{what} {key:?} is stored, but no event says so")),
                Some(expected) if expected != *record => {
                    self.report(format!(
                        "{what} {key:?} is stored as {record:?}, the events say {expected:?}"
                    ));
                }
                Some(_) => {}
            }
        }
        for (key, _) in expected {
            self.report(format!("the events say there is {what} {key:?}, but it is not stored"));
        }
    }
}
