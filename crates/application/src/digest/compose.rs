//! Composing a digest: what the events were about, as it stands now.

use std::cmp::Reverse;
use std::sync::Arc;

use earmark_domain::{BatchRecord, BatchStatus, LineKey, LineState, Reference, Sku, Units};
use jiff::Timestamp;
use jiff::civil::Date;

use super::content::{BrokenPromise, Digest, Inbound, OverdueBatch, Section, ShortProduct, Waiter, Worst};
use super::tally::{Broken, Late, Shortage, Tally};
use crate::ports::Views;
use crate::read_models::LineRead;
use crate::store_error::StoreError;

/// How many products, promises and batches a digest tells of, of each. A mail with all of them is some hundred kilobytes.
const MAX_TOLD: usize = 40;

/// How many of each are looked at, to find those that are still to be told: some seconds of small questions. Most of those
/// that were short may have got their units meanwhile, as after a delivery.
const MAX_LOOKED_AT: usize = 2_000;

/// How many lines that wait for a product are told.
const MAX_WAITERS: usize = 10;

/// Up to how many lines that wait for a product are counted.
const MAX_COUNTED: usize = 101;

/// How many batches on their way are told of a product.
const MAX_INBOUND: usize = 5;

/// Asks how things stand, at one instant.
pub(super) struct Composer {
    pub(super) views: Arc<dyn Views>,
    pub(super) now: Timestamp,
    pub(super) today: Date,
    /// Whether nobody knows if the last digest was taken.
    pub(super) may_repeat: bool,
}

impl Composer {
    /// The digest of a tally, with an id.
    pub(super) async fn digest(&self, tally: &Tally, id: String) -> Result<Digest, StoreError> {
        Ok(Digest {
            id,
            at: self.now,
            today: self.today,
            since: tally.first.unwrap_or(self.now),
            until: tally.last.unwrap_or(self.now),
            may_repeat: self.may_repeat,
            short: self.short(tally).await?,
            broken: self.broken(tally).await?,
            overdue: self.overdue(tally).await?,
        })
    }

    async fn short(&self, tally: &Tally) -> Result<Section<ShortProduct>, StoreError> {
        let all = tally.short();
        let mut told = Told::new(all.len(), tally.forgotten.shortages);
        for (sku, shortage) in all {
            if told.is_full() {
                break;
            }
            let product = self.short_product(sku, shortage).await?;
            told.looked_at(product);
        }
        let mut short = told.section();
        short.items.sort_by_key(|product| Reverse(product.missing()));
        Ok(short)
    }

    /// A product that was short, unless all who waited have been served, and nobody was refused.
    async fn short_product(&self, sku: &Sku, shortage: &Shortage) -> Result<Option<ShortProduct>, StoreError> {
        let Some(product) = self.views.product(sku, self.now).await? else {
            return Ok(None);
        };
        let (refused_lines, refused_units) = shortage.refused();
        let waiting_units = product.summary.backordered;
        if waiting_units.is_zero() && refused_lines == 0 {
            return Ok(None);
        }
        let waiting = if waiting_units.is_zero() {
            Worst::default()
        } else {
            self.waiting(sku).await?
        };
        Ok(Some(ShortProduct {
            sku: sku.clone(),
            name: product.summary.name,
            waiting_units,
            waiting,
            refused_lines,
            refused_units: Units::new(refused_units),
            inbound: inbound(&product.batches),
        }))
    }

    async fn waiting(&self, sku: &Sku) -> Result<Worst<Waiter>, StoreError> {
        let lines = self.views.backlog(sku, None, self.now, MAX_COUNTED).await?;
        let lines = lines.unwrap_or_default();
        let is_whole = lines.len() < MAX_COUNTED;
        let more = lines.len().saturating_sub(MAX_WAITERS) as u64;
        let waiter = |line: LineRead| Waiter {
            quantity: line.record.terms.quantity,
            required_by: line.record.terms.precedence.required_by(),
            priority: line.record.terms.precedence.priority(),
            key: line.record.terms.key,
        };
        Ok(Worst {
            items: lines.into_iter().take(MAX_WAITERS).map(waiter).collect(),
            more: more.saturating_sub(u64::from(!is_whole)),
            at_least: !is_whole,
        })
    }

    async fn broken(&self, tally: &Tally) -> Result<Section<BrokenPromise>, StoreError> {
        let all = tally.broken();
        let mut told = Told::new(all.len(), tally.forgotten.promises);
        for (key, broken) in all {
            if told.is_full() {
                break;
            }
            let promise = self.broken_promise(key, broken).await?;
            told.looked_at(promise);
        }
        Ok(told.section())
    }

    /// A promise that was broken, unless it is kept again, or nobody waits for it any more.
    async fn broken_promise(&self, key: &LineKey, broken: &Broken) -> Result<Option<BrokenPromise>, StoreError> {
        let Some(order) = self.views.order(&key.order).await? else {
            return Ok(None);
        };
        let order = order.view(self.now, self.today);
        let Some(line) = order.lines.into_iter().find(|line| line.key == *key) else {
            return Ok(None);
        };
        let waits = line.state == LineState::Backordered;
        if !line.state.is_open() || !(waits || line.at_risk) {
            return Ok(None);
        }
        Ok(Some(BrokenPromise {
            key: key.clone(),
            sku: broken.sku.clone(),
            required_by: broken.required_by,
            // Where a batch is merely overdue the promise stands for the day it was: then the event knows better.
            promised_on: (line.promise.on.filter(|_| !waits)).map(|on| {
                if on > broken.required_by {
                    on
                } else {
                    broken.promised_on
                }
            }),
            why: broken.why.clone(),
        }))
    }

    async fn overdue(&self, tally: &Tally) -> Result<Section<OverdueBatch>, StoreError> {
        let all = tally.overdue();
        let mut told = Told::new(all.len(), tally.forgotten.batches);
        for (reference, late) in all {
            if told.is_full() {
                break;
            }
            let batch = self.overdue_batch(reference, late).await?;
            told.looked_at(batch);
        }
        Ok(told.section())
    }

    /// A batch that was overdue, unless it has arrived, is closed, or is expected on another day.
    async fn overdue_batch(&self, reference: &Reference, late: &Late) -> Result<Option<OverdueBatch>, StoreError> {
        let Some(batch) = self.views.batch(reference, self.now).await? else {
            return Ok(None);
        };
        let batch = batch.view();
        Ok((batch.status == BatchStatus::Overdue).then(|| OverdueBatch {
            reference: reference.clone(),
            sku: late.sku.clone(),
            eta: batch.record.eta.unwrap_or(late.eta),
            quantity: batch.record.quantity,
            allocated: batch.record.allocated,
        }))
    }
}

/// What is on its way of a product, the earliest first.
fn inbound(batches: &[BatchRecord]) -> Worst<Inbound> {
    let mut coming: Vec<Inbound> = (batches.iter())
        .filter(|batch| !batch.closed && batch.quantity.get() > 0)
        .filter_map(|batch| {
            Some(Inbound {
                reference: batch.reference.clone(),
                eta: batch.eta?,
                quantity: batch.quantity,
                available: batch.available(),
                overdue: batch.overdue,
            })
        })
        .collect();
    coming.sort_by(|one, other| (one.eta, &one.reference).cmp(&(other.eta, &other.reference)));
    let more = coming.len().saturating_sub(MAX_INBOUND) as u64;
    coming.truncate(MAX_INBOUND);
    Worst {
        items: coming,
        more,
        at_least: false,
    }
}

/// Those that are told, while they are looked at one after the other.
struct Told<T> {
    items: Vec<T>,
    /// How many are left to look at.
    left: usize,
    looked_at: usize,
    /// How many events were about what is not remembered.
    forgotten: u64,
}

impl<T> Told<T> {
    const fn new(all: usize, forgotten: u64) -> Self {
        Self {
            items: Vec::new(),
            left: all,
            looked_at: 0,
            forgotten,
        }
    }

    fn is_full(&self) -> bool {
        self.items.len() >= MAX_TOLD || self.looked_at >= MAX_LOOKED_AT
    }

    fn looked_at(&mut self, item: Option<T>) {
        self.looked_at += 1;
        self.left -= 1;
        self.items.extend(item);
    }

    fn section(self) -> Section<T> {
        Section {
            items: self.items,
            unseen: (self.left as u64).saturating_add(self.forgotten),
        }
    }
}
