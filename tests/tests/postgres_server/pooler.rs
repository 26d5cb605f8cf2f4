//! A pooler before the server: PgBouncer.

use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use earmark_application::Health;
use earmark_tests::databases::{Database, OwnPostgres, free_port};
use earmark_tests::service::{Service, earmark, until};
use tempfile::TempDir;

use crate::{open, refusal};

/// Where Debian installs it, which is not on every user's search path.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A pooler before a server. Ends when it is dropped.
struct PgBouncer {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts one that pools in a mode.
    async fn start(server: &OwnPostgres, mode: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let settings = format!(
            "[databases]\npostgres = host=127.0.0.1 port={} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {mode}\n",
            server.port()
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).expect("it is written");
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), readable).expect("its user may read it");
        let mut command = Command::new(PROGRAM);
        command.arg("--quiet").arg(file).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        // It refuses to run as root.
        if user("") == 0 {
            command.uid(user("postgres"));
        }
        let child = command.spawn().expect("it is here: `cargo xtask test` installs it");
        let bouncer = Self {
            child,
            port,
            _folder: folder,
        };
        until("it listens", async || TcpStream::connect(("127.0.0.1", port)).ok()).await;
        bouncer
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The id of a user; of this one without a name.
fn user(name: &str) -> u32 {
    let mut id = Command::new("id");
    id.arg("-u").args((!name.is_empty()).then_some(name));
    let answer = id.output().expect("every system has `id`").stdout;
    let answer = String::from_utf8_lossy(&answer);
    answer.trim().parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_pools_by_the_transaction_or_the_statement_is_refused_each_time() {
    let server = OwnPostgres::start().await;
    drop(open(&server.url()).await.expect("the server itself is used"));
    for mode in ["transaction", "statement"] {
        let bouncer = PgBouncer::start(&server, mode).await;
        // What one program has left in the pooled sessions the next one finds.
        for _ in 0..3 {
            let refused = refusal(&bouncer.url()).await;
            assert!(refused.contains("pooled by the transaction"), "{mode}: {refused}");
            assert!(refused.contains("pool_mode = session"), "{mode}: {refused}");
            let started = earmark(&bouncer.url(), &["serve", "--listen", "127.0.0.1:0"]).await;
            let told = started.ended_with(1).err;
            assert!(told.contains("pooled by the transaction"), "{mode}: {told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_pools_by_the_session_is_used() {
    let server = OwnPostgres::start().await;
    let bouncer = PgBouncer::start(&server, "session").await;
    let store = open(&bouncer.url()).await.expect("it is used");
    store.ready().await.expect("it answers");
    drop(store);
    let service = Service::start(&bouncer.url()).await;
    let client = service.client();
    client.buy("B1", "LAMP", 10).await;
    let _ = client.allocate("O1", "LAMP", 1).await.answers(201);
    assert_eq!(client.product("LAMP").await["available"], 9);
    drop(service);
    drop(earmark(&bouncer.url(), &["verify"]).await.succeeded());
}
