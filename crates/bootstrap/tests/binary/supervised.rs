//! The service under a supervisor that listens at a socket, as systemd does.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;

use crate::sandbox::Sandbox;
use crate::service::{Service, TIMEOUT};

/// The next thing that the supervisor hears, but for signs of life.
fn heard(supervisor: &UnixDatagram) -> String {
    loop {
        let mut bytes = [0; 1_024];
        let length = supervisor.recv(&mut bytes).expect("a datagram, in time");
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        if text != "WATCHDOG=1" {
            return text;
        }
    }
}

#[test]
fn a_supervisor_hears_that_the_service_is_ready_alive_and_stops() {
    let sandbox = Sandbox::empty();
    let path = sandbox.folder().join("notify");
    let named = format!("earmark-supervised-{}", process::id());
    let address = SocketAddr::from_abstract_name(&named).expect("a name");
    for (supervisor, socket) in [
        (UnixDatagram::bind(&path), path.display().to_string()),
        (UnixDatagram::bind_addr(&address), format!("@{named}")),
    ] {
        let supervisor = supervisor.expect("a socket");
        supervisor.set_read_timeout(Some(TIMEOUT)).expect("a time");
        let mut command = sandbox.command(["serve", "--store", "memory:", "--listen", "127.0.0.1:0"]);
        command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "300000");
        let service = Service::spawn(&mut command);

        let ready = heard(&supervisor);
        assert_eq!(ready, format!("READY=1\nSTATUS=Listening on {}/", service.url()));
        assert!(service.get("/health/ready").starts_with("HTTP/1.1 200 "));
        let mut bytes = [0; 64];
        for _ in 0..3 {
            let length = supervisor.recv(&mut bytes).expect("a datagram, in time");
            assert_eq!(&bytes[..length], b"WATCHDOG=1");
        }
        service.signal("-TERM");
        assert_eq!(heard(&supervisor), "STOPPING=1\nSTATUS=Draining");
        assert!(service.wait().status.success());
    }
}

/// Until the address is known nothing is ready: systemd starts what depends on the service when it hears so.
#[test]
fn what_is_told_to_be_ready_answers_already() {
    let sandbox = Sandbox::empty();
    let path = sandbox.folder().join("notify");
    let supervisor = UnixDatagram::bind(&path).expect("a socket");
    supervisor.set_read_timeout(Some(TIMEOUT)).expect("a time");
    let mut command = sandbox.command(["serve", "--listen", "127.0.0.1:0"]);
    let mut service = command.env("NOTIFY_SOCKET", &path).spawn().expect("the binary");
    let ready = heard(&supervisor);
    let address = ready.strip_prefix("READY=1\nSTATUS=Listening on ").expect("an address");
    sandbox.run(["health", "--url", address]).succeeds();
    service.kill().expect("it runs");
    service.wait().expect("an end");
}

#[test]
fn a_supervisor_that_is_not_there_stops_no_service() {
    let sandbox = Sandbox::empty();
    for socket in ["/nowhere/notify", "relative", "@"] {
        let mut command = sandbox.command(["serve", "--store", "memory:", "--listen", "127.0.0.1:0"]);
        let service = Service::spawn(command.env("NOTIFY_SOCKET", socket));
        let output = service.end();
        assert!(output.status.success());
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(log.contains("the supervisor "), "{socket}: {log}");
    }
}
