//! Late batches, and whom they really hit.

use std::collections::BTreeSet;

use earmark_domain::{
    BatchView, Hit, LineInBatch, LineView, OpenStock, Promising, Quantity, Reference, ReleasePosition, Units, leaves_on,
};
use jiff::Timestamp;
use jiff::civil::Date;

use super::risks::eta_place;
use crate::ports::{Counted, EtaPlace, Outlook, Page};
use crate::read_models::{BatchRead, LineRead};
use crate::store_error::StoreError;

/// How many lines of a batch are looked at: what becomes of those behind them is not told. They are read anew for each page.
pub const MAX_LINES_LOOKED_AT: usize = 1_000;

/// How many lines a page of late batches looks at, but for those of its last batch.
const MAX_LINES_READ: usize = 1_000;

/// How many batches with something available are read of a product, to which lines could move.
const MAX_OTHER_BATCHES: usize = 200;

/// What a late batch does to the lines that were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hits {
    /// Those that leave too late.
    pub hurt: Counted,
    /// Those for which other stock is free that leaves in time.
    pub movable: Counted,
    /// Those that leave in time all the same.
    pub slack: Counted,
    /// Whether the batch has more lines than were looked at.
    pub more: bool,
}

/// A batch that is late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateBatch {
    /// The batch.
    pub batch: BatchView,
    /// The day on which its units can leave at the earliest.
    pub leaves_on: Date,
    /// What that does to its lines.
    pub hits: Hits,
}

/// A line with units in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineOfBatch {
    /// The line.
    pub line: LineView,
    /// Its units in the batch.
    pub units: Quantity,
    /// The day its customer counts on.
    pub counted_on: Option<Date>,
    /// What becomes of it, as things stand; `None`: it was not looked at.
    pub hit: Option<Hit>,
}

/// The batches that are overdue on a day, and those that were put off, each with what it does to its lines: by ETA, from the
/// one behind `after` on, at most `limit`. There may be fewer than asked for though the list goes on.
///
/// # Errors
/// When the store does not answer.
pub async fn late_batches(
    outlook: &dyn Outlook,
    promising: Promising,
    after: Option<&EtaPlace>,
    at: (Timestamp, Date),
    limit: usize,
) -> Result<Page<LateBatch, EtaPlace>, StoreError> {
    let (now, today) = at;
    let batches = outlook.late_batches(today, after, now, limit.saturating_add(1)).await?;
    let mut more = batches.len() > limit;
    let (mut items, mut next, mut looked_at) = (Vec::new(), None, 0);
    for BatchRead { record, version } in batches.into_iter().take(limit) {
        if looked_at >= MAX_LINES_READ {
            more = true;
            break;
        }
        let place = eta_place(&record);
        let hits = if record.allocated.is_zero() {
            Hits::default()
        } else {
            let (lines, more) = first_lines(outlook, &record.reference, now).await?;
            looked_at += lines.len();
            let stock = stock(outlook, &lines, now).await?;
            hits(&record.reference, &lines, more, stock.as_ref(), promising, at)
        };
        items.push(LateBatch {
            leaves_on: leaves_on(record.eta, today),
            batch: BatchView::of(record, version),
            hits,
        });
        next = place;
    }
    Ok(Page {
        items,
        next: next.filter(|_| more),
    })
}

/// The lines with units in a batch, each with what becomes of it as things stand: from the one behind `after` on, at most
/// `limit`. Those that would leave it last come first.
///
/// # Errors
/// When the store does not answer.
pub async fn lines_of_batch(
    outlook: &dyn Outlook,
    promising: Promising,
    (batch, after): (&Reference, Option<&ReleasePosition>),
    at: (Timestamp, Date),
    limit: usize,
) -> Result<Page<LineOfBatch, ReleasePosition>, StoreError> {
    let (now, today) = at;
    let (first, _) = first_lines(outlook, batch, now).await?;
    let stock = stock(outlook, &first, now).await?;
    let looked_at: Vec<LineInBatch> = first.into_iter().map(in_batch).collect();
    let hits = stock.map(|stock| stock.whom_it_hits(batch, &looked_at, promising, at));
    let hits = hits.unwrap_or_default();
    let mut lines = outlook.lines_in_batch(batch, after, limit.saturating_add(1)).await?;
    let more = lines.len() > limit;
    lines.truncate(limit);
    let next = lines.last().filter(|_| more).map(|(position, _)| position.clone());
    let item = |read: LineRead| {
        let line = in_batch(read.clone());
        let found = looked_at
            .iter()
            .position(|known| known.record.terms.key == line.record.terms.key);
        Some(LineOfBatch {
            units: line.units_in(batch)?,
            counted_on: line.counted_on(),
            hit: found.and_then(|index| hits.get(index)).cloned(),
            line: read.view(now, today),
        })
    };
    let counting = lines.into_iter().map(|(_, line)| line).filter(|line| counts(line, now));
    let items = counting.filter_map(item).collect();
    Ok(Page { items, next })
}

/// Whether a line holds its units at an instant.
fn counts(line: &LineRead, now: Timestamp) -> bool {
    line.record.state_at(now).holds_units()
}

/// The lines of a batch that are looked at, and whether there are more.
async fn first_lines(
    outlook: &dyn Outlook,
    batch: &Reference,
    now: Timestamp,
) -> Result<(Vec<LineRead>, bool), StoreError> {
    let mut lines = outlook.lines_in_batch(batch, None, MAX_LINES_LOOKED_AT + 1).await?;
    let more = lines.len() > MAX_LINES_LOOKED_AT;
    lines.truncate(MAX_LINES_LOOKED_AT);
    let lines = lines.into_iter().map(|(_, line)| line);
    Ok((lines.filter(|line| counts(line, now)).collect(), more))
}

/// The stock to which these lines of one product could move.
async fn stock(outlook: &dyn Outlook, lines: &[LineRead], now: Timestamp) -> Result<Option<OpenStock>, StoreError> {
    let skus: BTreeSet<_> = lines.iter().take(1).map(|line| line.record.sku.clone()).collect();
    if skus.is_empty() {
        return Ok(None);
    }
    Ok(outlook.open_stock(&skus, now, MAX_OTHER_BATCHES).await?.pop())
}

fn in_batch(line: LineRead) -> LineInBatch {
    LineInBatch {
        record: line.record,
        parts: line.allocations,
    }
}

fn hits(
    batch: &Reference,
    lines: &[LineRead],
    more: bool,
    stock: Option<&OpenStock>,
    promising: Promising,
    at: (Timestamp, Date),
) -> Hits {
    let lines: Vec<LineInBatch> = lines.iter().cloned().map(in_batch).collect();
    let found = stock.map(|stock| stock.whom_it_hits(batch, &lines, promising, at));
    let mut hits = Hits {
        more,
        ..Hits::default()
    };
    for (line, hit) in lines.iter().zip(found.unwrap_or_default()) {
        let counted = match hit {
            Hit::Hurt(_) => &mut hits.hurt,
            Hit::Movable(_) => &mut hits.movable,
            Hit::Slack(_) => &mut hits.slack,
        };
        counted.lines += 1;
        let units = line.units_in(batch).map_or(Units::ZERO, Quantity::units);
        counted.units = [counted.units, units].into_iter().sum();
    }
    hits
}
