//! `earmark openapi`: prints the OpenAPI document.

use std::process::ExitCode;

use earmark_adapters::http;

use crate::failure::Failure;
use crate::output::print;

/// Prints the OpenAPI document of the service.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    print(http::openapi())?;
    Ok(ExitCode::SUCCESS)
}
