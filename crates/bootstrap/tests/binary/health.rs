//! `earmark health`: what a running service, a broken one and a stranger at its port answer.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use crate::sandbox::{Run, Sandbox};
use crate::service::Service;

/// Asks a server that answers so, once.
fn asked(answer: &'static str) -> Run {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("a client");
        let mut head = [0; 1_024];
        let length = connection.read(&mut head).expect("a request");
        connection.write_all(answer.as_bytes()).expect("a reader");
        String::from_utf8_lossy(&head[..length]).into_owned()
    });
    let run = Sandbox::empty().run(["health", "--url", &url]);
    let head = server.join().expect("a request");
    assert!(head.starts_with("GET /health/ready HTTP/1.1"), "{head}");
    run
}

#[test]
fn a_service_that_is_ready_is_found_by_its_settings_and_by_its_address() {
    let sandbox = Sandbox::empty();
    let service = Service::start(&sandbox, &["serve", "--store", "memory:"]);
    let address = service.url();
    let listen = address.strip_prefix("http://").expect("an address");
    for arguments in [["health", "--listen", listen], ["health", "--url", &address]] {
        let run = sandbox.run(arguments).succeeds();
        assert_eq!(run.out, format!("{address} is ready\n"));
    }
    // It listens everywhere: so also here.
    let (_, port) = listen.rsplit_once(':').expect("a port");
    sandbox
        .run(["health", "--listen", &format!("0.0.0.0:{port}")])
        .succeeds();
    service.end();
    let run = sandbox.run(["health", "--url", &address]).fails_with(1);
    assert!(run.err.contains("is not ready: "), "{}", run.err);
}

#[test]
fn a_service_that_is_not_ready_says_why() {
    let run = asked(
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n{\"detail\":\"the store takes no writes\"}",
    );
    let run = run.fails_with(1);
    assert!(run.err.starts_with("earmark: http://127.0.0.1:"), "{}", run.err);
    assert!(
        run.err.ends_with(" is not ready: the store takes no writes (503)\n"),
        "{}",
        run.err
    );
    let run = asked("HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n<html>").fails_with(1);
    assert!(run.err.ends_with("it answers 502 Bad Gateway\n"), "{}", run.err);
}

#[test]
fn a_stranger_at_the_port_is_no_service() {
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nIt works!",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"status\":\"live\"}",
        "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\nconnection: close\r\n\r\n{\"status\":\"ready\"}",
        "SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let run = asked(answer).fails_with(1);
        assert!(run.err.contains(" is not ready: "), "{}", run.err);
    }
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(64 * 1024));
    let run = asked(endless.leak()).fails_with(1);
    assert!(run.err.contains("what answers is not Earmark"), "{}", run.err);
}

#[test]
fn a_service_that_does_not_answer_is_waited_for_two_seconds() {
    // The system accepts connections for it; nobody reads them.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let began = Instant::now();
    let run = Sandbox::empty().run(["health", "--url", &url]).fails_with(1);
    assert!(
        run.err.ends_with("there is no answer within 2 seconds\n"),
        "{}",
        run.err
    );
    let took = began.elapsed();
    assert!(
        (Duration::from_secs(2)..Duration::from_secs(30)).contains(&took),
        "{took:?}"
    );
}

#[test]
fn an_address_that_is_none_and_a_port_that_nobody_knows_are_refused() {
    let sandbox = Sandbox::empty();
    for arguments in [
        ["health", "--url", "localhost:8080"],
        ["health", "--url", "ftp://localhost"],
        ["health", "--listen", "127.0.0.1:0"],
    ] {
        let run = sandbox.run(arguments).fails_with(2);
        assert!(run.err.contains("--url"), "{}", run.err);
    }
}

#[test]
fn an_encrypted_service_is_asked_by_the_name_in_its_certificate() {
    let sandbox = Sandbox::empty();
    let settings = "[http]\ntls_certificate = \"service.pem\"\ntls_key = \"service.key\"\n";
    let file = sandbox.file("encrypted.toml", settings);
    let run = sandbox.run(["--config", &file, "health"]).fails_with(2);
    assert!(run.err.contains("--url"), "{}", run.err);
}
