//! The service as a process: it starts, answers requests, and ends on a signal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::sandbox::{EARMARK, Sandbox, TINY};

/// The longest that a test waits. Generous, because the machine may be busy.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// A running service.
pub(crate) struct Service {
    process: Child,
    address: String,
}

impl Service {
    pub(crate) fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut command = sandbox.command(arguments);
        // A temporary file that is not removed is then found by the test.
        command
            .args(["--listen", "127.0.0.1:0"])
            .env("TMPDIR", sandbox.folder());
        Self::spawn(&mut command)
    }

    /// A service that this command starts.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut process = command.spawn().expect("the binary");
        let mut out = BufReader::new(process.stdout.as_mut().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let address = line
            .trim()
            .strip_prefix("Earmark listens on http://")
            .and_then(|rest| rest.strip_suffix('/'));
        let address = address
            .unwrap_or_else(|| unreachable!("an address, not {line:?}"))
            .to_owned();
        Self { process, address }
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its address as a URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The response to a GET, with its head.
    pub(crate) fn get(&self, path: &str) -> String {
        self.get_with(path, "")
    }

    /// The response to a GET with these lines of headers, with its head.
    pub(crate) fn get_with(&self, path: &str, headers: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).expect("a listener");
        write!(
            connection,
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n"
        )
        .expect("a reader");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("text");
        answer
    }

    /// The response to a POST of JSON, with its head.
    pub(crate) fn post(&self, path: &str, body: &str) -> String {
        self.post_with(path, "", body)
    }

    /// The response to a POST of JSON with these lines of headers, with its head.
    pub(crate) fn post_with(&self, path: &str, headers: &str, body: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).expect("a listener");
        let length = body.len();
        write!(
            connection,
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        )
        .expect("a reader");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("text");
        answer
    }

    /// Follows the events of one type, and returns the first.
    fn wait_for(&self, event: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).expect("a listener");
        connection.set_read_timeout(Some(TIMEOUT)).expect("a time");
        write!(
            connection,
            "GET /v1/events/stream?type={event} HTTP/1.1\r\nhost: localhost\r\n\r\n"
        )
        .expect("a reader");
        let (started, mut lines) = (Instant::now(), BufReader::new(connection).lines());
        loop {
            let line = lines.next().expect("a stream has no end").expect("text, in time");
            if line.starts_with("data:") {
                return line;
            }
            // The stream also has heartbeats, so reading a line never times out.
            assert!(started.elapsed() < TIMEOUT, "no {event} arrived");
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().expect("kill");
        assert!(sent.success());
    }

    pub(crate) fn end(self) -> Output {
        self.signal("-TERM");
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(self) -> Output {
        self.process.wait_with_output().expect("an end")
    }
}

fn code(output: &Output) -> Option<i32> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.status.code()
}

#[test]
fn the_service_is_ready_and_a_signal_ends_it_with_0() {
    let sandbox = Sandbox::stocked();
    let service = Service::start(&sandbox, &[]);
    assert!(service.get("/health/ready").starts_with("HTTP/1.1 200 "));
    assert!(service.get("/v1/products/CL-9009").contains("\"available\":36"));
    assert_eq!(code(&service.end()), Some(0));
}

#[test]
fn ctrl_c_ends_it_too_and_idle_connections_do_not_delay_it() {
    let sandbox = Sandbox::empty();
    let service = Service::start(&sandbox, &["serve", "--store", "memory:"]);
    let idle = TcpStream::connect(&service.address).expect("a listener");
    service.signal("-INT");
    let output = service.process.wait_with_output().expect("an end");
    assert_eq!(code(&output), Some(0));
    drop(idle);
}

#[test]
fn an_import_sends_rows_to_a_running_service_and_counts_the_results() {
    let sandbox = Sandbox::without_grace();
    let service = Service::start(&sandbox, &["serve"]);
    let to = format!("http://{}", service.address);
    let imports = |kind: &str, file: &str| {
        sandbox
            .run(["import", kind, &format!("{TINY}/{file}"), "--to", &to])
            .succeeds()
    };

    imports("products", "products.csv").reports("named", 9);
    imports("batches", "batches.csv").reports("created", 20);
    imports("orders", "order_lines.csv")
        .reports("allocated", 48)
        .reports("backordered", 12)
        .reports("bad", 0);
    imports("orders", "order_lines.csv").reports("unchanged", 60);

    let file = sandbox.file("orders.csv", "order_id,sku,quantity\nO-1,NONE-SUCH,1\n");
    let run = sandbox
        .run(["import", "orders", &file, "--to", &to])
        .fails_with(1)
        .reports("bad", 1);
    assert!(
        run.err.contains(&format!("{file}: line 2: ")) && run.err.contains("NONE-SUCH"),
        "{}",
        run.err
    );

    let file = sandbox.file("stock.csv", "sku,name,safety_stock\nCL-9009,,7\nRUG,Rug,\n,Nameless,\n");
    sandbox
        .run(["import", "products", &file, "--to", &to])
        .fails_with(1)
        .reports("named", 2)
        .reports("bad", 1);
    assert!(service.get("/v1/products/CL-9009").contains("\"safety_stock\":7"));
    let file = sandbox.file(
        "urgent.csv",
        "order_id,sku,quantity,priority,required_by,locations\nO-2,CL-9009,900,5,2030-01-31,main\n",
    );
    sandbox
        .run(["import", "orders", &file, "--whole-orders", "--to", &to])
        .succeeds()
        .reports("backordered", 1);
    let order = service.get("/v1/orders/O-2");
    assert!(
        order.contains("\"priority\":5,\"required_by\":\"2030-01-31\""),
        "{order}"
    );

    // While the service runs, and after it has ended.
    sandbox.run(["verify"]).succeeds();
    assert_eq!(code(&service.end()), Some(0));
    sandbox.run(["verify"]).succeeds();
}

#[test]
fn a_hold_that_is_not_confirmed_expires_without_a_request() {
    let sandbox = Sandbox::stocked();
    let service = Service::start(&sandbox, &["serve"]);
    let order = r#"{"order_id":"O-1","lines":[{"sku":"CL-9009","quantity":6}],"hold_seconds":1}"#;
    let answer = service.post("/v1/orders", order);
    assert!(
        answer.starts_with("HTTP/1.1 201 ") && answer.contains("\"held\""),
        "{answer}"
    );

    let ended = service.wait_for("HoldExpired");
    assert!(ended.contains("\"order_id\":\"O-1\""), "{ended}");
    assert_eq!(code(&service.end()), Some(0));
    let orders = sandbox.run(["export", "orders"]).succeeds().out;
    assert!(
        orders.lines().any(|order| order.starts_with("O-1,expired,")),
        "{orders}"
    );
    sandbox.run(["verify"]).succeeds();
}

#[test]
fn a_hold_that_expired_while_no_service_ran_is_swept_by_the_next() {
    let sandbox = Sandbox::stocked();
    let service = Service::start(&sandbox, &["serve"]);
    let order = r#"{"order_id":"O-1","lines":[{"sku":"CL-9009","quantity":6}],"hold_seconds":2}"#;
    service.post("/v1/orders", order);
    assert_eq!(code(&service.end()), Some(0));

    let service = Service::start(&sandbox, &["serve"]);
    let ended = service.wait_for("HoldExpired");
    assert!(ended.contains("\"order_id\":\"O-1\""), "{ended}");
    assert_eq!(code(&service.end()), Some(0));
}

#[test]
fn an_address_of_another_service_ends_an_import_at_once() {
    let sandbox = Sandbox::empty();
    let service = Service::start(&sandbox, &["serve", "--store", "memory:"]);
    let to = format!("http://{}/elsewhere", service.address);
    let run = sandbox
        .run(["import", "batches", &format!("{TINY}/batches.csv"), "--to", &to])
        .fails_with(1);
    assert!(run.err.contains("answers 404"), "{}", run.err);
    service.end();
}

#[test]
fn an_address_in_use_is_reported_in_one_sentence() {
    let sandbox = Sandbox::empty();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let run = sandbox.run(["serve", "--listen", &address]).fails_with(1);
    assert_eq!(
        run.err,
        format!("earmark: can't listen on {address}: the address is in use; choose another with --listen\n")
    );
}

#[test]
fn an_unreachable_database_is_reported_in_one_sentence() {
    let sandbox = Sandbox::empty();
    let port = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address")
        .port();
    for store in [
        format!("postgres://shop:s3cret@127.0.0.1:{port}/shop"),
        "sqlite:no/such/folder/shop.db".to_owned(),
    ] {
        let run = sandbox
            .run(["serve", "--listen", "127.0.0.1:0", "--store", &store])
            .fails_with(1);
        let lines: Vec<&str> = run.err.lines().collect();
        assert!(lines.len() == 1 && lines[0].starts_with("earmark: "), "{}", run.err);
        assert!(!run.err.contains("s3cret"), "{}", run.err);
    }
}

#[test]
fn the_demo_has_inbound_stock_and_removes_its_database() {
    let sandbox = Sandbox::empty();
    let service = Service::start(&sandbox, &["demo"]);
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
    let left: Vec<_> = std::fs::read_dir(sandbox.folder()).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_demo_refuses_a_store_of_the_callers() {
    let sandbox = Sandbox::empty();
    let run = sandbox.run(["demo", "--store", "sqlite:shop.db"]).fails_with(2);
    assert!(run.err.contains("takes no store"), "{}", run.err);
}

#[test]
fn a_supervisor_is_told_that_the_service_drains_before_it_closes_its_port() {
    for signal in ["-TERM", "-HUP"] {
        let sandbox = Sandbox::empty();
        let mut service = Service::start(&sandbox, &["serve", "--store", "memory:"]);
        service.signal(signal);
        read_until(
            &mut BufReader::new(service.process.stderr.take().expect("a pipe")),
            "draining",
        );
        // On a new connection, as probes and clients that are not told yet do.
        assert!(service.get("/health/ready").starts_with("HTTP/1.1 503 "), "{signal}");
        assert!(service.get("/health/live").starts_with("HTTP/1.1 200 "), "{signal}");
        assert!(
            service.post("/v1/batches", BATCH).starts_with("HTTP/1.1 201 "),
            "{signal}"
        );
        assert_eq!(code(&service.process.wait_with_output().expect("an end")), Some(0));
    }
}

/// Connections that are held open after a first request.
fn idle(service: &Service, connections: usize) -> Vec<TcpStream> {
    let open = |_| {
        let mut connection = TcpStream::connect(&service.address).expect("a listener");
        write!(connection, "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("a reader");
        connection
    };
    (0..connections).map(open).collect()
}

#[test]
fn idle_connections_are_closed_when_others_want_in() {
    let sandbox = Sandbox::empty();
    // With 128 files of its own, the service takes 72 connections.
    let mut command = Command::new("sh");
    let script = format!("ulimit -n 200 && exec {EARMARK} serve --store memory: --listen 127.0.0.1:0");
    command.args(["-c", &script]).current_dir(sandbox.folder());
    let service = Service::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let idle = idle(&service, 200);
    let started = Instant::now();
    for _ in 0..5 {
        assert!(service.get("/health/live").starts_with("HTTP/1.1 200 "));
    }
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    drop(idle);
    service.end();
}

#[test]
fn the_soft_limit_on_open_files_is_raised_to_the_hard_one() {
    let sandbox = Sandbox::empty();
    let mut command = Command::new("sh");
    let script = format!("ulimit -S -n 64 && exec {EARMARK} serve --store memory: --listen 127.0.0.1:0");
    command.args(["-c", &script]).current_dir(sandbox.folder());
    let service = Service::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let idle = idle(&service, 200);
    let started = Instant::now();
    assert!(service.get("/health/live").starts_with("HTTP/1.1 200 "));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    drop(idle);
    service.end();
}

const BATCH: &str = r#"{"reference":"B-1","sku":"LAMP","quantity":1}"#;

/// Starts a request: the service has accepted it and waits for its body.
fn start_request(service: &Service) -> BufReader<TcpStream> {
    let mut connection = TcpStream::connect(&service.address).expect("a listener");
    let length = BATCH.len();
    write!(
        connection,
        "POST /v1/batches HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         expect: 100-continue\r\n\r\n"
    )
    .expect("a reader");
    let mut answer = BufReader::new(connection);
    read_until(&mut answer, "100 Continue");
    answer
}

/// Sends SIGTERM, and waits until the service drains.
fn start_drain(service: &mut Service) {
    service.signal("-TERM");
    read_until(
        &mut BufReader::new(service.process.stderr.take().expect("a pipe")),
        "draining",
    );
}

/// Reads lines until one contains this text.
fn read_until(from: &mut impl BufRead, text: &str) -> String {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert_ne!(from.read_line(&mut line).expect("text"), 0, "ended before {text:?}");
    }
    line
}

#[test]
fn a_request_in_flight_at_the_signal_is_finished_and_answered() {
    let sandbox = Sandbox::empty();
    let mut service = Service::start(&sandbox, &["serve"]);
    let mut request = start_request(&service);
    start_drain(&mut service);

    write!(request.get_mut(), "{BATCH}").expect("a reader");
    read_until(&mut request, "HTTP/1.1 201 ");
    let output = service.process.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(0));
    let batches = sandbox.run(["export", "batches"]).succeeds().out;
    assert!(batches.contains("B-1,LAMP,"), "{batches}");
}

#[test]
fn a_second_signal_ends_the_service_at_once() {
    let sandbox = Sandbox::empty();
    let mut service = Service::start(&sandbox, &["serve"]);
    // This request never ends, so the drain waits for it.
    let held = start_request(&service);
    start_drain(&mut service);
    service.signal("-TERM");
    let output = service.process.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(130));
    drop(held);
    sandbox.run(["verify"]).succeeds();
}
