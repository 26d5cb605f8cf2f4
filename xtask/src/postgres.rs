//! A throwaway PostgreSQL server: in a temporary folder, on a free port of 127.0.0.1, removed when it is dropped.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::failure::Failure;
use crate::install::{install, is_root};
use crate::process::{Interruptions, folder_of, quietly, say};

/// PostgreSQL refuses to run as root. For root, it runs as the user that its package creates.
const USER: &str = "postgres";

/// How long the server may take to start or stop, in seconds. It takes one; on a machine that is busy compiling, ten.
const TIMEOUT: &str = "60";

/// How many ports are tried: another process may take a free port first.
const ATTEMPTS: u32 = 3;

/// A running server.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    as_root: bool,
    port: u16,
    // Removed after `drop` has stopped the server that writes into it.
    folder: TempDir,
}

impl Server {
    /// Starts a server and waits until it accepts connections. Installs its programs if they are missing.
    ///
    /// Every user of this machine may connect as its superuser, over 127.0.0.1 only: it contains nothing but test data.
    /// `fsync` stays on: the tests include crashes, and the bench measures durable commits.
    ///
    /// # Errors
    /// The programs are missing and can't be installed, or the server does not start.
    pub fn start(interruptions: &Interruptions) -> Result<Self, Failure> {
        let programs = programs(interruptions)?;
        let as_root = is_root()?;
        let folder = tempfile::Builder::new().prefix("earmark-postgres-").tempdir()?;
        if as_root {
            quietly(Command::new("chown").arg(format!("{USER}:")).arg(folder.path()))
                .map_err(|error| format!("PostgreSQL does not run as root, and needs the user {USER}: {error}"))?;
        }
        let mut server = Self {
            programs,
            as_root,
            port: 0,
            folder,
        };
        quietly(server.program("initdb").arg("--pgdata").arg(server.data()).args([
            "--username",
            USER,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--no-sync",
        ]))?;
        let mut failure = Failure::from("no port was tried");
        for _ in 0..ATTEMPTS {
            server.port = free_port()?;
            match server.launch() {
                Ok(()) => return Ok(server),
                Err(error) => failure = error,
            }
        }
        let log = fs::read_to_string(server.log()).unwrap_or_default();
        Err(format!("PostgreSQL did not start: {failure}\n{log}").into())
    }

    /// The URL of its maintenance database.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The URL of a database.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// One of PostgreSQL's client programs, connected to this server. Unlike the server, it runs as the current user.
    #[must_use]
    pub fn client(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", USER);
        command
    }

    /// The id of its main process, the parent of all others.
    ///
    /// # Errors
    /// The server has not written its pid file.
    pub fn pid(&self) -> Result<u32, Failure> {
        let file = fs::read_to_string(self.data().join("postmaster.pid"))?;
        Ok(file.lines().next().unwrap_or_default().trim().parse()?)
    }

    /// Starts the server and waits until it accepts connections.
    fn launch(&self) -> Result<(), Failure> {
        // Several test programs connect at once, each with its own pools.
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c max_connections=300 -c fsync=on",
            self.port,
            self.folder.path().display(),
        );
        let mut command = self.program("pg_ctl");
        command
            .arg("start")
            .arg("--pgdata")
            .arg(self.data())
            .arg("--log")
            .arg(self.log());
        command.args(["--wait", "--timeout", TIMEOUT, "--options", &options]);
        // The server would inherit these streams, and a reader of them would wait until the server ends.
        let status = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("pg_ctl ended with {status}").into())
        }
    }

    /// One of PostgreSQL's server programs, run as a user that it accepts.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if self.as_root {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // That user may have no access to the current folder.
        command.current_dir(self.folder.path());
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.data().join("postmaster.pid").exists() {
            return;
        }
        // Its data is deleted next: it needs no orderly shutdown.
        let mut command = self.program("pg_ctl");
        command.arg("stop").arg("--pgdata").arg(self.data());
        command.args(["--mode", "immediate", "--wait", "--timeout", TIMEOUT]);
        if let Err(error) = quietly(&mut command) {
            say(&format!("could not stop the throwaway PostgreSQL server: {error}"));
        }
    }
}

/// The folder with the server's programs. Debian keeps them in one folder per version, not on the search path.
fn programs(interruptions: &Interruptions) -> Result<PathBuf, Failure> {
    for program in ["initdb", "pg_ctl"] {
        if folder_of(program, &versions()).is_none() {
            install(program, interruptions)?;
        }
    }
    folder_of("initdb", &versions()).ok_or_else(|| "initdb is missing after its package was installed".into())
}

/// Debian's folders of server programs, the newest version first.
fn versions() -> Vec<PathBuf> {
    let folders = fs::read_dir(Path::new("/usr/lib/postgresql"))
        .into_iter()
        .flatten()
        .flatten();
    let mut versions: Vec<(u32, PathBuf)> = folders
        .filter_map(|folder| {
            let version = folder.file_name().to_str()?.parse().ok()?;
            Some((version, folder.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, bin)| bin).collect()
}

/// A port that no process listens on now.
fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
