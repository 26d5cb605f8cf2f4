//! `earmark completions`: completions of the command line for a shell.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Command;
use clap_complete::{Shell, generate};

use crate::failure::Failure;

/// Writes the completions of a command for a shell to standard output.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn run(mut command: Command, shell: Shell) -> Result<ExitCode, Failure> {
    let name = command.get_name().to_owned();
    // It can't cope with a closed pipe; a vector never is one.
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
