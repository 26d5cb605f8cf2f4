//! Whole units of stock: quantities of lines and batches, and sums of them.

use core::fmt;
use core::num::NonZeroU32;

/// The largest quantity.
pub const MAX_QUANTITY: u32 = 1_000_000_000;

/// Why a number is not a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from {least} to 1000000000, is {given}")]
pub struct QuantityError {
    least: u32,
    given: i128,
}

/// A whole number of units, 1 to [`MAX_QUANTITY`]: of an order line, an allocation, or a batch when it is bought.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(NonZeroU32);

impl Quantity {
    /// Checks a number of units.
    ///
    /// # Errors
    /// [`QuantityError`] when the number is below 1 or above [`MAX_QUANTITY`].
    pub fn new(units: impl Into<i128>) -> Result<Self, QuantityError> {
        let given = units.into();
        u32::try_from(given)
            .ok()
            .filter(|n| *n <= MAX_QUANTITY)
            .and_then(NonZeroU32::new)
            .map(Self)
            .ok_or(QuantityError { least: 1, given })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The same units as a sum.
    #[must_use]
    pub const fn units(self) -> Units {
        Units(self.0.get() as u64)
    }

    /// The sum of units of one line, which together are no more than a line may want.
    pub(crate) fn plus(self, more: Self) -> Self {
        Self::new(i128::from(self.get()) + i128::from(more.get())).expect("the sum is what the line wants")
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quantity({})", self.0)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The current quantity of a batch, bought or counted: 0 to [`MAX_QUANTITY`].
///
/// Unlike a [`Quantity`] it may be zero: a batch whose stock is lost is counted down to zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Count(u32);

impl Count {
    /// Zero units.
    pub const ZERO: Self = Self(0);

    /// Checks a counted number of units.
    ///
    /// # Errors
    /// [`QuantityError`] when the number is below 0 or above [`MAX_QUANTITY`].
    pub fn new(units: impl Into<i128>) -> Result<Self, QuantityError> {
        let given = units.into();
        u32::try_from(given)
            .ok()
            .filter(|n| *n <= MAX_QUANTITY)
            .map(Self)
            .ok_or(QuantityError { least: 0, given })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The same units as a sum.
    #[must_use]
    pub const fn units(self) -> Units {
        Units(self.0 as u64)
    }
}

impl From<Quantity> for Count {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.get())
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A sum of units. Arithmetic is checked and never wraps.
///
/// 2⁶³ units are nine thousand million batches of the largest quantity: a larger sum means damaged data, not stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Units(u64);

impl Units {
    /// Zero units.
    pub const ZERO: Self = Self(0);

    /// One unit.
    pub(crate) const ONE: Self = Self(1);

    /// A sum as read from a store.
    #[must_use]
    pub const fn new(units: u64) -> Self {
        Self(units)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum of units of one product. Its batches together hold too few to overflow.
    pub(crate) fn plus(self, more: Self) -> Self {
        self.checked_add(more).expect("a product's units don't overflow a sum")
    }

    /// The sum, or `None` if it would overflow.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` if it would be below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The difference, or zero if it would be below zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// As much of `wanted` as these units cover; `None` if there are no units.
    #[must_use]
    pub fn give(self, wanted: Quantity) -> Option<Quantity> {
        let given = self.0.min(u64::from(wanted.get()));
        Quantity::new(given).ok()
    }
}

impl core::iter::Sum for Units {
    fn sum<I: Iterator<Item = Self>>(mut iter: I) -> Self {
        iter.try_fold(Self::ZERO, Self::checked_add)
            .expect("a sum of units stays below 2^64")
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_1_to_a_thousand_million() {
        assert!(Quantity::new(0).is_err());
        assert!(Quantity::new(-3).is_err());
        assert_eq!(Quantity::new(1).map(Quantity::get), Ok(1));
        assert_eq!(Quantity::new(1_000_000_000).map(Quantity::get), Ok(MAX_QUANTITY));
        assert!(Quantity::new(1_000_000_001).is_err());
        assert!(Quantity::new(i128::from(u64::MAX)).is_err());
    }

    #[test]
    fn a_count_may_be_zero() {
        assert_eq!(Count::new(0).map(Count::get), Ok(0));
        assert!(Count::new(-1).is_err());
    }

    #[test]
    fn a_refused_number_is_reported_with_the_valid_range() {
        let message = Quantity::new(0).map_err(|e| alloc::string::ToString::to_string(&e));
        assert_eq!(message, Err("must be a whole number from 1 to 1000000000, is 0".into()));
    }

    #[test]
    fn sums_never_overflow() {
        assert_eq!(Units::new(u64::MAX).checked_add(Units::new(1)), None);
        assert_eq!(Units::ZERO.checked_sub(Units::new(1)), None);
    }
}
