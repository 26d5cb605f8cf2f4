//! `earmark export`: tables of the books, page by page, to standard output.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, StdoutLock};

use earmark_adapters::files::{AllocationRow, BacklogRow, BatchRow, EventRow, Exported, OrderRow, Table};
use earmark_application::{EventFilter, LineFilter, LineRead, Queries};
use earmark_domain::{BatchRecord, LineKey, OrderId, OrderRecord, Sku, Turn};
use jiff::Timestamp;

use crate::cli::{ExportArgs, TableArg};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::wiring::{self, Use};

/// How many rows are asked for at once: memory is bounded by a page, and a page costs far more than the asking.
const PAGE: usize = 1_000;

/// Writes a table.
///
/// # Errors
/// When the books can't be asked or standard output takes no more.
pub(crate) async fn export(args: &ExportArgs, settings: &Settings) -> Result<(), Failure> {
    let ports = wiring::wire(&settings.store, Use::Read).await?;
    let now = ports.clock.now();
    let queries = &*ports.queries;
    let format = args.format.into();
    match args.what {
        TableArg::Allocations => allocations(queries, now, begin::<AllocationRow<'_>>(format)?).await,
        TableArg::Orders => orders(queries, now, begin::<OrderRow>(format)?).await,
        TableArg::Batches => batches(queries, now, begin::<BatchRow>(format)?).await,
        TableArg::Backlog => backlog(queries, now, begin::<BacklogRow<'_>>(format)?).await,
        TableArg::Events => events(queries, begin::<EventRow<'_>>(format)?).await,
    }
}

/// A table on standard output. The command has it to itself.
type Out = Table<StdoutLock<'static>>;

fn begin<R: Exported>(format: earmark_adapters::files::Format) -> io::Result<Out> {
    Table::begin::<R>(io::stdout().lock(), format)
}

/// All lines, page by page.
struct Lines<'a> {
    queries: &'a dyn Queries,
    after: Option<LineKey>,
}

impl<'a> Lines<'a> {
    const fn of(queries: &'a dyn Queries) -> Self {
        Self { queries, after: None }
    }

    /// The next page; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<LineRead>>, Failure> {
        let page = self.queries.lines(LineFilter::All, self.after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = Some(last.record.key.clone());
        Ok(Some(page))
    }
}

async fn allocations(queries: &dyn Queries, now: Timestamp, mut table: Out) -> Result<(), Failure> {
    let mut lines = Lines::of(queries);
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

async fn orders(queries: &dyn Queries, now: Timestamp, mut table: Out) -> Result<(), Failure> {
    let mut lines = Lines::of(queries);
    let mut gathered: Option<OrderRow> = None;
    let mut before = None;
    while let Some(page) = lines.next().await? {
        let orders: BTreeSet<&OrderId> = page.iter().map(|line| &line.record.key.order).collect();
        let headers = headers(queries, before.as_ref(), &orders).await?;
        before = orders.last().copied().cloned();
        for line in page {
            match &mut gathered {
                Some(order) if order.holds(&line) => order.add(line, now),
                _ => {
                    let header = headers.get(&line.record.key.order);
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
    queries: &dyn Queries,
    mut after: Option<&OrderId>,
    orders: &BTreeSet<&OrderId>,
) -> Result<BTreeMap<OrderId, OrderRecord>, Failure> {
    let mut headers = BTreeMap::new();
    let mut last;
    loop {
        // Each header has lines, so there are no more of them than orders: one asking is enough, unless others have
        // been placed in between.
        let page = queries.orders(after, orders.len()).await?;
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

async fn batches(queries: &dyn Queries, now: Timestamp, mut table: Out) -> Result<(), Failure> {
    let today = jiff::tz::Offset::UTC.to_datetime(now).date();
    let due = Due::at(queries, now).await?;
    let mut after = None;
    loop {
        let page = queries.batches(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(table.finish()?);
        };
        after = Some(last.reference.clone());
        for batch in page {
            let batch = match due.may_concern(&batch) {
                false => batch,
                true => match queries.batch(&batch.reference, now).await? {
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
    async fn at(queries: &dyn Queries, now: Timestamp) -> Result<Self, Failure> {
        let due = queries.due(now, PAGE).await?;
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
async fn backlog(queries: &dyn Queries, now: Timestamp, mut table: Out) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = queries.products(None, after.as_ref(), now, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(table.finish()?);
        };
        after = Some(last.sku.clone());
        for product in page.iter().filter(|product| !product.backordered.is_zero()) {
            let mut turn: Option<Turn> = None;
            while let Some(lines) = queries.backlog(&product.sku, turn.as_ref(), now, PAGE).await? {
                let Some(last) = lines.last() else { break };
                turn = Some(last.record.turn());
                for line in &lines {
                    table.write(&BacklogRow::from(line))?;
                }
            }
        }
    }
}

async fn events(queries: &dyn Queries, mut table: Out) -> Result<(), Failure> {
    let (everything, mut after) = (EventFilter::default(), 0);
    loop {
        let page = queries.written_events(&everything, after, PAGE).await?;
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
