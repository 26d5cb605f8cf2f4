//! What only a PostgreSQL server of one's own can show: encryption, a commit that the standby never gets; a standby that
//! becomes the primary (`failover`), a pooler before the server (`pooler`), and reading where nothing can be written
//! (`reading`).

mod failover;
mod pooler;
mod reading;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use earmark_adapters::clock::SystemClock;
use earmark_adapters::postgres::{OpenError, PostgresStore};
use earmark_application::Health;
use earmark_tests::databases::{Database, OwnPostgres};
use earmark_tests::service::Desk;
use serde_json::json;
use tempfile::TempDir;

async fn open(url: &str) -> Result<PostgresStore, OpenError> {
    PostgresStore::open(url, 2, true, Arc::new(SystemClock::new())).await
}

async fn refusal(url: &str) -> String {
    open(url).await.expect_err("it is refused").to_string()
}

/// Runs `openssl` in a folder.
fn openssl(folder: &Path, arguments: &str) {
    let status = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "openssl {arguments}");
}

/// An authority, and a certificate of its for a name.
struct Certificates(TempDir);

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        openssl(
            folder.path(),
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority \
             -keyout ca.key -out ca.pem",
        );
        Self(folder)
    }

    /// Signs a certificate: `NAME.pem`, with `NAME.key`.
    fn sign(&self, name: &str, subject: &str, host: &str) {
        let extensions = format!("basicConstraints=CA:FALSE\nsubjectAltName={host}\n");
        std::fs::write(self.0.path().join("extensions"), extensions).expect("it is written");
        openssl(
            self.0.path(),
            &format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={subject} \
                 -keyout {name}.key -out {name}.csr"
            ),
        );
        openssl(
            self.0.path(),
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions \
                 -out {name}.pem"
            ),
        );
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).expect("it is there")
    }

    fn path(&self, file: &str) -> String {
        self.0.path().join(file).to_string_lossy().into_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_demands_encryption_gets_it_and_its_certificate_is_checked_as_the_url_says() {
    let ours = Certificates::new();
    ours.sign("server", "127.0.0.1", "IP:127.0.0.1");
    ours.sign("client", "postgres", "DNS:till");
    let foreign = Certificates::new();
    let server = OwnPostgres::create().await;
    for (name, file) in [
        ("server.crt", "server.pem"),
        ("server.key", "server.key"),
        ("ca.crt", "ca.pem"),
    ] {
        server.write(name, &ours.read(file));
    }
    server.configure("ssl = on\nssl_ca_file = 'ca.crt'");
    server.write("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n");
    server.launch().await;
    let url = server.url();
    let with = |options: &str| format!("{url}?{options}");
    let (ca, other_ca) = (ours.path("ca.pem"), foreign.path("ca.pem"));

    // Never silently plain: the server takes no plain connection, and says so.
    let plain = refusal(&with("sslmode=disable")).await;
    assert!(
        plain.contains(&format!("127.0.0.1:{}", server.port())) && plain.contains("no encryption"),
        "{plain}"
    );
    for mode in ["prefer", "require"] {
        open(&with(&format!("sslmode={mode}"))).await.expect(mode);
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        open(&with(&format!("sslmode={mode}&sslrootcert={ca}")))
            .await
            .expect(mode);
        let stranger = refusal(&with(&format!("sslmode={mode}&sslrootcert={other_ca}"))).await;
        assert!(stranger.contains("invalid peer certificate"), "{mode}: {stranger}");
    }
    let by_name = url.replace("127.0.0.1", "localhost");
    open(&format!("{by_name}?sslmode=verify-ca&sslrootcert={ca}"))
        .await
        .expect("whose it is does not matter");
    let other_name = refusal(&format!("{by_name}?sslmode=verify-full&sslrootcert={ca}")).await;
    assert!(other_name.contains("not valid for name"), "{other_name}");
    assert!(refusal(&with("sslmode=verify-full")).await.contains("sslrootcert"));

    // A server that knows its clients by their certificates.
    server.write("pg_hba.conf", "hostssl all all 127.0.0.1/32 cert\n");
    server.crash().await;
    server.launch().await;
    let unknown = refusal(&with(&format!("sslmode=verify-full&sslrootcert={ca}"))).await;
    assert!(unknown.contains("certificate"), "{unknown}");
    let (certificate, key) = (ours.path("client.pem"), ours.path("client.key"));
    let known = with(&format!(
        "sslmode=verify-full&sslrootcert={ca}&sslcert={certificate}&sslkey={key}"
    ));
    open(&known)
        .await
        .expect("it is known")
        .ready()
        .await
        .expect("it answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_demands_encryption_is_not_served_plain() {
    let server = OwnPostgres::start().await;
    for mode in ["require", "allow-anything"] {
        let refused = refusal(&format!("{}?sslmode={mode}", server.url())).await;
        assert!(
            refused.contains("the server does not encrypt") || refused.contains("is unknown"),
            "{refused}"
        );
    }
    open(&format!("{}?sslmode=prefer", server.url()))
        .await
        .expect("it may be plain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_whose_wait_for_the_standby_is_cancelled_is_not_acknowledged() {
    let server = Arc::new(OwnPostgres::start().await);
    let desk = Desk::open(server.clone()).await;
    let batch = |reference: &str| json!({"reference": reference, "sku": "LAMP", "quantity": 10});
    assert_eq!(desk.post("/v1/batches", &batch("B1")).await.status, 201);
    server.configure("synchronous_standby_names = 'nobody'");
    server.reload().await;
    let cancelling = {
        let url = server.url();
        tokio::spawn(async move {
            let mut outsider = AsyncPgConnection::establish(&url).await.expect("it answers");
            loop {
                outsider
                    .batch_execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
                    .await
                    .expect("it answers");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    };
    for reference in ["B2", "B3"] {
        let _ = desk
            .post("/v1/batches", &batch(reference))
            .await
            .refuses(503, "unavailable");
    }
    let allocation = json!({"order_id": "O1", "sku": "LAMP", "quantity": 1});
    let _ = desk
        .post("/v1/allocations", &allocation)
        .await
        .refuses(503, "unavailable");
    cancelling.abort();
    server.configure("synchronous_standby_names = ''");
    server.reload().await;
    // What was stored on the primary alone is found by its key.
    assert_eq!(desk.post("/v1/batches", &batch("B2")).await.status, 200);
}
