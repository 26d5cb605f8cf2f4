//! The terms of a request: what a repeated one is compared by.

use core::fmt;

/// A term in which a request can differ from the one that placed the same order or line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// The lines of an order: their ids, SKUs or quantities.
    Lines,
    /// The SKU of a line.
    Sku,
    /// The quantity of a line.
    Quantity,
    /// Where units may come from.
    Locations,
    /// Whether a line may be split.
    Split,
    /// What happens if it does not fit.
    OnShortage,
    /// Whether the order is held, and for how long.
    HoldSeconds,
    /// The priority.
    Priority,
    /// The day by which it is required.
    RequiredBy,
}

impl Term {
    /// The word used in JSON: the name of the request's field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Sku => "sku",
            Self::Quantity => "quantity",
            Self::Locations => "locations",
            Self::Split => "split",
            Self::OnShortage => "on_shortage",
            Self::HoldSeconds => "hold_seconds",
            Self::Priority => "priority",
            Self::RequiredBy => "required_by",
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
