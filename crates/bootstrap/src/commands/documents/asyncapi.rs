//! `earmark asyncapi`: prints the AsyncAPI document.

use std::process::ExitCode;

use crate::asyncapi;
use crate::failure::Failure;
use crate::output::print;

/// Prints the AsyncAPI document of the service.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    print(asyncapi::document().trim_end())?;
    Ok(ExitCode::SUCCESS)
}
