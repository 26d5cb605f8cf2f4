//! How many lines a history has, and how they are spread over products and batches.

use std::fmt::Write as _;

/// One line in so many is of the hot product, number 0.
pub(crate) const HOT_EVERY: u64 = 100;

/// Lines per used-up batch of the hot product.
pub(crate) const HOT_BATCH: u64 = 100;

/// The other products; the lines are dealt out to them in turn.
pub(crate) const COLD_PRODUCTS: u64 = 999;

/// Used-up batches of each of them.
const COLD_BATCHES: u64 = 10;

/// A number of past lines, of one unit each, all in used-up batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct History {
    lines: u64,
}

impl History {
    /// Of a full run.
    pub(crate) const FULL: Self = Self { lines: 10_000_000 };
    /// Of a quick run.
    pub(crate) const QUICK: Self = Self { lines: 200_000 };

    /// `None` unless the lines fill whole batches of the hot product.
    pub(crate) const fn new(lines: u64) -> Option<Self> {
        if lines > 0 && lines.is_multiple_of(HOT_EVERY * HOT_BATCH) {
            Some(Self { lines })
        } else {
            None
        }
    }

    /// All lines.
    pub(crate) const fn lines(self) -> u64 {
        self.lines
    }

    /// Lines of the hot product.
    pub(crate) const fn hot_lines(self) -> u64 {
        self.lines / HOT_EVERY
    }

    /// Used-up batches of the hot product.
    pub(crate) const fn hot_batches(self) -> u64 {
        self.hot_lines() / HOT_BATCH
    }

    /// How many cold products have one line more than the others: the first ones.
    pub(crate) const fn longer_products(self) -> u64 {
        (self.lines - self.hot_lines()) % COLD_PRODUCTS
    }

    /// Lines of a product, by its number.
    pub(crate) const fn lines_of(self, product: u64) -> u64 {
        if product == 0 {
            return self.hot_lines();
        }
        let longer = product <= self.longer_products();
        (self.lines - self.hot_lines()) / COLD_PRODUCTS + if longer { 1 } else { 0 }
    }

    /// Lines per used-up batch of the other products; the last batch of a product may have fewer.
    pub(crate) const fn cold_batch(self) -> u64 {
        self.lines_of(1).div_ceil(COLD_BATCHES)
    }

    /// The used-up batches, as rows of `reference,sku,quantity,eta`.
    pub(crate) fn batches(self) -> String {
        let mut rows = String::new();
        for product in 0..=COLD_PRODUCTS {
            let size = if product == 0 { HOT_BATCH } else { self.cold_batch() };
            let lines = self.lines_of(product);
            for number in 0..lines.div_ceil(size) {
                let quantity = size.min(lines - number * size);
                writeln!(rows, "P-{product:06}-{number:04},SKU-{product:06},{quantity},")
                    .expect("writing to a string does not fail");
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundredth_of_the_lines_is_of_the_hot_product_and_all_batches_are_used_up() {
        for lines in [10_000, 200_000, 10_000_000] {
            let history = History::new(lines).expect("whole batches");
            assert_eq!(history.hot_lines(), lines / 100);
            let dealt: u64 = (0..=COLD_PRODUCTS).map(|product| history.lines_of(product)).sum();
            assert_eq!(dealt, lines);
            let batches = history.batches();
            let quantities = batches.lines().map(|row| row.split(',').nth(2).expect("a quantity"));
            let units: u64 = quantities
                .map(|quantity| quantity.parse::<u64>().expect("a number"))
                .sum();
            assert_eq!(units, lines);
        }
    }

    #[test]
    fn ten_million_lines_use_up_a_thousand_batches_of_the_hot_product() {
        assert_eq!(
            (History::FULL.hot_lines(), History::FULL.hot_batches()),
            (100_000, 1_000)
        );
    }
}
