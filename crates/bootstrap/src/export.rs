//! `earmark export`: tables of the books, page by page, to standard output.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, StdoutLock};

use earmark_adapters::files::{AllocationRow, BacklogRow, BatchRow, EventRow, Exported, OrderRow, Table};
use earmark_application::{EventFeed, EventFilter, Exports, LineFilter, LineRead, Views, Worklist};
use earmark_domain::{BatchRecord, LineKey, OrderId, OrderRecord, ServicePosition, Sku};
use jiff::Timestamp;

use crate::cli::{ExportArgs, TableArg};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::wiring::{self, Ports, Use};

/// How many rows are asked for at once: memory is bounded by a page, and a page costs far more than the asking.
const PAGE: usize = 1_000;

/// Writes a table.
///
/// # Errors
/// When the books can't be asked or standard output takes no more.
pub(crate) async fn export(args: &ExportArgs, settings: &Settings) -> Result<(), Failure> {
    let ports = wiring::wire(&settings.store, Use::Read).await?;
    let now = ports.clock.now();
    let format = args.format.into();
    match args.what {
        TableArg::Allocations => allocations(&*ports.exports, now, begin::<AllocationRow<'_>>(format)?).await,
        TableArg::Orders => orders(&*ports.exports, now, begin::<OrderRow>(format)?).await,
        TableArg::Batches => batches(&ports, now, begin::<BatchRow>(format)?).await,
        TableArg::Backlog => backlog(&*ports.views, now, begin::<BacklogRow<'_>>(format)?).await,
        TableArg::Events => events(&*ports.events, begin::<EventRow<'_>>(format)?).await,
    }
}

/// A table on standard output. The command has it to itself.
type Out = Table<StdoutLock<'static>>;

fn begin<R: Exported>(format: earmark_adapters::files::Format) -> io::Result<Out> {
    Table::begin::<R>(io::stdout().lock(), format)
}

/// All lines, page by page.
struct Lines<'a> {
    exports: &'a dyn Exports,
    after: Option<LineKey>,
}

impl<'a> Lines<'a> {
    const fn of(exports: &'a dyn Exports) -> Self {
        Self { exports, after: None }
    }

    /// The next page; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<LineRead>>, Failure> {
        let page = self.exports.lines(LineFilter::All, self.after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = Some(last.record.terms.key.clone());
        Ok(Some(page))
    }
}

async fn allocations(exports: &dyn Exports, now: Timestamp, mut table: Out) -> Result<(), Failure> {
    let mut lines = Lines::of(exports);
    while let Some(page) = lines.next().await? {
        for line in page {
            let line = line.view(now);
            for row in AllocationRow::of(&line) {
                table.write(&row)?;
            }
        }
    }
    Ok(table.finish()?)
}

async fn orders(exports: &dyn Exports, now: Timestamp, mut table: Out) -> Result<(), Failure> {
    let mut lines = Lines::of(exports);
    let mut gathered: Option<OrderRow> = None;
    let mut before = None;
    while let Some(page) = lines.next().await? {
        let orders: BTreeSet<&OrderId> = page.iter().map(|line| &line.record.terms.key.order).collect();
        let headers = headers(exports, before.as_ref(), &orders).await?;
        before = orders.last().copied().cloned();
        for line in page {
            match &mut gathered {
                Some(order) if order.holds(&line) => order.add(line, now),
                _ => {
                    let header = headers.get(&line.record.terms.key.order);
                    if let Some(complete) = gathered.replace(OrderRow::begin(header, line, now)) {
                        table.write(&complete)?;
                    }
                }
            }
        }
    }
    if let Some(last) = gathered {
        table.write(&last)?;
    }
    Ok(table.finish()?)
}

/// The headers of a page of lines' orders that come after the order of the page before: asked for once the lines are
/// known, so that an order placed meanwhile has its own. An order whose lines were allocated one by one has none.
async fn headers(
    exports: &dyn Exports,
    mut after: Option<&OrderId>,
    orders: &BTreeSet<&OrderId>,
) -> Result<BTreeMap<OrderId, OrderRecord>, Failure> {
    let mut headers = BTreeMap::new();
    let mut last;
    loop {
        // Each header has lines, so there are no more of them than orders: one asking is enough, unless others have
        // been placed in between.
        let page = exports.orders(after, orders.len()).await?;
        let Some(read) = page.last().map(|header| header.id.clone()) else {
            return Ok(headers);
        };
        let complete = orders.last().is_none_or(|last| read >= **last);
        headers.extend(
            page.into_iter()
                .filter(|header| orders.contains(&header.id))
                .map(|header| (header.id.clone(), header)),
        );
        if complete {
            return Ok(headers);
        }
        last = read;
        after = Some(&last);
    }
}

async fn batches(ports: &Ports, now: Timestamp, mut table: Out) -> Result<(), Failure> {
    let today = jiff::tz::Offset::UTC.to_datetime(now).date();
    let due = Due::at(&*ports.worklist, now).await?;
    let mut after = None;
    loop {
        let page = ports.exports.batches(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(table.finish()?);
        };
        after = Some(last.reference.clone());
        for batch in page {
            let batch = match due.may_concern(&batch) {
                false => batch,
                true => match ports.views.batch(&batch.reference, now).await? {
                    Some(read) => read.record,
                    None => batch,
                },
            };
            table.write(&BatchRow::of(&batch, today))?;
        }
    }
}

/// The products on which a hold has ended that nobody has seen to yet: in their batches units are stored as allocated
/// that are not. Usually none, for a running service sees to it within a second.
enum Due {
    Of(BTreeSet<Sku>),
    /// They are more than are worth being kept in memory.
    Many,
}

impl Due {
    async fn at(worklist: &dyn Worklist, now: Timestamp) -> Result<Self, Failure> {
        let due = worklist.products_with_due_holds(now, PAGE).await?;
        Ok(match due.len() {
            PAGE.. => Self::Many,
            _ => Self::Of(due.into_iter().collect()),
        })
    }

    fn may_concern(&self, batch: &BatchRecord) -> bool {
        !batch.allocated.is_zero()
            && match self {
                Self::Of(skus) => skus.contains(&batch.sku),
                Self::Many => true,
            }
    }
}

/// The backlog by product, each in order of service.
async fn backlog(views: &dyn Views, now: Timestamp, mut table: Out) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = views.products(None, after.as_ref(), now, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(table.finish()?);
        };
        after = Some(last.sku.clone());
        for product in page.iter().filter(|product| !product.backordered.is_zero()) {
            let mut turn: Option<ServicePosition> = None;
            while let Some(lines) = views.backlog(&product.sku, turn.as_ref(), now, PAGE).await? {
                let Some(last) = lines.last() else { break };
                turn = Some(last.record.service_position());
                for line in &lines {
                    table.write(&BacklogRow::from(line))?;
                }
            }
        }
    }
}

async fn events(events: &dyn EventFeed, mut table: Out) -> Result<(), Failure> {
    let (everything, mut after) = (EventFilter::default(), 0);
    loop {
        let page = events.encoded_events(&everything, after, PAGE).await?;
        if page.events.is_empty() {
            return Ok(table.finish()?);
        }
        after = page.next;
        for event in &page.events {
            let row =
                EventRow::of(event).map_err(|error| Failure::Failed(format!("event {}: {error}", event.sequence)))?;
            table.write(&row)?;
        }
    }
}
