//! The service from outside: it starts, answers, and ends when it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use crate::shop::{Shop, TINY};

/// How long anything may take: the machine may be busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service that listens.
struct Service {
    process: Child,
    address: String,
}

impl Service {
    fn start(shop: &Shop, arguments: &[&str]) -> Self {
        let mut command = shop.command(arguments);
        let mut process = command
            .args(["--listen", "127.0.0.1:0"])
            // What a command leaves behind, it leaves here.
            .env("TMPDIR", shop.folder())
            .spawn()
            .expect("the binary");
        let mut said = BufReader::new(process.stdout.as_mut().expect("a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        let address = line
            .trim()
            .strip_prefix("Earmark listens on http://")
            .and_then(|rest| rest.strip_suffix('/'));
        let address = address
            .unwrap_or_else(|| unreachable!("an address, not {line:?}"))
            .to_owned();
        Self { process, address }
    }

    /// The answer to a GET, head and all.
    fn get(&self, path: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).expect("a listener");
        write!(
            connection,
            "GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n"
        )
        .expect("a reader");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("text");
        answer
    }

    /// The answer to a POST of JSON, head and all.
    fn post(&self, path: &str, body: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).expect("a listener");
        let length = body.len();
        write!(
            connection,
            "POST {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .expect("a reader");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("text");
        answer
    }

    /// Follows the events of one kind until there is one.
    fn wait_for(&self, event: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).expect("a listener");
        connection.set_read_timeout(Some(PATIENCE)).expect("a time");
        write!(
            connection,
            "GET /v1/events/stream?type={event} HTTP/1.1\r\nhost: shop\r\n\r\n"
        )
        .expect("a reader");
        let (begun, mut lines) = (Instant::now(), BufReader::new(connection).lines());
        loop {
            let line = lines.next().expect("a stream has no end").expect("text, in time");
            if line.starts_with("data:") {
                return line;
            }
            // A stream says that it is alive even where it has nothing to say.
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {event}");
        }
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().expect("kill");
        assert!(sent.success());
    }

    fn end(self) -> Output {
        self.signal("-TERM");
        self.process.wait_with_output().expect("an end")
    }
}

fn code(output: &Output) -> Option<i32> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.status.code()
}

#[test]
fn the_service_is_ready_and_ends_with_0_when_it_is_told_to() {
    let shop = Shop::stocked();
    let service = Service::start(&shop, &[]);
    assert!(service.get("/health/ready").starts_with("HTTP/1.1 200 "));
    assert!(service.get("/v1/products/CL-9009").contains("\"available\":36"));
    assert_eq!(code(&service.end()), Some(0));
}

#[test]
fn ctrl_c_ends_it_as_well_and_connections_that_idle_do_not_hold_it_up() {
    let shop = Shop::empty();
    let service = Service::start(&shop, &["serve", "--store", "memory:"]);
    let idle = TcpStream::connect(&service.address).expect("a listener");
    service.signal("-INT");
    let output = service.process.wait_with_output().expect("an end");
    assert_eq!(code(&output), Some(0));
    drop(idle);
}

#[test]
fn rows_are_sent_to_a_running_service_and_it_says_what_became_of_them() {
    let shop = Shop::empty();
    let service = Service::start(&shop, &["serve"]);
    let to = format!("http://{}", service.address);
    let imports = |kind: &str, file: &str| {
        shop.run(["import", kind, &format!("{TINY}/{file}"), "--to", &to])
            .succeeds()
    };

    imports("products", "products.csv").says("named", 9);
    imports("batches", "batches.csv").says("created", 20);
    imports("orders", "order_lines.csv")
        .says("allocated", 48)
        .says("backordered", 12)
        .says("bad", 0);
    imports("orders", "order_lines.csv").says("unchanged", 60);

    let file = shop.file("orders.csv", "order_id,sku,quantity\nO-1,NONE-SUCH,1\n");
    let run = shop
        .run(["import", "orders", &file, "--to", &to])
        .fails_with(1)
        .says("bad", 1);
    assert!(
        run.err.contains(&format!("{file}: line 2: ")) && run.err.contains("NONE-SUCH"),
        "{}",
        run.err
    );

    let file = shop.file("stock.csv", "sku,name,safety_stock\nCL-9009,,7\nRUG,Rug,\n,Nameless,\n");
    shop.run(["import", "products", &file, "--to", &to])
        .fails_with(1)
        .says("named", 2)
        .says("bad", 1);
    assert!(service.get("/v1/products/CL-9009").contains("\"safety_stock\":7"));
    let file = shop.file(
        "urgent.csv",
        "order_id,sku,quantity,priority,required_by,locations\nO-2,CL-9009,900,5,2030-01-31,main|annex\n",
    );
    shop.run(["import", "orders", &file, "--whole-orders", "--to", &to])
        .succeeds()
        .says("backordered", 1);
    let order = service.get("/v1/orders/O-2");
    assert!(
        order.contains("\"priority\":5,\"required_by\":\"2030-01-31\""),
        "{order}"
    );

    // Beside the running service, and after it.
    shop.run(["verify"]).succeeds();
    assert_eq!(code(&service.end()), Some(0));
    shop.run(["verify"]).succeeds();
}

#[test]
fn a_hold_that_nobody_confirms_ends_for_good_while_nobody_asks() {
    let shop = Shop::stocked();
    let service = Service::start(&shop, &["serve"]);
    let order = r#"{"order_id":"O-1","lines":[{"sku":"CL-9009","quantity":6}],"hold_seconds":1}"#;
    let answer = service.post("/v1/orders", order);
    assert!(
        answer.starts_with("HTTP/1.1 201 ") && answer.contains("\"held\""),
        "{answer}"
    );

    let ended = service.wait_for("HoldExpired");
    assert!(ended.contains("\"order_id\":\"O-1\""), "{ended}");
    assert_eq!(code(&service.end()), Some(0));
    let orders = shop.run(["export", "orders"]).succeeds().out;
    assert!(
        orders.lines().any(|order| order.starts_with("O-1,expired,")),
        "{orders}"
    );
    shop.run(["verify"]).succeeds();
}

#[test]
fn a_hold_that_ended_while_no_service_ran_ends_for_good_with_the_next() {
    let shop = Shop::stocked();
    let service = Service::start(&shop, &["serve"]);
    let order = r#"{"order_id":"O-1","lines":[{"sku":"CL-9009","quantity":6}],"hold_seconds":2}"#;
    service.post("/v1/orders", order);
    assert_eq!(code(&service.end()), Some(0));

    let service = Service::start(&shop, &["serve"]);
    let ended = service.wait_for("HoldExpired");
    assert!(ended.contains("\"order_id\":\"O-1\""), "{ended}");
    assert_eq!(code(&service.end()), Some(0));
}

#[test]
fn an_address_that_is_not_earmarks_ends_an_import_at_once() {
    let shop = Shop::empty();
    let service = Service::start(&shop, &["serve", "--store", "memory:"]);
    let to = format!("http://{}/elsewhere", service.address);
    let run = shop
        .run(["import", "batches", &format!("{TINY}/batches.csv"), "--to", &to])
        .fails_with(1);
    assert!(run.err.contains("answers 404"), "{}", run.err);
    service.end();
}

#[test]
fn an_address_in_use_is_told_in_one_sentence() {
    let shop = Shop::empty();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let run = shop.run(["serve", "--listen", &address]).fails_with(1);
    assert_eq!(
        run.err,
        format!("earmark: can't listen on {address}: the address is in use; --listen names another\n")
    );
}

#[test]
fn a_database_that_cannot_be_had_is_told_in_one_sentence() {
    let shop = Shop::empty();
    let port = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address")
        .port();
    for store in [
        format!("postgres://shop:s3cret@127.0.0.1:{port}/shop"),
        "sqlite:no/such/folder/shop.db".to_owned(),
    ] {
        let run = shop
            .run(["serve", "--listen", "127.0.0.1:0", "--store", &store])
            .fails_with(1);
        let told: Vec<&str> = run.err.lines().collect();
        assert!(told.len() == 1 && told[0].starts_with("earmark: "), "{}", run.err);
        assert!(!run.err.contains("s3cret"), "{}", run.err);
    }
}

#[test]
fn the_demo_has_stock_on_its_way_and_leaves_nothing_behind() {
    let shop = Shop::empty();
    let service = Service::start(&shop, &["demo"]);
    let product = service.get("/v1/products/BK-R93R-56");
    assert!(product.contains("\"status\":\"inbound\""), "{product}");
    assert!(!product.contains("\"status\":\"overdue\""), "{product}");
    let cart = service.get("/v1/orders/CART-1");
    assert!(
        cart.contains("\"status\":\"held\"") && cart.contains("\"priority\":10"),
        "{cart}"
    );
    let late = service.get("/v1/events?type=BatchEtaChanged");
    assert!(late.contains("\"type\":\"BatchEtaChanged\""), "{late}");
    assert_eq!(code(&service.end()), Some(0));
    let left: Vec<_> = std::fs::read_dir(shop.folder()).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

const BATCH: &str = r#"{"reference":"B-1","sku":"LAMP","quantity":1}"#;

/// A request that the service has taken and waits to read the body of.
fn begin_request(service: &Service) -> BufReader<TcpStream> {
    let mut connection = TcpStream::connect(&service.address).expect("a listener");
    let length = BATCH.len();
    write!(
        connection,
        "POST /v1/batches HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         expect: 100-continue\r\n\r\n"
    )
    .expect("a reader");
    let mut answer = BufReader::new(connection);
    read_until(&mut answer, "100 Continue");
    answer
}

/// Tells the service to end, and waits until it drains.
fn begin_to_end(service: &mut Service) {
    service.signal("-TERM");
    read_until(
        &mut BufReader::new(service.process.stderr.take().expect("a pipe")),
        "draining",
    );
}

/// Reads lines until one has this text in it.
fn read_until(from: &mut impl BufRead, text: &str) -> String {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert_ne!(from.read_line(&mut line).expect("text"), 0, "ended before {text:?}");
    }
    line
}

#[test]
fn what_is_in_flight_when_the_service_is_told_to_end_is_finished_and_answered() {
    let shop = Shop::empty();
    let mut service = Service::start(&shop, &["serve"]);
    let mut request = begin_request(&service);
    begin_to_end(&mut service);

    write!(request.get_mut(), "{BATCH}").expect("a reader");
    read_until(&mut request, "HTTP/1.1 201 ");
    let output = service.process.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(0));
    let batches = shop.run(["export", "batches"]).succeeds().out;
    assert!(batches.contains("B-1,LAMP,"), "{batches}");
}

#[test]
fn a_second_signal_ends_the_service_at_once() {
    let shop = Shop::empty();
    let mut service = Service::start(&shop, &["serve"]);
    // Never ended: the drain waits for it.
    let held = begin_request(&service);
    begin_to_end(&mut service);
    service.signal("-TERM");
    let output = service.process.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(130));
    drop(held);
    shop.run(["verify"]).succeeds();
}
