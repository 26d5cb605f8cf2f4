//! `earmark demo`: the service on a temporary database with demo data.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use earmark_adapters::files::{Entry, FileError, Kind, Row, Rows, open};
use earmark_adapters::http::Metrics;
use earmark_application::{Envelope, Principal, Roles};
use earmark_domain::{
    ChangeBatch, Command, HoldFor, Locations, OnOrderShortage, OnShortage, OrderLine, OrderTerms, PlaceOrder,
    Precedence, Priority, Quantity, Sku,
};
use jiff::Span;
use jiff::civil::Date;

use crate::app::App;
use crate::commands::import::{Counts, EngineSink, Grouping, Pipeline, Planner, Progress, RowReader, Sink, Terms};
use crate::failure::Failure;
use crate::output;
use crate::service::digests::Mailing;
use crate::service::publishers::Subscribers;
use crate::service::{self, Service};
use crate::settings::{Settings, StoreSettings, StoreUrl};
use crate::signals::Signals;
use crate::wiring::{self, AccessMode};

/// The demo data, in the order in which it is loaded. `examples/demo/README.md` names its source.
const FILES: [(Kind, &str, &[u8]); 3] = [
    (
        Kind::Products,
        "products.csv.gz",
        include_bytes!("../../../../examples/demo/products.csv.gz"),
    ),
    (
        Kind::Batches,
        "batches.csv.gz",
        include_bytes!("../../../../examples/demo/batches.csv.gz"),
    ),
    (
        Kind::Orders,
        "order_lines.csv.gz",
        include_bytes!("../../../../examples/demo/order_lines.csv.gz"),
    ),
];

/// A product of the demo data with many batches and a backlog.
const PRODUCT: &str = "BK-R93R-56";

/// An order that a customer holds in the cart when the demo starts.
const CART: &str = "CART-1";

/// How long it is held: time to look at it and confirm it.
const CART_SECONDS: i32 = 15 * 60;

/// By how many days the next delivery of the product is late.
const DELAY_DAYS: i32 = 10;

/// How the lines of the demo data are placed: those without stock wait, so that there is a backlog to see.
const TERMS: Terms = Terms {
    on_shortage: OnShortage::Backorder,
    split: false,
};

/// Runs the demo until a signal ends it, and removes its database.
///
/// # Errors
/// When it can't start, fails while it serves, or does not drain in time.
pub(crate) async fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    if settings.is_given("store.url") {
        return Err(Failure::Usage(
            "the demo has a temporary database of its own, so it takes no store; `earmark serve` does".to_owned(),
        ));
    }
    if settings.http.encryption.is_some() {
        return Err(Failure::Usage(
            "the demo is not encrypted: unset http.tls_certificate and http.tls_key, or use `earmark serve`".to_owned(),
        ));
    }
    let mut signals = Signals::install()?;
    let listener = service::bind(&settings.http.listen)?;
    let folder = tempfile::Builder::new()
        .prefix("earmark-demo-")
        .tempdir()
        .map_err(|error| Failure::Failed(format!("can't make a temporary folder: {error}")))?;
    let store = StoreSettings {
        url: StoreUrl::Sqlite(folder.path().join("earmark.db")),
        connections: settings.store.connections,
        migrate: true,
    };
    let metrics = Arc::new(Metrics::new());
    let ports = wiring::wire(&store, &settings.calendar, AccessMode::Serve).await?;
    let subscribers = Subscribers::of(&settings.events, &ports.clock)?;
    let app = App::start(ports, settings, Arc::clone(&metrics) as _);
    let counts = tokio::select! {
        counts = set_up(&app) => counts?,
        _ = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    let code = Service {
        app,
        metrics,
        listener,
        signals,
        site: settings.http.site.clone(),
        limits: settings.limits,
        encryption: None,
        provider: None,
        subscribers,
        sources: Vec::new(),
        // The buyers do not hear of what is made up.
        mailing: Mailing::to_log(settings.mail.every, &settings.calendar),
    }
    .run(|address| print_hints(address, &counts))
    .await;
    folder
        .close()
        .map_err(|error| Failure::Failed(format!("can't remove the demo's database: {error}")))?;
    code
}

/// Loads the demo data, and runs commands that make it more interesting.
async fn set_up(app: &App) -> Result<Counts, Failure> {
    let counts = load(app).await?;
    let product: Sku = PRODUCT.parse().expect("a well-formed name");
    for command in extra_commands(app, &product).await? {
        let answer = app.engine.execute(Envelope::from_service(command, "demo")).await;
        answer.map_err(|error| Failure::Failed(format!("the demo can't be set up: {error}")))?;
    }
    Ok(counts)
}

/// An urgent order on hold, and a late delivery that moves promises.
async fn extra_commands(app: &App, product: &Sku) -> Result<Vec<Command>, Failure> {
    let today = app.ports.clock.today();
    let terms = OrderTerms {
        on_shortage: OnOrderShortage::Backorder,
        hold_for: HoldFor::seconds(CART_SECONDS).ok(),
        precedence: Precedence::of(
            Priority::new(10).unwrap_or_default(),
            today.checked_add(Span::new().days(14)).ok(),
        ),
        ..OrderTerms::default()
    };
    let line = OrderLine {
        line: product.into(),
        sku: product.clone(),
        quantity: Quantity::new(2).expect("a quantity"),
        locations: Locations::ANY,
    };
    let order = CART.parse().expect("a well-formed name");
    let mut commands = vec![Command::PlaceOrder(
        PlaceOrder::new(order, vec![line], terms).expect("one line"),
    )];
    let read = app.ports.views.product(product, app.ports.clock.now()).await?;
    let next = read.and_then(|read| read.batches.into_iter().find(|batch| batch.eta.is_some()));
    if let Some((reference, eta)) = next.and_then(|batch| Some((batch.reference, batch.eta?))) {
        commands.push(Command::ChangeBatch(ChangeBatch {
            reference,
            quantity: None,
            eta: Some(eta.saturating_add(Span::new().days(DELAY_DAYS))),
        }));
    }
    Ok(commands)
}

/// Loads the demo data through the engine, as an import does.
async fn load(app: &App) -> Result<Counts, Failure> {
    let mut all = Counts::new();
    for (kind, name, bytes) in FILES {
        let rows = shifted(kind, bytes, app.ports.clock.today())
            .map_err(|error| Failure::Failed(format!("the demo data can't be read: {name}: {error}")))?;
        let sink = Sink::Engine(EngineSink::new(app, Principal::new("demo", Roles::ALL)));
        let planner = Planner::new(TERMS, Grouping::Apart);
        let pipeline = Pipeline::new(sink, planner, Progress::hidden(), name.to_owned(), false);
        let (counts, end) = pipeline.run(RowReader::of_rows(rows)).await;
        end?;
        if counts.bad > 0 {
            return Err(Failure::Failed(format!("the demo data has bad rows: {name}")));
        }
        all += counts;
    }
    Ok(all)
}

/// The rows of a file, with all dates moved by the same number of days so that the first delivery is due tomorrow.
fn shifted(kind: Kind, bytes: &'static [u8], today: Date) -> Result<Vec<Row>, FileError> {
    let source = open(bytes, None, None).map_err(|error| FileError::Read { line: 1, error })?;
    let mut rows = Rows::begin(source, kind)?.collect::<Result<Vec<_>, _>>()?;
    let mut etas: Vec<&mut Date> = rows.iter_mut().filter_map(eta).collect();
    if let Some(first) = etas.iter().map(|eta| **eta).min() {
        let days = first.duration_until(today).as_hours() / 24 + 1;
        for eta in &mut etas {
            **eta = eta.saturating_add(Span::new().days(days));
        }
    }
    Ok(rows)
}

const fn eta(row: &mut Row) -> Option<&mut Date> {
    match &mut row.entry {
        Ok(Entry::Batch(batch)) => batch.eta.as_mut(),
        _ => None,
    }
}

/// Prints what was loaded and what to try.
fn print_hints(address: SocketAddr, counts: &Counts) -> io::Result<()> {
    let Counts {
        created,
        allocated,
        backordered,
        ..
    } = counts;
    let minutes = CART_SECONDS / 60;
    output::print(format_args!(
        "\
Loaded {created} batches; {allocated} order lines are allocated, {backordered} wait for stock.
Order {CART} is held for {minutes} minutes, and a delivery of {PRODUCT} is late.
Open the address above, or try:

  curl http://{address}/v1/products/{PRODUCT}
  curl http://{address}/v1/orders/SO43659
  curl -X POST http://{address}/v1/orders/{CART}/confirmation -H 'content-type: application/json'
  curl -X POST http://{address}/v1/batches -H 'content-type: application/json' \\
       -d '{{\"reference\": \"MY-1\", \"sku\": \"{PRODUCT}\", \"quantity\": 50}}'

Ctrl-C ends the demo and removes its database."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date::constant(2030, 1, 31);

    #[test]
    fn the_first_delivery_is_due_tomorrow_and_no_row_is_bad() {
        for (kind, name, bytes) in FILES {
            let mut rows = shifted(kind, bytes, TODAY).expect("the file that is built in");
            assert!(rows.iter().all(|row| row.entry.is_ok()), "{name}");
            if kind == Kind::Batches {
                let first = rows.iter_mut().filter_map(eta).min().copied();
                assert_eq!(first, TODAY.tomorrow().ok());
            }
        }
    }

    #[test]
    fn the_shown_product_is_in_the_orders() {
        let (kind, _, bytes) = FILES[2];
        let rows = shifted(kind, bytes, TODAY).expect("the file that is built in");
        let is_ordered = |row: &Row| matches!(&row.entry, Ok(Entry::Line(line)) if line.line.sku.as_str() == PRODUCT);
        assert!(rows.iter().any(is_ordered));
    }
}
