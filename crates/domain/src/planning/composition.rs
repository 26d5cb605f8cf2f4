//! What the units of a product's batches are: gone, promised, held, kept back, or free.

use alloc::vec::Vec;

use jiff::civil::Date;

use crate::language::name::Reference;
use crate::language::quantity::{Count, Units};
use crate::promising::{Promising, leaves_on};
use crate::records::batch::{BatchRecord, BatchStatus};

/// What the units of a batch are. Their sum is its quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Composition {
    /// They have left the building.
    pub dispatched: Units,
    /// They are promised, and firm.
    pub allocated: Units,
    /// They are held until a deadline.
    pub held: Units,
    /// They are not offered: as safety stock, or because the batch is overdue for too long.
    pub kept_back: Units,
    /// They can be promised.
    pub free: Units,
}

/// What the units of these batches of a product are, in their order. `held`: those of the allocated units of each batch that
/// are held. The safety stock is taken from the units that leave last.
#[must_use]
pub fn compositions(
    batches: &[BatchRecord],
    held: &[(Reference, Units)],
    safety_stock: Count,
    promising: Promising,
    today: Date,
) -> Vec<Composition> {
    let limit = promising.overdue_limit(today);
    let mut last_first: Vec<usize> = (0..batches.len()).collect();
    last_first.sort_by_key(|index| (leaves_on(batches[*index].eta, today), batches[*index].ordinal));
    let mut all: Vec<Composition> = batches.iter().map(|_| Composition::default()).collect();
    let mut keep = safety_stock.units();
    for index in last_first.into_iter().rev() {
        let batch = &batches[index];
        let held = held.iter().find(|(reference, _)| *reference == batch.reference);
        let held = held.map_or(Units::ZERO, |(_, units)| *units).min(batch.allocated);
        let available = batch.available();
        let is_offered = limit.offers(batch.eta) && batch.status() != BatchStatus::Closed;
        let kept_back = if is_offered { keep.min(available) } else { available };
        if is_offered {
            keep = keep.saturating_sub(kept_back);
        }
        all[index] = Composition {
            dispatched: batch.dispatched,
            allocated: batch.allocated.saturating_sub(held),
            held,
            kept_back,
            free: available.saturating_sub(kept_back),
        };
    }
    all
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::language::name::Sku;
    use crate::language::quantity::Quantity;

    fn batch(ordinal: u32, quantity: i128, allocated: u64, eta: Option<Date>) -> BatchRecord {
        let sku = Sku::new("LAMP").expect("a name");
        let reference = Reference::new(alloc::format!("B{ordinal}")).expect("a name");
        let quantity = Quantity::new(quantity).expect("a quantity");
        BatchRecord {
            allocated: Units::new(allocated),
            ..BatchRecord::new(reference, sku, ordinal, quantity, eta)
        }
    }

    #[test]
    fn the_safety_stock_is_taken_from_the_units_that_leave_last() {
        let today = date(2030, 6, 10);
        let long_ago = Some(date(2030, 5, 1));
        let batches = [
            batch(1, 10, 4, None),
            batch(2, 10, 8, Some(date(2030, 7, 1))),
            batch(3, 5, 0, long_ago),
        ];
        let held = [(batches[0].reference.clone(), Units::new(3))];
        let safety_stock = Count::new(5).expect("a count");
        let all = compositions(&batches, &held, safety_stock, Promising::default(), today);
        let numbers = all.iter().map(|one| [one.allocated, one.held, one.kept_back, one.free]);
        let numbers: Vec<_> = numbers.map(|four| four.map(Units::get)).collect();
        assert_eq!(numbers, [[1, 3, 3, 3], [8, 0, 2, 0], [0, 0, 5, 0]]);
    }
}
