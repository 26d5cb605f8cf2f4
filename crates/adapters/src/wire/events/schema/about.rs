//! What events are about.

/// What a type of event is about, and so which of the fields that name it are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A product: with its SKU and version.
    Product,
    /// A line of an order: with the SKU and version of its product, and the order.
    Line,
    /// A whole order: SKU and version are null.
    Order,
}
