//! Products: each product and its batches, checked against its events.

use std::collections::BTreeMap;

use earmark_domain::{EtaHistory, Fact, LineKey, ProductProjection, SequencedEvent, ShortageOutcome, Sku};
use jiff::Timestamp;

use super::ports::{PAGE, VerifyPorts};
use super::report::Report;
use crate::ports::EventFilter;
use crate::store_error::StoreError;

/// Checks all products, and records which ETAs their batches had.
pub(super) async fn check(
    ports: VerifyPorts<'_>,
    etas: &mut EtaHistory,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = ports.views.products(None, after.as_ref(), Timestamp::MIN, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.sku.clone());
        for product in page {
            check_product(ports, product.sku, etas, report).await?;
        }
    }
}

/// Checks one product, as it is when the check begins.
async fn check_product(
    ports: VerifyPorts<'_>,
    sku: Sku,
    etas: &mut EtaHistory,
    report: &mut Report,
) -> Result<(), StoreError> {
    let Some(stored) = ports.audit.audited_product(&sku).await? else {
        report.add(format!("{sku}: the product vanished while it was checked"));
        return Ok(());
    };
    report.count("products", 1);
    report.count("batches", stored.batches.len());
    let filter = EventFilter {
        sku: Some(sku.clone()),
        ..EventFilter::default()
    };
    let mut projection = ProductProjection::new(sku.clone());
    let mut after = 0;
    loop {
        let mut page = ports.events.events(&filter, after, PAGE).await?;
        after = page.next;
        // Later events are of changes that the snapshot of the product does not have.
        let is_later = |event: &SequencedEvent| {
            let version = event.event.product().map(|(_, version)| version);
            version.is_some_and(|version| version > stored.product.version)
        };
        let read = page.events.len();
        page.events.retain(|event| !is_later(event));
        report.count("events", page.events.len());
        for event in &page.events {
            for found in projection.apply(event, etas) {
                report.add(found.0);
            }
        }
        find_missing_lines(ports, &sku, &page.events, report).await?;
        if page.complete || page.events.len() < read {
            break;
        }
    }
    for found in projection.compare(&stored) {
        report.add(found.0);
    }
    Ok(())
}

/// Reports the lines that events tell of and that are not stored. Such a line leads to no order, so the check of the
/// orders can't find it.
async fn find_missing_lines(
    ports: VerifyPorts<'_>,
    sku: &Sku,
    events: &[SequencedEvent],
    report: &mut Report,
) -> Result<(), StoreError> {
    let told = events.iter().filter(|event| {
        // Of a line that was refused and not kept, only the shortage is told.
        !matches!(&event.event.fact, Fact::OutOfStock { kept, .. } if *kept == ShortageOutcome::Nothing)
    });
    let lines: BTreeMap<&LineKey, u64> = told
        .filter_map(|event| Some((event.event.fact.line()?, event.sequence)))
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let keys: Vec<LineKey> = lines.keys().copied().cloned().collect();
    for key in ports.audit.missing_lines(&keys).await? {
        let sequence = lines.get(&key).copied().unwrap_or_default();
        report.add(format!(
            "{sku}: event {sequence} tells of line {key}, which is not stored"
        ));
    }
    Ok(())
}
