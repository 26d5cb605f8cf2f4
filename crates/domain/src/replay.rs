//! Replay: a product's events from the first, held against its records as they stand.
//!
//! The events alone say what every balance must be. Whoever changes the tables from outside, or loses a row, is found
//! here.

mod projection;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::event::SequencedEvent;
use crate::line::LineState;
use crate::name::{LineKey, Reference, Sku};
use crate::record::{AllocationRecord, BatchRecord, DispatchRecord, LineRecord, ProductRecord};
use projection::Told;

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
    /// All that its lines have dispatched.
    pub dispatches: Vec<DispatchRecord>,
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
    let mut told = Told::default();
    for event in &history.events {
        if let Err(why) = told.follow(&event.event) {
            audit.report(format!("event {} can't have happened: {why}", event.sequence));
        }
    }
    audit.compare(history, told);
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

    /// The records among themselves: what each batch and line holds is the sum of its allocations, and what has left each
    /// is the sum of its dispatches.
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
            let (held, gone) = in_batch.remove(&batch.reference).unwrap_or_default();
            if held != batch.allocated.get() {
                self.report(format!(
                    "batch {} says {} units are allocated, its allocations say {held}",
                    batch.reference, batch.allocated
                ));
            }
            if gone != batch.dispatched.get() {
                self.report(format!(
                    "batch {} says {} units are dispatched, its dispatches say {gone}",
                    batch.reference, batch.dispatched
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
        for batch in history.batches.iter().filter(|batch| batch.closed) {
            if batch.quantity.units() != batch.dispatched {
                self.report(format!(
                    "batch {} was cancelled and holds {} units, {} are dispatched",
                    batch.reference, batch.quantity, batch.dispatched
                ));
            }
        }
        for (batch, (held, gone)) in in_batch {
            self.report(format!(
                "{held} units are allocated and {gone} dispatched in batch {batch}, which is not of this product"
            ));
        }
        for line in &history.lines {
            let wanted = u64::from(line.terms.quantity.get());
            let due = match line.state {
                LineState::Held | LineState::Allocated => (wanted, 0),
                LineState::Dispatched => (0, wanted),
                LineState::Backordered | LineState::Refused | LineState::Cancelled | LineState::Expired => (0, 0),
            };
            let has = of_line.remove(&line.terms.key).unwrap_or_default();
            if has != due {
                self.report(format!(
                    "line {} is {}, holds {} units instead of {}, and has {} dispatched instead of {}",
                    line.terms.key,
                    line.state.as_str(),
                    has.0,
                    due.0,
                    has.1,
                    due.1
                ));
            }
            self.deadline(history, line);
        }
        for (key, (held, gone)) in of_line {
            self.report(format!(
                "{held} units are allocated and {gone} dispatched to line {key}, which is not of this product"
            ));
        }
    }

    /// A held line has a deadline, which its product knows of.
    fn deadline(&mut self, history: &ProductHistory, line: &LineRecord) {
        let (key, state) = (&line.terms.key, line.state.as_str());
        match line.terms.hold_until {
            None if line.state == LineState::Held => self.report(format!("line {key} is held without a deadline")),
            Some(_) if !matches!(line.state, LineState::Held | LineState::Backordered) => {
                self.report(format!("line {key} is {state} and has a deadline"));
            }
            Some(deadline) if history.product.next_expiry.is_none_or(|next| next > deadline) => {
                self.report(format!(
                    "line {key} is held until {deadline}, of which the product does not know"
                ));
            }
            _ => {}
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
    fn compare(&mut self, history: &ProductHistory, told: Told) {
        if history.product.name != told.name {
            self.report("the product's name is not the one its events gave it".into());
        }
        if history.product.safety_stock != told.safety_stock {
            self.report(format!(
                "{} units are kept back, the events say {}",
                history.product.safety_stock, told.safety_stock
            ));
        }
        if history.product.depleted != told.depleted {
            self.report("whether the product ran out is not what its events say".into());
        }
        if usize::try_from(history.product.batches_created) != Ok(told.batches.len()) {
            self.report(format!(
                "{} batches were created, the events tell of {}",
                history.product.batches_created,
                told.batches.len()
            ));
        }
        let (held, gone) = (told.allocations(), told.dispatches());
        let batches = history.batches.iter().map(|batch| (batch.reference.clone(), batch));
        self.same("batch", batches, told.batches);
        // A deadline can be put off by an event of the order: those who see orders whole look after it.
        let timeless = |line: &LineRecord| {
            let mut line = line.clone();
            line.terms.hold_until = None;
            line
        };
        let stand: Vec<LineRecord> = history.lines.iter().map(timeless).collect();
        let lines = stand.iter().map(|line| (line.terms.key.clone(), line));
        let told = told.lines.into_iter().map(|(key, line)| (key, timeless(&line)));
        self.same("line", lines, told.collect());
        let place = |key: &LineKey, batch: &Reference| (key.clone(), batch.clone());
        let allocations = history.allocations.iter();
        self.same(
            "allocation",
            allocations.map(|held| (place(&held.key, &held.batch), held)),
            held,
        );
        let dispatches = history.dispatches.iter();
        self.same(
            "dispatch",
            dispatches.map(|gone| (place(&gone.key, &gone.batch), gone)),
            gone,
        );
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
