//! `earmark export`: tables of the books, page by page, to standard output.

use std::io::{self, StdoutLock};

use earmark_adapters::files::{AllocationRow, BacklogRow, BatchRow, EventRow, Exported, OrderRow, Table};
use earmark_application::{EventFilter, LineFilter, LineRead, Queries};
use earmark_domain::Turn;
use jiff::civil::Date;

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
    let today = ports.clock.today();
    let queries = &*ports.queries;
    let format = args.format.into();
    match args.what {
        TableArg::Allocations => allocations(queries, today, begin::<AllocationRow<'_>>(format)?).await,
        TableArg::Orders => orders(queries, today, begin::<OrderRow>(format)?).await,
        TableArg::Batches => batches(queries, today, begin::<BatchRow>(format)?).await,
        TableArg::Backlog => backlog(queries, begin::<BacklogRow<'_>>(format)?).await,
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
    after: Option<earmark_domain::LineKey>,
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

async fn allocations(queries: &dyn Queries, today: Date, mut table: Out) -> Result<(), Failure> {
    let mut lines = Lines::of(queries);
    while let Some(page) = lines.next().await? {
        for row in page.iter().flat_map(|line| AllocationRow::of(line, today)) {
            table.write(&row)?;
        }
    }
    Ok(table.finish()?)
}

async fn orders(queries: &dyn Queries, today: Date, mut table: Out) -> Result<(), Failure> {
    let mut lines = Lines::of(queries);
    let mut gathered: Option<OrderRow> = None;
    while let Some(page) = lines.next().await? {
        for line in &page {
            match &mut gathered {
                Some(order) if order.holds(line) => order.add(line, today),
                _ => {
                    if let Some(complete) = gathered.replace(OrderRow::begin(line, today)) {
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

async fn batches(queries: &dyn Queries, today: Date, mut table: Out) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = queries.batches(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(table.finish()?);
        };
        after = Some(last.reference.clone());
        for batch in page {
            table.write(&BatchRow::of(batch, today))?;
        }
    }
}

/// The backlog by product, each in order of service.
async fn backlog(queries: &dyn Queries, mut table: Out) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = queries.products(None, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(table.finish()?);
        };
        after = Some(last.sku.clone());
        for product in page.iter().filter(|product| !product.backordered.is_zero()) {
            let mut turn: Option<Turn> = None;
            while let Some(lines) = queries.backlog(&product.sku, turn.as_ref(), PAGE).await? {
                let Some(last) = lines.last() else { break };
                turn = Some(Turn {
                    placed_at: last.record.placed_at,
                    key: last.record.key.clone(),
                });
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
