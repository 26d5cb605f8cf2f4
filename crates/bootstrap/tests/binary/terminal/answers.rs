//! What the commands make of the answers of a service: of one that refuses, is busy or broken, or is no service at all, and of
//! one that wants a key.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::json;

use super::Shop;
use crate::sandbox::{Run, Sandbox};
use crate::service::Service;

/// Asks a server that answers so, once, and returns the head and the body of the request.
fn asked(arguments: &[&str], answer: Vec<u8>) -> (Run, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("a client");
        let mut head = [0; 4_096];
        let length = connection.read(&mut head).expect("a request");
        connection.write_all(&answer).expect("a reader");
        String::from_utf8_lossy(&head[..length]).into_owned()
    });
    let run = Sandbox::empty().run(Shop::arguments(&url, arguments));
    (run, server.join().expect("a request"))
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n{body}").into_bytes()
}

#[test]
fn whoever_answers_sends_no_commands_to_the_terminal() {
    let evil = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}";
    let batch = json!({"reference": evil, "sku": evil, "location": evil, "quantity": 1, "allocated": 0, "dispatched": 0,
        "available": 1, "eta": evil, "status": evil});
    let page = json!({"items": [batch], "next": evil}).to_string();
    let order = json!({"order_id": evil, "status": evil, "hold_expires_at": evil, "priority": 0, "required_by": evil,
        "lines": [], "left_behind": [{"line_id": evil, "quantity": 1, "why": evil, "batch": evil}]});
    let problem = json!({"code": evil, "detail": evil, "errors": [{"field": evil, "message": evil},
        {"field": evil, "message": evil}]});
    for (arguments, status, body) in [
        (&["batch", "show", "B"][..], "200 OK", &batch.to_string()),
        (&["batch", "show", "B", "--json"], "200 OK", &batch.to_string()),
        (&["batch", "list"], "200 OK", &page),
        (&["batch", "list", "--json"], "200 OK", &page),
        (&["order", "show", "O"], "200 OK", &order.to_string()),
        (&["order", "confirm", "O"], "409 Conflict", &problem.to_string()),
    ] {
        let (run, _) = asked(arguments, answer(status, "", body));
        let printed = format!("{}{}", run.out, run.err);
        assert!(printed.contains("owned"), "{arguments:?}: {printed}");
        let hidden = |char: &char| (char.is_control() && *char != '\n') || *char == '\u{202e}';
        assert_eq!(printed.chars().find(hidden), None, "{arguments:?}: {printed:?}");
    }
}

#[test]
fn what_the_service_refuses_is_a_sentence_with_its_code() {
    let shop = Shop::open();
    let run = shop.run(&["order", "show", "none"]).fails_with(1);
    assert_eq!(run.err, "earmark: there is no order none (unknown_order)\n");
    shop.run(&["order", "dispatch", "early", "--yes"]).succeeds();
    let run = shop.run(&["order", "cancel", "early"]).fails_with(1);
    assert!(run.err.ends_with("(already_dispatched)\n"), "{}", run.err);
    let run = shop.run(&["order", "list", "--after", "\u{1}"]).fails_with(1);
    assert!(run.err.ends_with("(invalid_request)\n"), "{}", run.err);
    for wrong in [
        &["order", "show"][..],
        &["order", "show", ""],
        &["order", "show", "a\nb"],
        &["order", "list", "--limit", "0"],
        &["order", "change", "early"],
        &["order", "change", "early", "--line", "1"],
        &["order", "dispatch", "early", "--units", "1"],
        &[
            "order", "dispatch", "early", "--line", "1", "--line", "2", "--units", "1", "--yes",
        ],
        &["batch", "receive", "B-1", "--rest", "close"],
        &["batch", "receive", "B-1", "--units", "1", "--rest", "soon"],
        &["batch", "change", "B-1", "--yes", "--preview", "--units", "1"],
        &["verify"],
    ] {
        let run = shop.run(wrong).fails_with(2);
        assert!(!run.err.is_empty(), "{wrong:?}");
    }
}

#[test]
fn a_busy_service_a_broken_one_and_none_are_told_apart() {
    let busy = json!({"code": "busy", "detail": "too many commands wait"}).to_string();
    let (run, _) = asked(
        &["order", "show", "O"],
        answer("503 Service Unavailable", "retry-after: 1\r\n", &busy),
    );
    assert_eq!(
        run.fails_with(1).err,
        "earmark: too many commands wait (busy); try again in 1 second\n"
    );
    for stranger in [
        answer("502 Bad Gateway", "", "<html>"),
        answer("302 Found", "location: /elsewhere\r\n", ""),
        answer("200 OK", "", "It works!"),
        answer("200 OK", "", "{\"status\":\"ready\"}"),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
    ] {
        let (run, _) = asked(&["order", "show", "O"], stranger);
        let run = run.fails_with(1);
        assert!(
            run.err.contains("not Earmark")
                || run.err.contains("does not come from Earmark")
                || run.err.contains("has not answered"),
            "{}",
            run.err
        );
        assert_eq!(run.out, "");
    }
    let (run, request) = asked(&["order", "confirm", "O"], Vec::new());
    assert!(
        request.starts_with("POST /v1/orders/O/confirmation HTTP/1.1\r\n"),
        "{request}"
    );
    let run = run.fails_with(1);
    assert!(run.err.contains("whether it was done is not known"), "{}", run.err);
    let free = TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("an address");
    let run = Sandbox::empty()
        .run(["--to", &format!("http://{free}"), "order", "show", "O"])
        .fails_with(1);
    assert!(run.err.contains("can't be reached: "), "{}", run.err);
}

#[test]
fn a_change_that_a_proxy_takes_for_no_preview_is_told() {
    let order = json!({"order_id": "O", "status": "firm", "hold_expires_at": null, "priority": 0, "required_by": null,
        "lines": []});
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        for connection in listener.incoming().take(2) {
            let mut connection = connection.expect("a client");
            let read = connection.read(&mut [0; 4_096]).expect("a request");
            assert!(read > 0);
            connection
                .write_all(&answer("200 OK", "etag: \"1\"\r\n", &order.to_string()))
                .expect("a reader");
        }
    });
    let run = Sandbox::empty()
        .run(["--to", &url, "order", "cancel", "O"])
        .fails_with(1);
    assert!(run.err.contains("look at what it has done"), "{}", run.err);
    server.join().expect("two requests");
}

#[test]
fn the_key_is_in_the_environment_and_shown_to_nobody_else() {
    let sandbox = Sandbox::empty();
    let made = |name: &str, role: &str| {
        let made = sandbox
            .run(["keys", "create", "--name", name, "--role", role])
            .succeeds();
        made.out.trim().to_owned()
    };
    let (sales, viewer) = (made("shop", "sales"), made("looks", "viewer"));
    let service = Service::start(&sandbox, &["serve"]);
    let run = |key: Option<&str>, to: &str, arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.env("EARMARK_TO", to).envs(key.map(|key| ("EARMARK_KEY", key)));
        Run::of(&mut command)
    };
    let url = service.url();
    let refused = run(None, &url, &["order", "list"]).fails_with(1);
    assert!(
        refused.err.contains("(unauthorized)") && refused.err.contains("EARMARK_KEY"),
        "{}",
        refused.err
    );
    let refused = run(Some("earmark_1"), &url, &["order", "list"]).fails_with(2);
    assert!(
        refused.err.contains("EARMARK_KEY is not an access key"),
        "{}",
        refused.err
    );
    let other = format!(
        "earmark_{}",
        &sales["earmark_".len()..].chars().rev().collect::<String>()
    );
    drop(run(Some(&other), &url, &["order", "list"]).fails_with(2));
    let refused = run(Some(&viewer), &url, &["order", "cancel", "O", "--yes"]).fails_with(1);
    assert!(refused.err.contains("(forbidden)"), "{}", refused.err);
    let allowed = run(Some(&sales), &url, &["order", "list"]).succeeds();
    assert_eq!(allowed.err, "there are none\n");
    // Somebody else says back what was sent.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let stranger = format!("http://{}", listener.local_addr().expect("an address"));
    let echo = thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("a client");
        let mut head = [0; 4_096];
        let length = connection.read(&mut head).expect("a request");
        let said = json!({"code": "echo", "detail": String::from_utf8_lossy(&head[..length])}).to_string();
        connection
            .write_all(&answer("400 Bad Request", "", &said))
            .expect("a reader");
    });
    let run = run(Some(&sales), &stranger, &["order", "list"]).fails_with(1);
    echo.join().expect("a request");
    assert!(
        run.err.contains("Bearer ***") && !run.err.contains(&sales),
        "{}",
        run.err
    );
}

#[test]
fn without_an_address_it_is_the_service_of_this_machine() {
    let shop = Shop::open();
    let url = shop.service.url();
    let listen = url.strip_prefix("http://").expect("an address");
    shop.sandbox
        .run(["--listen", listen, "order", "show", "early"])
        .succeeds();
    // What stands behind the command outranks what stands before it, and that the variable.
    let nowhere = "http://127.0.0.1:1";
    shop.sandbox
        .run(["--to", nowhere, "order", "--to", &url, "show", "early"])
        .succeeds();
    shop.sandbox
        .run(["--to", nowhere, "order", "show", "--to", &url, "early"])
        .succeeds();
    let mut command = shop.sandbox.command(["--to", &url, "order", "show", "early"]);
    Run::of(command.env("EARMARK_TO", nowhere)).succeeds();
    let run = shop
        .sandbox
        .run(["--to", "ftp://me:s3cret@x", "order", "list"])
        .fails_with(2);
    assert!(
        run.err.contains("only http and https") && !run.err.contains("s3cret"),
        "{}",
        run.err
    );
    let run = shop
        .sandbox
        .run(["--listen", "127.0.0.1:0", "order", "list"])
        .fails_with(2);
    assert!(run.err.contains("--to"), "{}", run.err);
}
