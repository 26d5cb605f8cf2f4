//! Holds that have ended: their units still count as allocated until the sweep, but not in a view.

use diesel::prelude::*;
use earmark_application::StoreError;
use earmark_domain::{Reference, Sku, Units};
use jiff::Timestamp;

use super::super::builder::{one_of, total};
use super::super::error::store_error;
use super::super::schema::{further_allocations, lines};
use crate::sql::decode;

/// Units that count as allocated though the hold on them has ended.
#[derive(Debug, Default)]
pub(super) struct Ended(Vec<(Sku, Reference, Units)>);

impl Ended {
    /// Those of some products at an instant.
    pub(super) fn of<'a>(
        conn: &mut SqliteConnection,
        skus: impl IntoIterator<Item = &'a Sku>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        type Sums = Vec<(String, String, Option<i64>)>;
        let skus: Vec<&str> = skus.into_iter().map(Sku::as_str).collect();
        if skus.is_empty() {
            return Ok(Self::default());
        }
        let placed_with: Sums = lines::table
            .filter(one_of(lines::sku, skus.iter().copied()))
            .filter(lines::hold_until.le(now.as_microsecond()))
            .filter(lines::batch.is_not_null())
            .group_by((lines::sku, lines::batch))
            .select((
                lines::sku,
                lines::batch.assume_not_null(),
                total(lines::units.assume_not_null()),
            ))
            .load(conn)
            .map_err(store_error)?;
        let further: Sums = lines::table
            .inner_join(
                further_allocations::table.on(further_allocations::order_id
                    .eq(lines::order_id)
                    .and(further_allocations::line_id.eq(lines::line_id))),
            )
            .filter(one_of(lines::sku, skus))
            .filter(lines::hold_until.le(now.as_microsecond()))
            .group_by((lines::sku, further_allocations::batch))
            .select((
                lines::sku,
                further_allocations::batch,
                total(further_allocations::quantity),
            ))
            .load(conn)
            .map_err(store_error)?;
        let sums = placed_with.into_iter().chain(further);
        let ended = sums.map(|(sku, batch, units)| decode::ended((sku, batch, units.unwrap_or_default())));
        ended.collect::<Result<_, _>>().map(Self)
    }

    /// Those in a batch.
    pub(super) fn in_batch(&self, batch: &Reference) -> Units {
        let here = self.0.iter().filter(|(_, reference, _)| reference == batch);
        here.map(|(_, _, units)| *units).sum()
    }

    /// Those of a product.
    pub(super) fn of_product(&self, product: &Sku) -> Units {
        let here = self.0.iter().filter(|(sku, _, _)| sku == product);
        here.map(|(_, _, units)| *units).sum()
    }
}
