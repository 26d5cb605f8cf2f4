//! What a product comes to: its batches, and the sums over them and over its backlog.
//!
//! A question for an instant is answered without the units of holds that have ended by then. Only where a product knows
//! of such a hold is it looked for, in a second try that sees one state.

use diesel::sql_types::{BigInt, Nullable};
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::{BatchRead, ProductRead, ProductSummary, StoreError};
use earmark_domain::{BatchRecord, Count, ProductRecord, Reference, Sku, Units};
use jiff::Timestamp;

use super::SqliteStore;
use super::columns::{BatchRow, BatchTypes, ProductRow, ProductTypes, batch_columns, product_columns};
use super::deadlines::Ended;
use super::error::store_error;
use super::load::rows_wanted;
use super::row;
use super::statement::statement;

/// How holds that have ended are dealt with while a question is answered.
pub(super) enum Ends {
    /// As if there were none; whether there may be one is noted.
    Noted { now: Timestamp, due: bool },
    /// They are looked for.
    LookedFor { now: Timestamp },
}

impl Ends {
    const fn now(&self) -> Timestamp {
        let (Self::Noted { now, .. } | Self::LookedFor { now }) = self;
        *now
    }

    /// What has to be left out of these products.
    fn of<'a>(
        &mut self,
        conn: &mut SqliteConnection,
        products: impl Iterator<Item = &'a ProductRecord>,
    ) -> Result<Ended, StoreError> {
        match self {
            Self::Noted { now, due } => {
                let mut deadlines = products.filter_map(|product| product.next_expiry);
                *due |= deadlines.any(|deadline| deadline <= *now);
                Ok(Ended::default())
            }
            Self::LookedFor { now } => {
                let due = products.filter(|product| product.next_expiry.is_some_and(|deadline| deadline <= *now));
                Ended::of(conn, due.map(|product| &product.sku), *now)
            }
        }
    }
}

impl SqliteStore {
    /// Asks a question for an instant: once, if no hold on what it is about has ended by then.
    pub(super) async fn ask_at<T, Q>(&self, now: Timestamp, question: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: Fn(&mut SqliteConnection, &mut Ends) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, question) = self
            .readers
            .ask(move |conn| {
                let mut ends = Ends::Noted { now, due: false };
                let answer = question(conn, &mut ends)?;
                let again = matches!(ends, Ends::Noted { due: true, .. });
                Ok((answer, again.then_some(question)))
            })
            .await?;
        let Some(question) = question else { return Ok(answer) };
        self.readers
            .ask_in_one_snapshot(move |conn| question(conn, &mut Ends::LookedFor { now }))
            .await
    }
}

fn without(ended: &Ended, batch: &mut BatchRecord) {
    batch.allocated = batch.allocated.saturating_sub(ended.in_batch(&batch.reference));
}

/// One batch, with its product.
pub(super) fn batch(
    conn: &mut SqliteConnection,
    reference: &Reference,
    ends: &mut Ends,
) -> Result<Option<BatchRead>, StoreError> {
    const ONE: &str = concat!(
        "SELECT ",
        batch_columns!(),
        ", ",
        product_columns!(),
        " FROM batches CROSS JOIN products ON products.sku = batches.sku WHERE reference = ?"
    );
    let rows: Vec<(BatchRow, ProductRow)> = statement::<(BatchTypes, ProductTypes)>(ONE)
        .text(reference.as_str())
        .load(conn)
        .map_err(store_error)?;
    let Some((batch, product)) = rows.into_iter().next() else {
        return Ok(None);
    };
    let (mut record, product) = (row::batch(batch)?, row::product(product)?);
    let ended = ends.of(conn, std::iter::once(&product))?;
    without(&ended, &mut record);
    let version = product.version;
    Ok(Some(BatchRead { record, version }))
}

/// One product with its batches, in preference order.
pub(super) fn product(
    conn: &mut SqliteConnection,
    sku: &Sku,
    ends: &mut Ends,
) -> Result<Option<ProductRead>, StoreError> {
    // Joined with its batches; without batches it comes once.
    const READ: &str = concat!(
        "SELECT ",
        product_columns!(),
        ", coalesce((SELECT sum(lines.quantity) FROM lines INDEXED BY lines_backlog ",
        "WHERE lines.sku = products.sku AND lines.state = 'backordered' ",
        "AND (lines.hold_until IS NULL OR lines.hold_until > ?)), 0), ",
        batch_columns!(),
        " FROM products LEFT JOIN batches ON batches.sku = products.sku ",
        "WHERE products.sku = ? ORDER BY batches.eta NULLS FIRST, batches.ordinal"
    );
    type Types = (ProductTypes, BigInt, Nullable<BatchTypes>);
    let rows: Vec<(ProductRow, i64, Option<BatchRow>)> = statement::<Types>(READ)
        .integer(ends.now().as_microsecond())
        .text(sku.as_str())
        .load(conn)
        .map_err(store_error)?;
    let Some((product, backordered, _)) = rows.first().cloned() else {
        return Ok(None);
    };
    let product = row::product(product)?;
    let backordered = row::units(sku, "backordered", backordered)?;
    let batches = rows.into_iter().filter_map(|(_, _, batch)| batch);
    let mut batches: Vec<BatchRecord> = batches.map(row::batch).collect::<Result<_, _>>()?;
    let ended = ends.of(conn, std::iter::once(&product))?;
    batches.iter_mut().for_each(|batch| without(&ended, batch));
    Ok(Some(ProductRead {
        summary: ProductSummary::of(product, batches.iter(), backordered),
        batches,
    }))
}

/// A product's sums over its batches: in the warehouse, on their way, allocated, dispatched, available; and over its
/// backlog at an instant.
macro_rules! summaries {
    ($page:expr) => {
        concat!(
            "SELECT ",
            product_columns!(),
            ", coalesce(sum(quantity - dispatched) FILTER (WHERE eta IS NULL), 0), ",
            "coalesce(sum(quantity - dispatched) FILTER (WHERE eta IS NOT NULL), 0), ",
            "coalesce(sum(allocated), 0), coalesce(sum(dispatched), 0), ",
            "coalesce(sum(quantity - allocated - dispatched), 0), ",
            "coalesce((SELECT sum(lines.quantity) FROM lines INDEXED BY lines_backlog ",
            "WHERE lines.sku = products.sku AND lines.state = 'backordered' ",
            "AND (lines.hold_until IS NULL OR lines.hold_until > ?)), 0) ",
            "FROM (SELECT * FROM products WHERE ",
            $page,
            ") AS products LEFT JOIN batches ON batches.sku = products.sku ",
            "GROUP BY products.sku ORDER BY products.sku"
        )
    };
}

type SummaryTypes = (ProductTypes, (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt));
type SummaryRow = (ProductRow, (i64, i64, i64, i64, i64, i64));

/// Products by SKU, with their sums. `folded`: those whose SKU or name contains it, in any case.
pub(super) fn page(
    conn: &mut SqliteConnection,
    folded: Option<&str>,
    after: Option<&Sku>,
    limit: usize,
    ends: &mut Ends,
) -> Result<Vec<ProductSummary>, StoreError> {
    const PAGE: &str = summaries!("sku > ? ORDER BY sku LIMIT +?");
    // LIKE would know the cases of ASCII alone.
    const FOUND: &str = summaries!(
        "sku > ? AND (contains_in_any_case(sku, ?) OR contains_in_any_case(coalesce(name, ''), ?)) \
         ORDER BY sku LIMIT +?"
    );
    // No SKU is empty, so each comes after the empty text.
    let after = after.map_or("", Sku::as_str);
    let now = ends.now().as_microsecond();
    let page = match folded {
        None => statement::<SummaryTypes>(PAGE).integer(now).text(after),
        Some(folded) => statement(FOUND).integer(now).text(after).text(folded).text(folded),
    };
    let rows: Vec<SummaryRow> = page.integer(rows_wanted(limit)).load(conn).map_err(store_error)?;
    let products = rows
        .into_iter()
        .map(|(product, sums)| Ok((row::product(product)?, sums)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    let ended = ends.of(conn, products.iter().map(|(product, _)| product))?;
    products
        .into_iter()
        .map(|(product, sums)| summary(product, sums, &ended))
        .collect()
}

fn summary(
    product: ProductRecord,
    sums: (i64, i64, i64, i64, i64, i64),
    ended: &Ended,
) -> Result<ProductSummary, StoreError> {
    let (on_hand, inbound, allocated, dispatched, available, backordered) = sums;
    let ProductRecord {
        sku,
        name,
        version,
        safety_stock,
        ..
    } = product;
    let units = |column, sum| -> Result<Units, StoreError> { row::units(&sku, column, sum) };
    let ended = ended.of_product(&sku);
    Ok(ProductSummary {
        on_hand: units("on_hand", on_hand)?,
        inbound: units("inbound", inbound)?,
        allocated: units("allocated", allocated)?.saturating_sub(ended),
        dispatched: units("dispatched", dispatched)?,
        available: promisable(units("available", available)?, ended, safety_stock),
        backordered: units("backordered", backordered)?,
        safety_stock,
        name,
        version,
        sku,
    })
}

/// What can be promised of what is available, and of what held units have been freed by their deadline.
fn promisable(available: Units, ended: Units, kept_back: Count) -> Units {
    let free: Units = [available, ended].into_iter().sum();
    free.saturating_sub(kept_back.units())
}
