//! Typed indices: products, batches and lines are known by their position while a transaction lasts, and the position
//! of one kind can't be used for another.

use alloc::vec::{self, Vec};
use core::marker::PhantomData;
use core::ops;
use core::slice;

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(usize);

        impl From<usize> for $name {
            fn from(index: usize) -> Self {
                Self(index)
            }
        }

        impl From<$name> for usize {
            fn from(index: $name) -> Self {
                index.0
            }
        }
    )+};
}

indices! {
    /// A product among those of the unit of work.
    ProductIndex;
    /// A batch among the loaded batches of its product.
    BatchIndex;
    /// A line among the loaded lines of its product.
    LineIndex;
}

/// A vector that is indexed by one kind of index. Items are only appended, so each keeps its index.
#[derive(Debug, Clone)]
pub(crate) struct IndexedVec<I, T> {
    items: Vec<T>,
    index: PhantomData<I>,
}

impl<I, T> IndexedVec<I, T> {
    pub(crate) const fn new() -> Self {
        Self {
            items: Vec::new(),
            index: PhantomData,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn iter(&self) -> slice::Iter<'_, T> {
        self.items.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> slice::IterMut<'_, T> {
        self.items.iter_mut()
    }

    pub(crate) fn into_vec(self) -> Vec<T> {
        self.items
    }
}

impl<I: From<usize> + Into<usize>, T> IndexedVec<I, T> {
    /// Appends an item and returns its index.
    pub(crate) fn push(&mut self, item: T) -> I {
        let index = self.next_index();
        self.items.push(item);
        index
    }

    /// The index of the next item that is appended.
    pub(crate) fn next_index(&self) -> I {
        I::from(self.items.len())
    }

    /// The indices of all items.
    pub(crate) fn indices(&self) -> impl DoubleEndedIterator<Item = I> + use<I, T> {
        (0..self.items.len()).map(I::from)
    }

    /// All items with their indices.
    pub(crate) fn iter_indexed(&self) -> impl Iterator<Item = (I, &T)> {
        self.indices().zip(&self.items)
    }
}

impl<I, T> Default for IndexedVec<I, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I, T> FromIterator<T> for IndexedVec<I, T> {
    fn from_iter<Items: IntoIterator<Item = T>>(items: Items) -> Self {
        Self {
            items: items.into_iter().collect(),
            index: PhantomData,
        }
    }
}

impl<I, T> IntoIterator for IndexedVec<I, T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<I: Into<usize>, T> ops::Index<I> for IndexedVec<I, T> {
    type Output = T;

    fn index(&self, index: I) -> &T {
        &self.items[index.into()]
    }
}

impl<I: Into<usize>, T> ops::IndexMut<I> for IndexedVec<I, T> {
    fn index_mut(&mut self, index: I) -> &mut T {
        &mut self.items[index.into()]
    }
}
