//! The guard: a connection is made to an address that was checked, and to no other.
//!
//! It stands where the HTTP client asks for the addresses of a name, once for each connection, and answers with those
//! that may be connected to. So no second look-up can answer otherwise. A URL that names an address instead is checked
//! when it is read: see [`Endpoint`](super::endpoint::Endpoint).

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{io, vec};

use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::allowed::AllowedHosts;
use super::resolver::Resolver;

/// So many addresses of a name are tried. They share the time for connecting, so more would leave too little to each.
const MAX_ADDRESSES: usize = 8;

/// Finds the addresses of a host, and lets those pass that may be connected to.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) allowed: Arc<AllowedHosts>,
    pub(super) is_encrypted: bool,
}

impl Service<Name> for Guard {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move { guard.addresses(name.as_str()).await })
    }
}

impl Guard {
    /// The addresses of a host, of which each has passed. One that has not refuses them all: who mixes public addresses
    /// with others has made a mistake, or wants to see which of them is taken.
    async fn addresses(&self, host: &str) -> Result<vec::IntoIter<SocketAddr>, Box<dyn Error + Send + Sync>> {
        let mut addresses = self.resolver.resolve(host).await?;
        for address in &mut addresses {
            self.allowed.check(host, *address, self.is_encrypted)?;
            *address = address.to_canonical();
        }
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it has no address").into());
        }
        addresses.truncate(MAX_ADDRESSES);
        // The client puts the port in.
        let addresses: Vec<SocketAddr> = addresses.into_iter().map(|address| (address, 0).into()).collect();
        Ok(addresses.into_iter())
    }
}
