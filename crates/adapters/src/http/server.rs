//! The web server: workers that accept connections and serve the application on each.

use std::future::ready;
use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_http::HttpService;
use actix_service::{IntoServiceFactory, ServiceFactory, fn_factory, map_config};
use actix_web::dev::{AppConfig, Extensions, Server};
use rustix::net::sockopt::set_socket_send_buffer_size;

use super::api::Api;
use super::app::app;
use super::connection::{Connections, Transport};
use super::encryption::Encryption;
use super::worker::Worker;

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
/// connections. Connections beyond that wait until others close. With `encryption`, all of them are encrypted.
///
/// # Errors
/// When the listener can't be used.
pub fn serve(
    listener: TcpListener,
    api: &Arc<Api>,
    connections: NonZeroUsize,
    encryption: Option<&Arc<Encryption>>,
) -> io::Result<Server> {
    // Each connection inherits it.
    set_socket_send_buffer_size(&listener, SEND_BUFFER_BYTES)?;
    let workers = available_parallelism().map_or(1, NonZeroUsize::get);
    let per_worker = (connections.get() / workers).clamp(1, MAX_CONNECTIONS_PER_WORKER);
    let open = Connections::new(api.shared_clock(), api.readiness().clone(), per_worker * workers);
    let (api, open, encryption) = (Arc::clone(api), Arc::new(open), encryption.cloned());
    let factory = move || {
        let (api, open, encryption) = (Arc::clone(&api), Arc::clone(&open), encryption.clone());
        fn_factory(move || {
            let (api, open, encryption) = (Arc::clone(&api), Arc::clone(&open), encryption.clone());
            async move {
                let application = map_config(app(&api).into_factory(), |_| AppConfig::default());
                // One for both protocols.
                let application = Rc::new(application.new_service(()).await?);
                let readiness = api.readiness().clone();
                let shared = Rc::clone(&application);
                let http_1 = HttpService::build()
                    .graceful_shutdown_signal(move || {
                        let readiness = readiness.clone();
                        async move { readiness.closing().await }
                    })
                    .keep_alive(KEEP_ALIVE)
                    .client_request_timeout(api.limits().head)
                    .client_disconnect_timeout(CLIENT_DISCONNECT_TIMEOUT)
                    .on_connect_ext(|connection: &Transport, data: &mut Extensions| {
                        data.insert(connection.in_use());
                    })
                    .finish(fn_factory(move || ready(Ok::<_, ()>(Rc::clone(&shared)))))
                    .new_service(())
                    .await?;
                Ok::<_, ()>(Worker::new(http_1, application, open, encryption))
            }
        })
    };
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(per_worker)
        .shutdown_timeout(SHUTDOWN_TIMEOUT_SECONDS)
        .disable_signals()
        .listen("http", listener, factory)?
        .run();
    Ok(server)
}
