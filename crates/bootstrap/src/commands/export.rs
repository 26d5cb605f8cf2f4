//! `earmark export`: tables on standard output, read from the store page by page.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, StdoutLock};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use earmark_adapters::files::{
    AllocationRow, AuditRow, BacklogRow, BatchRow, EventRow, Exported, Format, OrderRow, Table,
};
use earmark_application::{EventFeed, EventFilter, Exports, LineFilter, LineRead, Views, Worklist};
use earmark_domain::{BatchRecord, LineKey, OrderId, OrderRecord, ServicePosition, Sku};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::commands::audit::{self, Span};
use crate::commands::file_format::FormatArg;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::wiring::{self, AccessMode, Ports};

/// Rows in a page. A page bounds the memory, and is large enough that the cost of a query does not matter.
const PAGE: usize = 1_000;

/// The arguments of `earmark export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Columns of the CSV, and fields of the NDJSON:
  allocations  one row for each line and batch: order_id,line_id,sku,quantity,status,batch,allocated,promised_on
               a line without stock has one row with an empty batch
  orders       order_id,status,placed_at,lines,allocated,backordered,refused,cancelled,promised_on,held,expired,
               dispatched,hold_expires_at,priority,required_by
               columns named after a state count units; promised_on is the day of the last line, empty if a line waits
  batches      reference,sku,location,quantity,allocated,dispatched,available,eta,status
  backlog      sku,order_id,line_id,quantity,split,placed_at,priority,required_by, in order of service
  events       sequence,id,type,sku,version,order_id,occurred_at,actor,correlation_id,data
  audit        at,until,who,address,what,sku,about,outcome,needs,count,correlation_id,sequence: who did what when, or was
               refused it; from the events, and the decisions on access of the last 90 days

Examples:
  earmark export allocations > allocations.csv
  earmark export events --format ndjson | gzip > events.ndjson.gz
  earmark export audit --since 2026-11-01T00:00:00Z > audit.csv

Exit codes: 0 success, or the reader closed the pipe; 1 a failure; 2 the command line or a setting is wrong.")]
pub(crate) struct ExportArgs {
    /// Which table
    table: TableArg,
    /// The format of the rows
    #[arg(long, default_value = "csv")]
    format: FormatArg,
    /// Of the audit: nothing before this instant
    #[arg(long, value_name = "INSTANT")]
    since: Option<Timestamp>,
    /// Of the audit: nothing from this instant on
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,
}

impl ExportArgs {
    /// The time that is asked for.
    ///
    /// # Errors
    /// When it is asked for of another table.
    fn span(&self) -> Result<Span, Failure> {
        let (since, until) = (self.since, self.until);
        if self.table != TableArg::Audit && (since.is_some() || until.is_some()) {
            return Err(Failure::Usage("--since and --until are for the audit".to_owned()));
        }
        Ok(Span { since, until })
    }
}

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TableArg {
    Allocations,
    Orders,
    Batches,
    Backlog,
    Events,
    Audit,
}

/// Writes a table.
///
/// # Errors
/// When the store can't be read or standard output is closed.
pub(crate) async fn run(args: &ExportArgs, settings: &Settings) -> Result<ExitCode, Failure> {
    let span = args.span()?;
    let ports = wiring::wire(&settings.store, &settings.calendar, AccessMode::Read).await?;
    let now = ports.clock.now();
    let today = ports.clock.day_of(now);
    let format = args.format.into();
    match args.table {
        TableArg::Allocations => allocations(&*ports.exports, (now, today), begin::<AllocationRow<'_>>(format)?).await,
        TableArg::Orders => orders(&*ports.exports, (now, today), begin::<OrderRow>(format)?).await,
        TableArg::Batches => batches(&ports, now, begin::<BatchRow>(format)?).await,
        TableArg::Backlog => backlog(&*ports.views, now, begin::<BacklogRow<'_>>(format)?).await,
        TableArg::Events => events(&*ports.events, begin::<EventRow<'_>>(format)?).await,
        TableArg::Audit => audit::write(&ports, span, begin::<AuditRow<'_>>(format)?).await,
    }?;
    Ok(ExitCode::SUCCESS)
}

/// A table on standard output, which the command locks.
type StdoutTable = Table<StdoutLock<'static>>;

fn begin<R: Exported>(format: Format) -> io::Result<StdoutTable> {
    Table::begin::<R>(io::stdout().lock(), format)
}

/// Reads all lines, page by page.
struct LinePages<'a> {
    exports: &'a dyn Exports,
    after: Option<LineKey>,
}

impl<'a> LinePages<'a> {
    const fn new(exports: &'a dyn Exports) -> Self {
        Self { exports, after: None }
    }

    /// The next page; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<LineRead>>, Failure> {
        let page = self.exports.lines(LineFilter::All, self.after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = Some(last.record.terms.key.clone());
        Ok(Some(page))
    }
}

async fn allocations(
    exports: &dyn Exports,
    (now, today): (Timestamp, Date),
    mut table: StdoutTable,
) -> Result<(), Failure> {
    let mut pages = LinePages::new(exports);
    while let Some(page) = pages.next().await? {
        for line in page {
            let line = line.view(now, today);
            for row in AllocationRow::of(&line) {
                table.write(&row)?;
            }
        }
    }
    Ok(table.finish()?)
}

async fn orders(exports: &dyn Exports, (now, today): (Timestamp, Date), mut table: StdoutTable) -> Result<(), Failure> {
    let mut pages = LinePages::new(exports);
    let mut current: Option<OrderRow> = None;
    let mut after = None;
    while let Some(page) = pages.next().await? {
        let orders: BTreeSet<&OrderId> = page.iter().map(|line| &line.record.terms.key.order).collect();
        let headers = headers(exports, after.as_ref(), &orders).await?;
        after = orders.last().copied().cloned();
        for line in page {
            match &mut current {
                Some(order) if order.holds(&line) => order.add(line, now, today),
                _ => {
                    let header = headers.get(&line.record.terms.key.order);
                    if let Some(complete) = current.replace(OrderRow::begin(header, line, now, today)) {
                        table.write(&complete)?;
                    }
                }
            }
        }
    }
    if let Some(last) = current {
        table.write(&last)?;
    }
    Ok(table.finish()?)
}

/// The headers of the orders of a page of lines, without those of the page before. They are read after the lines, so
/// that an order placed in the meantime has its header too. An order whose lines were allocated one by one has none.
async fn headers(
    exports: &dyn Exports,
    mut after: Option<&OrderId>,
    orders: &BTreeSet<&OrderId>,
) -> Result<BTreeMap<OrderId, OrderRecord>, Failure> {
    let mut headers = BTreeMap::new();
    let mut last;
    loop {
        // Each header has lines, so there are no more headers than orders: one query is enough, unless orders have been
        // placed in between.
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

async fn batches(ports: &Ports, now: Timestamp, mut table: StdoutTable) -> Result<(), Failure> {
    let due = DueProducts::read(&*ports.worklist, now).await?;
    let mut after = None;
    loop {
        let page = ports.exports.batches(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(table.finish()?);
        };
        after = Some(last.reference.clone());
        for batch in page {
            let batch = match due.may_affect(&batch) {
                false => batch,
                true => match ports.views.batch(&batch.reference, now).await? {
                    Some(read) => read.record,
                    None => batch,
                },
            };
            table.write(&BatchRow::of(&batch))?;
        }
    }
}

/// The products with expired holds that no sweep has recorded yet: their batches store units as allocated that no
/// longer are. Usually there are none, because a running service sweeps every second.
enum DueProducts {
    These(BTreeSet<Sku>),
    /// Too many to keep in memory: any product may be one.
    Any,
}

impl DueProducts {
    async fn read(worklist: &dyn Worklist, now: Timestamp) -> Result<Self, Failure> {
        let due = worklist.products_with_due_holds(now, PAGE).await?;
        Ok(match due.len() {
            PAGE.. => Self::Any,
            _ => Self::These(due.into_iter().collect()),
        })
    }

    fn may_affect(&self, batch: &BatchRecord) -> bool {
        !batch.allocated.is_zero()
            && match self {
                Self::These(skus) => skus.contains(&batch.sku),
                Self::Any => true,
            }
    }
}

/// The backlog by product, each in order of service.
async fn backlog(views: &dyn Views, now: Timestamp, mut table: StdoutTable) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = views.products(None, after.as_ref(), now, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(table.finish()?);
        };
        after = Some(last.sku.clone());
        for product in page.iter().filter(|product| !product.backordered.is_zero()) {
            let mut position: Option<ServicePosition> = None;
            while let Some(lines) = views.backlog(&product.sku, position.as_ref(), now, PAGE).await? {
                let Some(last) = lines.last() else { break };
                position = Some(last.record.service_position());
                for line in &lines {
                    table.write(&BacklogRow::from(line))?;
                }
            }
        }
    }
}

async fn events(events: &dyn EventFeed, mut table: StdoutTable) -> Result<(), Failure> {
    let (all, mut after) = (EventFilter::default(), 0);
    loop {
        let page = events.encoded_events(&all, after, PAGE).await?;
        if page.events.is_empty() {
            return Ok(table.finish()?);
        }
        after = page.next;
        for event in &page.events {
            let row = EventRow::of(event, &page.books)
                .map_err(|error| Failure::Failed(format!("event {}: {error}", event.sequence)))?;
            table.write(&row)?;
        }
    }
}
