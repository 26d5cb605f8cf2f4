//! The backlog of all products: how long lines have waited, and what would help them.

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{Age, LineView, Promising, Remedy, Sku};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::ports::{Counted, Outlook, Page, PlacedBetween, PlacedPlace};
use crate::read_models::LineRead;
use crate::store_error::StoreError;

/// Up to how many lines of a class are counted.
pub const MAX_LINES_COUNTED: usize = 10_000;

/// How many batches with something available are read of a product, to find what would help.
const MAX_BATCHES: usize = 200;

/// The lines that wait, of one class of age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgeClass {
    /// The class.
    pub age: Age,
    /// Its lines.
    pub counted: Counted,
    /// Whether there are more lines than were counted.
    pub more: bool,
}

/// A line that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingLine {
    /// The line.
    pub line: LineView,
    /// The day it is required by, if there is one.
    pub required_by: Option<Date>,
    /// The class of its age.
    pub age: Age,
    /// The smallest change that would let it fit, if it were alone; `None`: it fits, and is served in its turn.
    pub remedy: Option<Remedy>,
}

fn placed(age: Option<Age>, now: Timestamp) -> PlacedBetween {
    let (from, before) = age.map_or((None, None), |age| age.placed_at(now));
    PlacedBetween { from, before }
}

/// How many lines wait, by class of age, the youngest first.
///
/// # Errors
/// When the store does not answer.
pub async fn backlog_by_age(outlook: &dyn Outlook, now: Timestamp) -> Result<Vec<AgeClass>, StoreError> {
    let mut classes = Vec::new();
    for age in Age::ALL {
        let placed = placed(Some(age), now);
        let mut counted = outlook.count_waiting_lines(placed, now, MAX_LINES_COUNTED + 1).await?;
        let more = counted.lines > MAX_LINES_COUNTED as u64;
        if more {
            counted = outlook.count_waiting_lines(placed, now, MAX_LINES_COUNTED).await?;
        }
        classes.push(AgeClass { age, counted, more });
    }
    Ok(classes)
}

/// The lines that wait, the oldest first, each with what would help it: from the one behind `after` on, at most `limit`.
///
/// # Errors
/// When the store does not answer.
pub async fn waiting_lines(
    outlook: &dyn Outlook,
    promising: Promising,
    (age, after): (Option<Age>, Option<&PlacedPlace>),
    at: (Timestamp, Date),
    limit: usize,
) -> Result<Page<WaitingLine, PlacedPlace>, StoreError> {
    let (now, today) = at;
    let one_more = limit.saturating_add(1);
    let mut lines = outlook.waiting_lines(placed(age, now), after, now, one_more).await?;
    let more = lines.len() > limit;
    lines.truncate(limit);
    let next = lines.last().filter(|_| more).map(|line| PlacedPlace {
        placed_at: line.record.terms.placed_at,
        key: line.record.terms.key.clone(),
    });
    let mut remedies = remedies(outlook, promising, &lines, at).await?;
    let item = |line: LineRead| WaitingLine {
        required_by: line.record.terms.precedence.required_by(),
        age: Age::of(line.record.terms.placed_at, now),
        remedy: remedies
            .get_mut(&line.record.sku)
            .and_then(|of_product| of_product.next())
            .flatten(),
        line: line.view(now, today),
    };
    let items = lines.into_iter().map(item).collect();
    Ok(Page { items, next })
}

/// What would help these lines: of each product, in the order of its lines.
async fn remedies(
    outlook: &dyn Outlook,
    promising: Promising,
    lines: &[LineRead],
    at: (Timestamp, Date),
) -> Result<BTreeMap<Sku, std::vec::IntoIter<Option<Remedy>>>, StoreError> {
    let skus: BTreeSet<Sku> = lines.iter().map(|line| line.record.sku.clone()).collect();
    let mut found = BTreeMap::new();
    if skus.is_empty() {
        return Ok(found);
    }
    for stock in outlook.open_stock(&skus, at.0, MAX_BATCHES).await? {
        let of_product = lines.iter().filter(|line| line.record.sku == stock.product.sku);
        let remedies = stock.remedies(of_product.map(|line| &line.record), promising, at);
        found.insert(stock.product.sku, remedies.into_iter());
    }
    Ok(found)
}
