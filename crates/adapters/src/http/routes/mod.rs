//! The routes, by resource.

pub(crate) mod allocations;
pub(crate) mod audit;
pub(crate) mod backlog;
pub(crate) mod batches;
pub(crate) mod book;
pub(crate) mod bulk;
pub(crate) mod event_stream;
pub(crate) mod events;
pub(crate) mod fulfilment;
pub(crate) mod keys;
pub(crate) mod operations;
pub(crate) mod order_lines;
pub(crate) mod orders;
pub(crate) mod outlook;
pub(crate) mod products;
pub(crate) mod quotes;
pub(crate) mod sessions;
pub(crate) mod sources;
pub(crate) mod subscriptions;

use utoipa_actix_web::service_config::ServiceConfig;

use super::dashboard::{self, page};

/// Registers every documented route, each as a service: only services get into the document. The router tries them in
/// this order, so the most frequent ones come first.
pub(crate) fn register(config: &mut ServiceConfig<'_>) {
    config
        .service(allocations::allocate)
        .service(orders::place)
        .service(orders::show)
        .service(products::show)
        .service(events::list)
        .service(batches::create)
        .service(batches::list)
        .service(batches::show)
        .service(batches::change)
        .service(batches::receive)
        .service(batches::undo_receipt)
        .service(batches::cancel)
        .service(fulfilment::confirm)
        .service(fulfilment::dispatch)
        .service(fulfilment::undo_dispatch)
        .service(quotes::quote)
        .service(orders::replace)
        .service(orders::list)
        .service(orders::change)
        .service(order_lines::change)
        .service(orders::cancel)
        .service(order_lines::cancel)
        .service(products::list)
        .service(products::put)
        .service(products::reallocate)
        .service(products::availability)
        .service(backlog::show)
        .service(outlook::risks::list)
        .service(outlook::batches::list_late)
        .service(outlook::batches::list_lines)
        .service(outlook::backlog::count)
        .service(outlook::backlog::list)
        .service(outlook::changes::list)
        .service(outlook::holds::list)
        .service(outlook::product::show)
        .service(event_stream::stream)
        .service(bulk::stream::bulk)
        .service(subscriptions::list)
        .service(subscriptions::dead_letters)
        .service(subscriptions::replay)
        .service(subscriptions::skip)
        .service(subscriptions::change)
        .service(sources::list)
        .service(sources::dead_messages)
        .service(sources::replay)
        .service(sources::skip)
        .service(keys::list)
        .service(keys::create)
        .service(keys::rotate)
        .service(keys::revoke)
        .service(sessions::list)
        .service(sessions::end)
        .service(audit::list)
        .service(book::add_batch)
        .service(book::allocate)
        .service(book::allocations)
        .service(operations::health::live)
        .service(operations::health::ready)
        .service(operations::metrics::metrics)
        .service(operations::explorer::document)
        .service(operations::explorer::asyncapi)
        .service(operations::problems::problem_page)
        .service(page::favicon)
        .service(page::page)
        .service(dashboard::audit::audit);
}
