//! The web server: workers that accept connections and serve the application on each.

use std::future::ready;
use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::{AppConfig, Extensions, Server};
use actix_web::rt::net::TcpStream;
use rustix::net::sockopt::set_socket_send_buffer_size;

use super::api::Api;
use super::app::app;
use super::connection::{Connection, Connections};

/// How long an idle connection is kept: longer than the minute for which proxies keep theirs. So the proxy closes it,
/// and no request meets a connection that is about to be closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long the closing of a connection may take.
const CLIENT_DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of a response the system keeps for a client that does not take it, and doubles for its own use. It would be
/// megabytes for each client, which no limit on the memory of the process counts.
const SEND_BUFFER_BYTES: usize = 256 * 1024;

/// The most connections of one worker. Each takes about 100 KiB when it is busy.
const MAX_CONNECTIONS_PER_WORKER: usize = 4_096;

/// How long a stopping server waits for requests in flight, in seconds: the slowest are bulk streams, which are
/// answered as fast as the store can.
pub const SHUTDOWN_TIMEOUT_SECONDS: u64 = 30;

/// Serves the interface on a listener, on as many workers as there are processors, over at most `connections`
/// connections. Connections beyond that wait until others close.
///
/// # Errors
/// When the listener can't be used.
pub fn serve(listener: TcpListener, api: &Arc<Api>, connections: NonZeroUsize) -> io::Result<Server> {
    // Each connection inherits it.
    set_socket_send_buffer_size(&listener, SEND_BUFFER_BYTES)?;
    let workers = available_parallelism().map_or(1, NonZeroUsize::get);
    let per_worker = (connections.get() / workers).clamp(1, MAX_CONNECTIONS_PER_WORKER);
    let readiness = api.readiness().clone();
    let open = Connections::new(api.shared_clock(), readiness.clone(), per_worker * workers);
    let head = api.limits().head;
    let (api, open) = (Arc::clone(api), Arc::new(open));
    let service = move || {
        let readiness = readiness.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let readiness = readiness.clone();
                async move { readiness.closing().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(head)
            .client_disconnect_timeout(CLIENT_DISCONNECT_TIMEOUT)
            .on_connect_ext(|connection: &Connection<TcpStream>, data: &mut Extensions| {
                data.insert(connection.in_use());
            })
            .finish(map_config(app(&api).into_factory(), |_| AppConfig::default()));
        let open = Arc::clone(&open);
        fn_service(move |stream: TcpStream| {
            let client = stream.peer_addr().ok();
            let connection = Connection::new(stream, Arc::clone(&open));
            ready(Ok::<_, DispatchError>((connection, Protocol::Http1, client)))
        })
        .and_then(http)
    };
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(per_worker)
        .shutdown_timeout(SHUTDOWN_TIMEOUT_SECONDS)
        .disable_signals()
        .listen("http", listener, service)?
        .run();
    Ok(server)
}
