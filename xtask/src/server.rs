//! A throwaway PostgreSQL: in a temporary folder, on a free port of the loopback, gone when it is dropped.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::Failure;
use crate::system::{self, Interruptions, folder_of, is_root, quietly};

/// PostgreSQL refuses to run as root: there it runs as the user that its package makes.
const USER: &str = "postgres";

/// How long the server may take to answer, in seconds. It takes one; a machine that is busy compiling may take ten.
const PATIENCE: &str = "60";

/// How often another port is tried when somebody else was quicker to take the free one.
const ATTEMPTS: u32 = 3;

/// A running server.
pub(crate) struct Server {
    programs: PathBuf,
    as_root: bool,
    port: u16,
    // Dropped last, after `drop` has stopped the server that writes into it.
    folder: TempDir,
}

impl Server {
    /// Starts a server, installing its programs first if they are missing. It answers when this returns.
    ///
    /// Everybody on this machine may connect to it as its superuser, over the loopback and nothing else: it holds
    /// nothing but what tests put there. It writes as durably as a real one does (`fsync` stays on), because crashes
    /// are among the things that are tested.
    pub(crate) fn start(interruptions: &Interruptions) -> Result<Self, Failure> {
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
        let mut failure = Failure::from("no attempt was made");
        for _ in 0..ATTEMPTS {
            server.port = free_port()?;
            match server.launch() {
                Ok(()) => return Ok(server),
                Err(error) => failure = error,
            }
        }
        let log = fs::read_to_string(server.log()).unwrap_or_default();
        Err(format!("PostgreSQL does not start: {failure}\n{log}").into())
    }

    /// The URL of its maintenance database.
    pub(crate) fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The URL of a database.
    pub(crate) fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// One of PostgreSQL's client programs, told where the server is. Unlike the server it runs as whoever runs this.
    pub(crate) fn client(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", USER);
        command
    }

    /// The id of its main process, of which all others are children.
    pub(crate) fn pid(&self) -> Result<u32, Failure> {
        let told = fs::read_to_string(self.data().join("postmaster.pid"))?;
        Ok(told.lines().next().unwrap_or_default().trim().parse()?)
    }

    /// Starts the server and waits until it answers.
    fn launch(&self) -> Result<(), Failure> {
        // Several test programs connect at once, each with pools of its own.
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
        command.args(["--wait", "--timeout", PATIENCE, "--options", &options]);
        // The server would inherit what it prints to, and keep whoever reads that waiting for its end.
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

    /// One of PostgreSQL's programs, as the user who may run it.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if self.as_root {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // The folder this was started in may be closed to that user.
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
        // What it holds is thrown away: there is nothing to shut down in good order.
        let mut command = self.program("pg_ctl");
        command.arg("stop").arg("--pgdata").arg(self.data());
        command.args(["--mode", "immediate", "--wait", "--timeout", PATIENCE]);
        if let Err(error) = quietly(&mut command) {
            system::say(&format!("could not stop the throwaway PostgreSQL: {error}"));
        }
    }
}

/// The folder with the server's programs. Debian keeps them off the search path, in a folder for each version.
fn programs(interruptions: &Interruptions) -> Result<PathBuf, Failure> {
    for program in ["initdb", "pg_ctl"] {
        if folder_of(program, &versions()).is_none() {
            system::install(program, interruptions)?;
        }
    }
    folder_of("initdb", &versions()).ok_or_else(|| "initdb is missing after its package was installed".into())
}

/// Debian's folders of programs, the newest version first.
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

/// A port that nobody listens on now.
fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
