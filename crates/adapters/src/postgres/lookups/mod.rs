//! Look-ups by key: orders, batches and products, one at a time to the caller, batched for the database.
//!
//! Look-ups have a few connections of their own, which they share. Each connection has a [`Batcher`] for each kind of
//! look-up. Whatever may take longer, a page or a transaction, has a connection of the pool to itself, so that no
//! look-up waits behind it.

pub(super) mod batch;
pub(super) mod lookup;
pub(super) mod order;
pub(super) mod product;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::batcher::Batcher;
use super::connect::Address;
use batch::BatchByReference;
use lookup::{ByKey, SharedConnection};
use order::OrderById;
use product::ProductBySku;

/// The look-ups on one connection.
pub(super) struct Lookups {
    pub(super) orders: Batcher<ByKey<OrderById>>,
    pub(super) batches: Batcher<ByKey<BatchByReference>>,
    pub(super) products: Batcher<ByKey<ProductBySku>>,
}

impl Lookups {
    fn on(connection: &Arc<SharedConnection>) -> Self {
        Self {
            orders: Batcher::new(ByKey::on(connection)),
            batches: Batcher::new(ByKey::on(connection)),
            products: Batcher::new(ByKey::on(connection)),
        }
    }
}

/// The look-ups on all connections.
pub(super) struct SharedLookups(Vec<Lookups>);

impl SharedLookups {
    /// Look-ups on so many connections, each made when it is first needed.
    pub(super) fn new(address: &Address, connections: usize) -> Self {
        let connection = || Arc::new(SharedConnection::to(address.clone()));
        Self((0..connections).map(|_| Lookups::on(&connection())).collect())
    }

    /// The look-ups of the calling thread; `None` if there are no shared connections. The requests of one thread are
    /// batched together: its tasks wake each other without a system call.
    pub(super) fn of_this_thread(&self) -> Option<&Lookups> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
        }
        let thread = THREAD.with(|thread| *thread);
        self.0.get(thread.checked_rem(self.0.len())?)
    }
}
