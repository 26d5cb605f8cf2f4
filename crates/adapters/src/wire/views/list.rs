//! Lists of views.

use std::marker::PhantomData;

use serde::{Serialize, Serializer};

/// A list that writes each item as `Shown`, without a list of its own in between.
#[derive(Debug)]
pub struct Each<'a, Item, Shown> {
    items: &'a [Item],
    shown: PhantomData<fn() -> Shown>,
}

impl<'a, Item, Shown> Each<'a, Item, Shown> {
    /// These items, in this order.
    #[must_use]
    pub const fn of(items: &'a [Item]) -> Self {
        Self {
            items,
            shown: PhantomData,
        }
    }
}

impl<'a, Item, Shown> Serialize for Each<'a, Item, Shown>
where
    Shown: From<&'a Item> + Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.items.iter().map(Shown::from))
    }
}
