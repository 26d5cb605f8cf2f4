//! A PostgreSQL server for one case, which may set it up, crash it, and start it again.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use earmark_adapters::clock::SystemClock;
use earmark_adapters::postgres::PostgresStore;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::{Adapter, Database, Overlap};
use crate::service::in_time;

/// PostgreSQL refuses to run as root. It then runs as the user that its package creates.
const USER: &str = "postgres";

/// How long the server may take to start or stop, in seconds.
const PATIENCE: &str = "50";

/// How many connections an instance has.
const CONNECTIONS: usize = 4;

/// A server in a temporary folder, on a loopback port. Any process on this machine may connect: it contains test data
/// only.
pub struct OwnPostgres {
    folder: TempDir,
    port: u16,
}

/// The folder with PostgreSQL's programs. Debian has a folder for each version, which is not on the search path.
fn programs() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = folders.map(|folder| folder.path().join("bin")).collect();
    found.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let here = |bin: &PathBuf| bin.join("initdb").is_file() && bin.join("pg_ctl").is_file();
    found
        .into_iter()
        .find(here)
        .expect("PostgreSQL's programs are here: `cargo xtask test` installs them")
}

/// Whether the tests run as root, as in containers.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("every system has `id`");
    id.stdout == b"0\n"
}

impl OwnPostgres {
    /// Creates an empty server, and starts it.
    ///
    /// # Panics
    /// When PostgreSQL's programs are not here, or fail.
    pub async fn start() -> Self {
        let server = Self::create().await;
        server.launch().await;
        server
    }

    /// Creates an empty server, which does not run yet.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn create() -> Self {
        let server = Self::without_data();
        let options = [
            "--username",
            USER,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--no-sync",
        ];
        server.run("initdb", &options).await;
        server
    }

    /// A place for the data of a server.
    fn without_data() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if is_root() {
            let given = Command::new("chown")
                .arg(format!("{USER}:"))
                .arg(folder.path())
                .status();
            assert!(
                given.is_ok_and(|status| status.success()),
                "the folder is given to {USER}"
            );
        }
        Self {
            folder,
            port: free_port(),
        }
    }

    /// Starts another server, which follows this one as a standby.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn standby(&self) -> Self {
        let standby = Self::without_data();
        let port = self.port.to_string();
        let options = [
            "--write-recovery-conf",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
            "--host=127.0.0.1",
            "--username",
            USER,
            "--port",
            &port,
        ];
        standby.run("pg_basebackup", &options).await;
        standby.launch().await;
        standby
    }

    /// Makes a standby the primary.
    ///
    /// # Panics
    /// When it is none.
    pub async fn promote(&self) {
        self.run("pg_ctl", &["promote", "--wait", "--timeout", PATIENCE]).await;
    }

    /// Starts it as a standby of another, after it was stopped.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn launch_behind(&self, primary: &Self) {
        self.write("standby.signal", "");
        // The file that takes precedence, which a standby has from its beginning.
        let primary = format!(
            "primary_conninfo = 'host=127.0.0.1 port={} user={USER}'\n",
            primary.port
        );
        self.write("postgresql.auto.conf", &primary);
        self.launch().await;
    }

    /// Stops it in good order: what it has stored reaches its standby.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn stop(&self) {
        self.run("pg_ctl", &["stop", "--mode", "fast", "--wait", "--timeout", PATIENCE])
            .await;
    }

    /// The folder of its data, in which its own user reads its files.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The port that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Writes a file into the folder of its data, which its own user alone can read.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn write(&self, name: &str, content: &str) {
        let path = self.data().join(name);
        std::fs::write(&path, content).expect("the file is written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, private).expect("the file is made private");
        if is_root() {
            let given = Command::new("chown").arg(format!("{USER}:")).arg(&path).status();
            assert!(
                given.is_ok_and(|status| status.success()),
                "the file is given to {USER}"
            );
        }
    }

    /// Adds lines to its configuration.
    ///
    /// # Panics
    /// When they can't be written.
    pub fn configure(&self, lines: &str) {
        let path = self.data().join("postgresql.conf");
        let known = std::fs::read_to_string(&path).expect("there is a configuration");
        self.write("postgresql.conf", &format!("{known}\n{lines}\n"));
    }

    /// Has it listen where it does now, whoever starts it: a program that knows nothing of this test, too.
    ///
    /// # Panics
    /// As [`configure`](Self::configure).
    pub fn keep_address(&self) {
        let (port, folder) = (self.port, self.folder.path().display());
        self.configure(&format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{folder}'"
        ));
    }

    /// A shell of the user that runs it, which finds its programs, its data and its port. Its script comes as the next
    /// argument.
    ///
    /// # Panics
    /// When PostgreSQL's programs are not here.
    #[must_use]
    pub fn shell(&self) -> Command {
        let mut shell = if is_root() {
            let mut shell = Command::new("runuser");
            shell.args(["-u", USER, "--", "bash"]);
            shell
        } else {
            Command::new("bash")
        };
        let mut path = programs().into_os_string();
        if let Some(others) = std::env::var_os("PATH") {
            path.push(":");
            path.push(others);
        }
        shell.current_dir(self.folder.path()).arg("-c");
        shell.env("PATH", path).env("HOME", self.folder.path());
        shell.env("PGDATA", self.data()).env("PGPORT", self.port.to_string());
        shell.env("PGUSER", USER);
        shell
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn launch(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=on",
            self.port,
            self.folder.path().display()
        );
        let log = self.folder.path().join("server.log");
        self.run(
            "pg_ctl",
            &[
                "start",
                "--log",
                &log.to_string_lossy(),
                "--wait",
                "--timeout",
                PATIENCE,
                "--options",
                &options,
            ],
        )
        .await;
    }

    /// Has it read its configuration again.
    ///
    /// # Panics
    /// When it does not run.
    pub async fn reload(&self) {
        self.run("pg_ctl", &["reload"]).await;
    }

    /// Stops it at once: nothing is flushed, and it has to recover when it is started.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn crash(&self) {
        self.run(
            "pg_ctl",
            &["stop", "--mode", "immediate", "--wait", "--timeout", PATIENCE],
        )
        .await;
    }

    /// Its processes, itself and all that it has started.
    ///
    /// # Panics
    /// When it does not run, or the system is not Linux.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let mut all = vec![self.pid()];
        all.extend(self.children().map(|(pid, _)| pid));
        all
    }

    /// Those of its processes that each serve one connection.
    ///
    /// # Panics
    /// When it does not run, or the system is not Linux.
    #[must_use]
    pub fn backends(&self) -> Vec<u32> {
        // Each shows whom it serves, and from where.
        let serves = |(pid, title): (u32, String)| title.contains(" 127.0.0.1(").then_some(pid);
        self.children().filter_map(serves).collect()
    }

    fn pid(&self) -> u32 {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).expect("the server runs");
        let first = file.lines().next().and_then(|line| line.parse().ok());
        first.expect("the file begins with the id of the process")
    }

    /// The processes that it has started, with their titles.
    fn children(&self) -> impl Iterator<Item = (u32, String)> + use<> {
        let parent = self.pid();
        let folders = std::fs::read_dir("/proc").expect("the system is Linux").flatten();
        let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok());
        pids.filter_map(move |pid: u32| {
            // A process may end meanwhile.
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // After the name, which may contain anything: the state, and the parent.
            let (_, rest) = stat.rsplit_once(')')?;
            let of: u32 = rest.split_whitespace().nth(1)?.parse().ok()?;
            let title = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
            (of == parent).then_some((pid, title))
        })
    }

    async fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = command(program, self.folder.path());
        command.args(arguments);
        let name = program.to_owned();
        let run = spawn_blocking(move || {
            let status = command.status().expect("PostgreSQL's programs run");
            assert!(status.success(), "{name} ended with {status}");
        });
        in_time(program, run).await.expect("it worked");
    }
}

/// A port that no process listens on now.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// One of PostgreSQL's programs, on the data in a folder, as a user that may run it.
fn command(program: &str, folder: &Path) -> Command {
    let program = programs().join(program);
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", USER, "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder).arg("--pgdata").arg(folder.join("data"));
    // The server would inherit the pipes, and their reader would wait until it ends.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[async_trait]
impl Database for OwnPostgres {
    async fn fresh() -> Self {
        Self::start().await
    }

    async fn open(&self) -> Adapter {
        let store = PostgresStore::open(&self.url(), CONNECTIONS, true, Arc::new(SystemClock::new())).await;
        Adapter::of(store.expect("the database opens"))
    }

    fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    fn overlap(&self) -> Overlap {
        Overlap::OnOtherProducts
    }

    async fn discard(&self) {
        self.crash().await;
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        let mut stop = command("pg_ctl", self.folder.path());
        stop.args(["stop", "--mode", "immediate", "--wait", "--timeout", PATIENCE]);
        // Fails when it does not run.
        drop(stop.status());
    }
}
