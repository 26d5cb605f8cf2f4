//! Encrypted connections: to servers that have a certificate of whom the machine trusts.
//!
//! Who that is stands in the environment (`SSL_CERT_FILE`), so each case has a process of its own: this program once
//! more, for [`the_process_of_a_case`] alone.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use earmark_application::{CommandSource, PublishError, Publisher};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use super::commands::{nats_source, redis_source};
use super::log::Log;
use super::relay::deliver;
use super::servers::{NatsServer, RedisServer};
use super::support::{Broker, in_time, nats_publisher, redis_publisher};

/// The ports of both servers, and whether they are trusted.
const CASE: &str = "EARMARK_TEST_ENCRYPTED";

/// A certificate that can't be read.
const BROKEN: &str = "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n";

/// One that is read, and can't be used.
const UNFIT: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

/// Both servers, with a certificate for `localhost`.
struct Servers {
    nats: NatsServer,
    redis: RedisServer,
    redis_port: u16,
    certificate: String,
    _files: TempDir,
}

impl Servers {
    fn start() -> Self {
        let names = vec!["localhost".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).expect("a certificate");
        let files = tempfile::tempdir().expect("a folder");
        let path = |name: &str| files.path().join(name);
        std::fs::write(path("cert.pem"), cert.pem()).expect("it is written");
        std::fs::write(path("key.pem"), signing_key.serialize_pem()).expect("it is written");
        let (certificate, key) = (path("cert.pem"), path("key.pem"));
        let (certificate, key) = (certificate.display(), key.display());
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let redis_port = free.local_addr().expect("an address").port();
        drop(free);
        Self {
            nats: NatsServer::start(&format!("tls {{ cert_file: \"{certificate}\", key_file: \"{key}\" }}")),
            redis: RedisServer::start(&format!(
                "tls-port {redis_port}\ntls-cert-file {certificate}\ntls-key-file {key}\n\
                 tls-ca-cert-file {certificate}\ntls-auth-clients no"
            )),
            redis_port,
            certificate: cert.pem(),
            _files: files,
        }
    }

    /// Has a process that trusts whom a file names use both servers.
    fn are_used_by_who_trusts(&self, authorities: &Path, is_trusted: bool) {
        let (nats, redis) = (self.nats.port(), self.redis_port);
        let process = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "encryption::the_process_of_a_case", "--nocapture"])
            .env("SSL_CERT_FILE", authorities)
            .env_remove("SSL_CERT_DIR")
            .env(CASE, format!("{nats} {redis} {is_trusted}"))
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&process.stderr);
        assert!(process.status.success(), "{}: {said}", authorities.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_trusted_by_whom_the_machine_trusts_also_beside_bad_certificates() {
    in_time(async {
        let servers = Servers::start();
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, certificates: &[&str]| {
            let path = folder.path().join(name);
            std::fs::write(&path, certificates.concat()).expect("it is written");
            path
        };
        let ours = servers.certificate.as_str();
        let trusting = [
            file("good.pem", &[ours]),
            file("broken.pem", &[ours, BROKEN]),
            file("unfit.pem", &[UNFIT, ours]),
        ];
        let other = generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let other = other.cert.pem();
        let suspicious = [
            file("other.pem", &[&other]),
            file("other-broken.pem", &[&other, BROKEN]),
        ];
        tokio::task::block_in_place(|| {
            for authorities in &trusting {
                servers.are_used_by_who_trusts(authorities, true);
            }
            for authorities in &suspicious {
                servers.are_used_by_who_trusts(authorities, false);
            }
        });
        assert_eq!(servers.redis.stored().await, Log::of(3).stored());
    })
    .await;
}

/// Does nothing but in the process of a case.
#[tokio::test]
async fn the_process_of_a_case() {
    let Ok(case) = std::env::var(CASE) else { return };
    let [nats, redis, is_trusted] = case.split(' ').collect::<Vec<_>>()[..] else {
        unreachable!("{case}");
    };
    let log = Log::of(3);
    let publishers: [&dyn Publisher; 2] = [
        &nats_publisher(&format!("tls://localhost:{nats}/EVENTS")),
        &redis_publisher(&format!("rediss://localhost:{redis}")),
    ];
    let sources: [&dyn CommandSource; 2] = [
        &nats_source(&format!("tls://localhost:{nats}/COMMANDS")),
        &redis_source(&format!("rediss://localhost:{redis}"), "one"),
    ];
    for publisher in publishers {
        if is_trusted == "true" {
            deliver(publisher, &log, 3).await;
        } else {
            let refused = publisher.last_published(&log.books).await;
            assert!(matches!(refused, Err(PublishError::Unavailable { .. })), "{refused:?}");
        }
    }
    for source in sources {
        let received = source.receive(1, Duration::from_millis(10)).await;
        assert_eq!(received.is_ok(), is_trusted == "true", "{received:?}");
    }
}
