//! What the chores ask of the machine: run a program to its end, find one, install one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::Failure;

/// How often a running program is looked at. Short enough that nobody notices, long enough to cost nothing.
const GLANCE: Duration = Duration::from_millis(50);

/// The Debian package with each program that a chore may need.
const PACKAGES: &[(&str, &str)] = &[
    ("initdb", "postgresql"),
    ("pg_ctl", "postgresql"),
    ("pgbench", "postgresql"),
    ("psql", "postgresql"),
    ("wrk", "wrk"),
    ("chromium", "chromium"),
];

/// Tells the person at the terminal.
pub(crate) fn say(text: &str) {
    // Somebody who closed standard error does not want to hear it; that is no reason to fail.
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
}

/// Ctrl-C, SIGTERM and SIGHUP, from the moment this is made: told to whoever runs a program, instead of ending the
/// chore on the spot, so that what it started is stopped and cleaned away.
pub(crate) struct Interruptions {
    told: mpsc::Receiver<()>,
}

impl Interruptions {
    /// Begins to listen. Once a process.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let (tell, told) = mpsc::channel();
        ctrlc::set_handler(move || {
            // Nobody listens any more: the chore is already cleaning up.
            let _ = tell.send(());
        })?;
        Ok(Self { told })
    }

    /// Runs a program to its end. An interruption ends it, and is a failure.
    pub(crate) fn run(&self, command: &mut Command) -> Result<ExitStatus, Failure> {
        let mut child = command
            .spawn()
            .map_err(|error| format!("can't run {}: {error}", name_of(command)))?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if let Err(interrupted) = self.pause(GLANCE) {
                // A terminal has sent Ctrl-C to the program as well; it may be gone already.
                let _ = child.kill();
                child.wait()?;
                return Err(interrupted);
            }
        }
    }

    /// Waits for so long; an interruption ends it, and is a failure.
    pub(crate) fn pause(&self, long: Duration) -> Result<(), Failure> {
        match self.told.recv_timeout(long) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err("interrupted".into()),
        }
    }

    /// Runs a step of a chore, which has to succeed.
    pub(crate) fn step(&self, command: &mut Command) -> Result<(), Failure> {
        say(&format!("\n$ {}", line_of(command)));
        let status = self.run(command)?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`{}` failed: {status}", line_of(command)).into())
        }
    }
}

/// Runs a quiet program, which has to succeed; what it prints is shown only if it does not.
pub(crate) fn quietly(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("can't run {}: {error}", name_of(command)))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{}` failed: {}\n{printed}{complaint}", line_of(command), output.status).into())
}

/// The Cargo that runs this chore.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The folder that has a program: one of `folders`, or else one of the search path's.
pub(crate) fn folder_of(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let searched = folders.iter().cloned().chain(std::env::split_paths(&path));
    searched.into_iter().find(|folder| folder.join(program).is_file())
}

/// Whether this process may do anything.
pub(crate) fn is_root() -> Result<bool, Failure> {
    Ok(quietly(Command::new("id").arg("-u"))?.trim() == "0")
}

/// Installs the Debian package that has a program, or says which it is.
pub(crate) fn install(program: &str, interruptions: &Interruptions) -> Result<(), Failure> {
    let package = PACKAGES
        .iter()
        .find(|(name, _)| *name == program)
        .map(|(_, package)| *package);
    let package = package.ok_or_else(|| format!("{program} is missing, and no package is known for it"))?;
    let by_hand =
        format!("{program} is missing: install the package {package} (Debian, Ubuntu: `apt-get install {package}`)");
    if !Path::new("/usr/bin/apt-get").exists() || !is_root()? {
        return Err(by_hand.into());
    }
    let _quiet = NoSystemCluster::arrange()?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null());
        command
    };
    interruptions.step(&mut apt(&["update"]))?;
    interruptions.step(&mut apt(&["install", "--yes", "--no-install-recommends", package]))
}

/// As long as it lives, installing PostgreSQL sets up no server of the system's own: only programs are wanted.
struct NoSystemCluster {
    file: Option<PathBuf>,
}

impl NoSystemCluster {
    fn arrange() -> Result<Self, Failure> {
        let folder = Path::new("/etc/postgresql-common/createcluster.d");
        let file = folder.join("no-main-cluster-for-tests.conf");
        if file.exists() {
            return Ok(Self { file: None });
        }
        std::fs::create_dir_all(folder)?;
        std::fs::write(&file, "create_main_cluster = false\n")?;
        Ok(Self { file: Some(file) })
    }
}

impl Drop for NoSystemCluster {
    fn drop(&mut self) {
        if let Some(file) = &self.file
            && let Err(error) = std::fs::remove_file(file)
        {
            say(&format!("could not remove {}: {error}", file.display()));
        }
    }
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// A command as one would type it.
fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
