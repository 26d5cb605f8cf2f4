//! A worker: takes connections, and serves each by the protocol that it speaks.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_http::body::BoxBody;
use actix_http::error::DispatchError;
use actix_http::{Protocol, Request, Response};
use actix_service::Service;
use actix_web::rt::net::TcpStream;
use futures::future::LocalBoxFuture;

use super::connection::{Connection, Connections, Negotiated, Transport, shake_hands};
use super::encryption::Encryption;
use super::http2;

/// A connection with how it is to be served.
type Accepted = (Transport, Protocol, Option<SocketAddr>);

/// A worker: `H` serves HTTP/1.1 on a connection, `A` is the application.
pub(super) struct Worker<H, A> {
    http_1: Rc<H>,
    application: A,
    connections: Arc<Connections>,
    encryption: Option<Arc<Encryption>>,
}

impl<H, A> Worker<H, A> {
    pub(super) fn new(
        http_1: H,
        application: A,
        connections: Arc<Connections>,
        encryption: Option<Arc<Encryption>>,
    ) -> Self {
        Self {
            http_1: Rc::new(http_1),
            application,
            connections,
            encryption,
        }
    }
}

impl<H, A> Service<TcpStream> for Worker<H, A>
where
    H: Service<Accepted, Response = (), Error = DispatchError> + 'static,
    A: Service<Request> + Clone + 'static,
    A::Response: Into<Response<BoxBody>>,
    A::Error: Into<Response<BoxBody>>,
{
    type Response = ();
    type Error = DispatchError;
    type Future = LocalBoxFuture<'static, Result<(), DispatchError>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.http_1.poll_ready(context)
    }

    fn call(&self, stream: TcpStream) -> Self::Future {
        let client = stream.peer_addr().ok();
        let http_1 = Rc::clone(&self.http_1);
        let connection = Connection::new(stream, Arc::clone(&self.connections));
        let Some(encryption) = self.encryption.clone() else {
            return Box::pin(http_1.call((Transport::Plain(connection), Protocol::Http1, client)));
        };
        let application = self.application.clone();
        let connections = Arc::clone(&self.connections);
        Box::pin(async move {
            match shake_hands(connection, &connections, &encryption).await {
                Some(Negotiated::Http1(stream)) => {
                    let served = http_1.call((Transport::Encrypted(stream), Protocol::Http1, client));
                    served.await
                }
                Some(Negotiated::Http2(stream)) => {
                    http2::serve(*stream, application, client, connections).await;
                    Ok(())
                }
                None => Ok(()),
            }
        })
    }
}
