//! The commands that speak to a running service: what people see, what programs get, and what is asked before it is done.

mod answers;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

use crate::sandbox::{Run, Sandbox};
use crate::service::{Service, TIMEOUT};

/// A shop whose one batch is promised to two orders, with another on its way.
struct Shop {
    sandbox: Sandbox,
    service: Service,
}

impl Shop {
    fn open() -> Self {
        let sandbox = Sandbox::without_grace();
        let service = Service::start(&sandbox, &["serve", "--store", "memory:"]);
        let shop = Self { sandbox, service };
        shop.has(
            "/v1/batches",
            &json!({"reference": "B-1", "sku": "LAMP", "quantity": 10}),
        );
        let later = json!({"reference": "B-2", "sku": "LAMP", "quantity": 3, "eta": "2036-03-31"});
        shop.has("/v1/batches", &later);
        for (order, quantity) in [("early", 4), ("late", 3), ("last", 3)] {
            let order = json!({"order_id": order, "lines": [{"line_id": "1", "sku": "LAMP", "quantity": quantity}]});
            shop.has("/v1/orders", &order);
        }
        shop
    }

    fn has(&self, path: &str, body: &Value) {
        let answer = self.service.post(path, &body.to_string());
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    }

    /// The body of the answer to a GET.
    fn get(&self, path: &str) -> String {
        let answer = self.service.get(path);
        answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path)).expect("JSON")
    }

    /// The arguments, with the address of the service before them.
    fn arguments<'a>(to: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
        [&["--to", to], arguments].concat()
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.sandbox.run(Self::arguments(&self.service.url(), arguments))
    }

    /// Runs a command at a terminal.
    fn at_terminal(&self, arguments: &[&str]) -> Terminal {
        Terminal::start(&self.sandbox, &Self::arguments(&self.service.url(), arguments))
    }
}

/// A command at a terminal, 80 columns wide.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        // No program that another case starts meanwhile may hold an end of it: it would never be closed.
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&controller).expect("a terminal");
        unlockpt(&controller).expect("a terminal");
        let name = ptsname(&controller, Vec::new()).expect("a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let end = || -> OwnedFd { open(&*name, flags, Mode::empty()).expect("its other end") };
        let mut size = rustix::termios::tcgetwinsize(&controller).expect("a size");
        size.ws_col = 80;
        rustix::termios::tcsetwinsize(&controller, size).expect("a size");
        let mut command = sandbox.command(arguments);
        command.stdin(Stdio::from(end())).stdout(Stdio::from(end()));
        let child = command.stderr(Stdio::from(end())).spawn().expect("the binary");
        // Its ends of the terminal are closed with it.
        drop(command);
        let keyboard = File::from(controller);
        let mut reader = keyboard.try_clone().expect("a terminal");
        let screen = Arc::new(Mutex::new(Vec::new()));
        let shown = Arc::clone(&screen);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4_096];
            // When nobody holds the other end, reading fails.
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                shown.lock().expect("a screen").extend_from_slice(&chunk[..length]);
            }
        });
        Self {
            child,
            keyboard,
            screen,
            reader,
        }
    }

    /// What it has printed.
    fn text(&self) -> String {
        let screen = self.screen.lock().expect("a screen");
        String::from_utf8_lossy(&screen).replace("\r\n", "\n")
    }

    /// Waits until it asks.
    fn asks(self) -> Self {
        let started = Instant::now();
        while !self.text().contains("Do it? [y/N] ") {
            assert!(started.elapsed() < TIMEOUT, "{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
        self
    }

    /// What it prints, and its exit code, when somebody types this.
    fn answered(mut self, typed: &str) -> (String, Option<i32>) {
        self.keyboard.write_all(typed.as_bytes()).expect("a terminal");
        let code = self.child.wait().expect("an end").code();
        while !self.reader.is_finished() {
            thread::sleep(Duration::from_millis(5));
        }
        (self.text(), code)
    }
}

#[test]
fn orders_products_and_batches_are_tables_for_people() {
    let shop = Shop::open();
    let order = shop.run(&["order", "show", "early"]).succeeds().out;
    let mut lines = order.lines();
    assert_eq!(lines.next(), Some("Order early: firm"));
    assert!(
        order.contains("LINE  SKU   UNITS  STATUS     WHERE     PROMISED"),
        "{order}"
    );
    assert!(order.contains("1     LAMP      4  allocated  4 in B-1  20"), "{order}");
    let product = shop.run(&["product", "show", "LAMP"]).succeeds().out;
    assert!(
        product.starts_with(
            "Product LAMP\n10 on hand, 3 inbound, 10 allocated, 0 dispatched\n3 can be promised, 0 waited for"
        ),
        "{product}"
    );
    assert!(
        product.contains("\nB-2    main          3          0     0     3  inbound 2036-03-31\n"),
        "{product}"
    );
    let batch = shop.run(&["batch", "show", "B-1"]).succeeds().out;
    assert_eq!(batch.lines().count(), 2, "{batch}");
    let list = shop.run(&["product", "list", "amp"]).succeeds().out;
    assert!(
        list.contains("LAMP             10        3         10     3        0"),
        "{list}"
    );
    let days = shop.run(&["product", "availability", "LAMP"]).succeeds().out;
    assert!(days.contains("2036-03-31          3"), "{days}");
    let none = shop.run(&["product", "backlog", "LAMP"]).succeeds();
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", "there are none\n"));
}

#[test]
fn programs_get_the_answer_of_the_service() {
    let shop = Shop::open();
    for (arguments, path) in [
        (&["order", "show", "early"][..], "/v1/orders/early"),
        (&["product", "show", "LAMP"], "/v1/products/LAMP"),
        (&["batch", "show", "B-1"], "/v1/batches/B-1"),
        (&["batch", "list", "--status", "inbound"], "/v1/batches?status=inbound"),
        (&["order", "list", "--limit", "2"], "/v1/orders?limit=2"),
    ] {
        let run = shop.run(&[arguments, &["--json"]].concat()).succeeds();
        assert_eq!(run.out, format!("{}\n", shop.get(path)));
        assert_eq!(run.err, "");
    }
}

#[test]
fn a_list_says_how_it_goes_on() {
    let shop = Shop::open();
    shop.has(
        "/v1/orders",
        &json!({"order_id": "it's 1", "lines": [{"sku": "LAMP", "quantity": 1}]}),
    );
    let page = shop.run(&["order", "list", "--limit", "2"]).succeeds();
    assert_eq!(page.out.lines().count(), 3, "{}", page.out);
    assert_eq!(page.err, "\nThere are more: --after 'it'\\''s 1'\n");
    let rest = shop.run(&["order", "list", "--after", "it's 1"]).succeeds();
    assert!(rest.out.contains("last") && rest.out.contains("late"), "{}", rest.out);
    assert_eq!(rest.err, "");
}

#[test]
fn what_a_change_would_do_is_shown_and_not_done() {
    let shop = Shop::open();
    let before = shop.get("/v1/batches/B-1");
    let run = shop
        .run(&["batch", "change", "B-1", "--units", "4", "--preview"])
        .succeeds();
    assert!(
        run.out
            .starts_with("Batch B-1 of LAMP: 10 → 4 units, here, in warehouse\n"),
        "{}",
        run.out
    );
    for told in [
        "To other stock:",
        "Left without stock, to wait:",
        "3 in B-1",
        "3 in B-2",
        "→ 2036-03-31",
    ] {
        assert!(run.out.contains(told), "not {told}:\n{}", run.out);
    }
    assert_eq!(shop.get("/v1/batches/B-1"), before);
    // For programs it is the service's own preview.
    let run = shop
        .run(&["batch", "change", "B-1", "--units", "4", "--preview", "--json"])
        .succeeds();
    let preview: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(preview["effects"]["reallocated"].as_array().map(Vec::len), Some(1));
    assert_eq!(shop.get("/v1/batches/B-1"), before);
    let run = shop.run(&["order", "cancel", "early", "--preview"]).succeeds();
    assert!(run.out.starts_with("Order early: firm → cancelled\n"), "{}", run.out);
    assert!(
        run.out.contains("allocated → cancelled") && run.out.contains("4 in B-1 → –"),
        "{}",
        run.out
    );
    let run = shop
        .run(&["batch", "change", "B-1", "--units", "10", "--preview"])
        .succeeds();
    assert_eq!(run.out, "nothing would change\n");
}

#[test]
fn without_a_terminal_nothing_is_taken_away_unless_it_is_agreed_to_beforehand() {
    let shop = Shop::open();
    shop.has(
        "/v1/batches",
        &json!({"reference": "B-3", "sku": "SHADE", "quantity": 5, "eta": "2036-05-01"}),
    );
    let events = |shop: &Shop| {
        shop.json("/v1/events?limit=500")["items"]
            .as_array()
            .expect("events")
            .len()
    };
    let before = events(&shop);
    let changes = [
        &["batch", "change", "B-2", "--eta", "2036-04-01"][..],
        &["batch", "cancel", "B-2"],
        &["batch", "receive", "B-3", "--units", "4"],
        &["order", "change", "last", "--priority", "5"],
        &["order", "change", "last", "--line", "1", "--units", "2"],
        &["order", "dispatch", "early", "--line", "1", "--units", "1"],
        &["order", "dispatch", "early", "--line", "1", "--undo"],
        &["batch", "receive", "B-3", "--undo"],
        &["order", "cancel", "late", "--line", "1"],
        &["order", "cancel", "last"],
    ];
    for change in changes.iter().filter(|change| !change.contains(&"--undo")) {
        let run = shop.run(change).fails_with(2);
        assert!(run.err.contains("This would be done:\n"), "{change:?}: {}", run.err);
        assert!(
            run.err.ends_with("--yes does it without asking\n"),
            "{change:?}: {}",
            run.err
        );
        assert_eq!((run.out.as_str(), events(&shop)), ("", before), "{change:?}");
    }
    for change in changes {
        let before = events(&shop);
        let run = shop.run(&[change, &["--yes"]].concat()).succeeds();
        assert!(!run.out.is_empty() && run.err.is_empty(), "{change:?}: {}", run.err);
        assert!(events(&shop) > before, "{change:?} has done nothing");
    }
    assert_eq!(shop.json("/v1/orders/last")["status"], "cancelled");
}

#[test]
fn what_takes_nothing_away_is_done_at_once() {
    let shop = Shop::open();
    let held = json!({"order_id": "held", "hold_seconds": 900, "lines": [{"sku": "LAMP", "quantity": 3}]});
    shop.has("/v1/orders", &held);
    let run = shop.run(&["order", "confirm", "held"]).succeeds();
    assert!(run.out.starts_with("Order held: firm\n"), "{}", run.out);
    // The count is as expected.
    let run = shop.run(&["batch", "receive", "B-2", "--units", "3"]).succeeds();
    assert!(run.out.contains("in warehouse"), "{}", run.out);
    // Nothing is left to do.
    let run = shop.run(&["batch", "change", "B-2", "--units", "3"]).succeeds();
    assert!(run.out.contains("B-2"), "{}", run.out);
    let run = shop.run(&["order", "dispatch", "held", "--yes", "--json"]).succeeds();
    let order: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(order["status"], "dispatched");
}

#[test]
fn at_a_terminal_somebody_is_asked_and_no_answer_is_no() {
    let shop = Shop::open();
    let before = shop.get("/v1/orders/late");
    for no in ["n\n", "\n", "\u{4}"] {
        let (screen, code) = shop.at_terminal(&["order", "cancel", "late"]).asks().answered(no);
        assert!(screen.contains("Order late: firm → cancelled\n"), "{screen}");
        assert!(screen.contains("Do it? [y/N] "), "{screen}");
        assert!(screen.ends_with("earmark: nothing was done\n"), "{screen}");
        assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
        assert_eq!((code, shop.get("/v1/orders/late")), (Some(1), before.clone()));
    }
    let (screen, code) = shop.at_terminal(&["order", "cancel", "late"]).asks().answered("y\n");
    assert!(screen.contains("Order late: cancelled\n"), "{screen}");
    assert_eq!(code, Some(0));
    assert_eq!(shop.json("/v1/orders/late")["status"], "cancelled");
}

#[test]
fn what_has_changed_while_somebody_was_asked_is_told_and_not_done() {
    let shop = Shop::open();
    let terminal = shop.at_terminal(&["batch", "change", "B-1", "--units", "7"]).asks();
    shop.has(
        "/v1/orders",
        &json!({"order_id": "between", "lines": [{"sku": "LAMP", "quantity": 1}]}),
    );
    let (screen, code) = terminal.answered("yes\n");
    assert!(screen.contains("10 → 7 units"), "{screen}");
    assert!(
        screen.contains("it has changed since it was shown, so nothing was done"),
        "{screen}"
    );
    assert_eq!((code, &shop.json("/v1/batches/B-1")["quantity"]), (Some(1), &json!(10)));
}

#[test]
fn a_name_of_any_characters_is_one_name() {
    let shop = Shop::open();
    for name in [
        "a/b",
        "..",
        ".",
        "what?",
        "#1",
        "50%",
        "100%25",
        "a b",
        "\"q\"",
        "Äpfel 灯",
        "-x",
        "a+b&c=d",
    ] {
        shop.has("/v1/batches", &json!({"reference": name, "sku": name, "quantity": 5}));
        let order = json!({"order_id": name, "lines": [{"line_id": name, "sku": name, "quantity": 2}]});
        shop.has("/v1/orders", &order);
        let run = shop.run(&["batch", "list", "--json", "--sku", name]);
        // A shell's user writes `--sku=-x`.
        let run = if name == "-x" {
            shop.run(&["batch", "list", "--json", "--sku=-x"])
        } else {
            run
        };
        let list: Value = serde_json::from_str(&run.succeeds().out).expect("JSON");
        assert_eq!(list["items"][0]["reference"], name);
        let show = |kind: &str| {
            let out = shop.run(&[kind, "show", "--json", "--", name]).succeeds().out;
            serde_json::from_str::<Value>(&out).expect("JSON")
        };
        assert_eq!(show("batch")["reference"], name);
        assert_eq!(show("product")["sku"], name);
        assert_eq!(show("order")["order_id"], name);
        let line = format!("--line={name}");
        shop.run(&["order", "cancel", &line, "--yes", "--", name]).succeeds();
        assert_eq!(show("order")["status"], "cancelled");
    }
}
