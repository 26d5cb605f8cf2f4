//! Verify: holds every stored balance against the allocations and against the events.
//!
//! Each product is read in a snapshot of its own, so it works beside a running service, and memory is bounded by the
//! history of one product and the orders placed whole.

mod orders;

use earmark_domain::audit;
use jiff::Timestamp;

use crate::error::StoreError;
use crate::port::Queries;

/// How many rows are asked for at once.
const PAGE: usize = 1_000;

/// What was checked, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What was checked, with how many: ("batches", 45692), …
    pub checked: Vec<(&'static str, u64)>,
    /// Everything that can't be true, told for people.
    pub discrepancies: Vec<String>,
}

impl Report {
    /// Whether everything agrees.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.discrepancies.is_empty()
    }

    fn count(&mut self, what: &'static str, more: usize) {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        match self.checked.iter_mut().find(|(name, _)| *name == what) {
            Some((_, count)) => *count += more,
            None => self.checked.push((what, more)),
        }
    }
}

/// Checks everything that must always hold and can be seen in the tables.
///
/// # Errors
/// When the store can't be asked. Broken records that can't even be read are [`StoreError::Corrupt`].
pub async fn verify(queries: &dyn Queries) -> Result<Report, StoreError> {
    let mut report = Report::default();
    products(queries, &mut report).await?;
    orders::check(queries, &mut report).await?;
    Ok(report)
}

async fn products(queries: &dyn Queries, report: &mut Report) -> Result<(), StoreError> {
    for kind in ["products", "batches", "lines", "allocations", "dispatches", "events"] {
        report.count(kind, 0);
    }
    let mut after = None;
    loop {
        let page = queries.products(None, after.as_ref(), Timestamp::MIN, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.sku.clone());
        for product in page {
            let Some(history) = queries.history(&product.sku).await? else {
                report
                    .discrepancies
                    .push(format!("{}: the product vanished while it was checked", product.sku));
                continue;
            };
            report.count("products", 1);
            report.count("batches", history.batches.len());
            report.count("allocations", history.allocations.len());
            report.count("dispatches", history.dispatches.len());
            report.count("events", history.events.len());
            report
                .discrepancies
                .extend(audit(&history).into_iter().map(|found| found.0));
        }
    }
}
