//! Running other programs, and stopping them when the user interrupts.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::failure::Failure;

/// How often a running program is polled.
const POLL: Duration = Duration::from_millis(50);

/// Prints to standard error.
pub fn say(text: &str) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
}

/// Ctrl-C, SIGTERM and SIGHUP. They do not end the process: they make the next wait fail, so that destructors stop and
/// remove what the command has started.
#[derive(Debug, Clone, Default)]
pub struct Interruptions {
    state: Arc<(Mutex<bool>, Condvar)>,
}

impl Interruptions {
    /// Installs the signal handler.
    ///
    /// # Errors
    /// The process has one already, or the system refuses it.
    pub fn listen() -> Result<Self, Failure> {
        let interruptions = Self::default();
        let handler = interruptions.clone();
        ctrlc::set_handler(move || handler.interrupt())?;
        Ok(interruptions)
    }

    /// Interrupts all present and later waits.
    pub fn interrupt(&self) {
        let (interrupted, changed) = &*self.state;
        *interrupted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Sleeps.
    ///
    /// # Errors
    /// The user has interrupted the command.
    pub fn pause(&self, duration: Duration) -> Result<(), Failure> {
        let (interrupted, changed) = &*self.state;
        let interrupted = interrupted.lock().unwrap_or_else(PoisonError::into_inner);
        let (interrupted, _) = changed
            .wait_timeout_while(interrupted, duration, |interrupted| !*interrupted)
            .unwrap_or_else(PoisonError::into_inner);
        if *interrupted {
            Err("interrupted".into())
        } else {
            Ok(())
        }
    }

    /// Runs a program to its end. An interruption kills it.
    ///
    /// # Errors
    /// The program can't be started, or the user has interrupted the command.
    pub fn run(&self, command: &mut Command) -> Result<ExitStatus, Failure> {
        let mut child = command
            .spawn()
            .map_err(|error| format!("can't run {}: {error}", name_of(command)))?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if let Err(interrupted) = self.pause(POLL) {
                // A terminal sends Ctrl-C to the program as well: it may have ended already.
                let _ = child.kill();
                child.wait()?;
                return Err(interrupted);
            }
        }
    }

    /// Prints a command line and runs it.
    ///
    /// # Errors
    /// As [`run`](Self::run); or the program exits with a failure.
    pub fn step(&self, command: &mut Command) -> Result<(), Failure> {
        say(&format!("\n$ {}", line_of(command)));
        let status = self.run(command)?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`{}` failed: {status}", line_of(command)).into())
        }
    }
}

/// Runs a program and returns its standard output; what it prints is shown only when it fails.
///
/// # Errors
/// It can't be started, or exits with a failure.
pub fn quietly(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("can't run {}: {error}", name_of(command)))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{}` failed: {}\n{printed}{errors}", line_of(command), output.status).into())
}

/// What Cargo says of this package to this program. Build scripts would take it for what is said to them, and run again.
const OF_THIS_PACKAGE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// The Cargo that runs this command.
#[must_use]
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if OF_THIS_PACKAGE
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The folder that contains a program: one of `folders`, else one of the search path.
#[must_use]
pub fn folder_of(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let searched = folders.iter().cloned().chain(std::env::split_paths(&path));
    searched.into_iter().find(|folder| folder.join(program).is_file())
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// A command as a user would type it.
fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
